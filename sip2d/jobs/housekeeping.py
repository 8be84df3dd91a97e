"""JB-14: entries that were made for a time are disabled when it is over (CN-12); what nobody can ask for any
more is deleted.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sip2d.jobs.job import Job, Pieces, Run, Tally, write
from sip2d.policy.setting_names import settings_of
from sip2d.store import audit, epoch, pruning, records
from sip2d.store.tables import terminal
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Unit

ROWS: Final = 500
"""Rows a piece deletes."""
JOURNAL_SLACK: Final = timedelta(days=2)
"""Beyond what a kiosk may send late (SP-22)."""
SESSIONS: Final = timedelta(days=400)
REFUSALS: Final = timedelta(days=90)
LEASES: Final = timedelta(days=1)
SNAPSHOTS: Final = timedelta(days=8)
IDLE_RUNS: Final = timedelta(days=2)
RUNS: Final = timedelta(days=400)

Delete = Callable[[Unit, datetime, int], int]


def tidy(run: Run) -> Pieces:
    """The whole site, in one night."""
    yield write(partial(_disable, run=run))
    late = max(
        (settings_of(owner.settings, owner.decimals).offline_max_age_days for owner in run.institutions),
        default=0,
    )
    kept: tuple[tuple[str, Delete, timedelta], ...] = (
        ("journal", pruning.journal_rows, timedelta(days=late) + JOURNAL_SLACK),
        ("sessions", pruning.sessions, SESSIONS),
        ("refused_addresses", pruning.refusals, REFUSALS),
        ("leases", pruning.leases, LEASES),
        ("snapshots", lambda unit, before, limit: pruning.snapshots(unit, before.date(), limit), SNAPSHOTS),
        ("idle_runs", pruning.idle_runs, IDLE_RUNS),
        ("runs", pruning.runs, RUNS),
    )
    for name, delete, span in kept:
        yield from _prune(run, name, delete, run.as_of - span)


def _prune(run: Run, name: str, delete: Delete, before: datetime) -> Pieces:
    done = ROWS
    while done == ROWS:
        done = yield write(lambda unit: delete(unit, before, ROWS))
        if done:
            run.tally.count(name, done)
        if run.dry_run:  # the same rows would be found for ever
            return


def _disable(unit: Unit, *, run: Run) -> Tally:
    """Terminals past their date (CN-12); the gate has refused them since (CN-7)."""
    tally = Tally()
    now = seconds(run.as_of)
    for row in records.rows(unit, terminal, removed_at=None, enabled=1):
        if row["expires_at"] is None or row["expires_at"] > now:
            continue
        records.change(unit, terminal, {"enabled": 0}, id=row["id"])
        audit.audit(
            unit, f"job:{run.job}", "terminal", row["id"], "disable", {"enabled": 1}, {"enabled": 0},
            now=run.as_of, branch_id=row["branch_id"],
        )  # fmt: skip
        tally.count("terminals_disabled")
        tally.tell(terminal=row["name"], expired_at=instant(row["expires_at"]).isoformat())
    if tally.counters:
        epoch.bump(unit)
    return tally


JOB: Final = Job(
    name="housekeeping",
    code="JB-14",
    title="Disable terminals past their date, delete what nobody can ask for any more",
    schedule="10 0 * * *",
    per="site",
    catch_up="last",
    body=tidy,
)
