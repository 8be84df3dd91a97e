"""Overdue fines (LO-24..LO-38): the worked examples of the specification, each variant a row with its id."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sip2d.policy.calendar import Calendar, Closure
from sip2d.policy.fines import amount, is_hourly, rate, room, units
from sip2d.policy.settings import HoursCalendar, MaxFineScope, Settings
from sip2d.policy.terms import ChargeAt, LoanUnit, Terms
from tests.policy.naive_fines import EXAMPLES, PARIS

CALENDAR = EXAMPLES.calendar()
START, END = ChargeAt.START, ChargeAt.END
COUNTED = Settings(fines_on_closed_days=True)
SKIPPED = Settings()
OPENING = Settings(hours_calendar=HoursCalendar.OPENING_HOURS)
EXCLUDED: dict[str, Any] = {"fines_include_grace": False}


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A local time in Paris in 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


DUE = at(3, 2, 23, 59)
"""Monday 2 March 2026, when the examples in days are due."""
DUE_HOURLY = at(3, 2, 14)


def days(fine: str, **values: Any) -> Terms:
    return Terms(loan_period=28, fine_amount=Decimal(fine), **values)


def hours(fine: str, **values: Any) -> Terms:
    return Terms(loan_period=4, loan_unit=LoanUnit.HOURS, fine_amount=Decimal(fine), **values)


def fined(terms: Terms, settings: Settings, due: datetime, end: datetime, **values: Any) -> int:
    return amount(terms, settings, CALENDAR, due, end, decimals=2, **values)


DAILY = days("0.25")
WEEKLY = {"fine_interval": 7}
GRACE = {**WEEKLY, "fine_grace": 2, "fine_charge_at": START}
CAPPED = days("0.50", fine_cap=Decimal(10))
PRICED = days("0.50", fine_cap=Decimal(10), cap_fine_to_replacement_price=True)
LATE = {n: at(3, 2, 12) + timedelta(days=n) for n in range(1, 15)}

EXAMPLES_DAYS = [
    ("FX-1", DAILY, {}, at(3, 6, 10), {}, 100),
    ("FX-2a", DAILY, {}, at(3, 9, 10), {}, 175),
    ("FX-2b", DAILY, {"fines_on_closed_days": False}, at(3, 9, 10), {}, 150),
    ("FX-3", days("0.25", fine_grace=3), {}, at(3, 5, 10), {}, 0),
    ("FX-4a", days("0.25", fine_grace=3), {}, at(3, 6, 10), {}, 100),
    ("FX-4b", days("0.25", fine_grace=3), EXCLUDED, at(3, 6, 10), {}, 25),
    *(
        (f"FX-5/{n}", days("2.00", **WEEKLY), {}, LATE[n], {}, minor)
        for n, minor in ((1, 0), (6, 0), (7, 200), (8, 200), (13, 200), (14, 400))
    ),
    *(
        (f"FX-5s/{n}", days("2.00", fine_charge_at=START, **WEEKLY), {}, LATE[n], {}, minor)
        for n, minor in ((1, 200), (6, 200), (7, 200), (8, 400), (13, 400), (14, 400))
    ),
    *(
        (f"FX-6/{n}", days("2", **GRACE), {}, LATE[n], {}, minor)
        for n, minor in ((2, 0), (3, 200), (7, 200), (9, 400), (10, 400))
    ),
    *(
        (f"FX-6x/{n}", days("2", **GRACE), EXCLUDED, LATE[n], {}, minor)
        for n, minor in ((2, 0), (3, 200), (7, 200), (9, 200), (10, 400))
    ),
    ("FX-6e/include", days("2", **{**GRACE, "fine_charge_at": END}), {}, LATE[7], {}, 200),
    ("FX-6e/exclude", days("2", **{**GRACE, "fine_charge_at": END}), EXCLUDED, LATE[7], {}, 0),
    ("FX-7", CAPPED, {}, at(4, 1, 10), {}, 1000),
    ("FX-8a", PRICED, {}, at(4, 1, 10), {"price_minor": 850}, 850),
    ("FX-8b", PRICED, {}, at(4, 1, 10), {"default_price_minor": 2500}, 1000),
    ("FX-15", days("0.25", recall_overdue_fine=Decimal(1)), {}, at(3, 6, 10), {"recalled": True}, 400),
    ("FX-19", days("0.333"), {}, at(3, 5, 10), {}, 100),
]


@pytest.mark.parametrize(
    ("terms", "settings", "end", "prices", "minor"),
    [row[1:] for row in EXAMPLES_DAYS],
    ids=[row[0] for row in EXAMPLES_DAYS],
)
def test_fx_days(
    terms: Terms, settings: dict[str, Any], end: datetime, prices: dict[str, Any], minor: int
) -> None:
    """LO-24, LO-25, LO-26, LO-28, LO-29, LO-32, LO-36, LO-38; closed days count but where it says so."""
    chosen = Settings(**{"fines_on_closed_days": True, **settings})
    assert fined(terms, chosen, DUE, end, **prices) == minor


EXAMPLES_UNITS = [
    ("FX-1", False, COUNTED, DUE, at(3, 6, 10), 4),
    ("FX-2a", False, COUNTED, DUE, at(3, 9, 10), 7),
    ("FX-2b", False, SKIPPED, DUE, at(3, 9, 10), 6),
    ("FX-7", False, COUNTED, DUE, at(4, 1, 10), 30),
    ("FX-9/14:20", True, COUNTED, DUE_HOURLY, at(3, 2, 14, 20), 1),
    ("FX-9/15:59", True, COUNTED, DUE_HOURLY, at(3, 2, 15, 59), 1),
    ("FX-9/16:00", True, COUNTED, DUE_HOURLY, at(3, 2, 16), 2),
    ("FX-10", True, COUNTED, DUE_HOURLY, at(3, 2, 17, 30), 3),
    ("FX-11/charged", True, COUNTED, at(3, 7, 17), at(3, 9, 10), 41),
    ("FX-11/skipped", True, SKIPPED, at(3, 7, 17), at(3, 9, 10), 17),
    ("FX-11/opening hours", True, OPENING, at(3, 7, 17), at(3, 9, 10), 2),
    ("FX-12/charged", True, COUNTED, at(3, 28, 14), at(3, 29, 14), 23),
    ("FX-12/skipped", True, SKIPPED, at(3, 28, 14), at(3, 29, 14), 10),
    ("FX-16", False, SKIPPED, DUE, at(3, 8, 0, 30), 5),
    ("FX-17", False, SKIPPED, at(3, 8, 23, 59), at(3, 9, 10), 1),
    ("FX-18/16:00", True, COUNTED, DUE_HOURLY, at(3, 2, 16), 2),
    ("FX-18/17:05", True, COUNTED, DUE_HOURLY, at(3, 2, 17, 5), 3),
]


@pytest.mark.parametrize(
    ("hourly", "settings", "due", "end", "count"),
    [row[1:] for row in EXAMPLES_UNITS],
    ids=[row[0] for row in EXAMPLES_UNITS],
)
def test_fx_units(hourly: bool, settings: Settings, due: datetime, end: datetime, count: int) -> None:
    """LO-27: what the table's column U says."""
    assert count == units(
        due, end, CALENDAR,
        hourly=hourly, closed_days=settings.fines_on_closed_days, hours_calendar=settings.hours_calendar,
    )  # fmt: skip


EXAMPLES_HOURS = [
    ("FX-9/14:20", hours("1"), SKIPPED, at(3, 2, 14, 20), 100),
    ("FX-9/15:59", hours("1"), SKIPPED, at(3, 2, 15, 59), 100),
    ("FX-9/16:00", hours("1"), SKIPPED, at(3, 2, 16), 200),
    ("FX-10/END", hours("2", fine_interval=2), SKIPPED, at(3, 2, 17, 30), 200),
    ("FX-10/START", hours("2", fine_interval=2, fine_charge_at=START), SKIPPED, at(3, 2, 17, 30), 400),
    ("FX-18/16:00", hours("1", fine_grace=2), SKIPPED, at(3, 2, 16), 0),
    ("FX-18/include", hours("1", fine_grace=2), SKIPPED, at(3, 2, 17, 5), 300),
    ("FX-18/exclude", hours("1", fine_grace=2), Settings(**EXCLUDED), at(3, 2, 17, 5), 100),
]


@pytest.mark.parametrize(
    ("terms", "settings", "end", "minor"),
    [row[1:] for row in EXAMPLES_HOURS],
    ids=[row[0] for row in EXAMPLES_HOURS],
)
def test_fx_hours(terms: Terms, settings: Settings, end: datetime, minor: int) -> None:
    assert fined(terms, settings, DUE_HOURLY, end) == minor


def test_fx_17_due_on_a_closed_day() -> None:
    """FX-17: the closed due date itself takes nothing away (CL-5)."""
    assert fined(DAILY, SKIPPED, at(3, 8, 23, 59), at(3, 9, 10)) == 25


TOTAL = Settings(max_fine_minor=1000, max_fine_scope=MaxFineScope.PATRON_TOTAL)
ROOMS = [
    ("FX-13 first posting", TOTAL, 0, 500, 800, 200),
    ("FX-13 next day", TOTAL, 200, 525, 1000, 200),
    ("FX-13 others paid", TOTAL, 200, 525, 200, 525),
    ("FX-13p", Settings(max_fine_minor=1000), 0, 500, 800, 500),
    ("more is owed already", TOTAL, 300, 500, 1300, 300),
    ("less needs no room", TOTAL, 300, 100, 1300, 100),
    ("no limit", Settings(max_fine_scope=MaxFineScope.PATRON_TOTAL), 0, 500, 99_999, 500),
]


@pytest.mark.parametrize(
    ("settings", "accrued", "target", "outstanding", "minor"),
    [row[1:] for row in ROOMS],
    ids=[row[0] for row in ROOMS],
)
def test_lo29_max_fine_of_a_patron(
    settings: Settings, accrued: int, target: int, outstanding: int, minor: int
) -> None:
    assert room(settings, accrued, target, outstanding) == minor


CAPS = [
    ("a loan by MaxFine", days("1"), Settings(max_fine_minor=300), {}, 300),
    ("the rule's own below it", days("1", fine_cap=Decimal(2)), Settings(max_fine_minor=300), {}, 200),
    ("never above it", days("1", fine_cap=Decimal(9)), Settings(max_fine_minor=300), {}, 300),
    ("not where it is the patron's", days("1"), TOTAL, {}, 1000),
    ("a cap of 0 is none", days("1", fine_cap=Decimal(0)), SKIPPED, {}, 1000),
    ("a cap between two cents", days("1", fine_cap=Decimal("2.995")), SKIPPED, {}, 299),
    ("a price of 0 is none (D-18)", days("1", cap_fine_to_replacement_price=True), SKIPPED,
     {"price_minor": 0, "default_price_minor": 250}, 250),
    ("no price by default (LO-52)", days("1", cap_fine_to_replacement_price=True),
     Settings(use_default_replacement_cost=False), {"default_price_minor": 250}, 1000),
    ("the price is asked only by the rule", days("1"), SKIPPED, {"price_minor": 250}, 1000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "settings", "prices", "minor"), [row[1:] for row in CAPS], ids=[row[0] for row in CAPS]
)
def test_lo29_lo28_caps(terms: Terms, settings: Settings, prices: dict[str, Any], minor: int) -> None:
    """Ten open days overdue at 1.00."""
    assert fined(terms, settings, DUE, at(3, 13, 10), **prices) == minor


def test_lo24_nothing_without_a_fine_or_an_interval() -> None:
    """LO-24, LO-25; and BR-12: none is no fine, for recalls neither."""
    end = at(3, 20, 10)
    assert fined(days("0"), COUNTED, DUE, end) == 0
    assert fined(days("1", fine_interval=0), COUNTED, DUE, end) == 0
    detached = Terms(loan_period=28, fine_amount=None, recall_overdue_fine=Decimal(1))
    assert fined(detached, COUNTED, DUE, end, recalled=True) == 0
    assert fined(days("1"), COUNTED, DUE, DUE) == 0


def test_lo38_recall_rate_only_of_an_overdue_recall() -> None:
    terms = days("0.25", recall_overdue_fine=Decimal(1))
    assert rate(terms) == Decimal("0.25")
    assert rate(terms, recalled=True) == 1
    assert rate(DAILY, recalled=True) == Decimal("0.25")
    # a library that fines recalls alone
    assert fined(days("0", recall_overdue_fine=Decimal(1)), COUNTED, DUE, at(3, 6), recalled=True) == 400


@pytest.mark.parametrize(("unit", "hourly"), [("HOURS", True), ("MINUTES", True), ("DAYS", False),
                                              ("WEEKS", False), ("MONTHS", False)])  # fmt: skip
def test_lo24_the_unit_is_that_of_the_loan(unit: str, hourly: bool) -> None:
    assert is_hourly(Terms(loan_period=1, loan_unit=LoanUnit(unit))) is hourly


@pytest.mark.parametrize(("decimals", "minor"), [(0, 1), (2, 150), (3, 1500)])
def test_gn3_minor_units_of_the_currency(decimals: int, minor: int) -> None:
    """Six open days at 0.25, rounded half up once: 1.5 yen are 2, 1.49 are 1."""
    end = at(3, 9, 10)
    terms = days("0.2499") if decimals == 0 else DAILY
    assert amount(terms, SKIPPED, CALENDAR, DUE, end, decimals=decimals) == minor
    assert amount(DAILY, SKIPPED, CALENDAR, DUE, end, decimals=0) == 2


def test_cl6_a_closure_entered_later_is_an_amnesty() -> None:
    """CL-6, BR-13: overdue only while closed owes nothing, the closure being read when the fine is."""
    end = at(3, 6, 10)
    assert fined(DAILY, SKIPPED, DUE, end) == 100
    strike = Closure("strike", "SINGLE", at(3, 3), at(3, 7), all_day=True)
    closed = Calendar(PARIS, CALENDAR.weekly, [*CALENDAR.closures, strike])
    assert amount(DAILY, SKIPPED, closed, DUE, end, decimals=2) == 0
    assert amount(DAILY, COUNTED, closed, DUE, end, decimals=2) == 100


HAVANA = ZoneInfo("America/Havana")


@pytest.mark.parametrize(
    ("closed", "skipped"),
    [
        # The clock skips 00:00-01:00 of 8 March: the date has 23 hours.
        (date(2026, 3, 8), 48 - 1 - 23),
        # 00:00-01:00 of 1 November comes twice: the date has 25.
        (date(2026, 11, 1), 48 + 1 - 25),
    ],
)
def test_lo27_dates_whose_midnight_the_clock_changes(closed: date, skipped: int) -> None:
    """GN-1: a closed date is left out whole, from its first instant to its last."""
    begins = datetime(closed.year, closed.month, closed.day, 12, tzinfo=HAVANA).astimezone(UTC)
    works = Closure("works", "SINGLE", begins, begins + timedelta(hours=1), all_day=True)
    due = datetime.combine(closed - timedelta(days=1), datetime.min.time(), HAVANA).astimezone(UTC)
    end = datetime.combine(closed + timedelta(days=1), datetime.min.time(), HAVANA).astimezone(UTC)
    calendar = Calendar(HAVANA, closures=[works])
    assert units(due, end, calendar, hourly=True, closed_days=False) == skipped
