"""Runs one job for one owner, piece after piece through the store, so that kiosks are served in between.

A run holds the lease of its job and owner, and renews it in every transaction in which it writes: of two
daemons one runs it, and one that was held up so long that the other took over can write nothing more (it is
`LOST`). Its key makes a second run of a period a no-op (GN-5). In a dry run nothing is recorded and no piece
stays.
"""

import enum
import logging
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from sip2d.errors import Fault
from sip2d.jobs.job import Job, Owner, Piece, Run, Tally
from sip2d.jobs.owners import zone_of
from sip2d.jobs.schedule import period
from sip2d.store import job_runs, leases
from sip2d.store.library import Library
from sip2d.store.link import bare
from sip2d.store.unit import Unit

T = TypeVar("T")

LEASE: Final = timedelta(seconds=120)
"""A piece is far shorter; after a crash another daemon goes on so much later."""
LANE: Final = -1
"""Where there are several writers (PostgreSQL) all pieces go to the same one."""
LONGEST_ERROR: Final = 300

log = logging.getLogger(__name__)


class Calls(Protocol):
    """The part of the store that runs pieces."""

    def call(self, writes: bool, name: str, work: Callable[[Unit], T], lane: int = 0) -> T: ...


class Outcome(enum.StrEnum):
    """What became of a start."""

    DONE = "DONE"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    BUSY = "BUSY"
    ALREADY = "ALREADY"


class Result(msgspec.Struct, frozen=True):
    """The outcome with its figures. BUSY: another has the lease; ALREADY: this period is done. STOPPED and
    FAILED go on with the next start. ``run_id`` is None where nothing was recorded.
    """

    job: str
    owner: str
    as_of: datetime
    outcome: Outcome
    run_id: int | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    seconds: float = 0.0
    error: str | None = None


class _Undone(Exception):
    """Rolls a piece of a dry run back and brings its value out."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


class LeaseLost(Exception):
    """Another runs this job now; the piece was rolled back."""


class _Stopped(Exception):
    """The runner was asked to stop."""


class _Started(msgspec.Struct, frozen=True):
    """A run that has begun. Without ``leases`` it is a dry run."""

    name: str
    leases: tuple[str, ...] = ()
    run_id: int | None = None


class Runner:
    """``holder`` names this process in leases. ``stopping`` is asked before every piece. ``held`` are leases
    of the caller that must stay his as long as the job runs.
    """

    def __init__(
        self,
        store: Calls,
        clock: Callable[[], datetime],
        holder: str,
        *,
        stopping: Callable[[], bool] = lambda: False,
        held: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._holder = holder
        self._stopping = stopping
        self._held = tuple(held)
        self._renewed = clock()

    def run(
        self, library: Library, job: Job, owner: Owner | None, as_of: datetime, *, dry_run: bool = False
    ) -> Result:
        """Run it now for the moment ``as_of``. StoreUnavailable: not even the start could be recorded."""
        run = Run(job.name, owner, library, as_of, dry_run)
        began = self._clock()
        if dry_run:
            started: _Started | Outcome = _Started(f"job.{job.name}")
        else:
            started = self._begin(job, owner, as_of, period(job.schedule, zone_of(owner, library), as_of))
        if isinstance(started, Outcome):
            return Result(job.name, job_runs.owner_label(owner, library), as_of, started)
        outcome, error = self._pieces(job, run, started)
        if not dry_run:
            self._end(started, run, error)
        took = (self._clock() - began).total_seconds()
        place = job_runs.owner_label(owner, library)
        return Result(job.name, place, as_of, outcome, started.run_id, run.tally, took, error)

    def _begin(self, job: Job, owner: Owner | None, as_of: datetime, of: str) -> _Started | Outcome:
        def work(unit: Unit) -> _Started | Outcome:
            place = job_runs.owner_label(owner, unit.library)
            lease, now = f"{job.name}|{place}", self._clock()
            if not leases.acquire(unit, lease, self._holder, now, LEASE):
                return Outcome.BUSY
            run_id = job_runs.begin(unit, job.name, place, of, as_of, now)
            if run_id is None:
                leases.release(unit, lease, self._holder)
                return Outcome.ALREADY
            return _Started(f"job.{job.name}", (lease, *self._held), run_id)

        self._renewed = self._clock()
        return self._store.call(True, "job.begin", work, LANE)

    def _pieces(self, job: Job, run: Run, started: _Started) -> tuple[Outcome, str | None]:
        body = job.body(run)
        try:
            piece = next(body)
            while True:
                if self._stopping():
                    raise _Stopped
                value = self._do(piece, run, started)
                if isinstance(value, Tally):
                    run.tally.add(value)
                piece = body.send(value)
        except StopIteration:
            return Outcome.DONE, None
        except _Stopped:
            return Outcome.STOPPED, "stopped; the next start goes on"
        except Exception as fault:  # whatever a job does wrong is its own failure, not the daemon's
            return Outcome.FAILED, told(fault)
        finally:
            body.close()

    def _do(self, piece: Piece[Any], run: Run, started: _Started) -> Any:
        dry = not started.leases

        def work(unit: Unit) -> Any:
            if piece.writes and not dry:
                self._hold(unit, started)
            run.library = unit.library
            value = piece.work(unit)
            if piece.writes and dry:
                raise _Undone(value)
            return value

        if not piece.writes and not dry and self._clock() - self._renewed > LEASE / 4:
            self._store.call(True, "job.lease", lambda unit: self._hold(unit, started), LANE)
        try:
            return self._store.call(piece.writes, started.name, work, LANE)
        except _Undone as undone:
            return undone.value

    def _hold(self, unit: Unit, started: _Started) -> None:
        now = self._clock()
        if not leases.renew(unit, started.leases, self._holder, now, LEASE):
            raise LeaseLost("another has taken over")
        self._renewed = now

    def _end(self, started: _Started, run: Run, error: str | None) -> None:
        """Record what came of it; where the database is away, the lease runs out and the next start goes
        on."""
        assert started.run_id is not None
        run_id = started.run_id

        def work(unit: Unit) -> None:
            self._hold(unit, started)
            job_runs.end(unit, run_id, self._clock(), run.tally.counters, run.tally.report, error)
            leases.release(unit, started.leases[0], self._holder)

        try:
            self._store.call(True, "job.end", work, LANE)
        except (Fault, LeaseLost) as fault:
            log.warning("job.not_recorded job=%s why=%s", run.job, told(fault))


def told(fault: BaseException) -> str:
    """A fault for the record: its kind, the first line of what it says and where it was. Never the values of
    a statement, nor a driver's second line: those hold patrons' data.
    """
    cause = bare(fault)
    said = (str(cause).splitlines() or [""])[0]
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if "sip2d" in frame.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(cause).__name__}: {said}"[:LONGEST_ERROR] + where
