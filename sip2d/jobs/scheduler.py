"""The daemon's scheduler: a thread that looks every minute what is due, for every owner in his zone, and runs
it.

Several daemons may have one: who holds the lease of the minute works, the others look again a minute later.
What one of them did not do because it was down is made up by the rule of each job, oldest first, and what is
due at the same moment in the order of the night (circulation.md 12).
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from sip2d.errors import Fault
from sip2d.jobs.job import Job, Owner
from sip2d.jobs.owners import owners, zone_of
from sip2d.jobs.runner import LANE, LEASE, Calls, Outcome, Result, Runner, told
from sip2d.jobs.schedule import missed, next_after
from sip2d.store import job_runs, leases
from sip2d.store.library import Library
from sip2d.store.unit import Unit

MINUTE: Final = 60
NAME: Final = "scheduler"
"""The lease of the minute."""
AGAIN: Final = timedelta(minutes=10)
"""A run that failed is tried again so much later."""

Pair = tuple[str, str]
"""A job and the label of an owner."""

log = logging.getLogger(__name__)


class Due(msgspec.Struct, frozen=True):
    """A run to be made."""

    as_of: datetime
    rank: int
    job: Job
    owner: Owner | None
    pair: Pair


class Scheduler:
    """See the module. `start` and `stop` for the daemon; `tick` is one look at the clock.

    ``told`` hears of every run that was made, on the scheduler's thread; ``known`` once, at the first look,
    when each job last ended well.
    """

    def __init__(
        self,
        store: Calls,
        jobs: Sequence[Job],
        holder: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        told: Callable[[Result], None] = lambda result: None,
        known: Callable[[dict[str, datetime]], None] | None = None,
    ) -> None:
        self._store = store
        self._jobs = tuple(jobs)
        self._holder = holder
        self._clock = clock
        self._told = told
        self._known = known
        self._next: dict[Pair, datetime] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sip2d-jobs", daemon=True)
        self._runner = Runner(store, clock, holder, stopping=self._stopping.is_set, held=(NAME,))

    def start(self) -> None:
        """Look now, then every minute."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the piece at work; does not wait for it."""
        self._stopping.set()

    def stop(self) -> None:
        """The same, and wait: the store may be closed then."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            now = self._clock()
            try:
                self.tick(now)
            except Fault as fault:
                log.warning("jobs.waiting why=%s", told(fault))
            except Exception as fault:  # kiosks go on without jobs; the next minute tries again
                log.error("jobs.tick_failed why=%s", told(fault))
            self._stopping.wait(MINUTE - self._clock().timestamp() % MINUTE)

    def tick(self, now: datetime) -> list[Result]:
        """Run everything that is due at this moment; what was run. Raises StoreUnavailable."""
        library = self._store.call(False, "jobs.library", lambda unit: unit.library)
        if self._known is not None:
            self._known(self._store.call(False, "jobs.last", job_runs.last_success))
            self._known = None
        looked = list(self._looked_at(library, now))
        if not looked or not self._lease(now):
            return []
        try:
            due = self._due(library, looked, now)
            return list(self._run(library, due))
        except Exception:
            for one in looked:  # whatever was not reached is looked at again in a minute
                self._next.pop(one.pair, None)
            raise
        finally:
            self._give_up()

    # -- what is due ---------------------------------------------------------------------------------------

    def _looked_at(self, library: Library, now: datetime) -> Iterator[Due]:
        """Every job and owner whose time, as far as this scheduler knows, has come."""
        for rank, job in enumerate(self._jobs):
            for owner in owners(job, library):
                pair = job.name, job_runs.owner_label(owner, library)
                if self._next.get(pair, now) <= now:
                    yield Due(now, rank, job, owner, pair)

    def _due(self, library: Library, looked: Sequence[Due], now: datetime) -> list[Due]:
        """The runs that are missing, oldest first. Whom nobody has seen before is marked: nothing before is
        made up.
        """
        pairs = [one.pair for one in looked]
        done = self._store.call(False, "jobs.done", lambda unit: job_runs.last_done(unit, pairs))
        new = [pair for pair in pairs if pair not in done]
        if new:
            self._store.call(True, "jobs.first", lambda unit: _mark(unit, new, now), LANE)
        found = []
        for one in looked:
            zone, job = zone_of(one.owner, library), one.job
            self._next[one.pair] = next_after(job.schedule, zone, now)
            since = done.get(one.pair)
            if since is not None:
                times = missed(job.schedule, zone, since, now, job.catch_up)
                found += [msgspec.structs.replace(one, as_of=at) for at in times]
        return sorted(found, key=lambda one: (one.as_of, one.rank))

    # -- running it ----------------------------------------------------------------------------------------

    def _run(self, library: Library, due: Sequence[Due]) -> Iterator[Result]:
        """A job that fails for an owner does not go on to its next period; the others do."""
        behind: set[Pair] = set()
        for one in due:
            if self._stopping.is_set():
                self._next.pop(one.pair, None)
                continue
            if one.pair in behind:
                continue
            result = self._runner.run(library, one.job, one.owner, one.as_of)
            if result.outcome not in (Outcome.DONE, Outcome.ALREADY):
                behind.add(one.pair)
                failed = result.outcome is Outcome.FAILED
                self._next[one.pair] = self._clock() + (AGAIN if failed else timedelta())
            self._hear(result)
            yield result

    def _hear(self, result: Result) -> None:
        if result.outcome is Outcome.FAILED:
            log.error("job.failed job=%s owner=%s as_of=%s why=%s", result.job, result.owner,
                      result.as_of.isoformat(), result.error)  # fmt: skip
        elif result.outcome is Outcome.DONE and result.tally.counters:
            log.info("job.done job=%s owner=%s as_of=%s did=%s", result.job, result.owner,
                     result.as_of.isoformat(), result.tally.counters)  # fmt: skip
        self._told(result)

    # -- the lease of the minute ---------------------------------------------------------------------------

    def _lease(self, now: datetime) -> bool:
        def work(unit: Unit) -> bool:
            return leases.acquire(unit, NAME, self._holder, now, LEASE)

        return self._store.call(True, "jobs.lease", work, LANE)

    def _give_up(self) -> None:
        """A lease that cannot be given up runs out by itself."""
        try:
            self._store.call(True, "jobs.lease", lambda unit: leases.release(unit, NAME, self._holder), LANE)
        except Fault as fault:
            log.warning("jobs.lease_kept why=%s", told(fault))


def _mark(unit: Unit, pairs: Sequence[Pair], now: datetime) -> None:
    for job, owner in pairs:
        job_runs.mark_first(unit, job, owner, now)
