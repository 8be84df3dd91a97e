"""Loans and the events of items. A loan's row changes; what happened to it stands in ``loan_event`` for ever.

Every change is conditional on the loan still being open, so that whoever loses a race sees False and nothing
changed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, func, insert, join, null, or_, select, update

from sip2d.store.statement import Statement, hot
from sip2d.store.tables import item, loan, loan_event, title
from sip2d.store.times import instant, maybe_instant, maybe_seconds, seconds
from sip2d.store.unit import Row, Unit

TRANSACTIONS = ("LOAN", "RENEW", "RETURN", "LOST", "FOUND", "CANCEL")
"""The kinds of event that happened to the item at the desk; routing and recalling do not make a stored one
late.
"""

_OPEN = hot(
    insert(loan),
    "item_id",
    "patron_id",
    "branch_id",
    "policy_branch_id",
    "loaned_at",
    "due_at",
    "rule_snapshot",
    "interface",
)
_IS_THIS = (loan.c.id == bindparam("loan_id")) & (loan.c.status == "OPEN")
_RENEW = hot(
    update(loan).values(due_at=bindparam("new_due"), renewal_count=loan.c.renewal_count + 1).where(_IS_THIS),
    "loan_id",
    "new_due",
)
_UNRENEW = hot(
    update(loan)
    .values(due_at=bindparam("old_due"), renewal_count=loan.c.renewal_count - 1)
    .where(_IS_THIS, loan.c.renewal_count > 0),
    "loan_id",
    "old_due",
)
_CLOSE = hot(
    update(loan)
    .values(status="CLOSED", closed_at=bindparam("at"), closed_reason=bindparam("reason"))
    .where(_IS_THIS),
    "loan_id",
    "at",
    "reason",
)
_REOPEN = hot(
    update(loan)
    .values(status="OPEN", closed_at=null(), closed_reason=null())
    .where(loan.c.id == bindparam("loan_id"), loan.c.status == "CLOSED"),
    "loan_id",
)
_EVENT = hot(
    insert(loan_event),
    "loan_id",
    "item_id",
    "patron_id",
    "kind",
    "event_at",
    "recorded_at",
    "branch_id",
    "interface",
    "terminal_id",
    "old_due_at",
    "new_due_at",
    "bypassed",
    "detail",
)
_LAST_EVENT = hot(
    select(func.max(loan_event.c.id)).where(loan_event.c.item_id == bindparam("item_id")), "item_id"
)


def _last(*where: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return (
        select(
            loan_event.c.id,
            loan_event.c.loan_id,
            loan_event.c.patron_id,
            loan_event.c.kind,
            loan_event.c.event_at,
            loan_event.c.recorded_at,
            loan_event.c.branch_id,
            loan_event.c.old_due_at,
            loan_event.c.new_due_at,
            loan_event.c.detail,
            loan_event.c.interface,
        )
        .where(loan_event.c.item_id == bindparam("item_id"), *where)
        .order_by(loan_event.c.id.desc())
        .limit(1)
    )


_LAST_OF_ALL = hot(_last(), "item_id")
_LAST_TRANSACTION = hot(_last(or_(*(loan_event.c.kind == kind for kind in TRANSACTIONS))), "item_id")
_HAPPENED = hot(
    select(loan_event.c.id)
    .where(
        loan_event.c.item_id == bindparam("item_id"),
        loan_event.c.patron_id == bindparam("patron_id"),
        loan_event.c.kind == bindparam("kind"),
        loan_event.c.event_at == bindparam("event_at"),
    )
    .limit(1),
    "item_id",
    "patron_id",
    "kind",
    "event_at",
)
_RETURNED = hot(
    select(loan_event.c.id)
    .where(
        loan_event.c.item_id == bindparam("item_id"),
        loan_event.c.kind == "RETURN",
        loan_event.c.event_at == bindparam("event_at"),
    )
    .limit(1),
    "item_id",
    "event_at",
)


class Event(msgspec.Struct, frozen=True):
    """What happened last to an item. ``detail`` is the JSON its writer left for undoing it (HO-11)."""

    id: int
    loan_id: int | None
    patron_id: int | None
    kind: str
    event_at: datetime
    recorded_at: datetime
    branch_id: int
    old_due_at: datetime | None
    new_due_at: datetime | None
    detail: str
    interface: str


class LoanRow(msgspec.Struct, frozen=True):
    """One line of a patron's list of loans."""

    loan_id: int
    item_id: int
    barcode: str
    title: str
    title_number: str
    due_at: datetime
    loaned_at: datetime
    renewal_count: int
    recalled_at: datetime | None


def open_loan(
    unit: Unit,
    *,
    item_id: int,
    patron_id: int,
    branch_id: int,
    policy_branch_id: int,
    loaned_at: datetime,
    due_at: datetime,
    interface: str,
    rule_snapshot: str = "{}",
) -> int:
    """Lend: a new open loan; its id. The index on open loans refuses a second one (PT-1)."""
    return unit.insert(
        _OPEN,
        item_id,
        patron_id,
        branch_id,
        policy_branch_id,
        seconds(loaned_at),
        seconds(due_at),
        rule_snapshot,
        interface,
    )


def renew(unit: Unit, loan_id: int, due_at: datetime) -> bool:
    """A new due date, one renewal more; False when the loan is no longer open."""
    return unit.run(_RENEW, loan_id, seconds(due_at)) == 1


def unrenew(unit: Unit, loan_id: int, due_at: datetime) -> bool:
    """Take a renewal back: its old due date, one renewal less."""
    return unit.run(_UNRENEW, loan_id, seconds(due_at)) == 1


def close(unit: Unit, loan_id: int, at: datetime, reason: str) -> bool:
    """End a loan (RETURN, IMPLICIT, CANCEL ...); False when it was closed before."""
    return unit.run(_CLOSE, loan_id, seconds(at), reason) == 1


def reopen(unit: Unit, loan_id: int) -> bool:
    """Take the end of a loan back; its due date is what it was."""
    return unit.run(_REOPEN, loan_id) == 1


def record_event(
    unit: Unit,
    *,
    kind: str,
    item_id: int,
    loan_id: int | None,
    patron_id: int | None,
    event_at: datetime,
    recorded_at: datetime,
    branch_id: int,
    interface: str,
    terminal_id: int | None,
    old_due_at: datetime | None = None,
    new_due_at: datetime | None = None,
    bypassed: Sequence[str] = (),
    detail: str = "{}",
) -> int:
    """Write what happened to an item; the event's id, which is the item's new mark (SP-21)."""
    return unit.insert(
        _EVENT,
        loan_id,
        item_id,
        patron_id,
        kind,
        seconds(event_at),
        seconds(recorded_at),
        branch_id,
        interface,
        terminal_id,
        maybe_seconds(old_due_at),
        maybe_seconds(new_due_at),
        msgspec.json.encode(bypassed).decode() if bypassed else "[]",
        detail,
    )


def mark(unit: Unit, item_id: int) -> int:
    """The id of the item's last event of any kind; 0 when nothing ever happened to it."""
    return int(unit.value(_LAST_EVENT, item_id) or 0)


def last_event(unit: Unit, item_id: int) -> Event | None:
    """The last event of an item, of any kind: the one that may be undone (SP-23)."""
    return _event(unit.one(_LAST_OF_ALL, item_id))


def last_transaction(unit: Unit, item_id: int) -> Event | None:
    """The last event of an item that happened at a desk (see `TRANSACTIONS`)."""
    return _event(unit.one(_LAST_TRANSACTION, item_id))


def happened(unit: Unit, item_id: int, patron_id: int, kind: str, event_at: datetime) -> bool:
    """Whether this very event is recorded: the same patron, item, kind and second (PT-9)."""
    return unit.one(_HAPPENED, item_id, patron_id, kind, seconds(event_at)) is not None


def returned(unit: Unit, item_id: int, event_at: datetime) -> bool:
    """Whether a return of this item in this second is recorded, whoever had it (PT-9)."""
    return unit.one(_RETURNED, item_id, seconds(event_at)) is not None


def _event(row: Row | None) -> Event | None:
    if row is None:
        return None
    times = (instant(row[4]), instant(row[5]), row[6], maybe_instant(row[7]), maybe_instant(row[8]))
    values: Row = (*row[:4], *times, *row[9:])
    return Event(*values)


CHARGED: Final = "charged"
FIRST_DUE: Final = (loan.c.due_at, loan.c.recalled_at, loan.c.id)
"""The order of a list, total, and that of ``ix_loan_open_patron``: nothing is sorted, 2 us less."""
_WHICH: Final = {
    CHARGED: (),
    "overdue": (loan.c.due_at < bindparam("now"),),
    "recalled": (loan.c.recalled_at.is_not(None),),
}


def _lists(columns: Select[Any]) -> dict[str, Statement]:
    """Open loans of a patron."""
    return {
        which: hot(
            columns.where(loan.c.patron_id == bindparam("patron_id"), loan.c.status == "OPEN", *where)
            .order_by(*FIRST_DUE),
            *(("patron_id", "now") if which == "overdue" else ("patron_id",)),
        )
        for which, where in _WHICH.items()
    }  # fmt: skip


WITH_ITEM = join(loan, item, item.c.id == loan.c.item_id)
WITH_TITLE = join(WITH_ITEM, title, title.c.id == item.c.title_id)
_ROWS = _lists(
    select(
        loan.c.id,
        item.c.id,
        item.c.barcode,
        title.c.title,
        title.c.number,
        loan.c.due_at,
        loan.c.loaned_at,
        loan.c.renewal_count,
        loan.c.recalled_at,
    ).select_from(WITH_TITLE)
)
_BARCODES = _lists(select(item.c.barcode).select_from(WITH_ITEM))
_TITLES = _lists(select(title.c.title).select_from(WITH_TITLE))


def of_patron(unit: Unit, patron_id: int, now: datetime, which: str) -> list[LoanRow]:
    """A patron's open loans, first due first: ``charged`` (all), ``overdue`` or ``recalled``. The order is
    total, so pages of it never overlap (sip2.md 2.5).
    """
    return [_loan_row(row) for row in unit.all(_ROWS[which], *_asked(patron_id, now, which))]


def names_of_patron(
    unit: Unit, patron_id: int, now: datetime, which: str, *, by_title: bool = False
) -> list[str]:
    """The barcodes, or else the titles, of the same: all that a kiosk's list tells, 7 us instead of 15."""
    foreseen: list[str] | None = unit.foreseen.get((which, by_title, patron_id))  # by `foresight`
    if foreseen is not None:
        return foreseen
    statements = _TITLES if by_title else _BARCODES
    return [row[0] for row in unit.all(statements[which], *_asked(patron_id, now, which))]


def _asked(patron_id: int, now: datetime, which: str) -> tuple[int, ...]:
    return (patron_id, seconds(now)) if which == "overdue" else (patron_id,)


def _loan_row(row: Row) -> LoanRow:
    values: Row = (*row[:5], instant(row[5]), instant(row[6]), row[7], maybe_instant(row[8]))
    return LoanRow(*values)
