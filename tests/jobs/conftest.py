"""A fresh small library on both databases."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare


@pytest.fixture
def url(databases: Databases) -> str:
    """The URL of a database with the small library in it."""
    return databases.fresh(prepare)


@pytest.fixture
def room(url: str) -> Iterator[Room]:
    """A store on it."""
    with opened(url) as found:
        yield found
