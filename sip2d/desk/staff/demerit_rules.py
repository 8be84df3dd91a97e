"""The demerit table: points for a late return by patron type and item type, ALL where it does not matter
(BL-30). Row by row, or all of it as one set.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sip2d.desk.staff import find, sheet
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.parsing import whole
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import demerit_rule

ALL: Final = "ALL"
COLUMNS: Final = ("patron_type", "item_type", "points_overdue", "points_recall")
MOST: Final = 9_999

_Row = dict[str, int | None]
_POINTS: Final = COLUMNS[2:]


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """The table, the most special rows first."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return _table(work, owner)


def put(
    work: Work,
    patron_type: str,
    item_type: str,
    overdue: str,
    recalled: str,
    *,
    institution_code: str | None = None,
) -> Record:
    """Set the points of one place of the table."""
    owner = _owner(work, institution_code)
    row = _read(work, owner, dict(zip(COLUMNS, (patron_type, item_type, overdue, recalled), strict=True)))
    place = _place(owner, row)
    points = {name: row[name] for name in _POINTS}
    before = records.one(work.unit, demerit_rule, **place)
    if before is None:
        records.add(work.unit, demerit_rule, **place, **points)
    else:
        records.change(work.unit, demerit_rule, points, **place)
    if before is None or any(before[name] != points[name] for name in _POINTS):
        said = None if before is None else _shown(work, before)
        work.record("demerit_rule", owner.code, "add" if before is None else "set", said, _shown(work, row))
    return _shown(work, row)


def remove(work: Work, patron_type: str, item_type: str, institution_code: str | None = None) -> Record:
    """Take one row out."""
    owner = _owner(work, institution_code)
    place = _place(owner, _types(work, owner, patron_type, item_type))
    row = records.one(work.unit, demerit_rule, **place)
    if row is None:
        raise Refused(f"The demerit table of {owner.code} has no row for {patron_type}, {item_type}.")
    records.remove(work.unit, demerit_rule, id=row["id"])
    work.record("demerit_rule", owner.code, "remove", _shown(work, row), None)
    return _shown(work, row)


def save(work: Work, content: bytes, institution_code: str | None = None) -> list[Record]:
    """Replace the whole table by a CSV file of `COLUMNS`; all of it or, with every fault, nothing."""
    owner = _owner(work, institution_code)
    rows = _checked(work, owner, sheet.read(content, COLUMNS, needed=COLUMNS))
    before = _table(work, owner)
    records.remove(work.unit, demerit_rule, institution_id=owner.id)
    for row in rows:
        records.add(work.unit, demerit_rule, institution_id=owner.id, **row)
    after = _table(work, owner)
    if after != before:
        work.record("demerit_rule", owner.code, "save", {"rows": before}, {"rows": after})
    return after


def _owner(work: Work, institution_code: str | None) -> Institution:
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_BLOCKS, owner.id)
    return owner


def _checked(work: Work, owner: Institution, lines: Sequence[sheet.Line]) -> list[_Row]:
    faults: list[str] = []
    rows: dict[tuple[int | None, int | None], _Row] = {}
    for number, cells in lines:
        try:
            row = _read(work, owner, cells)
            if (row["patron_type_id"], row["item_type_id"]) in rows:
                raise Refused(f"{cells['patron_type']}, {cells['item_type']} has a row before.")
            rows[row["patron_type_id"], row["item_type_id"]] = row
        except Refused as fault:
            faults.append(f"Line {number}: {fault}")
    if faults:
        raise Refused("\n".join(faults))
    return list(rows.values())


def _read(work: Work, owner: Institution, cells: Mapping[str, str]) -> _Row:
    row = _types(work, owner, cells["patron_type"], cells["item_type"])
    for name in _POINTS:
        try:
            row[name] = whole(cells[name].strip(), most=MOST)
        except ValueError as fault:
            raise Refused(f"{name}: {cells[name]!r} {fault}.") from None
    return row


def _types(work: Work, owner: Institution, patron_type: str, item_type: str) -> _Row:
    some = {name: text.strip() for name, text in (("patron", patron_type), ("item", item_type))}
    every = {name: text.upper() in ("", ALL) for name, text in some.items()}
    return {
        "patron_type_id": None if every["patron"] else find.patron_type(work, owner, some["patron"]).id,
        "item_type_id": None if every["item"] else find.item_type(work, owner, some["item"]).id,
    }


def _place(owner: Institution, row: _Row) -> dict[str, int | None]:
    return {"institution_id": owner.id, **{name: row[name] for name in ("patron_type_id", "item_type_id")}}


def _table(work: Work, owner: Institution) -> list[Record]:
    shown = [_shown(work, row) for row in records.rows(work.unit, demerit_rule, institution_id=owner.id)]
    return sorted(shown, key=_rank)


def _rank(row: Record) -> tuple[bool, bool, str, str]:
    """In the order in which they are asked (BL-31)."""
    patron_type, item_type = row["patron_type"], row["item_type"]
    return patron_type == ALL, item_type == ALL, patron_type, item_type


def _shown(work: Work, row: Mapping[str, int | None]) -> Record:
    patron_type, item_type = row["patron_type_id"], row["item_type_id"]
    return {
        "patron_type": ALL if patron_type is None else work.library.patron_types[patron_type].code,
        "item_type": ALL if item_type is None else work.library.item_types[item_type].code,
        **{name: row[name] for name in _POINTS},
    }
