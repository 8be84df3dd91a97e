"""When things are due: loans, renewals, recalls, the hold shelf (CL-3, CL-4, CO-14, CO-40, HO-4).

A calendar that is never open says nothing: dates are then counted as if every day were open, because a
return or a forced loan must not fail for want of an open day.
"""

import functools
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sip2d.policy.calendar import Calendar, NoOpenDay, local_instant
from sip2d.policy.terms import DueMode, HardDue, LoanUnit, PreClosing, RenewalBase, Terms

PERMANENT_ON: Final = date(2099, 1, 1)
_DAY: Final = timedelta(days=1)
_HOURLY: Final = {LoanUnit.HOURS: timedelta(hours=1), LoanUnit.MINUTES: timedelta(minutes=1)}


@functools.lru_cache(maxsize=64)
def permanent(zone: ZoneInfo) -> datetime:
    """When a loan without a period is due: 2099-01-01 00:00 local (CL-3)."""
    return local_instant(PERMANENT_ON, time(0), zone)


def loan_due(terms: Terms, calendar: Calendar, now: datetime, expires_on: date | None = None) -> datetime:
    """When a loan made now is due. ``expires_on`` is the last day of the patron's account (CL-4)."""
    return _capped(terms, calendar, now, expires_on, _counted(terms, calendar, now, terms.loan_period))


def renewal_due(
    terms: Terms, calendar: Calendar, due_at: datetime, now: datetime, expires_on: date | None = None
) -> datetime:
    """When a loan that was due at ``due_at`` is due after a renewal without a date of its own (CO-14).

    Counts from the old due date or from now (``renewal_base``); from now when the former would not lead into
    the future. Never earlier than the old due date: a renewal does not shorten a loan unless it was asked to.
    """
    period = terms.loan_period if terms.renewal_period is None else terms.renewal_period
    renewed = now
    if terms.renewal_base is RenewalBase.DUE:
        renewed = _counted(terms, calendar, due_at, period)
    if renewed <= now:
        renewed = _counted(terms, calendar, now, period)
    return max(due_at, _capped(terms, calendar, now, expires_on, renewed))


def recall_due(
    terms: Terms, calendar: Calendar, loaned_at: datetime, due_at: datetime, now: datetime
) -> datetime:
    """When a loan is due once it is recalled: later of the guaranteed days and the recall period, if that is
    earlier (CO-40)."""
    if terms.recall_period is None:
        return due_at
    guaranteed = calendar.local_date(loaned_at) + _DAY * terms.minimum_guarantee
    recalled = calendar.local_date(now) + _DAY * terms.recall_period
    day = max(guaranteed, recalled)
    if terms.due_mode is not DueMode.DAYS:
        day = _open_on_or_after(calendar, day)
    return min(due_at, calendar.end_of(day))


def shelf_limit(calendar: Calendar, now: datetime, days: int) -> datetime:
    """Until when a hold waits on the shelf: the end of the ``days``-th open day from now (HO-4)."""
    return calendar.end_of(_nth_open(calendar, calendar.local_date(now), days))


def requested_due_is_valid(
    requested: datetime, now: datetime, zone: ZoneInfo, *, allow_past: bool = False
) -> bool:
    """Whether a due date that came with the request may be taken, as it is (CL-5, BR-16): in the future, not
    after 2099-01-01."""
    return requested <= permanent(zone) and (allow_past or requested > now)


def _counted(terms: Terms, calendar: Calendar, base: datetime, period: int | None) -> datetime:
    """The due date by period, unit and mode alone."""
    if period is None:
        return permanent(calendar.zone)
    if terms.loan_unit in _HOURLY:
        return _hourly(terms, calendar, base, base + _HOURLY[terms.loan_unit] * period)
    day = min(_day_due(terms, calendar, calendar.local_date(base), period), PERMANENT_ON)
    return min(calendar.end_of(day), permanent(calendar.zone))


def _day_due(terms: Terms, calendar: Calendar, base: date, period: int) -> date:
    if terms.loan_unit is LoanUnit.MONTHS:
        due, days = months_later(base, period), 0
    else:
        days = period * 7 if terms.loan_unit is LoanUnit.WEEKS else period
        if terms.due_mode is DueMode.CALENDAR:
            return _nth_open(calendar, base, days)
        due = base + _DAY * days
    if terms.due_mode is DueMode.DAYS or calendar.is_open(due):
        return due
    if terms.due_mode is DueMode.DAYWEEK and days and days % 7 == 0:
        # A weekly loan keeps its weekday; if that is closed too, any open day will do.
        due += 7 * _DAY
    return _open_on_or_after(calendar, due)


def _hourly(terms: Terms, calendar: Calendar, base: datetime, due: datetime) -> datetime:
    """Hour and minute loans are due at the minute, before closing if the terms say so, else on an open day
    (CL-3)."""
    due = due.replace(second=0, microsecond=0)
    if due <= base:
        due += timedelta(minutes=1)
    if terms.pre_closing is not PreClosing.NONE:
        early = timedelta(minutes=terms.pre_closing_minutes)
        limit = _last_closing(
            calendar, due, early if terms.pre_closing is PreClosing.BEFORE_CLOSING else early * 0
        )
        if limit is not None and base < limit:
            return min(due, limit)
    local = due.astimezone(calendar.zone)
    if terms.due_mode is DueMode.DAYS or calendar.is_open(local.date()):
        return due
    return calendar.at(_open_on_or_after(calendar, local.date()), local.time())


def _last_closing(calendar: Calendar, due: datetime, early: timedelta) -> datetime | None:
    """``early`` before the closing that a loan due at ``due`` must respect: of the hours it falls in, else
    the last before; None within a week."""
    day = calendar.local_date(due)
    for _ in range(8):
        for opens, closes in reversed(calendar.hours(day)):
            if opens <= due:
                return closes - early
        day -= _DAY
    return None


def _capped(
    terms: Terms, calendar: Calendar, now: datetime, expires_on: date | None, due: datetime
) -> datetime:
    """Applies the hard due date and the account's last day (CL-4), neither of which ends a loan before it
    began."""
    if terms.hard_due_on is not None:
        hard = calendar.end_of(terms.hard_due_on)
        if hard > now:
            match terms.hard_due_compare:
                case HardDue.EXACT:
                    due = hard
                case HardDue.BEFORE:
                    due = min(due, hard)
                case HardDue.AFTER:
                    due = max(due, hard)
    if terms.return_before_expiry and expires_on is not None:
        last = calendar.end_of(expires_on)
        if last > now:
            due = min(due, last)
    return due.astimezone(UTC)


def _nth_open(calendar: Calendar, day: date, number: int) -> date:
    try:
        return calendar.nth_open(day, number)
    except NoOpenDay:
        return day + _DAY * number


def _open_on_or_after(calendar: Calendar, day: date) -> date:
    return day if calendar.is_open(day) else _nth_open(calendar, day, 1)


def months_later(day: date, months: int) -> date:
    """The same day of the month, or the month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = min(day.year + years, 9998)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
