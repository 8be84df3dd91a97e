"""One job of the catalogue, run for an institution of the small library as of a moment."""

from datetime import datetime

from sip2d.jobs.job import Job
from sip2d.jobs.owners import owners
from sip2d.jobs.runner import Outcome, Result, Runner
from sip2d.store import job_runs, tables
from sip2d.store.unit import Unit
from tests.jobs.plans import Clock, everything, library_of
from tests.support.desks import Room


def night(room: Room, job: Job, at: datetime, owner: str = "MAIN", *, dry: bool = False) -> Result:
    """The run for MAIN (a site job has no owner to choose); it must go well."""
    library = library_of(room.store)
    who = next(one for one in owners(job, library) if job_runs.owner_label(one, library) in (owner, ""))
    result = Runner(room.store, Clock(at), "one").run(library, job, who, at, dry_run=dry)
    assert result.outcome is Outcome.DONE, result.error
    return result


def again(room: Room, job: Job, at: datetime) -> None:
    """PT-8, without the help of the run's key: as if nobody had noted it, a second run changes nothing."""

    def forget(unit: Unit) -> None:
        unit.core.execute(tables.job_run.delete())

    room.do(forget)
    before = everything(room.store)
    result = night(room, job, at)
    after = everything(room.store)
    assert {name for name in after if after[name] != before[name]} == {"job_run"}, result.tally


def dry(room: Room, job: Job, at: datetime) -> Result:
    """What would happen; nothing does."""
    before = everything(room.store)
    result = night(room, job, at, dry=True)
    assert everything(room.store) == before
    return result
