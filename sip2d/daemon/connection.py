"""One kiosk's connection: the shell of asyncio around a session.

The session decides what is a request and in which order answers leave; this class carries requests to who
serves them and answers to the
socket. Reads and writes of one connection never overlap: a read sees what an earlier write of the same kiosk
did, and a write follows the
reads before it, because a change of road waits until the other is empty (house.md "Order").
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import cast

import msgspec

from sip2d.circulation.authorise import LOGIN_REQUIRED, SYSTEM_ERROR
from sip2d.circulation.call import UNSPOKEN, Answer, PinNeeded
from sip2d.circulation.refuse import refusal
from sip2d.circulation.service import refuse
from sip2d.circulation.status import acs_status, closed_status, spoken
from sip2d.daemon.acs import Binding
from sip2d.daemon.errand import Errand
from sip2d.daemon.front import Front
from sip2d.daemon.listener import Peer
from sip2d.daemon.login import log_in
from sip2d.daemon.quickack import Sock, acknowledge
from sip2d.errors import OutcomeUnknown, StoreBusy
from sip2d.session.session import Session
from sip2d.session.slots import Exchange
from sip2d.session.states import CloseReason
from sip2d.store.library import Branch, Institution
from sip2d.wire import codec
from sip2d.wire.kinds import stamp
from sip2d.wire.messages import Login, LoginResponse, Request, ScStatus
from sip2d.wire.profile import Profile


class Connection(asyncio.Protocol):
    """See the module. Made by the listener for an admitted peer."""

    __slots__ = (
        "_busy",
        "_errands",
        "_front",
        "_loop",
        "_pinned",
        "_reading",
        "_road",
        "_scheduled",
        "_socket",
        "_spoken",
        "_tasks",
        "_transport",
        "_writable",
        "binding",
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
        self.peer = peer
        self.number = peer.number
        self.binding: Binding | None = None
        terminal = peer.admitted.terminal
        if terminal is not None:
            self.binding = Binding(terminal, terminal.branch_id)
        self.profile = self._dialect()
        self.session = Session(
            front.limits(self.binding, self.profile),
            self.profile.terminator_bytes,
            bound=self.binding is not None,
            now=self._front.ticks(),
            counters=front.counters,
        )
        self.opened_at = front.acs.now()
        self.served = 0
        self._transport: asyncio.Transport | None = None
        self._socket: Sock | None = None
        self._errands: deque[Errand] | None = None
        self._tasks: set[asyncio.Task[None]] | None = None
        self._busy = 0
        self._road = False
        self._pinned = False
        self._reading = True
        self._writable = True
        self._scheduled = False
        self._spoken = UNSPOKEN

    def _dialect(self) -> Profile:
        """Before login: the one common to the peer's terminals, else the listener's (issue 2.4)."""
        acs, library = self._front.acs, self._front.acs.library
        if self.binding is not None:
            return acs.profile(self.binding.terminal.profile, library.branches.get(self.binding.branch_id))
        candidates = self.peer.admitted.candidates
        found = {acs.profile(row.profile, library.branches.get(row.branch_id)).name for row in candidates}
        return acs.profile(found.pop() if len(found) == 1 else self.peer.profile)

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
        """The end. Units under way are finished by the store; nobody waits for their answers."""
        self._transport = None
        if self.session.close_reason is None:
            self.session.close(CloseReason.EOF)
        if self._errands:
            self._errands.clear()
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
        if session.finished:
            transport.close()
            return
        if session.waiting and self._writable and not self._scheduled:
            # The next round has its own turn of the loop: a flood on one line never holds up another.
            self._scheduled = True
            self._loop.call_soon(self._take_waiting)
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
        code = exchange.code
        if code == "99":
            self._status(exchange)
            return
        request = codec.parse_request(exchange.body, self.profile)
        if request is None:  # the session lets only known codes through
            self.session.silence(exchange)
        elif isinstance(request, Login):
            self._start(self._log_in(exchange, request))
        elif self.binding is None or not exchange.allowed:
            self._refuse_unbound(exchange, code)
        else:
            if getattr(request, "no_block", False):
                self._front.no_block(self, code)
            self._queue(
                Errand(
                    self._front.acs,
                    self.binding,
                    exchange,
                    request,
                    self._front.acs.now(),
                    self._front.ticks(),
                    self.number,
                    self._came_back,
                )
            )

    def _status(self, exchange: Exchange) -> None:
        acs = self._front.acs
        request = codec.parse_request(exchange.body, self.profile)
        assert isinstance(request, ScStatus)
        self._spoken = spoken(request)
        institution, branch = self._place()
        now = acs.now()
        if self.binding is None or branch is None or institution is None:
            zone = institution.zone if institution else self._front.zone
            response = closed_status(institution.code if institution else "", stamp(now, zone), request)
        else:
            self.binding = msgspec.structs.replace(self.binding, spoken=self._spoken)
            response = acs_status(institution, branch, acs.health, stamp(now, branch.zone), request)
        body = codec.build(response, self.profile, self._spoken.version_1)
        self._answer(exchange, Answer(body, "ok"), exchange.received_at)

    def _place(self) -> tuple[Institution | None, Branch | None]:
        """The session's branch; before login the institution its candidates share."""
        library = self._front.acs.library
        if self.binding is not None:
            branch = library.branches.get(self.binding.branch_id)
            return (library.institutions.get(branch.institution_id), branch) if branch else (None, None)
        rows = [
            library.branches[row.branch_id]
            for row in self.peer.admitted.candidates
            if row.branch_id in library.branches
        ]
        shared = {branch.institution_id for branch in rows}
        return (library.institutions.get(shared.pop()) if len(shared) == 1 else None), None

    def _refuse_unbound(self, exchange: Exchange, code: str) -> None:
        """A known message before login: its own refusal, AF LOGIN_REQUIRED (CN-7); it names nothing of the
        library's."""
        acs = self._front.acs
        request = codec.parse_request(exchange.body, self.profile)
        assert request is not None
        institution, _branch = self._place()
        zone = institution.zone if institution else self._front.zone
        said = acs.wording(acs.library).unplaced(
            LOGIN_REQUIRED.scenario, getattr(request, "language", ""), institution
        )
        response = refusal(request, "", stamp(acs.now(), zone), said)
        self._answer(
            exchange,
            Answer(codec.build(response, self.profile), "refused", LOGIN_REQUIRED.code),
            exchange.received_at,
        )

    async def _log_in(self, exchange: Exchange, request: Login) -> None:
        outcome = await log_in(self._front, self, request)
        if isinstance(outcome, Binding):
            before = self._front.branch_code(self)
            self.binding = msgspec.structs.replace(outcome, spoken=self._spoken)
            self.profile = self._dialect()
            self.session.bind(self._front.limits(outcome, self.profile), self.profile.terminator_bytes)
            self._front.bound(self, before)
        else:
            self._front.login_failed(self, outcome)
            self._unbind()
            self.session.login_failed()
        body = codec.build(LoginResponse(isinstance(outcome, Binding)), self.profile)
        rule = "" if isinstance(outcome, Binding) else outcome
        self._answer(exchange, Answer(body, "refused" if rule else "ok", rule), exchange.received_at)
        self.flush()

    def _unbind(self) -> None:
        before = self._front.branch_code(self)
        self.binding = None
        self._front.bound(self, before)

    def adjust(self) -> None:
        """The branch's settings changed: the dialect and the limits follow, the session stays."""
        self.profile = self._dialect()
        self.session.adjust(self._front.limits(self.binding, self.profile), self.profile.terminator_bytes)

    # -- errands to the store ----------------------------------------------------------------------------

    def _queue(self, errand: Errand) -> None:
        if self._errands or not self._may_go(errand):
            if self._errands is None:
                self._errands = deque()
            self._errands.append(errand)
        else:
            self._go(errand)

    def _may_go(self, errand: Errand) -> bool:
        """Whether nothing under way could be overtaken. One with a PIN goes alone: it may have to come back
        for the hash."""
        if not self._busy:
            return True
        return (
            errand.writes == self._road
            and not self._pinned
            and not getattr(errand.request, "patron_password", None)
        )

    def _go(self, errand: Errand) -> None:
        self._busy += 1
        self._road = errand.writes
        self._pinned = bool(getattr(errand.request, "patron_password", None))
        try:
            errand.submit()
        except StoreBusy as fault:
            self._came_back(errand, None, fault)

    def _came_back(self, errand: Errand, answer: Answer | None, fault: BaseException | None) -> None:
        if isinstance(fault, PinNeeded):
            self._start(self._check_pin(errand, fault))
            return
        self._busy -= 1
        if self._transport is None:
            return
        if answer is not None:
            self._answer(errand.exchange, answer, errand.arrived, errand.request)
        else:
            self._fault(errand, fault)
        while self._errands and self._may_go(self._errands[0]):
            self._go(self._errands.popleft())
        self.flush()

    async def _check_pin(self, errand: Errand, needed: PinNeeded) -> None:
        try:
            await errand.check(needed)
        except StoreBusy as fault:
            self._came_back(errand, None, fault)

    def _fault(self, errand: Errand, fault: BaseException | None) -> None:
        """What the kiosk gets for a fault: a refusal if nothing happened, no answer if that is not known
        (reliability.md G3)."""
        self._front.faulted(self, errand.request.code, fault)
        if isinstance(fault, OutcomeUnknown):
            self.session.abandon(errand.exchange, CloseReason.OUTCOME_UNKNOWN)
            return
        acs = self._front.acs
        try:
            call = acs.call(acs.library, errand.binding, errand, errand.now, errand.exchange_id)
        except KeyError:
            self.session.abandon(errand.exchange, CloseReason.REVOKED)
            return
        # Not remembered: the same request again is served, not told "unavailable" from memory.
        self._answer(
            errand.exchange,
            refuse(call, errand.request, SYSTEM_ERROR),
            errand.arrived,
            errand.request,
            remember=False,
        )

    def _answer(
        self,
        exchange: Exchange,
        answer: Answer,
        arrived: float,
        request: Request | None = None,
        *,
        remember: bool = True,
    ) -> None:
        self.session.answer(exchange, answer.body, remember=remember)
        self.served += 1
        self._front.served(self, exchange.code, answer, self._front.ticks() - arrived, request)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
