"""The SC's side of one connection, sans I/O: sequence digits, retransmission, 96 and 97, a window.

Theory of operation
-------------------

``ask`` queues a request and gives its ``Ticket``; ``data_to_send`` gives the bytes to write; ``receive``
takes what came; ``tick`` is due at ``deadline``. Tickets that were answered (or failed) come out of
``settled``::

    ticket = dialogue.ask(request, now)
    transport.write(dialogue.data_to_send(now))
    dialogue.receive(data, now)             # then data_to_send and settled again
    dialogue.tick(now)                      # the same

Recovery follows sip2.md 4.4, "SC side": the same bytes on retransmission, 97 after a damaged reply, the
original again after a 96 (unless a 97 was the last thing sent), and a reply with another sequence digit is
discarded. With more than one request under way a 97 would not say which reply is meant, so there the oldest
request is sent again instead. Whatever cannot be recovered breaks the whole line: ``broken`` says why, and
every open ticket fails with it, because nobody knows any more which reply belongs to which request.
"""

import math
import re
from collections import deque
from typing import Final

import msgspec

from sip2d.wire import codec
from sip2d.wire.frame import HARD_CAP, Framer, FrameTooLong, Trailer, seal, split_trailer, verify
from sip2d.wire.messages import REQUEST_BY_CODE, RESPONSE_BY_CODE, Request, RequestAcsResend, Response
from sip2d.wire.profile import STANDARD, Profile

WIDEST: Final = 9  # fewer requests under way than there are sequence digits, so that a digit names one
ACS_STATUS: Final = "98"  # may answer any request: the ACS's status changed (sip2.md 4.5)
_CODE = re.compile(rb"[0-9]{2}")


class LineFault(Exception):
    """The line to the ACS is of no use any more."""


class Unreachable(LineFault):
    """No connection: refused, no such host, no TLS."""


class NoAnswer(LineFault):
    """The ACS stayed silent through every retransmission."""


class LinkBroken(LineFault):
    """Damage that retransmission did not mend, or the ACS closed the connection."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How this SC speaks. ``timeout`` in seconds per attempt, ``retries`` after the first."""

    profile: Profile = STANDARD
    error_detection: bool = True
    timeout: float = 15.0
    retries: int = 3
    window: int = 1


class Reply(msgspec.Struct, frozen=True):
    """What came for a request: the message (``None`` when its code is unknown), its bytes without terminator,
    the seconds since the request was first sent, and how often it was sent.
    """

    response: Response | None
    raw: bytes
    seconds: float
    tries: int

    def __repr__(self) -> str:
        return f"Reply({self.raw[:2]!r})"


class Ticket(msgspec.Struct, eq=False):
    """A request on its way. ``reply`` or ``fault`` is set once it is settled."""

    body: bytes
    frame: bytes = b""
    sequence: bytes | None = None
    tries: int = 0
    first_sent: float = 0.0
    sent: float = 0.0
    reply: Reply | None = None
    fault: LineFault | None = None

    @property
    def code(self) -> str:
        """The two characters of its message."""
        return self.body[:2].decode("latin-1")

    def __repr__(self) -> str:  # the body may hold a PIN
        return f"Ticket({self.code})"


class Dialogue:
    """See the module. ``now`` is monotonic seconds."""

    def __init__(self, manner: Manner | None = None) -> None:
        self.manner = manner or Manner()
        self.broken: LineFault | None = None
        self.settled: deque[Ticket] = deque()
        self._window = max(1, min(self.manner.window, WIDEST))
        self._framer = Framer(HARD_CAP)
        self._digit = 0
        self._waiting: deque[Ticket] = deque()
        self._under_way: deque[Ticket] = deque()
        self._out: list[bytes] = []
        self._resends_asked = 0  # 97s since the last good reply
        self._last_was_97 = False
        self._delimiter = self.manner.profile.delimiter.encode("latin-1", "replace")

    # -- requests out ----------------------------------------------------------------------------------------

    def ask(self, request: Request | bytes, now: float) -> Ticket:
        """Queues a request; bytes are the body of a frame as it is to be sent. Raises ``LineFault`` when the
        line is broken already.
        """
        if self.broken is not None:
            raise self.broken
        body = request if isinstance(request, bytes) else codec.build(request, self.manner.profile)
        ticket = Ticket(body)
        self._waiting.append(ticket)
        self._advance(now)
        return ticket

    def data_to_send(self, now: float) -> bytes:
        """The bytes to write now."""
        self._advance(now)
        data = b"".join(self._out)
        self._out.clear()
        return data

    @property
    def deadline(self) -> float:
        """When ``tick`` is due; infinite while nothing is under way."""
        if self.broken is not None or not self._under_way:
            return math.inf
        return self._under_way[0].sent + self.manner.timeout

    def _advance(self, now: float) -> None:
        while self._waiting and len(self._under_way) < self._window:
            ticket = self._waiting.popleft()
            checked = self.manner.error_detection
            if checked and ticket.code != RequestAcsResend.code:
                ticket.sequence = b"%d" % self._digit
                self._digit = (self._digit + 1) % 10
            terminator = self.manner.profile.terminator_bytes
            ticket.frame = seal(ticket.body, ticket.sequence, checked, terminator)
            ticket.first_sent = now
            self._under_way.append(ticket)
            self._send(ticket, now)

    def _send(self, ticket: Ticket, now: float) -> None:
        ticket.tries += 1
        ticket.sent = now
        self._last_was_97 = ticket.code == RequestAcsResend.code
        self._out.append(ticket.frame)

    # -- replies in ------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the ACS."""
        if self.broken is not None:
            return
        try:
            frames = self._framer.feed(data)
        except FrameTooLong as fault:
            for frame in fault.frames:
                self._take(frame, now)
            self.fail(LinkBroken("the answer has no end"))
            return
        for frame in frames:
            self._take(frame, now)
        self._advance(now)

    def eof(self) -> None:
        """The ACS closed the connection."""
        self.fail(LinkBroken("the ACS closed the connection"))

    def tick(self, now: float) -> None:
        """Sends the oldest request again when its time is up, or gives up."""
        if now < self.deadline:
            return
        ticket = self._under_way[0]
        if ticket.tries > self.manner.retries:
            self.fail(NoAnswer(f"no answer to {ticket.code}, sent {ticket.tries} times"))
        else:
            self._send(ticket, now)

    def fail(self, fault: LineFault) -> None:
        """The line is broken; every open ticket fails."""
        if self.broken is None:
            self.broken = fault
            for ticket in (*self._under_way, *self._waiting):
                ticket.fault = fault
                self.settled.append(ticket)
            self._under_way.clear()
            self._waiting.clear()
            self._out.clear()

    def _take(self, frame: bytes, now: float) -> None:
        if not self._under_way:
            return  # an answer nobody waits for: of a retransmission whose first answer came after all
        body, trailer = split_trailer(frame, self._delimiter)
        if trailer is None:
            damaged = self.manner.error_detection and _looks_hit(body)
        else:
            damaged = not verify(trailer, True, self.manner.profile.charset)
        if damaged:
            self._damaged(now)
        elif body == b"96" and self._under_way[0].code != RequestAcsResend.code:
            self._asked_again(now)
        else:
            ticket = self._find(body, trailer)
            if ticket is not None:
                self._settle(ticket, frame, body, now)

    def _find(self, body: bytes, trailer: Trailer | None) -> Ticket | None:
        """The ticket a reply belongs to; ``None``: discard it and keep waiting (sip2.md 4.4, SC 4)."""
        if trailer is not None and trailer.sequence is not None:
            for ticket in self._under_way:
                if ticket.sequence == trailer.sequence:
                    return ticket if _fits(ticket, body) else None
            if any(ticket.sequence is not None for ticket in self._under_way):
                return None
        oldest = self._under_way[0]
        return oldest if _fits(oldest, body) else None

    def _settle(self, ticket: Ticket, frame: bytes, body: bytes, now: float) -> None:
        response = codec.parse_response(body, self.manner.profile)
        ticket.reply = Reply(response, frame, now - ticket.first_sent, ticket.tries)
        self._under_way.remove(ticket)
        self._resends_asked = 0
        self._last_was_97 = False
        self.settled.append(ticket)

    def _damaged(self, now: float) -> None:
        """A reply with a wrong checksum (SC 2)."""
        self._resends_asked += 1
        if self._resends_asked > self.manner.retries:
            self.fail(LinkBroken(f"{self._resends_asked} damaged answers in a row"))
        elif len(self._under_way) > 1:
            self._send(self._under_way[0], now)
        else:
            self._under_way[0].sent = now
            self._last_was_97 = True
            self._out.append(
                seal(
                    RequestAcsResend.code.encode(),
                    None,
                    self.manner.error_detection,
                    self.manner.profile.terminator_bytes,
                )
            )

    def _asked_again(self, now: float) -> None:
        """96 (SC 3)."""
        ticket = self._under_way[0]
        if self._last_was_97:
            self.fail(LinkBroken("the ACS answers 97 with 96"))
        elif ticket.tries > self.manner.retries:
            self.fail(LinkBroken(f"the ACS asked for {ticket.code} again {ticket.tries} times"))
        else:
            self._send(ticket, now)


def _looks_hit(body: bytes) -> bool:
    """Whether a frame without trailer had one that was hit, or is no message at all."""
    return b"AZ" in body[-8:] or not _CODE.match(body)


def _fits(ticket: Ticket, body: bytes) -> bool:
    """Whether this is the answer of that request. An unknown code may answer anything, as 98 may."""
    request = REQUEST_BY_CODE.get(ticket.code)
    if request is None or request.answer is None or request is RequestAcsResend:
        return True
    code = body[:2].decode("latin-1")
    return code in (request.answer.code, ACS_STATUS) or code not in RESPONSE_BY_CODE
