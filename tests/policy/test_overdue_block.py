"""Overdue blocks: BL-45..BL-52, CL-6, D-24..D-26, PT-27, the examples BX-1..BX-15."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy.calendar import Calendar
from sip2d.policy.overdue_block import Running, end, lateness, overdue_block
from sip2d.policy.terms import BlockSpan, BlockUnit, Terms
from tests.policy import naive_blocks
from tests.policy.naive_fines import EXAMPLES_CLOSED, PARIS, Opening

OPENING = Opening(frozenset({6}), EXAMPLES_CLOSED)
CALENDAR = OPENING.calendar()


def at(text: str) -> datetime:
    """A local time of 2026 in Paris, ``03-06 10:00``."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=PARIS).astimezone(UTC)


DUE = at("03-02 23:59:59")
R1 = at("03-06 10:00")
BX1 = Running(R1, at("03-11 10:00"))
FIRST = Running(R1, at("03-14 10:00"))


def terms(unit: str, value: int, **more: Any) -> Terms:
    return Terms(loan_period=14, overdue_block_unit=BlockUnit[unit], overdue_block_value=value, **more)


def until(
    unit: str, value: int, back: datetime, due: datetime = DUE, *running: Running, **more: Any
) -> datetime | None:
    """When the block ends."""
    per_block = more.pop("per_block", True)
    found = overdue_block(terms(unit, value, **more), CALENDAR, due, back, running, per_block=per_block)
    return None if found is None else found.expires_at


MAX_10 = {"overdue_block_max_value": 10}
CUMULATIVE = {"overdue_block_cumulative": True}
CASES = [
    pytest.param("WHOLE_DAYS", 5, R1, DUE, (), {}, "03-11 10:00", id="BX-1"),
    pytest.param("WEEKS", 2, R1, DUE, (), {}, "03-20 10:00", id="BX-2"),
    pytest.param("MONTHS", 1, R1, DUE, (), {}, "04-06 10:00", id="BX-3"),
    pytest.param("MONTHS", 1, at("01-31 10:00"), at("01-30 23:59:59"), (), {}, "02-28 10:00", id="BX-3-clip"),
    pytest.param("OPEN_DAYS", 3, R1, DUE, (), {}, "03-10 10:00", id="BX-4"),
    pytest.param("DAYS_PER_OVERDUE_DAY", 2, R1, DUE, (), {}, "03-12 10:00", id="BX-5"),
    pytest.param(
        "OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 1, at("03-09 10:00"), DUE, (), {}, "03-14 10:00", id="BX-6"
    ),
    pytest.param("WHOLE_DAYS", 5, at("03-07 12:00"), DUE, (BX1,), CUMULATIVE, "03-16 10:00", id="BX-7"),
    pytest.param("WHOLE_DAYS", 5, at("03-07 12:00"), DUE, (BX1,), {}, "03-12 12:00", id="BX-7-separate"),
    pytest.param("DAYS_PER_OVERDUE_DAY", 2, at("03-03 20:00"), DUE, (), {}, None, id="BX-8"),
    pytest.param("WHOLE_DAYS", 5, at("03-03 20:00"), DUE, (), {}, "03-08 20:00", id="BX-8-fixed"),
    pytest.param("DAYS_PER_OVERDUE_DAY", 2, at("03-12 10:00"), DUE, (), MAX_10, "03-22 10:00", id="BX-9"),
    pytest.param(
        "WHOLE_DAYS", 5, at("03-07 12:00"), DUE, (FIRST,), {**CUMULATIVE, **MAX_10, "per_block": False},
        "03-16 10:00", id="BX-10",
    ),
    pytest.param(
        "WHOLE_DAYS", 5, at("03-07 12:00"), DUE, (FIRST,), {**CUMULATIVE, **MAX_10},
        "03-19 10:00", id="BX-10-per-block",
    ),
    pytest.param("OPEN_DAYS", 3, at("04-03 10:00"), at("04-02 23:59:59"), (), {}, "04-08 10:00", id="BX-11"),
    pytest.param(
        "OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 2, at("04-09 10:00"), at("04-02 23:59:59"), (), {},
        "04-18 10:00", id="BX-12",
    ),
    pytest.param("NONE", 5, R1, DUE, (), {}, None, id="BX-14"),
    pytest.param("WHOLE_DAYS", 1, at("03-28 10:00"), DUE, (), {}, "03-29 11:00", id="BX-15"),
    pytest.param("WHOLE_DAYS", 0, R1, DUE, (), {}, None, id="BL-45-value-0"),
    pytest.param("WHOLE_DAYS", 5, DUE, DUE, (), {}, None, id="BL-48-on-the-second"),
    pytest.param(
        "WHOLE_DAYS", 1, DUE + timedelta(seconds=1), DUE, (), {}, "03-04 00:00", id="D-24-first-second"
    ),
    pytest.param(
        "OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 3, at("03-09 09:00"), at("03-07 23:59:59"), (), {}, None,
        id="BL-48-late-on-closed-days-only",
    ),
    pytest.param("MONTHS", 1, R1, DUE, (BX1,), CUMULATIVE, "04-11 10:00", id="BL-49-cumulative-months"),
    pytest.param("WEEKS", 1, R1, DUE, (BX1,), CUMULATIVE, "03-18 10:00", id="BL-49-cumulative-weeks"),
    pytest.param("OPEN_DAYS", 4, R1, DUE, (BX1,), CUMULATIVE, "03-16 10:00", id="BL-49-cumulative-open-days"),
    pytest.param(
        "DAYS_PER_OVERDUE_DAY", 2, R1, DUE, (BX1,), CUMULATIVE, "03-17 10:00", id="BL-49-cumulative-per-day"
    ),
    pytest.param(
        "OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 1, R1, DUE, (BX1,), CUMULATIVE, "03-14 10:00",
        id="BL-49-cumulative-open-per-open",
    ),
    pytest.param(
        "OPEN_DAYS", 1, at("03-07 10:00"), DUE, (Running(R1, at("03-08 09:00")),), CUMULATIVE, "03-09 10:00",
        id="PT-27-both-before-a-closed-day",
    ),
    pytest.param(
        "MONTHS", 1, at("01-30 10:00"), at("01-29 23:59:59"), (Running(R1, at("01-31 09:00")),), CUMULATIVE,
        "02-28 10:00", id="PT-27-both-at-the-end-of-a-month",
    ),
    pytest.param(
        "WEEKS", 3, R1, DUE, (), {"overdue_block_max_value": 1, "overdue_block_max_unit": BlockSpan.MONTHS},
        "03-27 10:00", id="BL-51-months-not-reached",
    ),
    pytest.param(
        "WEEKS", 3, R1, DUE, (), {"overdue_block_max_value": 2, "overdue_block_max_unit": BlockSpan.WEEKS},
        "03-20 10:00", id="BL-51-weeks",
    ),
    pytest.param(
        "WEEKS", 3, R1, DUE, (),
        {"overdue_block_max_value": 3, "overdue_block_max_unit": BlockSpan.OPEN_DAYS},
        "03-10 10:00", id="BL-51-open-days",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "value", "back", "due", "running", "more", "expected"), CASES)
def test_bl49_examples(
    unit: str,
    value: int,
    back: datetime,
    due: datetime,
    running: tuple[Running, ...],
    more: dict[str, Any],
    expected: str | None,
) -> None:
    """BL-45, BL-46, BL-48, BL-49, BL-51, BL-52."""
    assert until(unit, value, back, due, *running, **more) == (expected and at(expected))


@pytest.mark.parametrize(
    ("back", "days", "open_days"),
    [("03-06 10:00", 3, 3), ("03-09 10:00", 6, 5), ("03-03 23:59:58", 0, 0), ("03-03 23:59:59", 1, 1)],
)
def test_bl48_lateness_is_in_whole_periods_of_24_hours(back: str, days: int, open_days: int) -> None:
    late = lateness(CALENDAR, DUE, at(back))
    assert (late.days, late.open_days) == (days, open_days)


def test_bl48_the_clock_of_a_late_night_does_not_shift_the_days() -> None:
    """24 hours across the change of the clock: 03-28 10:00 + 24 h is 11:00."""
    assert lateness(CALENDAR, at("03-28 10:00"), at("03-29 10:30")).days == 0
    assert lateness(CALENDAR, at("03-28 10:00"), at("03-29 11:00")).days == 1


def test_bl51_a_shortened_block_says_so() -> None:
    back = at("03-12 10:00")
    assert overdue_block(terms("WHOLE_DAYS", 11, **MAX_10), CALENDAR, DUE, back) == (
        overdue_block(terms("WHOLE_DAYS", 12, **MAX_10), CALENDAR, DUE, back)
    )
    for days, capped in ((10, False), (11, True)):
        found = overdue_block(terms("WHOLE_DAYS", days, **MAX_10), CALENDAR, DUE, back)
        assert found is not None
        assert (found.expires_at, found.capped) == (at("03-22 10:00"), capped)


def test_bl52_d25_a_chain_that_is_used_up_adds_nothing() -> None:
    """The block is stored all the same, until the end that stands."""
    full = Running(R1, at("03-16 10:00"))
    found = overdue_block(
        terms("WHOLE_DAYS", 5, **MAX_10, **CUMULATIVE), CALENDAR, DUE, at("03-07 12:00"), (full,),
        per_block=False,
    )  # fmt: skip
    assert found is not None
    assert (found.expires_at, found.capped) == (full.expires_at, True)


def test_bl52_a_chain_begins_with_its_first_block_in_force() -> None:
    second = Running(at("03-07 12:00"), at("03-16 10:00"))
    third = {**MAX_10, **CUMULATIVE, "per_block": False}
    assert until("WHOLE_DAYS", 5, at("03-13 10:00"), DUE, FIRST, second, **third) == second.expires_at
    assert until("WHOLE_DAYS", 5, at("03-15 10:00"), DUE, second, **third) == at("03-17 12:00")
    assert until("WHOLE_DAYS", 5, at("03-17 10:00"), DUE, **third) == at("03-22 10:00")


def test_cl6_a_closure_made_since_counts() -> None:
    """The same return, computed with and without Saturday closed."""
    amnesty = Opening(frozenset({6}), EXAMPLES_CLOSED | {date(2026, 3, 7)}).calendar()
    closed = overdue_block(terms("OPEN_DAYS", 3), amnesty, DUE, R1)
    assert closed is not None
    assert closed.expires_at == at("03-11 10:00")
    late = overdue_block(terms("OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 1), amnesty, DUE, at("03-09 10:00"))
    assert late is not None
    assert late.expires_at == at("03-13 10:00")


def test_pt38_an_end_that_the_clock_skips_is_the_first_moment_after() -> None:
    """2026-03-29 02:30 does not exist in Paris."""
    assert end(CALENDAR, at("03-22 02:30"), 1, BlockUnit.WEEKS) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_pt37_a_library_that_is_never_open_blocks_by_plain_days() -> None:
    never = Calendar(PARIS, exceptions={date(2020, 1, 1) + timedelta(n): False for n in range(20_000)})
    found = overdue_block(terms("OPEN_DAYS", 3), never, DUE, R1)
    assert found is not None
    assert found.expires_at == at("03-09 10:00")


@pytest.mark.parametrize("unit", [unit for unit in BlockUnit if unit is not BlockUnit.NONE])
def test_no_number_is_too_big(unit: BlockUnit) -> None:
    """Ten years late, 9999 of anything, after a block that hardly ends: still a date, and room for more."""
    back = DUE + timedelta(days=3650)
    block = Running(back, datetime(8999, 12, 1, tzinfo=UTC))
    ends = until(unit.name, 9999, back, DUE, block, **CUMULATIVE)
    assert ends is not None
    assert block.expires_at < ends <= datetime(9000, 1, 1, tzinfo=UTC)


# -- properties ------------------------------------------------------------------------------------------

UNITS = st.sampled_from([unit.name for unit in BlockUnit])
DATES = st.integers(0, 700).map(lambda days: date(2025, 1, 1) + timedelta(days))
# Between 05:00 and 22:00 no clock is ever set.
INSTANTS = st.builds(
    lambda day, minute: (
        datetime.combine(day, datetime.min.time(), PARIS).replace(hour=5) + timedelta(minutes=minute)
    ).astimezone(UTC),
    DATES,
    st.integers(0, 17 * 60),
)
OPENINGS = st.builds(Opening, st.frozensets(st.integers(0, 6), max_size=5), st.frozensets(DATES, max_size=30))
LATE = st.integers(0, 40 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(opening=OPENINGS, due=INSTANTS, late=LATE, unit=UNITS, value=st.integers(0, 12))
def test_bl49_agrees_with_counting_on_the_fingers(
    opening: Opening, due: datetime, late: timedelta, unit: str, value: int
) -> None:
    """The naive oracle, on random calendars."""
    back = due + late
    found = overdue_block(terms(unit, value), opening.calendar(), due, back)
    expected = naive_blocks.block(opening, value, unit, due, back)
    assert (None if found is None else found.expires_at) == expected


SPANS = st.sampled_from(list(BlockSpan))
NAIVE_SPANS = {"DAYS": "WHOLE_DAYS"}


def _running(back: datetime, parts: list[tuple[int, int]]) -> tuple[Running, ...]:
    return tuple(
        Running(back - timedelta(hours=before), back + timedelta(hours=after)) for before, after in parts
    )


RUNNING = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 500)), max_size=3)


@given(
    opening=OPENINGS, due=INSTANTS, late=LATE, unit=UNITS, value=st.integers(0, 12), parts=RUNNING,
    longest=st.none() | st.integers(1, 20), span=SPANS, per_block=st.booleans(),
)  # fmt: skip
def test_pt27_cumulative_and_maximum(
    opening: Opening,
    due: datetime,
    late: timedelta,
    unit: str,
    value: int,
    parts: list[tuple[int, int]],
    longest: int | None,
    span: BlockSpan,
    per_block: bool,
) -> None:
    """PT-27: expiry >= base, cumulative >= separate, never past the cap; against the oracle where one base
    decides."""
    back = due + late
    running = _running(back, parts)
    more = {"overdue_block_max_value": longest, "overdue_block_max_unit": span}
    separate, cumulative = (
        overdue_block(
            terms(unit, value, overdue_block_cumulative=flag, **more), opening.calendar(), due, back, running,
            per_block=per_block,
        )
        for flag in (False, True)
    )  # fmt: skip
    assert (
        (separate is None)
        == (cumulative is None)
        == (naive_blocks.block(opening, value, unit, due, back) is None)
    )
    if separate is None or cumulative is None:
        return
    latest = max([back, *(block.expires_at for block in running)])
    assert back <= separate.expires_at <= cumulative.expires_at
    assert cumulative.expires_at >= latest
    if longest is None:
        expected = naive_blocks.block(opening, value, unit, due, back, latest)
        assert expected is not None
        assert cumulative.expires_at == max(expected, separate.expires_at)
        assert not cumulative.capped
        return
    naive_span = NAIVE_SPANS.get(span.name, span.name)
    start = min([back, *(block.starts_at for block in running)])
    bases = [back, latest] if per_block else [start]
    cap = max(naive_blocks.later(opening, base, longest, naive_span) for base in bases)
    assert cumulative.expires_at <= max(cap, latest)


@given(
    opening=OPENINGS, due=INSTANTS, days=st.integers(0, 40), unit=UNITS, value=st.integers(1, 12),
    parts=RUNNING, flag=st.booleans(),
)  # fmt: skip
def test_pt27_longer_and_later_never_shorten(
    opening: Opening,
    due: datetime,
    days: int,
    unit: str,
    value: int,
    parts: list[tuple[int, int]],
    flag: bool,
) -> None:
    """PT-27: monotone in V, and in lateness by days."""
    back = due + timedelta(days=days, hours=1)
    calendar, running = opening.calendar(), _running(back, parts)

    def ends(v: int, moment: datetime) -> datetime:
        found = overdue_block(terms(unit, v, overdue_block_cumulative=flag), calendar, due, moment, running)
        return moment if found is None else found.expires_at

    local = back.astimezone(PARIS)
    next_day = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=PARIS).astimezone(UTC)
    assert ends(value, back) <= ends(value + 1, back)
    assert ends(value, back) <= ends(value, next_day)
