"""Open days and local instants (CL-1, CL-2, GN-1, PT-36..PT-38)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy.calendar import MOST_STEPS, Calendar, Closure, NoOpenDay, local_instant

PARIS = ZoneInfo("Europe/Paris")
HOURS = ((time(9), time(12)), (time(14), time(18)))
WEEK = (HOURS,) * 6 + ((),)
NEW_YEAR = Closure("New Year", "RECURRING", month=1, day=1)


def paris(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A local time in Paris, as an instant."""
    return datetime(year, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


def closed(first: datetime, last: datetime, *, all_day: bool = True) -> Closure:
    return Closure("works", "SINGLE", first, last, all_day)


@pytest.mark.parametrize(
    ("day", "calendar", "is_open"),
    [
        (date(2026, 3, 8), Calendar(PARIS), True),
        (date(2026, 3, 8), Calendar(PARIS, WEEK), False),
        (date(2026, 3, 9), Calendar(PARIS, WEEK), True),
        (date(2027, 1, 1), Calendar(PARIS, WEEK, [NEW_YEAR]), False),
        (date(2027, 1, 2), Calendar(PARIS, WEEK, [NEW_YEAR]), True),
        (date(2027, 1, 1), Calendar(PARIS, WEEK, [NEW_YEAR], {date(2027, 1, 1): True}), True),
        (date(2026, 3, 8), Calendar(PARIS, WEEK, (), {date(2026, 3, 8): True}), True),
        (date(2026, 3, 9), Calendar(PARIS, WEEK, (), {date(2026, 3, 9): False}), False),
        (date(2026, 3, 9), Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9), paris(2026, 3, 10))]), False),
        (date(2026, 3, 10), Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9), paris(2026, 3, 10))]), True),
        (
            date(2026, 3, 9),
            Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9), paris(2026, 3, 10))], {date(2026, 3, 9): True}),
            True,
        ),
        (
            date(2026, 3, 9),
            Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9, 8), paris(2026, 3, 9, 17), all_day=False)]),
            True,
        ),
        (
            date(2026, 3, 9),
            Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9, 8), paris(2026, 3, 9, 18), all_day=False)]),
            False,
        ),
        (
            date(2026, 3, 10),
            Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9, 12), paris(2026, 3, 11, 12), all_day=False)]),
            False,
        ),
    ],
)
def test_is_open(day: date, calendar: Calendar, is_open: bool) -> None:
    """CL-1: exception, single closure, weekly hours, recurring closure, in this order."""
    assert calendar.is_open(day) is is_open


def test_hours_without_what_is_closed() -> None:
    calendar = Calendar(PARIS, WEEK, [closed(paris(2026, 3, 9, 10), paris(2026, 3, 9, 15), all_day=False)])
    assert calendar.hours(date(2026, 3, 9)) == (
        (paris(2026, 3, 9, 9), paris(2026, 3, 9, 10)),
        (paris(2026, 3, 9, 15), paris(2026, 3, 9, 18)),
    )


def test_open_until_midnight() -> None:
    late = Calendar(PARIS, (((time(20), time(0)),),) * 7)
    assert late.hours(date(2026, 3, 9)) == ((paris(2026, 3, 9, 20), paris(2026, 3, 10)),)


def test_open_days_counts_after_and_until() -> None:
    """CL-2: a is not counted, b is. 8 March 2026 is a Sunday."""
    calendar = Calendar(PARIS, WEEK)
    assert calendar.open_days(date(2026, 3, 7), date(2026, 3, 9)) == 1
    assert calendar.open_days(date(2026, 3, 9), date(2026, 3, 9)) == 0
    assert calendar.open_days(date(2026, 3, 10), date(2026, 3, 9)) == 0
    assert calendar.open_days(paris(2026, 3, 7, 23, 59), paris(2026, 3, 10)) == 2


def test_all_closed_raises() -> None:
    """PT-37: never loops; CL-2's guard."""
    closed_for_ever = Calendar(
        PARIS, WEEK, [closed(datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))]
    )
    with pytest.raises(NoOpenDay):
        closed_for_ever.add_open_days(paris(2026, 3, 9, 10), 1)
    far = Calendar(PARIS)
    assert far.open_days(date(2026, 3, 9), far.nth_open(date(2026, 3, 9), MOST_STEPS)) == MOST_STEPS
    with pytest.raises(NoOpenDay):
        far.nth_open(date(2026, 3, 9), MOST_STEPS + 1)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "instant"),
    [
        # GN-1: skipped times become the first that exists
        (date(2026, 3, 29), time(2, 30), "Europe/Paris", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (date(2026, 3, 29), time(2, 0), "Europe/Paris", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (date(2026, 3, 29), time(3, 0), "Europe/Paris", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (date(2018, 11, 4), time(0, 30), "America/Sao_Paulo", datetime(2018, 11, 4, 3, 0, tzinfo=UTC)),
        # times that come twice are the later for a due date
        (date(2026, 10, 25), time(2, 30), "Europe/Paris", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (
            date(2018, 2, 17),
            time(23, 59, 59),
            "America/Sao_Paulo",
            datetime(2018, 2, 18, 2, 59, 59, tzinfo=UTC),
        ),
        (date(2026, 7, 1), time(23, 59, 59), "Europe/Paris", datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC)),
    ],
)
def test_local_instants(day: date, clock: time, zone: str, instant: datetime) -> None:
    assert local_instant(day, clock, ZoneInfo(zone)) == instant


ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
).map(ZoneInfo)
DAYS = st.dates(date(2015, 1, 1), date(2032, 12, 31))
CALENDARS = st.builds(
    Calendar,
    ZONES,
    st.tuples(*(st.sampled_from([(), HOURS]) for _ in range(7))),
    st.lists(
        st.builds(
            lambda m, d: Closure("", "RECURRING", month=m, day=d), st.integers(1, 12), st.integers(1, 28)
        )
    ),
    st.dictionaries(DAYS, st.booleans(), max_size=8),
)
MOMENTS = st.integers(1_420_070_400, 1_956_528_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(CALENDARS, MOMENTS, st.integers(1, 40))
def test_adding_open_days(calendar: Calendar, moment: datetime, number: int) -> None:
    """PT-36: open, n open days later, strictly increasing."""
    found = calendar.add_open_days(moment, number)
    assert calendar.is_open(calendar.local_date(found))
    assert calendar.open_days(moment, found) == number
    assert calendar.add_open_days(moment, number - 1) < found


@given(CALENDARS, DAYS, st.integers(0, 60))
def test_counting_agrees_with_asking_each_day(calendar: Calendar, day: date, span: int) -> None:
    asked = sum(calendar.is_open(day + timedelta(days=step)) for step in range(1, span + 1))
    assert calendar.open_days(day, day + timedelta(days=span)) == asked


@given(ZONES, DAYS, st.times())
def test_no_local_time_lies_in_a_gap(zone: ZoneInfo, day: date, clock: time) -> None:
    """PT-38: the local time comes back, or it was skipped and the first after it does; and never the earlier
    of two."""
    clock = clock.replace(microsecond=0)
    asked = datetime.combine(day, clock)
    found = local_instant(day, clock, zone)
    back = found.astimezone(zone).replace(tzinfo=None)
    assert back >= asked
    if back == asked:
        later = found + timedelta(minutes=30)
        assert later.astimezone(zone).replace(tzinfo=None) != asked
        assert (found + timedelta(hours=1)).astimezone(zone).replace(tzinfo=None) != asked
    else:
        before = (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
        assert before < asked


@given(CALENDARS, DAYS, st.integers(0, 60))
def test_day_counts_do_not_know_the_clock(calendar: Calendar, day: date, span: int) -> None:
    """PT-38: counts of days are the same from any hour."""
    until = day + timedelta(days=span)
    expected = calendar.open_days(day, until)
    for clock in (time(0, 0, 1), time(2, 30), time(12), time(23, 59, 59)):
        assert calendar.open_days(calendar.at(day, clock), calendar.at(until, clock)) == expected


def test_a_week_has_seven_days() -> None:
    with pytest.raises(ValueError, match="seven"):
        Calendar(PARIS, ((),) * 6)


def test_a_single_closure_needs_its_span() -> None:
    with pytest.raises(ValueError, match="beginning"):
        Calendar(PARIS, WEEK, [Closure("", "SINGLE")])
