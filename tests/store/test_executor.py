"""The store: order, isolation, durability and faults, on both databases."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, text, update

from sip2d.errors import StoreBusy, StoreUnavailable
from sip2d.store import epoch, migrate
from sip2d.store import tables as t
from sip2d.store.executor import Store
from sip2d.store.statement import hot
from sip2d.store.unit import CONFLICTS, Unit
from tests.store.seed import upgraded
from tests.support.batches import hold
from tests.support.databases import Databases

GROUP = t.circulation_group.c
ADD = hot(insert(t.circulation_group), "code")
CODES = hot(select(GROUP.code).order_by(GROUP.id))
ONE = hot(select(GROUP.id).where(GROUP.code == bindparam("code")), "code")
RAISE = hot(
    update(t.institution).where(t.institution.c.id == bindparam("i")).values(group_rank=bindparam("rank")),
    "i",
    "rank",
)
LOCK = hot(
    select(t.institution.c.group_rank).where(t.institution.c.id == bindparam("i")).with_for_update(), "i"
)
WAIT = 20.0


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.fresh(upgraded)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as store:
        yield store


class Answers:
    """Collects what `done` was called with, in order."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._all = threading.Event()
        self._lock = threading.Lock()
        self.got: list[tuple[Any, BaseException | None]] = []

    def done(self, value: Any, fault: BaseException | None) -> None:
        with self._lock:
            self.got.append((value, fault))
            if len(self.got) == self._expected:
                self._all.set()

    def wait(self) -> list[tuple[Any, BaseException | None]]:
        assert self._all.wait(WAIT)
        return self.got


def _add(code: str) -> Callable[[Unit], int]:
    return lambda unit: unit.insert(ADD, code)


def _codes(store: Store) -> list[str]:
    with store.unit("codes", writes=False) as unit:
        return [row[0] for row in unit.all(CODES)]


def wait_until_healthy(store: Store) -> None:
    """The keeper asks once a second."""
    deadline = time.monotonic() + WAIT
    while not store.healthy and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert store.healthy


def test_units_of_a_lane_keep_their_order(store: Store) -> None:
    answers = Answers(200)
    for number in range(200):
        store.submit(True, "add", _add(f"{number:03}"), answers.done, lane=number % 2 * 7)
    got = answers.wait()
    assert all(fault is None for _, fault in got)
    codes = _codes(store)
    for lane in (0, 1):
        mine = [code for code in codes if int(code) % 2 == lane]
        assert mine == sorted(mine)
    assert len(codes) == 200


def test_a_failing_unit_leaves_its_neighbours_alone(store: Store) -> None:
    class Refused(Exception):
        pass

    def refuse(unit: Unit) -> None:
        unit.insert(ADD, "half done")
        raise Refused

    answers = Answers(4)
    go = hold(store, True)
    works = [_add("a"), refuse, _add("a"), _add("b")]
    for work in works:
        store.submit(True, "unit", work, answers.done)
    go.set()
    faults = [fault for _, fault in answers.wait()]
    assert faults[0] is None
    assert isinstance(faults[1], Refused)
    assert isinstance(faults[2], CONFLICTS)
    assert faults[3] is None
    assert _codes(store) == ["a", "b"]
    assert store.healthy


def test_a_unit_that_failed_before_it_changed_anything_is_nobodys_second_run(store: Store) -> None:
    """A PIN that must be hashed first is an everyday exception: it may not cost a whole group its work."""
    runs: list[str] = []

    def told(code: str) -> Callable[[Unit], None]:
        def work(unit: Unit) -> None:
            runs.append(code)
            if code == "needs a PIN":
                unit.all(CODES)
                raise LookupError
            unit.insert(ADD, code)

        return work

    answers = Answers(3)
    go = hold(store, True)
    for code in ("a", "needs a PIN", "b"):
        store.submit(True, "unit", told(code), answers.done)
    go.set()
    assert [type(fault) for _, fault in answers.wait()] == [type(None), LookupError, type(None)]
    assert runs == ["a", "needs a PIN", "b"]
    assert _codes(store) == ["a", "b"]


def test_a_group_whose_unit_failed_half_done_has_effects_once(sqlite_databases: Databases) -> None:
    """It runs again, each unit under a savepoint; every answer is given once."""
    runs: list[int] = []

    def work(number: int) -> Callable[[Unit], int]:
        def run(unit: Unit) -> int:
            runs.append(number)
            unit.insert(ADD, str(number))
            if number % 5 == 2:
                raise LookupError
            return number

        return run

    with Store.open(sqlite_databases.fresh(upgraded)) as store:
        answers = Answers(10)
        go = hold(store, True)
        for number in range(10):
            store.submit(True, "unit", work(number), answers.done)
        go.set()
        kept = [0, 1, 3, 4, 5, 6, 8, 9]
        assert [value for value, fault in answers.wait() if fault is None] == kept
        assert [type(fault) for _, fault in answers.got].count(LookupError) == 2
        assert _codes(store) == [str(number) for number in kept]
        assert runs == [0, 1, 2, *range(10)]
        assert len(answers.got) == 10


def _add_all(unit: Unit, codes: list[str]) -> None:
    unit.insert(ADD, "+".join(codes))


@pytest.mark.parametrize("half_done", [False, True])
def test_what_units_put_off_is_written_once_before_commit(
    sqlite_databases: Databases, half_done: bool
) -> None:
    """All of a group together; not what a unit put off that failed, before it changed something or after."""

    def work(code: str) -> Callable[[Unit], None]:
        def run(unit: Unit) -> None:
            unit.later(_add_all, code)
            if code == "b":
                if half_done:
                    unit.insert(ADD, "half")
                raise LookupError

        return run

    with Store.open(sqlite_databases.fresh(upgraded)) as store:
        answers, go = Answers(3), hold(store, True)
        for code in ("a", "b", "c"):
            store.submit(True, "unit", work(code), answers.done)
        go.set()
        answers.wait()
        assert _codes(store) == ["a+c"]
        with store.unit("alone") as unit:
            work("d")(unit)
            assert unit.all(CODES) == [("a+c",)]
        assert _codes(store) == ["a+c", "d"]


def test_what_comes_while_a_group_runs_joins_it(sqlite_databases: Databases) -> None:
    """One COMMIT for who was there before it; a group is never larger than it may be."""
    with Store.open(sqlite_databases.fresh(upgraded), group=4) as store:
        go, answers = hold(store, True), Answers(5)
        before = store.stats.transactions
        for number in range(5):
            store.submit(True, "add", _add(str(number)), answers.done)
        go.set()
        answers.wait()
        assert store.stats.transactions - before == 2  # who holds and three, then the other two
        assert len(_codes(store)) == 5


def test_done_is_called_after_commit_only(store: Store) -> None:
    """When `done` runs, another connection sees the row (durability order, G1)."""
    seen: list[bool] = []
    finished = threading.Semaphore(0)

    def done(code: str) -> Callable[[Any, BaseException | None], None]:
        def look(_value: Any, _fault: BaseException | None) -> None:
            seen.append(code in _codes(store))
            finished.release()

        return look

    for number in range(20):
        store.submit(True, "add", _add(str(number)), done(str(number)))
    for _ in range(20):
        assert finished.acquire(timeout=WAIT)
    assert seen == [True] * 20


def test_no_update_is_lost(store: Store) -> None:
    """T1: 500 of 500, read and written by four threads with connections of their own and by the store's."""
    with store.unit("seed") as unit:
        unit.core.execute(
            insert(t.institution).values(code="A", name="A", timezone="UTC", currency="EUR", group_rank=0)
        )
        number = unit.core.execute(select(t.institution.c.id)).scalar_one()

    def increment(unit: Unit) -> None:
        unit.run(RAISE, number, unit.value(LOCK, number) + 1)

    def loop() -> None:
        for _ in range(50):
            with store.unit("increment") as unit:
                increment(unit)

    answers = Answers(300)
    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for lane in range(300):
        store.submit(True, "increment", increment, answers.done, lane=lane)
    for thread in threads:
        thread.join()
    assert [fault for _, fault in answers.wait() if fault is not None] == []
    with store.unit("read", writes=False) as unit:
        assert unit.value(RANK, number) == 500


RANK = hot(select(t.institution.c.group_rank).where(t.institution.c.id == bindparam("i")), "i")


def test_a_batch_of_reads_survives_a_failing_one(store: Store) -> None:
    def fail(unit: Unit) -> None:
        unit.core.execute(text("SELECT nonsense FROM nowhere"))

    answers = Answers(3)
    go = hold(store, False)
    for work in (lambda u: u.all(CODES), fail, lambda u: u.all(CODES)):
        store.submit(False, "read", work, answers.done)
    go.set()
    got = answers.wait()
    assert got[0] == ([], None)
    assert got[1][1] is not None
    assert got[2] == ([], None)


def test_a_reading_unit_cannot_write(store: Store) -> None:
    answers = Answers(1)
    store.submit(False, "sly", _add("x"), answers.done)
    assert answers.wait()[0][1] is not None
    assert _codes(store) == []


def test_the_queue_is_bounded(url: str) -> None:
    with Store.open(url, max_queue=3) as store:
        go = hold(store, True)
        answers = Answers(3)
        for number in range(3):
            store.submit(True, "add", _add(str(number)), answers.done)
        with pytest.raises(StoreBusy):
            store.submit(True, "add", _add("one too many"), answers.done)
        assert store.stats.waiting_writes == 3
        go.set()
        answers.wait()
        assert store.stats.units["add"][0] == 3
        assert store.stats.refused == 1


def test_closing_serves_what_waits(url: str) -> None:
    store = Store.open(url)
    answers = Answers(50)
    go = hold(store, True)
    for number in range(50):
        store.submit(True, "add", _add(str(number)), answers.done)
    go.set()
    store.close()
    assert len(answers.got) == 50
    with pytest.raises(StoreUnavailable):
        store.submit(True, "late", _add("late"), answers.done)
    with Store.open(url) as again:
        assert len(_codes(again)) == 50


def test_a_batch_is_posted_once(url: str) -> None:
    posted: list[Callable[[], None]] = []
    reached = threading.Semaphore(0)

    def post(callback: Callable[[], None]) -> None:
        posted.append(callback)
        reached.release()

    with Store.open(url, post=post) as store:
        go = hold(store, False)
        answers = Answers(5)
        for _ in range(5):
            store.submit(False, "read", lambda unit: unit.all(CODES), answers.done)
        go.set()
        for _ in range(2):
            assert reached.acquire(timeout=WAIT)
        assert answers.got == []
        posted[1]()
        assert len(answers.got) == 5


def test_a_receiver_that_fails_hurts_nobody(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_value: Any, _fault: BaseException | None) -> None:
        raise LookupError

    answers = Answers(1)
    store.submit(True, "add", _add("a"), broken)
    store.submit(True, "add", _add("b"), answers.done)
    assert answers.wait()[0][1] is None
    assert "store.receiver_failed" in caplog.text


def test_the_library_follows_the_epoch(store: Store) -> None:
    """A change by one connection is seen by the next transaction of every other (CN-7)."""
    with store.unit("change") as unit:
        before = unit.library.epoch
        unit.core.execute(
            insert(t.institution).values(code="NEW", name="New", timezone="Asia/Tokyo", currency="JPY")
        )
        epoch.bump(unit)
    answers = Answers(2)
    for writes in (True, False):
        store.submit(writes, "look", lambda unit: unit.library, answers.done)
    for library, fault in answers.wait():
        assert fault is None
        assert library.epoch == before + 1
        assert [i.decimals for i in library.institutions.values()] == [0]


def test_an_unfinished_unit_is_rolled_back(store: Store) -> None:
    def stop() -> None:
        with store.unit("stop") as unit:
            unit.insert(ADD, "x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert _codes(store) == []


def test_a_store_without_a_database(tmp_path: Any) -> None:
    """It says so, and is there as soon as the database is."""
    url = f"sqlite:///{tmp_path}/later/library.db"
    with Store.open(url) as store:
        answers = Answers(1)
        store.submit(True, "add", _add("a"), answers.done)
        assert isinstance(answers.wait()[0][1], StoreUnavailable)
        assert not store.healthy
        assert not store.ping()
        (tmp_path / "later").mkdir()
        migrate.upgrade(url)
        wait_until_healthy(store)
        answers = Answers(1)
        store.submit(True, "add", _add("a"), answers.done)
        assert answers.wait()[0][1] is None
