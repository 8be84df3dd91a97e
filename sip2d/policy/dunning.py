"""When an overdue loan has reached which level of notices (LO-15)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from sip2d.policy.calendar import Calendar
from sip2d.policy.settings import NoticeCalendar, NoticeMode

MOST_DAYS: Final = 90
"""The last level applies for so long."""


class Level(msgspec.Struct, frozen=True):
    """A level and its delay: days overdue, counted from the due date."""

    level: int
    delay_days: int


def days_overdue(due_at: datetime, now: datetime, calendar: Calendar, counted: NoticeCalendar) -> int:
    """The difference of the local dates, or the open days after the due date."""
    if counted is NoticeCalendar.USE:
        return calendar.open_days(due_at, now)
    return (calendar.local_date(now) - calendar.local_date(due_at)).days


def level_of(days: int, levels: Sequence[Level], mode: NoticeMode) -> int | None:
    """The level that applies on this day, None between them. ``levels`` in order, delays increasing."""
    for number, one in enumerate(levels):
        last = levels[number + 1].delay_days - 1 if number + 1 < len(levels) else MOST_DAYS
        if mode is NoticeMode.EXACT_DAY:
            if days == one.delay_days:
                return one.level
        elif one.delay_days <= days <= last:
            return one.level
    return None


def faults(delays: Sequence[int]) -> str | None:
    """What is wrong with the delays of a patron type's levels, in order; None: nothing (LO-15)."""
    if any(later <= earlier for earlier, later in pairwise(delays)):
        told = ", ".join(str(each) for each in delays)
        return f"The delays of the levels increase: {told} do not."
    if any(not 1 <= each <= MOST_DAYS for each in delays):
        return f"A delay is 1 to {MOST_DAYS} days."
    return None
