"""A connection to an ACS: the shell of asyncio around a ``Dialogue``. Works on uvloop and on asyncio."""

import asyncio
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

from sip2d.client.dialogue import Dialogue, LinkBroken, Manner, Reply, Ticket, Unreachable
from sip2d.wire.messages import Login, LoginResponse, Request

CONNECT_SECONDS: Final = 10.0


def tls_context(
    ca: Path | None = None, cert: Path | None = None, key: Path | None = None, *, insecure: bool = False
) -> ssl.SSLContext:
    """TLS 1.2 and up, the server's certificate verified against ``ca`` or the machine's authorities; ``cert``
    and ``key`` are the terminal's own. ``insecure`` verifies nothing. Raises ``Unreachable`` for unusable
    files.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"the TLS files cannot be used: {error.strerror or error}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _why(error: OSError) -> str:
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else "Unknown error"
    # Windows' socket errors have numbers of their own, which its C library has no words for.
    return str(error.strerror or error) if text.startswith("Unknown error") else text


class Connection(asyncio.Protocol):
    """See the module. Made by ``open``; one task at a time or many, their requests queue."""

    def __init__(self, manner: Manner | None = None) -> None:
        self.dialogue = Dialogue(manner)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiters: dict[Ticket, asyncio.Future[Reply]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = self._loop.create_future()

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        manner: Manner | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        local: str | None = None,
    ) -> "Connection":
        """Connects, ``local`` being the address to come from. Raises ``Unreachable``."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, protocol = await loop.create_connection(
                    lambda: cls(manner), host, port, ssl=tls, local_addr=(local, 0) if local else None
                )
        except TimeoutError:
            raise Unreachable(f"{host} port {port} does not answer") from None
        except ssl.SSLError as error:
            raise Unreachable(f"{host} port {port}: TLS failed: {error.reason or error}") from None
        except OSError as error:
            raise Unreachable(f"{host} port {port} cannot be reached: {_why(error)}") from None
        return protocol

    # -- asking ----------------------------------------------------------------------------------------------

    async def ask(self, request: Request | bytes) -> Reply:
        """The reply to a request. Raises ``NoAnswer``, ``LinkBroken``: the line is of no use after either."""
        ticket = self.dialogue.ask(request, self._loop.time())
        waiter: asyncio.Future[Reply] = self._loop.create_future()
        self._waiters[ticket] = waiter
        self._pump()
        return await waiter

    async def ask_all(self, requests: Iterable[Request | bytes]) -> list[Reply]:
        """The replies in the order of the requests, ``Manner.window`` of them under way at a time."""
        return list(await asyncio.gather(*(self.ask(request) for request in requests)))

    async def login(self, user: str, password: str, location: str | None = None) -> bool:
        """Whether the ACS accepted the terminal (93, 94)."""
        reply = await self.ask(Login("0", "0", user, password, location))
        return isinstance(reply.response, LoginResponse) and reply.response.ok

    async def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()
        await self._closed

    # -- asyncio's side --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the ACS."""
        self.dialogue.receive(data, self._loop.time())
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._transport = None
        self.dialogue.eof()
        self._pump()
        if not self._closed.done():
            self._closed.set_result(None)

    def _pump(self) -> None:
        now = self._loop.time()
        data = self.dialogue.data_to_send(now)
        if data and self._transport is not None:
            self._transport.write(data)
        while self.dialogue.settled:
            ticket = self.dialogue.settled.popleft()
            waiter = self._waiters.pop(ticket, None)
            if waiter is None or waiter.done():
                continue
            if ticket.reply is not None:
                waiter.set_result(ticket.reply)
            else:
                waiter.set_exception(ticket.fault or LinkBroken("no reply"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.dialogue.deadline
        if self._transport is not None and deadline < float("inf"):
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.dialogue.tick(self._loop.time())
        self._pump()
