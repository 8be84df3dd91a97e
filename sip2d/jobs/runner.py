"""Runs one job for one owner, piece after piece through the store, so that kiosks are served in between.

A run holds the lease of its job and owner, and renews it in every transaction in which it writes: of two
daemons one runs it, and one that was held up so long that the other took over can write nothing more (it is
`LOST`). Its key makes a second run of a period a no-op (GN-5). It begins with the first piece that writes:
what finds nothing to do, as a job that looks every minute mostly does, is one record afterwards. In a dry run
nothing is recorded and no piece stays.
"""

import enum
import logging
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from sip2d.errors import Fault, OutcomeUnknown, StoreUnavailable
from sip2d.jobs.job import Job, Owner, Piece, Run, Tally
from sip2d.jobs.owners import zone_of
from sip2d.jobs.schedule import period
from sip2d.store import job_runs, leases
from sip2d.store.library import Library
from sip2d.store.link import bare
from sip2d.store.unit import CONFLICTS, Unit

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


class _NotOurs(Exception):
    """Another has it (BUSY), or it is done (ALREADY)."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Record(msgspec.Struct, frozen=True):
    """The row of a run that has begun, and the leases it holds: its own first."""

    run_id: int
    leases: tuple[str, ...]


class _Start(msgspec.Struct):
    """One start of a job. ``record`` None: nothing was written yet."""

    run: Run
    place: str
    period: str
    record: _Record | None = None


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
        zone, place = zone_of(owner, library), job_runs.owner_label(owner, library)
        start = _Start(
            Run(job.name, owner, library, as_of, dry_run), place, period(job.schedule, zone, as_of)
        )
        began = self._renewed = self._clock()
        try:
            outcome, error = self._pieces(job, start)
            if not dry_run:
                self._end(start, error)
        except _NotOurs as refused:
            return Result(job.name, place, as_of, refused.outcome)
        took = (self._clock() - began).total_seconds()
        run_id = None if start.record is None else start.record.run_id
        return Result(job.name, place, as_of, outcome, run_id, start.run.tally, took, error)

    def _begin(self, unit: Unit, start: _Start) -> _Record:
        """Take the lease and write the row. Raises `_NotOurs`, which undoes both."""
        job, now = start.run.job, self._clock()
        lease = f"{job}|{start.place}"
        if not leases.acquire(unit, lease, self._holder, now, LEASE):
            raise _NotOurs(Outcome.BUSY)
        run_id = job_runs.begin(unit, job, start.place, start.period, start.run.as_of, now)
        if run_id is None:
            raise _NotOurs(Outcome.ALREADY)
        return _Record(run_id, (lease, *self._held))

    def _pieces(self, job: Job, start: _Start) -> tuple[Outcome, str | None]:
        body = job.body(start.run)
        try:
            piece = next(body)
            while True:
                if self._stopping():
                    raise _Stopped
                value = self._do(piece, start)
                if isinstance(value, Tally):
                    start.run.tally.add(value)
                piece = body.send(value)
        except StopIteration:
            return Outcome.DONE, None
        except _Stopped:
            return Outcome.STOPPED, "stopped; the next start goes on"
        except _NotOurs:
            raise
        except Exception as fault:  # whatever a job does wrong is its own failure, not the daemon's
            if start.record is None and isinstance(fault, StoreUnavailable | OutcomeUnknown):
                raise
            return Outcome.FAILED, told(fault)
        finally:
            body.close()

    def _do(self, piece: Piece[Any], start: _Start) -> Any:
        run, name = start.run, f"job.{start.run.job}"
        if not run.dry_run:
            self._keep(piece, start)

        def work(unit: Unit) -> Any:
            if piece.writes and start.record is not None:
                self._hold(unit, start.record)
            run.library = unit.library
            value = piece.work(unit)
            if piece.writes and run.dry_run:
                raise _Undone(value)
            return value

        try:
            return self._store.call(piece.writes, name, work, LANE)
        except _Undone as undone:
            return undone.value

    def _keep(self, piece: Piece[Any], start: _Start) -> None:
        """The run begins before it writes, and when it has read for long; its lease is kept while it
        reads."""
        late = not piece.writes and self._clock() - self._renewed > LEASE / 4
        record = start.record
        if record is None and (piece.writes or late):
            start.record = self._store.call(True, "job.begin", lambda unit: self._begin(unit, start), LANE)
            self._renewed = self._clock()
        elif record is not None and late:
            self._store.call(True, "job.lease", lambda unit: self._hold(unit, record), LANE)

    def _hold(self, unit: Unit, record: _Record) -> None:
        now = self._clock()
        if not leases.renew(unit, record.leases, self._holder, now, LEASE):
            raise LeaseLost("another has taken over")
        self._renewed = now

    def _end(self, start: _Start, error: str | None) -> None:
        """Record what came of it; where the database is away, the lease runs out and the next start goes
        on."""
        record = start.record
        if record is None:
            start.record = self._note(start, error)
            return
        tally = start.run.tally

        def work(unit: Unit) -> None:
            self._hold(unit, record)
            job_runs.end(unit, record.run_id, self._clock(), tally.counters, tally.report, error)
            leases.release(unit, record.leases[0], self._holder)

        try:
            self._store.call(True, "job.end", work, LANE)
        except (Fault, LeaseLost) as fault:
            log.warning("job.not_recorded job=%s why=%s", start.run.job, told(fault))

    def _note(self, start: _Start, error: str | None) -> _Record | None:
        """What has only read needs no lease of its own, only that nobody else is at it (6 statements less of
        10). Raises `_NotOurs`."""
        run, now = start.run, self._clock()
        lease = f"{run.job}|{start.place}"

        def work(unit: Unit) -> _Record:
            if leases.taken(unit, lease, now):
                raise _NotOurs(Outcome.BUSY)
            if not leases.renew(unit, self._held, self._holder, now, LEASE):
                raise LeaseLost("another has taken over")
            run_id = job_runs.note(
                unit, run.job, start.place, start.period, run.as_of, now, run.tally.counters,
                run.tally.report, error,
            )  # fmt: skip
            if run_id is None:
                raise _NotOurs(Outcome.ALREADY)
            return _Record(run_id, ())

        try:
            return self._store.call(True, "job.end", work, LANE)
        except CONFLICTS:
            raise _NotOurs(Outcome.ALREADY) from None
        except LeaseLost as fault:
            log.warning("job.not_recorded job=%s why=%s", run.job, told(fault))
            return None


def told(fault: BaseException) -> str:
    """A fault for the record: its kind, the first line of what it says and where it was. Never the values of
    a statement, nor a driver's second line: those hold patrons' data.
    """
    cause = bare(fault)
    said = (str(cause).splitlines() or [""])[0]
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if "sip2d" in frame.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(cause).__name__}: {said}"[:LONGEST_ERROR] + where
