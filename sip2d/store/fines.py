"""Overdue fines in the ledger: the fee of a loan's due period, what was accrued on it, its status; and the
loans that the nightly accrual looks at (LO-30, LO-31).

A fee of kind OVERDUE belongs to a loan and a due date: whatever is paid on it, the next night adds to it, and
a renewal ends it (FX-14). Its status is the last row of `fee_status`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import BigInteger, bindparam, cast, func, insert, or_, select, tuple_

from sip2d.store.engine import POSTGRESQL
from sip2d.store.statement import hot
from sip2d.store.tables import (
    fee,
    fee_balance,
    fee_status,
    item,
    ledger_posting,
    ledger_txn,
    loan,
    patron,
)
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Row, Unit

PAGE: Final = 50
"""Loans that one statement reads for the accrual."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How the fine of a loan's due period stands. ``accrued_minor`` was charged and neither taken back nor
    forgiven, whatever was paid; ``owed_minor`` is unpaid of all the patron's overdue fines."""

    patron_type_id: int
    owed_minor: int
    fee_id: int | None = None
    accrued_minor: int = 0
    outstanding_minor: int = 0
    status: str | None = None


class OverdueLoan(msgspec.Struct, frozen=True, gc=False):
    """A loan with all that its fine depends on. ``recalled``: an overdue recall exists (LO-38)."""

    loan_id: int
    item_id: int
    patron_id: int
    policy_branch_id: int
    due_at: datetime
    recalled: bool
    institution_id: int
    item_type_id: int
    price_minor: int | None
    standing: Standing


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An open loan that is overdue, as the accrual finds it before it looks closer."""

    due_at: datetime
    loan_id: int
    patron_type_id: int
    item_type_id: int
    fee_id: int | None


class Unpaid(msgspec.Struct, frozen=True, gc=False):
    """An overdue fine with something left to pay."""

    fee_id: int
    patron_id: int
    outstanding_minor: int
    status: str | None


_IS_OVERDUE_FEE = (fee.c.kind == "OVERDUE") & fee.c.loan_due_at.is_not(None)
_OF_FEE = ledger_posting.c.fee_id == fee.c.id
_ACCRUED = (
    select(cast(func.coalesce(-func.sum(ledger_posting.c.amount_minor), 0), BigInteger))
    .where(_OF_FEE, or_(ledger_posting.c.account == "REV_OVERDUE", ledger_posting.c.account == "FORGIVEN"))
    .correlate(fee)
    .scalar_subquery()
)
_STATUS = (
    select(fee_status.c.status)
    .where(fee_status.c.fee_id == fee.c.id)
    .order_by(fee_status.c.id.desc())
    .limit(1)
    .correlate(fee)
    .scalar_subquery()
)
_OTHER = fee_balance.alias("owed")
_OWED = (
    select(cast(func.coalesce(func.sum(_OTHER.c.outstanding_minor), 0), BigInteger))
    .where(_OTHER.c.patron_id == patron.c.id, _OTHER.c.outstanding_minor > 0, _OTHER.c.kind == "OVERDUE")
    .correlate(patron)
    .scalar_subquery()
)
_STANDING_COLUMNS = (
    patron.c.type_id,
    _OWED,
    fee.c.id,
    _ACCRUED,
    func.coalesce(fee_balance.c.outstanding_minor, 0),
    _STATUS,
)
_STANDING = hot(
    select(*_STANDING_COLUMNS)
    .select_from(patron)
    .outerjoin(
        fee,
        (fee.c.loan_id == bindparam("loan_id"))
        & (fee.c.loan_due_at == bindparam("due_at"))
        & _IS_OVERDUE_FEE,
    )
    .outerjoin(fee_balance, fee_balance.c.fee_id == fee.c.id)
    .where(patron.c.id == bindparam("patron_id")),
    "patron_id",
    "loan_id",
    "due_at",
)
_OWED_BY = hot(select(_OWED).select_from(patron).where(patron.c.id == bindparam("patron_id")), "patron_id")

_IDS = tuple(f"id_{number}" for number in range(PAGE))
_IN_PAGE = loan.c.id.in_([bindparam(name) for name in _IDS])
_PERIOD = (fee.c.loan_id == loan.c.id) & (fee.c.loan_due_at == loan.c.due_at) & _IS_OVERDUE_FEE
_LOAN_PAGE = hot(
    select(
        loan.c.id,
        loan.c.item_id,
        loan.c.patron_id,
        loan.c.policy_branch_id,
        loan.c.due_at,
        loan.c.recalled_at,
        item.c.institution_id,
        item.c.type_id,
        item.c.price_minor,
        *_STANDING_COLUMNS,
    )
    .select_from(loan)
    .join(item, item.c.id == loan.c.item_id)
    .join(patron, patron.c.id == loan.c.patron_id)
    .outerjoin(fee, _PERIOD)
    .outerjoin(fee_balance, fee_balance.c.fee_id == fee.c.id)
    .where(_IN_PAGE, loan.c.status == "OPEN", loan.c.due_at < bindparam("as_of"), item.c.lost_status == 0)
    .order_by(loan.c.due_at, loan.c.id),
    "as_of",
    *_IDS,
)
_LOCK_ITEMS = hot(
    select(item.c.id)
    .join(loan, loan.c.item_id == item.c.id)
    .where(_IN_PAGE)
    .order_by(item.c.id)
    .with_for_update(of=item),
    *_IDS,
)
_LOCK_PATRONS = hot(
    select(patron.c.id)
    .where(patron.c.id.in_(select(loan.c.patron_id).where(_IN_PAGE)))
    .order_by(patron.c.id)
    .with_for_update(of=patron),
    *_IDS,
)
_CANDIDATES = hot(
    select(loan.c.due_at, loan.c.id, patron.c.type_id, item.c.type_id, fee.c.id)
    .select_from(loan)
    .join(item, item.c.id == loan.c.item_id)
    .join(patron, patron.c.id == loan.c.patron_id)
    .outerjoin(fee, _PERIOD)
    .where(
        loan.c.status == "OPEN",
        loan.c.policy_branch_id == bindparam("branch_id"),
        loan.c.due_at < bindparam("as_of"),
        tuple_(loan.c.due_at, loan.c.id) > tuple_(bindparam("after_due"), bindparam("after_id")),
        item.c.lost_status == 0,
    )
    .order_by(loan.c.due_at, loan.c.id)
    .limit(bindparam("count")),
    "branch_id",
    "as_of",
    "after_due",
    "after_id",
    "count",
)

_FEE = hot(
    insert(fee), "patron_id", "kind", "loan_id", "item_id", "loan_due_at", "reason", "created_at"
)  # fmt: skip
_BALANCE = hot(insert(fee_balance), "fee_id", "patron_id", "kind", "outstanding_minor")
_SET_STATUS = hot(insert(fee_status), "fee_id", "status", "at")
_STATUS_OF = hot(select(_STATUS).select_from(fee).where(fee.c.id == bindparam("fee_id")), "fee_id")
_SNAPSHOT = hot(select(loan.c.rule_snapshot).where(loan.c.id == bindparam("loan_id")), "loan_id")
_UNPAID = hot(
    select(fee.c.id, fee.c.patron_id, fee_balance.c.outstanding_minor, _STATUS)
    .join(fee_balance, fee_balance.c.fee_id == fee.c.id)
    .where(
        fee.c.loan_id == bindparam("loan_id"), _IS_OVERDUE_FEE, fee_balance.c.outstanding_minor > 0
    )
    .order_by(fee.c.id),
    "loan_id",
)  # fmt: skip
_REVERSED = ledger_txn.alias("reversed")


_KIND = func.coalesce(_REVERSED.c.kind, ledger_txn.c.kind)
_PAID = hot(
    select(cast(func.coalesce(-func.sum(ledger_posting.c.amount_minor), 0), BigInteger))
    .select_from(ledger_posting)
    .join(ledger_txn, ledger_txn.c.id == ledger_posting.c.txn_id)
    .outerjoin(_REVERSED, _REVERSED.c.id == ledger_txn.c.reverses_txn_id)
    .where(
        ledger_posting.c.fee_id == bindparam("fee_id"),
        ledger_posting.c.account == "AR",
        or_(_KIND == "PAY", _KIND == "TRANSFER_CREDIT"),
    ),
    "fee_id",
)
_ON = hot(
    select(cast(func.coalesce(func.sum(ledger_posting.c.amount_minor), 0), BigInteger)).where(
        ledger_posting.c.fee_id == bindparam("fee_id"), ledger_posting.c.account == bindparam("account")
    ),
    "fee_id",
    "account",
)


def standing(unit: Unit, patron_id: int, loan_id: int, due_at: datetime) -> Standing:
    """How the fine of this loan and due date stands; without a fee nothing was ever accrued."""
    row = unit.one(_STANDING, patron_id, loan_id, seconds(due_at))
    assert row is not None  # the patron of a loan is never deleted
    return _standing(row)


def owed(unit: Unit, patron_id: int) -> int:
    """What is unpaid of all the patron's overdue fines."""
    return int(unit.value(_OWED_BY, patron_id) or 0)


def paid(unit: Unit, fee_id: int) -> int:
    """What the patron gave for a fee and did not get back as credit; a payment taken back is none."""
    return int(unit.value(_PAID, fee_id) or 0) + int(unit.value(_ON, fee_id, "CREDIT") or 0)


def waived(unit: Unit, fee_id: int) -> int:
    """What staff let the patron off on a fee."""
    return int(unit.value(_ON, fee_id, "WAIVED") or 0)


def snapshot(unit: Unit, loan_id: int) -> str:
    """The terms the loan was made on, as JSON; ``{}`` when there were none (CO-7)."""
    return str(unit.value(_SNAPSHOT, loan_id) or "{}")


def unpaid(unit: Unit, loan_id: int) -> list[Unpaid]:
    """The loan's overdue fines with something left to pay, of every due period, oldest first."""
    return [Unpaid(*row) for row in unit.all(_UNPAID, loan_id)]


def open_fee(unit: Unit, case: OverdueLoan, now: datetime) -> int:
    """Record the fee of a loan's due period, with nothing owed on it yet; its id."""
    fee_id = unit.insert(
        _FEE, case.patron_id, "OVERDUE", case.loan_id, case.item_id, seconds(case.due_at), "", seconds(now)
    )
    unit.run(_BALANCE, fee_id, case.patron_id, "OVERDUE", 0)
    return fee_id


def status(unit: Unit, fee_id: int) -> str | None:
    """The fee's status now; None when it never had one."""
    found: str | None = unit.value(_STATUS_OF, fee_id)
    return found


def set_status(unit: Unit, fee_id: int, word: str, at: datetime) -> None:
    """The fee's status from now on (``fee_status``)."""
    unit.run(_SET_STATUS, fee_id, word, seconds(at))


def candidates(
    unit: Unit, branch_id: int, as_of: datetime, after: Candidate | None, count: int
) -> list[Candidate]:
    """Open loans of a policy branch, overdue at ``as_of`` and not lost, first due first: the next ``count``
    after ``after``."""
    since = (-(2**62), 0) if after is None else (seconds(after.due_at), after.loan_id)
    rows = unit.all(_CANDIDATES, branch_id, seconds(as_of), *since, count)
    return [Candidate(instant(row[0]), *row[1:]) for row in rows]


def page(unit: Unit, loan_ids: Sequence[int], as_of: datetime) -> list[OverdueLoan]:
    """At most `PAGE` loans, those that are still open, overdue and not lost; their items and patrons are
    locked where the database locks rows, in the order of the desks: items first, each by id."""
    if not loan_ids:
        return []
    if len(loan_ids) > PAGE:
        raise ValueError(f"a page is {PAGE} loans")
    ids = [*loan_ids, *[loan_ids[-1]] * (PAGE - len(loan_ids))]
    if unit.writes and unit.core.dialect.name == POSTGRESQL:
        unit.all(_LOCK_ITEMS, *ids)
        unit.all(_LOCK_PATRONS, *ids)
    return [_overdue(row) for row in unit.all(_LOAN_PAGE, seconds(as_of), *ids)]


def _overdue(row: Row) -> OverdueLoan:
    values: Row = (*row[:4], instant(row[4]), row[5] is not None, *row[6:9], _standing(row[9:]))
    return OverdueLoan(*values)


def _standing(row: Row) -> Standing:
    fee_id = row[2]
    return Standing(row[0], row[1], fee_id, 0 if fee_id is None else row[3], row[4], row[5])
