"""What a calendar says beside its weekly hours (CL-1): special closures, and exceptions for single dates."""

from datetime import date, datetime, time, timedelta
from typing import Final

from sip2d.desk.staff import opening
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.calendars import Owner, owner_of, record
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.calendar import local_instant
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import calendar_exception, special_closure
from sip2d.store.times import instant, seconds

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)

# -- closures ----------------------------------------------------------------------------------------------


def closures(
    work: Work, institution_code: str | None = None, branch_name: str | None = None, *, past: bool = False
) -> list[Record]:
    """The special closures that are to come or recur; those that are over on request."""
    owner = owner_of(work, Act.SEE, institution_code, branch_name)
    rows = records.rows(work.unit, special_closure, "starts_at", "month", "day", **owner.key)
    now = seconds(work.now)
    return [_closure(owner, row) for row in rows if past or row["ends_at"] is None or row["ends_at"] > now]


def add_closure(
    work: Work,
    first: str,
    last: str | None = None,
    *,
    title: str = "",
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> Record:
    """Close on a date, from one date to another (both included), for some hours (``2026-08-01T12:00``), or
    every year on a day (``12-25``). Local times of the institution or branch.
    """
    owner = owner_of(work, Act.CONFIGURE_POLICY, institution_code, branch_name)
    values: Record = {**owner.key, "title": title.strip(), **_span(owner, first, last)}
    same = {key: value for key, value in values.items() if key != "title"}
    if records.one(work.unit, special_closure, **same) is not None:
        raise Refused(f"{owner.code} is closed then already.")
    made = records.add(work.unit, special_closure, **values)
    record(work, owner, "special_closure", "add", None, {"id": made, **values})
    return _closure(owner, {"id": made, **values})


def remove_closure(work: Work, closure_id: int) -> Record:
    """Take a closure away."""
    row = records.one(work.unit, special_closure, id=closure_id)
    if row is None:
        raise Refused(f"There is no closure {closure_id}.")
    place = work.library.branches.get(row["branch_id"] or 0)
    institution_id = place.institution_id if place else row["institution_id"]
    work.require(Act.CONFIGURE_POLICY, institution_id, place.id if place else None)
    institution = work.library.institutions[institution_id]
    owner = (
        Owner(institution_id, place.id, place.code, place.zone)
        if place
        else Owner(institution_id, None, institution.code, institution.zone)
    )
    records.remove(work.unit, special_closure, id=closure_id)
    record(work, owner, "special_closure", "remove", row, None)
    return _closure(owner, row)


def _span(owner: Owner, first: str, last: str | None) -> Record:
    """The columns of a closure's time."""
    recurring = opening.day_of_year(first)
    if recurring is not None:
        if last is not None:
            raise Refused("A closure of every year is one day: add one for each.")
        return {"kind": "RECURRING", "starts_at": None, "ends_at": None, "all_day": 1,
                "month": recurring[0], "day": recurring[1]}  # fmt: skip
    begins, ends = opening.local(first), opening.local(last or first)
    if isinstance(begins, datetime) != isinstance(ends, datetime) or (last is None and "T" in first):
        raise Refused("Give two dates, or two local times like 2026-08-01T12:00.")
    if isinstance(begins, datetime) and isinstance(ends, datetime):
        starts_at = local_instant(begins.date(), begins.time(), owner.zone)
        ends_at = local_instant(ends.date(), ends.time(), owner.zone)
    else:
        starts_at = local_instant(begins, time(), owner.zone)
        ends_at = local_instant(ends + _DAY, time(), owner.zone)
    if starts_at >= ends_at:
        raise Refused("A closure ends after it has begun.")
    whole = not isinstance(begins, datetime)
    return {"kind": "SINGLE", "starts_at": seconds(starts_at), "ends_at": seconds(ends_at),
            "all_day": int(whole), "month": None, "day": None}  # fmt: skip


def _closure(owner: Owner, row: Record) -> Record:
    if row["kind"] == "RECURRING":
        first = last = f"{row['month']:02d}-{row['day']:02d}"
    elif row["all_day"]:
        first = instant(row["starts_at"]).astimezone(owner.zone).date().isoformat()
        last = (instant(row["ends_at"]) - _SECOND).astimezone(owner.zone).date().isoformat()
    else:
        first, last = (f"{instant(row[key]).astimezone(owner.zone):%Y-%m-%dT%H:%M}"
                       for key in ("starts_at", "ends_at"))  # fmt: skip
    return {
        "id": row["id"],
        "calendar_of": owner.code,
        "title": row["title"],
        "every_year": row["kind"] == "RECURRING",
        "first": first,
        "last": last,
    }


# -- exceptions --------------------------------------------------------------------------------------------


def exceptions(
    work: Work, institution_code: str | None = None, branch_name: str | None = None, *, past: bool = False
) -> list[Record]:
    """Single dates that are open or closed whatever else is said; past ones on request."""
    owner = owner_of(work, Act.SEE, institution_code, branch_name)
    today = work.now.astimezone(owner.zone).date().isoformat()
    rows = records.rows(work.unit, calendar_exception, "day_on", **owner.key)
    return [_exception(owner, row) for row in rows if past or row["day_on"] >= today]


def add_exception(
    work: Work,
    day: date,
    *,
    open: bool = True,
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> Record:
    """Open (or close) on one date, whatever else is said about it."""
    owner = owner_of(work, Act.CONFIGURE_POLICY, institution_code, branch_name)
    key: Record = {**owner.key, "day_on": day.isoformat()}
    wanted = {"open": int(open)}
    row = records.one(work.unit, calendar_exception, **key)
    if row is None:
        records.add(work.unit, calendar_exception, **key, **wanted)
    elif row["open"] != wanted["open"]:
        records.change(work.unit, calendar_exception, wanted, **key)
    if row is None or row["open"] != wanted["open"]:
        record(work, owner, "calendar_exception", "set", row, {**key, **wanted})
    return _exception(owner, {**key, **wanted})


def remove_exception(
    work: Work, day: date, institution_code: str | None = None, branch_name: str | None = None
) -> Record:
    """Let a date be like any other again."""
    owner = owner_of(work, Act.CONFIGURE_POLICY, institution_code, branch_name)
    key: Record = {**owner.key, "day_on": day.isoformat()}
    row = records.one(work.unit, calendar_exception, **key)
    if row is None:
        raise Refused(f"{owner.code} has no exception on {day}.")
    records.remove(work.unit, calendar_exception, **key)
    record(work, owner, "calendar_exception", "remove", row, None)
    return _exception(owner, row)


def _exception(owner: Owner, row: Record) -> Record:
    return {"calendar_of": owner.code, "date": row["day_on"], "open": bool(row["open"])}
