"""The authorised lost values of an institution (LO-48)."""

from collections.abc import Mapping
from typing import Final

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.policy.setting_names import settings_of
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import item, lost_value

FLAGS: Final = ("is_auto", "claims_returned", "blocks_checkin")


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """Every value, by code; 0, which is not lost, has no row."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return [_shown(owner, row) for row in records.rows(work.unit, lost_value, institution_id=owner.id)]


def add(
    work: Work,
    code: int,
    description: str,
    flags: Mapping[str, bool | None],
    *,
    institution_code: str | None = None,
) -> Record:
    """A new value; what is not said of ``flags`` is off."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    if not 1 <= code <= 999_999:
        raise Refused("A lost value is a number from 1 to 999999: 0 is not lost.")
    if records.one(work.unit, lost_value, institution_id=owner.id, code=code) is not None:
        raise Refused(f"There is a lost value {code} in {owner.code} already.")
    wanted = _columns(description, flags)
    values: Record = {"code": code, **dict.fromkeys(FLAGS, 0), **wanted}
    records.add(work.unit, lost_value, institution_id=owner.id, **values)
    work.record("lost_value", f"{owner.code}/{code}", "add", None, values)
    return _row(work, owner, code)


def change(
    work: Work,
    code: int,
    description: str | None,
    flags: Mapping[str, bool | None],
    *,
    institution_code: str | None = None,
) -> Record:
    """Another description, other flags; what is not said stays."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    row = _stored(work, owner, code)
    before, after = changes(row, _columns(description, flags))
    if after:
        records.change(work.unit, lost_value, after, institution_id=owner.id, code=code)
        work.record("lost_value", f"{owner.code}/{code}", "set", before, after)
    return _row(work, owner, code)


def remove(work: Work, code: int, *, institution_code: str | None = None) -> Record:
    """Take a value out of the list, if no item has it and no setting names it."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    row = _stored(work, owner, code)
    having = records.count(work.unit, item, institution_id=owner.id, lost_status=code)
    if having:
        raise Refused(f"{having} items of {owner.code} are in the lost value {code}.")
    settings = settings_of(owner.settings, owner.decimals)
    named = (
        settings.long_overdue_lost_value, settings.long_overdue_charge_value,
        settings.holds_to_pull_lost_value,
    )  # fmt: skip
    if code in named:
        raise Refused(f"A setting of {owner.code} names the lost value {code}.")
    records.remove(work.unit, lost_value, institution_id=owner.id, code=code)
    work.record("lost_value", f"{owner.code}/{code}", "remove", row, None)
    return _shown(owner, row)


def _columns(description: str | None, flags: Mapping[str, bool | None]) -> Record:
    wanted: Record = {name: int(value) for name, value in flags.items() if value is not None}
    if description is not None:
        if not description.strip():
            raise Refused("A lost value has a description.")
        wanted["description"] = description.strip()
    return wanted


def _stored(work: Work, owner: Institution, code: int) -> Record:
    row = records.one(work.unit, lost_value, institution_id=owner.id, code=code)
    if row is None:
        raise Refused(f"There is no lost value {code} in {owner.code}.")
    return row


def _row(work: Work, owner: Institution, code: int) -> Record:
    return _shown(owner, _stored(work, owner, code))


def _shown(owner: Institution, row: Record) -> Record:
    return {
        "institution": owner.code, "code": row["code"], "description": row["description"],
        **{name: bool(row[name]) for name in FLAGS},
    }  # fmt: skip
