"""The metrics: their names, their kinds, what they count (stack.md 3.3)."""

import re
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from sip2d.daemon.access_log import AccessLog, Record
from sip2d.daemon.metrics import BUCKETS, Lag, Metrics
from sip2d.daemon.offline_metrics import FRESH_SECONDS, OfflineFigures
from sip2d.daemon.pins import Pins
from sip2d.errors import StoreBusy
from sip2d.jobs.job import Tally
from sip2d.jobs.runner import Outcome, Result
from sip2d.store.health import Stats
from sip2d.store.offline import Backlog
from tests.daemon import places
from tests.support.library import NOW

STATS = Stats(3, 4, 10, 2, 1, 5, 0.25, {"11": (4, 0.5)})

EXPECTED = {
    "sip2d_build_info": {"version"},
    "sip2d_connections": {"listener", "branch"},
    "sip2d_connections_accepted": {"listener"},
    "sip2d_connections_refused": {"reason"},
    "sip2d_requests": {"branch", "message", "result"},
    "sip2d_request_duration_seconds": {"message", "le"},
    "sip2d_protocol_errors": {"kind"},
    "sip2d_resends": {"direction"},
    "sip2d_login_failures": {"branch", "reason"},
    "sip2d_policy_denials": {"action", "rule"},
    "sip2d_messages_refused": {"reason"},
    "sip2d_kiosk_last_message_timestamp_seconds": {"kiosk"},
    "sip2d_branch_open": {"branch"},
    "sip2d_policy_gap": {"institution", "gap"},
    "sip2d_db_queue_length": {"kind"},
    "sip2d_db_transaction_duration_seconds": {"unit"},
    "sip2d_event_loop_lag_seconds": set(),
    "sip2d_tls_certificate_expiry_timestamp_seconds": {"listener"},
    "sip2d_config_last_reload_successful": set(),
    "sip2d_config_last_reload_timestamp_seconds": set(),
    "sip2d_job_last_success_timestamp_seconds": {"job"},
    "sip2d_job_duration_seconds": {"job"},
    "sip2d_job_failures": {"job"},
    "sip2d_job_items": {"job", "result"},
    "sip2d_batch_rows": {"outcome"},
    "sip2d_offline_pending": {"branch"},
    "sip2d_offline_conflicts": {"branch", "code"},
}
BACKLOG = Backlog({"MAIN": 3, "NORTH": 0}, {("MAIN", "NEWER_LOAN"): 2})


def run_of(job: str, outcome: Outcome, did: dict[str, int], seconds: float) -> Result:
    return Result(job, "MAIN", NOW, outcome, 1, Tally(did), seconds)


def filled() -> Metrics:
    metrics = Metrics()
    pins = Pins()
    pins.close()
    metrics.watch(lambda: STATS, pins, AccessLog())
    metrics.exchanges.count([
        Record(1000.0, 1, "T1", "MAIN", "11", "ok", 3.0),
        Record(1001.0, 1, "T1", "MAIN", "11", "ok", 200.0),
        Record(1002.0, 2, "", "MAIN", "99", "ok", 99_000.0),
    ])  # fmt: skip
    metrics.connections.labels("plain", "MAIN").inc()
    metrics.accepted.labels("plain").inc()
    metrics.refused.labels("address").inc()
    metrics.protocol_errors.labels("checksum").inc()
    metrics.resends.labels("in").inc()
    metrics.messages_refused.labels("disabled").inc()
    metrics.login_failures.labels("MAIN", "credentials").inc()
    metrics.denials.labels("11", "PATRON_EXPIRED").inc()
    metrics.closed.labels("EOF").inc()
    metrics.batch_rows.labels("renewed").inc()
    metrics.registry.register(OfflineFigures(lambda answer: answer(BACKLOG)))
    metrics.no_block.labels("11").inc()
    metrics.branch_open.labels("MAIN").set(1)
    metrics.policy_gaps.labels("MAIN", "NO_OVERDUE_DEFINITION").set(1)
    metrics.certificate_expiry.labels("tls").set(1)
    metrics.jobs.ended(run_of("fines", Outcome.DONE, {"accrued": 3, "P-4821": 1}, 0.5))
    metrics.jobs.ended(run_of("fines", Outcome.DONE, {"accrued": 2}, 0.25))
    metrics.jobs.ended(run_of("losses", Outcome.FAILED, {"lost": 1}, 1.0))
    metrics.jobs.ended(run_of("losses", Outcome.BUSY, {}, 0.0))
    metrics.jobs.known({"blocks": NOW})
    return metrics


def test_names_and_labels() -> None:
    found = {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in text_string_to_metric_families(filled().render().decode())
    }
    for name, labels in EXPECTED.items():
        assert found[name] == labels, name


def test_the_habits_of_prometheus() -> None:
    """What `promtool check metrics` asks: prefix, help, counters end in _total, base units, no _created."""
    text = filled().render().decode()
    assert "_created" not in text
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"sip2d_[a-z0-9_]+", family.name)
        assert family.documentation
        assert not re.search(r"_(ms|millis\w*|minutes|hours|kb|mb)\b", family.name)
        ends = {sample.name.endswith("_total") for sample in family.samples}
        assert ends == {family.type == "counter"}, family.name


def test_an_exchange_is_counted_and_timed() -> None:
    value = filled().registry.get_sample_value
    assert value("sip2d_requests_total", {"branch": "MAIN", "message": "11", "result": "ok"}) == 2
    bucket = "sip2d_request_duration_seconds_bucket"
    assert value(bucket, {"message": "11", "le": "0.0025"}) == 0
    assert value(bucket, {"message": "11", "le": "0.005"}) == 1
    assert value(bucket, {"message": "11", "le": "+Inf"}) == 2
    assert value(bucket, {"message": "99", "le": str(BUCKETS[-1])}) == 0
    assert value("sip2d_request_duration_seconds_count", {"message": "99"}) == 1
    assert value("sip2d_request_duration_seconds_sum", {"message": "11"}) == 0.203
    assert value("sip2d_kiosk_last_message_timestamp_seconds", {"kiosk": "T1"}) == 1001
    assert value("sip2d_db_queue_length", {"kind": "write"}) == 3
    assert value("sip2d_db_transaction_duration_seconds_sum", {"unit": "11"}) == 0.5


def test_a_terminal_that_was_removed_is_not_silent() -> None:
    """An alert about a kiosk that was not heard for long would ring for ever."""
    metrics = filled()
    kept_back = [Record(1003.0, 3, name, "MAIN", "99", "ok", 1.0) for name in ("T1", "T2")]

    def tell() -> None:
        metrics.exchanges.count(kept_back)
        kept_back.clear()

    metrics.exchanges.tell = tell
    metrics.mark(places.library(places.terminal(2, "127.0.0.2")), NOW)
    value = metrics.registry.get_sample_value
    assert value("sip2d_kiosk_last_message_timestamp_seconds", {"kiosk": "T2"}) == 1003
    assert value("sip2d_kiosk_last_message_timestamp_seconds", {"kiosk": "T1"}) is None


def test_a_run_of_a_job_is_counted_and_timed() -> None:
    """What another daemon ran is not; a word that is no word becomes no label."""
    value = filled().registry.get_sample_value
    assert value("sip2d_job_duration_seconds_count", {"job": "fines"}) == 2
    assert value("sip2d_job_duration_seconds_sum", {"job": "fines"}) == 0.75
    assert value("sip2d_job_items_total", {"job": "fines", "result": "accrued"}) == 5
    assert value("sip2d_job_items_total", {"job": "fines", "result": "P-4821"}) is None
    assert value("sip2d_job_failures_total", {"job": "losses"}) == 1
    assert value("sip2d_job_failures_total", {"job": "fines"}) is None
    assert value("sip2d_job_duration_seconds_count", {"job": "losses"}) == 1
    assert value("sip2d_job_last_success_timestamp_seconds", {"job": "blocks"}) == NOW.timestamp()
    assert value("sip2d_job_last_success_timestamp_seconds", {"job": "losses"}) is None
    assert (value("sip2d_job_last_success_timestamp_seconds", {"job": "fines"}) or 0) > NOW.timestamp()


def test_the_database_is_not_asked_at_every_scrape() -> None:
    """A scrape tells what was known last; a code that has no exception any more is 0, not gone."""
    now, asked = 0.0, 0
    backlog: Backlog | None = BACKLOG

    def ask(answer: Callable[[Backlog | None], None]) -> None:
        nonlocal asked
        asked += 1
        answer(backlog)

    metrics = Metrics()
    metrics.registry.register(OfflineFigures(ask, lambda: now))
    conflict = "sip2d_offline_conflicts", {"branch": "MAIN", "code": "NEWER_LOAN"}
    for _ in range(3):
        assert metrics.registry.get_sample_value(*conflict) == 2
    assert asked == 1
    now, backlog = FRESH_SECONDS, None  # the database is away
    assert metrics.registry.get_sample_value(*conflict) == 2
    now, backlog = 2 * FRESH_SECONDS, Backlog({"MAIN": 0}, {})
    assert metrics.registry.get_sample_value(*conflict) == 0
    assert asked == 3


def test_a_busy_store_is_asked_again_at_the_next_scrape() -> None:
    asked = 0

    def ask(answer: Callable[[Backlog | None], None]) -> None:
        nonlocal asked
        asked += 1
        raise StoreBusy("too much waits")

    metrics = Metrics()
    metrics.registry.register(OfflineFigures(ask))
    for _ in range(2):
        assert b"sip2d_offline" not in metrics.render()
    assert asked == 2


def test_a_short_stall_is_seen_by_the_next_scrape() -> None:
    now = 0.0
    lag = Lag(lambda: now)
    lag.observe(0.3)
    now = 16.0
    assert lag.worst() == 0.3
    lag.observe(0.1)
    now = 32.0
    assert lag.worst() == 0.1
    now = 100.0
    assert lag.worst() == 0.0
