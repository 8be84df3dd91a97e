"""What the store knows about itself: does the database answer, how long are the queues, how long did things
take.
"""

import threading
import time
from collections.abc import Callable
from typing import ClassVar

import msgspec


class Stats(msgspec.Struct, frozen=True):
    """Figures for metrics. ``units`` holds, by unit name, how many ran and the seconds they took (without
    waiting and COMMIT).
    """

    waiting_writes: int
    waiting_reads: int
    transactions: int
    refused: int
    unknown: int
    last_group: int
    last_transaction_seconds: float
    units: dict[str, tuple[int, float]]


class Health:
    """The last word of the database on reading and on writing; written by the store's threads."""

    KINDS: ClassVar = ("reads", "writes")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reads = True
        self.writes = True
        self.reason = ""
        self.transactions = 0
        self.refused = 0
        self.unknown = 0
        self.last_group = 0
        self.last_seconds = 0.0
        self.units: dict[str, list[float]] = {}

    @property
    def good(self) -> bool:
        """Whether the last attempts to read and to write went well."""
        return self.reads and self.writes

    def went_well(self, writes: bool, group: int, seconds: float) -> None:
        """A transaction was made. Having written, one can read."""
        with self._lock:
            self.transactions += 1
            self.last_group = group
            self.last_seconds = seconds
            self.reads = True
            if writes:
                self.writes = True

    def failed(self, writes: bool, reason: str) -> None:
        """A transaction could not be made."""
        with self._lock:
            self.reason = reason
            if writes:
                self.writes = False
            else:
                self.reads = False

    def took(self, name: str, seconds: float, count: int = 1) -> None:
        """So many units of this name ran. (A thread's own entry may lose a count to another's; these are
        gauges.)"""
        figures = self.units.get(name)
        if figures is None:
            figures = self.units.setdefault(name, [0, 0.0])
        figures[0] += count
        figures[1] += seconds

    def answered(self, refused: int, unknown: int) -> None:
        """So many units were refused or left unknown."""
        with self._lock:
            self.refused += refused
            self.unknown += unknown

    def stats(self, waiting_writes: int, waiting_reads: int) -> Stats:
        """The figures now."""
        units = {name: (int(count), seconds) for name, (count, seconds) in list(self.units.items())}
        return Stats(
            waiting_writes, waiting_reads, self.transactions, self.refused, self.unknown, self.last_group,
            self.last_seconds, units,
        )  # fmt: skip


class Laps:
    """Times units that run one after the other, and looks at the clock only where their name changes: the
    units of a group have mostly one. Those of a group that is lost are not counted: they run again."""

    def __init__(self, health: Health, clock: Callable[[], float] = time.perf_counter) -> None:
        self._health = health
        self._clock = clock
        self._name = ""
        self._count = 0
        self._since = clock()

    def begin(self, name: str) -> None:
        """A unit of this name begins, and the one before is over."""
        if name != self._name:  # empty after an end
            self.end()
            self._name = name
        self._count += 1

    def end(self) -> None:
        """The last one is over; what follows until the next begins is nobody's."""
        now = self._clock()
        if self._count:
            self._health.took(self._name, now - self._since, self._count)
            self._count = 0
        self._name = ""
        self._since = now
