"""A link: one connection to the database on which we say BEGIN, COMMIT and SAVEPOINT ourselves, and what
its faults mean.

The two kinds differ in how a transaction begins, in what a failed COMMIT tells, and in which faults mean
that nothing can be asked now.
"""

import abc
import enum
import itertools
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from sip2d.errors import StoreUnavailable
from sip2d.store.engine import POSTGRESQL, SQLITE
from sip2d.store.epoch import READ_EPOCH, Libraries
from sip2d.store.unit import Execute, Unit


class Meaning(enum.Enum):
    """What an exception out of a transaction means."""

    OWN = "the unit's own"
    AGAIN = "lost against another transaction; worth one more try"
    UNAVAILABLE = "the database cannot be asked now"


class Undecided(Exception):
    """COMMIT was sent and its outcome is not known; the cause is chained."""


class RolledBack(Exception):
    """COMMIT was answered by a rollback: the unit had swallowed a fault of the database."""


_UNAVAILABLE = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB,
})  # fmt: skip
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})


def bare(fault: BaseException) -> BaseException:
    """The driver's own exception below SQLAlchemy's."""
    return fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault


def is_database_fault(fault: BaseException) -> bool:
    """Whether the database or its driver raised it."""
    return isinstance(bare(fault), sqlite3.Error | psycopg.Error)


def meaning(fault: BaseException) -> Meaning:
    """What an exception out of a transaction means."""
    cause = bare(fault)
    if isinstance(cause, RolledBack | StoreUnavailable):
        return Meaning.UNAVAILABLE
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return Meaning.UNAVAILABLE if code in _UNAVAILABLE else Meaning.OWN
    if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
        return Meaning.AGAIN
    if isinstance(
        cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction
    ):
        return Meaning.UNAVAILABLE
    return Meaning.OWN


class Link(abc.ABC):
    """One connection. After any fault ask ``usable``: a link that is not is closed and a new one opened."""

    dialect: ClassVar[str]
    usable: bool
    _execute: Execute

    def __init__(self, core: Connection, libraries: Libraries) -> None:
        self.core = core
        self._libraries = libraries
        self.usable = True

    def begin(self, writes: bool) -> Unit:
        """Begin a transaction; its unit sees the library of the epoch read first."""
        epoch = self._begin(writes)
        library = self._libraries.at(epoch, self.core)
        return Unit(library, self.core, self.dialect, self._execute, writes)

    @abc.abstractmethod
    def _begin(self, writes: bool) -> int:
        """Begin, and read the epoch."""

    @property
    @abc.abstractmethod
    def holds(self) -> bool:
        """Whether the transaction is still there and can go on."""

    @property
    @abc.abstractmethod
    def changes(self) -> int:
        """It is the same before and after a unit only if the unit changed nothing."""

    @abc.abstractmethod
    def commit(self) -> None:
        """Undecided; or RolledBack or the driver's exception: known to be rolled back."""

    def savepoint(self) -> None:
        self._execute("SAVEPOINT unit", ())

    def release(self) -> None:
        self._execute("RELEASE SAVEPOINT unit", ())

    def rollback_to(self) -> None:
        self._execute("ROLLBACK TO SAVEPOINT unit", ())
        self._execute("RELEASE SAVEPOINT unit", ())

    @abc.abstractmethod
    def rollback(self) -> None:
        """End the transaction without its effects; never raises."""

    @abc.abstractmethod
    def judge(self, fault: BaseException) -> None:
        """Decide after a fault whether this connection may be used again."""

    def close(self) -> None:
        """Give the connection up; never raises."""
        self.usable = False
        try:
            self.core.invalidate()
            self.core.close()
        except Exception:  # a broken connection may complain in any way; it is given up all the same
            return


class SqliteLink(Link):
    """SQLite: writers take the lock at BEGIN (T1); a full disk may take the whole transaction with it."""

    dialect = SQLITE

    def __init__(self, core: Connection, libraries: Libraries) -> None:
        super().__init__(core, libraries)
        self._driver = cast(sqlite3.Connection, core.connection.driver_connection)
        self._execute = self._driver.execute

    def _begin(self, writes: bool) -> int:
        self._driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            return int(self._driver.execute(READ_EPOCH).fetchone()[0])
        except BaseException:
            self.rollback()
            raise

    @property
    def holds(self) -> bool:
        return self._driver.in_transaction

    @property
    def changes(self) -> int:
        return self._driver.total_changes

    def commit(self) -> None:
        if not self.holds:
            raise RolledBack
        try:
            self._driver.execute("COMMIT")
        except sqlite3.Error as fault:
            self.rollback()
            self.judge(fault)
            if self.usable:
                raise
            # A failed fsync: the pages may reach the disk yet, and be found after a crash. Never trust this
            # connection's view again.
            raise Undecided from fault

    def rollback(self) -> None:
        if self.holds:
            try:
                self._driver.execute("ROLLBACK")
            except sqlite3.Error:
                self.usable = False

    def judge(self, fault: BaseException) -> None:
        cause = bare(fault)
        if isinstance(cause, sqlite3.Error) and meaning(cause) is Meaning.UNAVAILABLE:
            self.usable = self.usable and cause.sqlite_errorcode & 0xFF in _PASSING


class PostgresqlLink(Link):
    """PostgreSQL: one cursor, prepared statements, BEGIN and the epoch in one round trip."""

    dialect = POSTGRESQL

    def __init__(self, core: Connection, libraries: Libraries) -> None:
        super().__init__(core, libraries)
        self._driver = cast("psycopg.Connection[Any]", core.connection.driver_connection)
        self._cursor = self._driver.cursor()
        self._moments = itertools.count()
        self._execute = cast(Callable[..., Any], partial(self._cursor.execute, prepare=True))

    def _begin(self, writes: bool) -> int:
        begin = "BEGIN" if writes else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        try:
            self._cursor.execute(f"{begin}; {READ_EPOCH}")
            self._cursor.nextset()
            row = self._cursor.fetchone()
        except psycopg.Error as fault:
            self.rollback()
            self.judge(fault)
            raise
        assert row is not None
        return int(row[0])

    @property
    def holds(self) -> bool:
        return self._driver.info.transaction_status == TransactionStatus.INTRANS

    @property
    def changes(self) -> int:
        """Nobody counts them here, so any unit may have made some."""
        return next(self._moments)

    def commit(self) -> None:
        if not self.holds:  # aborted, or the connection is gone already: COMMIT is not even sent
            self.rollback()
            raise RolledBack
        try:
            self._cursor.execute("COMMIT")
        except psycopg.Error as fault:
            self.judge(fault)
            if self.usable:
                raise  # refused (a deferred constraint, a serialisation failure) and rolled back
            raise Undecided from fault

    def rollback(self) -> None:
        try:
            if self._driver.closed:
                self.usable = False
            elif self._driver.info.transaction_status != TransactionStatus.IDLE:
                self._cursor.execute("ROLLBACK")
        except psycopg.Error:
            self.usable = False

    def judge(self, fault: BaseException) -> None:
        if self._driver.closed:
            self.usable = False


def open_link(engine: Engine, libraries: Libraries) -> Link:
    """A new link; raises what the driver raises when the database cannot be reached."""
    core = engine.connect()
    kind = SqliteLink if engine.dialect.name == SQLITE else PostgresqlLink
    return kind(core, libraries)
