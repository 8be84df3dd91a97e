"""A kiosk at a fresh small library, on each database."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sip2d.store.executor import Store
from tests.rules.terminal import Kiosk
from tests.support.databases import SqliteDatabases, postgres_databases
from tests.support.desks import prepare


class _TakenBack(Exception):
    """Ends a test's transaction."""


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def rules_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path
) -> Iterator[Store]:
    """One library for all tests of this folder: each takes back what it did."""
    if request.param == "sqlite":
        url = SqliteDatabases(tmp_path_factory.mktemp("rules"), sqlite_templates).fresh(prepare)
        with Store.open(url) as store:
            yield store
        return
    cluster = request.getfixturevalue("postgres_cluster")
    with postgres_databases(cluster) as databases, Store.open(databases.fresh(prepare)) as store:
        yield store


@pytest.fixture
def kiosk(rules_store: Store) -> Iterator[Kiosk]:
    """See `tests.rules.terminal`."""
    with suppress(_TakenBack), rules_store.unit("rules") as unit:
        yield Kiosk(unit)
        raise _TakenBack
