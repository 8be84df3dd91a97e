"""`sip2d jobs` and `sip2d report loans`: what ran, what would, a run by hand, and who may (BR-25, BL-56)."""

import csv
import io
from datetime import UTC, datetime, timedelta

from sip2d.cli import exits
from sip2d.jobs.catalogue import JOBS
from tests.cli.shell import Shell

MAIN = "--institution MAIN"
FUTURE = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


def test_list_shows_every_job_with_its_last_and_next_run(library: Shell) -> None:
    rows = {row["job"]: row for row in library("jobs list --as boss").json}
    assert list(rows) == [job.name for job in JOBS]
    assert rows["snapshots"]["result"] is None
    assert all(datetime.fromisoformat(row["next_run"]) > datetime.now(UTC) for row in rows.values())
    library(f"jobs run snapshots {MAIN} --as boss")
    row = next(row for row in library("jobs list --as boss").json if row["job"] == "snapshots")
    assert (row["code"], row["result"]) == ("JB-12", "DONE")
    assert "snapshots" in library("jobs list --as boss", form="table").out


def test_a_run_by_hand_is_recorded_and_not_done_twice(library: Shell) -> None:
    """By name or code; for one institution, or all."""
    [row] = library(f"jobs run JB-12 {MAIN} --as boss").json
    assert (row["job"], row["for"], row["result"], row["did"]) == ("snapshots", "MAIN", "DONE", {"items": 11})
    rows = library("jobs run snapshots --as boss").json
    assert {row["for"]: row["result"] for row in rows} == {"MAIN": "ALREADY", "OTHER": "DONE"}
    newest = library("jobs history snapshots --as boss").json
    assert [(row["for"], row["result"]) for row in newest] == [("OTHER", "DONE"), ("MAIN", "DONE")]
    assert library(f"jobs history {MAIN} --as boss").json == [one for one in newest if one["for"] == "MAIN"]
    assert library("jobs history fines --as boss").json == []
    audited = library.rows("SELECT actor, entity_id FROM audit_log WHERE entity = 'job' ORDER BY id")
    assert [entity for _, entity in audited] == ["snapshots|MAIN", "snapshots|MAIN", "snapshots|OTHER"]


def test_a_date_is_the_run_of_that_date(library: Shell) -> None:
    """At the job's own time there; the future is only tried."""
    [row] = library(f"jobs run snapshots --as-of 2026-03-10 {MAIN} --as boss").json
    assert row["as_of"] == "2026-03-09T23:01:00+00:00"
    [row] = library("jobs run fines --as-of 2026-07-10 --branch CENTRAL --as boss --dry-run").json
    assert row["as_of"] == "2026-07-09T22:30:00+00:00"
    [row] = library(f"jobs run snapshots --as-of 2026-03-12T15:00:00+01:00 {MAIN} --as boss --dry-run").json
    assert row["as_of"] == "2026-03-12T14:00:00+00:00"
    library(f"jobs run snapshots --as-of {FUTURE} {MAIN} --as boss", code=exits.DATA)
    [row] = library(f"jobs run snapshots --as-of {FUTURE} {MAIN} --as boss --dry-run").json
    assert row["result"] == "DONE"


def test_what_was_missed_is_made_up_by_a_timer_too(library: Shell) -> None:
    """In order, up to the moment asked for."""
    library("jobs run fines --as-of 2026-03-07 --branch CENTRAL --as boss")
    rows = library("jobs run fines --as-of 2026-03-09T12:00:00+01:00 --branch CENTRAL --as boss").json
    assert [row["as_of"] for row in rows] == ["2026-03-07T23:30:00+00:00", "2026-03-08T23:30:00+00:00"]
    assert {row["result"] for row in rows} == {"DONE"}


def test_a_dry_run_changes_nothing_and_tells_its_lines(library: Shell) -> None:
    library.change("UPDATE terminal SET expires_at = 1 WHERE name = 'kiosk-north'")
    before = library.audited
    found = library("jobs run housekeeping --dry-run --as boss").json
    assert found["runs"][0]["did"] == {"terminals_disabled": 1}
    assert found["lines"] == [{"terminal": "kiosk-north", "expired_at": "1970-01-01T00:00:01+00:00"}]
    assert library.audited == before
    assert library.rows("SELECT enabled FROM terminal WHERE name = 'kiosk-north'") == [(1,)]
    assert library.rows("SELECT count(*) FROM job_run") == [(0,)]
    assert "kiosk-north" in library("jobs run housekeeping --dry-run --as boss", form="table").out


def test_the_report_of_a_run(library: Shell) -> None:
    library.change("UPDATE terminal SET expires_at = 1 WHERE name = 'kiosk-north'")
    [row] = library("jobs run housekeeping --as boss").json
    assert library(f"jobs report {row['run']} --as boss").json[0]["terminal"] == "kiosk-north"
    library("jobs report 99999 --as boss", code=exits.DATA)


def test_who_may(library: Shell) -> None:
    """GN-8: managers run jobs, within their institution; everybody sees what ran there."""
    library("staff add desk --role CIRC_DESK_OPERATOR --institution MAIN --as boss")
    library("staff add chief --role CIRC_DESK_MANAGER --institution MAIN --as boss")
    library(f"jobs run snapshots {MAIN} --as desk", code=exits.NOT_PERMITTED)
    library("jobs run snapshots --institution OTHER --as chief", code=exits.DATA)
    library("jobs run housekeeping --as chief", code=exits.DATA)
    [row] = library("jobs run snapshots --as chief").json
    assert row["for"] == "MAIN"
    library("jobs run snapshots --institution OTHER --as boss")
    assert [one["for"] for one in library("jobs history --as desk").json] == ["MAIN"]
    library(f"jobs report {row['run']} --as desk")
    library(f"jobs report {row['run'] + 1} --as desk", code=exits.DATA)


def test_what_makes_no_sense_is_said(library: Shell) -> None:
    assert "did you mean 'fines'" in library("jobs run fine --as boss", code=exits.DATA).err
    assert "whole site" in library("jobs run housekeeping --branch CENTRAL --as boss", code=exits.DATA).err
    assert "each institution" in library("jobs run snapshots --branch NORTH --as boss", code=exits.DATA).err


def test_a_run_that_fails_is_exit_code_1(library: Shell) -> None:
    """The database itself refuses the snapshot."""
    library.change("ALTER TABLE item_status_snapshot RENAME TO away")
    [row] = library(f"jobs run snapshots {MAIN} --as boss", code=exits.SOME_FAILED).json
    assert row["result"] == "FAILED"
    assert "item_status_snapshot" in row["error"]
    library.change("ALTER TABLE away RENAME TO item_status_snapshot")
    [row] = library(f"jobs run snapshots {MAIN} --as boss").json
    assert row["result"] == "DONE"


def test_loans_of_yesterday(library: Shell) -> None:
    """BR-25: as a table, JSON and CSV; BR-26's filters."""
    missing = library(f"report loans {MAIN} --as boss", code=exits.DATA).err
    assert "There is no snapshot" in missing
    library(f"jobs run snapshots {MAIN} --as boss")
    [row] = library("report loans --branch CENTRAL --as boss").json
    assert row == {
        "patron_barcode": "P2", "item_barcode": "I1", "due_date": "2026-03-30 11:15", "title": "Title T1",
        "patron_type": "ADULT", "item_type": "BOOK", "status": "ON_LOAN", "branch": "CENTRAL",
    }  # fmt: skip
    text = library("report loans --as-of yesterday --branch CENTRAL --as boss", form="csv").out
    assert list(csv.DictReader(io.StringIO(text))) == [row]
    assert "Title T1" in library("report loans --branch CENTRAL --as boss", form="table").out
    assert library("report loans --branch NORTH --as boss").json == []
    assert len(library(f"report loans {MAIN} --status any --as boss").json) == 11
    assert library(f"report loans {MAIN} --due-before 2026-03-01 --as boss").json == []
    library(f"report loans {MAIN} --as-of tomorrow --as boss", code=exits.DATA)
