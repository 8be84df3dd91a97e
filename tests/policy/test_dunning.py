"""When a loan has reached which level of overdue notices (LO-15)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy.calendar import Calendar
from sip2d.policy.dunning import Level, days_overdue, faults, level_of
from sip2d.policy.settings import NoticeCalendar, NoticeMode

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(("counted", "days"), [(NoticeCalendar.IGNORE, 7), (NoticeCalendar.USE, 6)])
def test_days_overdue_are_local_dates_or_open_days(counted: NoticeCalendar, days: int) -> None:
    """LO-15, across the change of the clock on 29 March."""
    calendar = Calendar(PARIS, exceptions={date(2026, 3, 31): False})
    due = datetime(2026, 3, 27, 22, 59, 59, tzinfo=UTC)
    assert days_overdue(due, datetime(2026, 4, 3, 2, 30, tzinfo=UTC), calendar, counted) == days


@given(st.lists(st.integers(1, 90), min_size=1, max_size=3, unique=True), st.integers(0, 120))
def test_levels_follow_each_other_without_a_gap(delays: list[int], days: int) -> None:
    """LO-15: from the first delay to day 90 exactly one level applies, and it never falls."""
    steps = [Level(number, delay) for number, delay in enumerate(sorted(delays), start=1)]
    found = level_of(days, steps, NoticeMode.RANGE)
    assert (found is not None) == (steps[0].delay_days <= days <= 90)
    if found is not None:
        assert found == max(step.level for step in steps if step.delay_days <= days)
        exact = level_of(days, steps, NoticeMode.EXACT_DAY)
        assert exact in (None, found)


@pytest.mark.parametrize(
    ("delays", "wrong"),
    [
        ([3], None),
        ([1, 2, 90], None),
        ([3, 3], "increase"),
        ([10, 5], "increase"),
        ([0], "1 to 90"),
        ([1, 91], "1 to 90"),
    ],
)
def test_delays_increase(delays: list[int], wrong: str | None) -> None:
    """LO-15."""
    found = faults(delays)
    assert found is None if wrong is None else wrong in (found or "")
