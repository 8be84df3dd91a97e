"""Due dates (CL-3, CL-4, CL-5, CO-14, CO-40, HO-4, BR-16); the worked examples of CL-3 first."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy.calendar import Calendar, Closure
from sip2d.policy.due import loan_due, permanent, recall_due, renewal_due, requested_due_is_valid, shelf_limit
from sip2d.policy.terms import DueMode, HardDue, LoanUnit, PreClosing, RenewalBase, Terms

PARIS = ZoneInfo("Europe/Paris")
HOURS = ((time(9), time(12)), (time(14), time(18)))
NO_SUNDAY = (HOURS,) * 6 + ((),)


def at(text: str) -> datetime:
    """A local time in Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def end(text: str) -> datetime:
    return at(f"{text} 23:59:59")


def off(*days: str) -> Calendar:
    """Open every day but these."""
    return Calendar(PARIS, exceptions={date.fromisoformat(day): False for day in days})


CHRISTMAS = off("2026-12-24", "2026-12-25")
NOON = at("2026-12-18 12:00")
D, W, M, H, MIN = LoanUnit.DAYS, LoanUnit.WEEKS, LoanUnit.MONTHS, LoanUnit.HOURS, LoanUnit.MINUTES


@pytest.mark.parametrize(
    ("period", "unit", "mode", "calendar", "due"),
    [
        # CL-3's example: the 24th and 25th are closed, the computed date is the 25th
        (7, D, DueMode.DAYS, CHRISTMAS, "2026-12-25"),
        (7, D, DueMode.DATEDUE, CHRISTMAS, "2026-12-26"),
        (7, D, DueMode.CALENDAR, CHRISTMAS, "2026-12-27"),
        (7, D, DueMode.DAYWEEK, CHRISTMAS, "2027-01-01"),
        (1, W, DueMode.DAYWEEK, CHRISTMAS, "2027-01-01"),
        (1, W, DueMode.DAYWEEK, off("2026-12-25", "2027-01-01"), "2027-01-02"),
        (6, D, DueMode.DAYWEEK, CHRISTMAS, "2026-12-26"),
        # weeks are seven days, months keep the day of the month
        (2, W, DueMode.DAYS, CHRISTMAS, "2027-01-01"),
        (1, W, DueMode.CALENDAR, CHRISTMAS, "2026-12-27"),
        (1, M, DueMode.DAYS, CHRISTMAS, "2027-01-18"),
        (1, M, DueMode.DATEDUE, off("2027-01-18"), "2027-01-19"),
        (2, M, DueMode.DAYS, CHRISTMAS, "2027-02-18"),
        # a calendar that is never open says nothing
        (7, D, DueMode.CALENDAR, Calendar(PARIS, closures=[Closure("", "SINGLE", at("2000-01-01"),
        at("2200-01-01"))]),
         "2026-12-25"),
    ],
)  # fmt: skip
def test_loans_by_days(period: int, unit: LoanUnit, mode: DueMode, calendar: Calendar, due: str) -> None:
    assert loan_due(Terms(period, unit, mode), calendar, NOON) == end(due)


def test_the_last_of_the_month() -> None:
    assert loan_due(Terms(1, M), Calendar(PARIS), at("2026-01-31 10:00")) == end("2026-02-28")


@pytest.mark.parametrize("unit", list(LoanUnit))
def test_no_period_is_for_ever(unit: LoanUnit) -> None:
    """CL-3: 2099-01-01 00:00 local, moved by nothing."""
    assert loan_due(Terms(None, unit), off("2099-01-01"), NOON) == at("2099-01-01")
    assert loan_due(Terms(9999, LoanUnit.MONTHS), Calendar(PARIS), NOON) == permanent(PARIS)


@pytest.mark.parametrize(
    ("period", "unit", "mode", "rule", "minutes", "now", "due"),
    [
        (2, H, "DAYS", "NONE", 0, "2026-03-09 10:15:30", "2026-03-09 12:15"),
        (1, MIN, "DAYS", "NONE", 0, "2026-03-09 10:15:30", "2026-03-09 10:16"),
        (6, H, "DAYS", "AT_CLOSING", 0, "2026-03-09 16:00", "2026-03-09 18:00"),
        (1, H, "DAYS", "AT_CLOSING", 0, "2026-03-09 16:00", "2026-03-09 17:00"),
        (6, H, "DAYS", "BEFORE_CLOSING", 15, "2026-03-09 16:00", "2026-03-09 17:45"),
        (110, MIN, "DAYS", "BEFORE_CLOSING", 15, "2026-03-09 16:00", "2026-03-09 17:45"),
        # borrowed when there is no closing left before the loan ends: it is due when it is due
        (1, H, "DAYS", "BEFORE_CLOSING", 15, "2026-03-09 17:50", "2026-03-09 18:50"),
        (1, H, "DAYS", "AT_CLOSING", 0, "2026-03-09 19:00", "2026-03-09 20:00"),
        # 8 March is a Sunday
        (24, H, "DAYS", "NONE", 0, "2026-03-07 10:00", "2026-03-08 10:00"),
        (24, H, "DATEDUE", "NONE", 0, "2026-03-07 10:00", "2026-03-09 10:00"),
        (24, H, "DATEDUE", "AT_CLOSING", 0, "2026-03-07 10:00", "2026-03-07 18:00"),
        # hours are hours, whatever the clock does in the night of 29 March
        (24, H, "DAYS", "NONE", 0, "2026-03-28 14:00", "2026-03-29 15:00"),
    ],
)
def test_loans_by_hours(
    period: int, unit: LoanUnit, mode: str, rule: str, minutes: int, now: str, due: str
) -> None:
    """CL-3: due at the minute, adjusted to closing time."""
    terms = Terms(period, unit, DueMode(mode), pre_closing=PreClosing(rule), pre_closing_minutes=minutes)
    assert loan_due(terms, Calendar(PARIS, NO_SUNDAY), at(now)) == at(due)


@pytest.mark.parametrize(
    ("terms", "expires", "due"),
    [
        ({"hard_due_on": date(2026, 12, 20)}, None, "2026-12-20"),
        ({"hard_due_on": date(2026, 12, 30)}, None, "2026-12-30"),
        ({"hard_due_on": date(2026, 12, 20), "hard_due_compare": HardDue.BEFORE}, None, "2026-12-20"),
        ({"hard_due_on": date(2026, 12, 30), "hard_due_compare": HardDue.BEFORE}, None, "2026-12-25"),
        ({"hard_due_on": date(2026, 12, 20), "hard_due_compare": HardDue.AFTER}, None, "2026-12-25"),
        ({"hard_due_on": date(2026, 12, 30), "hard_due_compare": HardDue.AFTER}, None, "2026-12-30"),
        ({"hard_due_on": date(2026, 12, 1)}, None, "2026-12-25"),
        ({}, date(2026, 12, 20), "2026-12-25"),
        ({"return_before_expiry": True}, date(2026, 12, 20), "2026-12-20"),
        ({"return_before_expiry": True}, date(2026, 12, 31), "2026-12-25"),
        ({"return_before_expiry": True}, date(2026, 12, 1), "2026-12-25"),
        ({"return_before_expiry": True}, None, "2026-12-25"),
    ],
)
def test_caps(terms: dict[str, Any], expires: date | None, due: str) -> None:
    """CL-4; a cap that has passed already caps nothing."""
    assert loan_due(Terms(7, **terms), Calendar(PARIS), NOON, expires) == end(due)


@pytest.mark.parametrize(
    ("terms", "old", "due"),
    [
        ({}, "2026-12-20", "2027-01-03"),
        ({"renewal_base": RenewalBase.NOW}, "2026-12-20", "2027-01-01"),
        ({"renewal_period": 7}, "2026-12-20", "2026-12-27"),
        ({"renewal_base": RenewalBase.NOW, "renewal_period": 1}, "2026-12-30", "2026-12-30"),
        ({"renewal_period": 3}, "2026-12-01", "2026-12-21"),
        ({"return_before_expiry": True}, "2026-12-20", "2026-12-31"),
    ],
)
def test_renewals(terms: dict[str, Any], old: str, due: str) -> None:
    """CO-14 (4): from the old due date or now, into the future, never shorter."""
    found = renewal_due(Terms(14, **terms), Calendar(PARIS), end(old), NOON, date(2026, 12, 31))
    assert found == end(due)


@pytest.mark.parametrize(
    ("recall", "guarantee", "mode", "due"),
    [
        (None, 0, "DAYS", "2026-12-31"),
        (3, 0, "DAYS", "2026-12-21"),
        (3, 14, "DAYS", "2026-12-24"),
        (3, 14, "DATEDUE", "2026-12-26"),
        (30, 0, "DAYS", "2026-12-31"),
    ],
)
def test_recalls(recall: int | None, guarantee: int, mode: str, due: str) -> None:
    """CO-40: the later of guarantee and recall period, and only if that is earlier. Lent on the 10th."""
    terms = Terms(21, due_mode=DueMode(mode), recall_period=recall, minimum_guarantee=guarantee)
    assert recall_due(terms, CHRISTMAS, at("2026-12-10 15:00"), end("2026-12-31"), NOON) == end(due)


def test_the_hold_shelf_counts_open_days() -> None:
    """HO-4: from Friday 6 March, two open days are Saturday and Monday."""
    assert shelf_limit(Calendar(PARIS, NO_SUNDAY), at("2026-03-06 17:00"), 2) == end("2026-03-09")


@pytest.mark.parametrize(
    ("requested", "past", "valid"),
    [
        ("2026-12-18 12:00:01", False, True),
        ("2026-12-18 12:00:00", False, False),
        ("2026-12-01 00:00", True, True),
        ("2099-01-01 00:00", False, True),
        ("2099-01-01 00:00:01", False, False),
        ("2099-01-01 00:00:01", True, False),
    ],
)
def test_requested_due_dates(requested: str, past: bool, valid: bool) -> None:
    """BR-16."""
    assert requested_due_is_valid(at(requested), NOON, PARIS, allow_past=past) is valid


@given(
    st.builds(
        Terms,
        loan_period=st.integers(1, 60),
        loan_unit=st.sampled_from(LoanUnit),
        due_mode=st.sampled_from(DueMode),
        renewal_base=st.sampled_from(RenewalBase),
        pre_closing=st.sampled_from(PreClosing),
        pre_closing_minutes=st.integers(0, 600),
        hard_due_on=st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)),
        hard_due_compare=st.sampled_from(HardDue),
        return_before_expiry=st.booleans(),
    ),
    st.integers(1_767_225_600, 1_830_211_200).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)
def test_a_loan_is_due_after_it_began(terms: Terms, now: datetime, expires: date | None) -> None:
    """The schema demands it; and an uncapped day loan under any mode but DAYS is due on an open day
    (CL-3)."""
    calendar = Calendar(PARIS, NO_SUNDAY)
    due = loan_due(terms, calendar, now, expires)
    assert due > now
    assert renewal_due(terms, calendar, due, now + timedelta(hours=1), expires) >= due
    if terms.due_mode is not DueMode.DAYS and terms.hard_due_on is None and not terms.return_before_expiry:
        assert calendar.is_open(calendar.local_date(due))
