"""One kiosk's connection: the shell of asyncio around a session.

The session decides what is a request and in which order answers leave; this class carries requests to who
serves them (the lobby from memory, the road to the store) and answers to the socket.
"""

import asyncio
from collections.abc import Coroutine
from typing import Final, cast

import msgspec

from sip2d.circulation.answers import journal_key
from sip2d.circulation.authorise import SYSTEM_ERROR
from sip2d.circulation.call import Answer, PinNeeded
from sip2d.circulation.service import refuse
from sip2d.daemon.acs import Binding
from sip2d.daemon.errand import Abandoned, Errand
from sip2d.daemon.front import Front
from sip2d.daemon.listener import Peer
from sip2d.daemon.lobby import Lobby
from sip2d.daemon.login import log_in
from sip2d.daemon.quickack import Sock, acknowledge
from sip2d.daemon.road import Road
from sip2d.errors import OutcomeUnknown, StoreBusy
from sip2d.session.session import Session
from sip2d.session.slots import Exchange
from sip2d.session.states import CloseReason
from sip2d.wire import codec
from sip2d.wire.messages import Login, Request, ScStatus

_LOGIN: Final = Login.code
_STATUS: Final = ScStatus.code


class Connection(asyncio.Protocol):
    """See the module. Made by the listener for an admitted peer."""

    __slots__ = (
        "_front",
        "_lobby",
        "_loop",
        "_reading",
        "_road",
        "_scheduled",
        "_socket",
        "_tasks",
        "_transport",
        "_writable",
        "binding",
        "labels",
        "number",
        "opened_at",
        "peer",
        "profile",
        "served",
        "session",
    )

    def __init__(self, front: Front, peer: Peer) -> None:
        self._front = front
        self._loop = front.loop
        self._lobby = Lobby(front.acs, peer.admitted)
        self._road = Road()
        self.peer = peer
        self.number = peer.number
        terminal = peer.admitted.terminal
        self.binding = front.acs.bind(terminal, terminal.branch_id) if terminal is not None else None
        self.profile = self._lobby.profile(self.binding, peer.profile)
        self.labels = front.labels(self.binding)
        self.session = Session(
            front.limits(self.binding, self.profile),
            self.profile.terminator_bytes,
            bound=self.binding is not None,
            now=front.ticks(),
            counters=front.counters,
        )
        self.opened_at = front.acs.now()
        self.served = 0
        self._transport: asyncio.Transport | None = None
        self._socket: Sock | None = None
        self._tasks: set[asyncio.Task[None]] | None = None
        self._reading = True
        self._writable = True
        self._scheduled = False

    # -- asyncio's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is admitted, and behind TLS where there is TLS."""
        self._transport = cast(asyncio.Transport, transport)
        self._socket = transport.get_extra_info("socket")
        self._front.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the kiosk."""
        session = self.session
        for exchange in session.receive(data, self._front.ticks()):
            self._take(exchange)
        if session.quiet:
            return
        self.flush()
        if session.partial and self._socket is not None:
            self._front.watch(self)
            # A kiosk that writes a frame in two sends waits 44 ms for our ACK otherwise (performance.md 1).
            acknowledge(self._socket)

    def eof_received(self) -> bool:
        """The kiosk has said all; what it asked is still answered."""
        self.session.eof()
        self.flush()
        return not self.session.finished

    def connection_lost(self, exc: Exception | None) -> None:
        """The end. Nobody waits for what is under way."""
        self._transport = None
        if self.session.close_reason is None:
            self.session.close(CloseReason.EOF)
        self._road.close()
        for task in tuple(self._tasks or ()):
            task.cancel()
        self._front.closed(self)

    def pause_writing(self) -> None:
        """The kiosk does not read: keep answers here and stop reading."""
        self._writable = False
        self._keep_pace()

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable = True
        self.flush()

    # -- answers out -------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what is ready, one write a reply (quirks A13), and sees to frames that had to wait."""
        transport = self._transport
        if transport is None:
            return
        session = self.session
        for reply in session.data_to_send():
            transport.write(reply)
        if session.close_reason is not None and session.finished:
            transport.close()
            return
        paused = session.paused  # whatever waits pauses: one look for both, nearly always enough
        if paused and session.waiting and self._writable and not self._scheduled:
            # The next round has its own turn of the loop: a flood on one line never holds up another.
            self._scheduled = True
            self._loop.call_soon(self._take_waiting)
        if paused == self._reading or not self._writable:
            self._keep_pace()

    def _take_waiting(self) -> None:
        self._scheduled = False
        if self._transport is not None:
            for exchange in self.session.release(self._front.ticks()):
                self._take(exchange)
            self.flush()

    def _keep_pace(self) -> None:
        transport = self._transport
        if transport is None:
            return
        reading = self._writable and not self.session.paused
        if reading != self._reading:
            self._reading = reading
            if reading:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def tick(self, now: float) -> None:
        """Looks at the timeouts; called by the daemon's one wheel when ``session.deadline`` is due."""
        if self.session.tick(now) is not None:
            self.flush()

    def end(self, reason: CloseReason) -> None:
        """Ends the session: what was received is answered, then the connection closes."""
        self.session.close(reason)
        self.flush()

    def abort(self) -> None:
        """Ends it now."""
        if self._transport is not None:
            self._transport.abort()

    # -- requests in -------------------------------------------------------------------------------------

    def _take(self, exchange: Exchange) -> None:
        """Finds who serves a request; every known code gets an answer of its own, whatever its frame looks
        like."""
        if exchange.code == _STATUS:
            self._status(exchange)
            return
        request = codec.parse_request(exchange.body, self.profile)
        if exchange.code == _LOGIN:
            assert isinstance(request, Login)
            self._start(self._log_in(exchange, request))
        elif request is None:  # the session lets only known codes through
            self.session.silence(exchange)
        elif self.binding is None or not exchange.allowed:
            self._answer(exchange, self._lobby.refuse(request, self.profile), exchange.received_at)
        else:
            self._send(exchange, request, self.binding)

    def _status(self, exchange: Exchange) -> None:
        lobby = self._lobby
        told = lobby.status(exchange.body, self.binding, self.profile)
        self._answer(exchange, told, exchange.received_at)
        binding = self.binding
        if binding is not None and binding.spoken != lobby.spoken:
            self.binding = msgspec.structs.replace(binding, spoken=lobby.spoken)

    async def _log_in(self, exchange: Exchange, request: Login) -> None:
        found = await log_in(self._front.acs, self.peer, request)
        front, before = self._front, self._front.branch_code(self)
        failed = "" if isinstance(found, Binding) else found
        if isinstance(found, Binding):
            self.binding = msgspec.structs.replace(found, spoken=self._lobby.spoken)
            self.profile = self._lobby.profile(self.binding, self.peer.profile)
            self.session.bind(front.limits(self.binding, self.profile), self.profile.terminator_bytes)
        else:
            front.login_failed(self, failed)
            self.binding = None
            self.session.login_failed()
        self.labels = front.labels(self.binding)
        front.bound(self, before)
        self._answer(exchange, self._lobby.login(failed, self.profile), exchange.received_at)
        self.flush()

    def adjust(self) -> None:
        """The branch's or the terminal's settings changed: they are live at once (issue 4.4), the session
        stays."""
        if self.binding is not None:
            terminal = self._front.acs.admission.terminal(self.binding.terminal.id)
            if terminal is not None:  # else the session is ended by the same look at the epoch
                self.binding = msgspec.structs.replace(self.binding, terminal=terminal)
        self.profile = self._lobby.profile(self.binding, self.peer.profile)
        self.labels = self._front.labels(self.binding)
        self.session.adjust(self._front.limits(self.binding, self.profile), self.profile.terminator_bytes)

    # -- errands to the store ----------------------------------------------------------------------------

    def _send(self, exchange: Exchange, request: Request, binding: Binding) -> None:
        front = self._front
        if getattr(request, "no_block", False):
            front.no_block(self, exchange.code)
        errand = Errand.of(front.acs, binding, exchange, request, self.number, self._came_back, self._road)
        self._road.send(errand)

    def _came_back(self, errand: Errand, answer: Answer | None, fault: BaseException | None) -> None:
        if fault is not None and isinstance(fault, PinNeeded) and not self._road.closed:
            self._start(self._check_pin(errand, fault))
            return
        if self._transport is not None:
            if answer is not None:
                self._answer(errand.exchange, answer, errand.arrived, errand.request)
            elif not isinstance(fault, Abandoned | PinNeeded):
                self._fault(errand, fault)
        self._road.finished()
        if not (self._reading and self.session.quiet):
            self.flush()

    async def _check_pin(self, errand: Errand, needed: PinNeeded) -> None:
        try:
            await errand.check(needed)
        except StoreBusy as fault:
            self._came_back(errand, None, fault)

    def _fault(self, errand: Errand, fault: BaseException | None) -> None:
        """What the kiosk gets: a refusal if nothing happened, no answer if that is not known (reliability.md
        G3)."""
        self._front.faulted(self, errand.request.code, fault)
        acs, binding = self._front.acs, errand.binding
        if binding.branch_id not in acs.library.branches:
            self._road.close()
            self.session.abandon(errand.exchange, CloseReason.REVOKED)
            return
        call = acs.call(acs.library, binding, errand, errand.now, errand.exchange_id)
        key = journal_key(call, errand.request) if errand.writes else None
        if key is not None and isinstance(fault, OutcomeUnknown):
            self._front.doubts.add(key)
        if isinstance(fault, OutcomeUnknown) or key in self._front.doubts:
            self._road.close()  # before the kiosk can know: what it sent behind this one is not done any more
            self.session.abandon(errand.exchange, CloseReason.OUTCOME_UNKNOWN)
        else:
            told = refuse(call, errand.request, SYSTEM_ERROR)
            # Not remembered: the same request again is served, not told "unavailable" from memory.
            self._answer(errand.exchange, told, errand.arrived, errand.request, remember=False)

    def _answer(
        self,
        exchange: Exchange,
        answer: Answer,
        arrived: float,
        request: Request | None = None,
        *,
        remember: bool = True,
    ) -> None:
        alone = self.session.answer_alone(exchange, answer.body) if remember else None
        if alone is None:
            self.session.answer(exchange, answer.body, remember=remember)
        elif self._transport is not None:
            self._transport.write(alone)
        self.served += 1
        self._front.served(self, exchange.code, answer, self._front.ticks() - arrived, request)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of this connection is over; one that failed ends the connection, and nobody else's."""
        if self._tasks is not None:
            self._tasks.discard(task)
            self._tasks = self._tasks or None  # an empty set is 0.2 KiB of an idle connection
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._front.faulted(self, "", fault)
            self.abort()
