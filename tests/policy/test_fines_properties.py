"""Fines against an oracle that counts on its fingers, and what holds for all of them (PT-12..PT-18)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from sip2d.policy.calendar import Calendar
from sip2d.policy.fines import amount, room, units
from sip2d.policy.settings import HoursCalendar, MaxFineScope, Settings
from sip2d.policy.terms import ChargeAt, LoanUnit, Terms
from tests.policy import naive_fines as naive
from tests.policy.naive_fines import PARIS, Opening

replace = msgspec.structs.replace

FIRST = date(2026, 2, 20)
"""The days of the properties: from here on, across the change to summer time."""
DAYS = st.integers(0, 75).map(lambda n: FIRST + timedelta(days=n))
OPENINGS = st.builds(Opening, st.frozensets(st.integers(0, 6), max_size=6), st.frozensets(DAYS, max_size=12))
RATES = st.integers(0, 50_000).map(lambda n: Decimal(n).scaleb(-4))
PRICES = st.one_of(st.none(), st.integers(0, 5000))
TERMS = st.builds(
    Terms,
    loan_period=st.just(28),
    fine_amount=st.one_of(st.none(), RATES),
    fine_interval=st.integers(0, 9),
    fine_charge_at=st.sampled_from(ChargeAt),
    fine_grace=st.integers(0, 6),
    fine_cap=st.one_of(st.none(), RATES),
    cap_fine_to_replacement_price=st.booleans(),
    recall_overdue_fine=st.one_of(st.none(), RATES),
)
SETTINGS = st.builds(
    Settings,
    fines_on_closed_days=st.booleans(),
    fines_include_grace=st.booleans(),
    hours_calendar=st.sampled_from(HoursCalendar),
    use_default_replacement_cost=st.booleans(),
    max_fine_minor=st.one_of(st.none(), st.integers(0, 3000)),
)
GIVEN = st.fixed_dictionaries(
    {"price_minor": PRICES, "default_price_minor": PRICES, "recalled": st.booleans()}
)


@st.composite
def instants(draw: st.DrawFn, days: int = 75) -> datetime:
    """A whole minute within so many days of `FIRST`."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    return start + timedelta(minutes=draw(st.integers(0, days * 1440)))


def fined(
    terms: Terms, settings: Settings, opening: Opening, due: datetime, end: datetime, **given: Any
) -> int:
    return amount(terms, settings, opening.calendar(), due, end, decimals=2, **given)


@given(TERMS, SETTINGS, OPENINGS, instants(), instants(), GIVEN)
def test_daily_fines_are_what_fingers_count(
    terms: Terms, settings: Settings, opening: Opening, due: datetime, end: datetime, prices: dict[str, Any]
) -> None:
    """LO-27, LO-28, LO-29 by the oracle; PT-18: less than one minor unit from the exact amount."""
    overdue = naive.units(due, end, opening, terms, settings)
    assert overdue == units(
        due, end, opening.calendar(), hourly=False, closed_days=settings.fines_on_closed_days
    )
    exact = naive.exact(
        overdue, terms, settings, prices["price_minor"], prices["default_price_minor"], prices["recalled"]
    )
    found = fined(terms, settings, opening, due, end, **prices)
    assert found == exact.minor
    assert abs(found - exact.amount) < 1


@given(TERMS, SETTINGS, OPENINGS, instants(days=40), st.integers(0, 5 * 1440), GIVEN)
def test_hourly_fines_are_what_fingers_count(
    terms: Terms, settings: Settings, opening: Opening, due: datetime, minutes: int, prices: dict[str, Any]
) -> None:
    """LO-27 in hours, all three calendars, across the change of the clock."""
    terms = replace(terms, loan_unit=LoanUnit.HOURS)
    end = due + timedelta(minutes=minutes)
    overdue = naive.units(due, end, opening, terms, settings)
    assert overdue == units(
        due, end, opening.calendar(), hourly=True, closed_days=settings.fines_on_closed_days,
        hours_calendar=settings.hours_calendar,
    )  # fmt: skip
    exact = naive.exact(
        overdue, terms, settings, prices["price_minor"], prices["default_price_minor"], prices["recalled"]
    )
    assert fined(terms, settings, opening, due, end, **prices) == exact.minor


@given(TERMS, SETTINGS, OPENINGS, instants(), instants(), instants(), GIVEN, st.booleans())
def test_pt12_never_less_later_and_within_its_caps(
    terms: Terms,
    settings: Settings,
    opening: Opening,
    due: datetime,
    one: datetime,
    other: datetime,
    prices: dict[str, Any],
    hourly: bool,
) -> None:
    """PT-12: in `end` non-decreasing, >= 0, <= C, <= price when capped, 0 inside grace."""
    if hourly:
        terms = replace(terms, loan_unit=LoanUnit.HOURS)
    sooner, later = sorted((one, other))
    first = fined(terms, settings, opening, due, sooner, **prices)
    last = fined(terms, settings, opening, due, later, **prices)
    assert 0 <= first <= last
    if terms.fine_cap:
        assert Fraction(last) <= Fraction(terms.fine_cap) * 100
    if terms.cap_fine_to_replacement_price and prices["price_minor"]:
        assert last <= prices["price_minor"]
    if settings.max_fine_minor:
        assert last <= settings.max_fine_minor
    if (
        naive.units(due, sooner, opening, replace(terms, loan_unit=LoanUnit.DAYS), settings)
        <= terms.fine_grace
    ):
        assert hourly or first == 0


@given(TERMS, SETTINGS, OPENINGS, instants(), instants(), GIVEN)
def test_pt13_start_costs_at_most_one_interval_more_than_end(
    terms: Terms, settings: Settings, opening: Opening, due: datetime, end: datetime, prices: dict[str, Any]
) -> None:
    """PT-13, LO-36; and grace included is never cheaper than grace left out."""
    start = fined(replace(terms, fine_charge_at=ChargeAt.START), settings, opening, due, end, **prices)
    ended = fined(replace(terms, fine_charge_at=ChargeAt.END), settings, opening, due, end, **prices)
    rate = terms.fine_amount or Decimal(0)
    if prices["recalled"] and terms.recall_overdue_fine is not None:
        rate = terms.recall_overdue_fine
    assert 0 <= start - ended < Fraction(rate) * 100 + 1
    included = fined(terms, replace(settings, fines_include_grace=True), opening, due, end, **prices)
    left_out = fined(terms, replace(settings, fines_include_grace=False), opening, due, end, **prices)
    assert included >= left_out


@given(TERMS, SETTINGS, OPENINGS, instants(), instants(), DAYS, GIVEN, st.booleans())
def test_pt14_closures_only_lower(
    terms: Terms,
    settings: Settings,
    opening: Opening,
    due: datetime,
    end: datetime,
    closed: date,
    prices: dict[str, Any],
    hourly: bool,
) -> None:
    """PT-14, CL-6: one closure more never costs more; outside (due, end] it changes nothing."""
    if hourly:
        terms = replace(terms, loan_unit=LoanUnit.HOURS)
    before = fined(terms, settings, opening, due, end, **prices)
    more = Opening(opening.weekdays, opening.dates | {closed})
    after = fined(terms, settings, more, due, end, **prices)
    assert after <= before
    first, last = due.astimezone(PARIS).date(), end.astimezone(PARIS).date()
    if closed < first or closed > last or (closed == first and not hourly):
        assert after == before
    charged = fined(terms, replace(settings, fines_on_closed_days=True), more, due, end, **prices)
    assert charged >= fined(terms, replace(settings, fines_on_closed_days=False), more, due, end, **prices)


@given(
    TERMS,
    SETTINGS,
    OPENINGS,
    instants(days=30),
    st.lists(st.integers(0, 60), max_size=30, unique=True),
    GIVEN,
)
def test_pt15_nights_telescope_whichever_were_missed(
    terms: Terms,
    settings: Settings,
    opening: Opening,
    due: datetime,
    nights: list[int],
    prices: dict[str, Any],
) -> None:
    """PT-15: the sum of the nightly differences is the amount at the last of them."""
    accrued = 0
    ran = [due + timedelta(days=night) for night in sorted(nights)]
    for night in ran:
        accrued += fined(terms, settings, opening, due, night, **prices) - accrued
    assert accrued == (fined(terms, settings, opening, due, ran[-1], **prices) if ran else 0)


@given(OPENINGS, st.lists(instants(), min_size=3, max_size=3))
def test_pt16_open_days_add_up(opening: Opening, moments: list[datetime]) -> None:
    """PT-16: units over (a, c] are those over (a, b] and (b, c]."""
    a, b, c = sorted(moments)
    calendar = opening.calendar()

    def counted(since: datetime, until: datetime) -> int:
        return units(since, until, calendar, hourly=False, closed_days=False)

    assert counted(a, c) == counted(a, b) + counted(b, c)


@given(st.integers(1, 2000), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 900)), max_size=40))
def test_pt17_the_patron_total_is_never_exceeded(limit: int, postings: list[tuple[int, int]]) -> None:
    """PT-17: whatever is computed for five loans in whichever order, MaxFine is what is outstanding at
    most."""
    settings = Settings(max_fine_minor=limit, max_fine_scope=MaxFineScope.PATRON_TOTAL)
    accrued = dict.fromkeys(range(5), 0)
    for loan, target in postings:
        accrued[loan] = room(settings, accrued[loan], target, sum(accrued.values()))
        assert accrued[loan] <= target
        assert sum(accrued.values()) <= limit


@given(TERMS, SETTINGS, instants(), instants(), st.integers(-30, 30), GIVEN)
def test_whole_weeks_later_the_same(
    terms: Terms, settings: Settings, due: datetime, end: datetime, weeks: int, prices: dict[str, Any]
) -> None:
    """Metamorphic: without special closures a shift by whole weeks of local time changes nothing."""
    opening = Opening(frozenset({2, 6}), frozenset())

    def shifted(moment: datetime) -> datetime:
        local = moment.astimezone(PARIS).replace(tzinfo=None) + timedelta(weeks=weeks)
        return local.replace(tzinfo=PARIS).astimezone(UTC)

    assume((end > due) == (shifted(end) > shifted(due)))
    assert fined(terms, settings, opening, due, end, **prices) == fined(
        terms, settings, opening, shifted(due), shifted(end), **prices
    )


@given(TERMS, SETTINGS, OPENINGS, instants(), instants(), st.booleans())
def test_twice_the_rate_costs_twice_before_caps(
    terms: Terms, settings: Settings, opening: Opening, due: datetime, end: datetime, recalled: bool
) -> None:
    """Metamorphic: doubling F doubles A; in whole minor units there is nothing to round."""
    plain = replace(terms, fine_cap=None, cap_fine_to_replacement_price=False, recall_overdue_fine=None)
    cents = replace(plain, fine_amount=None if plain.fine_amount is None else round(plain.fine_amount, 2))
    double = replace(cents, fine_amount=None if cents.fine_amount is None else cents.fine_amount * 2)
    unlimited = replace(settings, max_fine_minor=None)
    once = fined(cents, unlimited, opening, due, end, recalled=recalled)
    assert fined(double, unlimited, opening, due, end, recalled=recalled) == 2 * once


def test_one_calendar_serves_all_loans_of_a_night() -> None:
    """The days counted for one due date are remembered for the calendar, not beyond it (CL-6)."""
    due, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    open_always, never = Calendar(PARIS), Opening(frozenset(range(6)), frozenset()).calendar()
    for _ in range(2):
        assert units(due, end, open_always, hourly=False, closed_days=False) == 10
        assert units(due, end, never, hourly=False, closed_days=False) == 1
