"""The metrics of offline circulation (stack.md 3.3): what was uploaded and not executed, and what a person
must look at (OF-51).

They stand in the database, where commands change them. A scrape gets what was known last and never waits;
when that is old, the store is asked for the next one.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sip2d.errors import Fault
from sip2d.store.offline import Backlog

FRESH_SECONDS: Final = 30.0

Answer = Callable[[Backlog | None], None]
Ask = Callable[[Answer], None]
"""Asks the store, which calls back on this thread; None: it could not be asked."""


class OfflineFigures(Collector):
    """See the module. Register it with the registry of `Metrics`; the loop's thread only."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at = float("-inf")
        self._backlog: Backlog | None = None
        self._seen: set[tuple[str, str]] = set()

    def collect(self) -> Iterator[Metric]:
        self._refresh()
        if self._backlog is None:
            return
        pending = GaugeMetricFamily(
            "sip2d_offline_pending", "Lines of offline files that wait to be executed.", labels=("branch",)
        )
        for branch, count in self._backlog.pending.items():
            pending.add_metric((branch,), count)
        yield pending
        conflicts = GaugeMetricFamily(
            "sip2d_offline_conflicts",
            "Open exceptions of what was done off-line: somebody must look.",
            labels=("branch", "code"),
        )
        for key in sorted(self._seen):  # a series that ends would leave its alert open
            conflicts.add_metric(key, self._backlog.exceptions.get(key, 0))
        yield conflicts

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._asked_at < FRESH_SECONDS:
            return
        self._asked_at = now
        try:
            self._ask(self._answered)
        except Fault:
            self._asked_at = float("-inf")  # too busy, or closed: the next scrape asks again

    def _answered(self, backlog: Backlog | None) -> None:
        if backlog is not None:
            self._backlog = backlog
            self._seen |= backlog.exceptions.keys()
