"""What holds after every step, whatever happened: the properties PT-1, PT-3, PT-5 and PT-6 read from the
tables."""

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, func, select

from sip2d.store import tables
from tests.support.library import seconds

loan, event, item, patron = tables.loan, tables.loan_event, tables.item, tables.patron


def open_loans(core: Connection) -> dict[str, tuple[str, int]]:
    """Item barcode -> patron barcode and due date of every open loan; PT-1: at most one an item."""
    rows = core.execute(
        select(item.c.barcode, patron.c.barcode, loan.c.due_at)
        .join(item, item.c.id == loan.c.item_id)
        .join(patron, patron.c.id == loan.c.patron_id)
        .where(loan.c.closed_at.is_(None))
    ).all()
    found = {row[0]: (row[1], row[2]) for row in rows}
    assert len(found) == len(rows), "PT-1: an item is on loan twice"
    return found


def ledger_is_sound(core: Connection) -> None:
    """PT-3: transactions sum to nothing, balances are what the postings say, no fee below nothing."""
    posting, balance = tables.ledger_posting, tables.fee_balance
    total = func.sum(posting.c.amount_minor)
    unbalanced = core.execute(select(posting.c.txn_id).group_by(posting.c.txn_id).having(total != 0)).all()
    assert not unbalanced, f"PT-3: transactions {unbalanced} do not sum to 0"
    charged = select(posting.c.fee_id, total).where(posting.c.account == "AR").group_by(posting.c.fee_id)
    owed = pairs(core, charged)
    kept = pairs(core, select(balance.c.fee_id, balance.c.outstanding_minor))
    assert {fee: int(amount) for fee, amount in owed.items() if amount} == {
        fee: amount for fee, amount in kept.items() if amount
    }, "PT-3: a balance is not what its postings say"
    assert all(amount >= 0 for amount in owed.values()), "PT-3: a fee is owed less than nothing"


class Whereabouts:
    """PT-5: LOAN (RENEW)* RETURN of one loan after the other; a loss may end one, a CANCEL undoes the event
    it names. ``out`` is the loan of each item that is out, as the events tell it.
    """

    def __init__(self) -> None:
        self.out: dict[int, int | None] = defaultdict(lambda: None)
        self._kinds: dict[int, str] = {}

    def take(self, event_id: int, item_id: int, kind: str, loan_id: int | None, detail: str) -> None:
        """The next event."""
        self._kinds[event_id] = kind
        held = self.out[item_id]
        if kind == "LOAN":
            assert held is None, f"PT-5: event {event_id} lends what is out"
            self.out[item_id] = loan_id
        elif kind in ("RENEW", "RETURN"):
            assert held == loan_id, f"PT-5: event {event_id} {kind} of a loan that is not open"
            self.out[item_id] = loan_id if kind == "RENEW" else None
        elif kind == "LOST":
            said = json.loads(detail)
            if not said.get("again"):  # the loss of a return that is being undone: its CANCEL follows
                assert held == loan_id, f"PT-5: event {event_id} loses another loan's item"
            if said.get("removed"):
                self.out[item_id] = None
        elif kind == "FOUND":
            assert held in (None, loan_id), f"PT-5: event {event_id} finds another loan's item"
        elif kind == "CANCEL":
            undone = self._kinds[json.loads(detail)["cancels"]]
            assert (held is None) == (undone == "RETURN"), f"PT-5: event {event_id} undoes {undone}"
            self.out[item_id] = None if undone == "LOAN" else loan_id
        elif kind == "RECALL":
            assert held == loan_id, f"PT-5: event {event_id} recalls a loan that is not open"
        else:
            assert kind == "ROUTE"
            assert held is None, f"PT-5: event {event_id} routes what is out"

    def agree(self, core: Connection) -> None:
        """What the events say is what the open loans are."""
        still = pairs(core, select(loan.c.item_id, loan.c.id).where(loan.c.closed_at.is_(None)))
        assert {key: value for key, value in self.out.items() if value is not None} == still


def events_are_sensible(core: Connection) -> None:
    """PT-5, from the first event on."""
    found = Whereabouts()
    rows = select(event.c.id, event.c.item_id, event.c.kind, event.c.loan_id, event.c.detail)
    for row in core.execute(rows.order_by(event.c.id)):
        found.take(*row)
    found.agree(core)


def history(core: Connection) -> list[tuple[Any, ...]]:
    """The rows that never change once they are written (PT-4): postings and events."""
    posting = tables.ledger_posting
    return [tuple(row) for row in core.execute(select(event).order_by(event.c.id))] + [
        tuple(row) for row in core.execute(select(posting).order_by(posting.c.txn_id, posting.c.line_no))
    ]


def counts(core: Connection, barcode: str, now: Any) -> tuple[int, int, int, int]:
    """Holds ready, loans overdue, loans, holds pending of a patron, counted one by one (PT-6)."""
    hold = tables.hold
    patron_id = select(patron.c.id).where(patron.c.barcode == barcode).scalar_subquery()
    due = core.scalars(
        select(loan.c.due_at).where(loan.c.patron_id == patron_id, loan.c.closed_at.is_(None))
    ).all()
    states = core.scalars(select(hold.c.status).where(hold.c.patron_id == patron_id)).all()
    return (
        sum(one == "ON_SHELF" for one in states),
        sum(one < seconds(now) for one in due),
        len(due),
        sum(one in ("PENDING", "IN_TRANSIT") for one in states),
    )


def renewals(core: Connection) -> dict[str, int]:
    """How often each open loan was renewed, by item barcode."""
    wanted = select(item.c.barcode, loan.c.renewal_count).join(item, item.c.id == loan.c.item_id)
    return pairs(core, wanted.where(loan.c.closed_at.is_(None)))


def pairs(core: Connection, wanted: Select[Any]) -> dict[Any, int]:
    """Two columns as a dictionary."""
    return {row[0]: int(row[1]) for row in core.execute(wanted)}
