"""Bulk renewals, measured with the tool itself: its journal on the disk, one TLS connection (issue 4, 3.3).

A side is a width of the window. It is timed from the first answer to the last, so that connecting is left
out; every loan is renewed once, so that no row is answered from memory. What the server alone can do is
measured with frames that are ready, by the same windows: the rest is the tool's.
"""

import abc
import json
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from sip2d.batch import sheet
from sip2d.batch.dates import utc_stamp
from sip2d.batch.journal import Draft, Header
from sip2d.batch.sheet import Row as SheetRow
from sip2d.demo import plan
from sip2d.wire.messages import Login, Renew
from tests.bench import dataset, frames, sender
from tests.bench.figures import AT_LEAST, AT_MOST, Row, ratio, row
from tests.bench.generator import WrongAnswerError, encrypted, expect
from tests.bench.measures import RENEWED, Effort
from tests.bench.processes import Server, moment
from tests.support.places import ROOT

WINDOW: Final = 32
ALONE: Final = 1
ROWS: Final = {ALONE: 150, WINDOW: 1500}
"""So many rows are a round: some tenths of a second."""
TOOL: Final = next(one for one in plan.KIOSKS if one.purpose == "bulk")
RECEIVE: Final = 65_536
MEGABYTE: Final = 1_000_000

Loans = Iterator[int]


class Side(abc.ABC):
    """A window. ``rate``: rows a second of each round; ``cpu``: microseconds a row, of sender and server."""

    def __init__(self, window: int, server: Server, ca: Path) -> None:
        self.window = window
        self.server = server
        self.rate: list[float] = []
        self.cpu: list[tuple[float, float]] = []
        self._ca = ca

    @abc.abstractmethod
    def round(self, folder: Path, loans: Loans) -> None:
        """Another batch."""

    def _took(self, rows: int, spent: Sequence[float]) -> None:
        wall, sender, served = spent
        self.rate.append(rows / wall)
        self.cpu.append((sender / rows * 1e6, served / rows * 1e6))

    def told(self, name: str) -> list[Row]:
        """Its own figures, without a goal."""
        sender, served = (statistics.median(values) for values in zip(*self.cpu, strict=True))
        return [
            row(f"{name}, rate", statistics.median(self.rate), "1/s"),
            row(f"{name}, CPU of the sender", sender, "us"),
            row(f"{name}, CPU of the server", served, "us"),
        ]


class Tool(Side):
    """The tool, with its journal, in a process of its own; ``environment`` may give it a slow disk too."""

    def __init__(
        self, window: int, server: Server, ca: Path, environment: dict[str, str] | None = None
    ) -> None:
        super().__init__(window, server, ca)
        self._environment = environment

    def round(self, folder: Path, loans: Loans) -> None:
        path = folder / "bench.batch"
        path.unlink(missing_ok=True)
        _journal(path, loans, ROWS[self.window])
        settings = sender.Settings(
            journal=str(path), port=self.server.ports["tls"], ca=str(self._ca), user=TOOL.user,
            password=TOOL.password, window=self.window, pid=self.server.pid,
        )  # fmt: skip
        told = _ran("tests.bench.sender", msgspec.json.encode(settings).decode(), self._environment)
        path.unlink()
        if told["renewed"] != ROWS[self.window]:
            raise WrongAnswerError(f"only {told['renewed']} were renewed: {told['fault']}")
        self._took(told["rows"], told["spent"])


class Ready(Side):
    """Frames that are ready, on a bare socket: what the server alone can do."""

    def round(self, folder: Path, loans: Loans) -> None:
        login = frames.sealed(Login("0", "0", TOOL.user, TOOL.password, None))
        rows = ROWS[self.window]
        with encrypted(self.server.ports["tls"], self._ca, login) as line:
            sealed = [_frame(next(loans), place) for place in range(rows)]
            before = moment(self.server.pid)
            _exchange(line, sealed, self.window)
            after = moment(self.server.pid)
        self._took(rows, [last - first for first, last in zip(before, after, strict=True)])


def windows(effort: Effort, ours: Server, slow: Server | None, folder: Path, ca: Path) -> list[Row]:
    """A window of frames against one at a time (performance.md P8), on this machine's disk and, where
    ``slow`` has one, on disks whose every fsync takes longer. Rounds of all are interleaved."""
    disks = [Disk("this disk", 5, ours, ca)]
    if slow is not None:
        disks.append(Disk("every fsync + 2 ms", 15, slow, ca))
    for number in range(effort.rounds + 1):
        for disk in disks:
            for side in disk.sides:
                side.round(folder, disk.loans)
                if number == 0:  # to warm up
                    side.rate.clear()
                    side.cpu.clear()
    return [one for disk in disks for one in disk.told()]


class Disk:
    """A server with its disk, which the tool has as well, and all that is measured of them."""

    def __init__(self, name: str, goal: float, server: Server, ca: Path) -> None:
        self.name = name
        self.goal = goal
        self.loans: Loans = iter(range(1, dataset.LOANS + 1))  # each once
        self._one, self._wide = (Tool(width, server, ca, server.environment) for width in (ALONE, WINDOW))
        self._ready_one, self._ready_wide = (Ready(width, server, ca) for width in (ALONE, WINDOW))
        self.sides: list[Side] = [self._one, self._wide, self._ready_one, self._ready_wide]

    def told(self) -> list[Row]:
        """The ratios, and the figures they are made of."""
        wide = f"window {WINDOW} of one at a time, {self.name}"
        return [
            row(f"batch, {wide}", ratio(self._wide.rate, self._one.rate), "x", AT_LEAST, self.goal),
            row(f"server alone, {wide}", ratio(self._ready_wide.rate, self._ready_one.rate), "x"),
            *self._one.told(f"batch, one at a time, {self.name}"),
            *self._wide.told(f"batch, window {WINDOW}, {self.name}"),
            *self._ready_one.told(f"server alone, one at a time, {self.name}"),
            *self._ready_wide.told(f"server alone, window {WINDOW}, {self.name}"),
        ]


def validated(folder: Path) -> list[Row]:
    """The largest sheet there may be, checked by the tool in a process of its own (1.6)."""
    file = folder / "largest.csv"
    due = (datetime.now(UTC) + timedelta(days=60)).strftime("%Y-%m-%dT23:59:59")
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(sheet.COLUMNS) + "\r\n")
        for number in range(1, sheet.MOST_ROWS + 1):
            patron = dataset.patron_barcode(number % dataset.PATRONS + 1)
            out.write(f"{patron},{dataset.item_barcode(number)},{due}\r\n")
    try:
        told = _ran("tests.bench.sheets", str(file))
    finally:
        file.unlink()
    if f"{sheet.MOST_ROWS} rows" not in told["said"]:
        raise WrongAnswerError(f"the largest sheet was not taken: {told['said'][:200]}")
    rows = f"{sheet.MOST_ROWS:,} rows"
    return [
        row(f"sheet of {rows} checked", told["seconds"], "s", AT_MOST, 10),
        row(f"sheet of {rows} checked, peak memory", told["peak"] / MEGABYTE, "MB", AT_MOST, 200),
    ]


def _ran(module: str, argument: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What a process of its own printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, argument], cwd=ROOT, check=True, stdout=subprocess.PIPE,
        env=environment,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _due() -> int:
    return int(time.time()) + 60 * 86_400


def _journal(path: Path, loans: Loans, rows: int) -> None:
    """A batch of the next loans, not begun."""
    draft = Draft(path, Header(file="bench.csv", zone="Europe/Paris", made_at=0))
    due = _due()
    for line in range(rows):
        item = next(loans)
        patron = dataset.patron_barcode(dataset.borrower(item))
        draft.add(SheetRow(line + 2, patron, dataset.item_barcode(item), due, "bench"))
    draft.commit()


def _frame(item: int, place: int) -> bytes:
    patron, barcode = dataset.patron_barcode(dataset.borrower(item)), dataset.item_barcode(item)
    at, due = utc_stamp(int(time.time())), utc_stamp(_due())
    return frames.sealed(Renew(False, True, at, due, dataset.HOUSE.code, patron, item_id=barcode), place)


def _exchange(line: ssl.SSLSocket, sealed: list[bytes], window: int) -> None:
    """Half a window is sent at once, as the tool does."""
    sent = answered = 0
    rest = b""
    while answered < len(sealed):
        if sent - answered <= window // 2 and sent < len(sealed):
            some = sealed[sent : answered + window]
            line.sendall(b"".join(some))
            sent += len(some)
        *answers, rest = (rest + line.recv(RECEIVE)).split(b"\r")
        for answer in answers:
            expect(answer, RENEWED)
        answered += len(answers)
