"""Holds (HO-1..HO-12): the queue of a title, the copies that fill it, and every change of a hold.

Each change adds one to ``version``, the mark by which SP-21 knows that an effect is still the latest one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, case, func, insert, null, or_, select, update
from sqlalchemy.sql import ColumnElement

from sip2d.policy.facts import HoldFacts
from sip2d.store.statement import hot
from sip2d.store.tables import branch, hold, item, patron, title
from sip2d.store.times import instant, maybe_instant, maybe_seconds, seconds
from sip2d.store.titles import copies as copies
from sip2d.store.unit import Row, Unit

COLUMNS = (
    hold.c.id,
    hold.c.patron_id,
    hold.c.title_id,
    hold.c.item_id,
    hold.c.kind,
    hold.c.scope,
    hold.c.pickup_branch_id,
    hold.c.copy_branch_id,
    hold.c.placed_at,
    hold.c.priority,
    hold.c.status,
    hold.c.filled_item_id,
    hold.c.shelf_expires_at,
    hold.c.expires_at,
    hold.c.starts_at,
    hold.c.version,
)
"""The columns of `HoldFacts`, in its order."""

ACTIVE: ColumnElement[bool] = or_(
    hold.c.status == "PENDING", hold.c.status == "ON_SHELF", hold.c.status == "IN_TRANSIT"
)
READY: ColumnElement[bool] = hold.c.status == "ON_SHELF"
"""What counts as ready for pick-up; pending and in transit are not (HO-9)."""


def queue_order(now: ColumnElement[int]) -> tuple[ColumnElement[int], ...]:
    """HO-3: recalls and schedules in their period first, then priority (0 before 1), time placed, id."""
    first = or_(
        hold.c.kind == "RECALL", (hold.c.kind == "SCHEDULE") & (func.coalesce(hold.c.starts_at, 0) <= now)
    )
    return case((first, 0), else_=1), hold.c.priority, hold.c.placed_at, hold.c.id


def waiting(now: ColumnElement[int]) -> ColumnElement[bool]:
    """Pending and wanted now: not past its "not needed after"; a schedule only once its period has begun."""
    return (
        (hold.c.status == "PENDING")
        & or_(hold.c.expires_at.is_(None), hold.c.expires_at > now)
        & or_(hold.c.kind != "SCHEDULE", hold.c.starts_at.is_(None), hold.c.starts_at <= now)
    )


def fits(
    item_id: ColumnElement[int], title_id: ColumnElement[int], home_branch_id: ColumnElement[int]
) -> ColumnElement[bool]:
    """Which holds this copy can fill by their scope (HO-1): any copy, this one, any of its branch."""
    return (hold.c.title_id == title_id) & or_(
        hold.c.scope == "TITLE",
        (hold.c.scope == "ITEM") & (hold.c.item_id == item_id),
        (hold.c.scope == "BRANCH") & (hold.c.copy_branch_id == home_branch_id),
    )


_NOW = bindparam("now", type_=hold.c.placed_at.type)
_CANDIDATES = hot(
    select(*COLUMNS, patron.c.type_id)
    .join(patron, patron.c.id == hold.c.patron_id)
    .where(fits(bindparam("item_id"), bindparam("title_id"), bindparam("home_branch_id")), waiting(_NOW))
    .order_by(*queue_order(_NOW)),
    "item_id",
    "title_id",
    "home_branch_id",
    "now",
)
_QUEUE = hot(
    select(hold.c.id)
    .where(hold.c.title_id == bindparam("title_id"), hold.c.status == "PENDING")
    .order_by(*queue_order(_NOW)),
    "title_id",
    "now",
)
_BY_ID = hot(select(*COLUMNS).where(hold.c.id == bindparam("hold_id")), "hold_id")


def _matching(*where: ColumnElement[bool]) -> Select[Any]:
    # the newest if several match (HO-3); locked on PostgreSQL, because a return elsewhere may be filling it
    return (
        select(*COLUMNS)
        .where(hold.c.patron_id == bindparam("patron_id"), ACTIVE, *where)
        .order_by(hold.c.placed_at.desc(), hold.c.id.desc())
        .with_for_update()
    )


_OF_TITLE = hot(_matching(hold.c.title_id == bindparam("title_id")), "patron_id", "title_id")
_RECALLS = hot(
    select(func.count())
    .select_from(hold)
    .where(
        hold.c.title_id == bindparam("title_id"),
        hold.c.item_id == bindparam("item_id"),
        hold.c.kind == "RECALL",
        hold.c.status == "PENDING",
    ),
    "title_id",
    "item_id",
)


def _list(where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            hold.c.id,
            title.c.number,
            title.c.title,
            item.c.barcode,
            branch.c.name,
            hold.c.status,
            hold.c.placed_at,
            hold.c.shelf_expires_at,
        )
        .join(title, title.c.id == hold.c.title_id)
        .join(branch, branch.c.id == hold.c.pickup_branch_id)
        .outerjoin(item, item.c.id == func.coalesce(hold.c.filled_item_id, hold.c.item_id))
        .where(hold.c.patron_id == bindparam("patron_id"), where)
        .order_by(hold.c.placed_at, hold.c.id)
    )


_LISTS = {
    "ready": hot(_list(READY), "patron_id"),
    "pending": hot(_list(or_(hold.c.status == "PENDING", hold.c.status == "IN_TRANSIT")), "patron_id"),
    "all": hot(_list(ACTIVE), "patron_id"),
}

_INSERT = hot(
    insert(hold),
    "institution_id",
    "patron_id",
    "title_id",
    "item_id",
    "kind",
    "scope",
    "pickup_branch_id",
    "copy_branch_id",
    "placed_at",
    "priority",
    "expires_at",
    "starts_at",
)
_NEXT_VERSION = hold.c.version + 1
_FILL = hot(
    update(hold)
    .values(
        status=bindparam("new_status"),
        filled_item_id=bindparam("filled_by"),
        shelf_expires_at=bindparam("shelf_limit"),
        version=_NEXT_VERSION,
    )
    .where(hold.c.id == bindparam("hold_id"), hold.c.version == bindparam("seen"), ACTIVE),
    "hold_id",
    "seen",
    "new_status",
    "filled_by",
    "shelf_limit",
)
_CHANGE = hot(
    update(hold)
    .values(pickup_branch_id=bindparam("pickup"), expires_at=bindparam("not_after"), version=_NEXT_VERSION)
    .where(hold.c.id == bindparam("hold_id"), hold.c.version == bindparam("seen"), ACTIVE),
    "hold_id",
    "seen",
    "pickup",
    "not_after",
)
_CLOSE = hot(
    update(hold)
    .values(
        status=bindparam("new_status"),
        closed_at=bindparam("closed"),
        filled_item_id=bindparam("filled_by"),
        version=_NEXT_VERSION,
    )
    .where(hold.c.id == bindparam("hold_id"), ACTIVE),
    "hold_id",
    "new_status",
    "closed",
    "filled_by",
)
_RESTORE = hot(
    update(hold)
    .values(
        status=bindparam("new_status"),
        closed_at=null(),
        filled_item_id=bindparam("filled_by"),
        shelf_expires_at=bindparam("shelf_limit"),
        version=_NEXT_VERSION,
    )
    .where(hold.c.id == bindparam("hold_id")),
    "hold_id",
    "new_status",
    "filled_by",
    "shelf_limit",
)


def facts(row: Row) -> HoldFacts:
    """A row of `COLUMNS`."""
    times = (maybe_instant(row[12]), maybe_instant(row[13]), maybe_instant(row[14]))
    values: Row = (*row[:8], instant(row[8]), *row[9:12], *times, row[15])
    return HoldFacts(*values)


def by_id(unit: Unit, hold_id: int) -> HoldFacts | None:
    """Any hold, closed ones too."""
    row = unit.one(_BY_ID, hold_id)
    return None if row is None else facts(row)


def candidates(
    unit: Unit, item_id: int, title_id: int, home_branch_id: int, now: datetime
) -> list[tuple[HoldFacts, int]]:
    """The pending holds that this copy could fill, in the order of HO-3, each with its patron's type."""
    rows = unit.all(_CANDIDATES, item_id, title_id, home_branch_id, seconds(now))
    return [(facts(row), row[16]) for row in rows]


def position(unit: Unit, hold_facts: HoldFacts, now: datetime) -> int | None:
    """The place in the queue of the title, from 1; None when the hold waits no longer."""
    queue = [row[0] for row in unit.all(_QUEUE, hold_facts.title_id, seconds(now))]
    return queue.index(hold_facts.id) + 1 if hold_facts.id in queue else None


def active_of(unit: Unit, patron_id: int, title_id: int) -> list[HoldFacts]:
    """The patron's active holds on a title, newest first; locked where the database locks rows."""
    return [facts(row) for row in unit.all(_OF_TITLE, patron_id, title_id)]


def recalls_of_copy(unit: Unit, title_id: int, item_id: int) -> int:
    """How many recalls of this copy are pending."""
    return int(unit.value(_RECALLS, title_id, item_id))


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A hold for the lists of message 64 (HO-9). ``barcode``: of the copy kept, or of the one asked for."""

    hold_id: int
    title_number: str
    title: str
    barcode: str | None
    pickup_branch: str
    status: str
    placed_at: datetime
    shelf_expires_at: datetime | None


def of_patron(unit: Unit, patron_id: int, which: str) -> list[Listed]:
    """``which``: ``ready`` (on the shelf), ``pending`` (waiting, in transit) or ``all``; as placed (HO-9)."""
    rows: list[Row] = [
        (*row[:6], instant(row[6]), maybe_instant(row[7])) for row in unit.all(_LISTS[which], patron_id)
    ]
    return [Listed(*row) for row in rows]


def insert_hold(unit: Unit, institution_id: int, wanted: HoldFacts) -> HoldFacts:
    """Record a new, pending hold (its id is not read); the hold as it stands."""
    hold_id = unit.insert(
        _INSERT,
        institution_id,
        wanted.patron_id,
        wanted.title_id,
        wanted.item_id,
        wanted.kind,
        wanted.scope,
        wanted.pickup_branch_id,
        wanted.copy_branch_id,
        seconds(wanted.placed_at),
        wanted.priority,
        maybe_seconds(wanted.expires_at),
        maybe_seconds(wanted.starts_at),
    )
    return msgspec.structs.replace(wanted, id=hold_id)


def fill(
    unit: Unit, seen: HoldFacts, status: str, item_id: int | None, shelf_expires_at: datetime | None
) -> HoldFacts | None:
    """Give the copy to the hold (ON_SHELF, IN_TRANSIT) or take it away (PENDING, None).

    None: the hold has changed since it was read (another copy filled it, it was cancelled).
    """
    limit = maybe_seconds(shelf_expires_at)
    if not unit.run(_FILL, seen.id, seen.version, status, item_id, limit):
        return None
    return msgspec.structs.replace(
        seen,
        status=status,
        filled_item_id=item_id,
        shelf_expires_at=maybe_instant(limit),
        version=seen.version + 1,
    )


def change(
    unit: Unit, seen: HoldFacts, pickup_branch_id: int, expires_at: datetime | None
) -> HoldFacts | None:
    """Another pickup branch or "not needed after", the place kept (HO-3). None: changed since it was read."""
    until = maybe_seconds(expires_at)
    if not unit.run(_CHANGE, seen.id, seen.version, pickup_branch_id, until):
        return None
    return msgspec.structs.replace(
        seen, pickup_branch_id=pickup_branch_id, expires_at=maybe_instant(until), version=seen.version + 1
    )


def close(
    unit: Unit, seen: HoldFacts, status: str, now: datetime, item_id: int | None = None
) -> HoldFacts | None:
    """End a hold: FULFILLED (with the copy lent), CANCELLED or EXPIRED. None: it had ended already."""
    if not unit.run(_CLOSE, seen.id, status, seconds(now), item_id):
        return None
    return msgspec.structs.replace(seen, status=status, filled_item_id=item_id, version=seen.version + 1)


def state(seen: HoldFacts) -> dict[str, object]:
    """What `restore` needs to bring a hold back to where it stands now; fit for a loan event's detail."""
    return {
        "id": seen.id,
        "status": seen.status,
        "filled_item_id": seen.filled_item_id,
        "shelf_expires_at": maybe_seconds(seen.shelf_expires_at),
    }


def restore(unit: Unit, before: Mapping[str, Any]) -> None:
    """HO-11: the hold is again as `state` wrote it down. The version still grows: marks never come back."""
    unit.run(_RESTORE, before["id"], before["status"], before["filled_item_id"], before["shelf_expires_at"])
