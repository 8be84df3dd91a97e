"""The floor every row is played on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.hall import furnish, opened
from tests.quirks.floor import Floor
from tests.support.databases import Databases


@pytest.fixture
def floor(sqlite_databases: Databases, tmp_path: Path) -> Iterator[Floor]:
    """A bound kiosk at branch CENTRAL. What quirks are about does not know which database there is."""
    with opened(sqlite_databases.fresh(furnish), tmp_path / "access.log") as (hall, events):
        yield Floor(hall, hall.connect(), events)
