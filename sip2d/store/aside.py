"""What the event loop itself asks, through SQLAlchemy's async engine: the epoch, the library, readiness,
and a few rare notes.

Never an exchange (those are units of `executor.Store`): one statement through aiosqlite costs the loop 170
us. Over the same tables.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import msgspec
from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from sip2d.errors import StoreUnavailable
from sip2d.store.engine import (
    SQLITE,
    adapt_postgresql,
    parse_url,
    postgresql_arguments,
    prepare_pragmas,
)
from sip2d.store.epoch import READ_EPOCH
from sip2d.store.library import Library
from sip2d.store.snapshot import read_library
from sip2d.store.tables import refused_address, session_log, terminal

REFUSED_KEPT = 200
"""How many refused addresses are remembered: the newest (CN-7)."""


class RefusedAddress(msgspec.Struct, frozen=True):
    """An address turned away ``count`` times, last at ``at`` (epoch seconds)."""

    address: str
    reason: str
    listener: str
    at: int
    count: int = 1


class SessionRecord(msgspec.Struct, frozen=True):
    """A connection that ended; ``counters`` is JSON."""

    terminal_id: int | None
    branch_id: int | None
    peer: str
    opened_at: int
    closed_at: int
    close_reason: str
    counters: str = "{}"


class Aside:
    """See the module. Every method raises StoreUnavailable when the database cannot be asked, but `ping`,
    which says False.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == SQLITE

    @classmethod
    def open(cls, url: str) -> Self:
        """For a database URL (ConfigurationError); connects when first asked. Close it in a `finally`
        (T21).
        """
        parsed = parse_url(url)
        lite = parsed.drivername == "sqlite"
        engine = create_async_engine(
            parsed.set(drivername="sqlite+aiosqlite") if lite else parsed,
            isolation_level="AUTOCOMMIT",
            poolclass=AsyncAdaptedQueuePool,
            pool_size=1,
            max_overflow=2,
            pool_pre_ping=not lite,
            connect_args={} if lite else postgresql_arguments(parsed),
            **({} if lite else {"use_native_hstore": False}),
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite if lite else _prepare_postgresql)
        return cls(engine)

    async def epoch(self) -> int:
        """The library's epoch now."""
        async with _Asked(self._engine) as connection:
            return int((await connection.execute(text(READ_EPOCH))).scalar_one())

    async def library(self) -> Library:
        """The library of one snapshot."""
        async with _Asked(self._engine) as connection:
            begin = "BEGIN" if self._sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            await connection.exec_driver_sql(begin)
            try:
                return await connection.run_sync(read_library)
            finally:
                await connection.exec_driver_sql("ROLLBACK")

    async def ping(self) -> bool:
        """Whether the database answers."""
        try:
            await self.epoch()
        except StoreUnavailable:
            return False
        return True

    async def record_refused(self, rows: Iterable[RefusedAddress]) -> None:
        """Note refused addresses; the newest 200 are kept."""
        table = refused_address
        dialect = sqlite if self._sqlite else postgresql
        async with _Writing(self._engine, self._sqlite) as connection:
            for row in sorted(rows, key=lambda row: row.address):  # one order: no deadlock among daemons
                note = dialect.insert(table).values(
                    address=row.address, reason=row.reason, listener=row.listener,
                    first_at=row.at, last_at=row.at, count=row.count,
                )  # fmt: skip
                seen = note.excluded
                await connection.execute(
                    note.on_conflict_do_update(
                        index_elements=[table.c.address],
                        set_={
                            "reason": seen.reason, "listener": seen.listener, "last_at": seen.last_at,
                            "count": table.c.count + seen["count"],
                        },
                    )
                )  # fmt: skip
            newest = (
                select(table.c.address).order_by(table.c.last_at.desc(), table.c.address).limit(REFUSED_KEPT)
            )
            await connection.execute(delete(table).where(table.c.address.not_in(newest)))

    async def touch_terminals(self, ids: Iterable[int], now: int) -> None:
        """These terminals were used at ``now`` (epoch seconds)."""
        async with _Writing(self._engine, self._sqlite) as connection:
            wanted = sorted(set(ids))
            await connection.execute(
                update(terminal).where(terminal.c.id.in_(wanted)).values(last_used_at=now)
            )

    async def log_sessions(self, rows: Sequence[SessionRecord]) -> None:
        """Keep a line for each connection that ended."""
        if rows:
            async with _Writing(self._engine, self._sqlite) as connection:
                await connection.execute(insert(session_log), [msgspec.structs.asdict(row) for row in rows])

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


class _Asked:
    """A connection for a moment; the database's absence becomes StoreUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def __aenter__(self) -> AsyncConnection:
        try:
            self._connection = await self._engine.connect()
        except DBAPIError as fault:
            raise StoreUnavailable(type(fault.orig).__name__) from fault
        return self._connection

    async def __aexit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        try:
            await self._connection.close()
        except DBAPIError as worse:
            fault = fault or worse
        if isinstance(fault, DBAPIError):
            raise StoreUnavailable(type(fault.orig).__name__) from fault


class _Writing(_Asked):
    """The same, in one write transaction."""

    def __init__(self, engine: AsyncEngine, lite: bool) -> None:
        super().__init__(engine)
        self._begin = "BEGIN IMMEDIATE" if lite else "BEGIN"

    async def __aenter__(self) -> AsyncConnection:
        connection = await super().__aenter__()
        try:
            await connection.exec_driver_sql(self._begin)
        except DBAPIError as fault:
            await super().__aexit__(type(fault), fault, None)
        return connection

    async def __aexit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        try:
            await self._connection.exec_driver_sql("COMMIT" if fault is None else "ROLLBACK")
        except DBAPIError as worse:
            fault = fault or worse
            await self._connection.invalidate()
        await super().__aexit__(kind, fault, trace)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    prepare_pragmas(connection)


def _prepare_postgresql(connection: Any, _record: object) -> None:
    adapt_postgresql(connection.driver_connection)
