"""Presets of an institution: bundles of settings, lost values and overdue triggers applied at once
(circulation.md 16)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sip2d.desk.staff import find, settings
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import lost_value, overdue_trigger

OTHERS: Final = "@others"
"""Stands for every lost value of the library that the preset does not set itself (LO-44)."""


class LostValueSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lost value that must be there (LO-48)."""

    code: int
    description: str
    is_auto: bool = False


class TriggerSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level of overdue notices for every patron type that gets them (LO-12)."""

    level: int
    delay_days: int
    template: str
    restricts: bool = False


class Automation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A preset as its file says it; ``hint``: what else the library should do."""

    caption: str
    settings: dict[str, str] = {}
    lost_values: tuple[LostValueSaid, ...] = ()
    triggers: tuple[TriggerSaid, ...] = ()
    hint: str = ""


def parse(name: str, said: Mapping[str, Any]) -> Automation:
    """A preset from its TOML. Raises `Refused` with one sentence."""
    try:
        return msgspec.convert(said, Automation)
    except msgspec.ValidationError as error:
        raise Refused(f"The preset {name} makes no sense: {error}.") from None


def apply(
    work: Work, preset: Automation, institution_code: str | None = None
) -> tuple[list[Record], list[str]]:
    """Set what the preset says; what it changed, and warnings. What is there already is left as it is."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    done = [_lost_value(work, owner, value) for value in preset.lost_values]
    codes = {row["code"] for row in records.rows(work.unit, lost_value, institution_id=owner.id)}
    others = ",".join(str(code) for code in sorted(codes - {value.code for value in preset.lost_values}))
    wanted = {name: others if value == OTHERS else value for name, value in preset.settings.items()}
    before = settings.stored(work, owner)
    warnings = settings.save(work, owner, dict(wanted))
    done += [
        {"what": "setting", "name": name, "before": before.get(name), "after": value}
        for name, value in wanted.items()
        if before.get(name) != value
    ]
    done += _triggers(work, owner, preset.triggers)
    return [one for one in done if one], [*warnings, _nobody(work, owner, preset), preset.hint]


def _nobody(work: Work, owner: Institution, preset: Automation) -> str:
    """A warning where the triggers went to nobody, or an empty text (LO-10b)."""
    kinds = [kind for kind in work.library.patron_types.values() if kind.institution_id == owner.id]
    if not preset.triggers or any(kind.overdue_notice_required for kind in kinds):
        return ""
    return (
        f"No patron type of {owner.code} gets overdue notices, so no trigger was made: "
        "`sip2d patron-type set CODE --overdue-notices`, then apply the preset again (LO-10)."
    )


def _lost_value(work: Work, owner: Institution, value: LostValueSaid) -> Record:
    if records.one(work.unit, lost_value, institution_id=owner.id, code=value.code) is not None:
        return {}
    row = {"code": value.code, "description": value.description, "is_auto": int(value.is_auto)}
    records.add(work.unit, lost_value, institution_id=owner.id, **row)
    work.record("lost_value", f"{owner.code}/{value.code}", "add", None, row)
    return {"what": "lost value", "name": str(value.code), "before": None, "after": value.description}


def _triggers(work: Work, owner: Institution, triggers: tuple[TriggerSaid, ...]) -> list[Record]:
    """The default triggers (of no branch) of each patron type that gets overdue notices and has none."""
    done: list[Record] = []
    for kind in work.library.patron_types.values():
        if kind.institution_id != owner.id or not kind.overdue_notice_required:
            continue
        place = {"institution_id": owner.id, "branch_id": None, "patron_type_id": kind.id}
        if records.one(work.unit, overdue_trigger, **place) is not None:
            continue
        for said in triggers:
            row = msgspec.structs.asdict(said) | {"restricts": int(said.restricts)}
            made = records.add(work.unit, overdue_trigger, **place, **row)
            work.record("overdue_trigger", made, "add", None, place | row, library=False)
            done.append(
                {"what": "trigger", "name": f"{kind.code} {said.level}", "before": None,
                 "after": f"{said.delay_days} days"}
            )  # fmt: skip
    return done
