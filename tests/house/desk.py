"""What a desk does with the tools, against a daemon that runs: the same for every way in which they come."""

import csv
import io
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from sip2d.offline.formats import read
from tests.batch import places
from tests.support.daemon import Daemon

SECONDS = 60.0
LOANS = 16
NAME = "Zoé Żółć 😀"
"""A patron's: the first letters stand in code page 1252, the others do not."""
RENAMED = f"UPDATE patron SET name = '{NAME}' WHERE barcode = 'P1'"


class Tool:
    """A command to start the tools with; each call is a process of its own."""

    def __init__(self, *command: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.cwd = cwd
        self._command = command
        self._env = {**os.environ, **(env or {})}

    def started(self, *arguments: str, stdin: int) -> subprocess.Popen[bytes]:
        """A process with this stdin; its outputs are pipes."""
        return subprocess.Popen(
            [*self._command, *arguments], cwd=self.cwd, env=self._env, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0) -> tuple[bytes, bytes]:
        """Both outputs, as bytes. The exit code must be ``code``."""
        done = subprocess.run(
            [*self._command, *arguments], input=stdin.encode(), cwd=self.cwd, env=self._env,
            capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        told = (done.stdout + b"\n" + done.stderr).decode("cp1252", "replace")
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{told}"
        assert "Traceback" not in told
        return done.stdout, done.stderr


def at(daemon: Daemon) -> tuple[str, ...]:
    """Where it is."""
    host, port = daemon.address
    return "--host", host, "--port", str(port)


def talks(tool: Tool, daemon: Daemon, encoding: str = "utf-8") -> None:
    """A dialogue: messages, a script on stdin, the prompt's lines, and a server that is not there."""
    out, _ = tool(
        "client", *at(daemon), "--format", "json", "sc_status", "--patron", "P1", "patron_information"
    )
    status, patron = (json.loads(line) for line in out.decode(encoding).splitlines())
    assert status["response"]["fields"]["institution_id"] == "MAIN"
    assert patron["response"]["fields"]["personal_name"] == NAME
    steps = f"patron_information patron=P1\nexpect {NAME}\n"
    out, _ = tool("client", *at(daemon), "--script", "-", stdin=steps)
    assert b"64 " in out
    out, err = tool("client", *at(daemon), stdin="help\npatron_status patron=P1\nnonsense\nquit\n")
    assert b"24 " in out
    assert b"no request" in err
    _, err = tool("client", "--host", "127.0.0.1", "--port", "1", "sc_status", code=69)
    assert b"cannot be reached: Connection refused" in err


def renews(tool: Tool, daemon: Daemon, program: str = "sip2d") -> None:
    """BR-38, BR-42, BR-46: a batch with its journal, resumed when nothing is left, and both exports."""
    sheet = places.write(tool.cwd / "sheet.csv", places.all_loans(LOANS), places.due_text())
    asked = ("--plain", "--user", places.USER, "--password-stdin", "--local-ip", places.SOURCE)
    secret = places.PASSWORD + "\n"
    first = ("bulk-renew", sheet.name, *at(daemon), *asked, "--timezone", "Europe/Paris", "--yes")
    out, err = tool(*first, "--journal", "b.batch", "-o", "details.csv", stdin=secret, code=1)
    assert b"12 renewed, 4 skipped, 0 failed" in out, out.decode()
    assert f"Details: {program} bulk-renew export b.batch".encode() in err
    assert places.PASSWORD.encode() not in out + err
    tool("bulk-renew", "resume", "b.batch", *asked, stdin=secret, code=1)
    printed, _ = tool("bulk-renew", "export", "b.batch")
    written = (tool.cwd / "details.csv").read_bytes()
    assert printed == written
    assert b"\r\r\n" not in printed
    rows = list(csv.DictReader(io.StringIO(printed.decode())))
    assert [row["item_barcode"] for row in rows] == [places.item(number) for number in range(LOANS)]
    assert sum(row["due_returned"] == places.due_text() for row in rows) == 12
    rest, _ = tool("bulk-renew", "export", "b.batch", "--remaining")
    assert rest.decode().splitlines() == ["patron_barcode,item_barcode,due_date"]
    tool("bulk-renew", sheet.name, *at(daemon), *asked, "--timezone", "Europe/Nowhere", stdin=secret, code=2)
    assert not list(tool.cwd.glob("*.making"))


def captures(tool: Tool) -> None:
    """OF-3, OF-8: the form, twice, without any server; the loader reads what it wrote."""
    slips = ("--slip-file", "slips.txt", "--slip-language", "fr")
    tool("offline", "capture", "--folder", "desk", *slips, stdin="P1\nÉ1\nr\nÉ1\nq\n")
    assert "Document É1" in (tool.cwd / "slips.txt").read_text("utf-8")
    tool("offline", "capture", "--folder", "desk", "--native", "--terminal", "d", stdin="P1\nÉ1\nq\n")
    tool("offline", "capture", "--folder", "desk", "--no-autosave", stdin="P2\nI2\nq\ny\n")
    folder = tool.cwd / "desk" / "OffCirc" / "files"
    found = {}
    for file in sorted(folder.iterdir()):
        content = read(file.read_bytes(), ZoneInfo("UTC"))
        assert content is not None
        found[file.name] = [(line.kind, line.item, line.patron) for line in content.lines]
    assert found == {
        "OffCirc.dat": [("L", "É1", "P1"), ("R", "É1", ""), ("L", "I2", "P2")],
        "offline.jsonl": [("L", "É1", "P1")],
    }
