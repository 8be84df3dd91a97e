"""The measurements: each takes running servers and gives rows. Rounds of all sides are interleaved."""

import contextlib
import statistics
import time
from pathlib import Path
from typing import Final

import msgspec

from tests.bench import frames
from tests.bench.figures import AT_LEAST, AT_MOST, Row, percentile, ratio, row
from tests.bench.generator import Kiosks, Party, drive, encrypted, receive, split_writes
from tests.bench.processes import Server
from tests.bench.raw import RawReads

KIOSKS: Final = 50
SAME_PATRONS: Final = 100
"""How many patrons come with a PIN: each costs one hash, once."""
IDLE_PLAIN: Final = 1000
IDLE_TLS: Final = 300
FIRST: Final = 100
"""``FIRST`` connections are opened before memory is looked at: caches and arenas are warm then."""
SETTLE_SECONDS: Final = 0.3
SUSTAINED: Final = 2
"""So many times as long is a round of what the disk decides."""
STATUS, INFORMATION, RENEWED, LENT = b"98Y", b"64 ", b"301", b"121"
ANY_STANDING: Final = b"64"
"""Some patrons may not renew, or lend."""


class Effort(msgspec.Struct, frozen=True):
    """How long a measurement may take."""

    rounds: int = 7
    seconds: float = 0.5


QUICK: Final = Effort(5, 0.2)


class Side:
    """One of the things compared: what each round cost, in CPU microseconds a request, and its rate."""

    def __init__(self, server: Server, party: Party) -> None:
        self.server = server
        self.party = party
        self.cpu: list[float] = []
        self.rate: list[float] = []

    def round(self, seconds: float) -> None:
        """One more round."""
        before = self.server.cpu_seconds()
        took = drive(seconds, self.party)
        spent, done = self.server.cpu_seconds() - before, len(self.party.latencies)
        self.cpu.append(spent / done * 1e6)
        self.rate.append(done / took)

    def told(self, name: str) -> list[Row]:
        """Its own figures, without a goal."""
        return [
            row(f"{name}, rate", statistics.median(self.rate), "1/s"),
            row(f"{name}, CPU", statistics.median(self.cpu), "us"),
        ]


def play(effort: Effort, *sides: Side | RawReads) -> None:
    """A short one to warm up, not counted, then the rounds."""
    for side in sides:
        side.round(effort.seconds / 4)
        side.cpu.clear()
    for _ in range(effort.rounds):
        for side in sides:
            side.round(effort.seconds)


def reads(effort: Effort, ours: Server, other: Server, echo: Server, library: Path) -> list[Row]:
    """SC status and patron information against the limits and against another server."""
    raw = RawReads(library)
    with (
        Kiosks(ours.port, KIOSKS, frames.login()) as kiosks,
        Kiosks(other.port, KIOSKS) as others,
        Kiosks(echo.port, KIOSKS) as echoes,
        contextlib.closing(raw),
    ):
        status = Side(ours, Party(kiosks, frames.status(), STATUS))
        bare = Side(echo, Party(echoes, frames.status(), b"9"))
        other_status = Side(other, Party(others, frames.status(), STATUS))
        info = Side(ours, Party(kiosks, frames.information(), INFORMATION))
        other_info = Side(other, Party(others, frames.information(), INFORMATION))
        play(effort, status, bare, other_status, info, raw, other_info)
    return [
        row("SC status of the uvloop echo (CPU)", ratio(bare.cpu, status.cpu), "x", AT_LEAST, 0.40),
        row("patron information of raw sqlite3 (CPU)", ratio(raw.cpu, info.cpu), "x", AT_LEAST, 0.40),
        row("SC status against pysip2 (CPU)", ratio(other_status.cpu, status.cpu), "x", AT_LEAST, 6),
        row("patron information against pysip2 (CPU)", ratio(other_info.cpu, info.cpu), "x", AT_LEAST, 2.5),
        *bare.told("uvloop echo"),
        *status.told("SC status"),
        *info.told("patron information, SQLite"),
        row("raw sqlite3, CPU", statistics.median(raw.cpu), "us"),
        row("raw sqlite3, statements a patron", raw.statements, ""),
        *other_status.told("pysip2 SC status"),
        *other_info.told("pysip2 patron information"),
    ]


def pins(effort: Effort, ours: Server) -> list[Row]:
    """A PIN that was verified a short while ago costs next to nothing (performance.md P14)."""
    with Kiosks(ours.port, KIOSKS, frames.login()) as kiosks:
        with_pin = Side(ours, Party(kiosks, frames.information(frames.PIN, SAME_PATRONS), INFORMATION))
        without = Side(ours, Party(kiosks, frames.information(None, SAME_PATRONS), INFORMATION))
        with_pin.round(SAME_PATRONS / 20)  # all are hashed in this time, 20 ms each
        play(effort, with_pin, without)
    return [row("known PIN against no PIN (CPU)", ratio(with_pin.cpu, without.cpu), "x", AT_MOST, 1.1)]


def renewals(effort: Effort, grouped: Server, single: Server) -> list[Row]:
    """Durable renewals on SQLite: the disk decides, so this is a ratio of rates.

    Rounds of a second (a quick run's are shorter): in the first half of one the log, which was emptied while
    the other side ran, is written over from its beginning, and one by one goes 1,750 times a second. It keeps
    up 1,350; a group 4,500 and 3,900.
    """
    with (
        Kiosks(grouped.port, KIOSKS, frames.login()) as kiosks,
        Kiosks(single.port, KIOSKS, frames.login()) as others,
    ):
        group = Side(grouped, Party(kiosks, frames.renewals(), RENEWED))
        each = Side(single, Party(others, frames.renewals(), RENEWED))
        play(Effort(effort.rounds, effort.seconds * SUSTAINED), group, each)
    return [
        row("renew, group commit against one by one", ratio(group.rate, each.rate), "x", AT_LEAST, 3),
        *group.told("renew, SQLite, group commit"),
        *each.told("renew, SQLite, commit each"),
    ]


def mixed(effort: Effort, ours: Server) -> list[Row]:
    """One kiosk's SC status while fifty others renew as fast as they can."""
    shares = []
    with (
        Kiosks(ours.port, KIOSKS, frames.login()) as kiosks,
        Kiosks(ours.port, 1, frames.login()) as one,
    ):
        probe = Party(one, frames.status(), STATUS)
        renewing = Party(kiosks, frames.renewals(1), RENEWED)
        drive(effort.seconds / 4, probe, renewing)
        for _ in range(effort.rounds):
            drive(effort.seconds, probe, renewing)
            shares.append(percentile(probe.latencies, 0.99) * 1000)
    return [row("SC status p99 beside 50 renewing", statistics.median(shares), "ms", AT_MOST, 5)]


def policies(effort: Effort, full: Server, empty: Server) -> list[Row]:
    """What the full policy set costs (issue 3, 3.3), with the memberships, blocks and fines of `variants`.

    Both lend each item of the shelf once at most, in one order, so nothing is brought back in between."""
    with (
        Kiosks(full.port, KIOSKS, frames.login()) as kiosks,
        Kiosks(empty.port, KIOSKS, frames.login()) as others,
    ):
        info = Side(full, Party(kiosks, frames.information(), ANY_STANDING))
        empty_info = Side(empty, Party(others, frames.information(), ANY_STANDING))
        lend = Side(full, Party(kiosks, frames.checkouts(), LENT))
        empty_lend = Side(empty, Party(others, frames.checkouts(), LENT))
        play(effort, info, empty_info)  # before the lending, which gives patrons more to count
        play(effort, lend, empty_lend)
    return [
        row("patron information, full policy set of empty (CPU)", ratio(info.cpu, empty_info.cpu), "x",
            AT_MOST, 1.3),
        row("checkout, full policy set of empty (CPU)", ratio(lend.cpu, empty_lend.cpu), "x", AT_MOST, 1.3),
        *info.told("patron information, full policy set"),
        *empty_info.told("patron information, empty policy set"),
        *lend.told("checkout, full policy set"),
        *empty_lend.told("checkout, empty policy set"),
    ]  # fmt: skip


def postgresql(effort: Effort, ours: Server) -> list[Row]:
    """The same two on PostgreSQL; the CPU is the daemon's own."""
    with Kiosks(ours.port, KIOSKS, frames.login()) as kiosks:
        info = Side(ours, Party(kiosks, frames.information(), INFORMATION))
        renew = Side(ours, Party(kiosks, frames.renewals(), RENEWED))
        play(effort, info, renew)
    return [*info.told("patron information, PostgreSQL"), *renew.told("renew, PostgreSQL")]


def split_frames(effort: Effort, ours: Server) -> list[Row]:
    """A kiosk that writes body and CR apart waits 40 ms for the server's acknowledgement, unless helped."""
    count = 30 * effort.rounds
    latencies = split_writes(ours.port, frames.login(), frames.status(), STATUS, count)
    return [row("split write p50", percentile(latencies, 0.5) * 1000, "ms", AT_MOST, 1)]


def memory(ours: Server, ca: Path) -> list[Row]:
    """Private memory of the server for each connection that is logged in and silent."""
    with Kiosks(ours.port, FIRST, frames.login()):
        before = _settled(ours)
        with Kiosks(ours.port, IDLE_PLAIN, frames.login()):
            plain = (_settled(ours) - before) / IDLE_PLAIN
    with contextlib.ExitStack() as stack:

        def more(count: int) -> None:
            for _ in range(count):
                stack.enter_context(encrypted(ours.ports["tls"], ca, frames.login()))

        more(FIRST)
        before = _settled(ours)
        more(IDLE_TLS)
        tls = (_settled(ours) - before) / IDLE_TLS
    return [
        row("memory of an idle plain connection", plain / 1024, "KiB", AT_MOST, 4),
        row("memory of an idle TLS connection", tls / 1024, "KiB", AT_MOST, 64),
    ]


def _settled(server: Server) -> int:
    time.sleep(SETTLE_SECONDS)
    return server.private_bytes()


def status_size(ours: Server) -> int:
    """How long an answer to SC status is, for the echo."""
    with Kiosks(ours.port, 1, frames.login()) as kiosks:
        one = next(iter(kiosks))
        one.sendall(next(frames.status()))
        return len(receive(one))
