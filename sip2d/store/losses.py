"""Lost items: how one was lost, what was charged for it, and the loans that are due to be lost.

The status of a fee is the newest row of `fee_status`; a fee without one is as it was charged.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import and_, bindparam, func, or_, select

from sip2d.policy.calendar import local_instant
from sip2d.policy.facts import LoanFacts
from sip2d.policy.lost import Charged
from sip2d.store.items import loan_facts
from sip2d.store.statement import hot
from sip2d.store.tables import (
    fee,
    fee_balance,
    fee_status,
    item,
    ledger_posting,
    ledger_txn,
    loan,
    loan_event,
    patron,
)
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Unit

GIVEN_UP: Final = frozenset({"WAIVE", "WRITEOFF", "FORGIVE"})
"""Transactions by which the library gave a charge up: no refund of these (LO-57)."""
PAID: Final = frozenset({"PAY", "TRANSFER_CREDIT"})

_KINDS = or_(loan_event.c.kind == "LOAN", loan_event.c.kind == "LOST", loan_event.c.kind == "FOUND")
_LOSS = hot(
    select(loan_event.c.kind, loan_event.c.loan_id, loan_event.c.detail)
    .where(loan_event.c.item_id == bindparam("item_id"), _KINDS)
    .order_by(loan_event.c.id.desc())
    .limit(1),
    "item_id",
)
_LOAN = hot(
    select(
        loan.c.id,
        loan.c.item_id,
        loan.c.patron_id,
        loan.c.branch_id,
        loan.c.policy_branch_id,
        loan.c.loaned_at,
        loan.c.due_at,
        loan.c.renewal_count,
        loan.c.recalled_at,
    ).where(loan.c.id == bindparam("loan_id")),
    "loan_id",
)
_STATUS = (
    select(fee_status.c.status)
    .where(fee_status.c.fee_id == fee.c.id)
    .order_by(fee_status.c.id.desc())
    .limit(1)
    .correlate(fee)
    .scalar_subquery()
)
_CHARGE = hot(
    select(fee.c.id, fee.c.patron_id, fee.c.loan_id, _STATUS)
    .where(
        fee.c.item_id == bindparam("item_id"),
        fee.c.kind == "LOST",
        or_(_STATUS.is_(None), and_(_STATUS != "FOUND", _STATUS != "CANCELLED")),
    )
    .order_by(fee.c.id.desc())
    .limit(1),
    "item_id",
)
# By the item, for which there is an index.
_FEE_OF_LOAN = hot(
    select(fee.c.id).where(
        fee.c.item_id == bindparam("item_id"),
        fee.c.loan_id == bindparam("loan_id"),
        fee.c.kind == bindparam("wanted"),
    ),
    "item_id",
    "loan_id",
    "wanted",
)
_REVERSED = ledger_txn.alias("reversed")
_LINES = hot(
    select(
        ledger_posting.c.account,
        ledger_posting.c.amount_minor,
        func.coalesce(_REVERSED.c.kind, ledger_txn.c.kind),
        func.coalesce(_REVERSED.c.at, ledger_txn.c.at),
    )
    .join(ledger_txn, ledger_txn.c.id == ledger_posting.c.txn_id)
    .outerjoin(_REVERSED, _REVERSED.c.id == ledger_txn.c.reverses_txn_id)
    .where(ledger_posting.c.fee_id == bindparam("fee_id")),
    "fee_id",
)
_SETTLED = hot(
    select(fee.c.loan_id, fee.c.item_id)
    .join(loan, (loan.c.id == fee.c.loan_id) & (loan.c.status == "OPEN"))
    .join(item, item.c.id == fee.c.item_id)
    .where(fee.c.id == bindparam("fee_id"), fee.c.kind == "LOST", item.c.lost_status > 0),
    "fee_id",
)
_UNPAID = hot(
    select(func.coalesce(func.sum(fee_balance.c.outstanding_minor), 0))
    .select_from(fee)
    .join(fee_balance, fee_balance.c.fee_id == fee.c.id)
    .where(
        fee.c.item_id == bindparam("item_id"),
        fee.c.kind == "LOST",
        fee_balance.c.patron_id == bindparam("patron_id"),
    ),
    "item_id",
    "patron_id",
)


class Loss(msgspec.Struct, frozen=True):
    """How an item was lost last: the loan it was lost on, and the JSON its event left."""

    loan: LoanFacts | None
    detail: dict[str, Any]


class Charge(msgspec.Struct, frozen=True, gc=False):
    """The replacement charge of a lost item, and its status (None: as charged)."""

    fee_id: int
    patron_id: int
    loan_id: int | None
    status: str | None


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A loan overdue for long, maybe: what the automation asks of it before anything is locked."""

    loan_id: int
    item_id: int
    policy_branch_id: int
    due_at: datetime
    patron_type_id: int
    item_type_id: int
    barcode: str
    lost_status: int


def last(unit: Unit, item_id: int) -> Loss | None:
    """How the item was lost; None when no loss is recorded, or it was found or lent again since.

    The loan may be closed by now (LO-64).
    """
    row = unit.one(_LOSS, item_id)
    if row is None or row[0] != "LOST":
        return None
    loan_row = None if row[1] is None else unit.one(_LOAN, row[1])
    return Loss(None if loan_row is None else loan_facts(loan_row), msgspec.json.decode(row[2]))


def charge_of(unit: Unit, item_id: int) -> Charge | None:
    """The newest replacement charge of an item whose return has not been accounted for (LO-57)."""
    row = unit.one(_CHARGE, item_id)
    return None if row is None else Charge(*row)


def fee_of_loan(unit: Unit, loan: LoanFacts, kind: str) -> int | None:
    """The one LOST or PROCESSING fee a loan may have (LO-52)."""
    fee_id: int | None = unit.value(_FEE_OF_LOAN, loan.item_id, loan.id, kind)
    return fee_id


def charged(unit: Unit, fee_id: int, paid_from: date | None = None, zone: ZoneInfo | None = None) -> Charged:
    """What became of a LOST fee so far, a reversal counted as what it takes back.

    With ``paid_from``, a local day of ``zone``, what was paid earlier is left out of ``paid_lately``.
    """
    since = 0
    if paid_from is not None and zone is not None:
        since = seconds(local_instant(paid_from, time(0), zone))
    kept = given_up = outstanding = paid = 0
    for account, amount, kind, at in unit.all(_LINES, fee_id):
        if account == "REV_LOST":
            kept -= amount
        elif account == "AR":
            outstanding += amount
            if kind in GIVEN_UP:
                given_up -= amount
            elif kind in PAID and at >= since:
                paid -= amount
    return Charged(kept, given_up, outstanding, None if paid_from is None else max(paid, 0))


def paid_loan(unit: Unit, fee_id: int, patron_id: int) -> tuple[int, int] | None:
    """The open loan and the lost item of a LOST fee, when none of the patron's for this item is unpaid
    (CO-30)."""
    row = unit.one(_SETTLED, fee_id)
    if row is None or unit.value(_UNPAID, row[1], patron_id):
        return None
    return row[0], row[1]


def overdue(
    unit: Unit,
    institution_id: int,
    *,
    due_from: datetime,
    due_until: datetime,
    lost: Iterable[int],
    after: tuple[int, int],
    limit: int,
) -> list[Candidate]:
    """Open loans of the institution's items due within the span, first due first, behind ``after`` (due
    second, loan id); without items whose status is one of ``lost``."""
    due_second, loan_id = after
    query = (
        select(
            loan.c.id,
            loan.c.item_id,
            loan.c.policy_branch_id,
            loan.c.due_at,
            patron.c.type_id,
            item.c.type_id,
            item.c.barcode,
            item.c.lost_status,
        )
        .join(item, item.c.id == loan.c.item_id)
        .join(patron, patron.c.id == loan.c.patron_id)
        .where(
            loan.c.status == "OPEN",
            loan.c.due_at.between(max(seconds(due_from), due_second), seconds(due_until)),
            or_(loan.c.due_at > due_second, loan.c.id > loan_id),
            item.c.institution_id == institution_id,
            item.c.lost_status.not_in(sorted(lost)),
        )
        .order_by(loan.c.due_at, loan.c.id)
        .limit(limit)
    )
    return [
        Candidate(row[0], row[1], row[2], instant(row[3]), row[4], row[5], row[6], row[7])
        for row in unit.core.execute(query)
    ]
