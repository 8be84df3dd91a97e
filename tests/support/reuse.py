"""A PostgreSQL database that is lent to one test after the other, and made what it was in between.

To copy a template and drop the copy takes 66 ms and more, and its first connections find no cache; to put
back the few tables that a test wrote to takes 10. What cannot be put back (another schema) is thrown away.
"""

from typing import LiteralString

import msgspec
import psycopg
from psycopg import sql

USES = 100
"""After so many tests a database is thrown away: what was deleted in it is still there to be walked over."""

_END_OTHERS: LiteralString = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Whoever changes a schema writes rows here; VACUUM and ANALYZE write in place.
_SCHEMA: LiteralString = " UNION ALL ".join(
    f"SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {name}"
    for name in (
        "pg_class",
        "pg_attribute",
        "pg_attrdef",
        "pg_index",
        "pg_constraint",
        "pg_trigger",
        "pg_proc",
    )
)
_TABLES: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES: LiteralString = """
    SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename
"""
_MARK: LiteralString = "SELECT pg_current_xact_id()::text::bigint"

Rows = list[tuple[object, ...]]


class Kept(msgspec.Struct, frozen=True):
    """What a database holds before the first test: its tables' rows as COPY writes them."""

    schema: Rows
    tables: dict[str, tuple[int, bytes]]
    sequences: dict[str, int | None]


class Reused:
    """One of them; `lend` it, `take_back` when the test is over."""

    def __init__(self, name: str, conninfo: str) -> None:
        self.name = name
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._kept = self._keep()
        self._changed = _changes(tuple(self._kept.tables))
        self._mark = self._new_mark()
        self._uses = 0

    def take_back(self) -> bool:
        """Make it what it was; False when that cannot be, or is not worth it any more."""
        self._uses += 1
        connection = self._connection
        connection.execute(_END_OTHERS)
        if self._uses >= USES or self._schema() != self._kept.schema:
            return False
        with connection.transaction():
            # No trigger and no foreign key speaks: all of it stood there before.
            connection.execute("SET LOCAL session_replication_role = replica")
            for table in self._dirty():
                self._put_back(table)
            for name, value in self._sequences().items():
                if value != self._kept.sequences[name]:
                    self._rewind(name)
        self._mark = self._new_mark()
        return True

    def close(self) -> None:
        """Let go of it; the database stays until somebody drops it."""
        self._connection.close()

    def _keep(self) -> Kept:
        names = [str(name) for (name,) in self._connection.execute(_TABLES)]
        return Kept(self._schema(), {name: self._content(name) for name in names}, self._sequences())

    def _content(self, table: str) -> tuple[int, bytes]:
        with self._connection.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
                content = b"".join(bytes(piece) for piece in copy)
            return cursor.rowcount, content

    def _schema(self) -> Rows:
        return list(self._connection.execute(_SCHEMA))

    def _sequences(self) -> dict[str, int | None]:
        return {str(name): value for name, value in self._connection.execute(_SEQUENCES)}

    def _new_mark(self) -> int:
        row = self._connection.execute(_MARK).fetchone()
        assert row is not None
        return int(row[0])

    def _dirty(self) -> list[str]:
        """The tables that have other rows, or rows written since the database was lent."""
        found = self._connection.execute(self._changed, prepare=True)
        return [
            str(name)
            for name, count, newest in found
            if newest >= self._mark or count != self._kept.tables[str(name)][0]
        ]

    def _put_back(self, table: str) -> None:
        name = sql.Identifier(table)
        with self._connection.cursor() as cursor:
            cursor.execute(sql.SQL("DELETE FROM {}").format(name))
            count, content = self._kept.tables[table]
            if count:
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
                    copy.write(content)

    def _rewind(self, sequence: str) -> None:
        last = self._kept.sequences[sequence]  # None: nothing was taken of it yet
        self._connection.execute(
            "SELECT setval(%s::regclass, %s, %s)", (f'public."{sequence}"', last or 1, last is not None)
        )


def _changes(tables: tuple[str, ...]) -> sql.Composed:
    """Of every table: how many rows, and the transaction of the newest."""
    one = sql.SQL("SELECT {}, count(*), coalesce(max(xmin::text::bigint), 0) FROM {}")
    return sql.SQL(" UNION ALL ").join(one.format(sql.Literal(name), sql.Identifier(name)) for name in tables)
