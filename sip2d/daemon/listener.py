"""One address kiosks connect to: accept, caps, PROXY header, admission, TLS handshake, and only then a
protocol.

An accept loop of our own, because a stream's ``start_tls`` hangs behind a PROXY header (T4), and because a
stranger must get no byte and no handshake (issue 4.2). Works on uvloop and on asyncio.
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from sip2d.config import LimitsSettings, ListenerSettings
from sip2d.daemon import logs, proxy, tls
from sip2d.daemon.admission import Address, Admission, Admitted, Refusal, Seat, unmapped
from sip2d.daemon.metrics import Metrics
from sip2d.errors import ConfigurationError

BACKLOG: Final = 1024
PAUSE_SECONDS: Final = 0.25  # after an accept that failed: EMFILE must not spin
KEEPALIVE: Final = (60, 10, 3)  # idle, interval, probes: a kiosk without power is gone after 90 s
USER_TIMEOUT_MS: Final = 30_000
SHUTDOWN_SECONDS: Final = 5.0
_V2_LENGTH: Final = slice(14, 16)

log = logs.get(__name__)


class Peer(msgspec.Struct, frozen=True):
    """Who is there, for the protocol. ``seat.release()`` is the protocol's to call in ``connection_lost``."""

    number: int
    address: Address
    port: int
    listener: str
    profile: str
    tls: bool
    admitted: Admitted
    seat: Seat


Factory = Callable[[Peer], asyncio.Protocol]


class _Turned(Exception):
    """This connection ends here; the reason is a metric's label, empty for one that is no rejected kiosk."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gatehouse:
    """What all listeners share: the admission, the limits, the count of connections, and who builds a
    protocol."""

    def __init__(
        self,
        admission: Admission,
        limits: LimitsSettings,
        metrics: Metrics,
        factory: Factory,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.admission = admission
        self.limits = limits
        self.metrics = metrics
        self.factory = factory
        self.wall = wall
        self.pending = 0
        self._number = 0

    def number(self) -> int:
        """The next connection's."""
        self._number += 1
        return self._number

    def full(self) -> bool:
        """Are all connections taken, those still at the gate included?"""
        return self.pending + self.admission.open >= self.limits.connections


class Listener:
    """See the module. ``context`` may be replaced at any time; new connections take it."""

    def __init__(self, settings: ListenerSettings, gatehouse: Gatehouse) -> None:
        self.settings = settings
        self.context: ssl.SSLContext | None = tls.build(settings.tls) if settings.tls is not None else None
        self._gatehouse = gatehouse
        self._sock: socket.socket | None = None
        self._loop_task: asyncio.Task[None] | None = None
        self._arrivals: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The real port."""
        assert self._sock is not None
        port: int = self._sock.getsockname()[1]
        return port

    @property
    def up(self) -> bool:
        """Does it accept?"""
        return self._loop_task is not None and not self._loop_task.done()

    async def start(self) -> None:
        """Bind and accept. Raises OSError, ConfigurationError for a name that is none."""
        self._sock = await bind(self.settings.host, self.settings.port)
        self._loop_task = asyncio.create_task(self._accept(self._sock))

    async def stop(self) -> None:
        """Accept no more; connections that are through the gate stay."""
        tasks = [task for task in (self._loop_task, *self._arrivals) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._sock is not None:
            self._sock.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(listening)
            except OSError as error:
                # No descriptors or memory: the kernel keeps the kiosk waiting, and so do we.
                self._gatehouse.metrics.refused.labels("resources").inc()
                log.warning("listener.accept_failed", listener=self.settings.name, why=error.strerror)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            task = loop.create_task(self._arrive(sock, *_peer_of(peer)))
            self._arrivals.add(task)
            task.add_done_callback(functools.partial(self._arrived, sock))

    def _arrived(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._arrivals.discard(task)
        if task.cancelled():  # it may not even have begun
            sock.close()

    async def _arrive(self, sock: socket.socket, address: Address, port: int) -> None:
        """Lead one connection through the gate, or close it without a word."""
        gatehouse = self._gatehouse
        if gatehouse.full():
            gatehouse.metrics.refused.labels("connections").inc()
            sock.close()
            return
        gatehouse.pending += 1
        try:
            sock.setblocking(False)
            _prepare(sock)
            if self.settings.proxy_protocol == "require":
                address, port = await self._source(sock, address)
            admitted = self._admit(address)
            seat = self._seat(admitted)
        except _Turned as turned:
            sock.close()
            self._turn_away(address, turned.reason)
        except BaseException as fault:
            sock.close()
            if not isinstance(fault, OSError):
                raise
            self._turn_away(None, "gone")
        else:
            await self._seated(sock, admitted, seat, port)
        finally:
            gatehouse.pending -= 1

    async def _seated(self, sock: socket.socket, admitted: Admitted, seat: Seat, port: int) -> None:
        """The handshake, and the protocol. The socket belongs to a transport from here on."""
        try:
            await self._hand_over(sock, admitted, seat, port)
            self._gatehouse.metrics.accepted.labels(self.settings.name).inc()
        except _Turned as turned:
            seat.release()
            self._turn_away(admitted.address, turned.reason)
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            seat.release()
            self._turn_away(None, "gone" if self.context is None else "tls_handshake")
        except BaseException:
            seat.release()
            sock.close()
            raise

    async def _source(self, sock: socket.socket, proxy_address: Address) -> tuple[Address, int]:
        """Whom a trusted proxy speaks for; nobody else's header is even read."""
        if not any(
            proxy_address.version == network.version and proxy_address in network
            for network in self.settings.trusted_proxies
        ):
            raise _Turned("untrusted_proxy")
        try:
            async with asyncio.timeout(self._gatehouse.limits.proxy_timeout):
                header = await read_header(sock)
        except (proxy.ProxyError, TimeoutError, EOFError):
            raise _Turned("proxy_header") from None
        if header.local or header.source is None:
            raise _Turned("")  # a health check (T5)
        if header.version == 1 and header.source == proxy_address and not self._known(proxy_address):
            # Version 1 has no LOCAL: HAProxy's checks name HAProxy itself, and they come every two seconds.
            raise _Turned("")
        return header.source, header.source_port

    def _known(self, address: Address) -> bool:
        return bool(self._gatehouse.admission.candidates(address, int(self._gatehouse.wall())))

    def _admit(self, address: Address) -> Admitted:
        gatehouse = self._gatehouse
        admitted = gatehouse.admission.admit(
            address, tls=self.context is not None, now=int(gatehouse.wall()), handshaken=self.context is None
        )
        if isinstance(admitted, Refusal):
            raise _Turned(admitted.reason)
        return admitted

    def _seat(self, admitted: Admitted) -> Seat:
        seat = self._gatehouse.admission.seat(admitted)
        if isinstance(seat, Refusal):
            raise _Turned(seat.reason)
        return seat

    async def _hand_over(self, sock: socket.socket, admitted: Admitted, seat: Seat, port: int) -> None:
        loop = asyncio.get_running_loop()
        settings = self.settings
        encrypted = self.context is not None
        number = self._gatehouse.number()

        def protocol(admitted: Admitted) -> asyncio.Protocol:
            return self._gatehouse.factory(
                Peer(
                    number, admitted.address, port, settings.name, settings.profile, encrypted, admitted, seat
                )
            )

        if self.context is None:
            await loop.connect_accepted_socket(lambda: protocol(admitted), sock)
            return
        gate = _TlsGate(self._gatehouse, admitted, seat, protocol)
        await loop.connect_accepted_socket(
            lambda: gate,
            sock,
            ssl=self.context,
            ssl_handshake_timeout=self._gatehouse.limits.handshake_timeout,
            ssl_shutdown_timeout=SHUTDOWN_SECONDS,
        )
        if gate.refused:
            raise _Turned(gate.refused)

    def _turn_away(self, address: Address | None, reason: str) -> None:
        """Count it; remember the address where a terminal's row would help (CN-7)."""
        if not reason:
            return
        gatehouse = self._gatehouse
        gatehouse.metrics.refused.labels(reason).inc()
        name, first = self.settings.name, False
        if address is not None and reason not in ("proxy_header", "untrusted_proxy"):
            first = gatehouse.admission.turn_away(address, reason, name, int(gatehouse.wall()))
        # A stranger who tries without end is told once a flush; the metric counts them all.
        tell = log.info if first else log.debug
        tell("sip2.refused", listener=name, reason=reason, peer=str(address or ""))


class _TlsGate(asyncio.Protocol):
    """Stands behind the handshake: compares the client certificate, then makes way for the real protocol."""

    def __init__(
        self,
        gatehouse: Gatehouse,
        admitted: Admitted,
        seat: Seat,
        protocol: Callable[[Admitted], asyncio.Protocol],
    ) -> None:
        self._gatehouse = gatehouse
        self._admitted = admitted
        self._seat = seat
        self._protocol = protocol
        self.refused = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it
        certificate = transport.get_extra_info("ssl_object").getpeercert(True)
        admitted = self._gatehouse.admission.admit(
            self._admitted.address,
            tls=True,
            now=int(self._gatehouse.wall()),
            fingerprint=tls.fingerprint(certificate),
        )
        if isinstance(admitted, Refusal):
            self.refused = admitted.reason
        elif admitted.terminal is not None and not self._seat.bind(admitted.terminal):
            self.refused = "quota"
        else:
            real = self._protocol(admitted)
            transport.set_protocol(real)
            real.connection_made(transport)
            return
        transport.abort()


async def read_header(sock: socket.socket) -> proxy.Header:
    """The PROXY header, and not one byte more: what follows is the TLS ClientHello. Raises ProxyError,
    EOFError."""
    data = await _exactly(
        sock, b"", len(proxy.V2_SIGNATURE)
    )  # shorter than any whole header of either version
    header = proxy.parse(data)
    while header is None:
        if data.startswith(proxy.V1_PREFIX):
            wanted = len(data) + 1
        elif len(data) < proxy.V2_START:
            wanted = proxy.V2_START
        else:
            wanted = proxy.V2_START + int.from_bytes(data[_V2_LENGTH], "big")
        data = await _exactly(sock, data, wanted)
        header = proxy.parse(data)
    return header


async def _exactly(sock: socket.socket, data: bytes, wanted: int) -> bytes:
    loop = asyncio.get_running_loop()
    while len(data) < wanted:
        more = await loop.sock_recv(sock, wanted - len(data))
        if not more:
            raise EOFError
        data += more
        proxy.parse(data)  # refused at its first wrong byte, not when it is whole
    return data


async def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError, ConfigurationError for a name that is none."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ConfigurationError(f"{host}: cannot be bound ({error.strerror}).") from None
    family, kind, number, _, address = found[0]
    sock = socket.socket(family, kind, number)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{host} port {port}: {error.strerror}") from None
    return sock


def _peer_of(accepted: tuple[Any, ...]) -> tuple[Address, int]:
    """What accept said: a proxy's health check has cut the line by the time the socket could be asked."""
    host, port = accepted[:2]
    return unmapped(ipaddress.ip_address(host.partition("%")[0])), port


def _prepare(sock: socket.socket) -> None:
    """No Nagle; find out about kiosks that lost their power (performance.md 8)."""
    idle, interval, probes = KEEPALIVE
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
