"""What grows without end and is of no use any more (JB-14): deleted a few rows at a time, oldest first.

The ledger, the audit log, loans and notices are not here: those are kept.
"""

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Table, bindparam, delete, func, select, tuple_

from sip2d.store.statement import Statement, hot
from sip2d.store.tables import (
    item_status_snapshot,
    job_lease,
    job_run,
    journal,
    refused_address,
    session_log,
)
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

_BEFORE: Final[BindParameter[Any]] = bindparam("before")


def _oldest(table: Table, which: ColumnElement[bool], by: ColumnElement[Any]) -> Statement:
    """Deletes the first rows of these."""
    keys = list(table.primary_key.columns)
    key = keys[0] if len(keys) == 1 else tuple_(*keys)
    chosen = select(*keys).where(which).order_by(by).limit(bindparam("most"))
    return hot(delete(table).where(key.in_(chosen)), "before", "most")


def _runs(which: ColumnElement[bool]) -> Statement:
    """Never the newest of a job and an owner: what was missed is counted from it."""
    newest = (
        select(job_run.c.job, job_run.c.owner, func.max(job_run.c.as_of))
        .where(job_run.c.status == "DONE")
        .group_by(job_run.c.job, job_run.c.owner)
    )
    mark = tuple_(job_run.c.job, job_run.c.owner, job_run.c.as_of)
    return _oldest(job_run, which & (job_run.c.as_of < _BEFORE) & mark.not_in(newest), job_run.c.id)


_SNAPSHOT = item_status_snapshot.c
_JOURNAL: Final = _oldest(journal, journal.c.recorded_at < _BEFORE, journal.c.recorded_at)
_REFUSALS: Final = _oldest(refused_address, refused_address.c.last_at < _BEFORE, refused_address.c.last_at)
_LEASES: Final = _oldest(job_lease, job_lease.c.until < _BEFORE, job_lease.c.until)
_SNAPSHOTS: Final = _oldest(item_status_snapshot, _SNAPSHOT.as_of < _BEFORE, _SNAPSHOT.as_of)
_IDLE_RUNS: Final = _runs((job_run.c.counters == "{}") & (job_run.c.status == "DONE"))
_RUNS: Final = _runs(job_run.c.status != "RUNNING")
_FIRST: Final = (
    select(session_log.c.id, session_log.c.closed_at)
    .order_by(session_log.c.id)
    .limit(bindparam("most"))
    .subquery()
)
_SESSIONS: Final = hot(
    delete(session_log).where(
        session_log.c.id.in_(select(_FIRST.c.id).where(_FIRST.c.closed_at < _BEFORE))
    ),
    "before", "most",
)  # fmt: skip


def journal_rows(unit: Unit, before: datetime, limit: int) -> int:
    """Recorded answers (SP-21) that no repeat can ask for any more; how many rows went."""
    return unit.run(_JOURNAL, seconds(before), limit)


def sessions(unit: Unit, before: datetime, limit: int) -> int:
    """Connections that ended before, of the first ``limit`` rows: they end about in the order of their
    ids."""
    return unit.run(_SESSIONS, seconds(before), limit)


def refusals(unit: Unit, before: datetime, limit: int) -> int:
    """Addresses that were turned away and have not come again since (CN-7)."""
    return unit.run(_REFUSALS, seconds(before), limit)


def leases(unit: Unit, before: datetime, limit: int) -> int:
    """Leases that ran out and were not taken by anybody since."""
    return unit.run(_LEASES, seconds(before), limit)


def snapshots(unit: Unit, before: date, limit: int) -> int:
    """Snapshots of days before (BR-26)."""
    return unit.run(_SNAPSHOTS, before.isoformat(), limit)


def idle_runs(unit: Unit, before: datetime, limit: int) -> int:
    """Runs that had nothing to do: a job that looks every minute makes 1,440 a day."""
    return unit.run(_IDLE_RUNS, seconds(before), limit)


def runs(unit: Unit, before: datetime, limit: int) -> int:
    """All runs of long ago."""
    return unit.run(_RUNS, seconds(before), limit)
