"""Linked accounts by staff's hand, at the institution of the target (BL-60..BL-67)."""

from sip2d.desk import link as desk_link
from sip2d.desk.place import Desk
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import links, records
from sip2d.store.library import Institution
from sip2d.store.links import CONSORTIUM_ID, SOURCE_TARGET, Link
from sip2d.store.records import Record
from sip2d.store.tables import patron_link

MODES = (SOURCE_TARGET, CONSORTIUM_ID)
"""The first is what a new link has."""
ENDED = "LINK_ENDED"
"""Why copies are removed when a link is, or when it becomes one of consortium identifiers."""


def listing(work: Work, institution_code: str | None = None, *, patron: str | None = None) -> list[Record]:
    """The links that begin or end at an institution, or at one of its patrons."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    who = None if patron is None else counter.patron(work, owner, patron).id
    counts = links.copy_counts(work.unit)
    return [_shown(work, one, counts) for one in links.of_institution(work.unit, owner.id, who)]


def add(
    work: Work,
    barcode: str,
    source_institution: str,
    source_barcode: str,
    *,
    mode: str = MODES[0],
    copies: bool = False,
    institution_code: str | None = None,
) -> Record:
    """Link a patron (the target) to his account elsewhere (the source); blocks are copied at once where that
    is wanted (BL-61)."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_BLOCKS, owner.id)
    known = {one.code: one for one in work.library.institutions.values()}
    if source_institution not in known:
        raise find.missing("institution", source_institution, known)
    there = known[source_institution]
    if there.id == owner.id:
        raise Refused("Accounts of two institutions are linked: say another one for the source.")
    mode = _mode(mode)
    source = counter.patron(work, there, source_barcode)
    target = counter.patron(work, owner, barcode)
    if links.between(work.unit, source.id, target.id) is not None:
        raise Refused(
            f"{owner.code}/{target.barcode} and {there.code}/{source.barcode} are linked already;"
            " blocks are never copied back."
        )
    values = {
        "source_patron_id": source.id, "target_patron_id": target.id, "mode": mode,
        "copy_network_blocks": int(copies),
    }  # fmt: skip
    made = records.add(work.unit, patron_link, **values)
    work.record("patron_link", made, "add", None, values, library=False)
    link = _stored(work, made)
    if mode == SOURCE_TARGET:
        _refreshed(work, link)
    return _one(work, made)


def change(
    work: Work,
    link_id: int,
    *,
    mode: str | None = None,
    copies: bool | None = None,
) -> Record:
    """Another mode, blocks copied or not; the copies follow."""
    link, desk = _opened(work, link_id)
    wanted = {
        "mode": link.mode if mode is None else _mode(mode),
        "copies": link.copies if copies is None else copies,
    }
    before = {"mode": link.mode, "copies": link.copies}
    if wanted != before:
        links.change(work.unit, link.id, mode=str(wanted["mode"]), copies=bool(wanted["copies"]))
        work.record("patron_link", link.id, "set", before, wanted, library=False)
        if wanted["mode"] == CONSORTIUM_ID:
            desk_link.clear(work.unit, desk, link, ENDED)
        else:
            _refreshed(work, link)
    return _one(work, link.id)


def remove(work: Work, link_id: int) -> Record:
    """Unlink: the copies are removed."""
    link, desk = _opened(work, link_id)
    desk_link.clear(work.unit, desk, link, ENDED)
    shown = _one(work, link.id)
    links.forget(work.unit, link.id)
    work.record("patron_link", link.id, "remove", shown, None, library=False)
    return shown


def refresh(work: Work, link_id: int) -> Record:
    """Copy the source's network blocks anew, whether or not it has changed."""
    link, _ = _opened(work, link_id)
    if link.mode == CONSORTIUM_ID:
        raise Refused("The accounts have consortium identifiers: neither is the primary one (BL-66).")
    _refreshed(work, link)
    return _one(work, link.id)


def _opened(work: Work, link_id: int) -> tuple[Link, Desk]:
    """The link, for somebody who may change it, both ends locked; the desk at the target's home branch."""
    link = _stored(work, link_id)
    work.require(Act.CONFIGURE_BLOCKS, link.target_institution_id)
    desk = counter.desk_at(work, work.library.branches[link.target_branch_id])
    desk_link.lock(work.unit, desk, [link])
    return _stored(work, link_id), desk


def _refreshed(work: Work, link: Link) -> None:
    desk = counter.desk_at(work, work.library.branches[link.target_branch_id])
    done = desk_link.refresh(work.unit, desk, link.id)
    if done.error is not None:
        owner: Institution = work.library.institutions[link.target_institution_id]
        raise Refused(
            f"{owner.code} has no block definition of type {desk_link.TYPE} with the description "
            f"{desk_link.DESCRIPTION} ({done.error}): add it first."
        )


def _mode(text: str) -> str:
    mode = text.upper().replace("-", "_")
    if mode not in MODES:
        raise find.missing("mode of links", text, MODES)
    return mode


def _stored(work: Work, link_id: int) -> Link:
    link = links.find(work.unit, link_id)
    if link is None:
        raise Refused(f"There is no link {link_id}.")
    return link


def _one(work: Work, link_id: int) -> Record:
    return _shown(work, _stored(work, link_id), links.copy_counts(work.unit))


def _shown(work: Work, link: Link, counts: dict[int, int]) -> Record:
    source, target = (
        work.library.institutions[id_].code
        for id_ in (link.source_institution_id, link.target_institution_id)
    )
    fresh = link.version == link.source_version
    return {
        "id": link.id, "source": f"{source}/{link.source_barcode}",
        "target": f"{target}/{link.target_barcode}", "mode": link.mode, "copy_network_blocks": link.copies,
        "version": link.version, "up_to_date": fresh or not link.copies or link.mode == CONSORTIUM_ID,
        "copies": counts.get(link.id, 0),
    }  # fmt: skip
