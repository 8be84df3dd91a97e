"""Holds to pull: the copies that stand on a branch's shelf while somebody waits for them (LO-72)."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, literal, or_, select

from sip2d.store import holds
from sip2d.store.records import Record
from sip2d.store.tables import hold, item, loan, patron, title
from sip2d.store.times import seconds
from sip2d.store.unit import Unit


def to_pull(
    unit: Unit, institution_id: int, branch_id: int, now: datetime, *, hold_id: int | None = None
) -> list[Record]:
    """One line for each pending hold that a copy here may fill, in the order of the queues (HO-3); a copy is
    named once."""
    moment: ColumnElement[int] = literal(seconds(now), hold.c.placed_at.type)
    query = (
        select(
            hold.c.id.label("hold"),
            hold.c.item_id.label("item_id"),
            hold.c.pickup_branch_id.label("pickup"),
            hold.c.scope,
            title.c.number.label("title_number"),
            title.c.title,
            title.c.author,
            item.c.id.label("copy"),
            item.c.barcode.label("item"),
            item.c.call_number,
            patron.c.barcode.label("patron"),
        )
        .select_from(hold)
        .join(title, title.c.id == hold.c.title_id)
        .join(patron, patron.c.id == hold.c.patron_id)
        .join(item, item.c.title_id == hold.c.title_id)
        .where(
            hold.c.institution_id == institution_id,
            holds.waiting(moment),
            holds.fits(item.c.id, item.c.title_id, item.c.home_branch_id),
            *_on_the_shelf(branch_id),
        )
        .order_by(*holds.queue_order(moment), item.c.id)
    )
    if hold_id is not None:
        query = query.where(hold.c.id == hold_id)
    return _each_once([dict(row) for row in unit.core.execute(query).mappings()])


def _on_the_shelf(branch_id: int) -> tuple[ColumnElement[bool], ...]:
    lent = exists().where(loan.c.item_id == item.c.id, loan.c.status == "OPEN")
    other = hold.alias("kept")
    kept = exists().where(
        other.c.filled_item_id == item.c.id, or_(other.c.status == "ON_SHELF", other.c.status == "IN_TRANSIT")
    )
    return (
        item.c.holding_branch_id == branch_id,
        item.c.transit_to_branch_id.is_(None),
        item.c.lost_status == 0,
        item.c.withdrawn == 0,
        item.c.not_for_loan == 0,
        ~lent,
        ~kept,
    )


def _each_once(rows: list[dict[str, Any]]) -> list[Record]:
    """The first free copy for each hold, those who came first first."""
    served: set[int] = set()
    taken: set[int] = set()
    lines = []
    for row in rows:
        if row["hold"] in served or row["copy"] in taken:
            continue
        served.add(row["hold"])
        taken.add(row["copy"])
        lines.append(row)
    return lines
