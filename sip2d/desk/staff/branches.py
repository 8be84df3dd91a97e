"""Branches and their SIP2 settings (CN-2, CN-4): one row each, not configured until its settings are first
saved.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.institutions import check_code, check_language, check_zone
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.store import records
from sip2d.store.library import Branch
from sip2d.store.records import Record
from sip2d.store.tables import branch as branches
from sip2d.store.tables import branch_message, branch_sip2
from sip2d.store.times import seconds

CONFIGURED: Final = "CONFIGURED"
NOT_CONFIGURED: Final = "NOT_CONFIGURED"


class Whole(msgspec.Struct, frozen=True):
    """A whole number within bounds."""

    least: int
    most: int


class Word(msgspec.Struct, frozen=True):
    """One of a few words; ``free``: an empty text takes the setting away, so that the profile decides."""

    words: tuple[str, ...]


Kind = Whole | Word | type[bool] | type[str]

SIP2_SETTINGS: Final[dict[str, Kind]] = {
    "retries_allowed": Whole(0, 999),
    "timeout_seconds": Whole(1, 99),
    "idle_timeout_seconds": Whole(10, 86_400),
    "send_personal_data": bool,
    "available_hold_allowed": bool,
    "use_sort_bin": bool,
    "terminal_location": str,
    "library_name": str,
    "max_print_width": Whole(0, 999),
    "language": Word(("en", "fr")),
    "profile": str,
    "encoding": Word(("utf-8", "latin-1", "cp850", "ascii")),
    "line_terminator": Word(("CR", "CRLF")),
    "error_detection": Word(("mirror", "required")),
    "valid_patron": Word(("record", "standing")),
    "renewal_branch": bool,
    "due_receipt_enabled": bool,
    "allow_empty_pins": bool,
    "enforce_institution": bool,
}
"""CN-4's settings and the columns of the same names. An empty word or profile means: as the profile or the
institution says.
"""


def check_setting(name: str, value: object) -> object:
    """The value as the column holds it. Raises `Refused` with one sentence."""
    kind = SIP2_SETTINGS.get(name)
    if kind is None:
        raise find.missing("setting of a branch", name, SIP2_SETTINGS)
    if kind is bool:
        if not isinstance(value, bool):
            raise Refused(f"{name} must be true or false.")
        return int(value)
    if isinstance(kind, Whole):
        if not isinstance(value, int) or isinstance(value, bool) or not kind.least <= value <= kind.most:
            raise Refused(f"{name} must lie between {kind.least} and {kind.most}.")
        return value
    if not isinstance(value, str):
        raise Refused(f"{name} must be a text.")
    if isinstance(kind, Word):
        if value and value not in kind.words:
            raise Refused(f"{name} must be one of {', '.join(kind.words)}, or empty.")
        return value or None
    if any(ord(letter) < 32 or letter == "|" for letter in value) or len(value) > 255:
        raise Refused(f"{name} goes out on one line: 255 characters at most, no | and no control characters.")
    return value if name != "profile" else value or None


def listing(work: Work, institution_code: str | None = None) -> list[Record]:
    """Every branch (of one institution)."""
    work.require(Act.SEE, work.staff.institution_id)
    wanted = find.institution(work, institution_code).id if institution_code else work.staff.institution_id
    found = [one for one in work.library.branches.values() if wanted in (None, one.institution_id)]
    return [_summary(work, one) for one in sorted(found, key=lambda one: (one.institution_id, one.code))]


def show(work: Work, name: str) -> Record:
    """One branch with every SIP2 setting."""
    place = find.branch(work, name)
    work.require(Act.SEE, place.institution_id, place.id)
    return _now(work, place.id)


def add(
    work: Work,
    code: str,
    *,
    institution_code: str | None = None,
    name: str = "",
    timezone: str | None = None,
    email: str | None = None,
    sip2: Mapping[str, object] | None = None,
) -> Record:
    """A new branch; its SIP2 settings are there at once, NOT_CONFIGURED unless some are given (CN-2)."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_SERVICE, owner.id)
    check_code("branch", code)
    if records.one(work.unit, branches, institution_id=owner.id, code=code) is not None:
        raise Refused(f"There is a branch {code!r} in {owner.code} already.")
    values: Record = {
        "institution_id": owner.id,
        "code": code,
        "name": name or code,
        "timezone": check_zone(timezone) if timezone else None,
        "email": email,
    }
    made = records.add(work.unit, branches, **values)
    records.add(work.unit, branch_sip2, branch_id=made)
    work.record("branch", made, "add", None, values, branch_id=made)
    if sip2:
        save_sip2(work, made, sip2)
    return _now(work, made)


def change(
    work: Work,
    name: str,
    *,
    new_name: str | None = None,
    timezone: str | None = None,
    email: str | None = None,
    enabled: bool | None = None,
    sip2: Mapping[str, object] | None = None,
) -> Record:
    """Change what is given. ``sip2`` are settings of `SIP2_SETTINGS`: saving any makes the branch
    CONFIGURED.
    """
    place = find.branch(work, name)
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    row = records.one(work.unit, branches, id=place.id)
    assert row is not None
    wanted: Record = {"name": new_name, "enabled": None if enabled is None else int(enabled)}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if timezone is not None:
        wanted["timezone"] = check_zone(timezone) if timezone else None
    if email is not None:
        wanted["email"] = email or None
    before, after = changes(row, wanted)
    if after:
        records.change(work.unit, branches, after, id=place.id)
        work.record("branch", place.id, "set", before, after, branch_id=place.id)
    if sip2:
        save_sip2(work, place.id, sip2)
    return _now(work, place.id)


def save_sip2(
    work: Work,
    branch_id: int,
    values: Mapping[str, object],
    *,
    preset: str | None = None,
    action: str = "set",
) -> None:
    """Save SIP2 settings (CN-2: the branch is CONFIGURED from then on), audited as one change."""
    wanted: Record = {key: check_setting(key, value) for key, value in values.items()}
    if wanted.get("language"):
        check_language(str(wanted["language"]))
    if preset is not None:
        wanted["preset"] = preset
    row = _sip2(work, branch_id)
    before, after = changes(row, {**wanted, "status": CONFIGURED})
    stamp = {"updated_at": seconds(work.now), "updated_by": work.staff.login}
    records.change(work.unit, branch_sip2, {**after, **stamp}, branch_id=branch_id)
    if after or action != "set":
        work.record("branch_sip2", branch_id, action, before, after, branch_id=branch_id)


def unconfigure(work: Work, name: str) -> Record:
    """Reset the SIP2 settings to NOT_CONFIGURED and their defaults (CN-2's "delete"): its terminals are
    turned away.
    """
    place = find.branch(work, name)
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    before = {key: value for key, value in _sip2(work, place.id).items() if value not in (None, "", 0)}
    records.remove(work.unit, branch_sip2, branch_id=place.id)
    records.remove(work.unit, branch_message, branch_id=place.id)
    records.add(work.unit, branch_sip2, branch_id=place.id)
    work.record("branch_sip2", place.id, "reset", before, {"status": NOT_CONFIGURED}, branch_id=place.id)
    return _now(work, place.id)


def _sip2(work: Work, branch_id: int) -> Record:
    row = records.one(work.unit, branch_sip2, branch_id=branch_id)
    if row is None:  # a branch made by other hands
        records.add(work.unit, branch_sip2, branch_id=branch_id)
        row = records.one(work.unit, branch_sip2, branch_id=branch_id)
    assert row is not None
    return row


def _summary(work: Work, place: Branch) -> Record:
    return {
        "institution": work.library.institutions[place.institution_id].code,
        "code": place.code,
        "name": place.name,
        "timezone": place.zone.key,
        "sip2": CONFIGURED if place.sip2.configured else NOT_CONFIGURED,
        "preset": place.sip2.preset,
        "terminals": sum(terminal.branch_id == place.id for terminal in work.library.terminals),
        "enabled": place.enabled,
    }


def _now(work: Work, branch_id: int) -> Record:
    row = records.one(work.unit, branches, id=branch_id)
    assert row is not None
    sip2 = records.one(work.unit, branch_sip2, branch_id=branch_id) or {}
    shown: Record = {
        "institution": work.library.institutions[row["institution_id"]].code,
        **{key: row[key] for key in ("code", "name", "timezone", "email")},
        "enabled": bool(row["enabled"]),
        "sip2": sip2.get("status", NOT_CONFIGURED),
        "preset": sip2.get("preset"),
    }
    for key, kind in SIP2_SETTINGS.items():
        shown[key] = bool(sip2.get(key)) if kind is bool else sip2.get(key)
    return shown
