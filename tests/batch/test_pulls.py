"""A hundred pulled cables during two thousand renewals: the end is that of an undisturbed run (issue 4, 3.2;
BR-18, BR-44)."""

from collections import Counter
from pathlib import Path

import pytest

from tests.batch import places
from tests.batch.cable import CUT, CUT_ASKING, LOSE, PULL, STALL, Cable, pulls
from tests.batch.undisturbed import assert_same, reach, state, tool
from tests.support.daemon import Daemon
from tests.support.databases import Databases

SIZES = {"sqlite": (places.prepare_many, places.MANY, 100), "postgresql": (places.prepare, places.LOANS, 16)}
"""Library, rows and accidents."""
SKIPPED = 4
"""Rows that nobody may renew (`places`)."""


@pytest.mark.timeout(120)
def test_a_hundred_pulls(databases: Databases, tmp_path: Path) -> None:
    """Cut in the middle of a request or of an answer, pulled out, silent, some bytes lost: the tool goes on
    with 32 rows on their way each time. Loans and their events, journal and export are, row by row, those of
    a run on a good cable: every renewal is there, and once.
    """
    prepare, rows, times = SIZES[databases.kind]
    sheet = places.write(tmp_path / "sheet.csv", places.all_loans(rows), places.due_text())
    arguments = [str(sheet), "--yes", "--timezone", "Europe/Paris", "--window", "32"]
    wanted_url, url = (databases.fresh(prepare) for _ in range(2))
    good, bad = tmp_path / "good.batch", tmp_path / "bad.batch"
    with Daemon(tmp_path, wanted_url) as daemon:
        tool(*arguments, *reach(daemon), "--journal", str(good), code=1)
    plan = pulls(times, seed=4)
    with Daemon(tmp_path, url) as daemon, Cable(daemon.address, plan) as cable:
        patience = ["--timeout", "0.4", "--retries", "2"]
        run = tool(*arguments, *patience, *reach(daemon, cable.port), "--journal", str(bad), code=1)
        assert Counter(cable.happened) == Counter(kind for kind, _ in plan)
    assert f"{rows} of {rows}: {rows - SKIPPED} renewed, {SKIPPED} skipped, 0 failed" in run.out
    wanted = state(wanted_url, good)
    assert Counter(event[3] for event in wanted.events)["RENEW"] == rows - SKIPPED
    assert_same(state(url, bad), wanted)


def test_the_plan_has_every_kind_of_accident() -> None:
    """The proof of the proof."""
    found = Counter(kind for kind, _ in pulls(100, 4))
    assert set(found) == {CUT, CUT_ASKING, LOSE, PULL, STALL}
    assert found.total() == 100
