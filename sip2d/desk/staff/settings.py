"""Settings of an institution (circulation.md 16): checked by policy, alone and together; a preference of the
whole site warns (GN-9)."""

from typing import Final

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.contradictions import contradictions
from sip2d.policy.setting_names import SETTINGS, parse_setting, settings_of
from sip2d.policy.settings import Settings
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import setting


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """Every setting policy knows, with its value for the institution (None: the default) and what it
    means.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    values = stored(work, owner)
    return [_shown(owner, name, values.get(name)) for name in SETTINGS]


def show(work: Work, name: str, institution_code: str | None = None) -> Record:
    """One setting."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    if name not in SETTINGS:
        raise find.missing("setting", name, SETTINGS)
    return _shown(owner, name, stored(work, owner).get(name))


def change(
    work: Work, name: str, value: str | None, institution_code: str | None = None
) -> tuple[Record, str]:
    """Store a value (None: back to the default); the setting, and a warning or an empty text (GN-9)."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    warnings = save(work, owner, {name: value})
    return _shown(owner, name, None if value is None else value.strip()), " ".join(warnings)


SAME: Final = {"nopretnumeriquecharge": "noissuescharge", "noissuescharge": "nopretnumeriquecharge"}
"""Two names of one setting (D-33): the one that is set takes the other's place, for only one can count."""


def save(work: Work, owner: Institution, wanted: dict[str, str | None]) -> list[str]:
    """Store several values at once (None: the default); a warning for each that concerns every branch.

    Raises `Refused` with a sentence when one makes no sense, or would contradict another.
    """
    if any(name.startswith("demerit_") for name in wanted):
        work.require(Act.CONFIGURE_BLOCKS, owner.id)  # BL-21
    before = stored(work, owner)
    said = [SAME[name] for name, value in wanted.items() if value is not None and name in SAME]
    wanted = {**dict.fromkeys((name for name in said if name in before), None), **wanted}
    after = dict(before)
    for name, value in wanted.items():
        _checked(owner, name, value)
        after.pop(name, None)
        if value is not None:
            after[name] = value.strip()
    fresh = set(contradictions(settings_of(after, owner.decimals))) - set(
        contradictions(settings_of(before, owner.decimals))
    )
    if fresh:
        raise Refused(" ".join(sorted(fresh)))
    changed = [name for name in wanted if before.get(name) != after.get(name)]
    return [warning for name in changed if (warning := _stored(work, owner, name, before, after))]


def stored(work: Work, owner: Institution) -> dict[str, str]:
    """The institution's own values."""
    rows = records.rows(work.unit, setting, scope="INSTITUTION", scope_id=owner.id)
    return {row["key"]: row["value"] for row in rows}


def _checked(owner: Institution, name: str, value: str | None) -> None:
    if name not in SETTINGS:
        raise find.missing("setting", name, SETTINGS)
    if value is None:
        return
    try:
        parse_setting(name, value, owner.decimals)
    except ValueError as error:
        raise Refused(str(error)) from None


def _stored(work: Work, owner: Institution, name: str, before: dict[str, str], after: dict[str, str]) -> str:
    key = {"scope": "INSTITUTION", "scope_id": owner.id, "key": name}
    if name not in after:
        records.remove(work.unit, setting, **key)
    elif name in before:
        records.change(work.unit, setting, {"value": after[name]}, **key)
    else:
        records.add(work.unit, setting, **key, value=after[name])
    branches = sum(place.institution_id == owner.id for place in work.library.branches.values())
    site_wide = SETTINGS[name].site_wide and branches > 1
    action = "site_wide_change" if site_wide else "set"
    work.record("setting", f"{owner.code}/{name}", action, {name: before.get(name)}, {name: after.get(name)})
    return f"{name} now applies to all {branches} branches of {owner.code}." if site_wide else ""


def _shown(owner: Institution, name: str, value: str | None) -> Record:
    known = SETTINGS[name]
    return {
        "institution": owner.code,
        "name": name,
        "value": value,
        "default": _said(getattr(_DEFAULTS, known.field)),
        "scope": "site" if known.site_wide else "institution",
        "caption": known.caption,
    }


_DEFAULTS: Final = Settings()


def _said(value: object) -> str:
    """A default as a person would write it; nothing where there is no limit."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or value == frozenset() else str(value).lower()
