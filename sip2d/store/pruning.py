"""What grows without end and is of no use any more (JB-14): deleted a few rows at a time, oldest first.

The ledger, the audit log, loans and notices are not here: those are kept.
"""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Table, delete, func, select, tuple_

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


def journal_rows(unit: Unit, before: datetime, limit: int) -> int:
    """Recorded answers (SP-21) that no repeat can ask for any more; how many rows went."""
    return _oldest(unit, journal, journal.c.recorded_at < seconds(before), journal.c.recorded_at, limit)


def sessions(unit: Unit, before: datetime, limit: int) -> int:
    """Connections that ended before, of the first ``limit`` rows: they end about in the order of their
    ids."""
    of = session_log.c
    first = select(of.id, of.closed_at).order_by(of.id).limit(limit).subquery()
    old = select(first.c.id).where(first.c.closed_at < seconds(before))
    return int(unit.core.execute(delete(session_log).where(of.id.in_(old))).rowcount)


def refusals(unit: Unit, before: datetime, limit: int) -> int:
    """Addresses that were turned away and have not come again since (CN-7)."""
    table = refused_address
    return _oldest(unit, table, table.c.last_at < seconds(before), table.c.last_at, limit)


def leases(unit: Unit, before: datetime, limit: int) -> int:
    """Leases that ran out and were not taken by anybody since."""
    return _oldest(unit, job_lease, job_lease.c.until < seconds(before), job_lease.c.until, limit)


def snapshots(unit: Unit, before: date, limit: int) -> int:
    """Snapshots of days before (BR-26)."""
    table = item_status_snapshot
    return _oldest(unit, table, table.c.as_of < before.isoformat(), table.c.as_of, limit)


def idle_runs(unit: Unit, before: datetime, limit: int) -> int:
    """Runs that had nothing to do: a job that looks every minute makes 1,440 a day."""
    return _runs(unit, before, limit, (job_run.c.counters == "{}") & (job_run.c.status == "DONE"))


def runs(unit: Unit, before: datetime, limit: int) -> int:
    """All runs of long ago."""
    return _runs(unit, before, limit, job_run.c.status != "RUNNING")


def _runs(unit: Unit, before: datetime, limit: int, which: ColumnElement[bool]) -> int:
    """Never the newest of a job and an owner: what was missed is counted from it."""
    newest = (
        select(job_run.c.job, job_run.c.owner, func.max(job_run.c.as_of))
        .where(job_run.c.status == "DONE")
        .group_by(job_run.c.job, job_run.c.owner)
    )
    mark = tuple_(job_run.c.job, job_run.c.owner, job_run.c.as_of)
    old = job_run.c.as_of < seconds(before)
    return _oldest(unit, job_run, which & old & mark.not_in(newest), job_run.c.id, limit)


def _oldest(
    unit: Unit, table: Table, which: ColumnElement[bool], by: ColumnElement[object], limit: int
) -> int:
    keys = list(table.primary_key.columns)
    key = keys[0] if len(keys) == 1 else tuple_(*keys)
    chosen = select(*keys).where(which).order_by(by).limit(limit)
    return int(unit.core.execute(delete(table).where(key.in_(chosen))).rowcount)
