"""A patron's blocks by staff's hand: set, lifted, seen (BL-10, BL-14, BL-41)."""

from datetime import datetime
from typing import Final

from sip2d.desk.staff import block_descriptions, counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import last_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.suspension import DEMERIT, BlockDefinition
from sip2d.store import block_tables, records
from sip2d.store import blocks as stored
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import user_block
from sip2d.store.times import maybe_instant, maybe_seconds, seconds

MANUAL: Final = "MANUAL"
REASON: Final = "STAFF"
"""Why a block was lifted, where staff do not say."""
NO_END: Final = "9999"


def listing(
    work: Work, barcode: str, institution_code: str | None = None, *, ended: bool = False
) -> list[Record]:
    """The blocks in force, oldest first; those that have run out or were removed on request."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    who = counter.patron(work, owner, barcode)
    shown = [_shown(work, row) for row in block_tables.of_patron(work.unit, who.id)]
    return shown if ended else [row for row in shown if row["state"] == "IN_FORCE"]


def block(
    work: Work,
    barcode: str,
    *,
    definition: str | None = None,
    description: str | None = None,
    note: str = "",
    until: str | None = None,
    institution_code: str | None = None,
) -> Record:
    """Block a patron by a definition: its actions and its override.

    With a description instead it is the first definition, in their order, that has it; with neither, that of
    the default description. ``until``: a date (its last second there) or an instant; without one, or 9999,
    there is no end.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    chosen = _chosen(work, owner, definition, description)
    ends = _end(work, owner, until)
    who = counter.patron(work, owner, barcode)
    block_id = stored.insert_block(
        work.unit,
        who.id,
        definition=chosen.code,
        actions=chosen.actions,
        override=chosen.override,
        reason=chosen.text,
        origin=MANUAL,
        starts_at=work.now,
        expires_at=ends,
        created_by=work.staff.login,
        type_=chosen.type,
        note=note.strip(),
        network_block=chosen.network_block,
    )
    work.record(
        stored.AUDITED, who.id, "BLOCK", None,
        {"block": block_id, "definition": chosen.code, "origin": MANUAL, "expires_at": maybe_seconds(ends)},
        branch_id=who.home_branch_id, library=False,
    )  # fmt: skip
    return _one(work, who.id, block_id)


def unblock(
    work: Work, barcode: str, block_id: int, *, reason: str = REASON, institution_code: str | None = None
) -> Record:
    """Lift one block, whatever made it. Demerits that a suspension used stay used (BL-41)."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    who = counter.patron(work, owner, barcode)
    row = records.one(work.unit, user_block, id=block_id, patron_id=who.id)
    if row is None:
        raise Refused(f"The patron {barcode} has no block {block_id}.")
    reason = reason.strip() or REASON
    if not stored.remove(work.unit, block_id, now=work.now, reason=reason, actor=work.staff.login):
        raise Refused(f"The block {block_id} is removed already.")
    if row["set_card_lost"]:
        stored.set_card_lost(work.unit, who.id, False)
    work.record(
        stored.AUDITED, who.id, "UNBLOCK", {"block": block_id, "card_lost": who.card_lost},
        {"reason": reason, "card_lost": who.card_lost and not row["set_card_lost"]},
        branch_id=who.home_branch_id, library=False,
    )  # fmt: skip
    return _one(work, who.id, block_id)


def _chosen(
    work: Work, owner: Institution, definition: str | None, description: str | None
) -> BlockDefinition:
    """By definition, by description, or by the default description; its description is enabled (BL-2)."""
    if definition is not None and description is not None:
        raise Refused("Say a definition or a description, not both.")
    known = work.library.block_definitions.get(owner.id, {})
    if definition is not None:
        if definition not in known:
            raise find.missing("block definition", definition, known)
        chosen = known[definition]
        row = block_descriptions.find_one(work, owner, chosen.description_code)
    else:
        row = _description(work, owner, description)
        found = next((one for one in known.values() if one.description_code == row["code"]), None)
        if found is None:
            raise Refused(f"No block definition of {owner.code} has the description {row['code']}.")
        chosen = found
    if not row["enabled"]:
        raise Refused(f"The block description {row['code']} is disabled: it is not for new blocks.")
    return chosen


def _description(work: Work, owner: Institution, code: str | None) -> Record:
    if code is not None:
        return block_descriptions.find_one(work, owner, code)
    row = block_descriptions.default(work, owner)
    if row is None:
        raise Refused(f"{owner.code} has no default block description: say a definition or a description.")
    return row


def _end(work: Work, owner: Institution, text: str | None) -> datetime | None:
    text = (text or "").strip()
    if not text or text.startswith(NO_END):
        return None
    ends = last_of(text, owner.zone)
    if ends <= work.now:
        raise Refused(f"{text} is over already.")
    return ends


def _one(work: Work, patron_id: int, block_id: int) -> Record:
    (row,) = (row for row in block_tables.of_patron(work.unit, patron_id) if row["id"] == block_id)
    return _shown(work, row)


def _state(work: Work, row: Record) -> str:
    """As the rules count it (BL-11)."""
    if row["removed_at"] is not None:
        return "REMOVED"
    ends = row["expires_at"]
    over = ends is not None and ends <= seconds(work.now) and row["origin"] != DEMERIT
    return "EXPIRED" if over else "IN_FORCE"


def _shown(work: Work, row: Record) -> Record:
    at = {name: maybe_instant(row[name]) for name in ("starts_at", "expires_at", "removed_at")}
    created, expires, removed = (None if each is None else each.isoformat() for each in at.values())
    return {
        "id": row["id"], "type": row["type"], "definition": row["definition"],
        "description": row["reason"], "denies": row["actions"], "override": row["override"],
        "origin": row["origin"], "created": created, "created_by": row["created_by"], "expires": expires,
        "note": row["note"], "loan": row["loan_id"], "item": row["item"],
        "original_type": row["original_type"], "state": _state(work, row), "removed": removed,
        "removed_reason": row["removed_reason"], "removed_by": row["removed_by"],
    }  # fmt: skip
