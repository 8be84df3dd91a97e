"""When a loan is long overdue, what a loss costs and what is given back: LO-40..LO-61 as tables, PT-19, PT-21
and PT-22 as properties."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy import lost
from sip2d.policy.calendar import Calendar
from sip2d.policy.contradictions import contradictions
from sip2d.policy.facts import ItemTypeFacts
from sip2d.policy.lost import Charged, LostValue, Refund
from sip2d.policy.settings import LostSource, Settings
from sip2d.policy.terms import LostReturn

PARIS = ZoneInfo("Europe/Paris")
NINE_TO_SIX = ((time(9), time(18)),)
CALENDAR = Calendar(
    PARIS,
    (*(NINE_TO_SIX,) * 6, ()),
    exceptions={date(2026, 4, 6): False, date(2026, 5, 1): False},
)
DUE = datetime(2026, 3, 2, 22, 59, 59, tzinfo=UTC)
BOOK = ItemTypeFacts(3, 1, "BOOK", "Book", default_replacement_minor=2500, processing_fee_minor=500)


def night(day: date) -> datetime:
    """One o'clock in Paris."""
    return datetime.combine(day, time(1), PARIS).astimezone(UTC)


def value(code: int, *, claims: bool = False) -> LostValue:
    return LostValue(1, code, "Lost", False, claims, False)


@pytest.mark.parametrize(
    ("settings", "configured"),
    [
        (Settings(), False),
        (Settings(long_overdue_days=30), False),
        (Settings(long_overdue_lost_value=1), False),
        (Settings(long_overdue_days=30, long_overdue_lost_value=1), True),
    ],
)
def test_lo40_without_days_or_value_nothing_is_lost(settings: Settings, configured: bool) -> None:
    assert lost.is_configured(settings) is configured


@pytest.mark.parametrize(
    ("days", "calendar", "on", "long_overdue"),
    [
        (30, True, date(2026, 4, 7), False),
        (30, True, date(2026, 4, 8), True),
        (30, False, date(2026, 4, 1), False),
        (30, False, date(2026, 4, 2), True),
        (None, True, date(2027, 1, 1), False),
        (1, True, date(2026, 3, 2), False),
        (1, True, date(2026, 3, 3), False),
        (1, True, date(2026, 3, 4), True),
    ],
)
def test_lo41_lost_on_the_day_after_n_days(
    days: int | None, calendar: bool, on: date, long_overdue: bool
) -> None:
    settings = Settings(long_overdue_days=days, long_overdue_uses_calendar=calendar)
    assert lost.is_long_overdue(settings, CALENDAR, DUE, night(on)) is long_overdue


@pytest.mark.parametrize(("age", "long_overdue"), [(366, True), (367, False)])
def test_lo45_older_loans_are_left_alone(age: int, long_overdue: bool) -> None:
    settings = Settings(long_overdue_days=30, long_overdue_lost_value=1)
    assert lost.is_long_overdue(settings, CALENDAR, DUE, night(DUE.date() + timedelta(age))) is long_overdue


@pytest.mark.parametrize(
    ("skip", "status", "alone"),
    [((), 0, False), ((), 2, False), ((2, 3), 2, True), ((2, 3), 4, False), ((), 1, True)],
)
def test_lo44_listed_statuses_and_the_target_itself_are_left_alone(
    skip: tuple[int, ...], status: int, alone: bool
) -> None:
    settings = Settings(long_overdue_lost_value=1, long_overdue_skip=frozenset(skip))
    assert lost.leaves_alone(settings, status) is alone


FILTERS = [
    ("long_overdue_patron_types", "long_overdue_skip_patron_types", "ADULT"),
    ("long_overdue_item_types", "long_overdue_skip_item_types", "BOOK"),
    ("long_overdue_branches", "long_overdue_skip_branches", "CENTRAL"),
]


@pytest.mark.parametrize(("only", "skip", "code"), FILTERS)
def test_lo46_include_or_exclude(only: str, skip: str, code: str) -> None:
    def concerns(**settings: frozenset[str]) -> bool:
        return lost.concerns(Settings(**settings), "ADULT", "BOOK", "CENTRAL")  # type: ignore[arg-type]  # names of sets only

    assert concerns()
    assert concerns(**{only: frozenset({code, "X"})})
    assert not concerns(**{only: frozenset({"X"})})
    assert not concerns(**{skip: frozenset({code})})
    assert concerns(**{skip: frozenset({"X"})})


@pytest.mark.parametrize(("only", "skip", "code"), FILTERS)
def test_lo46_both_at_once_is_an_error(only: str, skip: str, code: str) -> None:
    settings = Settings(**{only: frozenset({code}), skip: frozenset({"X"})})  # type: ignore[arg-type]  # as above
    assert ["LO-46" in sentence for sentence in contradictions(settings)] == [True]


@pytest.mark.parametrize(
    ("charge_value", "code", "claims", "source", "charged"),
    [
        (1, 1, False, LostSource.CRONJOB, True),
        (2, 1, False, LostSource.CRONJOB, False),
        (None, 1, False, LostSource.CRONJOB, False),
        (1, 1, False, LostSource.MOREDETAIL, True),
        (1, 2, False, LostSource.MOREDETAIL, False),
        (None, 2, False, LostSource.MOREDETAIL, True),
        (None, 2, True, LostSource.MOREDETAIL, False),
        (None, 2, False, LostSource.CLAIM_RETURNED, False),
    ],
)
def test_lo43_the_charge_value_charges(
    charge_value: int | None, code: int, claims: bool, source: LostSource, charged: bool
) -> None:
    settings = Settings(long_overdue_charge_value=charge_value)
    assert lost.is_charged(settings, value(code, claims=claims), source) is charged


@pytest.mark.parametrize(
    ("price", "uses_default", "charges", "replacement"),
    [
        (4000, True, True, 4000),
        (None, True, True, 2500),
        (0, True, True, 2500),  # D-18
        (0, False, True, 0),
        (None, False, True, 0),
        (4000, True, False, 0),
    ],
)
def test_lo52_own_price_else_the_types_and_always_the_processing_fee(
    price: int | None, uses_default: bool, charges: bool, replacement: int
) -> None:
    settings = Settings(use_default_replacement_cost=uses_default, charge_replacement_when_lost=charges)
    assert lost.cost(settings, BOOK, price) == lost.Cost(replacement, 500)


@pytest.mark.parametrize(("days", "too_old"), [(89, False), (90, False), (91, True)])
def test_lo61_no_refund_after_the_age_limit(days: int, too_old: bool) -> None:
    """D-20: at exactly N days money still moves."""
    since = date(2026, 4, 8)
    settings = Settings(no_refund_age_days=90)
    assert lost.is_too_old(settings, since, since + timedelta(days)) is too_old
    assert not lost.is_too_old(Settings(), since, since + timedelta(days))
    assert lost.paid_since(Settings(no_refund_paid_age_days=days), since) == since - timedelta(days)


@pytest.mark.parametrize(
    ("policy", "charged", "refund"),
    [
        (LostReturn.REFUND, Charged(4000, 0, 4000), Refund(4000, 0)),
        (LostReturn.REFUND, Charged(4000, 0, 0), Refund(0, 4000)),
        (LostReturn.REFUND, Charged(4000, 1000, 1500), Refund(1500, 1500)),
        (LostReturn.CHARGE, Charged(4000, 1000, 1500), Refund(1500, 1500)),
        (LostReturn.RESTORE, Charged(4000, 1000, 1500), Refund(1500, 1500)),
        (LostReturn.KEEP, Charged(4000, 0, 4000), Refund(0, 0)),
        (LostReturn.REFUND_UNPAID, Charged(4000, 0, 1500), Refund(1500, 0)),
        (LostReturn.REFUND, Charged(4000, 0, 1500, paid_lately=1000), Refund(1500, 1000)),
        (LostReturn.REFUND, Charged(0, 0, 0), Refund(0, 0)),
    ],
)
def test_lo56_lo57_refund(policy: LostReturn, charged: Charged, refund: Refund) -> None:
    assert lost.refund(policy, charged) == refund


@pytest.mark.parametrize(("cost", "kept", "again"), [(4000, 0, 4000), (4000, 4000, 0), (4000, 1000, 3000)])
def test_lo52_at_most_one_charge_a_loan(cost: int, kept: int, again: int) -> None:
    assert lost.charged_again(cost, kept) == again


AMOUNT = st.integers(0, 10_000)


@given(paid=AMOUNT, given_up=AMOUNT, outstanding=AMOUNT, policy=st.sampled_from(LostReturn))
def test_pt19_pt21_all_that_was_paid_comes_back_and_no_more(
    paid: int, given_up: int, outstanding: int, policy: LostReturn
) -> None:
    charge = paid + given_up + outstanding
    back = lost.refund(policy, Charged(charge, given_up, outstanding))
    assert 0 <= back.total <= charge
    if policy in (LostReturn.REFUND, LostReturn.CHARGE, LostReturn.RESTORE):
        assert outstanding - back.settled == 0
        assert back.credited == paid
        assert charge - back.total == given_up
        assert lost.refund(policy, Charged(charge - back.total, given_up, 0)).total == 0


closures = st.sets(st.dates(date(2026, 3, 1), date(2026, 5, 31)), max_size=25)
weekdays = st.sets(st.integers(0, 6), max_size=5)


@given(
    closed=closures,
    closed_weekdays=weekdays,
    due=st.dates(date(2026, 3, 1), date(2026, 3, 20)),
    n=st.integers(1, 25),
)
def test_pt22_on_the_first_day_with_more_open_days_and_never_earlier(
    closed: set[date], closed_weekdays: set[int], due: date, n: int
) -> None:
    week = tuple(() if day in closed_weekdays else NINE_TO_SIX for day in range(7))
    calendar = Calendar(PARIS, week, exceptions=dict.fromkeys(closed, False))
    due_at = calendar.end_of(due)
    settings = Settings(long_overdue_days=n, long_overdue_lost_value=1)
    open_days = 0
    for step in range(1, 120):
        day = due + timedelta(step)
        open_days += day not in closed and day.weekday() not in closed_weekdays
        assert lost.is_long_overdue(settings, calendar, due_at, night(day)) is (open_days > n)
