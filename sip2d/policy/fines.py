"""Overdue fines: how long a loan is overdue in the units of its rule, and what that costs (LO-24..LO-38).

Pure: the calendar is asked when a fine is computed, so a closure entered later is an amnesty (CL-6).
"""

import functools
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

from sip2d.policy.calendar import Calendar
from sip2d.policy.settings import HoursCalendar, MaxFineScope, Settings
from sip2d.policy.terms import ChargeAt, LoanUnit, Terms

_DAY: Final = timedelta(days=1)
_HOUR: Final = 3600
_ONE: Final = Decimal(1)
_HOURLY: Final = frozenset({LoanUnit.HOURS, LoanUnit.MINUTES})


def is_hourly(terms: Terms) -> bool:
    """Whether these terms count fines in hours: the unit is that of their loans (LO-24, LO-37)."""
    return terms.loan_unit in _HOURLY


def rate(terms: Terms, *, recalled: bool = False) -> Decimal:
    """What one interval costs, in major units: the recall rate when an overdue recall exists and there is
    one (LO-38); 0 where penalties are detached (BR-12)."""
    if terms.fine_amount is None:
        return Decimal(0)
    if recalled and terms.recall_overdue_fine is not None:
        return terms.recall_overdue_fine
    return terms.fine_amount


def units(
    due_at: datetime,
    end: datetime,
    calendar: Calendar,
    *,
    hourly: bool,
    closed_days: bool,
    hours_calendar: HoursCalendar = HoursCalendar.SKIP_DATES,
) -> int:
    """Days or hours overdue at ``end`` (LO-27), >= 0 and never less at a later ``end``.

    ``closed_days``: they count (LO-32). Else days are the open dates after the due date; hours leave out
    closed dates, or all but the opening hours. The first hour counts as soon as it has begun.
    """
    if end <= due_at:
        return 0
    if not hourly:
        first, last = calendar.local_date(due_at), calendar.local_date(end)
        return (last - first).days if closed_days else _open_days(calendar, first, last)
    if closed_days:
        seconds = _seconds(due_at, end)
    elif hours_calendar is HoursCalendar.OPENING_HOURS:
        seconds = _seconds_open(due_at, end, calendar)
    else:
        seconds = _seconds(due_at, end) - _seconds_on_closed_dates(due_at, end, calendar)
    return 1 if 0 < seconds < _HOUR else seconds // _HOUR


def amount(
    terms: Terms,
    settings: Settings,
    calendar: Calendar,
    due_at: datetime,
    end: datetime,
    *,
    decimals: int,
    price_minor: int | None = None,
    default_price_minor: int | None = None,
    recalled: bool = False,
) -> int:
    """What a loan due at ``due_at`` and back at ``end`` costs, in minor units (LO-28; 3 us).

    Periods times rate are rounded once, half up (GN-3); then come the rule's cap, the item's price where the
    rule says so (``price_minor``; none or 0, D-18: that of its type, ``default_price_minor``), and MaxFine
    as a cap of each loan (LO-29). MaxFine as a cap of the patron is `room`'s.
    """
    price = rate(terms, recalled=recalled)
    if terms.fine_interval <= 0 or price <= 0:
        return 0
    overdue = units(
        due_at, end, calendar,
        hourly=is_hourly(terms), closed_days=settings.fines_on_closed_days,
        hours_calendar=settings.hours_calendar,
    )  # fmt: skip
    chargeable = overdue - terms.fine_grace
    if chargeable <= 0:
        return 0
    counted = overdue if settings.fines_include_grace else chargeable
    if terms.fine_charge_at is ChargeAt.START:
        periods = -(-counted // terms.fine_interval)
    else:
        periods = counted // terms.fine_interval
    fine = int((price * periods).scaleb(decimals).quantize(_ONE, ROUND_HALF_UP))
    for cap in _caps(terms, settings, decimals, price_minor, default_price_minor):
        fine = min(fine, cap)
    return fine


def room(settings: Settings, accrued_minor: int, target_minor: int, outstanding_minor: int) -> int:
    """What the loan's fine may be now, of ``target_minor``, where MaxFine limits all fines of the patron.

    ``accrued_minor`` is what was charged for the loan so far, ``outstanding_minor`` all that is unpaid of the
    patron's overdue fines, this loan's among it (LO-29, D-16). Less than accrued needs no room.
    """
    limit = settings.max_fine_minor
    if settings.max_fine_scope is not MaxFineScope.PATRON_TOTAL or not limit or target_minor <= accrued_minor:
        return target_minor
    return min(target_minor, accrued_minor + max(0, limit - outstanding_minor))


def _caps(
    terms: Terms,
    settings: Settings,
    decimals: int,
    price_minor: int | None,
    default_price_minor: int | None,
) -> list[int]:
    caps = []
    if terms.fine_cap is not None and terms.fine_cap > 0:
        # Down, never up: what exceeds the cap is not billed (LO-29).
        caps.append(int(terms.fine_cap.scaleb(decimals).quantize(_ONE, ROUND_FLOOR)))
    if terms.cap_fine_to_replacement_price:
        price = price_minor or (default_price_minor if settings.use_default_replacement_cost else None)
        if price:
            caps.append(price)
    if settings.max_fine_scope is MaxFineScope.PER_LOAN and settings.max_fine_minor:
        caps.append(settings.max_fine_minor)
    return caps


@functools.lru_cache(maxsize=4096)
def _open_days(calendar: Calendar, after: date, until: date) -> int:
    """The loans of one night share their due dates: 0.1 us instead of 10 for two months."""
    return calendar.open_days(after, until)


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


def _seconds_on_closed_dates(due_at: datetime, end: datetime, calendar: Calendar) -> int:
    seconds = 0
    day, last = calendar.local_date(due_at), calendar.local_date(end)
    while day <= last:
        if not calendar.is_open(day):
            begins, ends = _midnight(calendar, day), _midnight(calendar, day + _DAY)
            seconds += max(0, _seconds(max(begins, due_at), min(ends, end)))
        day += _DAY
    return seconds


def _seconds_open(due_at: datetime, end: datetime, calendar: Calendar) -> int:
    seconds, counted = 0, due_at
    # The hours of the day before may end after midnight, where the clock is set back then.
    day, last = calendar.local_date(due_at) - _DAY, calendar.local_date(end)
    while day <= last:
        for opens, closes in calendar.hours(day):
            begins, ends = max(opens, counted), min(closes, end)
            if begins < ends:
                seconds += _seconds(begins, ends)
                counted = ends
        day += _DAY
    return seconds


@functools.lru_cache(maxsize=4096)
def _midnight(calendar: Calendar, day: date) -> datetime:
    """When a local date begins: of two midnights the first, of none the first instant after the gap."""
    local = datetime.combine(day, time(0), calendar.zone)
    first = local.astimezone(UTC)
    if first.astimezone(calendar.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return first
    return calendar.at(day, time(0))
