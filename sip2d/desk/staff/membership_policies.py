"""Membership policies: what a membership costs, how long it lasts, which patron types take one (MB-2, MB-6,
MB-8).
"""

import re
from typing import Any, Final

import msgspec

from sip2d.desk import membership
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy.membership import LONGEST, MembershipPolicy, PeriodUnit
from sip2d.policy.parsing import minor
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import membership as membership_rows
from sip2d.store.tables import membership_bill, membership_policy, patron_type
from sip2d.store.times import seconds

TEMPLATES: Final = ("bill_template", "confirmation_template", "reminder_template")


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """Every policy of an institution with the patron types that take it; amounts in minor units."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    rows = records.rows(work.unit, membership_policy, "name", institution_id=owner.id)
    return [_shown(work, owner, row) for row in rows]


def show(work: Work, name: str, institution_code: str | None = None) -> Record:
    """One policy."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return _shown(work, owner, _row(work, owner, name))


def save(
    work: Work,
    name: str,
    *,
    institution_code: str | None = None,
    new: bool,
    fee: str | None = None,
    period: str | None = None,
    bill_reason: str | None = None,
    reminder_days: str | None = None,
    templates: dict[str, str] | None = None,
    enabled: bool | None = None,
) -> Record:
    """Make (``new``) or change a policy.

    ``fee`` as a person writes it, ``period`` such as ``1 year``, ``reminder_days`` such as ``30,7``,
    templates by their column, empty for no notice of that kind (MB-45). Bills and memberships made before
    keep what was sold.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    wanted: Record = {} if bill_reason is None else {"bill_reason": bill_reason.strip()}
    if fee is not None:
        wanted["fee_minor"] = _fee(fee, owner)
    if period is not None:
        wanted["period"], unit = parse_period(period)
        wanted["period_unit"] = unit.value
    if reminder_days is not None:
        wanted["reminder_days"] = msgspec.json.encode(parse_days(reminder_days)).decode()
    wanted |= {key: text.strip() or None for key, text in (templates or {}).items()}
    if enabled is not None:
        wanted["enabled"] = int(enabled)
    if new:
        _add(work, owner, name, wanted)
    else:
        _change(work, owner, name, wanted)
    return show(work, name, owner.code)


def _add(work: Work, owner: Institution, name: str, wanted: Record) -> None:
    if not name.strip():
        raise Refused("A membership policy has a name.")
    if records.one(work.unit, membership_policy, institution_id=owner.id, name=name) is not None:
        raise Refused(f"There is a membership policy {name!r} in {owner.code} already.")
    for key, said in (("fee_minor", "--fee, such as 30.00"), ("period", "--period, such as '1 year'")):
        if key not in wanted:
            raise Refused(f"A membership policy says {said}.")
    values = {"institution_id": owner.id, "name": name, **wanted}
    work.record("membership_policy", records.add(work.unit, membership_policy, **values), "add", None, values)


def _change(work: Work, owner: Institution, name: str, wanted: Record) -> None:
    row = _row(work, owner, name)
    before, after = changes(row, wanted)
    if after.get("enabled") == 0:
        _unattached(work, owner, row)
    if after:
        records.change(work.unit, membership_policy, after, id=row["id"])
        work.record("membership_policy", row["id"], "set", before, after)


def remove(work: Work, name: str, institution_code: str | None = None) -> Record:
    """Take away a policy that no patron type takes. One by which bills were made stays, disabled."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    row = _row(work, owner, name)
    _unattached(work, owner, row)
    shown = _shown(work, owner, row)
    used = any(
        records.one(work.unit, table, policy_id=row["id"]) is not None
        for table in (membership_bill, membership_rows)
    )
    if used:
        records.change(work.unit, membership_policy, {"enabled": 0}, id=row["id"])
    else:
        records.remove(work.unit, membership_policy, id=row["id"])
    work.record("membership_policy", row["id"], "disable" if used else "remove", shown, None)
    return {**shown, "enabled": False}


def attach(work: Work, owner: Institution, type_id: int, policy_name: str) -> int:
    """Have a patron type take a membership, or none (an empty name): MB-6, MB-8. For somebody who may.

    How many patrons are blocked from now on (nobody for want of a name) or freed because the requirement
    went or came (MB-10).
    """
    row = records.one(work.unit, patron_type, id=type_id)
    assert row is not None
    policy = _row(work, owner, policy_name) if policy_name.strip() else None
    if policy is not None and not policy["enabled"]:
        raise Refused(f"The membership policy {policy_name!r} is disabled.")
    before = row["membership_policy_id"]
    if before == (policy and policy["id"]):
        return 0
    values: Record = {
        "membership_policy_id": policy and policy["id"],
        # Whoever was there before anybody asked is asked to be updated, not billed (MB-12).
        "policy_attached_at": (row["policy_attached_at"] or seconds(work.now)) if policy else None,
    }
    changed = 0
    if policy is None:
        desk = counter.desk_at(work, counter.branch_for(work, owner, None))
        changed = membership.policy_removed(work.unit, desk, type_id)
    elif before is None:
        changed = membership.policy_attached(work.unit, type_id)
    records.change(work.unit, patron_type, values, id=type_id)
    was = {key: row[key] for key in values}
    work.record("patron_type", type_id, "membership", was, {**values, "patrons": changed})
    return changed


def parse_period(text: str) -> tuple[int, PeriodUnit]:
    """``1 year``, ``18 months``, ``90 days``. Raises `Refused`."""
    said = re.fullmatch(r"([0-9]{1,6}) *([a-z]+?)s?", text.strip().lower())
    unit = PeriodUnit.__members__.get(said[2].upper()) if said else None
    if said is None or unit is None:
        raise Refused(f"period: {text!r} is none such as '1 year', '6 months', '2 weeks' or '30 days'.")
    number = int(said[1])
    if not 1 <= number <= LONGEST[unit]:
        raise Refused(f"period: a membership lasts from one day to a hundred years, not {text!r}.")
    return number, unit


def parse_days(text: str) -> list[int]:
    """``30, 7, 1``: how many days before the last one a reminder is sent, the earliest first (MB-44)."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isascii() and word.isdigit() and 1 <= int(word) <= 366 for word in words):
        raise Refused(f"reminder days: {text!r} are no numbers from 1 to 366 such as 30,7.")
    return sorted({int(word) for word in words}, reverse=True)


def _unattached(work: Work, owner: Institution, row: Record) -> None:
    taken = _types(work, owner, row["id"])
    if taken:
        first = f"`sip2d patron-type set {taken[0]} --membership-policy ''`"
        raise Refused(f"The patron types {', '.join(taken)} take {row['name']!r}: {first} first.")


def _types(work: Work, owner: Institution, policy_id: int) -> list[str]:
    rows = records.rows(
        work.unit, patron_type, "code", institution_id=owner.id, membership_policy_id=policy_id
    )
    return [row["code"] for row in rows]


def _row(work: Work, owner: Institution, name: str) -> Record:
    row = records.one(work.unit, membership_policy, institution_id=owner.id, name=name)
    if row is None:
        known = records.rows(work.unit, membership_policy, "name", institution_id=owner.id)
        raise find.missing("membership policy", name, (each["name"] for each in known))
    return row


def _fee(text: str, owner: Institution) -> int:
    try:
        found = minor(text.strip(), owner.decimals)
    except ValueError as error:
        raise Refused(f"fee: {text!r} {error}.") from None
    if found is None:
        raise Refused("A membership policy says its --fee; 0 where it costs nothing.")
    return found


def _shown(work: Work, owner: Institution, row: Record) -> Record:
    known: dict[str, Any] = {key: row[key] for key in MembershipPolicy.__struct_fields__[2:]}
    days = msgspec.json.decode(row["reminder_days"], type=list[int])
    types = _types(work, owner, row["id"])
    return {
        "institution": owner.code, **known, "reminder_days": days, "enabled": bool(row["enabled"]),
        "patron_types": types,
    }  # fmt: skip
