"""One run of a job: recorded, repeated, interrupted, taken over, tried dry (12 JB, GN-5, PT-8)."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import CompileError

from sip2d.errors import StoreUnavailable
from sip2d.jobs.job import Job, Pieces, Run, read, write
from sip2d.jobs.runner import LEASE, Outcome, Result, Runner, told
from sip2d.store import audit, job_runs, leases, tables
from sip2d.store.executor import Store
from sip2d.store.library import Institution
from sip2d.store.unit import Unit
from tests.jobs.plans import EVENING, Clock, everything, library_of, noting, steps
from tests.support.desks import Room
from tests.support.library import add_patron

DAY = EVENING.date().isoformat()
Value = TypeVar("Value")


def main(store: Store) -> Institution:
    return next(one for one in library_of(store).institutions.values() if one.code == "MAIN")


def run(
    store: Store, job: Job, holder: str = "one", clock: Clock | None = None, *, dry: bool = False
) -> Result:
    """For MAIN, as of the clock."""
    clock = clock or Clock()
    runner = Runner(store, clock, holder)
    return runner.run(library_of(store), job, main(store), clock.now, dry_run=dry)


def runs(room: Room) -> list[dict[str, object]]:
    return room.rows(tables.job_run)


def test_a_run_is_recorded_with_what_it_did(room: Room) -> None:
    result = run(room.store, noting())
    assert (result.outcome, result.tally.counters) == (Outcome.DONE, {"noted": 3})
    assert steps(room.store) == [f"noting-{step}-{DAY}" for step in range(3)]
    [row] = runs(room)
    assert (row["job"], row["owner"], row["status"], row["error"]) == ("noting", "MAIN", "DONE", None)
    assert row["key"] == f"noting|MAIN|{DAY}"
    assert row["counters"] == '{"noted":3}'
    assert row["report"] == '[{"step":0},{"step":1},{"step":2}]'
    assert room.rows(tables.job_lease) == [], "given up at the end"


def test_a_second_start_of_the_same_period_is_no_run(room: Room) -> None:
    """GN-5, PT-8: nothing at all is written."""
    run(room.store, noting())
    before = everything(room.store)
    again = run(room.store, noting(), "two", Clock(EVENING + timedelta(minutes=1)))
    assert again.outcome is Outcome.ALREADY
    assert everything(room.store) == before
    assert run(room.store, noting(), "two", Clock(EVENING + timedelta(days=1))).outcome is Outcome.DONE


def test_what_another_runs_is_left_to_him_until_his_lease_ran_out(room: Room) -> None:
    room.do(lambda unit: leases.acquire(unit, "noting|MAIN", "other", EVENING, LEASE))
    assert run(room.store, noting()).outcome is Outcome.BUSY
    assert runs(room) == []
    late = Clock(EVENING + LEASE)
    assert run(room.store, noting(), clock=late).outcome is Outcome.DONE


def test_it_goes_on_where_it_failed(room: Room) -> None:
    """The first piece stays, the run says why it failed, and the next start does only what is missing."""

    def fail(at: Run, step: int) -> None:
        if step == 1:
            raise ValueError("no such thing")

    failed = run(room.store, noting(between=fail))
    assert failed.outcome is Outcome.FAILED
    assert failed.error is not None
    assert failed.error.startswith("ValueError: no such thing (")
    assert steps(room.store) == [f"noting-0-{DAY}"]
    [row] = runs(room)
    assert (row["status"], row["error"], row["counters"]) == ("FAILED", failed.error, '{"noted":1}')
    again = run(room.store, noting())
    assert again.tally.counters == {"known": 1, "noted": 2}
    assert steps(room.store) == [f"noting-{step}-{DAY}" for step in range(3)]
    [row] = runs(room)
    assert (row["status"], row["error"]) == ("DONE", None)


def test_a_piece_that_fails_leaves_nothing_of_itself(room: Room) -> None:
    def half(unit: Unit) -> None:
        audit.audit(unit, "job", "step", "half", "note", now=EVENING)
        raise ValueError("in the middle")

    def body(run: Run) -> Pieces:
        yield write(half)

    job = Job("half", "JB-0", "Half", "30 0 * * *", "institution", "all", body)
    assert run(room.store, job).outcome is Outcome.FAILED
    assert steps(room.store) == []


def test_an_error_shows_no_values_of_a_statement(room: Room) -> None:
    """A driver's text may hold them; a record must not (GN-7)."""

    def clash(unit: Unit) -> None:
        add_patron(unit.core, room.world, "P-CANARY", name="Canary Name", pin_hash="canary-hash")
        add_patron(unit.core, room.world, "P-CANARY", name="Canary Name", pin_hash="canary-hash")

    def body(run: Run) -> Pieces:
        yield write(clash)

    result = run(room.store, Job("clash", "JB-0", "Clash", "30 0 * * *", "institution", "all", body))
    assert result.outcome is Outcome.FAILED
    assert result.error is not None
    assert "CANARY" not in result.error.upper()
    assert "unique" in result.error.lower()


def test_a_fault_says_where_it_was() -> None:
    with pytest.raises(CompileError) as caught:
        insert(tables.job_run).values(no_such_column=1).compile()
    assert told(caught.value).startswith("CompileError: ")
    assert told(StoreUnavailable("OperationalError")) == "StoreUnavailable: OperationalError"


def test_a_dry_run_changes_nothing_and_says_what_would_happen(room: Room) -> None:
    before = everything(room.store)
    result = run(room.store, noting(), dry=True)
    assert (result.outcome, result.tally.counters, result.run_id) == (Outcome.DONE, {"noted": 3}, None)
    assert result.tally.report == [{"step": 0}, {"step": 1}, {"step": 2}]
    assert everything(room.store) == before
    room.do(lambda unit: leases.acquire(unit, "noting|MAIN", "other", EVENING, LEASE))
    assert run(room.store, noting(), dry=True).outcome is Outcome.DONE, "it disturbs nobody"


def test_who_lost_his_lease_writes_nothing_more(room: Room) -> None:
    """Held up for longer than the lease, another has begun the same run: every step is done once."""
    clock, others = Clock(), []

    def held_up(at: Run, step: int) -> None:
        if step == 1:
            clock.forward(seconds=LEASE.total_seconds())
            others.append(run(room.store, noting(), "two", clock))

    first = run(room.store, noting(between=held_up), "one", clock)
    assert first.outcome is Outcome.FAILED
    assert first.error is not None
    assert first.error.startswith("LeaseLost")
    assert others[0].tally.counters == {"known": 1, "noted": 2}
    assert steps(room.store) == [f"noting-{step}-{DAY}" for step in range(3)]
    [row] = runs(room)
    assert row["status"] == "DONE", "the first one does not overwrite what the second recorded"


def test_a_long_run_keeps_its_lease(room: Room) -> None:
    """Reading and writing pieces, each half a lease long."""
    clock = Clock()

    def body(run: Run) -> Pieces:
        for _ in range(4):
            clock.forward(seconds=LEASE.total_seconds() / 2)
            yield read(lambda unit: None)
            taken = room.do(lambda unit: leases.acquire(unit, "long|MAIN", "two", clock.now, LEASE))
            assert not taken

    job = Job("long", "JB-0", "Long", "30 0 * * *", "institution", "all", body)
    assert run(room.store, job, "one", clock).outcome is Outcome.DONE


def test_asked_to_stop_it_ends_after_the_piece_at_work(room: Room) -> None:
    stop = threading.Event()
    job = noting(between=lambda at, step: stop.set() if step == 1 else None)
    runner = Runner(room.store, Clock(), "one", stopping=stop.is_set)
    result = runner.run(library_of(room.store), job, main(room.store), EVENING)
    assert result.outcome is Outcome.STOPPED
    assert steps(room.store) == [f"noting-0-{DAY}"]
    assert run(room.store, noting(), "two").outcome is Outcome.DONE, "nobody waits for the lease"
    assert len(steps(room.store)) == 3


def test_a_kiosk_is_served_between_two_pieces(room: Room) -> None:
    """Who asks while a piece is at work does not wait for the end of the job."""

    def served(unit: Unit, *, number: int) -> None:
        audit.audit(unit, "kiosk", "step", f"kiosk-{number}", "note", now=EVENING)

    def piece(unit: Unit, *, number: int) -> None:
        audit.audit(unit, "job", "step", f"job-{number}", "note", now=EVENING)
        room.store.submit(True, "kiosk", partial(served, number=number), lambda value, fault: None, -1)

    def body(run: Run) -> Pieces:
        for number in range(3):
            yield write(partial(piece, number=number))

    run(room.store, Job("busy", "JB-0", "Busy", "30 0 * * *", "institution", "all", body))
    assert steps(room.store) == ["job-0", "kiosk-0", "job-1", "kiosk-1", "job-2", "kiosk-2"]


class Counting:
    """A store that counts the transactions that may write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.written: list[str] = []

    def call(self, writes: bool, name: str, work: Callable[[Unit], Value], lane: int = 0) -> Value:
        if writes:
            self.written.append(name)
        return self._store.call(writes, name, work, lane)


def looking(between: Callable[[], None] = lambda: None) -> Job:
    """Finds nothing to do, and says so."""

    def body(run: Run) -> Pieces:
        yield read(lambda unit: None)
        run.tally.count("looked")
        between()

    return Job("looking", "JB-0", "Looks", "30 0 * * *", "institution", "all", body)


def test_what_finds_nothing_to_do_is_one_record(room: Room) -> None:
    """A job that looks every minute costs a read and a row, and no lease; done is done all the same."""
    store = Counting(room.store)
    runner = Runner(store, Clock(), "one")
    result = runner.run(library_of(room.store), looking(), main(room.store), EVENING)
    assert (result.outcome, result.tally.counters) == (Outcome.DONE, {"looked": 1})
    assert store.written == ["job.end"]
    [row] = runs(room)
    assert (row["id"], row["status"], row["counters"]) == (result.run_id, "DONE", '{"looked":1}')
    assert row["ended_at"] == row["started_at"] == int(EVENING.timestamp())
    assert run(room.store, looking()).outcome is Outcome.ALREADY
    assert len(runs(room)) == 1


def test_looking_leaves_another_s_run_alone(room: Room) -> None:
    """Who holds the lease is at it; a run that died is made good."""
    room.do(lambda unit: leases.acquire(unit, "looking|MAIN", "other", EVENING, LEASE))
    assert run(room.store, looking()).outcome is Outcome.BUSY
    assert runs(room) == []
    begun = room.do(lambda unit: job_runs.begin(unit, "looking", "MAIN", DAY, EVENING, EVENING))  # and died
    late = Clock(EVENING + LEASE)
    assert run(room.store, looking(), clock=late).outcome is Outcome.DONE
    assert [(row["id"], row["status"]) for row in runs(room)] == [(begun, "DONE")]


def test_looking_beside_another_that_is_done_first(room: Room) -> None:
    """Two daemons look at once: the row is written by one of them."""
    others: list[Outcome] = []

    def meanwhile() -> None:
        others.append(run(room.store, looking(), "two").outcome)

    assert run(room.store, looking(meanwhile)).outcome is Outcome.ALREADY
    assert others == [Outcome.DONE]
    assert len(runs(room)) == 1


def test_looking_at_the_very_same_moment(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other's row comes after we looked for it: the database says so (PostgreSQL's writers are two)."""
    real = job_runs.note

    def clash(unit: Unit, *values: Any) -> int | None:
        found = real(unit, *values)
        mine = select(*(of for of in tables.job_run.c if of.name != "id"))
        names = [of.name for of in tables.job_run.c if of.name != "id"]
        unit.core.execute(insert(tables.job_run).from_select(names, mine))
        return found

    monkeypatch.setattr(job_runs, "note", clash)
    assert run(room.store, looking()).outcome is Outcome.ALREADY
    assert runs(room) == [], "ours was taken back; the other's is its own"


def test_looking_that_fails_says_why(room: Room) -> None:
    def fail() -> None:
        raise ValueError("no such thing")

    assert run(room.store, looking(fail)).outcome is Outcome.FAILED
    [row] = runs(room)
    assert row["status"] == "FAILED"
    assert str(row["error"]).startswith("ValueError: no such thing (")
    assert run(room.store, looking()).outcome is Outcome.DONE
    [row] = runs(room)
    assert (row["status"], row["error"]) == ("DONE", None)


def test_looking_without_a_database_is_no_run(room: Room) -> None:
    """The scheduler comes back in a minute."""

    def away(unit: Unit) -> None:
        raise StoreUnavailable("away")

    def body(run: Run) -> Pieces:
        yield read(away)

    job = Job("away", "JB-0", "Away", "30 0 * * *", "institution", "all", body)
    with pytest.raises(StoreUnavailable):
        run(room.store, job)
    assert runs(room) == []


@pytest.mark.parametrize("job", [noting(), looking()], ids=["writing", "looking"])
@pytest.mark.parametrize("runners", [2, 4])
def test_several_daemons_at_once_run_it_once(url: str, runners: int, job: Job) -> None:
    """Each with its own connections: one is DONE, the others find it BUSY or ALREADY done."""
    stores = [Store.open(url) for _ in range(runners)]
    try:
        ready, results = threading.Barrier(runners), []

        def start(number: int) -> None:
            store = stores[number]
            ready.wait()
            results.append(run(store, job, f"daemon-{number}").outcome)

        threads = [threading.Thread(target=start, args=(number,)) for number in range(runners)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results.count(Outcome.DONE) == 1, results
        assert set(results) <= {Outcome.DONE, Outcome.BUSY, Outcome.ALREADY}
        done = [f"noting-{step}-{DAY}" for step in range(3)] if job.name == "noting" else []
        assert steps(stores[0]) == done
    finally:
        for store in stores:
            store.close()
