"""What a batch of reads asks for ahead, and what becomes of it when that fails; both databases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text

from sip2d.store import tables
from sip2d.store.executor import Store
from sip2d.store.transact import SEVERAL
from sip2d.store.unit import Unit
from tests.store.seed import upgraded
from tests.support.batches import Asked, together
from tests.support.databases import Databases


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    with Store.open(databases.fresh(upgraded)) as store:
        yield store


class Ahead:
    """Leaves a word for the units behind it, then fails if it is to; tells for how many it was asked."""

    def __init__(self, fail: Callable[[Unit], object] = lambda _unit: None) -> None:
        self.asked: list[int] = []
        self._fail = fail

    def __call__(self, unit: Unit, jobs: list[Any]) -> None:
        self.asked.append(len(jobs))
        unit.foreseen["word",] = id(self)
        self._fail(unit)


def answer(number: int) -> Callable[[Unit], tuple[int, bool]]:
    """Work that asks the database for a number, and tells whether something was foreseen for it."""
    return lambda unit: (int(unit.core.scalar(select(func.abs(-number))) or 0), ("word",) in unit.foreseen)


def raise_own(_unit: Unit) -> None:
    raise LookupError


def ask_nonsense(unit: Unit) -> None:
    unit.core.execute(text("SELECT nonsense FROM nowhere"))


@pytest.mark.parametrize("count", [1, 2, SEVERAL, 64, 65, 130])
def test_it_is_asked_once_for_a_batch_of_several(store: Store, count: int) -> None:
    """And never for fewer: a batch is 64 at most."""
    ahead = Ahead()
    got = together(store, [Asked(answer(number), ahead) for number in range(count)])
    batches = [size for size in (min(64, count - start) for start in range(0, count, 64)) if size >= SEVERAL]
    assert ahead.asked == batches
    assert [(one.value, one.fault) for one in got] == [
        ((number, number < sum(batches)), None) for number in range(count)
    ]


def test_jobs_of_different_kinds_are_counted_apart(store: Store) -> None:
    few, many = Ahead(), Ahead()
    kinds = [few, many, None, many, few, None, None, many]
    got = together(store, [Asked(answer(number), ahead) for number, ahead in enumerate(kinds)])
    assert (few.asked, many.asked) == ([], [3])
    assert [one.value for one in got] == [(number, True) for number in range(len(kinds))]


@pytest.mark.parametrize("fail", [raise_own, ask_nonsense])
@pytest.mark.parametrize("count", [SEVERAL, 9])
def test_where_it_fails_each_is_served_by_itself(
    store: Store, fail: Callable[[Unit], object], count: int
) -> None:
    """Nobody is told of it, nothing half foreseen is used, the store is as well as before."""
    failing, plain = Ahead(fail), Ahead()
    asked = [Asked(answer(number), failing) for number in range(count)]
    got = together(store, [*asked, Asked(answer(count)), *(Asked(answer(7), plain) for _ in range(2))])
    assert [(one.value, one.fault) for one in got] == [
        ((number, False), None) for number in [*range(count), count, 7, 7]
    ]
    assert (failing.asked, plain.asked) == ([count], [])
    assert store.able[0]
    assert store.stats.refused == 0
    again = Ahead()
    assert [one.value for one in together(store, [Asked(answer(5), again)] * 3)] == [(5, True)] * 3


@pytest.mark.parametrize("fail", [raise_own, ask_nonsense])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_read_that_fails_does_not_harm_its_neighbours(
    store: Store, fail: Callable[[Unit], object], place: int
) -> None:
    ahead = Ahead()
    asked = [Asked(answer(number), ahead) for number in range(5)]
    asked[place] = Asked(fail, ahead)
    got = together(store, asked)
    assert [number for number, one in enumerate(got) if one.fault is not None] == [place]
    assert [one.value[0] for one in got if one.fault is None] == [n for n in range(5) if n != place]
    assert isinstance(got[place].fault, LookupError) is (fail is raise_own)
    assert store.able[0]


def test_what_is_foreseen_ends_with_the_snapshot(store: Store, databases: Databases) -> None:
    """PostgreSQL ends it with the first failed statement, SQLite goes on."""
    ahead = Ahead()
    got = together(store, [Asked(work, ahead) for work in (answer(1), ask_nonsense, answer(2))])
    assert (got[0].value, got[2].value) == ((1, True), (2, databases.kind == "sqlite"))


def test_writes_never_look_ahead(store: Store) -> None:
    """What is counted must be read behind the locks."""
    ahead = Ahead()

    def write(unit: Unit) -> int:
        assert unit.foreseen == {}
        unit.core.execute(tables.circulation_group.insert().values(code=str(unit.core.scalar(
            select(func.count()).select_from(tables.circulation_group)))))  # fmt: skip
        return len(unit.foreseen)

    got = together(store, [Asked(write, ahead) for _ in range(5)], writes=True)
    assert [(one.value, one.fault) for one in got] == [(0, None)] * 5
    assert ahead.asked == []


def test_every_unit_of_a_batch_is_counted(store: Store) -> None:
    """Issue 7.1: those that failed as well."""
    together(store, [Asked(answer(1)), Asked(raise_own), *(Asked(answer(n)) for n in range(5))])
    units = store.stats.units
    assert [units[f"unit {number}"][0] for number in range(3)] == [3, 2, 2]
    assert all(seconds > 0 for _, seconds in units.values())
