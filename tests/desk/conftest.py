"""A fresh small library for each test of the desk, on each database."""

from collections.abc import Iterator

import pytest

from tests.desk import overdue
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    """A store with the small library in it."""
    with opened(databases.fresh(prepare)) as room:
        yield room


@pytest.fixture
def books(room: Room) -> Iterator[Room]:
    """The small library, closed on Sundays, F 0.25 a day; whatever a test did, the books balance."""
    overdue.close_sundays(room)
    overdue.rules(room, fine_amount="0.25")
    yield room
    overdue.balanced(room)
