"""A fresh small library for each test, on each database."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    """A store with the small library in it."""
    with opened(databases.fresh(prepare)) as room:
        yield room


@pytest.fixture
def sqlite_room(sqlite_databases: Databases) -> Iterator[Room]:
    """The same where the database does not matter."""
    with opened(sqlite_databases.fresh(prepare)) as room:
        yield room
