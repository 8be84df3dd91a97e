"""Unit of work: one act's reads and writes, in one transaction (and, in a group, one savepoint).

`all`, `one`, `value`, `run` and `insert` run hot statements on the driver's connection; `core` is
SQLAlchemy on the same connection and the same transaction, for everything off the exchange path. Nobody but
the executor commits.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sip2d.store.engine import SQLITE
from sip2d.store.library import Library
from sip2d.store.statement import Statement

Row = tuple[Any, ...]
Execute = Callable[[str, tuple[Any, ...]], Any]
Later = Callable[["Unit", list[Any]], None]
"""Writes down what units put off, all of a transaction at once."""

CONFLICTS = (sqlite3.IntegrityError, psycopg.IntegrityError, IntegrityError)
"""What a violated constraint raises, by whichever way. On PostgreSQL catch it only around
`unit.attempt()`.
"""


class Unit:
    """See the module. ``library`` is the one of this transaction's epoch; ``writes`` says whether writing
    is allowed.
    """

    __slots__ = ("_dialect", "_execute", "core", "foreseen", "library", "locks", "put_off", "writes")

    def __init__(
        self, library: Library, core: Connection, dialect: str, execute: Execute, writes: bool
    ) -> None:
        self.library = library
        self.core = core
        self.writes = writes
        self.locks = writes and dialect != SQLITE
        """Whether rows must be locked: SQLite's writer has the whole database since BEGIN IMMEDIATE."""
        self.put_off: list[tuple[Later, Any]] = []
        self.foreseen: dict[tuple[object, ...], Any] = {}
        """What was asked for at once for all units of a batch that reads, by what each would ask for."""
        self._dialect = dialect
        self._execute = execute

    def later(self, act: Later, what: Any) -> None:
        """Have it written down at the end of the transaction, with what others of a group put off: nothing
        that anybody reads before."""
        self.put_off.append((act, what))

    def settle(self) -> None:
        """Write down what was put off; asked before COMMIT."""
        while self.put_off:
            act = self.put_off[0][0]
            mine = [what for other, what in self.put_off if other is act]
            self.put_off = [one for one in self.put_off if one[0] is not act]
            act(self, mine)

    def all(self, statement: Statement, *params: Any) -> list[Row]:
        """Every row, as tuples."""
        sql, pick = statement.forms[self._dialect]
        rows: list[Row] = self._execute(sql, pick(params) if pick else params).fetchall()
        return rows

    def one(self, statement: Statement, *params: Any) -> Row | None:
        """The first row, or None."""
        sql, pick = statement.forms[self._dialect]
        row: Row | None = self._execute(sql, pick(params) if pick else params).fetchone()
        return row

    def value(self, statement: Statement, *params: Any) -> Any:
        """The first column of the first row, or None."""
        sql, pick = statement.forms[self._dialect]
        row = self._execute(sql, pick(params) if pick else params).fetchone()
        return None if row is None else row[0]

    def run(self, statement: Statement, *params: Any) -> int:
        """Insert, update or delete; how many rows."""
        sql, pick = statement.forms[self._dialect]
        cursor = self._execute(sql, pick(params) if pick else params)
        if cursor.description is None:
            return int(cursor.rowcount)
        return len(cursor.fetchall())  # RETURNING: SQLite counts only when the rows are read

    def insert(self, statement: Statement, *params: Any) -> int:
        """Insert one row; its new id."""
        sql, pick = statement.forms[self._dialect]
        cursor = self._execute(sql, pick(params) if pick else params)
        return int(cursor.lastrowid if self._dialect == SQLITE else cursor.fetchall()[0][0])

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A savepoint: what is done inside is undone when it raises, and the unit goes on."""
        self._execute("SAVEPOINT attempt", ())
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK TO SAVEPOINT attempt", ())
            self._execute("RELEASE SAVEPOINT attempt", ())
            raise
        self._execute("RELEASE SAVEPOINT attempt", ())
