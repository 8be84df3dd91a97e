"""The metrics of stack.md 3.3, in a registry of their own. Labels come from bounded sets only, never from
barcodes.

What an exchange touches is counted in plain dicts by the loop's thread, many exchanges at a time, and
collected at the scrape: 0.2 us each, where a bound counter and a histogram of the client library take 1.3 us
(performance.md 2).
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Set
from datetime import datetime
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from sip2d import __version__
from sip2d.daemon.access_log import AccessLog, Record
from sip2d.daemon.job_figures import JobFigures
from sip2d.daemon.pins import Pins
from sip2d.desk.gaps import ALL, gaps
from sip2d.store.health import Stats
from sip2d.store.library import Library

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_EDGES: Final = tuple(seconds * 1000 for seconds in BUCKETS)
LAG_SECONDS: Final = 15.0


def _nothing() -> None:
    """Nobody keeps records back."""


class Exchanges(Collector):
    """Requests, their durations, and when each kiosk was last heard: what every exchange records. ``tell``
    is called before a scrape: whoever keeps records back brings them."""

    def __init__(self) -> None:
        self.tell: Callable[[], None] = _nothing
        # By branch, message and result: how many, and the durations of the message, in milliseconds.
        self._requests: dict[tuple[str, str, str], tuple[list[int], list[int], list[float]]] = {}
        self._durations: dict[str, tuple[list[int], list[float]]] = {}
        self._heard: dict[str, float] = {}

    def count(self, records: Iterable[Record]) -> None:
        """Exchanges answered."""
        requests, heard = self._requests, self._heard
        for record in records:
            key = record.branch, record.message, record.result
            count, buckets, total = requests.get(key) or self._new(*key)
            milliseconds = record.ms
            count[0] += 1
            buckets[bisect_left(_EDGES, milliseconds)] += 1
            total[0] += milliseconds
            if record.terminal:
                heard[record.terminal] = record.ts

    def _new(self, branch: str, message: str, result: str) -> tuple[list[int], list[int], list[float]]:
        durations = self._durations.setdefault(message, ([0] * (len(BUCKETS) + 1), [0.0]))
        made = self._requests[branch, message, result] = ([0], *durations)
        return made

    def keep(self, kiosks: Set[str]) -> None:
        """Forget all others: a terminal that was removed is not silent."""
        self.tell()
        for gone in self._heard.keys() - kiosks:
            del self._heard[gone]

    def collect(self) -> Iterator[Metric]:
        self.tell()
        requests = CounterMetricFamily(
            "sip2d_requests", "Requests answered.", labels=("branch", "message", "result")
        )
        for key, (counted, *_) in list(self._requests.items()):
            requests.add_metric(key, counted[0])
        yield requests
        durations = HistogramMetricFamily(
            "sip2d_request_duration_seconds", "From the whole frame to its answer.", labels=("message",)
        )
        for message, (counts, total) in list(self._durations.items()):
            buckets, below = [], 0
            for edge, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                below += count
                buckets.append((edge, float(below)))
            durations.add_metric((message,), buckets, total[0] / 1000)
        yield durations
        heard = GaugeMetricFamily(
            "sip2d_kiosk_last_message_timestamp_seconds",
            "When a terminal was last heard.",
            labels=("kiosk",),
        )
        for kiosk, at in list(self._heard.items()):
            heard.add_metric((kiosk,), at)
        yield heard


class Figures(Collector):
    """What the store, the PIN checks and the access log count themselves: asked at the scrape."""

    def __init__(self, store: Callable[[], Stats], pins: Pins, access: AccessLog) -> None:
        self._store = store
        self._pins = pins
        self._access = access

    def collect(self) -> Iterator[Metric]:
        stats = self._store()
        queue = GaugeMetricFamily(
            "sip2d_db_queue_length", "Units waiting for a store thread.", labels=("kind",)
        )
        queue.add_metric(("read",), stats.waiting_reads)
        queue.add_metric(("write",), stats.waiting_writes)
        yield queue
        took = SummaryMetricFamily(
            "sip2d_db_transaction_duration_seconds", "Units of work, without COMMIT.", labels=("unit",)
        )
        for name, (count, seconds) in stats.units.items():
            took.add_metric((name,), count, seconds)
        yield took
        for name, text, value in (
            ("sip2d_db_transactions", "Transactions committed.", stats.transactions),
            ("sip2d_db_units_refused", "Units refused: the database was busy or away.", stats.refused),
            ("sip2d_db_outcomes_unknown", "COMMITs without an answer.", stats.unknown),
            ("sip2d_pin_lockouts", "Checks refused after too many wrong ones.", self._pins.locked_out),
            ("sip2d_access_records_dropped", "Access records that were lost.", self._access.dropped),
        ):
            yield CounterMetricFamily(name, text, value)
        yield GaugeMetricFamily("sip2d_pin_checks_waiting", "Checks waiting or running.", self._pins.waiting)


class Lag:
    """How late the event loop is: the worst of the last 15 to 30 seconds, so that a scrape sees a short
    stall."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._worst = [0.0, 0.0]

    def observe(self, seconds: float) -> None:
        """The timer came so late."""
        self._turn()
        self._worst[1] = max(self._worst[1], seconds)

    def worst(self) -> float:
        """Seconds."""
        self._turn()
        return max(self._worst)

    def _turn(self) -> None:
        now = self._clock()
        if now - self._since >= LAG_SECONDS:
            fresh = now - self._since < 2 * LAG_SECONDS
            self._worst = [self._worst[1] if fresh else 0.0, 0.0]
            self._since = now


class Metrics:
    """All of them; one object a daemon."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library forgot its annotation
        registry = self.registry = CollectorRegistry()
        self.exchanges = Exchanges()
        registry.register(self.exchanges)
        self.jobs = JobFigures(registry)
        self.lag = Lag()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        gauge("sip2d_build_info", "Always 1; the version is the label.", "version").labels(__version__).set(1)
        self.connections = gauge("sip2d_connections", "Open connections.", "listener", "branch")
        self.accepted = counter("sip2d_connections_accepted_total", "Connections admitted.", "listener")
        self.refused = counter("sip2d_connections_refused_total", "Connections turned away.", "reason")
        self.protocol_errors = counter("sip2d_protocol_errors_total", "Frames that were not right.", "kind")
        self.resends = counter("sip2d_resends_total", "Resend requests: 97 in, 96 out.", "direction")
        self.messages_refused = counter("sip2d_messages_refused_total", "Messages refused.", "reason")
        self.login_failures = counter("sip2d_login_failures_total", "Logins refused.", "branch", "reason")
        self.denials = counter("sip2d_policy_denials_total", "Acts denied by a rule.", "action", "rule")
        self.branch_open = gauge("sip2d_branch_open", "1 on a day the branch is open.", "branch")
        self.policy_gaps = gauge(
            "sip2d_policy_gap", "1 where a policy asks for a block that is not defined.", "institution", "gap"
        )
        self.closed = counter("sip2d_connections_closed_total", "Connections that ended, by why.", "reason")
        self.batch_rows = counter("sip2d_batch_rows_total", "Rows of bulk renewals, by outcome.", "outcome")
        self.no_block = counter("sip2d_no_block_total", "Transactions done off-line by a kiosk.", "message")
        lag = gauge("sip2d_event_loop_lag_seconds", "Worst delay of the event loop lately.")
        lag.set_function(self.lag.worst)
        self.certificate_expiry = gauge(
            "sip2d_tls_certificate_expiry_timestamp_seconds", "When the certificate expires.", "listener"
        )
        self.reload_good = gauge("sip2d_config_last_reload_successful", "1 when the last load succeeded.")
        self.reload_at = gauge("sip2d_config_last_reload_timestamp_seconds", "When it last succeeded.")

    def watch(self, store: Callable[[], Stats], pins: Pins, access: AccessLog) -> None:
        """Ask these at every scrape."""
        self.registry.register(Figures(store, pins, access))

    def mark(self, library: Library, now: datetime) -> None:
        """Which branches are open today: an alert about a silent kiosk asks for it; and which kiosks there
        are. Which blocks policies ask for that cannot be made (BL-45)."""
        self.exchanges.keep({one.name for one in library.terminals})
        for branch in library.branches.values():
            is_open = branch.calendar.is_open(now.astimezone(branch.zone).date())
            self.branch_open.labels(branch.code).set(int(is_open))
        for institution in library.institutions.values():
            found = gaps(library, institution.id, now)
            for gap in ALL:
                self.policy_gaps.labels(institution.code, gap).set(int(gap in found))

    def render(self) -> bytes:
        """The text a scrape gets."""
        return generate_latest(self.registry)
