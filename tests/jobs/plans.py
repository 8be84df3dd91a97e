"""Jobs of the tests' own, a clock they turn, and a digest of everything in a database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

from sqlalchemy import select

from sip2d.jobs.job import Job, Pieces, Run, Tally, write
from sip2d.store import audit, tables
from sip2d.store.executor import Store
from sip2d.store.library import Library
from sip2d.store.unit import Unit

EVENING = datetime(2026, 3, 9, 18, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: datetime = EVENING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> datetime:
        """Later by so much."""
        self.now += timedelta(**span)
        return self.now


def noted(unit: Unit, *, run: Run, step: int) -> Tally:
    """One piece's work: an audit row under a key, once."""
    tally = Tally()
    key = f"{run.job}-{step}-{run.as_of.date()}"
    if audit.last(unit, "step", key) == 0:
        audit.audit(unit, f"job:{run.job}", "step", key, "note", now=run.as_of)
        tally.count("noted")
        tally.tell(step=step)
    else:
        tally.count("known")
    return tally


def noting(
    name: str = "noting",
    *,
    pieces: int = 3,
    schedule: str = "30 0 * * *",
    per: Literal["branch", "institution", "site"] = "institution",
    catch_up: Literal["all", "last", "today"] = "all",
    between: Callable[[Run, int], None] = lambda run, step: None,
) -> Job:
    """A job of some pieces that each write one audit row; ``between`` is called before each."""

    def body(run: Run) -> Pieces:
        for step in range(pieces):
            between(run, step)
            yield write(partial(noted, run=run, step=step))

    return Job(name, "JB-0", "Notes", schedule, per, catch_up, body)


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with store.unit("digest", writes=False) as unit:
        return {
            name: [tuple(row) for row in unit.core.execute(select(table).order_by(*table.columns))]
            for name, table in tables.metadata.tables.items()
        }


def steps(store: Store) -> list[str]:
    """The keys that `noting` wrote, in order."""
    with store.unit("steps", writes=False) as unit:
        table = tables.audit_log
        rows = select(table.c.entity_id).where(table.c.entity == "step").order_by(table.c.id)
        return list(unit.core.scalars(rows))


def library_of(store: Store) -> Library:
    """As it is now."""
    return store.call(False, "library", lambda unit: unit.library)
