"""Items and their titles by staff's hand."""

from collections.abc import Callable, Mapping
from typing import Final

from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.patrons import usable
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy.facts import ItemFacts
from sip2d.policy.parsing import minor, truth
from sip2d.store import records, searches
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import item
from sip2d.store.tables import title as titles
from sip2d.vocabulary import SecurityMarker

FIELDS: Final = (
    "title", "author", "title_number", "branch", "type", "call_number", "collection", "properties", "price",
    "not_for_loan", "withdrawn", "security_marker", "copy_no",
)  # fmt: skip
"""What a person, or a file, says of an item besides its barcode."""

_TITLE_FIELDS: Final = ("title", "author", "title_number")


def listing(
    work: Work, institution_code: str | None = None, *, text: str = "", limit: int = 100
) -> list[Record]:
    """Items by barcode or a part of the title."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return [
        {
            **row,
            "branch": work.library.branches[row["branch"]].code,
            "type": work.library.item_types[row["type"]].code,
        }
        for row in searches.items(work.unit, owner.id, text, limit)
    ]


def show(work: Work, barcode: str, institution_code: str | None = None) -> Record:
    """One item with its loan and holds."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return shown(work, owner, counter.item(work, owner, barcode))


def shown(work: Work, owner: Institution, what: ItemFacts) -> Record:
    """An item's facts for a person."""
    branches = work.library.branches
    transit = branches.get(what.transit_to_branch_id or 0)
    return {
        "institution": owner.code,
        **{key: getattr(what, key) for key in ("barcode", "title", "author", "title_number")},
        "type": work.library.item_types[what.type_id].code,
        "home_branch": branches[what.home_branch_id].code,
        "holding_branch": branches[what.holding_branch_id].code,
        "transit_to": transit.code if transit else None,
        "collection": what.collection_code,
        **{
            key: getattr(what, key) for key in ("call_number", "properties", "price_minor", "security_marker")
        },
        **{key: getattr(what, key) for key in ("not_for_loan", "withdrawn", "lost_status", "queue_length")},
        "due_at": what.loan.due_at.isoformat() if what.loan else None,
        "recalled": bool(what.loan and what.loan.recalled_at),
        "on_hold_shelf": bool(what.shelf_hold and what.shelf_hold.status == "ON_SHELF"),
    }


def add(work: Work, barcode: str, said: Mapping[str, str], *, institution_code: str | None = None) -> Record:
    """A new item; the title is made when its number is new. Title, branch and type are needed."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_ITEMS, owner.id)
    insert(work, owner, barcode, said)
    return show(work, barcode, owner.code)


def insert(work: Work, owner: Institution, barcode: str, said: Mapping[str, str]) -> int:
    """The new item's id; the act of `add` and of imports, for somebody who may."""
    barcode = usable("barcode", barcode)
    if records.one(work.unit, item, institution_id=owner.id, barcode=barcode) is not None:
        raise Refused(f"There is an item {barcode!r} in {owner.code} already.")
    values = columns(work, owner, said)
    for key in ("home_branch_id", "type_id"):
        if not values.get(key):
            raise Refused(f"An item has a {key.removesuffix('_id').replace('_', ' ')}.")
    values |= {
        "institution_id": owner.id,
        "barcode": barcode,
        "holding_branch_id": values["home_branch_id"],
        "title_id": save_title(work, owner, said, fallback=barcode),
    }
    made = records.add(work.unit, item, **values)
    work.record("item", made, "add", None, values, branch_id=values["home_branch_id"], library=False)
    return made


def change(
    work: Work,
    barcode: str,
    said: Mapping[str, str],
    *,
    new_barcode: str | None = None,
    institution_code: str | None = None,
) -> Record:
    """Change what is said. Title and author are changed for every copy; a ``title_number`` moves the item to
    that title.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_ITEMS, owner.id)
    what = counter.item(work, owner, barcode)
    wanted = columns(work, owner, said)
    if new_barcode is not None and new_barcode != what.barcode:
        wanted["barcode"] = usable("barcode", new_barcode)
        if records.one(work.unit, item, institution_id=owner.id, barcode=wanted["barcode"]) is not None:
            raise Refused(f"There is an item {new_barcode!r} in {owner.code} already.")
    row = records.one(work.unit, item, id=what.id)
    assert row is not None
    update(work, owner, row, wanted, said)
    return show(work, wanted.get("barcode", what.barcode), owner.code)


def update(work: Work, owner: Institution, row: Record, wanted: Record, said: Mapping[str, str]) -> bool:
    """Write what differs, of the item and of its title; whether anything did."""
    changed = False
    if any(key in said for key in _TITLE_FIELDS):
        number = said.get("title_number", "").strip()
        own = records.one(work.unit, titles, id=row["title_id"])
        assert own is not None
        if number and number != own["number"]:
            wanted = wanted | {"title_id": save_title(work, owner, said, fallback=number)}
        else:
            changed = _retitle(work, own, said)
    before, after = changes(row, wanted)
    if after:
        records.change(work.unit, item, after, id=row["id"])
        work.record("item", row["id"], "set", before, after, branch_id=row["home_branch_id"], library=False)
    return changed or bool(after)


def columns(work: Work, owner: Institution, said: Mapping[str, str]) -> Record:
    """What was said, as columns of the item. Raises `Refused` with one sentence."""
    wanted: Record = {}
    for key, text in said.items():
        text = text.strip()
        match key:
            case "title" | "author" | "title_number":
                if key == "title" and not text:
                    raise Refused("An item has a title.")
            case "branch":
                wanted["home_branch_id"] = counter.branch_for(work, owner, text).id
            case "type":
                wanted["type_id"] = find.item_type(work, owner, text).id
            case "call_number" | "properties":
                wanted[key] = text
            case "collection":
                wanted["collection_code"] = text
            case "price":
                wanted["price_minor"] = _parsed(key, text, lambda each: minor(each, owner.decimals))
            case "not_for_loan" | "withdrawn":
                wanted[key] = int(bool(_parsed(key, text, truth))) if text else 0
            case "security_marker":
                if text not in [each.value for each in SecurityMarker]:
                    raise find.missing("security marker", text, [each.value for each in SecurityMarker])
                wanted[key] = text
            case "copy_no":
                if not text.isdecimal() or not 1 <= int(text) <= 99_999:
                    raise Refused(f"copy_no: {text!r} is no number from 1 to 99999.")
                wanted[key] = int(text)
            case _:
                raise find.missing("field of an item", key, FIELDS)
    return wanted


def save_title(work: Work, owner: Institution, said: Mapping[str, str], *, fallback: str) -> int:
    """The id of the title of this number (the barcode, where none is said), made when it is not there."""
    number = said.get("title_number", "").strip() or fallback
    row = records.one(work.unit, titles, institution_id=owner.id, number=number)
    if row is not None:
        return int(row["id"])
    text = said.get("title", "").strip()
    if not text:
        raise Refused("An item has a title.")
    values = {
        "institution_id": owner.id,
        "number": number,
        "title": text,
        "author": said.get("author", "").strip(),
    }
    made = records.add(work.unit, titles, **values)
    work.record("title", made, "add", None, values, library=False)
    return made


def _retitle(work: Work, own: Record, said: Mapping[str, str]) -> bool:
    wanted: Record = {key: said[key].strip() for key in ("title", "author") if key in said}
    before, after = changes(own, wanted)
    if after:
        records.change(work.unit, titles, after, id=own["id"])
        work.record("title", own["id"], "set", before, after, library=False)
    return bool(after)


def _parsed(name: str, text: str, parse: Callable[[str], object]) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise Refused(f"{name}: {text!r} {error}.") from None
