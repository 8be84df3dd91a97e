"""Calendars by staff's hand (CL-1, CL-2): hours, closures, exceptions; whose calendar a branch follows."""

from datetime import date

import pytest

from sip2d.desk.staff import calendars, closures, opening
from sip2d.desk.staff.work import Denied, Refused
from sip2d.policy.calendar import Calendar
from tests.desk.staff.office import CLERK, Office
from tests.support.desks import Room

MONDAY, SUNDAY = date(2026, 3, 9), date(2026, 3, 15)


@pytest.fixture
def office(room: Room) -> Office:
    return Office(room)


def calendar(office: Office, branch: str = "CENTRAL") -> Calendar:
    """As every daemon sees it."""
    return office.library.branches[office.room.world.branches[branch]].calendar


def on(office: Office, day: date, branch: str = "CENTRAL") -> tuple[str, str]:
    """Hours and reason of one date, as `calendar show` prints them."""
    [row] = office.see(lambda work: calendars.days(work, branch, day, day))
    assert row["open"] == bool(row["hours"]) == calendar(office, branch).is_open(day)
    return row["hours"], row["because"]


def test_hours_are_set_for_the_days_named(office: Office) -> None:
    before = office.library.epoch
    week = office.do(
        lambda work: calendars.set_hours(work, [("mon-fri", "9-12,14:00-19:00"), ("sun", "closed")], "MAIN")
    )
    assert [row["hours"] for row in week] == [*["09:00-12:00, 14:00-19:00"] * 5, "08:00-20:00", ""]
    assert on(office, MONDAY) == ("09:00-12:00, 14:00-19:00", "weekly hours")
    assert on(office, SUNDAY) == ("", "weekly hours")
    assert office.library.epoch > before
    assert office.audited == [("boss", "opening_interval", "set")]
    assert calendar(office, "ANNEX").is_open(SUNDAY), "another institution has its own"


def test_the_end_of_a_day_is_24_00(office: Office) -> None:
    office.do(lambda work: calendars.set_hours(work, [("sat", "18-24")], "MAIN"))
    assert on(office, date(2026, 3, 14)) == ("18:00-24:00", "weekly hours")
    office.do(lambda work: calendars.set_hours(work, [("sat", "18-0:00")], "MAIN"))
    assert on(office, date(2026, 3, 14)) == ("18:00-24:00", "weekly hours")


def test_a_branch_gets_a_copy_of_its_own(office: Office) -> None:
    """And nothing changes until it is changed; inheriting again keeps the copy for later."""
    office.do(lambda work: closures.add_closure(work, "12-25", title="Christmas", institution_code="MAIN"))
    with pytest.raises(Refused, match="`sip2d calendar own NORTH`"):
        office.do(lambda work: calendars.set_hours(work, [("sun", "closed")], None, "NORTH"))
    assert office.do(lambda work: calendars.own(work, "NORTH")) == {"branch": "NORTH", "calendar_of": "NORTH"}
    assert on(office, date(2026, 12, 25), "NORTH") == ("", "closure: Christmas")
    assert on(office, SUNDAY, "NORTH") == ("08:00-20:00", "weekly hours")
    office.do(lambda work: calendars.set_hours(work, [("sun", "closed")], None, "NORTH"))
    assert not calendar(office, "NORTH").is_open(SUNDAY)
    assert calendar(office).is_open(SUNDAY)
    office.do(lambda work: calendars.inherit(work, "NORTH"))
    assert calendar(office, "NORTH").is_open(SUNDAY)
    office.do(lambda work: calendars.own(work, "NORTH"))
    assert not calendar(office, "NORTH").is_open(SUNDAY)
    week = office.see(lambda work: calendars.hours(work, None, "NORTH"))
    assert {row["calendar_of"] for row in week} == {"NORTH"}


@pytest.mark.parametrize(
    ("first", "last", "closed", "open_"),
    [
        ("2026-05-01", None, ["2026-05-01"], ["2026-04-30", "2026-05-02"]),
        ("2026-08-01", "2026-08-15", ["2026-08-01", "2026-08-15"], ["2026-07-31", "2026-08-16"]),
        ("2026-03-29", None, ["2026-03-29"], ["2026-03-28", "2026-03-30"]),
        ("12-25", None, ["2026-12-25", "2031-12-25"], ["2026-12-24"]),
        ("02-29", None, ["2028-02-29"], ["2027-02-28", "2027-03-01"]),
        ("2026-05-01T00:00", "2026-05-02T00:00", ["2026-05-01"], ["2026-05-02"]),
    ],
)
def test_a_closure_closes_its_dates_and_no_other(
    office: Office, first: str, last: str | None, closed: list[str], open_: list[str]
) -> None:
    """Local dates, both included; also over the day on which the clock is set."""
    made = office.do(
        lambda work: closures.add_closure(work, first, last, title="Works", institution_code="MAIN")
    )
    for day in closed:
        assert on(office, date.fromisoformat(day)) == ("", "closure: Works")
    for day in open_:
        assert on(office, date.fromisoformat(day))[0] == "08:00-20:00"
    assert [row["id"] for row in office.see(lambda work: closures.closures(work, "MAIN"))] == [made["id"]]
    assert office.do(lambda work: closures.remove_closure(work, made["id"])) == made
    assert on(office, date.fromisoformat(closed[0])) == ("08:00-20:00", "weekly hours")
    assert office.audited == [("boss", "special_closure", "add"), ("boss", "special_closure", "remove")]


def test_a_closure_of_some_hours_leaves_the_others(office: Office) -> None:
    made = office.do(
        lambda work: closures.add_closure(
            work, "2026-03-09T12:00", "2026-03-09T14:00", title="Lunch", institution_code="MAIN"
        )
    )
    assert (made["first"], made["last"]) == ("2026-03-09T12:00", "2026-03-09T14:00")
    assert on(office, MONDAY) == ("08:00-12:00, 14:00-20:00", "closure: Lunch")


def test_the_list_shows_dates_as_they_were_given(office: Office) -> None:
    """What is over is left out."""
    for first, last in (("2026-08-01", "2026-08-15"), ("2026-03-01", None), ("12-25", None)):
        office.do(
            lambda work, first=first, last=last: closures.add_closure(  # type: ignore[misc]  # a loop's lambda
                work, first, last, institution_code="MAIN"
            )
        )
    rows = office.see(lambda work: closures.closures(work, "MAIN"))
    assert {(row["first"], row["last"], row["every_year"]) for row in rows} == {
        ("2026-08-01", "2026-08-15", False),
        ("12-25", "12-25", True),
    }
    assert len(office.see(lambda work: closures.closures(work, "MAIN", past=True))) == 3


def test_an_exception_wins_over_everything(office: Office) -> None:
    """CL-1: exception, then single closure, weekly hours, recurring closure."""
    day = date(2026, 12, 25)
    office.do(lambda work: closures.add_closure(work, "12-25", institution_code="MAIN"))
    office.do(lambda work: closures.add_exception(work, day, institution_code="MAIN"))
    assert on(office, day) == ("08:00-20:00", "exception")
    office.do(lambda work: closures.add_exception(work, day, open=False, institution_code="MAIN"))
    assert on(office, day) == ("", "exception")
    assert office.see(lambda work: closures.exceptions(work, "MAIN")) == [
        {"calendar_of": "MAIN", "date": "2026-12-25", "open": False}
    ]
    office.do(lambda work: closures.remove_exception(work, day, "MAIN"))
    assert on(office, day) == ("", "closure")
    with pytest.raises(Refused, match="no exception on 2026-12-25"):
        office.do(lambda work: closures.remove_exception(work, day, "MAIN"))


def test_without_dates_a_fortnight_is_shown(office: Office) -> None:
    rows = office.see(lambda work: calendars.days(work, "CENTRAL"))
    assert (rows[0]["date"], rows[-1]["date"], len(rows)) == ("2026-03-09", "2026-03-22", 14)
    for first, last in ((SUNDAY, MONDAY), (MONDAY, date(2030, 1, 1))):
        with pytest.raises(Refused, match="at most 731 days"):
            office.see(lambda work: calendars.days(work, "CENTRAL", first, last))  # noqa: B023  # used at once


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-02-30", None), ("13-01", None), ("02-30", None), ("12-25", "12-26"), ("2026-05-02", "2026-05-01"),
     ("2026-05-01", "2026-05-02T10:00"), ("2026-05-01T10:00", None), ("tomorrow", None),
     ("2026-05-01T10:00+02:00", "2026-05-01T12:00+02:00")],
)  # fmt: skip
def test_a_closure_that_makes_no_sense_is_refused(office: Office, first: str, last: str | None) -> None:
    with pytest.raises(Refused):
        office.do(lambda work: closures.add_closure(work, first, last, institution_code="MAIN"))
    assert office.see(lambda work: closures.closures(work, "MAIN", past=True)) == []


def test_the_same_closure_twice_is_refused(office: Office) -> None:
    office.do(lambda work: closures.add_closure(work, "12-25", institution_code="MAIN"))
    with pytest.raises(Refused, match="closed then already"):
        office.do(lambda work: closures.add_closure(work, "12-25", title="x", institution_code="MAIN"))
    with pytest.raises(Refused, match="no closure 77"):
        office.do(lambda work: closures.remove_closure(work, 77))


def test_a_week_without_hours_is_refused(office: Office) -> None:
    """It would count as always open (CL-2)."""
    with pytest.raises(Refused, match="always open"):
        office.do(lambda work: calendars.set_hours(work, [("all", "closed")], "MAIN"))


def test_a_clerk_changes_nothing(office: Office) -> None:
    """GN-8."""
    clerk = Office(office.room, CLERK)
    assert clerk.see(lambda work: calendars.days(work, "CENTRAL"))
    made = office.do(lambda work: closures.add_closure(work, "12-25", institution_code="MAIN"))
    before = len(office.audited)
    with pytest.raises(Denied):
        clerk.do(lambda work: calendars.own(work, "NORTH"))
    with pytest.raises(Denied):
        clerk.do(lambda work: calendars.set_hours(work, [("sun", "closed")], "MAIN"))
    with pytest.raises(Denied):
        clerk.do(lambda work: closures.remove_closure(work, made["id"]))
    with pytest.raises(Denied):
        clerk.do(lambda work: closures.add_exception(work, MONDAY, institution_code="MAIN"))
    assert len(office.audited) == before


@pytest.mark.parametrize(
    ("text", "found"),
    [("mon", (0,)), ("mon-fri", (0, 1, 2, 3, 4)), ("sat,sun", (5, 6)), ("fri-mon", (4, 5, 6, 0)),
     ("all", (0, 1, 2, 3, 4, 5, 6)), ("Monday", (0,))],
)  # fmt: skip
def test_weekdays(text: str, found: tuple[int, ...]) -> None:
    assert opening.weekdays(text) == found


@pytest.mark.parametrize("text", ["", "lundi", "mon-", "mon-xyz", "1"])
def test_no_weekdays(text: str) -> None:
    with pytest.raises(Refused):
        opening.weekdays(text)


@pytest.mark.parametrize(
    "text", ["", "9", "9-8", "09:00-12:00,11:00-13:00", "9-25", "09:60-10:00", "9:00-12:75"]
)
def test_no_hours(text: str) -> None:
    with pytest.raises(Refused):
        opening.hours(text)
