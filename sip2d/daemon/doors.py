"""What the daemon's life asks of what it is given: the store, the door beside it, the connections."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sip2d.daemon.heartbeat import Submits
from sip2d.store.aside import RefusedAddress, SessionRecord
from sip2d.store.health import Stats
from sip2d.store.library import Library


class StoreDoor(Submits, Protocol):
    """What the daemon asks the store."""

    @property
    def healthy(self) -> bool: ...

    @property
    def stats(self) -> Stats: ...

    def close(self) -> None: ...


class AsideDoor(Protocol):
    """What it asks beside the exchanges; all raise StoreUnavailable."""

    async def epoch(self) -> int: ...

    async def library(self) -> Library: ...

    async def ping(self) -> bool: ...

    async def record_refused(self, rows: Iterable[RefusedAddress]) -> None: ...

    async def touch_terminals(self, ids: Iterable[int], now: int) -> None: ...

    async def log_sessions(self, rows: Sequence[SessionRecord]) -> None: ...

    async def close(self) -> None: ...


class ConnectionsDoor(Protocol):
    """All open connections: ``front.Front``."""

    def __len__(self) -> int: ...

    def tick(self, now: float) -> None: ...

    def tell(self) -> None: ...

    def close_idle(self) -> None: ...

    def end(self, terminals: Iterable[int]) -> None: ...

    def take_ended(self) -> Sequence[SessionRecord]: ...

    def abort(self) -> None: ...
