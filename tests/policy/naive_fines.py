"""Overdue fines by counting on the fingers: the oracle of the properties. It shares nothing with the policy
but the meaning of its arguments: dates are walked day by day, hours minute by minute, intervals one by one.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sip2d.policy.calendar import Calendar, Closure
from sip2d.policy.settings import HoursCalendar, Settings
from sip2d.policy.terms import ChargeAt, LoanUnit, Terms

PARIS = ZoneInfo("Europe/Paris")
OPENS, CLOSES = time(9), time(18)
EXAMPLES_CLOSED = frozenset({date(2026, 4, 6), date(2026, 5, 1)})


class Opening:
    """Which dates are open: all but some weekdays and some dates, from 09:00 to 18:00."""

    def __init__(self, weekdays: frozenset[int], dates: frozenset[date], zone: ZoneInfo = PARIS) -> None:
        self.weekdays, self.dates, self.zone = weekdays, dates, zone

    def is_open(self, day: date) -> bool:
        return day.weekday() not in self.weekdays and day not in self.dates

    def calendar(self) -> Calendar:
        """The same as policy knows it: each date a closure of its own."""
        hours = ((OPENS, CLOSES),)
        weekly = tuple(() if weekday in self.weekdays else hours for weekday in range(7))
        return Calendar(self.zone, weekly, [closure(day, self.zone) for day in sorted(self.dates)])


def closure(day: date, zone: ZoneInfo) -> Closure:
    """A special closure of one date."""
    begins = datetime.combine(day, time(0), zone).astimezone(UTC)
    return Closure("closed", "SINGLE", begins, begins + timedelta(hours=2), all_day=True)


EXAMPLES = Opening(frozenset({6}), EXAMPLES_CLOSED)
"""The calendar of the worked examples: closed on Sundays, on 2026-04-06 and 2026-05-01."""


def days(due_at: datetime, end: datetime, opening: Opening, *, closed_days: bool) -> int:
    """Dates after the due date up to the last, one by one."""
    day, last = due_at.astimezone(opening.zone).date(), end.astimezone(opening.zone).date()
    count = 0
    while day < last:
        day += timedelta(days=1)
        count += closed_days or opening.is_open(day)
    return count


def hours(due_at: datetime, end: datetime, opening: Opening, counts: Callable[[datetime], bool]) -> int:
    """Minute by minute, those that count."""
    minutes, moment = 0, due_at
    while moment < end:
        minutes += counts(moment.astimezone(opening.zone))
        moment += timedelta(minutes=1)
    return 1 if 0 < minutes < 60 else minutes // 60


class Exact(NamedTuple):
    """An amount before and after the one rounding."""

    amount: Fraction
    minor: int


def units(due_at: datetime, end: datetime, opening: Opening, terms: Terms, settings: Settings) -> int:
    """LO-27; instants are whole minutes for hourly terms."""
    if end <= due_at:
        return 0
    if terms.loan_unit not in (LoanUnit.HOURS, LoanUnit.MINUTES):
        return days(due_at, end, opening, closed_days=settings.fines_on_closed_days)
    if settings.fines_on_closed_days:
        return hours(due_at, end, opening, lambda _: True)
    if settings.hours_calendar is HoursCalendar.SKIP_DATES:
        return hours(due_at, end, opening, lambda local: opening.is_open(local.date()))
    return hours(
        due_at, end, opening,
        lambda local: opening.is_open(local.date()) and OPENS <= local.time() < CLOSES,
    )  # fmt: skip


def exact(
    overdue: int,
    terms: Terms,
    settings: Settings,
    price: int | None,
    default_price: int | None,
    recalled: bool,
) -> Exact:
    """LO-28 in minor units of two decimals, all caps applied: exactly, and as it is billed."""
    rate = terms.fine_amount
    if recalled and terms.recall_overdue_fine is not None and rate is not None:
        rate = terms.recall_overdue_fine
    past_grace = overdue - terms.fine_grace
    if rate is None or rate <= 0 or terms.fine_interval <= 0 or past_grace <= 0:
        return Exact(Fraction(0), 0)
    base = overdue if settings.fines_include_grace else past_grace
    intervals = 0
    for unit in range(1, base + 1):
        first, last = (unit - 1) % terms.fine_interval == 0, unit % terms.fine_interval == 0
        intervals += first if terms.fine_charge_at is ChargeAt.START else last
    caps = []
    if terms.fine_cap:
        caps.append(Fraction(terms.fine_cap) * 100)
    if terms.cap_fine_to_replacement_price:
        cost = price if price else default_price if settings.use_default_replacement_cost else 0
        caps += [Fraction(cost)] if cost else []
    if settings.max_fine_minor and settings.max_fine_scope == "PER_LOAN":
        caps.append(Fraction(settings.max_fine_minor))
    product = intervals * Fraction(rate) * 100
    return Exact(min([product, *caps]), min([floor(product + Fraction(1, 2)), *map(floor, caps)]))
