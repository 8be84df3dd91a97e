"""One test, both databases: the kinds of database a test runs on, and how each makes a fresh one."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.support.postgres import PostgresCluster

Prepare = Callable[[str], None]
"""Fills the empty database of a URL, and closes its connections. Called once a run: the result is copied."""


class Databases(Protocol):
    """Where fresh databases of one kind come from."""

    kind: str
    """`sqlite` or `postgresql`."""

    def fresh(self, prepare: Prepare | None = None) -> str:
        """The URL of a new database, empty or as `prepare` left it. It is removed after the test."""


class SqliteDatabases:
    """SQLite files in a test's own folder; prepared ones are copies of a file made once for the run."""

    kind = "sqlite"

    def __init__(self, folder: Path, templates: Path) -> None:
        self._folder, self._templates, self._made = folder, templates, 0

    def fresh(self, prepare: Prepare | None = None) -> str:
        self._made += 1
        path = self._folder / f"library-{self._made}.sqlite3"
        if prepare:
            shutil.copy(self._template(prepare), path)
        return f"sqlite:///{path}"

    def _template(self, prepare: Prepare) -> Path:
        path = self._templates / f"{prepare.__module__}.{prepare.__qualname__}.sqlite3"
        if not path.exists():
            making = path.with_suffix(".making")
            making.unlink(missing_ok=True)
            prepare(f"sqlite:///{making}")
            if making.with_name(f"{making.name}-wal").exists():
                raise RuntimeError(
                    "prepare left a connection open: its write-ahead log is not in the file yet"
                )
            making.rename(path)
        return path


class PostgresDatabases:
    """Databases of one running cluster."""

    kind = "postgresql"

    def __init__(self, cluster: PostgresCluster) -> None:
        self._cluster = cluster
        self._empty: list[str] = []
        self._lent: list[str] = []

    def fresh(self, prepare: Prepare | None = None) -> str:
        if prepare is None:
            name = self._cluster.create_database()
            self._empty.append(name)
        else:
            name = self._cluster.lend_database(prepare)
            self._lent.append(name)
        return self._cluster.url(name)

    def drop(self) -> None:
        """Remove what this test made, give back what it was lent."""
        for name in self._lent:
            self._cluster.take_back(name)
        for name in self._empty:
            self._cluster.drop_database(name)


@contextmanager
def postgres_databases(cluster: PostgresCluster) -> Iterator[PostgresDatabases]:
    """The databases of one test on `cluster`, which sees to them at its end."""
    databases = PostgresDatabases(cluster)
    try:
        yield databases
    finally:
        databases.drop()
