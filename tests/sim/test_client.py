"""``sip2d client`` against the real daemon's connections (issue 7.3)."""

import contextlib
import io
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sip2d.__main__ import main
from tests.sim.running import running
from tests.support.databases import Databases


@pytest.fixture
def port(sqlite_databases: Databases) -> Iterator[int]:
    with running(sqlite_databases) as number:
        yield number


def _run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["client", *arguments])
    finally:
        sys.stdin = before
    return code, out.getvalue(), err.getvalue()


def test_messages_as_koha_names_them(port: int) -> None:
    """stack.md 3.5: the options and names of its emulator."""
    code, out, err = _run(
        *("-a", "127.0.0.1", "-p", str(port), "-l", "CENTRAL", "-t", "CR", "--patron", "P1", "-i", "I1"),
        *("-m", "sc_status_request", "-m", "patron_information", "-s", "  Y", "-m", "checkout"),
        *("-m", "renew", "-m", "item_information", "-m", "checkin", "-fa", "N", "-n", "N"),
    )
    assert code == 0, out + err
    asked = [line.split()[1] for line in out.splitlines() if line.startswith("->")]
    answered = [line.split()[1] for line in out.splitlines() if line.startswith("<-")]
    assert asked == ["99", "63", "11", "29", "17", "09"]
    assert answered == ["98", "64", "12", "30", "18", "10"]
    assert "AH due date                   20260406    235959" in out
    assert "charged items count" in out


def test_json_and_expectations(port: int) -> None:
    """One JSON object a line; ``--expect`` decides instead of the answer."""
    line = ("--port", str(port), "--format", "json", "--patron", "P-EXPIRED", "--item", "I1", "checkout")
    code, out, _ = _run(*line)
    assert code == 1
    said = json.loads(out)
    assert said["refused"] is True
    assert said["request"]["fields"]["patron_id"] == "P-EXPIRED"
    assert said["response"]["fields"]["screen_messages"] == ["Your library account has expired."]
    assert _run(*line, "--expect", "^120NUN")[0] == 0
    assert _run(*line, "--expect", "^121")[0] == 1
    assert _run(*line, "--expect", "(")[0] == 64


def test_secrets_are_never_shown(port: int) -> None:
    for form in ("text", "json"):
        code, out, err = _run(
            *("--port", str(port), "--patron", "P1", "--password", "pin-4711", "--format", form),
            *("--terminal-password", "ac-4711", "patron_status_request", "> 9300CNu|COco-4711|CP|"),
        )
        assert code == 1
        assert "4711" not in out + err


def test_script(port: int, tmp_path: Path) -> None:
    file = tmp_path / "acceptance.txt"
    file.write_text(
        "# lend, look, give back\nset patron=P1 item=I1\ncheckout\nexpect ^121N\n"
        "checkout patron=P2\nexpect ^120\n> 9900801.00\nexpect 1[.]00AOMAIN\n"
        "patron_information summary=charged\nexpect AUI1\n"
        "checkin\nexpect ^101\nfee_paid amount=1.00 ZZ=x\nexpect ^38N\n",
        encoding="utf-8",
    )
    code, out, err = _run("--port", str(port), "--script", str(file))
    assert (code, err) == (0, ""), out
    file.write_text("checkout\nexpect ^120\nchekout\n", encoding="utf-8")
    code, _, err = _run("--port", str(port), "--script", str(file))
    assert code == 64
    assert "line 3" in err
    assert "did you mean checkout?" in err


def test_prompt(port: int) -> None:
    """Mistakes are told and change nothing; an expectation that fails is the exit code."""
    lines = "help\nset patron=P1\nnonsense\npatron_information summary=all\npatron_status\nexpect ^24\nquit\n"
    code, out, err = _run("--port", str(port), stdin=lines)
    assert code == 0
    assert out.count("->") == 1
    assert "'nonsense' is no request" in err
    assert "summary is one of" in err
    assert _run("--port", str(port), stdin="patron_status patron=P1\nexpect ^12\n")[0] == 1


@pytest.mark.parametrize(
    "more", [("--charset", "cp850", "--no-error-detection"), ("-t", "CRLF"), ("--retries", "0")]
)
def test_manners(port: int, more: tuple[str, ...]) -> None:
    assert _run("--port", str(port), "status", *more)[0] == 0


def test_unreachable_and_usage() -> None:
    with socket.socket() as held:  # bound and not listening: nobody answers there
        held.bind(("127.0.0.1", 0))
        code, _, err = _run("--port", str(held.getsockname()[1]), "status")
    assert code == 69
    assert "cannot be reached" in err
    for wrong in (("nonsense",), ("checkout", "--ca", "x"), ("--delimiter", "ab"), ("--user", "u", "status")):
        assert _run(*wrong)[0] == 64


def test_login(sqlite_databases: Databases, tmp_path: Path) -> None:
    """The password comes from stdin, and a demo's from its description."""
    with running(sqlite_databases, login=("kiosk", "s3cret")) as port:
        line = ("--port", str(port), "--user", "kiosk", "status")
        assert _run(*line, "--password-stdin", stdin="s3cret\n")[0] == 0
        code, out, err = _run(*line, "--sip-pass", "wrong")
        assert (code, out) == (1, "")
        assert "refused the login of kiosk" in err
        demo = {
            "sip2": {"host": "127.0.0.1", "port": port},
            "tls": {"host": "127.0.0.1", "port": port, "ca_file": "x"},
            "terminals": [{"user": "kiosk", "password": "s3cret", "branch": "CENTRAL"}],
            "institution": "MAIN",
        }
        (tmp_path / "demo.json").write_text(json.dumps(demo), encoding="utf-8")
        code, out, _ = _run("--demo", str(tmp_path), "--patron", "P1", "patron_status")
        assert code == 0
        assert "AO institution id             MAIN" in out
    assert _run("--demo", str(tmp_path / "nowhere"), "status")[0] == 64
