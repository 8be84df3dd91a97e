"""Units when the disk is full, the database is locked, or PostgreSQL goes away (F3, F6, F7)."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, insert, select, text

from sip2d.errors import OutcomeUnknown, StoreUnavailable
from sip2d.store import link as links
from sip2d.store import tables as t
from sip2d.store import transact
from sip2d.store.executor import Store
from sip2d.store.statement import hot
from sip2d.store.unit import Unit
from tests.store.seed import upgraded
from tests.store.test_executor import ADD, ONE, WAIT, Answers, _add, _codes, wait_until_healthy
from tests.support.batches import hold
from tests.support.databases import Databases
from tests.support.postgres import PostgresCluster

BIG = "x" * 200_000


@pytest.fixture
def lite(sqlite_databases: Databases) -> Iterator[Store]:
    with Store.open(sqlite_databases.fresh(upgraded)) as store:
        yield store


def _limit(unit: Unit, more: int) -> None:
    """Let the writer's database grow by so many pages."""
    pages = unit.core.exec_driver_sql("PRAGMA page_count").scalar_one()
    unit.core.exec_driver_sql(f"PRAGMA max_page_count={pages + more}")


def test_a_full_disk_refuses_what_does_not_fit_and_recovers(lite: Store) -> None:
    answers = Answers(5)
    lite.submit(True, "limit", lambda unit: _limit(unit, 3), answers.done)
    go = hold(lite, True)
    for code in ("a", f"b{BIG}", "c"):
        lite.submit(True, "add", _add(code), answers.done)
    go.set()
    deadline = time.monotonic() + WAIT
    while len(answers.got) < 4 and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    faults = [fault for _, fault in answers.got]
    assert faults[0] is faults[1] is faults[3] is None
    assert isinstance(faults[2], StoreUnavailable)
    assert _codes(lite) == ["a", "c"]
    assert lite.able[0]
    lite.submit(True, "unlimit", lambda unit: _limit(unit, 1_000_000), answers.done)
    answers.wait()
    wait_until_healthy(lite)
    again = Answers(1)
    lite.submit(True, "add", _add(f"b{BIG}"), again.done)
    assert again.wait()[0][1] is None


def test_a_transaction_that_sqlite_took_away_is_run_again(lite: Store) -> None:
    """A full disk may roll back the whole group; what a neighbour did is done again, once."""
    runs: list[str] = []

    def neighbour(unit: Unit) -> int:
        runs.append("neighbour")
        return unit.insert(ADD, "neighbour")

    def taken(unit: Unit) -> None:
        runs.append("taken")
        unit.core.exec_driver_sql("ROLLBACK")
        raise ValueError("the unit's own fault hides what happened")

    answers = Answers(2)
    go = hold(lite, True)
    lite.submit(True, "neighbour", neighbour, answers.done)
    lite.submit(True, "taken", taken, answers.done)
    go.set()
    got = answers.wait()
    assert got[0][1] is None
    assert isinstance(got[1][1], ValueError)
    assert runs == ["neighbour", "taken", "neighbour", "taken"]
    assert _codes(lite) == ["neighbour"]


def test_a_locked_database_refuses_within_seconds(lite: Store) -> None:
    """F7: another process writes for long; nobody waits longer than `busy_timeout`, a whole group once."""
    answers = Answers(3)
    with lite.unit("long") as unit:
        unit.core.execute(text("UPDATE library_epoch SET epoch = epoch"))
        began = time.monotonic()
        for code in "abc":
            lite.submit(True, "add", _add(code), answers.done)
        got = answers.wait()
        assert time.monotonic() - began < 13
    assert all(isinstance(fault, StoreUnavailable) for _, fault in got)
    assert _codes(lite) == []
    wait_until_healthy(lite)


@pytest.fixture
def cluster(own_postgres_cluster: PostgresCluster) -> PostgresCluster:
    return own_postgres_cluster


@pytest.fixture
def gone(cluster: PostgresCluster) -> Iterator[Store]:
    url = cluster.url(cluster.create_database(upgraded))
    with Store.open(url, writers=1, readers=1) as store:
        yield store


def _submit(store: Store, writes: bool, work: Any) -> tuple[Any, BaseException | None]:
    answers = Answers(1)
    store.submit(writes, "unit", work, answers.done)
    return answers.wait()[0]


def test_postgresql_goes_and_comes_back(gone: Store, cluster: PostgresCluster) -> None:
    assert _submit(gone, True, _add("a"))[1] is None
    assert _submit(gone, False, lambda unit: unit.value(ONE, "a"))[1] is None
    cluster.stop()
    assert isinstance(_submit(gone, True, _add("b"))[1], StoreUnavailable)
    assert isinstance(_submit(gone, False, lambda unit: unit.value(ONE, "a"))[1], StoreUnavailable)
    assert not gone.healthy
    assert not gone.ping()
    cluster.start()
    wait_until_healthy(gone)
    assert _submit(gone, True, _add("c"))[1] is None
    assert _codes(gone) == ["a", "c"]


def test_nobody_waits_behind_a_database_that_is_away(sqlite_databases: Databases) -> None:
    """F7: what queued while one group waited for the lock is refused with it, not after another wait each."""
    with Store.open(sqlite_databases.fresh(upgraded), group=1) as store, store.unit("long") as unit:
        unit.core.execute(text("UPDATE library_epoch SET epoch = epoch"))
        answers = Answers(20)
        began = time.monotonic()
        for number in range(20):
            store.submit(True, "add", _add(str(number)), answers.done)
        assert all(isinstance(fault, StoreUnavailable) for _, fault in answers.wait())
        assert time.monotonic() - began < 13
        assert store.stats.refused == 20


def test_a_restart_between_two_units_is_not_noticed(gone: Store, cluster: PostgresCluster) -> None:
    assert _submit(gone, True, _add("a"))[1] is None
    assert _submit(gone, False, lambda unit: unit.value(ONE, "a"))[1] is None
    cluster.kill()
    cluster.start()
    assert _submit(gone, True, _add("b"))[1] is None
    assert _submit(gone, False, lambda unit: unit.value(ONE, "b"))[1] is None
    assert _codes(gone) == ["a", "b"]


def _end(gone: Store, pid: int) -> None:
    with gone.unit("end") as unit:
        unit.core.execute(text("SELECT pg_terminate_backend(CAST(:pid AS integer), 5000)"), {"pid": pid})


def _pid(unit: Unit) -> int:
    return int(unit.core.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_connection_ended_amid_a_transaction_is_tried_once_more(gone: Store) -> None:
    pids: list[int] = []

    def work(unit: Unit) -> int:
        number = unit.insert(ADD, "a")
        pids.append(_pid(unit))
        if len(pids) == 1:
            _end(gone, pids[0])
        unit.value(ONE, "a")
        return number

    assert _submit(gone, True, work)[1] is None
    assert len(pids) == 2
    assert pids[0] != pids[1]
    assert _codes(gone) == ["a"]


RECORDED = hot(select(t.circulation_group.c.id).where(t.circulation_group.c.code == bindparam("c")), "c")


def _exactly_once(unit: Unit) -> str:
    """A unit that looks itself up, as every exchange does in the journal."""
    if unit.value(RECORDED, "once") is not None:
        return "recorded"
    unit.insert(ADD, "once")
    return "made"


@pytest.mark.parametrize("arrived", [True, False])
def test_an_unknown_commit_is_asked_after(
    gone: Store, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    """The connection dies around COMMIT; whether or not it arrived, the unit has its effect once."""
    real = links.PostgresqlLink.commit
    failed: list[bool] = []

    def commit(link: links.PostgresqlLink) -> None:
        if failed:
            return real(link)
        failed.append(True)
        if arrived:
            real(link)
        link.close()
        raise links.Undecided from psycopg.OperationalError("connection lost")

    monkeypatch.setattr(links.PostgresqlLink, "commit", commit)
    value, fault = _submit(gone, True, _exactly_once)
    assert fault is None
    assert value == ("recorded" if arrived else "made")
    monkeypatch.undo()
    assert _codes(gone) == ["once"]


def test_an_outcome_that_stays_unknown_is_said_to_be(
    gone: Store, cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transact, "RESOLVE_SECONDS", 0.3)
    assert _submit(gone, True, _add("a"))[1] is None
    real = links.PostgresqlLink.commit

    def commit(link: links.PostgresqlLink) -> None:
        cluster.kill()
        real(link)

    monkeypatch.setattr(links.PostgresqlLink, "commit", commit)
    assert isinstance(_submit(gone, True, _exactly_once)[1], OutcomeUnknown)
    monkeypatch.undo()
    assert gone.stats.unknown == 1
    cluster.start()
    wait_until_healthy(gone)
    assert _submit(gone, True, _exactly_once)[1] is None
    assert _codes(gone) == ["a", "once"]


def test_a_deadlock_is_tried_once_more(postgres: Databases) -> None:
    url = postgres.fresh(upgraded)
    with Store.open(url, writers=2) as store:
        with store.unit("seed") as unit:
            for code in "ab":
                unit.core.execute(
                    insert(t.institution).values(code=code, name=code, timezone="UTC", currency="EUR")
                )
        meet = threading.Barrier(2)
        runs: list[int] = []

        def lock(first: str, second: str) -> Any:
            def work(unit: Unit) -> None:
                runs.append(1)
                change = text("UPDATE institution SET group_rank = group_rank + 1 WHERE code = :code")
                unit.core.execute(change, {"code": first})
                if len(runs) <= 2:
                    meet.wait(WAIT)
                unit.core.execute(change, {"code": second})

            return work

        answers = Answers(2)
        store.submit(True, "ab", lock("a", "b"), answers.done, lane=0)
        store.submit(True, "ba", lock("b", "a"), answers.done, lane=1)
        assert [fault for _, fault in answers.wait()] == [None, None]
        assert len(runs) == 3
        with store.unit("read", writes=False) as unit:
            ranks = unit.core.execute(text("SELECT group_rank FROM institution")).scalars().all()
        assert ranks == [2, 2]
