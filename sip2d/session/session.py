"""One connection's protocol state, sans I/O: framing, error detection, resends, repeats, order, login gates,
timeouts.

Theory of operation
-------------------

Bytes go in by ``receive``; what the session can answer alone (96, 97, a repeat) it answers, the rest comes
out as ``Exchange`` values for others to serve, in any order and at any time. Each takes a slot, and replies
leave the slots strictly in order by ``data_to_send``::

    serve(session.receive(data, now))        # each exchange ends in answer(), silence() or abandon()
    for reply in session.data_to_send():     # one element a reply: one write each (quirks A13)
        transport.write(reply)
    if session.finished:
        transport.close()                    # session.close_reason says why
    elif session.waiting and not writing_is_paused:
        call_soon(next_turn)                 # serve(session.release(now)), then all this again
    if session.paused: ...                   # pause reading, or resume it

All but the first line also follows every ``answer`` and ``tick``; while it is ``quiet`` they would do
nothing, and ``answer_alone`` is the two most frequent in one. Frames wait inside while a 93 is unanswered,
and above the window: never more than ``limits.window`` slots are taken and ``LOOK_AT`` frames looked at in
one call, so a flood stalls nobody else. ``tick`` is due at ``deadline``, never while an answer is owed.

Memory of resends (sip2.md 4.4): ``_previous`` is the last request that went through, with its answer; the
line's ``last_sent`` is whatever left last. A 96 and a repeat change only the latter. Neither outlives a login
(peers' leak: a 97 must never get another login's reply).

Everything is one flat class because it is one state; the tables it walks are in ``states.py``.
"""

import math
from typing import Final

from sip2d.session.limits import BUSY_STEP, HELD_MOST, LOOK_AT, SLICE, Counters, Limits
from sip2d.session.patience import Patience
from sip2d.session.slots import AGAIN, LAST, READY, SILENT, WAITING, Again, Exchange, Line, Slot
from sip2d.session.states import BOUND_STATES, EFFECTS, TRANSITIONS, VERDICTS, Act, CloseReason, Event, State
from sip2d.session.unseal import unseal
from sip2d.wire.frame import HARD_CAP, Framer, FrameTooLong, seal, sound

TOO_LONG: Final = b""  # in the place of a frame over the cap; no frame is empty

_REFUSE, _LOGIN, _RESEND, _IGNORE = Act.REFUSE, Act.LOGIN, Act.RESEND, Act.IGNORE  # an attribute costs 40 ns
_UNKNOWN: Final = ("", _IGNORE)


class Session:
    """The ACS side of one connection. ``now`` is monotonic seconds, the same clock everywhere."""

    __slots__ = (
        "_bad_frames", "_ended", "_failed_logins", "_framer", "_frames", "_held", "_limits", "_line",
        "_login", "_patience", "_previous", "_state", "_terminator", "_verdicts", "close_reason", "counters",
    )  # fmt: skip

    def __init__(self, limits: Limits, terminator: bytes = b"\r", bound: bool = False, *, now: float,
                 counters: Counters | None = None) -> None:  # fmt: skip
        """``bound``: the peer's address alone names its terminal (CN-7). ``counters`` may be shared."""
        self.counters = Counters() if counters is None else counters
        self.close_reason: CloseReason | None = None
        self._limits = limits
        self._terminator = terminator
        self._state = State.BOUND if bound else State.UNBOUND
        self._verdicts = VERDICTS.get(self._state)  # None: no frame is looked at. An enum as key costs 150 ns
        self._framer = Framer(limits.frame_cap)
        self._held = b""  # raw bytes not framed yet
        self._frames: list[bytes] = []  # framed and not looked at yet, last first
        self._ended = False  # behind all that comes the end of the stream
        self._line = Line()
        self._login: Exchange | None = None  # the 93 that waits for its answer
        self._previous: Exchange | None = None
        self._bad_frames = 0  # in a row
        self._failed_logins = 0  # in a row
        self._patience = Patience(now)

    # -- looking in ------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where this connection is."""
        return self._state

    @property
    def bound(self) -> bool:
        """Whether a terminal is bound: the gates are open."""
        return self._state in BOUND_STATES

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    @property
    def unanswered(self) -> int:
        """Slots taken: exchanges out with others, and replies not taken yet."""
        return len(self._line.slots)

    @property
    def partial(self) -> bool:
        """Whether part of a frame waits for its rest: the moment for TCP_QUICKACK (issue 4.5)."""
        return bool(self._framer.begun)

    @property
    def waiting(self) -> bool:
        """Whether frames wait inside that ``release`` would look at now."""
        return bool(self._held or self._frames) and not self._full

    @property
    def paused(self) -> bool:
        """Whether the caller should not read now."""
        return self._full or bool(self._held or self._frames)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to send, to take up, to hold back, to wait for the rest of, or to end:
        most often every answer has left, or the first is still out with others."""
        slots = self._line.slots
        return (
            not self._framer.begun
            and (not slots or (slots[0].state == WAITING and len(slots) < self._limits.window))
            and self._verdicts is not None
            and not (self._held or self._frames)
            and self.close_reason is None
        )

    @property
    def finished(self) -> bool:
        """Whether all has been said and the connection is to be closed; ``close_reason`` is set then."""
        return self.close_reason is not None and not self._line.slots

    @property
    def deadline(self) -> float:
        """When ``tick`` is due next; infinite once the session closes."""
        if self.close_reason is not None:
            return math.inf
        if self._line.slots or self._held or self._frames:
            return self._patience.heard_at + BUSY_STEP
        return self._patience.due(self._limits, bound=self.bound, begun=self.partial)

    @property
    def _full(self) -> bool:
        return self._verdicts is None or len(self._line.slots) >= self._limits.window

    # -- bytes in --------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Exchange]:
        """What must be served for these bytes, in order. A session that closes drops them."""
        if self._held or self._frames or self._verdicts is None or len(data) > SLICE:
            return self._hold(data, now)
        frame = self._framer.whole(data) if len(self._line.slots) < self._limits.window else None
        if frame is not None:  # nearly always (performance.md 8)
            patience = self._patience
            patience.heard_at = patience.partial_at = now
            exchange = self._take(frame, now)
            return [] if exchange is None else [exchange]
        self._frames = self._cut(data, now)[::-1]
        return self.release(now)

    def release(self, now: float) -> list[Exchange]:
        """What must be served of the frames that waited; they count as received now."""
        exchanges: list[Exchange] = []
        for _ in range(LOOK_AT):
            if self._full:
                break
            if self._held and not self._frames:
                piece, self._held = self._held[:SLICE], self._held[SLICE:]
                self._frames = self._cut(piece, now)[::-1]
            if self._frames:
                exchange = self._take(self._frames.pop(), now)
                if exchange is not None:
                    exchanges.append(exchange)
            elif not self._held:
                break
        if self._ended and not (self._held or self._frames):
            self.close(CloseReason.EOF)
        return exchanges

    def eof(self) -> None:
        """The SC sends nothing more. What it sent is still answered; half a frame is dropped (quirks A7)."""
        self._ended = True
        if not (self._held or self._frames):
            self.close(CloseReason.EOF)

    def tick(self, now: float) -> CloseReason | None:
        """Closes what was silent too long (CN-4, issue 3.4); gives the reason once the session closes."""
        if self.close_reason is not None:
            return self.close_reason
        if self._line.slots or self._held or self._frames:  # it waits for us, not we for it
            self._patience.heard_at = self._patience.partial_at = now
            return None
        reason = self._patience.over(now, self._limits, bound=self.bound, begun=self.partial)
        if reason is not None:
            self.close(reason)
        return self.close_reason

    def _hold(self, data: bytes, now: float) -> list[Exchange]:
        if self.close_reason is not None:
            return []
        if len(self._held) + len(data) > HELD_MOST:
            self.close(CloseReason.OVERRUN)
            return []
        self._held += data
        return self.release(now)

    def _cut(self, data: bytes, now: float) -> list[bytes]:
        """The frames these bytes complete; keeps when the last of them and the beginning of the next came."""
        begun = self.partial
        try:
            frames = self._framer.feed(data)
        except FrameTooLong as fault:
            frames = [*fault.frames, TOO_LONG]
            self._held = b""
        if frames:
            self._patience.heard_at = self._patience.partial_at = now
        elif not begun:
            self._patience.partial_at = now
        return frames

    # -- one frame -------------------------------------------------------------------------------------------

    def _take(self, frame: bytes, now: float) -> Exchange | None:
        """The exchange of one frame, or ``None`` when the session dealt with it."""
        if not frame:
            self.close(CloseReason.FRAME_TOO_LONG)
            return None
        self.counters.frames += 1
        unsealed = sound(frame) or unseal(frame, self._limits, self.counters)
        if unsealed is None:
            self._bad_frame()
            return None
        body, sequence, checked = unsealed
        code, act = _UNKNOWN if self._verdicts is None else self._verdicts.get(body[:2], _UNKNOWN)
        if act is _IGNORE:  # a 96 would make the SC loop (sip2.md 5)
            self.counters.unknown_codes += 1
            return None
        self._bad_frames = 0
        if act is _RESEND:
            self._resend(checked)
            return None
        previous = self._previous
        if previous is not None and frame == previous.frame and self._repeats(previous, now):
            self._repeat(previous)
            return None
        line, allowed = self._line, act is not _REFUSE
        exchange = Exchange(line.next, checked, WAITING, b"", code, body, sequence, allowed, now, frame)
        line.next += 1
        line.slots.append(exchange)
        self._previous = exchange
        if act is _LOGIN:
            self._login = exchange
            self._move(Event.LOGIN)
        return exchange

    def _repeats(self, previous: Exchange, now: float) -> bool:
        """Whether the same bytes again are the same request again (sip2.md 4.4 rule 3, issue 3.2)."""
        if previous.code == "99" or (not previous.sequence and previous.code not in EFFECTS):
            return False
        return previous.state == WAITING or now - previous.received_at <= self._limits.retry_window

    def _repeat(self, previous: Exchange) -> None:
        self.counters.repeats += 1
        self._line.add(Again(self._line.next, previous.checked, AGAIN, b"", previous))

    def _resend(self, checked: bool) -> None:
        self.counters.resends_in += 1
        if self._limits.resend and (self._line.last_sent or self._line.slots):
            self._line.add(Slot(self._line.next, checked, LAST, seal(b"96", None, checked, self._terminator)))
        else:
            self._request_resend(checked)

    def _request_resend(self, checked: bool) -> None:
        """96: with AZ where there is error detection, never with AY."""
        self.counters.resends_out += 1
        self._line.add(Slot(self._line.next, checked, READY, seal(b"96", None, checked, self._terminator)))

    def _bad_frame(self) -> None:
        self._request_resend(True)
        self._bad_frames += 1
        if self._bad_frames > self._limits.retries_allowed:  # the last one is answered too (quirks A16)
            self.close(CloseReason.BAD_FRAMES)

    # -- answers out -----------------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, body: bytes, *, remember: bool = True) -> None:
        """Fills the slot; ``body`` has neither trailer nor terminator.

        ``remember=False``: a repeat is to be served, not to get this answer (it said "not now"). Raises
        ValueError for an exchange that was settled before.
        """
        self._settle(exchange, READY, remember)
        exchange.reply = seal(body, exchange.sequence, exchange.checked, self._terminator)

    def answer_alone(self, exchange: Exchange, body: bytes) -> bytes | None:
        """As ``answer``, and what ``data_to_send`` would give then, when this was the only request under way
        and nothing waits behind it: nearly always, 0.5 us less. ``None``: nothing was done, take those two.
        """
        line = self._line
        slots = line.slots
        only = len(slots) == 1 and slots[0] is exchange and exchange.state == WAITING
        if not only or self._login is not None or self._held or self._frames or self.close_reason is not None:
            return None
        exchange.state = READY
        exchange.reply = line.last_sent = seal(body, exchange.sequence, exchange.checked, self._terminator)
        slots.clear()
        return exchange.reply

    def silence(self, exchange: Exchange) -> None:
        """No answer for this slot; those behind it may leave. Raises ValueError as ``answer`` does."""
        self._settle(exchange, SILENT, False)

    def abandon(self, exchange: Exchange, reason: CloseReason = CloseReason.OUTCOME_UNKNOWN) -> None:
        """Nobody knows what became of it, any answer could be a lie: the session closes (issue 5.3).

        What came before is still answered; this one and all behind it get nothing, and answers that come for
        those later lead nowhere.
        """
        self._settle(exchange, SILENT, False)
        self._line.cut(exchange)
        self.close(reason)

    def data_to_send(self) -> list[bytes]:
        """The replies whose turn has come, sealed: one write each."""
        replies = self._line.leave()
        if self.close_reason is not None and not self._line.slots:
            self._move(Event.DRAINED)
        return replies

    def _settle(self, exchange: Exchange, state: int, remember: bool) -> None:
        if exchange.state != WAITING:
            raise ValueError(f"{exchange!r} is settled already")
        exchange.state = state
        if not remember and self._previous is exchange:
            self._previous = None
        if self._login is exchange:
            self._login = None
            self._move(Event.SETTLED)

    # -- login and the end -----------------------------------------------------------------------------------

    def bind(self, limits: Limits, terminator: bytes) -> None:
        """The terminal is known. Call it before answering the 93, which then goes out in its own dialect."""
        self._move(Event.BIND)
        self.adjust(limits, terminator)
        self._failed_logins = 0
        self._forget()

    def unbind(self) -> None:
        """The terminal is known no more; the time to log in starts anew."""
        if self.bound:
            self._patience.unbound_since = self._patience.heard_at
        self._move(Event.UNBIND)
        self._forget()

    def login_failed(self) -> None:
        """The 93 in hand was wrong: ends an earlier login too (quirks C4). Call it before answering 940.

        One failure more in a row than ``retries_allowed`` closes, after that answer (CN-8). A 940 is never
        repeated from memory: each 93 counts.
        """
        self.unbind()
        self._previous = None
        self._failed_logins += 1
        if self._failed_logins > self._limits.retries_allowed:
            self.close(CloseReason.FAILED_LOGINS)

    def adjust(self, limits: Limits, terminator: bytes) -> None:
        """The branch's settings changed; everything else stays."""
        self._limits = limits
        self._terminator = terminator
        self._framer.cap = min(limits.frame_cap, HARD_CAP)

    def close(self, reason: CloseReason) -> None:
        """Takes nothing more; what is owed is still answered. The first reason stays."""
        if self.close_reason is None:
            self.close_reason = reason
            self._move(Event.CLOSE)
            self._held = b""
            self._frames = []
            self._framer.reset()
            if not self._line.slots:
                self._move(Event.DRAINED)

    def _forget(self) -> None:
        """Nothing said to one login may be said to the next (a 97, a repeat).

        A 93 in hand ends what was said before when it leaves, not now: a 97 in front of it is owed that.
        """
        if self._login is None:
            self._line.last_sent = b""
        if self._previous is not self._login:
            self._previous = None

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS.get((self._state, event), self._state)
        self._verdicts = VERDICTS.get(self._state)
