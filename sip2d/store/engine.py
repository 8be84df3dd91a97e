"""Engines for the two databases: URLs explained, connections in driver autocommit, pragmas and timeouts.

Every connection is in driver autocommit; whoever uses it says BEGIN and COMMIT himself (`link.py`). So no
driver opens a transaction late (SQLite would lose updates silently) and none commits behind our back.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from sip2d.errors import ConfigurationError

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

BUSY_MS = 5000
"""How long a statement waits for a lock: well below the SC's patience (F7: an answer within 5 s)."""

PRAGMAS = (
    f"busy_timeout={BUSY_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
    "mmap_size=268435456",
)

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def parse_url(text: str) -> URL:
    """The database's URL, normalised to the drivers used here. ConfigurationError says what is wrong, never
    the password.
    """
    scheme = text.partition(":")[0]
    if scheme not in _DRIVERS:
        raise ConfigurationError(
            f"The database URL begins with {scheme[:40]!r};"
            " sip2d knows sqlite:///FILE and postgresql://USER@HOST/DATABASE."
        )
    try:
        url = make_url(text).set(drivername=_DRIVERS[scheme])
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "The database URL cannot be read; a special character in the password must be percent-encoded."
        ) from None
    return _sqlite(url) if url.drivername == "sqlite" else _postgresql(url)


def _sqlite(url: URL) -> URL:
    if url.host:
        raise ConfigurationError(
            "The URL of a SQLite file has three slashes (sqlite:///library.db), four before an absolute path."
        )
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigurationError("The SQLite database must be a file: sqlite:///FILE.")
    return url


def _postgresql(url: URL) -> URL:
    if not url.database:
        raise ConfigurationError("The PostgreSQL URL names no database: postgresql://USER@HOST/DATABASE.")
    return url


def shown(url: str) -> str:
    """The URL for a person to read: without its password."""
    return parse_url(url).render_as_string(hide_password=True)


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None on PostgreSQL."""
    parsed = parse_url(url)
    return Path(parsed.database or "") if parsed.drivername == "sqlite" else None


def open_engine(url: str, *, patient: bool = False) -> Engine:
    """A sync engine. `patient`: for migrations and maintenance, without PostgreSQL's statement timeout."""
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        engine = create_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    engine = create_engine(
        parsed,
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args=postgresql_arguments(parsed, patient=patient),
        use_native_hstore=False,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def postgresql_arguments(url: URL, *, patient: bool = False) -> dict[str, Any]:
    """Connection arguments; what the URL says itself wins. A vanished server is noticed within seconds
    (F6).
    """
    timeouts = "-c lock_timeout=5s" + ("" if patient else " -c statement_timeout=15s")
    wanted = {
        "connect_timeout": 3,
        "application_name": "sip2d",
        "client_encoding": "utf8",
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "options": timeouts,
    }
    return {name: value for name, value in wanted.items() if name not in url.query}


def prepare_pragmas(connection: Any) -> None:
    """Set the pragmas on a fresh connection of sqlite3's kind."""
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    prepare_pragmas(connection)


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: object) -> None:
    adapt_postgresql(connection)


def adapt_postgresql(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Numbers as on SQLite: every int goes out as BIGINT (one plan a statement), a whole NUMERIC comes back
    as int.
    """
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_loader("numeric", WholeNumber)


class WholeNumber(psycopg.adapt.Loader):
    """No column is NUMERIC, but PostgreSQL's sum() of BIGINT is, and it is whole."""

    format = pq.Format.TEXT

    def load(self, data: psycopg.abc.Buffer) -> int:
        return int(bytes(data))


def fsync_folder(folder: Path) -> None:
    """Make the names of freshly created files durable (a new database and its write-ahead log)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
