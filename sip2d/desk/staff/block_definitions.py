"""Block definitions: what kinds of block an institution has, what each denies and who may override it
(BL-4..BL-9). They hold for all its branches (BL-3).

`put` and `drop` are the one way to write a definition, for single commands and whole policy sets: the blocks
in force follow in the same unit.
"""

from collections.abc import Mapping
from typing import Final

from sip2d.desk import card
from sip2d.desk.staff import block_actions, block_descriptions, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy.decision import Override
from sip2d.policy.rules.patron import OVERDUES
from sip2d.policy.suspension import DEMERIT
from sip2d.store import block_tables, records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import block_definition, block_description

CONSORTIAL: Final = "CONSORTIAL"
TYPES: Final = ("CASH", CONSORTIAL, DEMERIT, "GENERAL", "LOAN", "RESOURCE_SHARING", "USER")
FROZEN: Final = frozenset({CONSORTIAL, DEMERIT})
"""Types that mean something: no definition gets or loses one while somebody is blocked by it (BL-6)."""
RESERVED: Final = frozenset({OVERDUES, card.DEFINITION})
"""What blocks are called that need no definition (LO-21, CO-31)."""

_NEW: Final[Record] = {"type": "USER", "override": Override.OPERATOR.value, "network_block": 0}


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """All of an institution, in their order."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    rows = records.rows(work.unit, block_definition, "rank", "code", institution_id=owner.id)
    return [_shown(work, row) for row in rows]


def show(work: Work, code: str, institution_code: str | None = None) -> Record:
    """One of them, and how many blocks stand because of it."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    row = _demanded(work, owner, code)
    return {**_shown(work, row), "blocks": block_tables.standing(work.unit, owner.id, code)}


def save(
    work: Work,
    code: str,
    *,
    new: bool,
    description: str | None = None,
    action: str | None = None,
    type_: str | None = None,
    override: str | None = None,
    network_block: bool | None = None,
    institution_code: str | None = None,
) -> Record:
    """Add one at the end (BL-9), or change everything of it but its id (BL-4); what is not said stays.

    A new one needs a description and an action; it is of type USER, overridden by OPERATOR, not copied.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_BLOCKS, owner.id)
    code = code.strip()
    known = _stored(work, owner, code)
    if new and known is not None:
        raise Refused(f"There is a block definition {code!r} in {owner.code} already.")
    if not new:
        _demanded(work, owner, code)
    elif description is None or action is None:
        raise Refused("A block definition has a description and an action.")
    wanted: Record = {}
    if description is not None:
        wanted["description_id"] = block_descriptions.find_one(work, owner, description)["id"]
    for column, value in (("action_code", action), ("type", type_), ("override", override)):
        if value is not None:
            wanted[column] = value if column == "action_code" else value.upper().replace("-", "_")
    if network_block is not None:
        wanted["network_block"] = int(network_block)
    before, after = put(work, owner, code, wanted)
    if after:
        act = "add" if new else "set"
        work.record("block_definition", f"{owner.code}/{code}", act, None if new else before, after)
    return show(work, code, owner.code)


def remove(work: Work, code: str, institution_code: str | None = None) -> Record:
    """Delete one that blocks nobody."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_BLOCKS, owner.id)
    row = _demanded(work, owner, code)
    shown = _shown(work, row)
    drop(work, owner, code)
    work.record("block_definition", f"{owner.code}/{code}", "remove", row, None)
    return shown


def put(work: Work, owner: Institution, code: str, wanted: Mapping[str, object]) -> tuple[Record, Record]:
    """Add a definition or change it, and with it the blocks that stand because of it; what differs, before
    and after. For somebody who may; not audited. Raises `Refused`."""
    before = _stored(work, owner, code)
    values: Record = {**_NEW, **(before or {}), **wanted}
    _check(work, owner, code, before, values)
    if before is None:
        values = {"rank": _end(work, owner), **values, "institution_id": owner.id, "code": code}
        records.add(work.unit, block_definition, **values)
        return {}, values
    old, new = changes(before, wanted)
    if new:
        records.change(work.unit, block_definition, new, institution_id=owner.id, code=code)
        _follow(work, owner, code, before, values)
    return old, new


def drop(work: Work, owner: Institution, code: str) -> None:
    """Delete the row, unless somebody is blocked by it (BL-4)."""
    standing = block_tables.standing(work.unit, owner.id, code)
    if standing:
        raise Refused(
            f"The block definition {code} is in use (IN_USE): {standing} blocks stand because of it."
        )
    records.remove(work.unit, block_definition, institution_id=owner.id, code=code)


def _follow(work: Work, owner: Institution, code: str, before: Record, values: Record) -> None:
    """Blocks in force do from now on what their definition says (BL-4)."""
    said = {name: values[name] for name in ("type", "override", "network_block")}
    actions = block_actions.stored(work, values["action_code"])["actions"]
    block_tables.restate(work.unit, owner.id, code, {**said, "actions": actions})
    texts = [_description(work, row["description_id"])["text"] for row in (before, values)]
    if texts[0] != texts[1]:
        block_tables.reword(work.unit, owner.id, code, texts[0], texts[1])
    copied = (before["network_block"], values["network_block"])
    if copied[0] != copied[1] or (copied[1] and before["type"] != values["type"]):
        block_tables.touch(work.unit, owner.id, code)


def _check(work: Work, owner: Institution, code: str, before: Record | None, values: Record) -> None:
    type_ = values["type"]
    if not 1 <= len(code) <= 40 or code != code.strip():
        raise Refused("A block definition has an id of 1 to 40 characters.")
    if code in RESERVED:
        raise Refused(f"{code} is the name of blocks that need no definition: choose another id.")
    if type_ not in TYPES:
        raise find.missing("block type", type_, TYPES)
    if values["override"] not in Override.__members__:
        raise find.missing("override", values["override"], Override.__members__)
    block_actions.stored(work, values["action_code"])
    description = _description(work, values["description_id"])
    if not description["enabled"] and (before or {}).get("description_id") != description["id"]:
        raise Refused(f"The block description {description['code']} is disabled.")
    if type_ == CONSORTIAL and values["network_block"]:
        raise Refused(
            "CONSORTIAL_BLOCK_NOT_COPYABLE: a consortial block is a copy itself, and never copied on."
        )
    if before is not None and before["type"] != type_ and {before["type"], type_} & FROZEN:
        standing = block_tables.standing(work.unit, owner.id, code)
        if standing:
            raise Refused(
                f"The type of {code} stays {before['type']}: {standing} blocks stand because of it (IN_USE)."
            )
    others = records.rows(work.unit, block_definition, institution_id=owner.id, type=DEMERIT)
    if type_ == DEMERIT and any(row["code"] != code for row in others):
        raise Refused(f"{owner.code} has a definition of type {DEMERIT} already: {others[0]['code']}.")


def _description(work: Work, description_id: int) -> Record:
    row = records.one(work.unit, block_description, id=description_id)
    if row is None:
        raise Refused("A block definition has a description.")
    return row


def _stored(work: Work, owner: Institution, code: str) -> Record | None:
    return records.one(work.unit, block_definition, institution_id=owner.id, code=code)


def _demanded(work: Work, owner: Institution, code: str) -> Record:
    row = _stored(work, owner, code)
    if row is None:
        known = records.rows(work.unit, block_definition, institution_id=owner.id)
        raise find.missing("block definition", code, (each["code"] for each in known))
    return row


def _end(work: Work, owner: Institution) -> int:
    rows = records.rows(work.unit, block_definition, institution_id=owner.id)
    return max((row["rank"] for row in rows), default=0) + 1


def _shown(work: Work, row: Record) -> Record:
    description = _description(work, row["description_id"])
    return {
        "id": row["code"], "description": description["code"], "text": description["text"],
        "action": row["action_code"], "denies": block_actions.stored(work, row["action_code"])["actions"],
        "type": row["type"], "override": row["override"], "network_block": bool(row["network_block"]),
    }  # fmt: skip
