"""A live demo for the tests of this folder, started once a worker; and a hall of kiosks in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.live import Live, serve
from tests.machine.hall import Hall, furnish, opened
from tests.support.databases import Databases


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The demo library behind a real daemon on a real socket. Its logs are at their chattiest."""
    with serve(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture
def hall(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Hall]:
    """Kiosks of the small library of the tests."""
    with opened(sqlite_databases.fresh(furnish), tmp_path / "access.log") as (made, _events):
        yield made
