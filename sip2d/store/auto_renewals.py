"""Loans that fall due and may be renewed by themselves (CO-13)."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, or_, select, tuple_

from sip2d.store.statement import hot
from sip2d.store.tables import item, loan, loan_event, patron
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Row, Unit


class DueLoan(msgspec.Struct, frozen=True, gc=False):
    """An open loan about to be due. ``auto_renew`` is the loan's own wish; its terms may wish it too."""

    due_at: datetime
    loan_id: int
    item_id: int
    patron_type_id: int
    item_type_id: int
    auto_renew: bool


_DUE = hot(
    select(loan.c.due_at, loan.c.id, loan.c.item_id, patron.c.type_id, item.c.type_id, loan.c.auto_renew)
    .join(item, item.c.id == loan.c.item_id)
    .join(patron, patron.c.id == loan.c.patron_id)
    .where(
        loan.c.status == "OPEN",
        loan.c.policy_branch_id == bindparam("branch_id"),
        loan.c.due_at >= bindparam("since"),
        loan.c.due_at < bindparam("until"),
        tuple_(loan.c.due_at, loan.c.id) > tuple_(bindparam("after_due"), bindparam("after_id")),
    )
    .order_by(loan.c.due_at, loan.c.id)
    .limit(bindparam("count")),
    "branch_id",
    "since",
    "until",
    "after_due",
    "after_id",
    "count",
)
_RENEWED = hot(
    select(loan_event.c.id)
    .where(
        loan_event.c.item_id == bindparam("item_id"),
        loan_event.c.loan_id == bindparam("loan_id"),
        loan_event.c.kind == "RENEW",
        loan_event.c.interface == "CRON",
        or_(loan_event.c.old_due_at == bindparam("due_at"), loan_event.c.event_at >= bindparam("since")),
    )
    .limit(1),
    "item_id",
    "loan_id",
    "due_at",
    "since",
)


def due(
    unit: Unit, branch_id: int, since: datetime, until: datetime, after: DueLoan | None, count: int
) -> list[DueLoan]:
    """Open loans of a policy branch due from ``since`` up to, not including, ``until``, first due first: the
    next ``count`` after ``after``."""
    place = (0, 0) if after is None else (seconds(after.due_at), after.loan_id)
    rows = unit.all(_DUE, branch_id, seconds(since), seconds(until), *place, count)
    return [_due_loan(row) for row in rows]


def done(unit: Unit, row: DueLoan, since: datetime) -> bool:
    """Whether the loan was renewed by itself at this due date (the key ``AUTOREN|loan|due_at``), or at
    another from ``since`` on: an hourly loan may fall due again on the same day."""
    return unit.one(_RENEWED, row.item_id, row.loan_id, seconds(row.due_at), seconds(since)) is not None


def _due_loan(row: Row) -> DueLoan:
    values: Row = (instant(row[0]), *row[1:5], bool(row[5]))
    return DueLoan(*values)
