"""What jobs did: one row a run, under a key that says the job, its owner and the period (circulation.md 12).

A run that is DONE is not begun again; one that FAILED, or that stands at RUNNING though nobody holds its
lease, is. The first row of a job and an owner is a mark without a run: nothing before it is made up.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Row, Select, bindparam, func, insert, null, select, tuple_, update

from sip2d.store.library import Branch, Institution, Library
from sip2d.store.statement import hot
from sip2d.store.tables import job_run
from sip2d.store.times import instant, maybe_instant, seconds
from sip2d.store.unit import Unit

FIRST: Final = "first"
"""The period of the mark."""

Line = dict[str, object]

_RUN = job_run.c
_KNOWN = hot(select(_RUN.id, _RUN.status).where(_RUN.key == bindparam("key")), "key")
_ADD = hot(insert(job_run), "job", "owner", "key", "as_of", "started_at", "status", "counters", "report")
_NOTE = hot(
    insert(job_run),
    "job", "owner", "key", "as_of", "started_at", "ended_at", "status", "counters", "report",
    "error",
)  # fmt: skip
_AGAIN = hot(
    update(job_run)
    .where(_RUN.id == bindparam("run"))
    .values(
        as_of=bindparam("moment"), started_at=bindparam("now"), ended_at=null(), status="RUNNING",
        counters="{}", report="[]", error=null(),
    ),
    "moment", "now", "run",
)  # fmt: skip
_END = hot(
    update(job_run)
    .where(_RUN.id == bindparam("run"))
    .values(
        ended_at=bindparam("now"), status=bindparam("state"), counters=bindparam("did"),
        report=bindparam("told"), error=bindparam("why"),
    ),
    "now", "state", "did", "told", "why", "run",
)  # fmt: skip


class JobRun(msgspec.Struct, frozen=True):
    """A row. ``owner`` is the label of an institution or branch, empty for the site."""

    id: int
    job: str
    owner: str
    as_of: datetime
    key: str
    started_at: datetime
    ended_at: datetime | None
    status: str
    counters: dict[str, int]
    report: list[Line]
    error: str | None


def owner_label(owner: Institution | Branch | None, library: Library) -> str:
    """`MAIN`, `MAIN/CENTRAL`, or nothing for the site."""
    if owner is None:
        return ""
    if isinstance(owner, Branch):
        return f"{library.institutions[owner.institution_id].code}/{owner.code}"
    return owner.code


def key_of(job: str, owner: str, period: str) -> str:
    """The unique key of a run."""
    return f"{job}|{owner}|{period}"


def begin(unit: Unit, job: str, owner: str, period: str, as_of: datetime, now: datetime) -> int | None:
    """The row of a run that starts now, or starts again; None: this period is done. Call it under the lease
    of job and owner."""
    key = key_of(job, owner, period)
    known = unit.one(_KNOWN, key)
    if known is None:
        return unit.insert(_ADD, job, owner, key, seconds(as_of), seconds(now), "RUNNING", "{}", "[]")
    run_id, status = known
    if status == "DONE":
        return None
    unit.run(_AGAIN, seconds(as_of), seconds(now), run_id)
    return int(run_id)


def end(
    unit: Unit,
    run_id: int,
    now: datetime,
    counters: dict[str, int],
    report: list[Line],
    error: str | None = None,
) -> None:
    """The run is DONE, or FAILED with an error; what it did until then is recorded either way."""
    status = "DONE" if error is None else "FAILED"
    told = msgspec.json.encode(counters).decode(), msgspec.json.encode(report).decode()
    unit.run(_END, seconds(now), status, *told, error, run_id)


def note(
    unit: Unit, job: str, owner: str, period: str, as_of: datetime, now: datetime, counters: dict[str, int],
    report: list[Line], error: str | None = None,
) -> int | None:  # fmt: skip
    """The row of a run that is over and has changed nothing; None: this period is done. Nobody else may
    have the lease; who began this period meanwhile makes it a conflict."""
    key = key_of(job, owner, period)
    known = unit.one(_KNOWN, key)
    if known is None:
        status = "DONE" if error is None else "FAILED"
        told = msgspec.json.encode(counters).decode(), msgspec.json.encode(report).decode()
        times = seconds(as_of), seconds(now), seconds(now)
        return unit.insert(_NOTE, job, owner, key, *times, status, *told, error)
    run_id, status = known
    if status == "DONE":
        return None
    end(unit, run_id, now, counters, report, error)
    return int(run_id)


def mark_first(unit: Unit, job: str, owner: str, now: datetime) -> None:
    """From this moment on missed periods are made up. Once; call it under a lease."""
    key = key_of(job, owner, FIRST)
    if unit.core.execute(select(job_run.c.id).where(job_run.c.key == key)).first() is None:
        at = seconds(now)
        row = {"as_of": at, "started_at": at, "ended_at": at, "status": "DONE"}
        unit.core.execute(insert(job_run).values(job=job, owner=owner, key=key, **row))


def last_done(unit: Unit, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """The newest moment that is done (or marked), by job and owner; those without any are left out."""
    wanted = list(pairs)
    if not wanted:
        return {}
    rows = unit.core.execute(
        select(job_run.c.job, job_run.c.owner, func.max(job_run.c.as_of))
        .where(tuple_(job_run.c.job, job_run.c.owner).in_(wanted), job_run.c.status == "DONE")
        .group_by(job_run.c.job, job_run.c.owner)
    )
    return {(row[0], row[1]): instant(row[2]) for row in rows}


def last_success(unit: Unit) -> dict[str, datetime]:
    """When each job last ended well, for whomever."""
    real = job_run.c.key.not_like(f"%|{FIRST}")
    rows = unit.core.execute(
        select(job_run.c.job, func.max(job_run.c.ended_at))
        .where(job_run.c.status == "DONE", real)
        .group_by(job_run.c.job)
    )
    return {row[0]: instant(row[1]) for row in rows}


def history(
    unit: Unit, *, job: str | None = None, owners: Iterable[str] | None = None, limit: int = 50
) -> list[JobRun]:
    """The newest runs, newest first; without reports."""
    query = _runs().order_by(job_run.c.started_at.desc(), job_run.c.id.desc()).limit(limit)
    if job is not None:
        query = query.where(job_run.c.job == job)
    if owners is not None:
        query = query.where(job_run.c.owner.in_(list(owners)))
    return [_facts(row) for row in unit.core.execute(query)]


def latest(unit: Unit, owners: Iterable[str] | None = None) -> dict[str, JobRun]:
    """The newest run of each job."""
    newest = select(func.max(job_run.c.id)).where(job_run.c.key.not_like(f"%|{FIRST}"))
    if owners is not None:
        newest = newest.where(job_run.c.owner.in_(list(owners)))
    found = unit.core.execute(_runs().where(job_run.c.id.in_(newest.group_by(job_run.c.job))))
    return {row.job: _facts(row) for row in found}


def by_id(unit: Unit, run_id: int) -> JobRun | None:
    """One run with its report."""
    row = unit.core.execute(select(job_run).where(job_run.c.id == run_id)).first()
    return None if row is None else _facts(row)


def _runs() -> Select[tuple[object, ...]]:
    columns = [column for column in job_run.c if column.name != "report"]
    return select(*columns).where(job_run.c.key.not_like(f"%|{FIRST}"))


def _facts(row: Row[tuple[object, ...]]) -> JobRun:
    values = row._mapping
    return JobRun(
        id=values["id"],
        job=values["job"],
        owner=values["owner"],
        as_of=instant(values["as_of"]),
        key=values["key"],
        started_at=instant(values["started_at"]),
        ended_at=maybe_instant(values["ended_at"]),
        status=values["status"],
        counters=msgspec.json.decode(values["counters"]),
        report=msgspec.json.decode(values.get("report") or "[]"),
        error=values["error"],
    )
