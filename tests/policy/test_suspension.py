"""Demerits: BL-22..BL-24, BL-30..BL-40, D-22, D-23, PT-28, PT-29, the examples DX-1..DX-11."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy import suspension
from sip2d.policy.settings import Settings, ThresholdMode
from sip2d.policy.suspension import DemeritRule, Demerits, Point, Suspension
from tests.policy.naive_blocks import Coins
from tests.policy.naive_fines import PARIS, Opening

EXCEEDS, REACHES = ThresholdMode.EXCEEDS, ThresholdMode.REACHES
RULES = Demerits(30, 10, 14, EXCEEDS, PARIS)
UNDERGRAD, ALUMNI, STAFF = 1, 2, 3
BOOK, MANUSCRIPT, DVD = 11, 12, 13
TABLE = (
    DemeritRule(UNDERGRAD, BOOK, 3, 5),
    DemeritRule(None, MANUSCRIPT, 3, 6),
    DemeritRule(ALUMNI, None, 1, 2),
)


def at(text: str) -> datetime:
    """A local time of 2026 in Paris, ``03-06 10:00``; ten o'clock without one."""
    text = text if " " in text else f"{text} 10:00"
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=PARIS).astimezone(UTC)


class Patron:
    """What the desk does, without a database: points, the block in force, all blocks there were."""

    def __init__(self, rules: Demerits = RULES) -> None:
        self.rules = rules
        self.points: tuple[Point, ...] = ()
        self.blocks: list[Suspension] = []
        self.standing = False

    def late(self, moment: datetime, number: int) -> None:
        """A late return."""
        self.points += (Point(len(self.points) + 1, moment, number),)
        self.job(moment)
        if not self.standing:
            self._begin(suspension.award(self.points, moment, self.rules))

    def job(self, as_of: datetime) -> None:
        """The night job, or a lazy evaluation."""
        if not self.standing:
            return
        found = suspension.evaluate(self.points, self.blocks[-1].expires_at, as_of, self.rules)
        for one in found.suspensions:
            self._begin(one)
        self.standing = found.ended_at is None

    def left(self) -> int:
        """Points not used, whatever their age."""
        return sum(point.remaining for point in self.points)

    def _begin(self, found: Suspension | None) -> None:
        if found is not None:
            self.blocks.append(found)
            self.points = suspension.left(self.points, found.uses)
            self.standing = True


@pytest.mark.parametrize(
    ("patron_type", "item_type", "recalled", "expected"),
    [
        pytest.param(ALUMNI, MANUSCRIPT, False, 1, id="DX-1"),
        pytest.param(ALUMNI, MANUSCRIPT, True, 2, id="DX-2"),
        pytest.param(UNDERGRAD, MANUSCRIPT, False, 3, id="DX-3"),
        pytest.param(STAFF, DVD, False, 0, id="DX-4"),
        pytest.param(UNDERGRAD, BOOK, False, 3, id="BL-31-both"),
        pytest.param(UNDERGRAD, BOOK, True, 5, id="BL-30-recalled"),
        pytest.param(ALUMNI, DVD, False, 1, id="BL-31-group"),
        pytest.param(STAFF, MANUSCRIPT, True, 6, id="BL-31-type"),
    ],
)
def test_bl31_the_row_that_applies(patron_type: int, item_type: int, recalled: bool, expected: int) -> None:
    assert suspension.points(TABLE, patron_type, item_type, recalled=recalled) == expected


def test_bl31_all_all_is_asked_last() -> None:
    table = (*TABLE, DemeritRule(None, None, 7, 8))
    assert suspension.points(table, STAFF, DVD, recalled=True) == 8
    assert suspension.points(table, STAFF, MANUSCRIPT, recalled=False) == 3


@pytest.mark.parametrize("missing", ["history_days", "maximum_threshold", "suspension_days", "enable", ""])
def test_bl22_all_of_its_numbers_or_none_of_it(missing: str) -> None:
    given: dict[str, Any] = {
        "demerit_enable": True, "demerit_history_days": 30, "demerit_maximum_threshold": 10,
        "demerit_suspension_days": 14, "demerit_threshold_mode": REACHES,
    }  # fmt: skip
    given.pop(f"demerit_{missing}", None)
    expected = None if missing else Demerits(30, 10, 14, REACHES, PARIS)
    assert suspension.demerits(Settings(**given), PARIS) == expected


def test_dx5_to_dx9_one_patrons_spring() -> None:
    """BL-33, BL-34, BL-40: exceeded, ten used up, waiting points suspend once more, the end."""
    who = Patron()
    for day in ("03-01", "03-05", "03-10"):
        who.late(at(day), 3)
    assert (who.blocks, suspension.total(who.points, at("03-10"), RULES)) == ([], 9)  # DX-5
    who.late(at("03-12"), 3)  # DX-6
    assert (who.blocks[0].starts_at, who.blocks[0].expires_at) == (at("03-12"), at("03-26"))
    assert who.blocks[0].uses == ((1, 3), (2, 3), (3, 3), (4, 1))
    assert who.left() == 2
    who.late(at("03-15"), 3)
    who.late(at("03-20"), 6)  # DX-7
    assert len(who.blocks) == 1
    assert suspension.total(who.points, at("03-20"), RULES) == 11
    who.job(at("03-26 02:00"))  # not over yet
    assert len(who.blocks) == 1
    who.job(at("03-27 02:00"))  # DX-8
    assert (who.blocks[1].starts_at, who.blocks[1].expires_at) == (at("03-26"), at("04-09 11:00"))
    assert who.blocks[1].uses == ((4, 2), (5, 3), (6, 5))
    assert (who.left(), who.standing) == (1, True)
    who.job(at("04-10 02:00"))  # DX-9: 24 hours a day end an hour later by the clock
    assert (len(who.blocks), who.standing) == (2, False)


def test_bl40_a_job_that_was_away_decides_as_if_it_had_not_been() -> None:
    """The two ends of DX-8 and DX-9 in one run, months late; points earned since do not count for them."""
    who = Patron()
    for day in ("03-01", "03-05", "03-10", "03-12", "03-15"):
        who.late(at(day), 3)
    who.points += (Point(6, at("03-20"), 6), Point(7, at("04-12"), 30))
    who.job(at("07-01 02:00"))
    assert [(block.starts_at, block.expires_at) for block in who.blocks] == [
        (at("03-12"), at("03-26")), (at("03-26"), at("04-09 11:00")),
    ]  # fmt: skip
    assert (who.standing, who.left()) == (False, 31)


@pytest.mark.parametrize(
    ("days", "suspended"),
    [pytest.param((0, 10, 20, 31), False, id="DX-10"), pytest.param((0, 10, 20, 30), True, id="BL-23-edge")],
)
def test_dx10_bl23_points_outside_the_window_are_ignored(days: tuple[int, ...], suspended: bool) -> None:
    who = Patron()
    for day in days:
        who.late(at("01-01") + timedelta(days=day), 3)
    assert bool(who.blocks) is suspended
    assert suspension.total(who.points, at("01-01") + timedelta(days=days[-1]), RULES) == (
        2 if suspended else 9
    )


def test_bl23_the_window_is_of_local_dates() -> None:
    """22:30 UTC of 1 January is the same date in Paris, 23:30 the next; hours do not matter."""
    for clock, counted in (("22:30", 0), ("23:30", 3)):
        created = datetime.fromisoformat(f"2026-01-01 {clock}").replace(tzinfo=UTC)
        point = Point(1, created, 3)
        assert suspension.total((point,), at("02-01 23:59"), RULES) == counted


@pytest.mark.parametrize(("mode", "suspended", "left"), [(EXCEEDS, False, 10), (REACHES, True, 0)])
def test_dx11_bl24_d22_exceeds_or_reaches(mode: ThresholdMode, suspended: bool, left: int) -> None:
    """DX-11."""
    who = Patron(msgspec.structs.replace(RULES, mode=mode))
    who.late(at("03-01"), 5)
    who.late(at("03-02"), 5)
    assert (who.standing, who.left()) == (suspended, left)


def test_bl33_a_return_told_late_decides_as_if_told_in_time() -> None:
    """SP-22: days 1, 5 and 10 are known when day 8 is told; together they passed on day 10."""
    points = tuple(Point(n, at(f"03-{day}"), 3) for n, day in enumerate(("01", "05", "10", "08"), start=1))
    found = suspension.award(points, at("03-08"), RULES)
    assert found == Suspension(at("03-10"), at("03-24"), ((1, 3), (2, 3), (4, 3), (3, 1)))


def test_bl42_points_taken_back_after_they_were_used_count_against_the_sum() -> None:
    """And are never used again."""
    points = (Point(1, at("03-01"), -3), Point(2, at("03-02"), 13))
    assert suspension.used(points, at("03-03"), RULES) == ()
    assert suspension.used((*points, Point(3, at("03-03"), 1)), at("03-03"), RULES) == ((2, 10),)


# -- properties ------------------------------------------------------------------------------------------

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOURS = 24 * 100
HISTORY = st.lists(st.tuples(st.integers(0, HOURS), st.integers(1, 8)), max_size=25).map(sorted)
SYSTEMS = st.builds(
    Demerits,
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(1, 20),
    st.sampled_from(list(ThresholdMode)),
    st.sampled_from([PARIS, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")]),
)


def _naive(system: Demerits, history: Iterable[tuple[int, int]], until: int) -> Coins:
    """The oracle, hour by hour."""
    coins = Coins(
        system.history_days, system.threshold, system.suspension_days,
        reaches=system.mode is REACHES, opening=Opening(frozenset(), frozenset(), system.zone),
    )  # fmt: skip
    earned: dict[int, list[int]] = {}
    for hour, number in history:
        earned.setdefault(hour, []).append(number)
    for hour in range(until + 1):
        told = earned.get(hour, [])
        if told or (coins.blocks and coins.blocks[-1][1] == BEGIN + timedelta(hours=hour)):
            coins.hour(BEGIN + timedelta(hours=hour), told)
    return coins


@given(system=SYSTEMS, history=HISTORY, nights=st.frozensets(st.integers(0, 100), max_size=12))
def test_bl40_agrees_with_counting_on_the_fingers(
    system: Demerits, history: list[tuple[int, int]], nights: frozenset[int]
) -> None:
    """The naive oracle on random histories; the job ran in some nights only, and in the last."""
    who = Patron(system)
    happens = [(hour, number) for hour, number in history]
    happens += [(24 * night + 17, 0) for night in nights]
    for hour, number in sorted(happens):
        moment = BEGIN + timedelta(hours=hour)
        if number:
            who.late(moment, number)
        else:
            who.job(moment)
    who.job(BEGIN + timedelta(hours=HOURS + 24))
    coins = _naive(system, history, HOURS + 24)
    assert [(block.starts_at, block.expires_at) for block in who.blocks] == coins.blocks
    assert who.left() == len(coins.coins)


@given(system=SYSTEMS, history=HISTORY)
def test_pt28_points_are_conserved(system: Demerits, history: list[tuple[int, int]]) -> None:
    """PT-28, BL-34: what is earned is what is left and what was used; each block used exactly the threshold,
    of points that counted; blocks never overlap."""
    who = Patron(system)
    for hour, number in history:
        who.late(BEGIN + timedelta(hours=hour), number)
    who.job(BEGIN + timedelta(hours=2 * HOURS))
    assert sum(number for _, number in history) == who.left() + system.threshold * len(who.blocks)
    assert all(point.remaining >= 0 for point in who.points)
    for block in who.blocks:
        assert sum(share for _, share in block.uses) == system.threshold
        assert block.expires_at - block.starts_at == timedelta(days=system.suspension_days)
    for one, other in zip(who.blocks, who.blocks[1:], strict=False):
        assert one.expires_at <= other.starts_at


@given(
    system=SYSTEMS, history=HISTORY, old=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 50)))
)  # fmt: skip
def test_pt29_points_outside_the_window_never_matter(
    system: Demerits, history: list[tuple[int, int]], old: list[tuple[int, int]]
) -> None:
    """PT-29: with and without them every decision is the same."""
    before = BEGIN - timedelta(days=system.history_days + 2)
    stale = tuple(
        Point(1000 + n, before - timedelta(hours=hours), number) for n, (hours, number) in enumerate(old)
    )
    bare, burdened = Patron(system), Patron(system)
    burdened.points = stale
    for who in (bare, burdened):
        for hour, number in history:
            who.late(BEGIN + timedelta(hours=hour), number)
        who.job(BEGIN + timedelta(hours=2 * HOURS))
    assert [(block.starts_at, block.expires_at) for block in bare.blocks] == [
        (block.starts_at, block.expires_at) for block in burdened.blocks
    ]
    assert burdened.points[: len(stale)] == stale
