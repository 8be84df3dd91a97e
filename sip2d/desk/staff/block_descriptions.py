"""Block descriptions: the reasons that a block may have, in the order in which staff choose from them (BL-1,
BL-2).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sip2d.desk.staff import find, sheet
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy.parsing import truth
from sip2d.store import block_tables, records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import block_definition, block_description

COLUMNS: Final = ("code", "description", "enabled", "default")
"""Of a file. Of the last two, what is empty stays as it is; a new one is enabled and not the default."""

_NEW: Final[Record] = {"enabled": 1, "is_default": 0}


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """All of an institution, in their order."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return [_shown(row) for row in _rows(work, owner)]


def add(
    work: Work,
    code: str,
    text: str,
    *,
    enabled: bool = True,
    default: bool = False,
    institution_code: str | None = None,
) -> Record:
    """A new one, at the end."""
    owner = _owner(work, institution_code)
    if _stored(work, owner, code.strip()) is not None:
        raise Refused(f"There is a block description {code!r} in {owner.code} already.")
    _kept(work, owner, code, {"text": text, "enabled": int(enabled), "is_default": int(default)})
    return _shown(find_one(work, owner, code.strip()))


def change(
    work: Work,
    code: str,
    *,
    new_code: str | None = None,
    text: str | None = None,
    enabled: bool | None = None,
    default: bool | None = None,
    institution_code: str | None = None,
) -> Record:
    """Another code, another text (which blocks in force take), in use or not, the default or not."""
    owner = _owner(work, institution_code)
    find_one(work, owner, code)
    wanted: Record = {
        name: int(value)
        for name, value in (("enabled", enabled), ("is_default", default))
        if value is not None
    }
    if text is not None:
        wanted["text"] = text
    if new_code is not None and new_code.strip() != code:
        if _stored(work, owner, new_code.strip()) is not None:
            raise Refused(f"There is a block description {new_code!r} in {owner.code} already.")
        wanted["code"] = new_code
    _kept(work, owner, code, wanted)
    return _shown(find_one(work, owner, str(wanted.get("code", code))))


def remove(work: Work, code: str, institution_code: str | None = None) -> Record:
    """Take one away that no definition refers to."""
    owner = _owner(work, institution_code)
    row = find_one(work, owner, code)
    drop(work, owner, code)
    work.record("block_description", f"{owner.code}/{code}", "remove", row, None)
    return _shown(row)


def order(work: Work, codes: Sequence[str], institution_code: str | None = None) -> list[Record]:
    """These first, in this order; the others keep theirs behind them."""
    owner = _owner(work, institution_code)
    rows = _rows(work, owner)
    before = [row["code"] for row in rows]
    for code in codes:
        find_one(work, owner, code)
    first = list(dict.fromkeys(codes))
    after = first + [code for code in before if code not in first]
    for rank, code in enumerate(after, start=1):
        records.change(work.unit, block_description, {"rank": rank}, institution_id=owner.id, code=code)
    if after != before:
        work.record("block_description", owner.code, "order", {"codes": before}, {"codes": after})
    return [_shown(row) for row in _rows(work, owner)]


def load(work: Work, content: bytes, institution_code: str | None = None) -> Record:
    """Load a CSV file of `COLUMNS`: a code that is known is changed, others are added at the end. The whole
    file or, with `Refused` and every fault of it, nothing."""
    owner = _owner(work, institution_code)
    faults: list[str] = []
    seen: set[str] = set()
    defaults = 0
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    for number, cells in sheet.read(content, COLUMNS, needed=("code", "description")):
        try:
            code, wanted = cells["code"], _said(cells)
            defaults += wanted.get("is_default", 0)
            if code in seen:
                raise Refused(f"{code!r} stands twice in the file.")
            if defaults > 1:
                raise Refused("one description at most is the default.")
            seen.add(code)
            counts[_kept(work, owner, code, wanted)] += 1
        except Refused as fault:
            faults.append(f"Line {number}: {fault}")
    if faults:
        raise Refused("\n".join(faults))
    return counts


def put(work: Work, owner: Institution, code: str, wanted: Mapping[str, object]) -> tuple[Record, Record]:
    """Add a description or change it, with all that follows; what differs, before and after. For somebody who
    may; not audited."""
    before = _stored(work, owner, code)
    values: Record = {"rank": _end(work, owner), **_NEW, **(before or {}), **wanted}
    _check(values)
    if values["is_default"] and not (before or {}).get("is_default"):
        records.change(work.unit, block_description, {"is_default": 0}, institution_id=owner.id)
    if before is None:
        records.add(work.unit, block_description, **{**values, "institution_id": owner.id})
        return {}, values
    old, new = changes(before, wanted)
    if new:
        records.change(work.unit, block_description, new, institution_id=owner.id, code=code)
    if "text" in new:
        for row in records.rows(work.unit, block_definition, description_id=before["id"]):
            block_tables.reword(work.unit, owner.id, row["code"], before["text"], values["text"])
    return old, new


def drop(work: Work, owner: Institution, code: str) -> None:
    """Delete the row, unless a definition refers to it (BL-2)."""
    row = find_one(work, owner, code)
    using = [each["code"] for each in records.rows(work.unit, block_definition, description_id=row["id"])]
    if using:
        raise Refused(
            f"The block description {code} is in use (IN_USE): the definitions {', '.join(using)} have it."
        )
    records.remove(work.unit, block_description, id=row["id"])


def find_one(work: Work, owner: Institution, code: str) -> Record:
    """The row of a code. Raises `Refused`."""
    row = _stored(work, owner, code)
    if row is None:
        raise find.missing("block description", code, (each["code"] for each in _rows(work, owner)))
    return row


def default(work: Work, owner: Institution) -> Record | None:
    """The one that is taken where none is named."""
    return records.one(work.unit, block_description, institution_id=owner.id, is_default=1)


def _owner(work: Work, institution_code: str | None) -> Institution:
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_BLOCKS, owner.id)
    return owner


def _kept(work: Work, owner: Institution, code: str, wanted: Record) -> str:
    wanted = {name: value.strip() if isinstance(value, str) else value for name, value in wanted.items()}
    code = code.strip()
    old, new = put(work, owner, code, {"code": code, **wanted})
    if not new:
        return "unchanged"
    work.record("block_description", f"{owner.code}/{code}", "set" if old else "add", old or None, new)
    return "changed" if old else "added"


def _said(cells: Mapping[str, str]) -> Record:
    wanted: Record = {"text": cells["description"]}
    for name, column in (("enabled", "enabled"), ("default", "is_default")):
        if cells.get(name):
            try:
                wanted[column] = int(truth(cells[name]))
            except ValueError as fault:
                raise Refused(f"{name} {fault}.") from None
    return wanted


def _check(values: Record) -> None:
    if not 1 <= len(values["code"]) <= 40:
        raise Refused("A block description has a code of 1 to 40 characters, such as OVERDUE.")
    if not values["text"]:
        raise Refused("A block description has a text.")
    if values["is_default"] and not values["enabled"]:
        raise Refused(f"The block description {values['code']} is disabled: it cannot be the default.")


def _stored(work: Work, owner: Institution, code: str) -> Record | None:
    return records.one(work.unit, block_description, institution_id=owner.id, code=code)


def _rows(work: Work, owner: Institution) -> list[Record]:
    return records.rows(work.unit, block_description, "rank", "code", institution_id=owner.id)


def _end(work: Work, owner: Institution) -> int:
    return max((row["rank"] for row in _rows(work, owner)), default=0) + 1


def _shown(row: Record) -> Record:
    return {
        "code": row["code"], "description": row["text"], "enabled": bool(row["enabled"]),
        "default": bool(row["is_default"]),
    }  # fmt: skip
