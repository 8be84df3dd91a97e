"""Batches against the real daemon: every row once, whatever happens to the cable (BR-5, BR-18, BR-44,
PT-32..PT-34).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sip2d.batch import runner
from sip2d.batch.journal import Journal
from sip2d.batch.outcome import RENEWED, SKIPPED
from sip2d.batch.preflight import Server, Unfit
from tests.batch import places
from tests.batch.cable import Cable, accidents
from tests.batch.places import ELSEWHERE, LOANS, LOST, RECALLED, RETURNED
from tests.faults.places import change
from tests.support.daemon import Daemon
from tests.support.databases import Databases

DUE = int((datetime.now(UTC) + timedelta(days=90)).replace(microsecond=0).timestamp())
REFUSED = {RECALLED: "ITEM_RECALLED", RETURNED: "ITEM_NOT_ON_LOAN", LOST: "ITEM_LOST",
           ELSEWHERE: "ITEM_NOT_ON_LOAN_TO_PATRON"}  # fmt: skip


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.fresh(places.prepare)


@pytest.fixture
def daemon(tmp_path: Path, url: str) -> Iterator[Daemon]:
    with places.served(tmp_path, url) as found:
        yield found


def reach(daemon: Daemon, **values: object) -> Server:
    return places.server(daemon.address[1], daemon.address[0], local=places.SOURCE, **values)


async def test_every_row_and_nothing_else(tmp_path: Path, daemon: Daemon, url: str) -> None:
    """PT-32, PT-33, PT-34; BR-3, BR-4, BR-8, BR-10."""
    before = places.loans_of(url)
    told: list[runner.Progress] = []
    path = places.journal(tmp_path / "a.batch", places.all_loans(), DUE)
    with Journal(path) as journal:
        ending = await runner.run(journal, reach(daemon), told=told.append)
        attempts = list(journal.attempts())
    assert (ending.fault, ending.cancelled) == (None, False)
    assert {
        number: attempt.code for number, attempt in enumerate(attempts) if attempt.outcome != RENEWED
    } == REFUSED
    assert {attempts[number].outcome for number in REFUSED} == {SKIPPED}
    after = places.loans_of(url)
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        number = int(str(old[0])[4:]) if str(old[0]).startswith("0300") else -1
        if number in REFUSED or number < 0:
            assert new == old
        else:
            assert new == (*old[:2], DUE, 1, None)
    percents = [one.percent for one in told]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert all(one.renewed + one.skipped + one.failed == one.attempted for one in told)
    assert list(ending.progress.last) == attempts[-10:]


@pytest.mark.parametrize(("window", "seed"), [(1, 1), (32, 2)])
async def test_a_bad_cable_changes_nothing(
    tmp_path: Path, daemon: Daemon, url: str, window: int, seed: int
) -> None:
    """BR-44, 3.2: twenty accidents during 300 rows; the end is that of an undisturbed run, row by row."""
    plan = accidents(20, seed)
    path = places.journal(tmp_path / "a.batch", places.all_loans(), DUE)
    with Cable(daemon.address, plan) as cable, Journal(path) as journal:
        server = places.server(cable.port, window=window, timeout=0.5, retries=1)
        ending = await runner.run(journal, server)
        codes = {n: a.code for n, a in enumerate(journal.attempts()) if a.outcome != RENEWED}
        happened = list(cable.happened)
    assert ending.fault is None, str(ending.fault)
    assert len(happened) >= (20 if window == 1 else 10)
    assert codes == REFUSED
    for number, loan in enumerate(places.loans_of(url)):
        renewed = loan[2] == DUE
        assert renewed is (loan[0] not in {places.item(each) for each in REFUSED}), (number, loan)
        assert loan[3] == (1 if renewed else 0), "applied twice"


async def test_cancel_and_resume(tmp_path: Path, daemon: Daemon, url: str) -> None:
    """BR-40, BR-41: what was under way is waited for, nothing is lost, resume does the rest."""
    path = places.journal(tmp_path / "a.batch", places.all_loans(), DUE)
    done: list[runner.Progress] = []
    with Journal(path) as journal:
        ending = await runner.run(journal, reach(daemon), told=done.append, cancelled=lambda: len(done) >= 40)
        assert ending.cancelled
        assert journal.open == 0
        first = journal.attempted
    assert 40 <= first < LOANS
    assert sum(1 for loan in places.loans_of(url) if loan[2] == DUE) == ending.progress.renewed
    with Journal(path) as journal:
        assert journal.attempted == first
        ending = await runner.run(journal, reach(daemon))
    assert ending.progress.attempted == LOANS
    assert {loan[3] for loan in places.loans_of(url) if loan[2] == DUE} == {1}


async def test_killed_with_answers_unseen(tmp_path: Path, daemon: Daemon, url: str) -> None:
    """1.3: intents without outcome are asked for again, with the same frame, and applied once (BR-18)."""
    path = places.journal(tmp_path / "a.batch", places.all_loans(), DUE)
    with Journal(path) as journal:
        await runner.run(journal, reach(daemon))
    whole = path.read_bytes().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(whole) if line.startswith(b'["o",40'))
    path.write_bytes(b"".join(whole[:cut]) + b'["o",40,1')
    with Journal(path) as journal:
        assert journal.attempted == 40
        assert journal.open > 0
        ending = await runner.run(journal, reach(daemon))
        codes = {n: a.code for n, a in enumerate(journal.attempts()) if a.outcome != RENEWED}
    assert (ending.fault, codes) == (None, REFUSED)
    assert {loan[3] for loan in places.loans_of(url) if loan[2] == DUE} == {1}


async def test_nothing_is_sent_where_a_pin_is_asked_for(tmp_path: Path, url: str) -> None:
    """BR-17: the first row tells; it can be asked again once the branch is mended."""
    change(url, "UPDATE branch_message SET support = 'ENABLED' WHERE message = 'RENEW'")
    before = places.loans_of(url)
    path = places.journal(tmp_path / "a.batch", places.all_loans(20), DUE)
    with places.served(tmp_path, url) as daemon, Journal(path) as journal:
        ending = await runner.run(journal, reach(daemon))
        assert isinstance(ending.fault, Unfit)
        assert "PIN" in str(ending.fault)
        assert "branch preset bulk-renewal" in ending.fault.mend[0]
        assert (journal.attempted, journal.open) == (0, 0)
    assert places.loans_of(url) == before
