"""Demerit points and what suspensions used of them (BL-20..BL-42).

Nothing is deleted. A return taken back leaves its points and a row against them (kind REVERSAL, both numbers
negative), so that of every patron the points sum to what remains and what was used (PT-28).
"""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from sip2d.policy.suspension import Point, Uses
from sip2d.store.statement import hot
from sip2d.store.tables import demerit_consumption, demerit_point, user_block
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Row, Unit

OVERDUE = "OVERDUE"
RECALL = "RECALL"
REVERSAL = "REVERSAL"

_ADD = hot(
    insert(demerit_point), "patron_id", "loan_id", "event_id", "kind", "points", "remaining", "created_at"
)
# A return and its reversal are one point; both have the event's id and time.
_OF_PATRON = hot(
    select(
        func.min(demerit_point.c.id),
        func.min(demerit_point.c.created_at),
        func.sum(demerit_point.c.remaining),
    )
    .where(
        demerit_point.c.patron_id == bindparam("patron_id"), demerit_point.c.created_at >= bindparam("since")
    )
    .group_by(demerit_point.c.event_id)
    .order_by(func.min(demerit_point.c.id)),
    "patron_id",
    "since",
)
_OF_EVENT = hot(
    select(
        demerit_point.c.id,
        demerit_point.c.patron_id,
        demerit_point.c.loan_id,
        demerit_point.c.event_id,
        demerit_point.c.kind,
        demerit_point.c.points,
        demerit_point.c.created_at,
    )
    .where(demerit_point.c.event_id == bindparam("event_id"))
    .order_by(demerit_point.c.id.desc())
    .limit(1),
    "event_id",
)
_SPEND = hot(
    update(demerit_point)
    .values(remaining=demerit_point.c.remaining - bindparam("share"))
    .where(demerit_point.c.id == bindparam("point_is")),
    "point_is",
    "share",
)
_CONSUME = hot(insert(demerit_consumption), "block_id", "point_id", "used")
_CONSUME_AGAIN = hot(
    update(demerit_consumption)
    .values(used=demerit_consumption.c.used + bindparam("share"))
    .where(
        demerit_consumption.c.block_id == bindparam("block_is"),
        demerit_consumption.c.point_id == bindparam("point_is"),
    ),
    "block_is",
    "point_is",
    "share",
)
_USES = hot(
    select(demerit_consumption.c.point_id, demerit_consumption.c.used)
    .where(demerit_consumption.c.block_id == bindparam("block_id"))
    .order_by(demerit_consumption.c.point_id),
    "block_id",
)
_USER = hot(
    select(user_block.c.id)
    .join(demerit_consumption, demerit_consumption.c.block_id == user_block.c.id)
    .where(
        user_block.c.patron_id == bindparam("patron_id"),
        user_block.c.removed_at.is_(None),
        demerit_consumption.c.point_id == bindparam("point_id"),
        demerit_consumption.c.used > 0,
    ),
    "patron_id",
    "point_id",
)


class Earned(msgspec.Struct, frozen=True):
    """The row of what one return earned."""

    id: int
    patron_id: int
    loan_id: int
    event_id: int
    kind: str
    points: int
    created_at: datetime


def add(unit: Unit, patron_id: int, loan_id: int, event_id: int, kind: str, points: int, at: datetime) -> int:
    """Record what the return of an event earned (BL-32); the point's id."""
    return unit.insert(_ADD, patron_id, loan_id, event_id, kind, points, points, seconds(at))


def of_patron(unit: Unit, patron_id: int, since: datetime) -> tuple[Point, ...]:
    """What the patron earned since then, oldest first."""
    return tuple(
        Point(row[0], instant(row[1]), int(row[2])) for row in unit.all(_OF_PATRON, patron_id, seconds(since))
    )


def of_event(unit: Unit, event_id: int) -> Earned | None:
    """What this return earned; None when it earned nothing or was taken back already."""
    row = unit.one(_OF_EVENT, event_id)
    if row is None or row[4] == REVERSAL:
        return None
    fields: Row = (*row[:6], instant(row[6]))
    return Earned(*fields)


def consume(unit: Unit, block_id: int, uses: Uses) -> None:
    """A suspension uses points up (BL-33)."""
    for point_id, share in uses:
        unit.run(_SPEND, point_id, share)
        if unit.run(_CONSUME_AGAIN, block_id, point_id, share) == 0:
            unit.run(_CONSUME, block_id, point_id, share)


def give_back(unit: Unit, block_id: int) -> Uses:
    """What a suspension had used is there again: it should not have been (BL-42); what that was."""
    uses = tuple((row[0], row[1]) for row in unit.all(_USES, block_id) if row[1])
    for point_id, share in uses:
        unit.run(_SPEND, point_id, -share)
        unit.run(_CONSUME_AGAIN, block_id, point_id, -share)
    return uses


def user(unit: Unit, earned: Earned) -> int | None:
    """The suspension in force that used some of these points."""
    block_id: int | None = unit.value(_USER, earned.patron_id, earned.id)
    return block_id


def reverse(unit: Unit, earned: Earned) -> int:
    """The row against what a return earned (BL-42); its id. It leaves the window when the points do."""
    return add(
        unit, earned.patron_id, earned.loan_id, earned.event_id, REVERSAL, -earned.points, earned.created_at
    )
