"""The metrics of jobs (stack.md 3.3): when each last ended well, how long runs take, what they did.

An alert asks for the newest of all daemons: one runs a job, the others do not hear of it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

from sip2d.jobs.runner import Outcome, Result

RESULT: Final = re.compile(r"[a-z][a-z_]{0,39}")
"""What may be a label: the words that jobs count by, never a value."""


class JobFigures:
    """One a daemon; told of runs on the scheduler's thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._success = Gauge(
            "sip2d_job_last_success_timestamp_seconds", "When a job last ended well.", ["job"],
            registry=registry,
        )  # fmt: skip
        self._duration = Summary(
            "sip2d_job_duration_seconds", "Runs of a job, from the first piece to the last.", ["job"],
            registry=registry,
        )  # fmt: skip
        self._failures = Counter(
            "sip2d_job_failures_total", "Runs of a job that failed.", ["job"], registry=registry
        )
        self._items = Counter(
            "sip2d_job_items_total", "What jobs did, by their own words.", ["job", "result"],
            registry=registry,
        )  # fmt: skip

    def known(self, successes: Mapping[str, datetime]) -> None:
        """What the database remembers from before this daemon's start."""
        for job, at in successes.items():
            self._success.labels(job).set(at.timestamp())

    def ended(self, result: Result) -> None:
        """A run was made; one that another daemon made or makes is not ours to count."""
        if result.outcome not in (Outcome.DONE, Outcome.FAILED):
            return
        self._duration.labels(result.job).observe(result.seconds)
        if result.outcome is Outcome.DONE:
            self._success.labels(result.job).set(datetime.now(UTC).timestamp())
        else:
            self._failures.labels(result.job).inc()
        for name, count in result.tally.counters.items():
            if RESULT.fullmatch(name):
                self._items.labels(result.job, name).inc(count)
