"""A job started by hand, or by a timer instead of the daemon's scheduler (circulation.md 12)."""

from collections.abc import Iterator
from datetime import datetime

from sip2d.jobs.job import Job, Owner
from sip2d.jobs.owners import owners, zone_of
from sip2d.jobs.runner import Outcome, Result, Runner
from sip2d.jobs.schedule import missed, next_after, period
from sip2d.store import job_runs
from sip2d.store.library import Branch, Institution, Library
from sip2d.store.unit import Unit


def chosen(job: Job, library: Library, place: Institution | Branch | None) -> list[Owner | None]:
    """The owners of a job within an institution or branch; empty when the job is not for such a place."""
    found = owners(job, library)
    if place is None:
        return found
    if isinstance(place, Branch):
        return [one for one in found if isinstance(one, Branch) and one.id == place.id]
    return [
        one
        for one in found
        if (isinstance(one, Branch) and one.institution_id == place.id)
        or (isinstance(one, Institution) and one.id == place.id)
    ]


def moments(unit: Unit, job: Job, owner: Owner | None, as_of: datetime) -> list[datetime]:
    """What was missed until ``as_of``, and this moment itself where its period is not among it."""
    library, label = unit.library, job_runs.owner_label(owner, unit.library)
    since = job_runs.last_done(unit, [(job.name, label)]).get((job.name, label))
    zone = zone_of(owner, library)
    found = [] if since is None else missed(job.schedule, zone, since, as_of, job.catch_up)
    periods = {period(job.schedule, zone, at) for at in found}
    return found if period(job.schedule, zone, as_of) in periods else [*found, as_of]


def run(
    runner: Runner, library: Library, job: Job, owner: Owner | None, times: list[datetime]
) -> Iterator[Result]:
    """One after the other, until one fails."""
    for at in times:
        result = runner.run(library, job, owner, at)
        yield result
        if result.outcome not in (Outcome.DONE, Outcome.ALREADY):
            return


def next_run(job: Job, library: Library, now: datetime) -> datetime | None:
    """When it runs next for anybody, in his zone."""
    times = []
    for owner in owners(job, library):
        zone = zone_of(owner, library)
        times.append(next_after(job.schedule, zone, now).astimezone(zone))
    return min(times, default=None)
