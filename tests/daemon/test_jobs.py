"""The scheduler inside the daemon: what was missed is made up at the start, once among several, while kiosks
are served (circulation.md 12, issue 3 2.1)."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from sip2d import config
from sip2d.compose import compose
from sip2d.daemon.lifecycle import Daemon
from sip2d.jobs.catalogue import JOBS
from sip2d.store import job_runs, tables
from sip2d.store.executor import Store
from tests.daemon.assembled import LOOPBACK, furnish, served, soon
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk

MISSED = (("snapshots", "MAIN"), ("snapshots", "OTHER"), ("housekeeping", ""))


def down_for_two_days(url: str) -> None:
    """The small library, whose daemon last ran the day before yesterday."""
    furnish(url)
    with Store.open(url) as store, store.unit("marks") as unit:
        for job, owner in MISSED:
            job_runs.mark_first(unit, job, owner, datetime.now(UTC) - timedelta(days=2))


@asynccontextmanager
async def running(folder: Path, url: str, **jobs: object) -> AsyncIterator[Daemon]:
    file = folder / "sip2d.toml"
    file.touch()
    settings = config.load(
        file,
        {
            "listeners": [{"name": "plain", "port": 0}],
            "database": {"url": url},
            "admin": {"port": 0},
            "logging": {"access": "off"},
            "jobs": jobs,
        },
    )
    daemon = await compose(settings)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop(0)


def count(daemons: Sequence[Daemon], job: str) -> int:
    """Runs of a job that these daemons made."""
    name = "sip2d_job_duration_seconds_count"
    found = [one.metrics.registry.get_sample_value(name, {"job": job}) for one in daemons]
    return int(sum(value or 0 for value in found))


def rows(url: str) -> list[tuple[str, str, str]]:
    table = tables.job_run
    with Store.open(url) as store, store.unit("look", writes=False) as unit:
        found = unit.core.execute(select(table.c.job, table.c.owner, table.c.status, table.c.key))
        return [(row.job, row.owner, row.status) for row in found if not row.key.endswith("|first")]


async def test_two_daemons_make_up_what_was_missed_once(tmp_path: Path, databases: Databases) -> None:
    url = databases.fresh(down_for_two_days)
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(running(tmp_path, url)) for _ in range(2)]
        await soon(lambda: count(daemons, "snapshots") + count(daemons, "housekeeping") == len(MISSED))
        address = LOOPBACK, daemons[0].listeners[0].port

        def dialogue() -> str:
            with Kiosk(address) as kiosk:
                return served(kiosk)

        assert await asyncio.to_thread(dialogue) == "MAIN"
    found = await asyncio.to_thread(rows, url)
    assert sorted(one for one in found if one[:2] in MISSED) == sorted((*one, "DONE") for one in MISSED)
    assert count(daemons, "snapshots") == 2

    def leased() -> list[str]:
        with Store.open(url) as store, store.unit("look", writes=False) as unit:
            return list(unit.core.scalars(select(tables.job_lease.c.job)))

    assert await asyncio.to_thread(leased) == []


async def test_the_first_start_marks_every_job_and_makes_nothing_up(
    tmp_path: Path, databases: Databases
) -> None:
    """Of what was before it: each is marked with the moment of the start, from which on it may be missed."""
    url, began = databases.fresh(furnish), int(time.time())

    def marked() -> dict[str, int]:
        with Store.open(url) as store, store.unit("look", writes=False) as unit:
            table = tables.job_run.c
            return {row.job: row.as_of for row in unit.core.execute(select(table.job, table.as_of))}

    async with running(tmp_path, url):
        async with asyncio.timeout(20):
            while (found := await asyncio.to_thread(marked)).keys() != {job.name for job in JOBS}:
                pass
    assert min(found.values()) >= began


async def test_without_jobs_nothing_runs(tmp_path: Path, databases: Databases) -> None:
    url = databases.fresh(down_for_two_days)
    async with running(tmp_path, url, enabled=False) as daemon:
        await daemon.poll()
    assert await asyncio.to_thread(rows, url) == []
