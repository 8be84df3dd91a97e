"""Fixtures and habits of the whole suite: both loops, both databases, no silent skip."""

import asyncio
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import cast

import hypothesis
import pytest
import uvloop

from tests.support.databases import Databases, SqliteDatabases, postgres_databases
from tests.support.places import SPEC, SPEC_ABSENT
from tests.support.postgres import PostgresCluster, debian_bin, wheel_bin

NO_SKIP = os.environ.get("SIP2D_NO_SKIP") == "1" or os.environ.get("CI") == "true"

hypothesis.settings.register_profile("dev", deadline=None, max_examples=50)
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=50, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("ci" if NO_SKIP else "dev")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test runs on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a test of minutes that came last would leave the other process idle."""
    items.sort(key=lambda item: "tests/year/" not in item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be skipped (SIP2D_NO_SKIP=1, CI=true), a skip is a failure."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not (NO_SKIP and report.skipped) or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason != f"Skipped: {SPEC_ABSENT}":
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} may not be skipped here. {reason}"


@pytest.fixture(scope="session")
def spec() -> Path:
    """The folder of the corpora. The one thing a test may skip for."""
    if not SPEC.is_dir():
        pytest.skip(SPEC_ABSENT)
    return SPEC


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """PostgreSQL 18 from the wheel, started once a worker (it takes about a second). Do not stop it."""
    with PostgresCluster(wheel_bin()) as cluster:
        yield cluster


@pytest.fixture
def own_postgres_cluster() -> Iterator[PostgresCluster]:
    """A server of the test's own, which it may `stop()`, `kill()` and `start()` again."""
    with PostgresCluster(wheel_bin()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def debian_postgres_cluster() -> Iterator[PostgresCluster]:
    """Debian's PostgreSQL 15, the oldest version supported; CI has it, elsewhere its tests are skipped."""
    folder = debian_bin()
    if folder is None:
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    with PostgresCluster(folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where prepared SQLite files wait to be copied."""
    return tmp_path_factory.mktemp("sqlite-templates")


@pytest.fixture
def sqlite_databases(tmp_path: Path, sqlite_templates: Path) -> Databases:
    """Fresh SQLite files."""
    return SqliteDatabases(tmp_path, sqlite_templates)


@pytest.fixture
def postgres(postgres_cluster: PostgresCluster) -> Iterator[Databases]:
    """Fresh databases on PostgreSQL 18."""
    with postgres_databases(postgres_cluster) as databases:
        yield databases


@pytest.fixture
def debian_postgres(debian_postgres_cluster: PostgresCluster) -> Iterator[Databases]:
    """Fresh databases on Debian's PostgreSQL 15."""
    with postgres_databases(debian_postgres_cluster) as databases:
        yield databases


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Fresh databases; the test runs once on SQLite and once on PostgreSQL."""
    name = {"sqlite": "sqlite_databases", "postgresql": "postgres"}[request.param]
    return cast(Databases, request.getfixturevalue(name))


@pytest.fixture
def database_url(databases: Databases) -> str:
    """The URL of an empty database; the test runs once on SQLite and once on PostgreSQL."""
    return databases.fresh()


@pytest.fixture
def postgres_url(postgres: Databases) -> str:
    """The URL of an empty database on PostgreSQL 18."""
    return postgres.fresh()


@pytest.fixture
def debian_postgres_url(debian_postgres: Databases) -> str:
    """The URL of an empty database on Debian's PostgreSQL 15."""
    return debian_postgres.fresh()
