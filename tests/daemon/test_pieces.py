"""TCP as kiosks need it, on every kind of listener (issue 4.5): a frame written in pieces does not wait."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from tests.daemon.assembled import ITEM, STATUS, served, terminal
from tests.daemon.doors import ANYONE, LISTENERS, house, through_proxy
from tests.daemon.papers import Papers
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk, seal


class Socket:
    """The connection's socket as the daemon sees it; counts the acknowledgements it asks for."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.acknowledged = threading.Semaphore(0)
        self.options = {
            name: real.getsockopt(level, option)
            for name, level, option in (
                ("nodelay", socket.IPPROTO_TCP, socket.TCP_NODELAY),
                ("keepalive", socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                ("idle", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            )
        }

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        self._real.setsockopt(level, option, value)
        if (level, option, value) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1):
            self.acknowledged.release()

    def more(self) -> bool:
        """Whether it asked once more than was taken so far."""
        return self.acknowledged.acquire(blocking=False)


class Watched(asyncio.Protocol):
    """Stands before the daemon's connection and shows it a ``Socket``; everything else goes through."""

    def __init__(self, inner: asyncio.Protocol, sockets: list[Socket]) -> None:
        self._inner, self._sockets = inner, sockets

    def __getattribute__(self, name: str) -> Any:
        if name in ("_inner", "_sockets", "connection_made"):
            return super().__getattribute__(name)
        return getattr(self._inner, name)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sockets.append(Socket(transport.get_extra_info("socket")))
        self._inner.connection_made(cast(asyncio.BaseTransport, Shown(transport, self._sockets[-1])))


class Shown:
    """A transport with another socket to look at."""

    def __init__(self, real: asyncio.BaseTransport, shown: Socket) -> None:
        self._real, self._shown = real, shown

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._shown if name == "socket" else self._real.get_extra_info(name, default)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("listener", LISTENERS)
async def test_a_frame_in_pieces_is_acknowledged_at_once(
    tmp_path: Path, sqlite_databases: Databases, listener: str
) -> None:
    """4.5: with every piece but the last, and never for a whole frame; besides no Nagle, and keepalive."""
    papers = Papers(tmp_path)
    async with house(tmp_path, sqlite_databases, papers, terminal("kiosk", f"{ANYONE}/32")) as daemon:
        gatehouse, sockets = daemon.daemon.gatehouse, list[Socket]()
        factory = gatehouse.factory
        gatehouse.factory = lambda peer: Watched(factory(peer), sockets)
        tls = papers.client() if "tls" in listener else None

        def dial() -> Kiosk:
            if listener.startswith("proxied"):
                return through_proxy(daemon, ANYONE, tls)
            return Kiosk(daemon.address(listener), ANYONE, tls=tls)

        def dialogue() -> None:
            with dial() as kiosk:
                assert served(kiosk) == "MAIN"
                (seen,) = sockets
                assert not seen.more()
                for body in (STATUS, ITEM):
                    frame = seal(body, 7)
                    for piece in (frame[:1], frame[1:-6], frame[-6:-1]):
                        kiosk.send_raw(piece)
                        assert seen.acknowledged.acquire(timeout=20)
                    kiosk.send_raw(frame[-1:])
                    kiosk.frame()
                    assert not seen.more()
                assert seen.options["nodelay"]
                assert seen.options["keepalive"]
                assert seen.options["idle"] == 60

        await asyncio.to_thread(dialogue)
