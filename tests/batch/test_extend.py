"""`sip2d loans extend`, `resume` and `export`: the bulk renewal without a file (issue 4, 1.4), in the process
of the command, on both databases; with the daemon beside it and without.
"""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sip2d.batch.journal import Draft, Header, Journal
from sip2d.batch.outcome import RENEWED
from sip2d.batch.runner import Progress
from sip2d.batch.sheet import Row
from sip2d.compose import attempt_inside
from sip2d.daemon.inside import Place
from sip2d.jobs.receipts import JOB
from tests.batch import places
from tests.batch.places import ELSEWHERE, LOANS, LOST, RECALLED, item
from tests.batch.terminal import Terminal
from tests.batch.undisturbed import assert_same, state
from tests.cli.shell import Run, Shell
from tests.faults.places import change, rows
from tests.notices.play import outbox_of, play
from tests.support.daemon import PATIENCE, until
from tests.support.databases import Databases
from tests.support.desks import opened
from tests.support.library import add_loan
from tests.support.places import ROOT
from tests.support.postgres import PostgresCluster

DAYS = 400
FOUND = LOANS - 1
"""One item is not on loan."""
REFUSED = {RECALLED: "ITEM_RECALLED", LOST: "ITEM_LOST"}
TO = (datetime.now(places.ZONE) + timedelta(days=DAYS)).date()
ALL = ("--institution", "MAIN", "--to", TO.isoformat(), "--as", "boss")
DUE = int(datetime(TO.year, TO.month, TO.day, 23, 59, 59, tzinfo=places.ZONE).timestamp())


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.fresh(places.prepare)


@pytest.fixture
def shell(url: str) -> Shell:
    return Shell(url)


def extend(shell: Shell, batch: Path, *more: str, code: int = 1) -> Run:
    """Every loan, but for what the flags say."""
    return shell("loans extend", *ALL, "--journal", str(batch), *more, form="", code=code)


def exported(shell: Shell, batch: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shell("loans export", str(batch), form="").out)))


def as_extended(url: str, before: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Every loan as it must be once all were extended: another due date, one renewal more."""
    refused = {item(number) for number in REFUSED}
    return [loan if loan[0] in refused else (*loan[:2], DUE, int(str(loan[3])) + 1, None) for loan in before]


def test_the_preview_changes_nothing(tmp_path: Path, shell: Shell, url: str) -> None:
    before = places.loans_of(url)
    run = extend(shell, tmp_path / "a.batch", "--dry-run", code=0)
    for said in (
        f"{FOUND} open loans are extended.", f"New due date: {TO} 23:59:59", f"CENTRAL {FOUND}",
        f"BOOK {FOUND}", f"NOLIMIT {FOUND - 1}, ADULT 1", "1 of them are recalled", "The first 10:",
        "recorded at MAIN/CENTRAL",
    ):  # fmt: skip
        assert said in run.out, run.out
    assert len(run.out.partition("The first 10:")[2].splitlines()) == 12
    assert (
        extend(shell, tmp_path / "a.batch", code=130).err.strip() == "Nothing was changed: --yes starts it."
    )
    assert places.loans_of(url) == before
    assert [path.name for path in tmp_path.iterdir() if "batch" in path.name] == []


def test_br_1_every_loan_without_a_file(tmp_path: Path, shell: Shell, url: str) -> None:
    """BR-1, BR-8, BR-10, BR-15, BR-21, PT-32..PT-34: what the bulk renewal skips is skipped, the rest is due
    when it was said; journal, record and audit log agree. No terminal stands for it.
    """
    before = places.loans_of(url)
    run = extend(shell, tmp_path / "a.batch", "--yes", "--record-at", "NORTH")
    assert f"100 %  {FOUND} of {FOUND}: {FOUND - 2} renewed, 2 skipped, 0 failed" in run.out
    assert places.loans_of(url) == as_extended(url, before)
    found = exported(shell, tmp_path / "a.batch")
    assert {row["item_barcode"]: row["code"] for row in found if row["outcome"] != RENEWED} == {
        item(number): code for number, code in REFUSED.items()
    }
    events = """
        SELECT DISTINCT interface, terminal_id, branch.code FROM loan_event
        JOIN branch ON branch.id = branch_id WHERE kind = 'RENEW'
    """
    assert rows(url, events) == [("BULK_RENEWAL", None, "NORTH")]
    (batch,) = shell("report batches --institution MAIN --as boss").json
    assert (batch["by"], batch["branch"], batch["terminal"]) == ("boss", "NORTH", False)
    assert (batch["renewed"], batch["skipped"], batch["failed"]) == (FOUND - 2, 2, 0)
    lines = shell(f"report batches --batch {batch['id']} --limit 1000 --as boss").json
    assert [(one["item_barcode"], one["outcome"], one["code"]) for one in lines] == [
        (one["item_barcode"], one["outcome"], one["code"]) for one in found
    ]
    skipped = shell(f"report batches --batch {batch['id']} --outcome skipped --as boss").json
    assert len(skipped) == 2
    audit = rows(url, "SELECT actor, after FROM audit_log WHERE entity = 'loans' AND action = 'extend'")
    assert [(row[0], json.loads(row[1])["loans"]) for row in audit] == [("boss", FOUND)]


def test_twice_changes_nothing(tmp_path: Path, shell: Shell, url: str) -> None:
    """BR-18: everything is due then already."""
    extend(shell, tmp_path / "a.batch", "--yes")
    before = places.loans_of(url)
    run = extend(shell, tmp_path / "b.batch", "--yes")
    assert "2 open loans are extended" in run.out  # recalled and lost, and skipped again
    assert f"{FOUND - 2} are due then or later already: left out." in run.out
    assert places.loans_of(url) == before


def test_the_branch_need_not_serve_bulk_renewals(tmp_path: Path, shell: Shell, url: str) -> None:
    """Nor SIP2 at all, nor say the shipped texts: staff needs no terminal's rights. The settings stay."""
    change(
        url,
        "UPDATE branch_sip2 SET status = 'NOT_CONFIGURED', enforce_institution = 1",
        "UPDATE branch_message SET support = 'DISABLED'",
        "UPDATE library_epoch SET epoch = epoch + 1",
    )
    shell("text set ITEM_RECALLED Somebody-waits --institution MAIN --as boss")
    extend(shell, tmp_path / "a.batch", "--yes")
    codes = [row["code"] for row in exported(shell, tmp_path / "a.batch") if row["outcome"] != RENEWED]
    assert codes == list(REFUSED.values())
    assert rows(url, "SELECT DISTINCT status FROM branch_sip2") == [("NOT_CONFIGURED",)]


def test_rows_are_left_out_by_a_file(tmp_path: Path, shell: Shell, url: str) -> None:
    """BR-27."""
    sheet = tmp_path / "not.csv"
    sheet.write_text(f"patron_barcode,item_barcode\n,{item(0)}\nR0001,\n{places.patron(2)},{item(4)}\n")
    extend(shell, tmp_path / "a.batch", "--yes", "--exclude-file", str(sheet))
    due = {loan[0]: loan[2] for loan in places.loans_of(url)}
    assert [due[item(number)] == DUE for number in (0, 1, 2, 4, 61)] == [False, False, True, True, False]
    sheet.write_text("nothing\n1\n")
    says = extend(shell, tmp_path / "b.batch", "--yes", "--exclude-file", str(sheet), code=2).err
    assert "names neither patron_barcode nor item_barcode" in says


def test_days_are_counted_once(tmp_path: Path, shell: Shell, url: str) -> None:
    """+N days is an instant in the journal: cancelled and resumed, no loan gets them twice (BR-40, BR-41)."""
    before = {loan[0]: loan for loan in places.loans_of(url)}
    batch = tmp_path / "a.batch"
    done: list[object] = []
    interrupted(shell, url, batch, "--days", "30", cancelled=lambda: len(done) >= 50, told=done.append)
    with Journal(batch, writes=False) as journal:
        assert 50 <= journal.attempted < FOUND
        assert journal.open == 0
    shell("loans resume", str(batch), "--as", "boss", form="", code=1)
    for barcode, _, due, count, _ in places.loans_of(url):
        old = before[barcode]
        if barcode in {item(number) for number in REFUSED}:
            assert (due, count) == (old[2], 0)
        else:
            moved = datetime.fromtimestamp(int(str(old[2])), places.ZONE).replace(tzinfo=None)
            wanted = (moved + timedelta(days=30)).replace(tzinfo=places.ZONE)
            assert (due, count) == (int(wanted.timestamp()), 1)


def interrupted(
    shell: Shell, url: str, batch: Path, *goal: str, cancelled: Callable[[], bool],
    told: Callable[[object], None],
) -> None:  # fmt: skip
    """A batch that was begun and cancelled; its rows come from the command."""
    sheet = batch.with_suffix(".csv")
    shell("loans extend --institution MAIN --as boss", *goal, "--sheet", str(sheet), form="")
    with sheet.open(encoding="utf-8") as stream:
        loans = [
            (row["patron_barcode"], row["item_barcode"], row["due_date"]) for row in csv.DictReader(stream)
        ]
    draft = Draft(batch, Header(file="x", zone=places.ZONE.key, made_at=0, place="MAIN/CENTRAL"))
    for number, (patron, barcode, due) in enumerate(loans, start=1):
        at = datetime.fromisoformat(due).replace(tzinfo=places.ZONE)
        draft.add(Row(number, patron, barcode, int(at.timestamp()), due))
    draft.commit()
    (branch,) = rows(url, "SELECT id FROM branch WHERE code = 'CENTRAL'")
    with Journal(batch) as journal:
        ending = attempt_inside(url, Place(branch[0], "boss"), journal, told, cancelled)
    assert ending.cancelled
    assert ending.fault is None


def test_killed_and_resumed_it_is_as_if_nothing_had_happened(tmp_path: Path, databases: Databases) -> None:
    """1.3: SIGKILL in the middle, twice; the end is that of an undisturbed run, row by row, each once."""
    quiet, url = databases.fresh(places.prepare_many), databases.fresh(places.prepare_many)
    whole, batch = tmp_path / "whole.batch", tmp_path / "killed.batch"
    extend(Shell(quiet), whole, "--yes")
    arguments = ["loans", "extend", *ALL, "--journal", str(batch), "--yes", "--database", url]
    for moment in (300, 900):
        process = subprocess.Popen(
            [sys.executable, "-m", "sip2d", *arguments], cwd=tmp_path, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            until(lambda moment=moment: batch.exists() and batch.read_bytes().count(b'\n["o",') > moment)  # type: ignore[misc]  # a default
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            assert process.wait(PATIENCE) == -signal.SIGKILL
        arguments = ["loans", "resume", str(batch), "--as", "boss", "--database", url]
    with Journal(batch, writes=False) as journal:
        assert moment < journal.attempted < journal.total
    Shell(url)("loans resume", str(batch), "--as", "boss", form="", code=1)
    assert_same(state(url, batch), state(quiet, whole))
    assert {row[3] for row in places.loans_of(url) if row[2] == DUE} == {1}


def test_beside_the_daemon(tmp_path: Path, shell: Shell, url: str) -> None:
    """Its kiosks are served meanwhile; a sheet of the same loans goes through it (BR-27, BR-35)."""
    before = places.loans_of(url)
    sheet = tmp_path / "s.csv"
    with places.served(tmp_path, url) as daemon:
        host, port = daemon.address
        half = ("--due-until", (datetime.now(places.ZONE)).date().isoformat())
        extend(shell, tmp_path / "a.batch", "--yes", *half, code=1)
        told = shell("loans extend", *ALL, "--sheet", str(sheet), form="").err
        assert f"sip2d bulk-renew {sheet} --timezone Europe/Paris" in told
        shell.raw(
            ["bulk-renew", str(sheet), "--yes", "--host", host, "--port", str(port), "--plain", "--user",
             places.USER, "--password-stdin", "--local-ip", places.SOURCE, "--timezone", "Europe/Paris"],
            places.PASSWORD + "\n", code=1,
        )  # fmt: skip
    assert places.loans_of(url) == as_extended(url, before)
    by = {
        (batch["by"], batch["terminal"])
        for batch in shell("report batches --institution MAIN --as boss").json
    }
    assert by == {("boss", False), ("bulk", True)}
    exists = shell("loans extend", *ALL, "--sheet", str(sheet), form="", code=2)
    assert "exists" in exists.err


def test_br_14_one_digest_of_new_dates_a_patron(tmp_path: Path, shell: Shell, url: str) -> None:
    """The receipts of the hour tell of it like of every renewal."""
    change(
        url, "UPDATE branch_sip2 SET due_receipt_enabled = 1", "UPDATE library_epoch SET epoch = epoch + 1"
    )
    extend(shell, tmp_path / "a.batch", "--yes")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    with opened(url) as room:
        play(room, JOB, "MAIN", hour)
        told = [row for row in outbox_of(room) if row.type == "DUE_RECEIPT"]
        assert len({row.dedup_key for row in told}) == len(told) == places.PATRONS + 1
        assert sum(len(row.titles) for row in told) == FOUND - 2


def test_who_may_not(tmp_path: Path, shell: Shell, url: str) -> None:
    """GN-7, GN-8: exit code 77, audited, nothing made; nor does a resume go on."""
    change(url, "INSERT INTO staff_account (login, roles) VALUES ('clerk', '[\"CIRC_DESK_OPERATOR\"]')")
    batch = tmp_path / "a.batch"
    clerk = [*ALL[:-1], "clerk"]
    assert "may not extend many loans" in shell(
        "loans extend", *clerk, "--journal", str(batch), "--yes", form="", code=77
    ).err  # fmt: skip
    assert not batch.exists()
    places.journal(batch, places.all_loans(5), DUE)
    shell("loans resume", str(batch), "--record-at", "NORTH", "--as", "clerk", form="", code=77)
    assert rows(url, "SELECT actor, action FROM audit_log") == [("clerk", "denied")] * 2
    no_place = shell("loans resume", str(batch), "--as", "boss", form="", code=64)
    assert "--record-at" in no_place.err
    shell("loans resume", str(batch), "--record-at", "NORTH", "--as", "boss", form="", code=1)


def test_a_journal_that_is_there_is_not_written_over(tmp_path: Path, shell: Shell) -> None:
    batch = tmp_path / "a.batch"
    batch.write_text("mine")
    assert "exists" in extend(shell, batch, "--yes", code=2).err
    assert batch.read_text() == "mine"
    assert shell("loans export", str(batch), form="", code=2).out == ""


def test_nothing_to_extend(tmp_path: Path, shell: Shell) -> None:
    run = extend(shell, tmp_path / "a.batch", "--yes", "--patron-type", "CHILD", code=0)
    assert run.out == "0 open loans are extended.\n"


def test_a_loan_of_another_institution_s_patron(tmp_path: Path, shell: Shell, url: str) -> None:
    """CN-10: he is known by his group."""
    with opened(url) as room, room.unit() as unit:
        add_loan(unit.core, room.world, room.world.items["I-DVD"], room.world.patrons["O1"])
    extend(shell, tmp_path / "a.batch", "--yes", "--item-type", "DVD", code=0)
    assert [row["code"] for row in exported(shell, tmp_path / "a.batch")] == ["OK"]


def test_at_a_terminal_it_asks_and_can_be_cancelled(tmp_path: Path, sqlite_databases: Databases) -> None:
    """BR-38..BR-41, BR-46: nothing before the answer; Ctrl-C waits for what is under way, and it goes on."""
    url, batch = sqlite_databases.fresh(places.prepare_many), tmp_path / "a.batch"
    shell = Shell(url)
    before = places.loans_of(url)
    with Terminal("loans", "extend", *ALL, "--journal", str(batch), "--database", url) as tool:
        tool.until("1999 open loans are extended")
        tool.until("Start")
        assert places.loans_of(url) == before
        tool.say("y")
        tool.until(r"[2-9]\d %")
        tool.interrupt()
        tool.until("waiting for what is under way")
        tool.until(r"rows are left: sip2d loans resume")
        assert tool.end() == 130
    with Journal(batch, writes=False) as journal:
        assert 0 < journal.attempted < journal.total
        assert journal.open == 0
        done = journal.counts[RENEWED]
    assert sum(row[2] == DUE for row in places.loans_of(url)) == done
    shell("loans resume", str(batch), "--as", "boss", form="", code=1)
    assert places.loans_of(url) == as_extended(url, before)


def test_the_database_goes_away_in_the_middle(tmp_path: Path, own_postgres_cluster: PostgresCluster) -> None:
    """BR-41: no row has failed for it; the rest can be resumed, and each loan is renewed once."""
    cluster = own_postgres_cluster
    url = cluster.url(cluster.create_database(places.prepare))
    shell, batch, before = Shell(url), tmp_path / "a.batch", places.loans_of(url)
    places.journal(batch, places.all_loans(), DUE)
    (central,) = rows(url, "SELECT id FROM branch WHERE code = 'CENTRAL'")

    def told(progress: Progress) -> None:
        if progress.attempted == 100:
            cluster.kill()

    with Journal(batch) as journal:
        ending = attempt_inside(url, Place(central[0], "boss"), journal, told, bool)
    assert ending.fault is not None
    assert 100 <= ending.progress.attempted < LOANS
    assert ending.progress.failed == 0
    cluster.start()
    shell("loans resume", str(batch), "--record-at", "CENTRAL", "--as", "boss", form="", code=1)
    elsewhere = {item(number) for number in REFUSED} | {item(ELSEWHERE)}
    for old, new in zip(before, places.loans_of(url), strict=True):
        assert new == (old if old[0] in elsewhere else (*old[:2], DUE, 1, None))
