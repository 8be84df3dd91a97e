"""One transaction for a group of units, and what becomes of them when the database fails.

A unit that raises is rolled back alone and its neighbours commit: it changed nothing, or the group is run
once more with a savepoint for each. A group known to be rolled back is run again one by one, or refused.
After a COMMIT whose outcome is unknown every unit is run again: those with effects look themselves up in the
journal once they hold their locks, so a second run is safe (SP-21); if that cannot be done soon, the outcome
stays unknown and nobody is told a lie.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Engine

from sip2d.errors import OutcomeUnknown, StoreUnavailable
from sip2d.store.epoch import Libraries
from sip2d.store.health import Health, Laps
from sip2d.store.link import Link, Meaning, Undecided, is_database_fault, meaning, open_link
from sip2d.store.unit import Unit

log = logging.getLogger(__name__)

RESOLVE_SECONDS = 4.0
"""How long an unknown outcome is asked after: less than the SC waits for its answer."""
RESOLVE_PAUSE = 0.05
YIELD_SECONDS = 0.03
"""Before the one more try after a deadlock: the other transaction must get the lock first, or both meet
again."""

Outcome = tuple[Any, BaseException | None]
Join = Callable[[], object]
Ahead = Callable[[Unit, list[Any]], None]
"""Asks for what these jobs, several of one batch, will ask for each; leaves it in ``unit.foreseen``."""
SEVERAL: Final = 3
"""From so many on, one statement for all costs less than one for each (15.3 us a patron; 15.6 of three,
11.2 of fourteen)."""


def _nobody() -> None:
    """Nobody joins a group that is tried again."""


class Job(Protocol):
    """What was submitted. ``ahead`` is the same function for all jobs that it can ask for at once; None:
    nothing can be."""

    @property
    def name(self) -> str: ...
    @property
    def ahead(self) -> Ahead | None: ...
    def work(self, unit: Unit, /) -> Any: ...
    def done(self, value: Any, fault: BaseException | None, /) -> None: ...


class Task(msgspec.Struct, frozen=True, gc=False):
    """A job made of functions."""

    name: str
    work: Callable[[Unit], Any]
    done: Callable[[Any, BaseException | None], None]
    ahead: Ahead | None = None


class Lost(Exception):
    """The transaction is known to be rolled back. ``again``: one more try makes sense; ``began``: it had
    begun.
    """

    def __init__(self, cause: BaseException, *, again: bool, began: bool) -> None:
        super().__init__()
        self.cause = cause
        self.again = again
        self.began = began


class Stained(Exception):
    """A unit of a group failed after it had changed something. The group is rolled back, to run again with
    savepoints.
    """


class Transactor:
    """Runs groups of jobs on a link of its own; used by one thread."""

    def __init__(
        self,
        engine: Engine,
        libraries: Libraries,
        health: Health,
        writes: bool,
        prepare: Callable[[Link], None],
    ) -> None:
        self._engine = engine
        self._libraries = libraries
        self._health = health
        self._writes = writes
        self._prepare = prepare
        self._link: Link | None = None
        self._stopping = threading.Event()
        self.away: BaseException | None = None
        """Why the last `serve` could not even begin; None when it could."""

    def serve(self, jobs: list[Job], join: Join = _nobody) -> list[Outcome]:
        """An outcome for every job, final: what has one without a fault is durable. Never raises.

        ``join`` adds to the jobs what came meanwhile. It is asked before COMMIT: 50 kiosks took turns as 49
        and 1, each with a COMMIT (3% of their rate).
        """
        self.away = None
        try:
            outcomes = self._transaction(jobs, join)
        except Lost as lost:
            outcomes = self._after_loss(jobs, lost)
        except Undecided as undecided:
            outcomes = self._after_doubt(jobs, undecided)
        return outcomes

    def refuse(self, jobs: list[Job]) -> list[Outcome]:
        """The database is away: what waited meanwhile is not made to wait for it once more, one by one."""
        assert self.away is not None
        self._health.answered(len(jobs), 0)
        return [(None, _refusal(self.away)) for _ in jobs]

    def hurry(self) -> None:
        """The store closes: do not wait for a database that is away."""
        self._stopping.set()

    def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    # -- one attempt ---------------------------------------------------------------------------------------

    def _transaction(self, jobs: list[Job], join: Join = _nobody) -> list[Outcome]:
        started = time.perf_counter()
        link, unit = self._begin()
        try:
            outcomes = self._write(link, unit, jobs, join) if self._writes else self._read(link, unit, jobs)
        except Stained:
            link, unit = self._begin()
            outcomes = self._write(link, unit, jobs, apart=True)
        self._health.went_well(self._writes, len(jobs), time.perf_counter() - started)
        return outcomes

    def _begin(self) -> tuple[Link, Unit]:
        stale = self._link is not None
        try:
            if self._link is None:
                self._link = open_link(self._engine, self._libraries)
                self._prepare(self._link)
            return self._link, self._link.begin(self._writes)
        except Exception as fault:
            raise self._lost(fault, began=False, stale=stale) from None

    def _write(
        self, link: Link, unit: Unit, jobs: list[Job], join: Join = _nobody, apart: bool = False
    ) -> list[Outcome]:
        """All in one transaction; ``join`` as for `serve`. ``apart``: a savepoint for each; without, Stained
        when one was needed.

        A savepoint is two statements, and SQLite copies every page that is changed under one: 25 us of a
        renewal's 270. A unit that raises has mostly changed nothing yet (a PIN must be hashed first).
        """
        outcomes: list[Outcome] = []
        laps = Laps(self._health)
        while len(outcomes) < len(jobs):
            before, put_off = link.changes, len(unit.put_off)
            if apart:
                self._step(link.savepoint)
            job = jobs[len(outcomes)]
            laps.begin(job.name)
            outcome = _outcome(job, unit)
            fault = outcome[1]
            if fault is not None:
                laps.end()
                alone = len(jobs) == 1
                if meaning(fault) is not Meaning.OWN or not (alone or link.holds):
                    raise self._lost(fault, began=True)
                if alone:  # ROLLBACK does for one what a savepoint does for many
                    link.rollback()
                    return [outcome]
                if not apart and link.changes != before:
                    link.rollback()
                    raise Stained
                del unit.put_off[put_off:]
            if apart:
                self._step(link.release if fault is None else link.rollback_to)
            outcomes.append(outcome)
            if len(outcomes) == len(jobs):
                join()
        laps.end()
        return self._commit(link, unit, outcomes)

    def _commit(self, link: Link, unit: Unit, outcomes: list[Outcome]) -> list[Outcome]:
        try:
            unit.settle()
            link.commit()
        except Undecided:
            self._drop()
            raise
        except Exception as fault:
            if len(outcomes) == 1 and meaning(fault) is Meaning.OWN:
                link.rollback()
                return [(None, fault)]
            raise self._lost(fault, began=True) from None
        return outcomes

    def _read(self, link: Link, unit: Unit, jobs: list[Job]) -> list[Outcome]:
        """One after the other on one snapshot."""
        laps = Laps(self._health)
        if len(jobs) >= SEVERAL:
            self._look_ahead(unit, jobs, laps)
        outcomes: list[Outcome] = []
        for job in jobs:
            laps.begin(job.name)
            outcome = _outcome(job, unit)
            outcomes.append(outcome)
            fault = outcome[1]
            if fault is not None:
                laps.end()
                if meaning(fault) is not Meaning.OWN:
                    raise self._lost(fault, began=True)
                if not link.holds:  # PostgreSQL ends the snapshot with the first failed statement
                    link.rollback()
                    link, unit = self._begin()
        laps.end()
        link.rollback()
        return outcomes

    def _look_ahead(self, unit: Unit, jobs: list[Job], laps: Laps) -> None:
        """All of a batch see one moment, so what they ask for can be asked for at once. Where that fails,
        each runs by itself. The time is that of a unit of its own, ``ahead``."""
        alike: dict[Ahead, list[Job]] = {}
        for job in jobs:
            if job.ahead is not None:
                alike.setdefault(job.ahead, []).append(job)
        try:
            for ahead, several in alike.items():
                if len(several) >= SEVERAL:
                    laps.begin("ahead")
                    ahead(unit, several)
        except BaseException as fault:  # whatever it is, this thread must live
            log.warning("store.ahead_failed %s", type(fault).__name__)
            raise self._lost(fault, began=True) from None

    def _step(self, statement: Callable[[], None]) -> None:
        try:
            statement()
        except Exception as fault:
            raise self._lost(fault, began=True) from None

    def _lost(self, fault: BaseException, *, began: bool, stale: bool = True) -> Lost:
        """Roll back, and see what the fault says about the connection."""
        link = self._link
        if link is not None:
            link.rollback()
            link.judge(fault)
            if not link.usable:
                self._drop()
        broken = stale and link is not None and self._link is None
        if meaning(fault) is Meaning.UNAVAILABLE:
            self._health.failed(self._writes, type(fault).__name__)
        return Lost(fault, again=broken or meaning(fault) is Meaning.AGAIN, began=began)

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    # -- after a failure -----------------------------------------------------------------------------------

    def _after_loss(self, jobs: list[Job], lost: Lost) -> list[Outcome]:
        """One more try for each, alone, when that can help; else all are refused."""
        outcomes: list[Outcome] = []
        if meaning(lost.cause) is Meaning.AGAIN:
            self._stopping.wait(YIELD_SECONDS)
        if lost.again or (lost.began and len(jobs) > 1):
            for number, job in enumerate(jobs):
                try:
                    outcomes += self._transaction([job])
                except Undecided as undecided:
                    outcomes += self._after_doubt([job], undecided)
                except Lost as again:
                    lost = again
                    if not again.began:  # nothing can begin: the rest would wait in vain
                        break
                    outcomes.append((None, _refusal(again.cause)))
                    assert len(outcomes) == number + 1
        missing = len(jobs) - len(outcomes)
        if missing and not lost.began:
            self.away = lost.cause
        outcomes += [(None, _refusal(lost.cause))] * missing
        refused = sum(isinstance(fault, StoreUnavailable) for _, fault in outcomes)
        self._health.answered(refused, 0)
        return outcomes

    def _after_doubt(self, jobs: list[Job], undecided: Undecided) -> list[Outcome]:
        """Run each again as soon as the database answers; what cannot be run again soon stays unknown."""
        self._health.failed(self._writes, "COMMIT without an answer")
        deadline = time.monotonic() + RESOLVE_SECONDS
        outcomes = [self._resolve(job, undecided, deadline) for job in jobs]
        self._health.answered(0, sum(isinstance(fault, OutcomeUnknown) for _, fault in outcomes))
        return outcomes

    def _resolve(self, job: Job, undecided: Undecided, deadline: float) -> Outcome:
        while True:
            try:
                value, fault = self._transaction([job])[0]
            except Undecided as again:  # on SQLite a disk that fails: trying on would take the reads with it
                return None, _unknown(again)
            except Lost:
                if time.monotonic() > deadline or self._stopping.wait(RESOLVE_PAUSE):
                    return None, _unknown(undecided)
                continue
            if fault is not None and is_database_fault(fault):  # its first run may be what it collided with
                return None, _unknown(fault)
            return value, fault


def _outcome(job: Job, unit: Unit) -> Outcome:
    try:
        return job.work(unit), None
    except BaseException as fault:  # whatever it is, this thread must live and `done` must hear of it
        return None, fault


def _refusal(cause: BaseException) -> BaseException:
    if meaning(cause) is Meaning.OWN:
        return cause
    refusal = StoreUnavailable(type(cause).__name__)
    refusal.__cause__ = cause
    return refusal


def _unknown(cause: BaseException) -> OutcomeUnknown:
    unknown = OutcomeUnknown("no answer to COMMIT")
    unknown.__cause__ = cause
    return unknown
