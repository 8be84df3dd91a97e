"""What the server writes down of bulk renewals (BR-21), with the real daemon, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sip2d.batch import runner
from sip2d.batch.journal import Journal
from tests.batch import places
from tests.batch.places import ELSEWHERE, LOST, RECALLED, RETURNED
from tests.cli.shell import Shell
from tests.faults.places import change, rows
from tests.support.daemon import Daemon
from tests.support.databases import Databases

DUE = int((datetime.now(UTC) + timedelta(days=90)).replace(microsecond=0).timestamp())
ROWS = 40
SKIPPED = len((RECALLED, RETURNED, ELSEWHERE, LOST))


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.fresh(places.prepare)


@pytest.fixture
def daemon(tmp_path: Path, url: str) -> Iterator[Daemon]:
    with places.served(tmp_path, url) as found:
        yield found


async def run(folder: Path, daemon: Daemon, name: str, first: int = 0) -> Journal:
    """One batch of so many rows; its journal."""
    path = places.journal(folder / name, places.all_loans(first + ROWS)[first:], DUE)
    server = places.server(daemon.address[1], daemon.address[0], local=places.SOURCE)
    with Journal(path) as journal:
        ending = await runner.run(journal, server)
        assert ending.fault is None
    return Journal(path, writes=False)


async def test_br_21_a_login_is_a_batch_with_totals(tmp_path: Path, daemon: Daemon, url: str) -> None:
    """Attempts are those of the tool's journal, in its order; the branch is that of the entry (BR-15)."""
    shell = Shell(url)
    before = datetime.now(UTC).replace(microsecond=0)
    with await run(tmp_path, daemon, "a") as first, await run(tmp_path, daemon, "b", ROWS) as second:
        found = shell("report batches --institution MAIN --as boss").json
        assert [(one["by"], one["branch"], one["terminal"], one["attempts"]) for one in found] == [
            ("bulk", "NORTH", True, ROWS)
        ] * 2
        newest, oldest = found
        assert (oldest["renewed"], oldest["skipped"], oldest["failed"]) == (ROWS - SKIPPED, SKIPPED, 0)
        assert (newest["renewed"], newest["skipped"], newest["failed"]) == (ROWS, 0, 0)
        for batch, journal in ((oldest, first), (newest, second)):
            assert before <= datetime.fromisoformat(batch["started_at"])
            lines = shell(f"report batches --batch {batch['id']} --as boss").json
            assert [
                (row["patron_barcode"], row["item_barcode"], row["outcome"], row["code"]) for row in lines
            ] == [(one.row.patron, one.row.item, one.outcome, one.code) for one in journal.attempts()]
    assert shell("report batches --branch CENTRAL --as boss").json == []
    assert len(shell("report batches --branch NORTH --days 1 --limit 1 --as boss").json) == 1


async def test_br_21_a_user_name_that_the_tool_made_up_marks_a_terminal_too(
    tmp_path: Path, daemon: Daemon, url: str
) -> None:
    """An entry that stood already and was given the login (CN-11): its renewals are a batch's, not a kiosk's
    that was cut off (SP-20).
    """
    daemon.stop()
    change(url, "UPDATE terminal SET purpose = NULL WHERE name = 'bulk'")
    daemon.start()
    (await run(tmp_path, daemon, "a")).close()
    assert rows(url, "SELECT label FROM renewal_batch") == [("bulk",)]
    renewed = "SELECT count(*) FROM renewal_batch_item WHERE outcome = 'RENEWED'"
    assert rows(url, renewed) == [(ROWS - SKIPPED,)]
    assert rows(url, "SELECT DISTINCT interface FROM loan_event WHERE kind = 'RENEW'") == [("BULK_RENEWAL",)]
    assert rows(url, "SELECT count(*) FROM offline_exception") == [(0,)]


def test_who_may_read_it(tmp_path: Path, url: str) -> None:
    """GN-8: whoever sees the branch."""
    change(url, "INSERT INTO staff_account (login, roles) VALUES ('reader', '[]')")
    shell = Shell(url)
    shell("report batches --institution MAIN --as reader", code=77)
    assert "There is no batch 5" in shell("report batches --batch 5 --as boss", code=65).err
    assert "--batch" in shell("report batches --outcome FAILED --as boss", code=64).err
