"""Commands on an empty database, and on the small library of the other rooms' tests; each on both
databases.
"""

import pytest

from tests.cli.shell import Shell, furnish, prepare
from tests.support.databases import Databases


@pytest.fixture
def empty(databases: Databases) -> Shell:
    """A schema, and nothing in it."""
    return Shell(databases.fresh(prepare))


@pytest.fixture
def library(databases: Databases) -> Shell:
    """The library of tests/support/library.py and one staff account, ``boss``."""
    return Shell(databases.fresh(furnish))


@pytest.fixture
def sqlite_library(sqlite_databases: Databases) -> Shell:
    """The same on SQLite alone, where the database does not matter."""
    return Shell(sqlite_databases.fresh(furnish))
