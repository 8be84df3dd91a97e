"""Overdue blocks: how long a late return blocks the patron (circulation.md 9.5).

The calendar is asked at the moment of computing, so that a closure made since counts (CL-6). One that is
never open says nothing: days are then counted as if every one were open, because a return must not fail for
want of an open day.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from sip2d.policy.calendar import Calendar, NoOpenDay
from sip2d.policy.due import months_later
from sip2d.policy.terms import BlockSpan, BlockUnit, Terms

_DAY: Final = timedelta(days=1)
_MOST_DAYS: Final = 36_500
_MOST_WEEKS: Final = 5_200
_MOST_MONTHS: Final = 1_200
"""A hundred years each: more is a slip of the pen, and must not overflow."""
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)


class Lateness(msgspec.Struct, frozen=True):
    """Complete periods of 24 hours between due and return, and how many of the local dates after the due date
    that they cover were open (BL-48)."""

    days: int
    open_days: int


class Running(msgspec.Struct, frozen=True):
    """An overdue block of the patron that is in force."""

    starts_at: datetime
    expires_at: datetime


class OverdueBlock(msgspec.Struct, frozen=True):
    """Until when, and whether a maximum made it shorter (BL-51)."""

    expires_at: datetime
    capped: bool = False


def lateness(calendar: Calendar, due_at: datetime, returned_at: datetime) -> Lateness:
    """How late a return is (BL-48, D-24)."""
    days = max((returned_at.astimezone(UTC) - due_at.astimezone(UTC)) // _DAY, 0)
    due_on = calendar.local_date(due_at)
    return Lateness(days, calendar.open_days(due_on, due_on + _DAY * days))


def overdue_block(
    terms: Terms,
    calendar: Calendar,
    due_at: datetime,
    returned_at: datetime,
    running: Iterable[Running] = (),
    *,
    per_block: bool = True,
) -> OverdueBlock | None:
    """The block for a loan due at ``due_at`` and returned at ``returned_at``, None when there is none.

    ``running`` are the patron's overdue blocks in force at the return: a cumulative rule counts from the end
    of the last (BL-49); without ``per_block`` they are one chain with this one, and the maximum is the whole
    chain's (BL-52, D-25).
    """
    if returned_at <= due_at:
        return None
    number, unit = _length(terms, calendar, due_at, returned_at)
    if not number:
        return None
    chain = tuple(running)
    latest = max((block.expires_at for block in chain), default=returned_at)
    bases = [returned_at]
    if terms.overdue_block_cumulative and latest > returned_at:
        bases.append(latest)
    expires_at = _latest_end(calendar, bases, number, unit)
    if terms.overdue_block_max_value is None:
        return OverdueBlock(expires_at)
    longest, span = terms.overdue_block_max_value, BlockUnit[_SPANS[terms.overdue_block_max_unit]]
    if per_block:
        cap = _latest_end(calendar, bases, longest, span)
    else:
        start = min((block.starts_at for block in chain), default=returned_at)
        cap = end(calendar, min(start, returned_at), longest, span)
        if cap <= bases[-1]:
            return OverdueBlock(max(latest, returned_at), capped=True)  # nothing left to add
    return OverdueBlock(min(expires_at, cap), capped=expires_at > cap)


def end(calendar: Calendar, base: datetime, number: int, unit: BlockUnit) -> datetime:
    """``number`` of a unit after ``base``: days of 24 hours, weeks and months to the same local clock time,
    open days to that time of the last of them (BL-49)."""
    match unit:
        case BlockUnit.WEEKS | BlockUnit.MONTHS | BlockUnit.OPEN_DAYS:
            local = base.astimezone(calendar.zone)
            ends = calendar.at(_ends_on(calendar, local.date(), number, unit), local.time())
        case _:
            ends = base.astimezone(UTC) + _DAY * min(number, _MOST_DAYS)
    return min(ends, _LAST)


_SPANS: Final = {
    BlockSpan.DAYS: "WHOLE_DAYS",
    BlockSpan.WEEKS: "WEEKS",
    BlockSpan.MONTHS: "MONTHS",
    BlockSpan.OPEN_DAYS: "OPEN_DAYS",
}


def _length(
    terms: Terms, calendar: Calendar, due_at: datetime, returned_at: datetime
) -> tuple[int, BlockUnit]:
    """The number of days, weeks, months or open days; 0 for no block (BL-48)."""
    value, unit = terms.overdue_block_value, terms.overdue_block_unit
    match unit:
        case BlockUnit.NONE:
            return 0, unit
        case BlockUnit.DAYS_PER_OVERDUE_DAY:
            return value * lateness(calendar, due_at, returned_at).days, BlockUnit.WHOLE_DAYS
        case BlockUnit.OPEN_DAYS_PER_OPEN_OVERDUE_DAY:
            return value * lateness(calendar, due_at, returned_at).open_days, BlockUnit.OPEN_DAYS
    return value, unit


def _latest_end(calendar: Calendar, bases: Iterable[datetime], number: int, unit: BlockUnit) -> datetime:
    """From the later base, but never before what the earlier gives: a closed day or the end of a month brings
    two bases to one date, where the clock of the earlier may be the later one (PT-27)."""
    return max(end(calendar, base, number, unit) for base in bases)


def _ends_on(calendar: Calendar, day: date, number: int, unit: BlockUnit) -> date:
    if unit is BlockUnit.WEEKS:
        return day + 7 * _DAY * min(number, _MOST_WEEKS)
    if unit is BlockUnit.MONTHS:
        return months_later(day, min(number, _MOST_MONTHS))
    number = min(number, _MOST_DAYS)
    for done in range(number):
        try:
            day = calendar.nth_open(day, 1)  # one by one: the calendar gives up after 5000 dates
        except NoOpenDay:
            return day + _DAY * (number - done)
    return day
