"""`sip2d jobs`: what runs at night, what came of it, and a run by hand (circulation.md 12)."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sip2d.cli import exits
from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import INSTANT, Branch, Limit, moment
from sip2d.cli.show import Format, Record

if TYPE_CHECKING:
    from sip2d.desk.staff.work import Work
    from sip2d.jobs.job import Job, Owner
    from sip2d.jobs.runner import Result
    from sip2d.store import library as places
    from sip2d.store.executor import Store

app = group("Jobs: fines, losses, blocks, notices, snapshots; by the daemon, or by hand.")

Name = Annotated[str, typer.Argument(help="A job's name or code: `sip2d jobs list` has them.")]
Every = Annotated[str | None, typer.Option("--institution", help="Institution code [default: all].")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        parser=moment,
        metavar=INSTANT,
        help="A date means its run [default: now, and what was missed].",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


@command(app, "list")
def list_(caller: Caller) -> None:
    """List the jobs in the order of a night, with their last run and their next."""
    from sip2d.desk.staff import job_runs
    from sip2d.jobs import catalogue, manual

    def work(work: "Work") -> list[Record]:
        latest = job_runs.latest(work)
        rows: list[Record] = []
        for job in catalogue.JOBS:
            last = latest.get(job.name)
            ended = None if last is None else last.ended_at
            rows.append(
                {
                    "code": job.code, "job": job.name, "does": job.title, "schedule": job.schedule,
                    "per": job.per, "last_run": last and last.started_at.isoformat(),
                    "result": last and last.status,
                    "seconds": last and ended and int((ended - last.started_at).total_seconds()),
                    "next_run": _said(manual.next_run(job, work.library, caller.now)),
                }
            )  # fmt: skip
        return rows

    caller.show(caller.read("jobs.list", work))


@command(app, "history")
def history(
    caller: Caller,
    job: Annotated[str | None, typer.Argument(help="Only of this job.")] = None,
    institution: Every = None,
    limit: Limit = 50,
) -> None:
    """List the newest runs."""
    from sip2d.desk.staff import job_runs

    name = None if job is None else _job(job).name
    caller.show(
        caller.read(
            "jobs.history",
            lambda work: job_runs.history(work, job=name, institution_code=institution, limit=limit),
        )
    )


@command(app, "report")
def report(
    caller: Caller, run_id: Annotated[int, typer.Argument(help="A run, as `jobs history` lists them.")]
) -> None:
    """Show what a run did, line by line: renewals, losses, removed blocks (BL-56)."""
    from sip2d.desk.staff import job_runs

    caller.show(caller.read("jobs.report", lambda work: job_runs.report(work, run_id)))


@command(app, "run")
def run(
    caller: Caller,
    job: Name,
    as_of: AsOf = None,
    institution: Every = None,
    branch: Branch = None,
    dry_run: DryRun = False,
) -> None:
    """Run a job now, and what was missed before; nothing is done twice. Exit code 1: a run failed."""
    from sip2d.compose import all_jobs, post_office

    name = _job(job).name
    found = next(one for one in all_jobs(post_office(caller.settings())) if one.name == name)
    owners = _permitted(caller, found, institution, branch, dry_run=dry_run)
    with caller.store() as store:
        library = store.call(False, "jobs.library", lambda unit: unit.library)
        results = [
            result
            for owner in owners
            for result in _runs(caller, store, library, found, owner, as_of, dry_run=dry_run)
        ]
    _show(caller, results, dry_run=dry_run)
    if any(result.error is not None for result in results):
        raise typer.Exit(exits.SOME_FAILED)


def _permitted(
    caller: Caller, job: "Job", institution: str | None, branch: str | None, *, dry_run: bool
) -> list["Owner | None"]:
    """For whom to run it, as far as this person may (GN-8)."""
    from sip2d.desk.staff import find, job_runs
    from sip2d.desk.staff.work import Refused
    from sip2d.jobs import manual

    def work(work: "Work") -> list["Owner | None"]:
        own = work.staff.institution_id
        place: places.Institution | places.Branch | None = None
        if branch is not None:
            place = find.branch(work, branch)
        elif institution is not None or own is not None:
            place = find.institution(work, institution)
        owners = manual.chosen(job, work.library, place)
        if not owners:
            where = "the whole site" if job.per == "site" else f"each {job.per}"
            raise Refused(f"The job {job.name} runs for {where}, not for this place.")
        for owner in owners:
            job_runs.may_run(work, job.name, owner, dry_run=dry_run)
        return owners

    return caller.read("jobs.run", work) if dry_run else caller.write("jobs.run", work)


def _runs(
    caller: Caller,
    store: "Store",
    library: "places.Library",
    job: "Job",
    owner: "Owner | None",
    as_of: str | None,
    *,
    dry_run: bool,
) -> list["Result"]:
    from sip2d.desk.staff.work import Refused
    from sip2d.jobs import manual
    from sip2d.jobs.holder import this_process
    from sip2d.jobs.runner import Runner

    at = caller.now if as_of is None else _moment(as_of, job, owner, library)
    if at > caller.now and not dry_run:
        raise Refused(f"{at.isoformat()} has not come yet: only a --dry-run looks ahead.")
    runner = Runner(store, lambda: datetime.now(UTC), this_process())
    if dry_run:  # of the moment alone: it would see nothing of what those before it do
        return [runner.run(library, job, owner, at, dry_run=True)]
    times = store.call(False, "jobs.done", lambda unit: manual.moments(unit, job, owner, at))
    return list(manual.run(runner, library, job, owner, times))


def _moment(text: str, job: "Job", owner: "Owner | None", library: "places.Library") -> datetime:
    """An instant; of a date the moment at which the job runs on it."""
    from sip2d.desk.staff.said import first_of, last_of
    from sip2d.jobs.owners import zone_of
    from sip2d.jobs.schedule import instants

    zone = zone_of(owner, library)
    first, last = first_of(text, zone), last_of(text, zone)
    if first == last:
        return first
    midnight = first - timedelta(seconds=1)
    return next(instants(job.schedule, zone, midnight, last), midnight).astimezone(UTC)


def _show(caller: Caller, results: list["Result"], *, dry_run: bool) -> None:
    """The runs; of a dry run the lines too, for it has no report to ask for."""
    from sip2d.desk.staff.job_runs import lines

    runs = [_row(result) for result in results]
    told: list[Any] = [line for result in results for line in result.tally.report]
    if dry_run and told and caller.form is not Format.CSV:
        caller.show({"runs": runs, "lines": lines(told)})
    else:
        caller.show(runs)


def _row(result: "Result") -> Record:
    return {
        "job": result.job,
        "for": result.owner,
        "as_of": result.as_of.isoformat(),
        "result": result.outcome.value,
        "run": result.run_id,
        "did": result.tally.counters,
        "seconds": round(result.seconds, 3),
        "error": result.error,
    }


def _job(name: str) -> "Job":
    from sip2d.desk.staff import find
    from sip2d.jobs import catalogue

    found = catalogue.find(name)
    if found is None:
        raise find.missing("job", name, [job.name for job in catalogue.JOBS])
    return found


def _said(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
