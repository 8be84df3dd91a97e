"""The two places transcripts are played at: session, codec and circulation in this thread, and the daemon's
own connection over TCP. Same database, same clock, same terminals.
"""

import asyncio
import ipaddress

import msgspec

from sip2d.circulation.authorise import LOGIN_REQUIRED
from sip2d.circulation.call import UNSPOKEN
from sip2d.circulation.refuse import refusal
from sip2d.circulation.registry import SERVICES
from sip2d.circulation.service import serve
from sip2d.circulation.status import acs_status, closed_status, spoken
from sip2d.compose import catalogue, profiles
from sip2d.config import LimitsSettings
from sip2d.daemon.access_log import AccessLog
from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.admission import Address, Admission, Admitted, LoggedIn, Seat
from sip2d.daemon.connection import Connection
from sip2d.daemon.front import Front
from sip2d.daemon.listener import Peer
from sip2d.daemon.login import PLAIN
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.pins import Pins, matches
from sip2d.session.session import Session
from sip2d.session.slots import Exchange
from sip2d.store.executor import Post, Store
from sip2d.wire import codec
from sip2d.wire.kinds import stamp
from sip2d.wire.messages import Login, LoginResponse, ScStatus
from sip2d.wire.profile import Profile
from tests.support.transcripts import Clock

WAIT = 10.0
"""Seconds for an answer over TCP: far more than one takes."""


class Server:
    """What a running daemon has in common for its connections, on one database."""

    def __init__(self, url: str, clock: Clock, post: Post | None = None) -> None:
        self.url = url
        self.clock = clock
        self.store = Store.open(url, post=post)
        with self.store.unit("start", writes=False) as unit:
            admission = Admission(unit.library, per_address=16)
        self.pins = Pins()
        self.acs = Acs(self.store, self.pins, admission, profiles(None), catalogue(None), clock)
        limits = LimitsSettings()
        self.front = Front(self.acs, Metrics(), AccessLog(), lambda: limits, asyncio.get_running_loop())

    @property
    def seconds(self) -> int:
        """The clock as the tables have it."""
        return int(self.clock.now.timestamp())

    def admit(self, terminal: str) -> tuple[Admitted, Seat, Address]:
        """A connection from a terminal's address."""
        row = next(row for row in self.acs.library.terminals if row.name == terminal)
        address = row.network.network_address
        admitted = self.acs.admission.admit(address, tls=False, now=self.seconds)
        assert isinstance(admitted, Admitted), admitted
        seat = self.acs.admission.seat(admitted)
        assert isinstance(seat, Seat), seat
        return admitted, seat, ipaddress.ip_address(str(address))

    def changed(self) -> None:
        """The daemon's poll: the library of the new epoch, sessions of terminals that changed ended."""
        with self.store.unit("poll", writes=False) as unit:
            library = unit.library
        self.front.end(self.acs.admission.swap(library, self.seconds))
        self.front.tick(self.front.loop.time())

    def close(self) -> None:
        """The end."""
        self.pins.close()
        self.store.close()


class Oracle:
    """PINs hashed on the spot."""

    def verdict(self, subject: str, secret: str, stored: str | None) -> bool | None:
        return stored is not None and matches(secret, stored)


class InProcess:
    """Bytes into a ``Session``, what it wants served into ``circulation.service``, answers out: no loop, no
    thread, no socket."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.server = Server(url, clock)
        self._began = clock.now
        self._replies: list[bytes] = []

    @property
    def store(self) -> Store:
        return self.server.store

    @property
    def _now(self) -> float:
        return 1000.0 + (self.server.clock.now - self._began).total_seconds()

    async def connect(self, terminal: str) -> None:
        self._admitted, self._seat, _ = self.server.admit(terminal)
        bound = self._admitted.terminal
        self._binding = Binding(bound, bound.branch_id) if bound else None
        self._spoken = UNSPOKEN
        self._session = Session(
            self.server.front.limits(self._binding, self._profile),
            self._profile.terminator_bytes,
            bound is not None,
            now=self._now,
        )

    @property
    def _profile(self) -> Profile:
        acs, binding = self.server.acs, self._binding
        if binding is None:
            row = self._admitted.candidates[0]
            return acs.profile(row.profile, acs.library.branches[row.branch_id])
        return acs.profile(binding.terminal.profile, acs.library.branches[binding.branch_id])

    async def restart(self) -> None:
        url, clock = self.server.url, self.server.clock
        self.server.close()
        self.server = Server(url, clock)

    async def changed(self) -> None:
        self.server.changed()
        if hasattr(self, "_session"):
            binding = self._binding
            rows = {row.id: row for row in self.server.acs.library.terminals}
            if binding is not None and binding.terminal.id in rows:
                self._binding = Binding(rows[binding.terminal.id], binding.branch_id, self._spoken)
            limits = self.server.front.limits(self._binding, self._profile)
            self._session.adjust(limits, self._profile.terminator_bytes)

    async def send(self, data: bytes) -> None:
        exchanges = self._session.receive(data, self._now)
        while True:
            for exchange in exchanges:
                body = await self._serve(exchange)
                self._session.answer(exchange, body)
            self._replies += self._session.data_to_send()
            if not self._session.waiting:
                return
            exchanges = self._session.release(self._now)

    async def receive(self, terminator: bytes) -> bytes | None:
        if self._replies:
            return self._replies.pop(0)
        return None if self._session.finished else b""

    async def rest(self) -> bytes:
        self._seat.release()
        left, self._replies = b"".join(self._replies), []
        return left

    async def close(self) -> None:
        self.server.close()

    # -- serving ---------------------------------------------------------------------------------------------

    async def _serve(self, exchange: Exchange) -> bytes:
        acs, profile = self.server.acs, self._profile
        request = codec.parse_request(exchange.body, profile)
        assert request is not None
        if isinstance(request, ScStatus):
            return self._status(request)
        if isinstance(request, Login):
            return await self._log_in(request)
        binding = self._binding
        if binding is None or not exchange.allowed:
            institution = acs.library.institutions[
                acs.library.branches[self._admitted.candidates[0].branch_id].institution_id
            ]
            said = acs.wording(acs.library).unplaced(
                LOGIN_REQUIRED, getattr(request, "language", ""), institution
            )
            return codec.build(refusal(request, "", stamp(acs.now(), institution.zone), said), profile)
        service = SERVICES[request.code]
        with self.store.unit(request.code, writes=service.writes) as unit:
            call = acs.call(unit.library, binding, Oracle(), acs.now(), acs.exchange_id())
            return serve(unit, request, call).body

    def _status(self, request: ScStatus) -> bytes:
        acs = self.server.acs
        self._spoken = spoken(request)
        binding = self._binding
        if binding is None:
            branch = acs.library.branches[self._admitted.candidates[0].branch_id]
            institution = acs.library.institutions[branch.institution_id]
            now = stamp(acs.now(), institution.zone)
            closed = closed_status(institution.code, now, request)
            return codec.build(closed, self._profile, self._spoken.version_1)
        self._binding = msgspec.structs.replace(binding, spoken=self._spoken)
        branch = acs.library.branches[binding.branch_id]
        institution = acs.library.institutions[branch.institution_id]
        now = stamp(acs.now(), branch.zone)
        told = acs_status(institution, branch, acs.health, now, request)
        return codec.build(told, self._profile, self._spoken.version_1)

    async def _log_in(self, request: Login) -> bytes:
        plain = request.uid_algorithm in PLAIN and request.pwd_algorithm in PLAIN
        found = (
            plain
            and request.login_password
            and await self.server.acs.admission.login(
                self.server.pins,
                self._admitted,
                self._seat,
                user=request.login_user,
                password=request.login_password,
                location=(request.location_code or "").strip() or None,
                now=self.server.seconds,
            )
        )
        if isinstance(found, LoggedIn):
            self._binding = Binding(found.terminal, found.branch.id, self._spoken)
            limits = self.server.front.limits(self._binding, self._profile)
            self._session.bind(limits, self._profile.terminator_bytes)
        else:
            self._binding = None
            self._session.login_failed()
        return codec.build(LoginResponse(isinstance(found, LoggedIn)), self._profile)


class OverTcp:
    """The daemon's connection behind a loopback socket; the terminal's address is what the listener would
    have seen."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self.server = Server(url, clock, asyncio.get_running_loop().call_soon_threadsafe)
        self._listener: asyncio.Server | None = None
        self._terminal = ""
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None

    @property
    def store(self) -> Store:
        return self.server.store

    def _made(self) -> Connection:
        self._number += 1
        admitted, seat, address = self.server.admit(self._terminal)
        row = admitted.candidates[0]
        profile = row.profile
        peer = Peer(self._number, address, 0, "test", profile, False, admitted, seat)
        return Connection(self.server.front, peer)

    async def connect(self, terminal: str) -> None:
        await self._hang_up()
        port = await self.listen(terminal)
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)

    async def listen(self, terminal: str) -> int:
        """The port; from now on who connects is this terminal."""
        self._terminal = terminal
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(self._made, "127.0.0.1", 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def restart(self) -> None:
        await self._shut()
        loop = asyncio.get_running_loop()
        self.server = Server(self.server.url, self._clock, loop.call_soon_threadsafe)

    async def changed(self) -> None:
        self.server.changed()

    async def send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    async def receive(self, terminator: bytes) -> bytes | None:
        async with asyncio.timeout(WAIT):
            try:
                return await self._reader.readuntil(terminator)
            except asyncio.IncompleteReadError as cut:
                return cut.partial or None

    async def rest(self) -> bytes:
        assert self._writer is not None
        self._writer.write_eof()
        async with asyncio.timeout(WAIT):
            left = await self._reader.read()
        await self._hang_up()
        return left

    async def _hang_up(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            await writer.wait_closed()

    async def _shut(self) -> None:
        await self._hang_up()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.server.front.abort()
        await asyncio.sleep(0.01)  # the loop tells them that they are lost
        self.server.close()

    async def close(self) -> None:
        await self._shut()
