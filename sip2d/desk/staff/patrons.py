"""Patrons by staff's hand. PINs come here hashed; a deleted patron's rows stay."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from sip2d.desk import membership, subjects
from sip2d.desk.place import Desk
from sip2d.desk.staff import counter, find, memberships
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy import flags, rulebook
from sip2d.policy.facts import PatronFacts
from sip2d.store import patrons, records, searches
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import patron, patron_identifier, proxy_card
from sip2d.store.times import seconds

FIELDS: Final = ("name", "branch", "type", "email", "phone", "address", "language", "expires_on")
"""What a person, or a file, says of a patron besides barcode and PIN. Empty: nothing, where nothing is
allowed.
"""

LANGUAGE: Final = re.compile(r"[a-z]{2}|[0-9]{3}")


def listing(
    work: Work, institution_code: str | None = None, *, text: str = "", limit: int = 100
) -> list[Record]:
    """Patrons by barcode or a part of the name, with what they have on loan and whether they are blocked
    (BL-14)."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return [
        {
            **row,
            "branch": work.library.branches[row["branch"]].code,
            "type": work.library.patron_types[row["type"]].code,
            "blocked": bool(row["blocked"]),
        }
        for row in searches.patrons(work.unit, owner.id, text, limit, seconds(work.now))
    ]


def show(work: Work, barcode: str, institution_code: str | None = None) -> Record:
    """One patron with counts, money and flags; never a hash."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return shown(work, owner, counter.patron(work, owner, barcode))


def shown(work: Work, owner: Institution, who: PatronFacts) -> Record:
    """A patron's facts for a person; amounts in minor units."""
    desk = counter.desk_at(work, work.library.branches[who.home_branch_id])
    facts = subjects.facts(desk, who, None)
    reasons = rulebook.reasons(rulebook.Question.STANDING, facts)
    return {
        "institution": owner.code,
        "barcode": who.barcode,
        "name": who.name,
        **memberships.status(work, who),
        "branch": desk.branch.code,
        "type": facts.patron_type.code,
        **{key: getattr(who, key) for key in ("email", "phone", "address", "language")},
        "expires_on": None if who.expires_on is None else who.expires_on.isoformat(),
        "has_pin": who.pin_hash is not None,
        **{key: getattr(who, key) for key in ("card_lost", "deleted", "loans", "overdue", "recalled")},
        **{
            key: getattr(who, key) for key in ("holds_ready", "holds_pending", "fee_count", "claims_returned")
        },
        "owed_minor": who.owed_minor,
        "credit_minor": who.credit_minor,
        "blocked": bool(who.blocks),
        "blocks": [block.reason or block.definition for block in who.blocks],
        "denied": [reason.code for reason in reasons],
        "flags": flags.patron_flags(reasons, facts),
    }


def add(
    work: Work,
    barcode: str,
    said: Mapping[str, str],
    *,
    pin_hash: str | None = None,
    institution_code: str | None = None,
) -> Record:
    """A new patron. ``said`` by `FIELDS`; name, branch and type are needed."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    insert(work, owner, barcode, said, pin_hash)
    return show(work, barcode, owner.code)


def insert(
    work: Work, owner: Institution, barcode: str, said: Mapping[str, str], pin_hash: str | None
) -> int:
    """The new patron's id; the act of `add` and of imports, for somebody who may."""
    barcode = usable("barcode", barcode)
    barcode_free(work, owner, barcode)
    values = columns(work, owner, said)
    for key in ("name", "home_branch_id", "type_id"):
        if not values.get(key):
            raise Refused(f"A patron has a {key.removesuffix('_id').replace('_', ' ')}.")
    values |= {
        "institution_id": owner.id, "barcode": barcode, "pin_hash": pin_hash, "created_at": seconds(work.now)
    }  # fmt: skip
    made = records.add(work.unit, patron, **values)
    work.record("patron", made, "add", None, values, branch_id=values["home_branch_id"], library=False)
    membership.patron_added(work.unit, _desk_of(work, values), made)
    return made


def change(
    work: Work,
    barcode: str,
    said: Mapping[str, str],
    *,
    new_barcode: str | None = None,
    pin_hash: str | None = None,
    clear_pin: bool = False,
    card_lost: bool | None = None,
    institution_code: str | None = None,
) -> Record:
    """Change what is said; an empty text takes away what may be missing."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    row = _row(work, owner, barcode)
    wanted = columns(work, owner, said)
    if new_barcode is not None and new_barcode != row["barcode"]:
        wanted["barcode"] = usable("barcode", new_barcode)
        barcode_free(work, owner, wanted["barcode"])
    if pin_hash is not None or clear_pin:
        wanted["pin_hash"] = pin_hash
    if card_lost is not None:
        wanted["card_lost"] = int(card_lost)
    update(work, row, wanted)
    return show(work, str(wanted.get("barcode", row["barcode"])), owner.code)


def update(work: Work, row: Record, wanted: Record) -> bool:
    """Write what differs; whether anything did."""
    before, after = changes(row, wanted)
    if not after:
        return False
    # Another version of the record: linked accounts are refreshed (BL-61).
    records.change(work.unit, patron, {**after, "source_version": row["source_version"] + 1}, id=row["id"])
    work.record("patron", row["id"], "set", before, after, branch_id=row["home_branch_id"], library=False)
    if "type_id" in after:
        membership.type_changed(work.unit, _desk_of(work, {**row, **after}), row["id"])
    return True


def _desk_of(work: Work, values: Record) -> Desk:
    """The desk at the patron's home branch: where his membership's bill is made (MB-11)."""
    return counter.desk_at(work, work.library.branches[values["home_branch_id"]])


def remove(work: Work, barcode: str, institution_code: str | None = None) -> Record:
    """Delete a patron who has nothing on loan and owes nothing: unknown from now on, the history stays."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    who = counter.patron(work, owner, barcode)
    if who.loans or who.owed_minor or who.holds_pending or who.holds_ready:
        raise Refused(
            f"The patron {barcode} has {who.loans} loans, {who.holds_pending + who.holds_ready} holds and "
            f"{who.fee_count} unpaid fees: those come first."
        )
    stamp = seconds(work.now)
    version = _row(work, owner, barcode)["source_version"] + 1
    records.change(work.unit, patron, {"deleted_at": stamp, "source_version": version}, id=who.id)
    work.record("patron", who.id, "remove", {"deleted_at": None}, {"deleted_at": stamp}, library=False)
    gone = patrons.by_id(work.unit, who.id, work.now)
    assert gone is not None
    return shown(work, owner, gone)


def identifiers(work: Work, barcode: str, value: str, *, institution_code: str | None = None) -> Record:
    """Give a patron another identifier (a student number, an old card) that is known at kiosks too
    (GN-10).
    """
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    row = _row(work, owner, barcode)
    value = usable("identifier", value)
    barcode_free(work, owner, value)
    records.add(work.unit, patron_identifier, institution_id=owner.id, value=value, patron_id=row["id"])
    work.record("patron", row["id"], "identifier", None, {"value": value}, library=False)
    return show(work, barcode, owner.code)


def columns(work: Work, owner: Institution, said: Mapping[str, str]) -> Record:
    """What was said, as columns of the table. Raises `Refused` with one sentence."""
    wanted: Record = {}
    for key, text in said.items():
        text = text.strip()
        match key:
            case "branch":
                wanted["home_branch_id"] = counter.branch_for(work, owner, text).id
            case "type":
                wanted["type_id"] = find.patron_type(work, owner, text).id
            case "expires_on":
                wanted[key] = iso_date(key, text)
            case "language":
                if text and not LANGUAGE.fullmatch(text.lower()):
                    raise Refused(f"language: {text!r} is no code such as fr or 002.")
                wanted[key] = text.lower() or None
            case "name":
                if not text:
                    raise Refused("A patron has a name.")
                wanted[key] = text
            case "email" | "phone" | "address":
                wanted[key] = text or None
            case _:
                raise find.missing("field of a patron", key, FIELDS)
    return wanted


def usable(kind: str, barcode: str) -> str:
    """GN-10: trimmed, 1 to 80 characters; and never what a spreadsheet makes of a number (T19)."""
    found = patrons.usable(barcode)
    if found is None or any(ord(letter) < 32 or letter == "|" for letter in found):
        raise Refused(f"A {kind} has 1 to 80 characters, no | and no control characters.")
    if re.fullmatch(r"[0-9]+(?:[.,][0-9]+)?[eE][+][0-9]+", found):
        raise Refused(
            f"{kind}: {found!r} is a number in scientific notation: its digits are lost. "
            "Format the column as text in the spreadsheet and export it again."
        )
    return found


def iso_date(name: str, text: str) -> str | None:
    """A date as 2026-12-31, or nothing."""
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Refused(f"{name}: {text!r} is no date such as 2026-12-31.") from None


def barcode_free(work: Work, owner: Institution, barcode: str) -> None:
    """Nobody of the institution has it, as barcode or as other identifier (GN-10)."""
    if records.one(work.unit, patron, institution_id=owner.id, barcode=barcode) is not None:
        raise Refused(f"There is or was a patron {barcode!r} in {owner.code}.")
    if records.one(work.unit, patron_identifier, institution_id=owner.id, value=barcode) is not None:
        raise Refused(f"{barcode!r} identifies another patron of {owner.code}.")
    if records.one(work.unit, proxy_card, institution_id=owner.id, barcode=barcode) is not None:
        raise Refused(f"{barcode!r} is a proxy card of {owner.code}.")


def _row(work: Work, owner: Institution, barcode: str) -> Record:
    who = counter.patron(work, owner, barcode)
    row = records.one(work.unit, patron, id=who.id)
    assert row is not None
    return row
