"""What must not be in a database, each finding one sentence (`sip2d db check`)."""

from sqlalchemy import Connection

from sip2d.store import books, migrate
from sip2d.store.books import MOST


def check(url: str) -> list[str]:
    """The schema, the file and its keys (SQLite), the books (PT-3, PT-28); [] when all is well."""
    findings = migrate.check(url)
    if findings:
        return findings
    with migrate.connected(url) as connection:
        if connection.dialect.name == "sqlite":
            findings += _file(connection)
        return findings + books.findings(connection)


def _file(connection: Connection) -> list[str]:
    found = [
        f"The file is damaged: {row[0]}." for row in connection.exec_driver_sql("PRAGMA integrity_check")
    ]
    findings = [] if found == ["The file is damaged: ok."] else found
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST)
    return findings + [f"{row[0]} row {row[1]} points to no {row[2]}." for row in broken]
