"""The metrics of notices (stack.md 3.3): what the delivery counted itself, asked at the scrape."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Results = Callable[[], Mapping[tuple[str, str], int]]
"""Letters by (transport, result) since the start."""
States = Callable[[], Mapping[str, int]]
"""Open notices by state, at the last delivery of this daemon."""


class NoticeFigures(Collector):
    """See the module. Register it with the registry of `Metrics`."""

    def __init__(self, results: Results, states: States) -> None:
        self._results = results
        self._states = states

    def collect(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "sip2d_notices", "Notices handed over, or not.", labels=("transport", "result")
        )
        for key, count in list(self._results().items()):
            total.add_metric(key, count)
        yield total
        pending = GaugeMetricFamily(
            "sip2d_notices_pending",
            "Notices that wait: HELD_NO_SENDER for an address.",
            labels=("state",),
        )
        for state, count in list(self._states().items()):
            pending.add_metric((state,), count)
        yield pending
