"""Bounded load on one ACS: many terminals that ask as fast as they get answers, or at a steady rate.

Frames are built and summed before the clock starts, answers are only counted and looked at by code and "ok":
one process reaches tens of thousands of messages a second. Answers come in the order of the requests, so
the nth answer belongs to the nth request and no parsing is needed.

Closed loop (``rate`` 0): each connection keeps ``window`` requests under way. Open loop: requests fall due at
``rate`` a second over all connections, and the latency counts from the moment a request fell due, not from
when it could be sent: a server that stalls does not get its waiting time for free.
"""

import asyncio
import itertools
import random
import ssl
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final, cast

import msgspec

from sip2d.sim.frames import KINDS, Frame, Mix, Subjects, ring
from sip2d.wire.frame import seal

MOST_MESSAGES: Final = 50_000_000
MOST_SECONDS: Final = 3600.0
MOST_CONNECTIONS: Final = 10_000
STEP: Final = 0.002  # seconds between looks at what fell due
DRAIN: Final = 10.0  # seconds for what is under way at the end
CONNECTING: Final = 64  # handshakes at a time


class NotAllowed(ValueError):
    """The flood would leave this machine, or has no bounds."""


class FloodPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. ``count`` and ``seconds`` both bound it. ``mix`` is shares by kind of message (see
    ``frames.KINDS``). ``rate`` messages a second; 0: closed loop. ``local``: address to come from.
    """

    host: str = "127.0.0.1"
    port: int = 6001
    tls: ssl.SSLContext | None = None
    user: str = ""
    password: str = ""
    location: str = ""
    connections: int = 50
    window: int = 1
    count: int = 100_000
    seconds: float = 10.0
    rate: float = 0.0
    mix: dict[str, float] = msgspec.field(default_factory=lambda: {"status": 1.0})
    patrons: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    loans: tuple[tuple[str, str], ...] = ()
    institution: str = ""
    pin: str = ""
    error_detection: bool = True
    allow_remote_host: str = ""
    local: str | None = None
    seed: int = 1

    def __repr__(self) -> str:
        return f"FloodPlan({self.host}:{self.port})"

    def check(self) -> None:
        """Raises ``NotAllowed`` in a sentence."""
        if not is_loopback(self.host) and self.allow_remote_host != self.host:
            raise NotAllowed(f"{self.host} is not this machine: allow it by its name, if it expects this")
        if not (0 < self.count <= MOST_MESSAGES and 0 < self.seconds <= MOST_SECONDS):
            raise NotAllowed(
                f"at most {MOST_MESSAGES} messages and {MOST_SECONDS:.0f} seconds, and some of both"
            )
        if not (0 < self.connections <= MOST_CONNECTIONS and 0 < self.window <= 64 and self.rate >= 0):
            raise NotAllowed(f"at most {MOST_CONNECTIONS} connections and a window of 64")
        unknown = set(self.mix) - set(KINDS)
        if unknown or not self.mix or min(self.mix.values()) <= 0:
            raise NotAllowed(f"a mix is shares of {', '.join(KINDS)}")


class Latency(msgspec.Struct, frozen=True):
    """Of one kind of message; milliseconds."""

    count: int
    rate: float
    p50: float
    p90: float
    p99: float
    max: float
    refused: int = 0


class FloodReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened. ``errors`` counts by name; empty when all went well."""

    seconds: float
    connections: int
    sent: int
    answered: int
    rate: float
    messages: dict[str, Latency]
    errors: dict[str, int]
    client_cpu_seconds: float


def is_loopback(host: str) -> bool:
    """Whether it is this machine; a name other than ``localhost`` is not looked up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Tally:
    """What all connections of a flood count together."""

    def __init__(self, plan: FloodPlan) -> None:
        self.plan = plan
        self.left = plan.count
        self.sent = 0
        self.until = float("inf")
        self.taken: dict[str, array[float]] = {kind: array("d") for kind in KINDS}
        self.refused: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.live = 0
        self.idle = asyncio.Event()

    def take(self, now: float) -> bool:
        """Whether one more may be sent."""
        if self.left <= 0 or now >= self.until:
            return False
        self.left -= 1
        self.sent += 1
        return True

    def done(self) -> None:
        """A connection has nothing under way and will send no more."""
        self.live -= 1
        if self.live <= 0:
            self.idle.set()


class _Terminal(asyncio.Protocol):
    """One terminal of the flood."""

    __slots__ = ("_buffer", "_clock", "_due", "_entry", "_finished", "_open", "_ring", "_stopping",
                 "_tally", "_transport", "_under_way", "_window", "ready")  # fmt: skip

    def __init__(self, tally: _Tally, frames: Sequence[Frame]) -> None:
        plan = tally.plan
        self._tally = tally
        self._ring = itertools.cycle(frames)
        self._window = plan.window
        self._open = plan.rate > 0
        self._due: deque[float] = deque()
        self._under_way: deque[tuple[Frame, float]] = deque()
        self._buffer = b""
        self._clock = time.perf_counter
        self._finished = False
        self._stopping = False
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        body = f"9300CN{plan.user}|CO{plan.password}|CP{plan.location}|" if plan.user else "9900802.00"
        self._entry = seal(body.encode(), b"0" if plan.error_detection else None, plan.error_detection)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._entry)

    def data_received(self, data: bytes) -> None:
        under_way = self._under_way
        if not self._buffer and len(under_way) == 1 and data[-1] == 13 and data.find(b"\r") == len(data) - 1:
            self._answered(data)  # nearly always
        else:
            *lines, self._buffer = (self._buffer + data).split(b"\r")
            for line in lines:
                line = line.lstrip(b"\n")
                if not self.ready.done():
                    self._entered(line)
                elif under_way:
                    self._answered(line)
                else:
                    self._tally.errors["unasked"] += 1
        if self.ready.done() and not self._finished:
            self._more()

    def _entered(self, line: bytes) -> None:
        wanted = b"941" if self._tally.plan.user else b"98"
        self.ready.set_result("" if line.startswith(wanted) else "login")

    def _answered(self, line: bytes) -> None:
        frame, since = self._under_way.popleft()
        tally = self._tally
        if line[:2] != frame.answer:
            tally.errors["resend" if line[:2] == b"96" else "wrong_answer"] += 1
            return
        tally.taken[frame.kind].append(self._clock() - since)
        if frame.ok and line[2:3] != frame.ok:
            tally.refused[frame.kind] += 1

    def start(self) -> None:
        """The flood begins."""
        self._more()

    def fall_due(self, at: float) -> None:
        """Open loop: one more is wanted since ``at``."""
        self._due.append(at)
        if len(self._under_way) < self._window:
            self._more()

    def _more(self) -> None:
        """Sends what may be sent now, all in one write."""
        tally, transport, now = self._tally, self._transport, self._clock()
        if transport is None:
            return
        out: list[bytes] = []
        while len(self._under_way) < self._window:
            if self._open and not self._due:
                if self._stopping and not self._under_way:
                    self.finish()
                break
            if not tally.take(now):
                self._due.clear()
                if not self._under_way:
                    self.finish()
                break
            frame = next(self._ring)
            out.append(frame.data)
            self._under_way.append((frame, self._due.popleft() if self._open else now))
        if out:
            transport.write(out[0] if len(out) == 1 else b"".join(out))

    def stop(self) -> None:
        """Open loop: nothing more falls due; the rest is still sent and answered."""
        self._stopping = True
        self._more()

    def finish(self) -> None:
        """Nothing more comes from here."""
        if not self._finished:
            self._finished = True
            self._tally.done()

    def close(self) -> None:
        """Ends the connection; what is unanswered is counted."""
        if self._under_way and self._transport is not None:
            self._tally.errors["unanswered"] += len(self._under_way)
        self._under_way.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None and not self._finished:
            self._tally.errors["closed"] += 1
        if self._transport is not None and self._under_way:
            self._tally.errors["unanswered"] += len(self._under_way)
            self._under_way.clear()
        self._transport = None
        if not self.ready.done():
            self.ready.set_result("closed")
        else:
            self.finish()


async def flood(plan: FloodPlan) -> FloodReport:
    """Carries a plan out. Raises ``NotAllowed``, and ``OSError`` when nobody can be connected at all."""
    plan.check()
    tally = _Tally(plan)
    terminals = await _connect(plan, tally)
    tally.live = len(terminals)
    cpu, began = time.process_time(), time.perf_counter()
    tally.until = began + plan.seconds
    if plan.rate:
        pace: asyncio.Task[None] | None = asyncio.ensure_future(_pace(plan, tally, terminals, began))
    else:
        pace = None
        for terminal in terminals:
            terminal.start()
    try:
        async with asyncio.timeout(plan.seconds + DRAIN):
            if terminals:
                await tally.idle.wait()
    except TimeoutError:
        pass  # what is under way is counted as unanswered
    ended = time.perf_counter()
    cpu = time.process_time() - cpu
    if pace is not None:
        pace.cancel()
        await asyncio.gather(pace, return_exceptions=True)
    for terminal in terminals:
        terminal.close()
    await asyncio.sleep(0)
    return _report(tally, len(terminals), ended - began, cpu)


async def _connect(plan: FloodPlan, tally: _Tally) -> list[_Terminal]:
    loop = asyncio.get_running_loop()
    subjects = Subjects(plan.patrons, plan.items, plan.loans, plan.institution, plan.pin)
    mix = Mix(plan.mix, random.Random(plan.seed))
    now = datetime.now().astimezone() - timedelta(minutes=10)
    turn = asyncio.Semaphore(CONNECTING)

    async def one(number: int) -> _Terminal | None:
        frames = ring(mix, subjects, number, plan.connections, now, checked=plan.error_detection)
        async with turn:
            try:
                _, terminal = await loop.create_connection(
                    lambda: _Terminal(tally, frames),
                    plan.host,
                    plan.port,
                    ssl=plan.tls,
                    local_addr=(plan.local, 0) if plan.local else None,
                )
            except OSError:
                tally.errors["connect"] += 1
                return None
            why = await terminal.ready
            if why:
                tally.errors[why] += 1
                terminal.close()
                return None
            return terminal

    made = await asyncio.gather(*(one(number) for number in range(plan.connections)))
    return [terminal for terminal in made if terminal is not None]


async def _pace(plan: FloodPlan, tally: _Tally, terminals: Sequence[_Terminal], began: float) -> None:
    """Lets requests fall due, evenly, in turn over the terminals."""
    turns = itertools.cycle(terminals)
    due = 0
    while tally.left > 0 and (now := time.perf_counter()) < tally.until:
        wanted = min(int((now - began) * plan.rate) + 1, plan.count)
        for number in range(due, wanted):
            next(turns).fall_due(began + number / plan.rate)
        due = max(due, wanted)
        await asyncio.sleep(STEP)
    for terminal in terminals:
        terminal.stop()


def _report(tally: _Tally, connections: int, seconds: float, cpu: float) -> FloodReport:
    answered = sum(map(len, tally.taken.values()))
    return FloodReport(
        seconds=round(seconds, 4),
        connections=connections,
        sent=tally.sent,
        answered=answered,
        rate=round(answered / seconds, 1) if seconds else 0.0,
        messages={
            kind: _latency(taken, seconds, tally.refused[kind])
            for kind, taken in tally.taken.items()
            if taken
        },
        errors=dict(tally.errors),
        client_cpu_seconds=round(cpu, 4),
    )


def _latency(taken: "array[float]", seconds: float, refused: int) -> Latency:
    ordered = sorted(taken)

    def ms(part: float) -> float:
        return round(quantile(ordered, part) * 1000, 3)

    return Latency(
        len(ordered), round(len(ordered) / seconds, 1), ms(0.5), ms(0.9), ms(0.99), ms(1.0), refused
    )


def quantile(ordered: Sequence[float], part: float) -> float:
    """The nearest-rank quantile of sorted values: the smallest that at least this part is not above."""
    rank = -int(-(len(ordered) * part) // 1)
    return ordered[max(rank, 1) - 1]
