"""Alembic from code: there is no alembic.ini, and the scripts travel inside the wheel.

A migration is one transaction on both databases (T2): on SQLite too, because we say BEGIN ourselves and
Alembic finds itself inside. To write the next revision: change `tables.py`, then
`draft(url_of_an_upgraded_database, "what changes")`, then read and clean the file.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from sip2d import packaged
from sip2d.errors import ConfigurationError
from sip2d.store.engine import SQLITE, open_engine
from sip2d.store.tables import metadata

_LOCK = 0x51_9D_2D
"""PostgreSQL's advisory lock: two daemons that upgrade at once wait for each other."""


def _differs(
    _context: object, _inspected: object, _column: object, found: str | None, wanted: Any, _rendered: object
) -> bool | None:
    """Alembic cannot compare an empty text on SQLite; None leaves the rest to it."""
    return False if found in {"''", "('')"} and getattr(wanted, "arg", None) == "" else None


OPTIONS: dict[str, Any] = {
    "render_as_batch": True,
    "transactional_ddl": True,
    "compare_type": True,
    "compare_server_default": _differs,
}
"""How Alembic looks at our databases; `migrations/env.py` uses the same."""


def scripts() -> Path:
    """The folder of the migrations: in the wheel, else in the checkout."""
    return packaged.migrations()


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to the newest schema (or to `revision`), all of it or nothing."""
    _inside(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Go back to `revision`; `base` leaves an empty database."""

    def down(config: Config) -> None:
        command.downgrade(config, revision)
        if revision == "base":
            config.attributes["connection"].exec_driver_sql("DROP TABLE alembic_version")

    _inside(url, down)


def draft(url: str, message: str, revision: str | None = None) -> None:
    """Write a new revision from what `tables.py` has and the database has not. For developers."""
    _inside(url, lambda config: command.revision(config, message, autogenerate=True, rev_id=revision))


def current(url: str) -> str | None:
    """The database's revision; None when it was never upgraded."""
    with connected(url) as connection:
        return revision_of(connection)


def head() -> str | None:
    """The newest revision there is."""
    return _head_of(scripts())


@functools.cache
def _head_of(folder: Path) -> str | None:
    """A run of the program has one folder: 16 ms each time it is asked."""
    return ScriptDirectory(str(folder)).get_current_head()


def is_current(url: str) -> bool:
    """Whether the database has the newest schema."""
    return current(url) == head()


def require_current(url: str) -> None:
    """ConfigurationError unless the database has the newest schema (F15)."""
    found = current(url)
    if found != head():
        what = "has no tables yet" if found is None else f"has schema {found}, this version needs {head()}"
        raise ConfigurationError(f"The database {what}: run `sip2d db upgrade`.")


def check(url: str) -> list[str]:
    """What differs between the database and `tables.py`, a sentence each; [] when it is as it should be."""
    found = current(url)
    if found != head():
        return [f"The database is at revision {found or 'none'}, the newest is {head()}."]
    with connected(url) as connection, warnings.catch_warnings():
        # SQLite cannot show its indexes on expressions; PostgreSQL's are compared.
        warnings.filterwarnings(
            "ignore", "(autogenerate skipping metadata-specified|Skipped unsupported ref)"
        )
        context = MigrationContext.configure(connection, opts={**OPTIONS, "target_metadata": metadata})
        return [f"The database and the tables differ: {difference}." for difference in _flat(context)]


def revision_of(connection: Connection) -> str | None:
    """The revision a connection sees."""
    return MigrationContext.configure(connection).get_current_revision()


def _flat(context: MigrationContext) -> list[str]:
    differences: list[str] = []
    for entry in compare_metadata(context, metadata):
        differences += [str(one) for one in entry] if isinstance(entry, list) else [str(entry)]
    return differences


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection for maintenance: no statement timeout, driver autocommit."""
    engine = open_engine(url, patient=True)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _inside(url: str, act: Callable[[Config], object]) -> None:
    """Run one Alembic command in one transaction of ours."""
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with connected(url) as connection:
        config.attributes["connection"] = connection
        sqlite = connection.dialect.name == SQLITE
        if sqlite:
            # Batch mode rebuilds tables by DROP; keys are checked at the end instead.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
        try:
            if not sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            act(config)
            if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                raise RuntimeError(f"the migration breaks foreign keys: {broken[:3]}")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
