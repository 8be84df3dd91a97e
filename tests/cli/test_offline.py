"""`sip2d offline` as a person types it (2.2): OF-10..OF-12, OF-40, OF-51, and the setting of OF-31."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.shell import Shell

YESTERDAY = f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d}"
"""Commands go by the clock of the machine."""
LOAN = f"{YESTERDAY}1015L{'I3':<80}P1\r\n"
BACK = f"{YESTERDAY}1020RI3\r\n"
NOBODY = f"{YESTERDAY}1025L{'I4':<80}P-NOBODY\r\n"


def written(folder: Path, *lines: str, name: str = "OffCirc.dat") -> str:
    file = folder / name
    file.write_bytes("".join(lines).encode())
    return str(file)


def test_a_file_is_uploaded_reviewed_applied_and_told_of(library: Shell, tmp_path: Path) -> None:
    """OF-11, OF-12: exit code 1 where lines are errors; who loads is told to delete the file, which stays."""
    file = written(tmp_path, LOAN, BACK, NOBODY)
    (batch,) = library(f"offline upload {file} --branch CENTRAL --as boss").json
    assert (batch["format"], batch["status"], batch["pending"]) == ("offcirc", "VALIDATED", 3)
    session = batch["session"]
    told = library(f"offline review {session} --institution MAIN --as boss").json
    assert [(row["would_be"], row["proposal"], row["rule"]) for row in told] == [
        ("OK", "lend", None), ("OK", "take back", None), ("ERROR", "nothing", "OF-30"),
    ]  # fmt: skip
    assert told[0]["at"].endswith(("10:15:00+01:00", "10:15:00+02:00")), "by the clock of the desk"
    done = library(f"offline apply {session} --institution MAIN --as boss", code=1)
    assert "Delete the file" in done.err
    assert "sip2d offline exceptions" in done.err
    assert Path(file).exists()
    assert (done.json["status"], done.json["files"][0]["error"]) == ("APPLIED", 1)
    report = library(f"offline report {session} --institution MAIN --as boss").json
    assert [line["code"] for line in report["lines"]] == ["PATRON_UNKNOWN"]
    assert len(library(f"offline export {batch['batch']} --institution MAIN --as boss").json) == 3
    (listed,) = library("offline sessions --institution MAIN --as boss").json
    assert listed["session"] == session
    assert library.rows("SELECT closed_reason FROM loan ORDER BY id DESC LIMIT 1") == [("RETURN",)]


def test_of40_the_same_file_again(sqlite_library: Shell, tmp_path: Path) -> None:
    """Exit code 1, nothing done; several files are one session."""
    file, other = written(tmp_path, LOAN), written(tmp_path, BACK, name="b.dat")
    line = f"offline upload {file} {other} --branch CENTRAL --as boss"
    first, second = sqlite_library(line).json
    assert first["session"] == second["session"]
    again = sqlite_library(line, code=1)
    assert {batch["status"] for batch in again.json} == {"REJECTED"}
    assert "nothing was loaded" in again.err
    forced = sqlite_library(f"{line} --force").json
    assert {batch["status"] for batch in forced} == {"VALIDATED"}


WRONG = [
    ("--branch CENTRAL --file-format dbase", 64, "none of offcirc"),
    ("--branch NOWHERE", 65, "no branch"),
    ("--branch CENTRAL --session other/one --clock-delta x", 64, "valid integer"),
]


@pytest.mark.parametrize(("options", "code", "said"), WRONG)
def test_what_is_wrong_is_said(
    sqlite_library: Shell, tmp_path: Path, options: str, code: int, said: str
) -> None:
    file = written(tmp_path, LOAN)
    assert said in sqlite_library(f"offline upload {file} {options} --as boss", code=code).err
    assert sqlite_library.rows("SELECT count(*) FROM offline_batch") == [(0,)]


def test_of10_who_may_not_load(sqlite_library: Shell, tmp_path: Path) -> None:
    """Exit code 77, and the attempt is audited (GN-8)."""
    sqlite_library.change(
        "INSERT INTO staff_account (login, roles) VALUES ('reader', '[\"STUDENT_WORKER\"]')"
    )
    file = written(tmp_path, LOAN)
    denied = sqlite_library(f"offline upload {file} --branch CENTRAL --as reader", code=77)
    assert "'reader' may not load offline files" in denied.err


def test_of51_an_exception_is_resolved_with_a_note(library: Shell) -> None:
    (row,) = library("offline exceptions --institution MAIN --as boss").json
    assert (row["code"], row["resolved_at"]) == ("STALE", None)
    library(f"offline resolve {row['exception']} --institution MAIN --as boss", "--note", "seen to")
    assert library("offline exceptions --institution MAIN --as boss").json == []
    library(f"offline resolve {row['exception']} --institution MAIN --as boss", "--note", "again", code=65)


def test_of51_all_of_a_code_are_resolved_at_once(sqlite_library: Shell, tmp_path: Path) -> None:
    """An inventory scanned as returns is a thousand exceptions, and one sentence."""
    scanned = [f"{YESTERDAY}10{minute}RI{item}\r\n" for minute, item in ((10, 3), (11, 4), (12, 5))]
    file = written(tmp_path, *scanned)
    sqlite_library(f"offline upload {file} --branch CENTRAL --session cut --as boss")
    sqlite_library("offline apply cut --institution MAIN --as boss")
    done = sqlite_library(
        "offline resolve --code NOT_ON_LOAN --institution MAIN --as boss", "--note", "inventory"
    ).json
    assert [(row["item"], row["state"], row["rule"]) for row in done] == [
        (item, "RESOLVED", "OF-32") for item in ("I3", "I4", "I5")
    ]
    assert len(sqlite_library("offline exceptions --institution MAIN --as boss").json) == 1
    for options, code in (("--code NOT_ON_LOAN", 65), ("", 64), ("1 --code STALE", 64)):
        sqlite_library(f"offline resolve {options} --institution MAIN --as boss", "--note", "x", code=code)


def test_sessions_are_a_row_each_for_a_person(sqlite_library: Shell, tmp_path: Path) -> None:
    """The files by name, and what became of their lines all together; a program gets each file's."""
    files = [written(tmp_path, LOAN), written(tmp_path, BACK, name="b.dat")]
    sqlite_library(f"offline upload {' '.join(files)} --branch CENTRAL --session cut --as boss")
    out = sqlite_library("offline sessions --institution MAIN --as boss", form="csv").out
    assert "OffCirc.dat (CENTRAL): VALIDATED; b.dat (CENTRAL): VALIDATED,2,0,0,0,0" in out


def test_of23_of22_options_of_an_upload(sqlite_library: Shell, tmp_path: Path) -> None:
    """--workstation and --allow-payments."""
    day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    koc = written(tmp_path, f"Version=1.0\n{day} 10:15:00 1\tpayment\tP1\t5.00\n", name="a.koc")
    other = written(tmp_path, LOAN)
    line = "--branch CENTRAL --session cut --workstation desk-1 --as boss"
    sqlite_library(f"offline upload {koc} --allow-payments {line}")
    second = sqlite_library(f"offline upload {other} {line}", code=1)
    assert (second.json[0]["code"], second.json[0]["pending"]) == ("SECOND_UPLOAD", 0)
    told = sqlite_library("offline review cut --institution MAIN --as boss").json
    assert [(row["kind"], row["proposal"]) for row in told] == [("P", "book the payment")]
    sqlite_library("offline apply cut --institution MAIN --as boss")
    assert sqlite_library.rows("SELECT outstanding_minor FROM fee_balance") == [(0,)]


def test_of31_the_setting_is_read(sqlite_library: Shell) -> None:
    sqlite_library("settings set offline_other_patron error --institution MAIN --as boss")
    sqlite_library("settings set offline_other_patron perhaps --institution MAIN --as boss", code=65)
