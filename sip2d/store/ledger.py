"""The ledger (circulation.md 11.6): double entry, append-only (GN-4), in minor units.

Every transaction's postings add up to zero. ``AR`` is what a patron owes, per fee; ``CREDIT`` what he has
to his credit, negative. ``fee_balance`` and ``patron_credit`` are kept in the same transaction and can be
derived again from the postings at any time (PT-3). The caller holds the patron's lock, so his postings follow
each other.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, insert, or_, select, update

from sip2d.store.statement import hot
from sip2d.store.tables import (
    fee,
    fee_balance,
    item,
    ledger_posting,
    ledger_txn,
    loan,
    patron_credit,
    title,
)
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Row, Unit


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One line; positive is a debit. ``fee_id`` is needed for ``AR``."""

    account: str
    amount_minor: int
    fee_id: int | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """The head of a transaction: what, when, by whom and where."""

    kind: str
    at: datetime
    patron_id: int
    actor: str
    interface: str
    branch_id: int
    currency: str
    terminal_id: int | None = None
    reverses_txn_id: int | None = None
    payment_type: str | None = None
    payment_key: str | None = None


class OpenFee(msgspec.Struct, frozen=True, gc=False):
    """An unpaid fee (AV of message 64, `sip2d fee list`). ``title`` is empty when it concerns no item."""

    fee_id: int
    kind: str
    outstanding_minor: int
    title: str
    reason: str
    created_at: datetime
    barcode: str | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """A payment found again by its key: what it settled, and what became credit."""

    txn_id: int
    patron_id: int
    paid_minor: int
    credit_minor: int


_FEE = hot(insert(fee), "patron_id", "kind", "loan_id", "item_id", "reason", "created_at")
_OPEN_BALANCE = hot(insert(fee_balance), "fee_id", "patron_id", "kind", "outstanding_minor")
_TXN = hot(
    insert(ledger_txn),
    "at",
    "kind",
    "patron_id",
    "actor",
    "interface",
    "branch_id",
    "terminal_id",
    "reverses_txn_id",
    "payment_type",
    "payment_key",
)
_POSTING = hot(
    insert(ledger_posting), "txn_id", "line_no", "account", "patron_id", "fee_id", "amount_minor", "currency"
)
_MOVE_BALANCE = hot(
    update(fee_balance)
    .values(outstanding_minor=fee_balance.c.outstanding_minor + bindparam("delta"))
    .where(fee_balance.c.fee_id == bindparam("of_fee")),
    "delta",
    "of_fee",
)
_MOVE_CREDIT = hot(
    update(patron_credit)
    .values(credit_minor=patron_credit.c.credit_minor + bindparam("delta"))
    .where(patron_credit.c.patron_id == bindparam("of_patron")),
    "delta",
    "of_patron",
)
_OPEN_CREDIT = hot(insert(patron_credit), "patron_id", "credit_minor")
_CREDIT = hot(
    select(patron_credit.c.credit_minor).where(patron_credit.c.patron_id == bindparam("patron_id")),
    "patron_id",
)
_OUTSTANDING = hot(
    select(
        fee.c.id,
        fee.c.kind,
        fee_balance.c.outstanding_minor,
        func.coalesce(title.c.title, ""),
        fee.c.reason,
        fee.c.created_at,
        item.c.barcode,
    )
    .select_from(fee_balance)
    .join(fee, fee.c.id == fee_balance.c.fee_id)
    .outerjoin(loan, loan.c.id == fee.c.loan_id)
    .outerjoin(item, item.c.id == func.coalesce(fee.c.item_id, loan.c.item_id))
    .outerjoin(title, title.c.id == item.c.title_id)
    .where(fee_balance.c.patron_id == bindparam("patron_id"), fee_balance.c.outstanding_minor > 0)
    .order_by(fee.c.created_at, fee.c.id),
    "patron_id",
)
_BY_KEY = hot(
    select(ledger_txn.c.id, ledger_txn.c.patron_id).where(ledger_txn.c.payment_key == bindparam("key")), "key"
)
_HEAD = hot(
    select(ledger_txn.c.id, ledger_txn.c.kind, ledger_txn.c.patron_id, ledger_txn.c.reverses_txn_id).where(
        ledger_txn.c.id == bindparam("txn_id")
    ),
    "txn_id",
)
_REVERSED = hot(select(ledger_txn.c.id).where(ledger_txn.c.reverses_txn_id == bindparam("txn_id")), "txn_id")
_LINES = hot(
    select(ledger_posting.c.account, ledger_posting.c.amount_minor, ledger_posting.c.fee_id)
    .where(ledger_posting.c.txn_id == bindparam("txn_id"))
    .order_by(ledger_posting.c.line_no),
    "txn_id",
)
_BALANCE = hot(
    select(fee_balance.c.outstanding_minor, fee_balance.c.patron_id).where(
        fee_balance.c.fee_id == bindparam("fee_id")
    ),
    "fee_id",
)
_CHARGES = hot(
    select(ledger_posting.c.txn_id)
    .join(ledger_txn, ledger_txn.c.id == ledger_posting.c.txn_id)
    .where(
        ledger_posting.c.fee_id == bindparam("fee_id"),
        ledger_posting.c.account == "AR",
        or_(ledger_txn.c.kind == "CHARGE", ledger_txn.c.kind == "ACCRUE"),
    )
    .order_by(ledger_posting.c.txn_id),
    "fee_id",
)
_LAST = hot(
    select(func.max(ledger_txn.c.id)).where(ledger_txn.c.patron_id == bindparam("patron_id")), "patron_id"
)


class LedgerError(Exception):
    """Postings that no ledger may hold: a fault of the program, never of a request."""


def post(unit: Unit, entry: Entry, postings: Iterable[Posting]) -> int:
    """Record one transaction and move the balances with it; its id.

    Raises LedgerError when the lines do not add up to zero or a fee or credit would go below zero (PT-3).
    """
    lines = tuple(postings)
    if not lines or sum(line.amount_minor for line in lines) != 0:
        raise LedgerError(f"a {entry.kind} whose lines do not add up to zero")
    fees, credit_delta = _deltas(unit, entry.patron_id, lines)
    txn_id = unit.insert(
        _TXN,
        seconds(entry.at),
        entry.kind,
        entry.patron_id,
        entry.actor,
        entry.interface,
        entry.branch_id,
        entry.terminal_id,
        entry.reverses_txn_id,
        entry.payment_type,
        entry.payment_key,
    )
    for number, line in enumerate(lines, start=1):
        unit.run(
            _POSTING,
            txn_id,
            number,
            line.account,
            entry.patron_id,
            line.fee_id,
            line.amount_minor,
            entry.currency,
        )
    for fee_id, delta in fees.items():
        unit.run(_MOVE_BALANCE, delta, fee_id)
    if credit_delta and not unit.run(_MOVE_CREDIT, credit_delta, entry.patron_id):
        unit.run(_OPEN_CREDIT, entry.patron_id, credit_delta)
    return txn_id


def _deltas(unit: Unit, patron_id: int, lines: Iterable[Posting]) -> tuple[dict[int, int], int]:
    """How far each fee and the credit move; checked before anything is written."""
    fees: dict[int, int] = {}
    credit_delta = 0
    for line in lines:
        if line.account == "CREDIT":
            credit_delta -= line.amount_minor
        elif line.account == "AR":
            if line.fee_id is None:
                raise LedgerError("a receivable without its fee")
            fees[line.fee_id] = fees.get(line.fee_id, 0) + line.amount_minor
    for fee_id, delta in fees.items():
        owed = owed_on(unit, fee_id)
        if owed is None or owed[1] != patron_id or owed[0] + delta < 0:
            raise LedgerError(f"fee {fee_id} cannot take {delta}")
    if credit_delta < 0 and credit(unit, patron_id) + credit_delta < 0:
        raise LedgerError("a credit below zero")
    return fees, credit_delta


def open_fee(
    unit: Unit,
    patron_id: int,
    kind: str,
    *,
    loan_id: int | None,
    item_id: int | None,
    reason: str,
    now: datetime,
) -> int:
    """Record a fee's identity with nothing owed on it yet; its id. The amount comes with a posting."""
    fee_id = unit.insert(_FEE, patron_id, kind, loan_id, item_id, reason, seconds(now))
    unit.run(_OPEN_BALANCE, fee_id, patron_id, kind, 0)
    return fee_id


def outstanding(unit: Unit, patron_id: int) -> list[OpenFee]:
    """The unpaid fees, oldest first."""
    rows: list[Row] = [(*row[:5], instant(row[5]), row[6]) for row in unit.all(_OUTSTANDING, patron_id)]
    return [OpenFee(*row) for row in rows]


def owed_on(unit: Unit, fee_id: int) -> tuple[int, int] | None:
    """What is unpaid of a fee, and whose it is; None for an unknown fee."""
    row = unit.one(_BALANCE, fee_id)
    return None if row is None else (row[0], row[1])


def credit(unit: Unit, patron_id: int) -> int:
    """The patron's unallocated credit, >= 0."""
    return int(unit.value(_CREDIT, patron_id) or 0)


def last_txn(unit: Unit, patron_id: int) -> int:
    """The id of the patron's newest transaction, 0 without one: the mark of SP-21."""
    return int(unit.value(_LAST, patron_id) or 0)


def by_key(unit: Unit, payment_key: str) -> Recorded | None:
    """The payment recorded under this key (GN-5)."""
    row = unit.one(_BY_KEY, payment_key)
    if row is None:
        return None
    lines = lines_of(unit, row[0])
    paid = -sum(line.amount_minor for line in lines if line.account == "AR")
    rest = -sum(line.amount_minor for line in lines if line.account == "CREDIT")
    return Recorded(row[0], row[1], paid, rest)


def lines_of(unit: Unit, txn_id: int) -> list[Posting]:
    """The postings of a transaction, in order."""
    return [Posting(row[0], row[1], row[2]) for row in unit.all(_LINES, txn_id)]


def reversible(unit: Unit, txn_id: int) -> tuple[int, list[Posting]] | None:
    """Patron and lines of a transaction that can be reversed: no reversal itself, and not reversed yet."""
    head = unit.one(_HEAD, txn_id)
    if head is None or head[3] is not None or unit.one(_REVERSED, txn_id) is not None:
        return None
    return int(head[2]), lines_of(unit, txn_id)


def charges_of(unit: Unit, fee_id: int) -> list[int]:
    """The transactions that charged a fee, in order."""
    return [row[0] for row in unit.all(_CHARGES, fee_id)]
