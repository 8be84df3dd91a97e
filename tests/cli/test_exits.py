"""Exit codes (stack.md 3.1), `db`, `explain`, `version`."""

import sqlite3
from pathlib import Path

import pytest

from sip2d import __version__
from tests.cli.shell import Shell


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("terminal lost", 64, "lost"),
        ("terminal show", 64, "name"),
        ("terminal show kiosk-north --format xml", 64, "xml"),
        ("hold add P1", 64, "either --item or --title-number"),
        ("terminal show nobody", 65, "There is no terminal 'nobody'"),
        ("terminal list --as nobody", 77, "no staff account"),
        ("terminal list --config /nowhere.toml", 78, "there is no such file"),
        ("branch preset bulk --branch NORTH", 78, "bulk-renewal"),
    ],
)
def test_exit_codes(sqlite_library: Shell, line: str, code: int, said: str) -> None:
    """One line on stderr, nothing on stdout."""
    staff = "" if "--as" in line else " --as boss"
    run = sqlite_library(f"{line}{staff}", form="", code=code)
    assert said in run.err
    assert run.out == ""


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    """78 where it was never made, 69 where the server does not answer; no password is told."""
    never = Shell(f"sqlite:///{tmp_path}/none.db")("patron list", code=78)
    assert "db upgrade" in never.err
    assert not (tmp_path / "none.db").exists()
    away = Shell("postgresql://sip2d:Geheim@127.0.0.1:1/sip2d")("patron list", code=69)
    assert "Geheim" not in away.err


def test_a_database_behind_is_a_configuration_fault(tmp_path: Path) -> None:
    (tmp_path / "old.db").touch()
    run = Shell(f"sqlite:///{tmp_path}/old.db")("patron list", code=78)
    assert "sip2d db upgrade" in run.err


def test_db_upgrade_makes_and_check_approves(database_url: str) -> None:
    shell = Shell(database_url)
    assert "from nothing to" in shell("db upgrade", form="").err
    assert "is at" in shell("db upgrade", form="").err
    assert shell("db check").json == []


def test_db_check_finds_a_ledger_that_does_not_add_up(library: Shell) -> None:
    """PT-3."""
    library.change("UPDATE fee_balance SET outstanding_minor = 1")
    (found,) = library("db check", code=1).json
    assert found["finding"] == "Fee 1 stands at 1, its postings say 500."


def test_db_backup_is_a_whole_copy_and_overwrites_nothing(sqlite_library: Shell, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    sqlite_library(f"db backup {copy}", form="")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM patron").fetchone()[0] > 5
    connection.close()
    assert copy.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir() if "part" in each.name] == []
    assert "overwrites nothing" in sqlite_library(f"db backup {copy}", form="", code=78).err


def test_explain_and_version(sqlite_library: Shell) -> None:
    assert "patron" in sqlite_library.raw(["explain", "AA"]).out
    assert "Checkout" in sqlite_library.raw(["explain"]).out
    assert "neither a message code" in sqlite_library.raw(["explain", "ZZZ"], code=64).err
    assert __version__ in sqlite_library.raw(["version"]).out


def test_why_says_what_each_rule_saw(library: Shell) -> None:
    """6.2: the rule that denies says so, the others that they have nothing against it."""
    library("settings set noissuescharge 1.00 --institution MAIN --as boss")
    rows = library("why P1 I4 --institution MAIN --as boss").json
    assert {row["question"] for row in rows} == {"CHECKOUT"}
    assert [row["rule"] for row in rows if row["denies"]] == ["NOISSUESCHARGE"]
    assert library("why P2 I1 --institution MAIN --as boss").json[0]["question"] == "RENEW"
    assert library("why P2 --institution MAIN --as boss").json[0]["question"] == "STANDING"


def test_sortbin_test_says_which_rule_and_why(library: Shell) -> None:
    """HO-8."""
    north = "(SELECT id FROM branch WHERE code = 'NORTH')"
    for rank, (name, routing) in enumerate((("9", "'HOLD_HERE'"), ("4", "NULL"))):
        library.change(
            "INSERT INTO sort_bin_rule (branch_id, rank, bin, routing)"
            f" VALUES ({north}, {rank}, '{name}', {routing})"
        )
    library.change("UPDATE library_epoch SET epoch = epoch + 1")
    found = library("sortbin test I2 --branch NORTH --institution MAIN --as boss").json
    assert (found["sort_bin"], found["routing"]) == ("4", "SHELF")
    assert [rule["differs"] for rule in found["rules"]] == [["routing"], []]


def test_an_account_of_another_os_user_cannot_be_borrowed(
    sqlite_library: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only root may; a person is known by the operating system."""
    sqlite_library.change("UPDATE staff_account SET os_user = 'somebody-else'")
    sqlite_library("staff list --as boss")
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    denied = sqlite_library("staff list --as boss", code=77)
    assert "another user of this machine" in denied.err
