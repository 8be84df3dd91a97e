"""Linked accounts: the network blocks of the source are copied to the target, as consortial blocks of the
target's institution (BL-60..BL-68). Copies never flow back: they are no network blocks themselves.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy.suspension import BlockDefinition
from sip2d.store import blocks, links, patrons
from sip2d.store.library import Library
from sip2d.store.links import Link, Source
from sip2d.store.unit import Unit

TYPE: Final = "CONSORTIAL"
DESCRIPTION: Final = "CONSORTIA"
"""What the target's definition has (BL-64)."""

NO_DEFINITION: Final = "NO_CONSORTIAL_DEFINITION"
EVENT: Final = "patron_link_refreshed"
REFRESH: Final = "REFRESH"


class Refreshed(msgspec.Struct, frozen=True):
    """How many copies were removed and made; why none was although there should be."""

    removed: int = 0
    copied: int = 0
    error: str | None = None


def definition(library: Library, institution_id: int) -> BlockDefinition | None:
    """What copies are at this institution: type CONSORTIAL with the description CONSORTIA."""
    for each in library.block_definitions.get(institution_id, {}).values():
        if each.type == TYPE and each.description_code == DESCRIPTION:
            return each
    return None


def lock(unit: Unit, desk: Desk, of: Iterable[Link]) -> None:
    """Lock everybody at both ends of these links, in one order."""
    for patron_id in sorted({end for link in of for end in (link.source_id, link.target_id)}):
        patrons.by_id(unit, patron_id, desk.now)


def refresh(unit: Unit, desk: Desk, link_id: int) -> Refreshed:
    """Replace the copies of a link by those of the source's effective network blocks (BL-65). Whoever calls
    has locked both ends.

    Between accounts of consortium identifiers nothing is refreshed (BL-66); a link that copies nothing has
    no copies left afterwards. Without the target's definition nothing changes, and the next refresh tries
    again.
    """
    link = links.find(unit, link_id)
    if link is None or link.mode == links.CONSORTIUM_ID:
        return Refreshed()
    wanted: list[Source] = []
    if link.copies and not link.source_deleted:
        wanted = links.network_blocks(unit, link.source_id, desk.now)
    kind = definition(desk.library, link.target_institution_id)
    if wanted and kind is None:
        audited(unit, desk, "institution", link.target_institution_id, NO_DEFINITION, None, {"link": link.id})
        return Refreshed(error=NO_DEFINITION)
    removed = clear(unit, desk, link, REFRESH)
    copied = [_copy(unit, desk, link, one, kind) for one in wanted if kind is not None]
    links.refreshed(unit, link.id, link.source_version, desk.now)
    audited(
        unit, desk, "patron_link", link.id, EVENT, {"version": link.version, "blocks": removed},
        {"version": link.source_version, "blocks": copied},
    )  # fmt: skip
    return Refreshed(len(removed), len(copied))


def clear(unit: Unit, desk: Desk, link: Link, reason: str) -> list[int]:
    """Remove the copies of a link; their ids."""
    standing = links.copies(unit, link.id)
    for block_id in standing:
        blocks.remove(unit, block_id, now=desk.now, reason=reason, actor=desk.actor)
    if standing:
        audited(
            unit, desk, blocks.AUDITED, link.target_id, "UNBLOCK", {"blocks": standing}, {"reason": reason}
        )
    return standing


def _copy(unit: Unit, desk: Desk, link: Link, source: Source, kind: BlockDefinition) -> int:
    """One block at the target, with the source's end; its note states what it was (BL-62)."""
    there = desk.library.institutions[link.source_institution_id].code
    block_id = blocks.insert_block(
        unit,
        link.target_id,
        definition=kind.code,
        actions=kind.actions,
        override=kind.override,
        reason=kind.text,
        origin=links.NETWORK,
        starts_at=desk.now,
        expires_at=source.expires_at,
        created_by=desk.actor,
        type_=TYPE,
        note=f"Original type: {source.type} ({there})",
        link_id=link.id,
        original_type=source.type,
    )
    audited(
        unit, desk, blocks.AUDITED, link.target_id, "BLOCK", None,
        {"block": block_id, "definition": kind.code, "origin": links.NETWORK, "link": link.id},
    )  # fmt: skip
    return block_id
