"""A fresh small library and a person who loads files into it, on each database."""

from collections.abc import Iterator

import pytest

from tests.offline.files import Loader
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    """A store with the small library in it."""
    with opened(databases.fresh(prepare)) as room:
        yield room


@pytest.fixture
def loader(room: Room) -> Loader:
    """Who loads."""
    return Loader(room)
