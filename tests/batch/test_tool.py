"""The tool as a librarian has it: flags, the wizard on a terminal, cancel, resume, export (BR-30..BR-46)."""

import csv
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sip2d.batch import export
from tests.batch import places
from tests.batch.cable import STALL, Cable
from tests.batch.terminal import Terminal
from tests.cli.shell import Shell
from tests.daemon.papers import Papers
from tests.faults.places import change
from tests.support.daemon import PATIENCE, Daemon, until
from tests.support.databases import Databases, SqliteDatabases
from tests.support.places import ROOT


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.fresh(places.prepare)


@pytest.fixture
def daemon(tmp_path: Path, url: str) -> Iterator[Daemon]:
    with places.served(tmp_path, url) as found:
        yield found


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path) -> Iterator[Daemon]:
    """One for tests that change nothing."""
    folder = tmp_path_factory.mktemp("quiet")
    with places.served(folder, SqliteDatabases(folder, sqlite_templates).fresh(places.prepare)) as found:
        yield found


@pytest.fixture
def nothing() -> Shell:
    """Where no database is asked."""
    return Shell("sqlite:///nowhere")


@pytest.fixture
def shell(url: str) -> Shell:
    return Shell(url)


def flags(daemon: Daemon, *more: str) -> list[str]:
    host, port = daemon.address
    return ["bulk-renew", *more, "--host", host, "--port", str(port), "--plain", "--user", places.USER,
            "--password-stdin", "--local-ip", places.SOURCE, "--timezone", "Europe/Paris"]  # fmt: skip


def exported(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_all_by_flags(tmp_path: Path, daemon: Daemon, shell: Shell) -> None:
    """BR-38, BR-39, BR-42, BR-45, BR-46: 0 when all were renewed, 1 when some were not."""
    good = [loan for number, loan in enumerate(places.all_loans(20)) if number not in (3, 5, 7, 11)]
    sheet = places.write(tmp_path / "good.csv", good, places.due_text())
    secret = places.PASSWORD + "\n"
    run = shell.raw([*flags(daemon, str(sheet)), "--yes"], secret, code=0)
    for said in ("The file is valid: 16 rows", "First row (line 2)", "MAIN", "NORTH", "100 %", "16 renewed"):
        assert said in run.out, run.out
    assert "terminal disable bulk-127.0.2.1" in run.err
    assert places.PASSWORD not in run.out + run.err
    sheet = places.write(tmp_path / "some.csv", places.all_loans(20), places.due_text(61))
    details = tmp_path / "details.csv"
    batch = tmp_path / "b.batch"
    more = ("--journal", str(batch), "-o", str(details), "--yes")
    shell.raw([*flags(daemon, str(sheet)), *more], secret, code=1)
    rows = exported(details.read_text())
    assert list(rows[0]) == list(export.COLUMNS)
    assert {row["line"]: row["code"] for row in rows if row["outcome"] == "SKIPPED"} == {
        "5": "ITEM_RECALLED", "7": "ITEM_NOT_ON_LOAN", "9": "ITEM_NOT_ON_LOAN_TO_PATRON", "13": "ITEM_LOST",
    }  # fmt: skip
    done = rows[0]
    assert (done["outcome"], done["due_returned"], done["due_date"]) == (
        "RENEWED", places.due_text(61), places.due_text(61),
    )  # fmt: skip
    again = shell.raw(["bulk-renew", "export", str(batch)])
    assert exported(again.out) == rows
    assert places.PASSWORD.encode() not in batch.read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--user": "nobody"}, "refuses the login of nobody"),
        ({"--local-ip": "127.0.9.9"}, "does not know the address 127.0.9.9"),
        ({"--port": "1"}, "cannot be reached"),
    ],
)
def test_what_is_wrong_with_the_connection(
    tmp_path: Path, quiet: Daemon, nothing: Shell, changes: dict[str, str], said: str
) -> None:
    """BR-34, BR-46: a sentence, the command that mends it, exit code 3; nothing is sent, no journal made."""
    sheet = places.write(tmp_path / "s.csv", places.all_loans(5), places.due_text())
    arguments = flags(quiet, str(sheet), "--yes")
    for flag, value in changes.items():
        arguments[arguments.index(flag) + 1] = value
    run = nothing.raw(arguments, places.PASSWORD + "\n", code=3)
    assert said in run.err
    assert "--port" in changes or "sip2d terminal upsert --ip" in run.err
    assert not list(tmp_path.glob("*.batch*"))


def test_the_branch_is_not_set_up(tmp_path: Path, url: str, shell: Shell) -> None:
    """BR-33, BR-34: which settings are missing, and the preset that sets them."""
    shell("message set RENEW=DISABLED --branch NORTH --as boss")
    shell("message set OFFLINE_MODE=DISABLED --branch NORTH --as boss")
    with places.served(tmp_path, url) as daemon:
        run = shell.raw([*flags(daemon), "--check-connection"], places.PASSWORD + "\n", code=3)
    assert "it takes no offline transactions" in run.err
    assert "it does not renew" in run.err
    assert "sip2d branch preset bulk-renewal --branch" in run.err


def test_an_invalid_file_is_never_sent(tmp_path: Path, quiet: Daemon, nothing: Shell) -> None:
    """BR-37, BR-46: exit code 2 with the lines, and not one loan is touched."""
    sheet = places.write(tmp_path / "s.csv", [*places.all_loans(5), ("P", "2.01E+13")], places.due_text())
    before = places.loans_of(quiet.url)
    run = nothing.raw([*flags(quiet, str(sheet)), "--yes"], places.PASSWORD + "\n", code=2)
    assert "line 7: item_barcode" in run.err
    assert places.loans_of(quiet.url) == before
    assert not list(tmp_path.glob("*.batch*"))
    run = nothing.raw(["bulk-renew", str(sheet), "--check", "--timezone", "Europe/Paris"], code=2)
    assert "line 7" in run.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("nothing.csv --check --timezone UTC", 2, "No such file"),
        ("x.csv --check --timezone Europe/Nowhere", 2, "no time zone"),
        ("resume", 64, "say which"),
        ("export nothing.batch", 2, "cannot be opened"),
        ("a.csv b.csv", 64, "one sheet"),
        ("a.csv --host h --plain", 64, "the login is missing"),
        ("a.csv", 64, "--host is missing"),
    ],
)
def test_said_wrongly(nothing: Shell, words: str, code: int, said: str) -> None:
    """A sentence, and an exit code."""
    assert said in nothing.raw(["bulk-renew", *words.split()], code=code).err


def test_named_servers(tmp_path: Path, quiet: Daemon, nothing: Shell) -> None:
    """CN-16: a server by its name; an unknown name lists those there are."""
    file = tmp_path / "endpoints.toml"
    host, port = quiet.address
    file.write_text(f'[[endpoints]]\nname = "home"\nhost = "{host}"\nport = {port}\ntls = false\n')
    words = ["bulk-renew", "--endpoints", str(file), "--user", places.USER, "--password-stdin",
             "--local-ip", places.SOURCE, "--check-connection", "--endpoint"]  # fmt: skip
    run = nothing.raw([*words, "home"], places.PASSWORD + "\n")
    assert f"Connected: {host} port {port}, plain." in run.out
    assert "there are: home" in nothing.raw([*words, "away"], code=64).err


def admitted(tool: Terminal, shell: Shell, daemon: Daemon) -> tuple[str, str]:
    """The login that the tool made up, once it was refused, admitted, and tried again (CN-11)."""
    user, password = tool.until(r"User: +(\S+)\s+Password: +(\S+)").groups()
    assert len(user) >= 20
    assert len(password) >= 20
    tool.until("Enter when that is done")
    tool.say("")
    tool.until(f"refuses the login of {user}")
    tool.until("Try again")
    upsert = f"terminal upsert --ip {places.SOURCE} --username {user} --password-stdin --branch NORTH"
    shell(upsert, "--as", "boss", stdin=password + "\n")
    daemon.stop()
    daemon.start()  # it knows the login from the start
    tool.say("y")
    tool.until("Connected")
    return user, password


def test_the_wizard(tmp_path: Path, url: str, shell: Shell) -> None:
    """BR-31, BR-32, BR-34, BR-37..BR-39, BR-42, BR-43, BR-46: refused until admitted, a bad file, a good one,
    export, start over with another login.
    """
    papers = Papers(tmp_path)
    bad = places.write(tmp_path / "bad.csv", [("P1", "2.01E+13")], places.due_text())
    good = places.write(tmp_path / "good.csv", places.all_loans(40), places.due_text())
    change(url, "UPDATE terminal SET require_tls = 1 WHERE name = 'bulk'")
    tls = {"cert": str(papers.server_file)}
    with Daemon(tmp_path, url, tls=tls) as daemon, Cable(daemon.address, []) as cable:
        arguments = (
            "bulk-renew", "--host", "localhost", "--port", str(cable.port), "--ca-file", str(papers.ca_file),
            "--location", "NORTH", "--timezone", "Europe/Paris",
        )  # fmt: skip
        with Terminal(*arguments) as tool:
            user, password = admitted(tool, shell, daemon)
            tool.until("File:")
            tool.say(str(bad))
            tool.until("line 2: item_barcode")
            tool.until("File:")
            tool.say(str(good))
            tool.until("The file is valid: 40 rows")
            tool.until("Start\\?")
            tool.say("y")
            tool.until("40 of 40: 36 renewed, 4 skipped, 0 failed")
            tool.until("Export the details")
            tool.say(str(tmp_path / "details.csv"))
            tool.until("terminal disable bulk-")
            tool.until("Start over")
            tool.say("y")
            assert tool.until(r"User: +(\S+)")[1] != user
            tool.until("Enter when that is done: ")
            tool.leave()
            assert tool.end() == 130
    assert password not in (tmp_path / "details.csv").read_text()
    assert len(exported((tmp_path / "details.csv").read_text())) == 40


def test_cancel_resume_and_export(tmp_path: Path, daemon: Daemon, shell: Shell, url: str) -> None:
    """BR-40, BR-41, BR-46: Ctrl-C on a stalled line ends with 130; what remains can be taken away as a
    sheet, and resume does the rest, each row once.
    """
    sheet = places.write(tmp_path / "s.csv", places.all_loans(100), places.due_text())
    batch, rest = tmp_path / "b.batch", tmp_path / "rest.csv"
    with Cable(daemon.address, [(STALL, 6000)]) as cable:
        arguments = flags(
            daemon, str(sheet), "--yes", "--journal", str(batch), "--window", "4", "--timeout", "2"
        )
        arguments[arguments.index("--port") + 1] = str(cable.port)
        arguments[arguments.index("--host") + 1] = "127.0.0.1"
        arguments[arguments.index("--local-ip") + 1] = "127.0.0.1"
        process = subprocess.Popen(
            [sys.executable, "-m", "sip2d", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=ROOT, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(places.PASSWORD + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if " 20 %" in line or " 3" in line[:4]:
                break
        until(lambda: bool(cable.happened))
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        process.stdin.close()
        process.stdout.close()
        assert process.wait(PATIENCE) == 130, said
    assert "Cancelled" in said
    assert "resume" in said
    shell.raw(["bulk-renew", "export", str(batch), "--remaining", "-o", str(rest)])
    done = [row for row in exported(shell.raw(["bulk-renew", "export", str(batch)]).out) if row["code"]]
    assert len(exported(rest.read_text())) == 100 - len(done)
    host, port = daemon.address
    again = ["bulk-renew", "resume", str(batch), "--host", host, "--port", str(port), "--user", places.USER,
             "--password-stdin", "--local-ip", places.SOURCE]  # fmt: skip
    run = shell.raw(again, places.PASSWORD + "\n", code=1)
    assert "100 of 100: 96 renewed, 4 skipped, 0 failed" in run.out
    assert {loan[3] for loan in places.loans_of(url)} == {0, 1}
