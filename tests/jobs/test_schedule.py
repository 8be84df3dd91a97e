"""When jobs are due: local time, both changes of the clock, what is made up after downtime (circulation.md
12)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.jobs.schedule import MOST, instants, missed, next_after, period

PARIS = ZoneInfo("Europe/Paris")
NIGHTLY, HOURLY, MINUTELY = "30 2 * * *", "5 * * * *", "* * * * *"


def at(text: str) -> datetime:
    """An instant; Paris when no zone is said."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=PARIS)


def local(found: list[datetime]) -> list[str]:
    return [one.astimezone(PARIS).isoformat(timespec="minutes") for one in found]


BETWEEN = {
    "an ordinary night": (NIGHTLY, "2026-03-09T00:00", "2026-03-10T12:00",
                          ["2026-03-09T02:30+01:00", "2026-03-10T02:30+01:00"]),
    "not the first moment, but the last": (NIGHTLY, "2026-03-09T02:30", "2026-03-10T02:30",
                                           ["2026-03-10T02:30+01:00"]),
    "in the gap: when the leap is over": (NIGHTLY, "2026-03-28T12:00", "2026-03-30T12:00",
                                          ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
    "once in the fold": (NIGHTLY, "2026-10-24T12:00", "2026-10-26T12:00",
                         ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
    "not again in the second hour of the fold": (NIGHTLY, "2026-10-25T02:10+01:00", "2026-10-25T12:00", []),
    "no hour in the gap": (HOURLY, "2026-03-29T01:00", "2026-03-29T04:00",
                           ["2026-03-29T01:05+01:00", "2026-03-29T03:05+02:00"]),
    "every hour of the fold": (HOURLY, "2026-10-25T01:30", "2026-10-25T03:30",
                               ["2026-10-25T02:05+02:00", "2026-10-25T02:05+01:00",
                                "2026-10-25T03:05+01:00"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
def test_instants(name: str) -> None:
    schedule, after, until, expected = BETWEEN[name]
    assert local(list(instants(schedule, PARIS, at(after), at(until)))) == expected


@pytest.mark.parametrize("name", BETWEEN)
def test_all_that_was_missed_is_what_was_due(name: str) -> None:
    """Counted from the end (as `missed` does) it is the same."""
    schedule, after, until, expected = BETWEEN[name]
    assert local(missed(schedule, PARIS, at(after), at(until), "all")) == expected


CAUGHT_UP = {
    ("all", "2026-03-11T01:00"): ["2026-03-09T02:30+01:00", "2026-03-10T02:30+01:00"],
    ("last", "2026-03-11T01:00"): ["2026-03-10T02:30+01:00"],
    ("today", "2026-03-11T01:00"): [],
    ("today", "2026-03-11T23:00"): ["2026-03-11T02:30+01:00"],
    ("last", "2026-03-09T01:00"): [],
    ("all", "2026-03-09T01:00"): [],
}


@pytest.mark.parametrize("case", CAUGHT_UP, ids=" ".join)
def test_what_is_made_up_after_downtime(case: tuple[str, str]) -> None:
    """Missed periods in order; a notice whose day has passed is not replayed (LO-8, LO-20)."""
    catch_up, until = case
    assert local(missed(NIGHTLY, PARIS, at("2026-03-08T12:00"), at(until), catch_up)) == CAUGHT_UP[case]


def test_the_newest_are_made_up_and_no_more_than_a_year_of_nights() -> None:
    until = at("2026-03-09T12:00")
    found = missed(MINUTELY, PARIS, until - timedelta(days=3650), until, "all")
    assert len(found) == MOST
    assert found[-1] == until.astimezone(UTC)
    assert found == sorted(set(found))


PERIODS = {
    (NIGHTLY, "2026-03-09T02:30"): "2026-03-09",
    (NIGHTLY, "2026-03-09T17:00"): "2026-03-09",
    (HOURLY, "2026-10-25T02:05+02:00"): "2026-10-25T02+0200",
    (HOURLY, "2026-10-25T02:05+01:00"): "2026-10-25T02+0100",
    (MINUTELY, "2026-03-09T17:01"): "2026-03-09T17:01+0100",
    ("*/5 4 * * *", "2026-03-09T04:05"): "2026-03-09T04:05+0100",
}


@pytest.mark.parametrize("case", PERIODS, ids=str)
def test_the_period_of_a_run(case: tuple[str, str]) -> None:
    """It makes the run's key: a date, an hour, a minute; the hour that comes twice has two."""
    assert period(case[0], PARIS, at(case[1])) == PERIODS[case]


@given(
    st.sampled_from([NIGHTLY, HOURLY, MINUTELY, "0 3 * * *", "5 2 * * *", "1 0 * * *"]),
    st.sampled_from(["Europe/Paris", "America/St_Johns", "Africa/Cairo", "Australia/Lord_Howe", "UTC"]),
    st.integers(int(at("2026-01-01").timestamp()), int(at("2027-12-31").timestamp())),
)
def test_step_by_step_is_the_same_as_at_once(schedule: str, zone: str, seconds: int) -> None:
    """Who starts again after every run misses nothing and runs nothing twice, in any zone and season."""
    start = datetime.fromtimestamp(seconds, UTC)
    place, until = ZoneInfo(zone), start + (timedelta(days=40) if schedule[0] != "*" else timedelta(hours=5))
    at_once = list(instants(schedule, place, start, until))
    step, found = start, []
    while (step := next_after(schedule, place, step)) <= until:
        found.append(step)
    assert found == at_once
    assert missed(schedule, place, start, until, "all") == at_once[-MOST:]
    assert len({period(schedule, place, one) for one in found}) == len(found)


@given(
    st.sampled_from([NIGHTLY, "0 3 * * *", "59 1 * * *"]),
    st.sampled_from(["Europe/Paris", "America/St_Johns", "Africa/Cairo", "Australia/Lord_Howe"]),
    st.integers(2026, 2030),
)
def test_once_every_night_of_the_year(schedule: str, zone: str, year: int) -> None:
    """Both changes of the clock lose and double nothing."""
    place = ZoneInfo(zone)
    start, end = datetime(year, 1, 1, tzinfo=place), datetime(year + 1, 1, 1, tzinfo=place)
    nights = [one.astimezone(place).date() for one in instants(schedule, place, start, end)]
    assert len(nights) == len(set(nights)) == (end.date() - start.date()).days
