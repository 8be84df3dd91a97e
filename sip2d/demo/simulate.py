"""Lives through days of a town: traffic at the counters, the jobs of every night, and the books checked each
morning (issue 3, 2.3).

The jobs are those of the daemon, run at their own times. What runs by the hour runs when there is something
to tell of: after the night and after each busy hour; what runs by the minute, once a day, when all is done.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.demo import town
from sip2d.demo.staffroom import Staffroom
from sip2d.demo.town import Town
from sip2d.demo.traffic import HOURS, Traffic
from sip2d.jobs.catalogue import JOBS
from sip2d.jobs.job import Job, Owner
from sip2d.jobs.owners import owners, zone_of
from sip2d.jobs.runner import Outcome, Result, Runner
from sip2d.jobs.schedule import instants
from sip2d.store import books
from sip2d.store.executor import Store
from sip2d.store.library import Library

ZONE: Final = ZoneInfo("Europe/Paris")
NIGHT: Final = timedelta(hours=9)
"""From midnight to the first visitor."""
TELLING: Final = (1, *(hour + 1 for hour in HOURS))
"""The hours in which hourly jobs have something to tell of."""
STAFF: Final = time(16, 30)
CLOSING: Final = time(18, 40)


class Broken(Exception):
    """The books do not agree, or a job failed; one sentence each."""


class Year(msgspec.Struct):
    """What happened: visits by what came of them, and what each job counted."""

    days: int = 0
    visits: Counter[str] = msgspec.field(default_factory=Counter)
    jobs: dict[str, Counter[str]] = msgspec.field(default_factory=dict)


class Simulation:
    """See the module. ``wake`` is called each morning, between the jobs of the night and the first visitor,
    ``hear`` after each day. The books are audited every ``audit`` days, and on the last.
    """

    def __init__(
        self,
        store: Store,
        size: Town,
        *,
        seed: int = 1,
        visits: int = 60,
        jobs: tuple[Job, ...] = JOBS,
        audit: int = 1,
        wake: Callable[[date], None] = lambda day: None,
        hear: Callable[[date, Year], None] = lambda day, year: None,
    ) -> None:
        self._store = store
        self._size = size
        self._jobs = jobs
        self._audit = audit
        self._wake = wake
        self._hear = hear
        self._clock = datetime(1970, 1, 1, tzinfo=UTC)
        self._runner = Runner(store, lambda: self._clock, "simulation")
        self._traffic = Traffic(store, size, seed, visits)
        self._staff = Staffroom(store, size, seed, self._traffic.did)
        self.year = Year(visits=self._traffic.did)

    def live(self, start: date, days: int) -> Year:
        """Build the town on the eve of ``start`` and live so many days. Raises `Broken`."""
        self._clock = _local(start, time(0)) - timedelta(hours=12)
        town.build(self._store, self._size, self._clock)
        for number in range(days):
            day = start + timedelta(days=number)
            for result in self.night(day):
                self._count(result)
            if number % self._audit == 0 or number == days - 1:
                self._check(day)
            self._wake(day)
            self._daytime(number, day)
            self.year.days = number + 1
            self._hear(day, self.year)
        return self.year

    def night(self, day: date) -> list[Result]:
        """The jobs of the night that the day begins with, in their order. Raises `Broken`."""
        library = self._library()
        midnight = _local(day, time(0))
        return [self._run(library, job, owner, as_of) for job, owner, as_of in self._night(library, midnight)]

    def _daytime(self, number: int, day: date) -> None:
        library = self._library()
        places = [
            one for one in library.branches.values() if library.institutions[one.institution_id].enabled
        ]
        self._hourly(library, day, TELLING[:1])
        self._traffic.day(number, day, places)
        self._staff.day(number, _local(day, STAFF))
        self._hourly(library, day, TELLING[1:])
        closing = _local(day, CLOSING)
        for job in self._jobs:
            if job.schedule.split()[0] == "*":
                for owner in owners(job, library):
                    self._count(self._run(library, job, owner, closing))

    def _night(self, library: Library, midnight: datetime) -> list[tuple[Job, Owner | None, datetime]]:
        """The daily jobs in the order of their times, those of one time in the order of the night."""
        found = [
            (as_of, rank, job, owner)
            for rank, job in enumerate(self._jobs)
            if job.schedule.split()[1].isdigit()
            for owner in owners(job, library)
            for as_of in instants(
                job.schedule, zone_of(owner, library), midnight - timedelta(seconds=1), midnight + NIGHT
            )
        ]
        found.sort(key=lambda one: one[:2])
        return [(job, owner, as_of) for as_of, _, job, owner in found]

    def _hourly(self, library: Library, day: date, hours: tuple[int, ...]) -> None:
        """A job of which one run makes up for those before it (`last`) runs in the last hour only."""
        for hour in hours:
            since = _local(day, time(hour)) - timedelta(seconds=1)
            for job in self._jobs:
                minute, of_hour = job.schedule.split()[:2]
                telling = TELLING[-1:] if job.catch_up == "last" else TELLING
                if minute.isdigit() and of_hour == "*" and hour in telling:
                    for owner in owners(job, library):
                        for as_of in _within_the_hour(job, owner, library, since):
                            self._count(self._run(library, job, owner, as_of))

    def _run(self, library: Library, job: Job, owner: Owner | None, as_of: datetime) -> Result:
        self._clock = as_of
        result = self._runner.run(library, job, owner, as_of)
        if result.outcome is not Outcome.DONE:
            place = result.owner or "the site"
            raise Broken(f"{job.name} for {place} at {as_of}: {result.outcome} {result.error or ''}".strip())
        return result

    def _count(self, result: Result) -> None:
        self.year.jobs.setdefault(result.job, Counter()).update(result.tally.counters)

    def _check(self, day: date) -> None:
        found = self._store.call(False, "simulate.check", lambda unit: books.findings(unit.core))
        if found:
            raise Broken(f"On the morning of {day}: {' '.join(found)}")

    def _library(self) -> Library:
        return self._store.call(False, "simulate.library", lambda unit: unit.library)


def _within_the_hour(job: Job, owner: Owner | None, library: Library, since: datetime) -> Iterator[datetime]:
    return instants(job.schedule, zone_of(owner, library), since, since + timedelta(hours=1))


def _local(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, ZONE).astimezone(UTC)
