"""Institutions: the AO tenants, with their time zone, currency and circulation group (CN-10, GN-1, GN-3)."""

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import circulation_group
from sip2d.store.tables import institution as institutions

TEXT_LANGUAGES: Final = ("en", "fr")
"""What there are screen texts in (SP-9)."""


def listing(work: Work) -> list[Record]:
    """Every institution that this person works for."""
    rows = records.rows(work.unit, institutions, "code")
    seen = [_shown(work, row) for row in rows if work.staff.institution_id in (None, row["id"])]
    work.require(Act.SEE, work.staff.institution_id)
    return seen


def show(work: Work, code: str) -> Record:
    """One institution."""
    owner = find.institution(work, code)
    work.require(Act.SEE, owner.id)
    return _now(work, owner.id)


def add(
    work: Work,
    code: str,
    *,
    name: str,
    timezone: str,
    currency: str,
    language: str = "en",
    admin_email: str | None = None,
    group: str | None = None,
    group_rank: int = 0,
) -> Record:
    """A new institution."""
    work.require(Act.MANAGE_SITE)
    check_code("institution", code)
    if records.one(work.unit, institutions, code=code) is not None:
        raise Refused(f"There is an institution {code!r} already.")
    values: Record = {
        "code": code,
        "name": name or code,
        "timezone": check_zone(timezone),
        "currency": _currency(currency),
        "language": check_language(language),
        "admin_email": admin_email,
        "circulation_group_id": _group(work, group) if group else None,
        "group_rank": group_rank,
    }
    made = records.add(work.unit, institutions, **values)
    work.record("institution", made, "add", None, values)
    return _now(work, made)


def change(
    work: Work,
    code: str,
    *,
    name: str | None = None,
    timezone: str | None = None,
    language: str | None = None,
    admin_email: str | None = None,
    group: str | None = None,
    group_rank: int | None = None,
    enabled: bool | None = None,
) -> Record:
    """Change what is given; an empty ``group`` or ``admin_email`` takes it away. Code and currency never
    change: the ledger is in it.
    """
    owner = find.institution(work, code)
    work.require(Act.MANAGE_SITE, owner.id)
    row = records.one(work.unit, institutions, id=owner.id)
    assert row is not None
    wanted: Record = {
        "name": name,
        "timezone": None if timezone is None else check_zone(timezone),
        "language": None if language is None else check_language(language),
        "group_rank": group_rank,
        "enabled": None if enabled is None else int(enabled),
    }
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if admin_email is not None:
        wanted["admin_email"] = admin_email or None
    if group is not None:
        wanted["circulation_group_id"] = _group(work, group) if group else None
    before, after = changes(row, wanted)
    if after:
        records.change(work.unit, institutions, after, id=owner.id)
        work.record("institution", owner.id, "set", before, after)
    return _now(work, owner.id)


def check_code(kind: str, code: str) -> None:
    """A code travels in AO, AQ or AN and in commands: printable, no blanks, no delimiter, short."""
    if not re.fullmatch(r"[\w.:@+-]{1,40}", code):
        raise Refused(f"{code!r} is no code of a {kind}: 1 to 40 letters, digits or . _ - : @ +.")


def check_zone(name: str) -> str:
    """The name of an IANA time zone."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"{name!r} is no time zone such as Europe/Paris.") from None


def check_language(language: str) -> str:
    """One of the languages there are texts in."""
    if language not in TEXT_LANGUAGES:
        raise Refused(f"{language!r} is no language of the texts: {' or '.join(TEXT_LANGUAGES)}.")
    return language


def _currency(code: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", code.upper()):
        raise Refused(f"{code!r} is no currency code such as EUR.")
    return code.upper()


def _group(work: Work, code: str) -> int:
    row = records.one(work.unit, circulation_group, code=code)
    return row["id"] if row else records.add(work.unit, circulation_group, code=code)


def _now(work: Work, institution_id: int) -> Record:
    row = records.one(work.unit, institutions, id=institution_id)
    assert row is not None
    return _shown(work, row)


def _shown(work: Work, row: Record) -> Record:
    group = records.one(work.unit, circulation_group, id=row["circulation_group_id"] or 0)
    shown = {key: row[key] for key in ("code", "name", "timezone", "currency", "language", "admin_email")}
    return {
        **shown,
        "group": group["code"] if group else None,
        "group_rank": row["group_rank"],
        "enabled": bool(row["enabled"]),
    }
