"""The tool is killed in the middle of a batch, again and again, and resumed: nothing is lost, nothing is done
twice (issue 4, 1.3; BR-41, BR-42, PT-34)."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from sip2d.batch.journal import Journal
from sip2d.batch.outcome import RENEWED
from tests.batch import places
from tests.batch.cable import PULL, STALL, STALL_ASKING, Accident, Cable
from tests.batch.undisturbed import SECRET, assert_same, reach, state, tool
from tests.support.daemon import PATIENCE, Daemon, until
from tests.support.databases import Databases
from tests.support.places import ROOT

ROWS = 1500
MOMENTS: tuple[Accident | int, ...] = (
    (STALL, 250),  # the very first row was done, and its answer never came
    (STALL_ASKING, 700),  # rows are in the journal, and half a request is all that left
    40,  # rows with an outcome: no accident, wherever it is just then
    (PULL, 9_000),
    (STALL, 14_000),  # a window was done, and none of its answers came
    111,
    (STALL_ASKING, 11_003),
)
"""When it is killed."""


class Tool:
    """A process of the tool; what it says is thrown away."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sip2d", "bulk-renew", *arguments], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(SECRET)
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """SIGKILL; it must not have ended before."""
        self._process.send_signal(signal.SIGKILL)
        assert self._process.wait(PATIENCE) == -signal.SIGKILL


def outcomes(batch: Path) -> dict[str, tuple[str, str]]:
    """Items with an outcome in the journal, and which."""
    with Journal(batch, writes=False) as journal:
        return {one.row.item: (one.outcome, one.code) for one in journal.attempts() if one.outcome}


def exported(batch: Path) -> int:
    """How many attempts the export tells, which works whoever works on the batch."""
    return tool("export", str(batch), code=0).out.count("\n") - 1


def until_killed(moment: Accident | int, cable: Cable, batch: Path, before: int) -> None:
    """Wait until it is to be killed."""
    if isinstance(moment, int):
        until(lambda: batch.exists() and len(outcomes(batch)) >= before + moment)
    else:
        cable.until(1)


def assert_done(url: str, told: dict[str, tuple[str, str]], due: int) -> None:
    """What the journal calls renewed is renewed: nothing is acknowledged before it is."""
    renewed = {str(loan[0]) for loan in places.loans_of(url) if loan[2] == due}
    assert {item for item, (outcome, _) in told.items() if outcome == RENEWED} <= renewed


@pytest.mark.timeout(120)
def test_killed_again_and_again(sqlite_databases: Databases, tmp_path: Path) -> None:
    """SIGKILL with rows that never left, with answers that never came, and in full run; export works before
    and after; an outcome that is in the journal stays; the end is that of an undisturbed run."""
    sheet = places.write(tmp_path / "sheet.csv", places.all_loans(ROWS), places.due_text())
    wanted_url, url = (sqlite_databases.fresh(places.prepare_many) for _ in range(2))
    good, batch = tmp_path / "good.batch", tmp_path / "killed.batch"
    begin = [str(sheet), "--yes", "--timezone", "Europe/Paris"]
    with Daemon(tmp_path, wanted_url) as daemon:
        tool(*begin, *reach(daemon), "--journal", str(good), code=1)
    arguments = [*begin, "--journal", str(batch)]
    told: dict[str, tuple[str, str]] = {}
    opened = []
    with Daemon(tmp_path, url) as daemon:
        for moment in MOMENTS:
            plan = [] if isinstance(moment, int) else [moment]
            with Cable(daemon.address, plan) as cable, Tool(*arguments, *reach(daemon, cable.port)) as live:
                until_killed(moment, cable, batch, len(told))
                assert exported(batch) >= len(told)
                live.kill()
            with Journal(batch, writes=False) as journal:
                opened.append(journal.open)
                assert exported(batch) == journal.attempted + journal.open
                due = journal.row(0).due
            after = outcomes(batch)
            assert told.items() <= after.items(), "an outcome was lost, or is another now"
            assert_done(url, after, due)
            told, arguments = after, ["resume", str(batch)]
        assert len(told) < ROWS, "it was done before it could be killed: this proves less"
        assert sum(map(bool, opened)) >= len(MOMENTS) - 2, opened
        run = tool("resume", str(batch), *reach(daemon), code=1)
    assert f"{ROWS} of {ROWS}" in run.out
    assert told.items() <= outcomes(batch).items()
    assert_same(state(url, batch), state(wanted_url, good))


def test_killed_before_it_began(sqlite_databases: Databases, tmp_path: Path) -> None:
    """A sheet of which half was taken is no batch: there is nothing to resume, and the journal's name is
    free."""
    url = sqlite_databases.fresh(places.prepare)
    sheet = places.write(tmp_path / "sheet.csv", places.all_loans(20), places.due_text())
    batch = tmp_path / "a.batch"
    batch.with_name("a.batch.making").write_bytes(b'["batch",{"file":"sheet.csv"}]\n["r",2,"R')
    before = places.loans_of(url)
    tool("resume", str(batch), "--host", "localhost", code=2)
    with Daemon(tmp_path, url) as daemon:
        flags = [str(sheet), "--timezone", "Europe/Paris", "--journal", str(batch), *reach(daemon)]
        tool(*flags, code=130)  # without --yes
        assert places.loans_of(url) == before
        assert not list(tmp_path.glob("a.batch*"))
        tool(*flags, "--yes", code=1)
    assert len(outcomes(batch)) == 20
