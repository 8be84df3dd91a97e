"""Instants as a person says them: local where the library is, and a bare date is a whole day.

``2026-12-31T12:00`` is that time there, ``2026-12-31T12:00+01:00`` stands as it is; what a date means says
the function that is asked. All give an instant in UTC and raise `Refused`; a `datetime` that somebody worked
out, aware, comes back as it is, and None as None.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, overload
from zoneinfo import ZoneInfo

from sip2d.desk.staff.work import Refused
from sip2d.policy.calendar import DAY_END, local_instant

Said = str | datetime

_MIDNIGHT: Final = time()


@overload
def first_of(said: Said, zone: ZoneInfo) -> datetime: ...
@overload
def first_of(said: Said | None, zone: ZoneInfo) -> datetime | None: ...
def first_of(said: Said | None, zone: ZoneInfo) -> datetime | None:
    """Of a date the moment it begins."""
    return None if said is None else _instant(said, zone, 0, _MIDNIGHT)


@overload
def last_of(said: Said, zone: ZoneInfo) -> datetime: ...
@overload
def last_of(said: Said | None, zone: ZoneInfo) -> datetime | None: ...
def last_of(said: Said | None, zone: ZoneInfo) -> datetime | None:
    """Of a date its last second, 23:59:59, when day loans are due (CL-3)."""
    return None if said is None else _instant(said, zone, 0, DAY_END)


@overload
def after(said: Said, zone: ZoneInfo) -> datetime: ...
@overload
def after(said: Said | None, zone: ZoneInfo) -> datetime | None: ...
def after(said: Said | None, zone: ZoneInfo) -> datetime | None:
    """Of a date the moment it is over: the end of what is in force on all of it."""
    return None if said is None else _instant(said, zone, 1, _MIDNIGHT)


def _instant(said: Said, zone: ZoneInfo, days: int, clock: time) -> datetime:
    if isinstance(said, datetime):
        return said
    try:
        day = _date(said)
        if day is not None:
            return local_instant(day + timedelta(days), clock, zone)
        found = datetime.fromisoformat(said).replace(microsecond=0)
        return found.astimezone(UTC) if found.tzinfo else local_instant(found.date(), found.time(), zone)
    except (ValueError, OverflowError):
        raise Refused(f"{said[:40]!r} is no date such as 2026-12-31 or 2026-12-31T12:00.") from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
