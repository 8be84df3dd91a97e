"""The nightly accrual, run by the daemon's own scheduler while kiosks are served (issue 3, 3.3).

The library is one whose daemon was away for two nights, so the scheduler makes them up as soon as it starts.
"""

import json
import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec

from sip2d.jobs.fines import DAILY
from tests.bench import dataset, frames, variants
from tests.bench.figures import AT_MOST, Row, percentile, row
from tests.bench.generator import Kiosks, Party, WrongAnswerError, drive
from tests.bench.measures import ANY_STANDING, RENEWED
from tests.bench.processes import Server

ASKING: Final = 45
RENEWING: Final = 5
LOOK_SECONDS: Final = 0.25
"""So often it is looked whether a night is done; a night's time is as exact as that."""
MISSED: Final = 2
"""Two nights, for one may be that of a closed day."""
GIVEN_UP_SECONDS: Final = 300


class Night(msgspec.Struct, frozen=True):
    """One run of the job: when it ended, by our clock, and how many loans it accrued."""

    ended: float
    accrued: int


def accrual(ours: Server, path: Path, began: float) -> list[Row]:
    """50 kiosks as fast as they can, a tenth of them renewing, until both nights are done. ``began``: when
    the daemon was started (`time.perf_counter`)."""
    asked: list[float] = []
    renewed: list[float] = []
    with (
        Kiosks(ours.port, ASKING, frames.login()) as asking,
        Kiosks(ours.port, RENEWING, frames.login()) as renewing,
    ):
        info = Party(asking, frames.information(), ANY_STANDING)
        renew = Party(renewing, frames.renewals(leave=variants.is_late), RENEWED)
        nights: list[Night] = []
        while len(nights) < MISSED:
            if time.perf_counter() - began > GIVEN_UP_SECONDS:
                raise TimeoutError("the scheduler did not get through its nights")
            drive(LOOK_SECONDS, info, renew)
            asked += info.latencies
            renewed += renew.latencies
            nights += _ended(path, len(nights))
    return judged(began, nights, asked, renewed)


def judged(began: float, nights: list[Night], asked: list[float], renewed: list[float]) -> list[Row]:
    """The slowest night, and what kiosks waited (seconds). A closed day has a night without work; raises
    WrongAnswerError when the slowest is one, or left a loan out."""
    starts = [began, *(night.ended for night in nights)]
    took, accrued = max(
        (night.ended - start, night.accrued) for start, night in zip(starts, nights, strict=False)
    )
    wanted = dataset.LOANS // variants.LATE
    if accrued != wanted:
        raise WrongAnswerError(f"{accrued} loans were accrued in a night, not {wanted}")
    seconds = starts[-1] - began
    return [
        row("nightly accrual, 150,000 open loans, 10 % overdue", took, "s", AT_MOST, 60),
        row("kiosk p99 during the accrual", percentile([*asked, *renewed], 0.99) * 1000, "ms", AT_MOST, 100),
        row("renew p99 during the accrual", percentile(renewed, 0.99) * 1000, "ms", AT_MOST, 100),
        row("kiosk exchanges during the accrual", (len(asked) + len(renewed)) / seconds, "1/s"),
        row("renewals during the accrual", len(renewed) / seconds, "1/s"),
        row("loans accrued in the night", accrued, ""),
    ]


def _ended(path: Path, known: int) -> list[Night]:
    """The nights that have ended since ``known`` were. Raises WrongAnswerError when one failed."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    try:
        found = connection.execute(
            "SELECT status, counters, error FROM job_run"
            " WHERE job = ? AND status <> 'RUNNING' AND key NOT LIKE '%|first' ORDER BY as_of",
            (DAILY.name,),
        ).fetchall()
    finally:
        connection.close()
    for status, _, error in found:
        if status != "DONE":
            raise WrongAnswerError(f"a night is {status}: {error}")
    now = time.perf_counter()
    return [Night(now, json.loads(counters).get("accrued", 0)) for _, counters, _ in found[known:]]
