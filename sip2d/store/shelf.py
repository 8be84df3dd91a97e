"""Holds whose time is over, or nearly: for the nightly look at the hold shelves (HO-6, HO-7)."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, or_, select

from sip2d.policy.facts import HoldFacts
from sip2d.store import holds
from sip2d.store.tables import hold, item, title
from sip2d.store.times import seconds
from sip2d.store.unit import Unit


class Kept(msgspec.Struct, frozen=True):
    """A hold with what a notice says of it. ``barcode``: of the copy that is kept for it, or asked for."""

    hold: HoldFacts
    institution_id: int
    title: str
    author: str
    barcode: str | None


def _over(at: datetime) -> ColumnElement[bool]:
    """The shelf limit or the "not needed after" has passed (HO-6)."""
    now = seconds(at)
    return holds.ACTIVE & or_((hold.c.status == "ON_SHELF") & (hold.c.shelf_expires_at < now),
                              hold.c.expires_at < now)  # fmt: skip


def _near(at: datetime, before: datetime) -> ColumnElement[bool]:
    """On the shelf, and the limit is later than ``at`` and earlier than ``before``."""
    limit = hold.c.shelf_expires_at
    return (hold.c.status == "ON_SHELF") & (limit >= seconds(at)) & (limit < seconds(before))


def expired(unit: Unit, institution_id: int, at: datetime) -> list[tuple[int, int]]:
    """The holds of an institution whose time is over: pickup branch and id, in this order."""
    return _ids(unit, _over(at), institution_id)


def expiring(unit: Unit, institution_id: int, at: datetime, before: datetime) -> list[tuple[int, int]]:
    """Those that wait on the shelf until a moment between ``at`` and ``before``."""
    return _ids(unit, _near(at, before), institution_id)


def still_expired(unit: Unit, hold_id: int, at: datetime) -> Kept | None:
    """The hold, locked, if its time is over: somebody may have borrowed or changed it since it was
    selected."""
    return _kept(unit, hold_id, _over(at))


def still_expiring(unit: Unit, hold_id: int, at: datetime, before: datetime) -> Kept | None:
    """The hold, locked, if it still waits there."""
    return _kept(unit, hold_id, _near(at, before))


def _ids(unit: Unit, which: ColumnElement[bool], institution_id: int) -> list[tuple[int, int]]:
    """Open holds are a small part: the index of those is read, never the holds of all times."""
    query = select(hold.c.pickup_branch_id, hold.c.id).where(
        hold.c.closed_at.is_(None), hold.c.institution_id == institution_id, which
    )
    return sorted((row[0], row[1]) for row in unit.core.execute(query))


def _kept(unit: Unit, hold_id: int, which: ColumnElement[bool]) -> Kept | None:
    row = unit.core.execute(
        select(*holds.COLUMNS, hold.c.institution_id, title.c.title, title.c.author)
        .join(title, title.c.id == hold.c.title_id)
        .where(hold.c.id == hold_id, which)
        .with_for_update(of=hold)
    ).first()
    if row is None:
        return None
    values = tuple(row)
    facts = holds.facts(values)
    copy = facts.filled_item_id or facts.item_id
    barcode = None if copy is None else unit.core.scalar(select(item.c.barcode).where(item.c.id == copy))
    institution_id, name, author = values[len(holds.COLUMNS) :]
    return Kept(facts, institution_id, name, author, barcode)
