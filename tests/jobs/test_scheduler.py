"""The look every minute: what is due, in which order, once among several daemons, after downtime (JB)."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from sip2d.errors import StoreUnavailable
from sip2d.jobs.job import Job, Run
from sip2d.jobs.runner import Outcome, Result
from sip2d.jobs.scheduler import AGAIN, NAME, Scheduler
from sip2d.store import epoch, leases, tables
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.jobs.plans import EVENING, Clock, everything, noting, steps
from tests.support import library
from tests.support.desks import Room

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")


def scheduler(store: Store, jobs: Sequence[Job], clock: Clock, holder: str = "one") -> Scheduler:
    return Scheduler(store, jobs, holder, clock=clock)


def ran(results: Sequence[Result], owner: str = "MAIN") -> list[tuple[str, str]]:
    """Job and local moment of what was run for an owner."""
    return [
        (one.job, one.as_of.astimezone(PARIS).strftime("%d %H:%M")) for one in results if one.owner == owner
    ]


def tick_at(daemon: Scheduler, clock: Clock, moment: datetime) -> list[Result]:
    clock.now = moment.astimezone(UTC)
    return daemon.tick(clock.now)


def paris(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=PARIS)


def test_the_first_start_makes_nothing_up(room: Room) -> None:
    clock = Clock(paris(9, 19).astimezone(UTC))
    daemon = scheduler(room.store, [noting()], clock)
    assert daemon.tick(clock.now) == []
    assert {row["key"] for row in room.rows(tables.job_run)} == {"noting|MAIN|first", "noting|OTHER|first"}
    assert ran(tick_at(daemon, clock, paris(10, 0, 29))) == []
    assert ran(tick_at(daemon, clock, paris(10, 0, 30))) == [("noting", "10 00:30")]
    assert ran(tick_at(daemon, clock, paris(10, 0, 31))) == []
    assert steps(room.store) == [f"noting-{step}-2026-03-09" for step in range(3)]


def test_every_owner_in_his_own_night(room: Room) -> None:
    """OTHER is in New York: half past midnight is five hours later there."""
    clock = Clock(paris(9, 19).astimezone(UTC))
    daemon = scheduler(room.store, [noting()], clock)
    daemon.tick(clock.now)
    found = {}
    for hour in range(24):
        for result in tick_at(daemon, clock, paris(10, 0, 30) + timedelta(hours=hour)):
            found[result.owner] = result.as_of.astimezone(PARIS).strftime("%d %H:%M")
    assert found == {"MAIN": "10 00:30", "OTHER": "10 05:30"}


def test_after_downtime_by_the_rule_of_each_job(room: Room) -> None:
    """Periods in order, night by night in the order of a night; notices of days that passed are not
    replayed (LO-8, LO-20).
    """
    jobs = [
        noting("renewals", schedule="20 0 * * *", catch_up="all"),
        noting("accrual", schedule="30 0 * * *", catch_up="all"),
        noting("shelf", schedule="30 2 * * *", catch_up="last"),
        noting("notices", schedule="0 4 * * *", catch_up="today"),
    ]
    clock = Clock(paris(9, 19).astimezone(UTC))
    scheduler(room.store, jobs, clock).tick(clock.now)
    early = tick_at(scheduler(room.store, jobs, clock, "new"), clock, paris(12, 3))
    assert ran(early) == [
        ("renewals", "10 00:20"), ("accrual", "10 00:30"),
        ("renewals", "11 00:20"), ("accrual", "11 00:30"),
        ("renewals", "12 00:20"), ("accrual", "12 00:30"),
        ("shelf", "12 02:30"),
    ]  # fmt: skip
    late = tick_at(scheduler(room.store, jobs, clock, "third"), clock, paris(12, 9))
    assert ran(late) == [("notices", "12 04:00")]


def test_at_the_same_moment_in_the_order_of_the_catalogue(room: Room) -> None:
    """Spring: 02:00 and 02:30 are both run when the leap is over."""
    jobs = [noting("blocks", schedule="0 2 * * *"), noting("shelf", schedule="30 2 * * *")]
    for order in (jobs, jobs[::-1]):
        clock = Clock(paris(28, 19).astimezone(UTC))
        for one in order:
            room.do(partial(_forget, job=one.name))
        scheduler(room.store, order, clock).tick(clock.now)
        found = tick_at(scheduler(room.store, order, clock), clock, paris(29, 4))
        assert ran(found) == [(one.name, "29 03:00") for one in order]


def _forget(unit: Unit, job: str) -> None:
    unit.core.execute(tables.job_run.delete().where(tables.job_run.c.job == job))


def test_a_job_that_fails_waits_and_holds_nobody_up(room: Room) -> None:
    """The other jobs go on; its own later periods wait until the earlier one is done."""
    broken = {"yes"}

    def fail(at: Run, step: int) -> None:
        if broken and step == 1:
            raise ValueError("broken")

    jobs = [noting("broken", between=fail, pieces=2), noting("sound", pieces=1)]
    clock = Clock(paris(9, 19).astimezone(UTC))
    daemon = scheduler(room.store, jobs, clock)
    daemon.tick(clock.now)
    first = tick_at(daemon, clock, paris(11, 1))
    assert ran(first) == [("broken", "10 00:30"), ("sound", "10 00:30"), ("sound", "11 00:30")]
    assert first[0].outcome is Outcome.FAILED
    broken.clear()
    assert ran(tick_at(daemon, clock, paris(11, 1) + AGAIN / 2)) == []
    again = tick_at(daemon, clock, paris(11, 1) + AGAIN)
    assert ran(again) == [("broken", "10 00:30"), ("broken", "11 00:30")]
    assert again[0].tally.counters == {"known": 1, "noted": 1}


def test_a_branch_that_is_new_begins_with_its_next_night(room: Room) -> None:
    clock = Clock(paris(9, 19).astimezone(UTC))
    daemon = scheduler(room.store, [noting(per="branch", pieces=1)], clock)
    daemon.tick(clock.now)

    def open_branch(unit: Unit) -> None:
        main = room.world.institutions["MAIN"]
        library.add(unit.core, tables.branch, institution_id=main, code="SOUTH", name="South")
        epoch.bump(unit)

    room.do(open_branch)
    assert ran(tick_at(daemon, clock, paris(10, 0, 35)), "MAIN/CENTRAL") == [("noting", "10 00:30")]
    assert ran(tick_at(daemon, clock, paris(11, 0, 35)), "MAIN/SOUTH") == [("noting", "11 00:30")]


def test_while_another_daemon_works_the_minute_is_his(room: Room) -> None:
    clock = Clock(paris(9, 19).astimezone(UTC))
    daemon = scheduler(room.store, [noting()], clock)
    daemon.tick(clock.now)
    clock.now = paris(10, 0, 30).astimezone(UTC)
    room.do(lambda unit: leases.acquire(unit, NAME, "other", clock.now, timedelta(seconds=60)))
    before = everything(room.store)
    assert daemon.tick(clock.now) == []
    assert everything(room.store) == before
    assert ran(tick_at(daemon, clock, paris(10, 0, 31))) == [("noting", "10 00:30")]


@pytest.mark.parametrize("round_", range(3))
def test_two_daemons_run_each_job_once(url: str, round_: int) -> None:
    """Both look at the same minute, at once, each with its own connections."""
    clock, jobs = Clock(paris(9, 19).astimezone(UTC)), [noting(per="branch"), noting("other", per="site")]
    with Store.open(url) as one, Store.open(url) as two:
        daemons = [scheduler(one, jobs, clock, "one"), scheduler(two, jobs, clock, "two")]
        for daemon in daemons:
            daemon.tick(clock.now)
        clock.now = (paris(10, 6) + timedelta(minutes=round_)).astimezone(UTC)
        results: list[Result] = []
        _together([partial(_collect, daemon, clock, results) for daemon in daemons])
        for daemon in daemons:
            results += daemon.tick(clock.forward(minutes=1))
        done = [(result.job, result.owner) for result in results if result.outcome is Outcome.DONE]
        branches = ["MAIN/CENTRAL", "MAIN/NORTH", "OTHER/ANNEX"]
        assert sorted(done) == [*(("noting", branch) for branch in branches), ("other", "")]
        assert len(steps(one)) == len(set(steps(one)))


def _collect(daemon: Scheduler, clock: Clock, results: list[Result]) -> None:
    results += daemon.tick(clock.now)


def _together(acts: Sequence[Callable[[], None]]) -> None:
    ready = threading.Barrier(len(acts))

    def at_once(act: Callable[[], None]) -> None:
        ready.wait()
        act()

    threads = [threading.Thread(target=at_once, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_minute_without_a_database_is_made_up_in_the_next(room: Room) -> None:
    """Whatever was not reached is looked at again; nothing waits for its next night."""
    clock = Clock(paris(9, 19).astimezone(UTC))

    class Failing:
        away = False

        def call(self, writes: bool, name: str, work: Callable[[Unit], object], lane: int = 0) -> object:
            if self.away and name == "job.begin":
                raise StoreUnavailable("away")
            return room.store.call(writes, name, work, lane)

    store = Failing()
    daemon = Scheduler(store, [noting()], "one", clock=clock)  # type: ignore[arg-type]  # its values are not looked at
    daemon.tick(clock.now)
    store.away = True
    with pytest.raises(StoreUnavailable):
        tick_at(daemon, clock, paris(10, 0, 30))
    store.away = False
    assert ran(tick_at(daemon, clock, paris(10, 0, 31))) == [("noting", "10 00:30")]


def test_the_thread_looks_at_once_and_stops_within_a_piece(room: Room) -> None:
    clock = Clock(paris(9, 19).astimezone(UTC))
    started = threading.Event()
    heard: list[Result] = []

    def between(at: Run, step: int) -> None:
        started.set()
        if step == 1:
            daemon.ask_to_stop()

    jobs = [noting(between=between)]
    scheduler(room.store, jobs, clock).tick(clock.now)
    clock.now = paris(10, 0, 30).astimezone(UTC)
    daemon = Scheduler(room.store, jobs, "one", clock=clock, told=heard.append)
    daemon.start()
    assert started.wait(20)
    daemon.stop()
    assert [(one.owner, one.outcome) for one in heard] == [("MAIN", Outcome.STOPPED)]
    assert len(steps(room.store)) == 1
    again = scheduler(room.store, [noting()], clock, "two")
    assert ran(again.tick(clock.now)) == [("noting", "10 00:30")]
    assert len(steps(room.store)) == 3


def test_a_scheduler_that_never_started_can_be_stopped(room: Room) -> None:
    scheduler(room.store, [], Clock(EVENING)).stop()
