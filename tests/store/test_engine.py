"""Database URLs are normalised and explained; passwords are not shown; connections are set up as promised."""

import pytest
from sqlalchemy import text

from sip2d.errors import ConfigurationError
from sip2d.store.engine import open_engine, parse_url, shown, sqlite_path

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///library.db", "sqlite"),
        ("sqlite:////var/lib/sip2d/library.db", "sqlite"),
        ("postgresql://sip2d@host/library", "postgresql+psycopg"),
        ("postgres://sip2d@host/library", "postgresql+psycopg"),
        ("postgresql+psycopg://sip2d@/library?host=/run/postgresql", "postgresql+psycopg"),
    ],
)
def test_urls(given: str, driver: str) -> None:
    assert parse_url(given).drivername == driver


@pytest.mark.parametrize(
    "given",
    [
        "",
        "library.db",
        "sqlite://",
        "sqlite://library.db",
        "sqlite:///:memory:",
        "sqlite+aiosqlite:///library.db",
        f"postgresql+asyncpg://sip2d:{SECRET}@host/library",
        f"mysql://sip2d:{SECRET}@host/library",
        f"postgresql://sip2d:{SECRET}@host",
        f"postgresql://sip2d:{SECRET}@host:port/library",
    ],
)
def test_bad_urls_are_explained_without_the_password(given: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_url(given)
    assert str(caught.value).endswith(".")
    assert SECRET not in str(caught.value)


def test_shown_without_the_password() -> None:
    assert SECRET not in shown(f"postgresql://sip2d:{SECRET}@host/library")
    assert "host" in shown(f"postgresql://sip2d:{SECRET}@host/library")


def test_connections(database_url: str) -> None:
    """WAL and FULL on SQLite, synchronous_commit on on PostgreSQL: what is acknowledged is durable (G1)."""
    engine = open_engine(database_url)
    with engine.connect() as connection:
        if sqlite_path(database_url):
            wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
            for name, value in wanted.items():
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() == value
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
            assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "15s"
    engine.dispose()
