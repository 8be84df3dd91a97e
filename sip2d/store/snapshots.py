"""The nightly snapshot of items and loans (BR-25, BR-26), and lists from it.

A loan is written down as it stood at the end of the day, whenever the snapshot is taken: what was lent,
renewed or returned since is not in it. The other items are as the snapshot finds them.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
)

from sip2d.store.statement import hot
from sip2d.store.tables import (
    branch,
    hold,
    item,
    item_status_snapshot,
    item_type,
    loan,
    loan_event,
    patron,
    patron_type,
    title,
)
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Unit

ON_LOAN: Final = "ON_LOAN"
_OPEN: Final[ColumnElement[str]] = literal_column("'OPEN'")
_FILLED: Final = text("hold.status IN ('ON_SHELF', 'IN_TRANSIT')")
"""As the partial index of filled holds says it."""


class Part(msgspec.Struct, frozen=True):
    """Some items: the last one's id, and how many were not in the snapshot yet."""

    last: int
    written: int


# + 0: by the primary key, piece after piece, never by the index of barcodes from its beginning
_OWNED: Final = (item.c.institution_id + 0) == bindparam("owner")
_NEXT: Final = hot(
    select(item.c.id)
    .where(_OWNED, item.c.id > bindparam("after"))
    .order_by(item.c.id)
    .limit(bindparam("most")),
    "owner", "after", "most",
)  # fmt: skip


def _state() -> Select[tuple[object, ...]]:
    """The rows of some items that are not in the snapshot of the day yet."""
    end, day = bindparam("end", type_=loan.c.loaned_at.type), bindparam("day", type_=Text())
    lent = loan.c.loaned_at < end
    # 'OPEN' stands in the statement: the partial index of open loans is used
    still = select(loan.c.id).where(loan.c.item_id == item.c.id, loan.c.status == _OPEN, lent)
    since = (
        select(func.max(loan.c.id))
        .join(loan_event, loan_event.c.loan_id == loan.c.id)
        .where(loan_event.c.item_id == item.c.id, lent, loan.c.closed_at >= end)
    )
    then = func.coalesce(still.correlate(item).scalar_subquery(), since.correlate(item).scalar_subquery())
    moved = (
        select(func.min(loan_event.c.id))
        .where(
            loan_event.c.item_id == item.c.id,
            loan_event.c.loan_id == loan.c.id,
            loan_event.c.event_at >= end,
            loan_event.c.old_due_at.is_not(None),
        )
        .correlate(item, loan)
        .scalar_subquery()
    )
    before = select(loan_event.c.old_due_at).where(loan_event.c.id == moved).correlate(loan, item)
    known = exists().where(item_status_snapshot.c.as_of == day, item_status_snapshot.c.item_id == item.c.id)
    return (
        select(
            day,
            item.c.id,
            loan.c.id,
            loan.c.patron_id,
            func.coalesce(before.scalar_subquery(), loan.c.due_at),
            case((loan.c.id.is_not(None), ON_LOAN), else_=_idle()),
            func.coalesce(loan.c.branch_id, item.c.holding_branch_id),
        )
        .select_from(item)
        .outerjoin(loan, loan.c.id == then)
        .where(item.c.id.between(bindparam("first"), bindparam("last")), _OWNED, ~known)
    )


def _idle() -> ColumnElement[str]:
    """The state of an item that nobody has."""
    kept = exists().where(hold.c.filled_item_id == item.c.id, _FILLED, hold.c.status == "ON_SHELF")
    return case(
        (item.c.lost_status != 0, "LOST"),
        (item.c.withdrawn == 1, "WITHDRAWN"),
        (kept, "ON_HOLD_SHELF"),
        (item.c.transit_to_branch_id.is_not(None), "IN_TRANSIT"),
        (item.c.not_for_loan == 1, "NOT_FOR_LOAN"),
        else_="AVAILABLE",
    )


_COLUMNS: Final = ("as_of", "item_id", "loan_id", "patron_id", "due_at", "status", "branch_id")
_WRITE_DOWN: Final = insert(item_status_snapshot).from_select(_COLUMNS, _state())


def take(unit: Unit, institution_id: int, day: date, end: datetime, after: int, limit: int) -> Part | None:
    """Write down the next ``limit`` items of an institution; None when there are no more.

    ``end`` is the moment after the day's last. What is written already stays.
    """
    ids = [row[0] for row in unit.all(_NEXT, institution_id, after, limit)]
    if not ids:
        return None
    values = {
        "day": day.isoformat(), "end": seconds(end), "first": ids[0], "last": ids[-1],
        "owner": institution_id,
    }  # fmt: skip
    done = unit.core.execute(_WRITE_DOWN, values, execution_options={"preserve_rowcount": True})
    return Part(int(ids[-1]), int(done.rowcount))


class Snapped(msgspec.Struct, frozen=True):
    """An item as it was at the end of a day (BR-25)."""

    patron_barcode: str | None
    item_barcode: str
    due_at: datetime | None
    title: str
    patron_type: str | None
    item_type: str
    status: str
    branch_id: int


def days(unit: Unit, institution_id: int) -> list[str]:
    """The days there are snapshots of, newest first."""
    of = item_status_snapshot.c
    query = select(of.as_of).join(branch, branch.c.id == of.branch_id).distinct().order_by(of.as_of.desc())
    return list(unit.core.scalars(query.where(branch.c.institution_id == institution_id)))


def rows(
    unit: Unit,
    day: date,
    branches: Iterable[int],
    *,
    status: str | None = ON_LOAN,
    item_type_code: str | None = None,
    due_from: datetime | None = None,
    due_before: datetime | None = None,
) -> list[Snapped]:
    """The items of some branches as they were, those on loan by due date (BR-26's filters)."""
    of = item_status_snapshot.c
    query = (
        select(patron.c.barcode, item.c.barcode, of.due_at, title.c.title, patron_type.c.code,
               item_type.c.code, of.status, of.branch_id)
        .join(item, item.c.id == of.item_id)
        .join(title, title.c.id == item.c.title_id)
        .join(item_type, item_type.c.id == item.c.type_id)
        .outerjoin(patron, patron.c.id == of.patron_id)
        .outerjoin(patron_type, patron_type.c.id == patron.c.type_id)
        .where(of.as_of == day.isoformat(), of.branch_id.in_(list(branches)))
        .order_by(of.branch_id, of.due_at, item.c.barcode)
    )  # fmt: skip
    if status is not None:
        query = query.where(of.status == status)
    if item_type_code is not None:
        query = query.where(item_type.c.code == item_type_code)
    if due_from is not None:
        query = query.where(of.due_at >= seconds(due_from))
    if due_before is not None:
        query = query.where(of.due_at < seconds(due_before))
    return [
        Snapped(*row[:2], None if row[2] is None else instant(row[2]), *row[3:])
        for row in unit.core.execute(query)
    ]
