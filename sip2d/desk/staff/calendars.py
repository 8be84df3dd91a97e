"""Calendars (CL-1) of institutions and branches: whose it is, its weekly hours, and what comes of it by day.

A branch has its institution's calendar until it gets one of its own (``own``), which begins as a copy:
nothing changes before somebody changes it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.desk.staff import find, opening
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.calendar import Calendar, Closure
from sip2d.store import records
from sip2d.store.library import Branch
from sip2d.store.records import Record
from sip2d.store.tables import branch as branches
from sip2d.store.tables import calendar_exception, opening_interval, special_closure

MOST_DAYS: Final = 731
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_TABLES: Final = (opening_interval, special_closure, calendar_exception)


class Owner(msgspec.Struct, frozen=True):
    """Whose calendar it is."""

    institution_id: int
    branch_id: int | None
    code: str
    zone: ZoneInfo

    @property
    def key(self) -> Record:
        """The columns of its rows."""
        if self.branch_id is not None:
            return {"branch_id": self.branch_id, "institution_id": None}
        return {"branch_id": None, "institution_id": self.institution_id}


# -- days --------------------------------------------------------------------------------------------------


def days(work: Work, branch_name: str, first: date | None = None, last: date | None = None) -> list[Record]:
    """When a branch is open from one date to another (a fortnight from today without), and what closes or
    opens it.
    """
    place = find.branch(work, branch_name)
    work.require(Act.SEE, place.institution_id, place.id)
    begins = first or work.now.astimezone(place.zone).date()
    ends = last or begins + 13 * _DAY
    if not 0 <= (ends - begins).days < MOST_DAYS:
        raise Refused(f"Give at most {MOST_DAYS} days, the first one first.")
    return [_day(place, begins + step * _DAY) for step in range((ends - begins).days + 1)]


def _day(place: Branch, day: date) -> Record:
    hours = place.calendar.hours(day)
    return {
        "branch": place.code,
        "date": day.isoformat(),
        "weekday": opening.WEEKDAYS[day.weekday()],
        "open": bool(hours),
        "hours": opening.written(
            (begins.astimezone(place.zone).time(), ends.astimezone(place.zone).time())
            for begins, ends in hours
        ),
        "because": _because(place.calendar, day),
    }


def _because(calendar: Calendar, day: date) -> str:
    """What of CL-1 speaks on this date; the first that does wins."""
    if day in calendar.exceptions:
        return "exception"
    for closure in calendar.closures:
        if _touches(closure, day, calendar.zone):
            return f"closure: {closure.title}" if closure.title else "closure"
    return "weekly hours"


def _touches(closure: Closure, day: date, zone: ZoneInfo) -> bool:
    if closure.starts_at is None or closure.ends_at is None:
        return (closure.month, closure.day) == (day.month, day.day)
    last = (closure.ends_at - _SECOND).astimezone(zone).date()
    return closure.starts_at.astimezone(zone).date() <= day <= last


# -- whose -------------------------------------------------------------------------------------------------


def own(work: Work, branch_name: str) -> Record:
    """Give a branch a calendar of its own: the one it had before, or a copy of its institution's."""
    place = find.branch(work, branch_name)
    work.require(Act.CONFIGURE_POLICY, place.institution_id, place.id)
    if not _has_own(work, place):
        mine = {"branch_id": place.id, "institution_id": None}
        if not any(records.count(work.unit, table, **mine) for table in _TABLES):
            theirs = {"branch_id": None, "institution_id": place.institution_id}
            for table in _TABLES:
                for row in records.rows(work.unit, table, **theirs):
                    fresh = {key: value for key, value in row.items() if key != "id"}
                    records.add(work.unit, table, **{**fresh, **mine})
        _switch(work, place, True)
    return whose(work, branch_name)


def inherit(work: Work, branch_name: str) -> Record:
    """Let a branch follow its institution's calendar again; its own is kept for later."""
    place = find.branch(work, branch_name)
    work.require(Act.CONFIGURE_POLICY, place.institution_id, place.id)
    if _has_own(work, place):
        _switch(work, place, False)
    return whose(work, branch_name)


def whose(work: Work, branch_name: str) -> Record:
    """Which calendar a branch follows."""
    place = find.branch(work, branch_name)
    work.require(Act.SEE, place.institution_id, place.id)
    owner = place.code if _has_own(work, place) else work.library.institutions[place.institution_id].code
    return {"branch": place.code, "calendar_of": owner}


def _switch(work: Work, place: Branch, mine: bool) -> None:
    values = {"uses_own_calendar": int(mine)}
    records.change(work.unit, branches, values, id=place.id)
    before = {"uses_own_calendar": int(not mine)}
    work.record("calendar", f"branch/{place.id}", "set", before, values, branch_id=place.id)


def _has_own(work: Work, place: Branch) -> bool:
    row = records.one(work.unit, branches, id=place.id)
    return bool(row and row["uses_own_calendar"])


def owner_of(work: Work, act: Act, institution_code: str | None, branch_name: str | None) -> Owner:
    """Whose calendar is meant. Refused for a branch that has none of its own, if it is to be changed."""
    if branch_name is None:
        institution = find.institution(work, institution_code)
        work.require(act, institution.id)
        return Owner(institution.id, None, institution.code, institution.zone)
    place = find.branch(work, f"{institution_code}/{branch_name}" if institution_code else branch_name)
    work.require(act, place.institution_id, place.id)
    if _has_own(work, place):
        return Owner(place.institution_id, place.id, place.code, place.zone)
    institution = work.library.institutions[place.institution_id]
    if act is Act.SEE:
        return Owner(institution.id, None, institution.code, institution.zone)
    raise Refused(
        f"{place.code} follows the calendar of {institution.code}: `sip2d calendar own {place.code}` gives "
        f"it one of its own, or change that of the institution with --institution {institution.code}."
    )


# -- weekly hours ------------------------------------------------------------------------------------------


def hours(work: Work, institution_code: str | None = None, branch_name: str | None = None) -> list[Record]:
    """The week, Monday first."""
    return _week(work, owner_of(work, Act.SEE, institution_code, branch_name))


def set_hours(
    work: Work,
    wanted: Sequence[tuple[str, str]],
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> list[Record]:
    """Give weekdays (``mon-fri``) their hours (``09:00-12:00,14:00-19:00`` or ``closed``); days that are not
    named keep theirs.
    """
    owner = owner_of(work, Act.CONFIGURE_POLICY, institution_code, branch_name)
    before = _intervals(work, owner)
    after = dict(before)
    for weekdays, text in wanted:
        spans = opening.hours(text)
        for weekday in opening.weekdays(weekdays):
            after[weekday] = spans
    if not any(after.values()):
        raise Refused("A week without any hours would count as always open: close single days by closures.")
    changed = {day: spans for day, spans in after.items() if spans != before[day]}
    for weekday, spans in changed.items():
        records.remove(work.unit, opening_interval, weekday=weekday, **owner.key)
        for opens, closes in spans:
            values = {**owner.key, "weekday": weekday, "opens": opens, "closes": closes}
            records.add(work.unit, opening_interval, **values)
    if changed:
        was = {opening.WEEKDAYS[day]: before[day] for day in changed}
        new = {opening.WEEKDAYS[day]: spans for day, spans in changed.items()}
        record(work, owner, "opening_interval", "set", was, new)
    return _week(work, owner)


def _intervals(work: Work, owner: Owner) -> dict[int, tuple[opening.Span, ...]]:
    rows = records.rows(work.unit, opening_interval, "weekday", "opens", **owner.key)
    return {
        day: tuple((row["opens"], row["closes"]) for row in rows if row["weekday"] == day) for day in range(7)
    }


def _week(work: Work, owner: Owner) -> list[Record]:
    found = _intervals(work, owner)
    always = not any(found.values())
    return [
        {
            "calendar_of": owner.code,
            "weekday": opening.WEEKDAYS[day],
            "hours": "00:00-24:00" if always else ", ".join(f"{opens}-{closes}" for opens, closes in spans),
        }
        for day, spans in found.items()
    ]


def record(
    work: Work, owner: Owner, entity: str, action: str, before: Record | None, after: Record | None
) -> None:
    """Audit a change of a calendar."""
    kind, number = (
        ("institution", owner.institution_id) if owner.branch_id is None else ("branch", owner.branch_id)
    )
    work.record(entity, f"{kind}/{number}", action, before, after, branch_id=owner.branch_id)
