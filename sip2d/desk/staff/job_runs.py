"""What jobs did, and who may start one by hand (GN-8): history, the report of a run (BL-56)."""

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import audit, job_runs
from sip2d.store.job_runs import JobRun
from sip2d.store.library import Branch, Institution
from sip2d.store.records import Record


def history(
    work: Work, *, job: str | None = None, institution_code: str | None = None, limit: int = 50
) -> list[Record]:
    """The newest runs, newest first; of an institution with its branches, or of all that this person sees."""
    labels = _labels(work, institution_code)
    return [_shown(run) for run in job_runs.history(work.unit, job=job, owners=labels, limit=limit)]


def latest(work: Work) -> dict[str, JobRun]:
    """The newest run of each job, as far as this person sees."""
    return job_runs.latest(work.unit, _labels(work, None))


def report(work: Work, run_id: int) -> list[Record]:
    """The lines of a run's report, all with the same columns."""
    run = job_runs.by_id(work.unit, run_id)
    labels = _labels(work, None)
    if run is None or (labels is not None and run.owner not in labels):
        raise Refused(f"There is no run {run_id}: `sip2d jobs history` lists them.")
    return lines(run.report)


def lines(report: list[Record]) -> list[Record]:
    """The lines of a report, all with the same columns."""
    names = dict.fromkeys(name for line in report for name in line)
    return [{name: line.get(name) for name in names} for line in report]


def may_run(work: Work, job: str, owner: Institution | Branch | None, *, dry_run: bool) -> None:
    """Raises Denied unless this person may start jobs there; recorded, unless it is only tried."""
    branch = owner if isinstance(owner, Branch) else None
    institution_id = owner.institution_id if isinstance(owner, Branch) else owner.id if owner else None
    work.require(Act.RUN_JOBS, institution_id, None if branch is None else branch.id)
    if not dry_run:
        label = job_runs.owner_label(owner, work.library)
        audit.audit(
            work.unit, work.staff.login, "job", f"{job}|{label}", "run", now=work.now, role=work.role,
            branch_id=None if branch is None else branch.id,
        )  # fmt: skip


def _labels(work: Work, institution_code: str | None) -> list[str] | None:
    """Whose runs: None is everybody's."""
    if institution_code is None and work.staff.institution_id is None:
        work.require(Act.SEE)
        return None
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    places: list[Institution | Branch] = [owner]
    places += [one for one in work.library.branches.values() if one.institution_id == owner.id]
    return [job_runs.owner_label(one, work.library) for one in places]


def _shown(run: JobRun) -> Record:
    took = None if run.ended_at is None else int((run.ended_at - run.started_at).total_seconds())
    return {
        "run": run.id,
        "job": run.job,
        "for": run.owner,
        "as_of": run.as_of.isoformat(),
        "started_at": run.started_at.isoformat(),
        "seconds": took,
        "result": run.status,
        "did": run.counters,
        "error": run.error,
    }
