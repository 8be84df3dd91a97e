"""Linked accounts: the account of one person at another institution, and the copies of blocks it gets from
there (BL-60..BL-66). Never on the exchange path.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, or_, select, update

from sip2d.policy.suspension import DEMERIT
from sip2d.store.records import Record
from sip2d.store.tables import patron, patron_link, user_block
from sip2d.store.times import maybe_instant, seconds
from sip2d.store.unit import Unit

NETWORK = "NETWORK"
"""The origin of copies."""
SOURCE_TARGET = "SOURCE_TARGET"
CONSORTIUM_ID = "CONSORTIUM_ID"

_SOURCE, _TARGET = patron.alias("source"), patron.alias("target")


class Link(msgspec.Struct, frozen=True):
    """A link, and who is at both ends. ``version`` is that of the source's record at the last refresh,
    ``source_version`` what it is now; a source that was deleted has no blocks to copy."""

    id: int
    mode: str
    copies: bool
    version: int
    source_id: int
    source_barcode: str
    source_institution_id: int
    source_version: int
    source_deleted: bool
    target_id: int
    target_barcode: str
    target_institution_id: int
    target_branch_id: int


class Source(msgspec.Struct, frozen=True):
    """A block to copy: what is kept of it."""

    id: int
    type: str
    expires_at: datetime | None


def _links() -> Select[Any]:
    link, source, target = patron_link.c, _SOURCE.c, _TARGET.c
    return (
        select(
            link.id,
            link.mode,
            link.copy_network_blocks.label("copies"),
            link.source_version.label("version"),
            source.id.label("source_id"),
            source.barcode.label("source_barcode"),
            source.institution_id.label("source_institution_id"),
            source.source_version,
            source.deleted_at.label("source_deleted"),
            target.id.label("target_id"),
            target.barcode.label("target_barcode"),
            target.institution_id.label("target_institution_id"),
            target.home_branch_id.label("target_branch_id"),
        )
        .join(_SOURCE, source.id == link.source_patron_id)
        .join(_TARGET, target.id == link.target_patron_id)
        .order_by(link.id)
    )


def _read(unit: Unit, *where: ColumnElement[bool], limit: int | None = None) -> list[Link]:
    found = []
    for row in unit.core.execute(_links().where(*where).limit(limit)).mappings():
        flags = {"copies": bool(row["copies"]), "source_deleted": row["source_deleted"] is not None}
        found.append(Link(**{**row, **flags}))
    return found


def find(unit: Unit, link_id: int) -> Link | None:
    """One by its id."""
    found = _read(unit, patron_link.c.id == link_id)
    return found[0] if found else None


def between(unit: Unit, one_id: int, other_id: int) -> Link | None:
    """The link of two patrons, whichever is the source."""
    link = patron_link.c
    found = _read(
        unit,
        or_(
            (link.source_patron_id == one_id) & (link.target_patron_id == other_id),
            (link.source_patron_id == other_id) & (link.target_patron_id == one_id),
        ),
    )
    return found[0] if found else None


def of_institution(unit: Unit, institution_id: int, patron_id: int | None = None) -> list[Link]:
    """Those with an end there, or with this patron at one."""
    source, target = _SOURCE.c, _TARGET.c
    if patron_id is not None:
        return _read(unit, or_(source.id == patron_id, target.id == patron_id))
    return _read(unit, or_(source.institution_id == institution_id, target.institution_id == institution_id))


def changed(unit: Unit, institution_id: int, after: int, count: int) -> list[Link]:
    """The next links to accounts of an institution that copy blocks, and whose source is another than at the
    last refresh (``LINK|link|version``), by id."""
    link = patron_link.c
    return _read(
        unit,
        link.id > after,
        link.mode == SOURCE_TARGET,
        link.copy_network_blocks == 1,
        link.source_version != _SOURCE.c.source_version,
        _TARGET.c.institution_id == institution_id,
        _TARGET.c.deleted_at.is_(None),
        limit=count,
    )


def network_blocks(unit: Unit, patron_id: int, now: datetime) -> list[Source]:
    """The effective network blocks of a source, oldest first; a copy is none (BL-64)."""
    block = user_block.c
    query = (
        select(block.id, block.type, block.expires_at)
        .where(
            block.patron_id == patron_id,
            block.removed_at.is_(None),
            block.network_block == 1,
            block.origin != NETWORK,
            or_(block.expires_at.is_(None), block.expires_at > seconds(now), block.origin == DEMERIT),
        )
        .order_by(block.id)
    )
    return [Source(row[0], row[1], maybe_instant(row[2])) for row in unit.core.execute(query)]


def copies(unit: Unit, link_id: int) -> list[int]:
    """The blocks at the target that stand because of a link."""
    block = user_block.c
    query = select(block.id).where(block.link_id == link_id, block.removed_at.is_(None)).order_by(block.id)
    return list(unit.core.scalars(query))


def copy_counts(unit: Unit) -> dict[int, int]:
    """How many copies stand, by link."""
    block = user_block.c
    query = (
        select(block.link_id, func.count())
        .where(block.link_id.is_not(None), block.removed_at.is_(None))
        .group_by(block.link_id)
    )
    return {row[0]: row[1] for row in unit.core.execute(query)}


def refreshed(unit: Unit, link_id: int, version: int, now: datetime) -> None:
    """The link has what the source had in this version."""
    _change(unit, link_id, {"last_refresh_at": seconds(now), "source_version": version})


def change(unit: Unit, link_id: int, *, mode: str, copies: bool) -> None:
    """Another mode, copies or none."""
    _change(unit, link_id, {"mode": mode, "copy_network_blocks": int(copies)})


def forget(unit: Unit, link_id: int) -> None:
    """Delete a link that nothing stands because of; the rows of its old copies stay, without it."""
    unit.core.execute(update(user_block).where(user_block.c.link_id == link_id).values(link_id=None))
    unit.core.execute(patron_link.delete().where(patron_link.c.id == link_id))


def _change(unit: Unit, link_id: int, values: Record) -> None:
    unit.core.execute(update(patron_link).where(patron_link.c.id == link_id).values(**values))
