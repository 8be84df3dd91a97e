"""Patron types with their limits (CO-11) and item types."""

from typing import Final

from sip2d.desk.staff import find, membership_policies
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.institutions import check_code
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy.facts import ItemTypeFacts, PatronTypeFacts
from sip2d.policy.parsing import minor, whole
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import item_type, patron_type
from sip2d.store.times import maybe_instant
from sip2d.vocabulary import MediaType

PATRON_LIMITS: Final = (
    "loan_limit",
    "overdue_limit",
    "recalled_overdue_limit",
    "claims_limit",
    "lost_limit",
    "hold_limit",
)
PATRON_AMOUNTS: Final = ("value_limit_minor", "bills_limit_minor")
PATRON_FLAGS: Final = ("limits_block_renewal", "overdue_notice_required")
PATRON_POLICY: Final = ("membership_policy_id", "policy_attached_at")
ITEM_AMOUNTS: Final = ("default_replacement_minor", "processing_fee_minor")
ITEM_FLAGS: Final = ("magnetic", "desensitize")


def patron_types(work: Work, institution_code: str | None = None) -> list[Record]:
    """Every patron type of an institution; amounts in minor units."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return [
        _shown_patron_type(work, owner, row)
        for row in records.rows(work.unit, patron_type, "code", institution_id=owner.id)
    ]


def _shown_patron_type(work: Work, owner: Institution, row: Record) -> Record:
    policy = work.library.membership_policies.get(row["membership_policy_id"] or 0)
    attached = maybe_instant(row["policy_attached_at"])
    shown = {key: row[key] for key in PatronTypeFacts.__struct_fields__[2:] if key not in PATRON_POLICY}
    return {
        "institution": owner.code,
        **{key: bool(value) if key in PATRON_FLAGS else value for key, value in shown.items()},
        "membership_policy": None if policy is None else policy.name,
        "policy_attached_at": None if attached is None else attached.isoformat(),
    }


def item_types(work: Work, institution_code: str | None = None) -> list[Record]:
    """Every item type of an institution; amounts in minor units."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return [
        {
            "institution": owner.code,
            **{
                key: bool(row[key]) if key in ITEM_FLAGS else row[key]
                for key in ItemTypeFacts.__struct_fields__[2:]
            },
        }
        for row in records.rows(work.unit, item_type, "code", institution_id=owner.id)
    ]


def save_patron_type(
    work: Work,
    code: str,
    *,
    institution_code: str | None = None,
    new: bool,
    name: str | None = None,
    limits: dict[str, str] | None = None,
    limits_block_renewal: bool | None = None,
    overdue_notice_required: bool | None = None,
    membership_policy: str | None = None,
) -> Record:
    """Make (``new``) or change a patron type. ``limits`` by name as a person writes them; blank: no limit.

    ``limits_block_renewal``: an exceeded limit denies renewals too (CO-11). ``overdue_notice_required``: its
    patrons get overdue notices (LO-10). ``membership_policy`` by name, empty for none (MB-6, MB-8).
    """
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    said = {
        "name": name,
        "limits_block_renewal": limits_block_renewal,
        "overdue_notice_required": overdue_notice_required,
    }
    wanted: Record = {
        key: int(value) if isinstance(value, bool) else value
        for key, value in said.items()
        if value is not None
    }
    for key, text in (limits or {}).items():
        amount = f"{key}_minor" if f"{key}_minor" in PATRON_AMOUNTS else key
        if amount in PATRON_AMOUNTS:
            wanted[amount] = _amount(key, text, owner)
        elif key in PATRON_LIMITS:
            wanted[key] = _number(key, text)
        else:
            known = (*PATRON_LIMITS, *(each.removesuffix("_minor") for each in PATRON_AMOUNTS))
            raise find.missing("limit", key, known)
    type_id = _save(work, "patron_type", owner, code, wanted, new)
    if membership_policy is not None:
        membership_policies.attach(work, owner, type_id, membership_policy)
    return next(row for row in patron_types(work, owner.code) if row["code"] == code)


def save_item_type(
    work: Work,
    code: str,
    *,
    institution_code: str | None = None,
    new: bool,
    name: str | None = None,
    media_type: str | None = None,
    magnetic: bool | None = None,
    desensitize: bool | None = None,
    checkin_message: str | None = None,
    replacement: str | None = None,
    processing_fee: str | None = None,
) -> Record:
    """Make (``new``) or change an item type; amounts as a person writes them, blank: none."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    if media_type is not None and media_type not in [each.value for each in MediaType]:
        raise find.missing("media type", media_type, [each.value for each in MediaType])
    wanted: Record = {
        "name": name,
        "media_type": media_type,
        "magnetic": None if magnetic is None else int(magnetic),
        "desensitize": None if desensitize is None else int(desensitize),
    }
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if checkin_message is not None:
        wanted["checkin_message"] = checkin_message or None
    if replacement is not None:
        wanted["default_replacement_minor"] = _amount("replacement", replacement, owner)
    if processing_fee is not None:
        wanted["processing_fee_minor"] = _amount("processing fee", processing_fee, owner)
    _save(work, "item_type", owner, code, wanted, new)
    return next(row for row in item_types(work, owner.code) if row["code"] == code)


def _save(work: Work, entity: str, owner: Institution, code: str, wanted: Record, new: bool) -> int:
    """The row's id."""
    place = {"patron_type": patron_type, "item_type": item_type}[entity]
    row = records.one(work.unit, place, institution_id=owner.id, code=code)
    what = entity.replace("_", " ")
    if new:
        check_code(what, code)
        if row is not None:
            raise Refused(f"There is a {what} {code!r} in {owner.code} already.")
        values = {"institution_id": owner.id, "code": code, "name": code, **wanted}
        made = records.add(work.unit, place, **values)
        work.record(entity, made, "add", None, values)
        return made
    if row is None:
        raise Refused(f"There is no {what} {code!r} in {owner.code}.")
    before, after = changes(row, wanted)
    if after:
        records.change(work.unit, place, after, id=row["id"])
        work.record(entity, row["id"], "set", before, after)
    return int(row["id"])


def _number(name: str, text: str) -> int | None:
    try:
        return whole(text.strip()) if text.strip() else None
    except ValueError as error:
        raise Refused(f"{name}: {text!r} {error}.") from None


def _amount(name: str, text: str, owner: Institution) -> int | None:
    try:
        return minor(text.strip(), owner.decimals)
    except ValueError as error:
        raise Refused(f"{name}: {text!r} {error}.") from None
