"""Proxy cards: barcodes that let somebody act for a patron (MB-24). One person may hold several."""

from sip2d.desk.staff import counter, find, patrons
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.store import member_lists, records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import proxy_card


def listing(work: Work, institution_code: str | None = None, *, patron: str | None = None) -> list[Record]:
    """The proxy cards of an institution, or those that stand for one patron."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    primary_id = counter.patron(work, owner, patron).id if patron else None
    return [
        {**row, "enabled": bool(row["enabled"])}
        for row in member_lists.proxies(work.unit, owner.id, patron_id=primary_id)
    ]


def add(
    work: Work,
    barcode: str,
    patron: str,
    *,
    holder: str | None = None,
    expires_on: str | None = None,
    institution_code: str | None = None,
) -> Record:
    """A card with which its holder, where he is a patron himself, acts for a patron."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    barcode = patrons.usable("barcode", barcode)
    patrons.barcode_free(work, owner, barcode)
    values: Record = {
        "institution_id": owner.id,
        "barcode": barcode,
        "primary_patron_id": counter.patron(work, owner, patron).id,
        "holder_patron_id": counter.patron(work, owner, holder).id if holder else None,
        "expires_on": patrons.iso_date("expires_on", expires_on or ""),
    }
    _two(values)
    records.add(work.unit, proxy_card, **values)
    work.record("proxy_card", barcode, "add", None, values, library=False)
    return _shown(work, owner, barcode)


def change(
    work: Work,
    barcode: str,
    *,
    holder: str | None = None,
    expires_on: str | None = None,
    enabled: bool | None = None,
    institution_code: str | None = None,
) -> Record:
    """Another holder or last day (empty: none), in force or not."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    row = _row(work, owner, barcode)
    wanted: Record = {}
    if holder is not None:
        wanted["holder_patron_id"] = counter.patron(work, owner, holder).id if holder else None
    if expires_on is not None:
        wanted["expires_on"] = patrons.iso_date("expires_on", expires_on)
    if enabled is not None:
        wanted["enabled"] = int(enabled)
    _two({**row, **wanted})
    before, after = changes(row, wanted)
    if after:
        records.change(work.unit, proxy_card, after, institution_id=owner.id, barcode=barcode)
        work.record("proxy_card", barcode, "set", before, after, library=False)
    return _shown(work, owner, barcode)


def remove(work: Work, barcode: str, institution_code: str | None = None) -> Record:
    """Take a card away; the loans made with it stay."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    _row(work, owner, barcode)
    shown = _shown(work, owner, barcode)
    records.remove(work.unit, proxy_card, institution_id=owner.id, barcode=barcode)
    work.record("proxy_card", barcode, "remove", shown, None, library=False)
    return shown


def _two(values: Record) -> None:
    if values["holder_patron_id"] == values["primary_patron_id"]:
        raise Refused("Nobody is his own proxy: the holder is another patron.")


def _row(work: Work, owner: Institution, barcode: str) -> Record:
    row = records.one(work.unit, proxy_card, institution_id=owner.id, barcode=barcode)
    if row is None:
        raise Refused(f"There is no proxy card {barcode!r} in {owner.code}.")
    return row


def _shown(work: Work, owner: Institution, barcode: str) -> Record:
    (row,) = member_lists.proxies(work.unit, owner.id, barcode=barcode)
    return {**row, "enabled": bool(row["enabled"])}
