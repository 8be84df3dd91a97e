"""The tools on a desk's Windows (1.5): used, in a process that has no more than Windows has. That everything
locked has a wheel for Windows, and that no name is used that it lacks, `make check` sees to.
"""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch import places
from tests.faults.places import change
from tests.house import desk
from tests.house.desk import Tool
from tests.house.windows import ARGUMENTS, POSIX, SERVER
from tests.support.daemon import Daemon
from tests.support.databases import SqliteDatabases
from tests.support.places import ROOT

WINDOWS = (sys.executable, *ARGUMENTS, str(ROOT / "tests" / "house" / "windows.py"))
PROGRAMS = {
    "sip2d": ("whole", "sip2d.__main__"),
    "tools": ("alone", "sip2d.cli.tools"),
}
"""As it is installed, and without what only the server needs."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    url = SqliteDatabases(folder, sqlite_templates).fresh(places.prepare)
    change(url, desk.RENAMED)
    with places.served(folder, url) as found:
        yield found


@pytest.fixture(params=sorted(PROGRAMS))
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> Tool:
    return Tool(*WINDOWS, *PROGRAMS[request.param], cwd=tmp_path)


def script(tmp_path: Path, code: str) -> list[str]:
    """A script that runs there."""
    (tmp_path / "script.py").write_text(code, "utf-8")
    return [*WINDOWS, "alone", str(tmp_path / "script.py")]


def test_a_desk_talks(tool: Tool, daemon: Daemon) -> None:
    desk.talks(tool, daemon, "cp1252")


def test_a_desk_is_prompted(tool: Tool, daemon: Daemon) -> None:
    """Somebody types: there is no readline, and the console keeps its own history."""
    keyboard, stdin = pty.openpty()
    try:
        with tool.started("client", *desk.at(daemon), stdin=stdin) as client:
            os.write(keyboard, b"sc_status\nexpect nothing\nquit\n")
            out, err = client.communicate(timeout=desk.SECONDS)
    finally:
        os.close(keyboard)
        os.close(stdin)
    assert b"98 ACS Status" in out
    assert b"does not match 'nothing'" in err
    assert client.returncode == 1


def test_a_desk_renews(tool: Tool, daemon: Daemon) -> None:
    desk.renews(tool, daemon)


def test_a_desk_captures(tool: Tool) -> None:
    desk.captures(tool)


def test_the_server_says_that_it_is_none_for_windows(tmp_path: Path) -> None:
    serving = Tool(*WINDOWS, *PROGRAMS["sip2d"], cwd=tmp_path)
    _, err = serving("serve", "--database", f"sqlite:///{tmp_path}/x.db", code=69)
    assert b"The server does not run on this operating system" in err


def test_one_process_at_a_time_works_on_a_batch(tmp_path: Path) -> None:
    """BR-41 with the locks that Windows has: the second one is refused, also while the first one reads."""
    batch = places.journal(tmp_path / "b.batch", places.all_loans(3), 1_924_988_399)
    code = f"""
import sys
from pathlib import Path
from sip2d.batch.journal import Journal, JournalFault
try:
    with Journal(Path({str(batch)!r})) as journal:
        journal.intend(list(journal.todo()), 1)
        print("open", journal.open, flush=True)
        sys.stdin.read()
except JournalFault as fault:
    print(fault)
"""
    command = script(tmp_path, code)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"open 3\r\n"
        second = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        assert b"in use" in second.stdout
        first.communicate()
    assert first.returncode == 0
    third = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert third.stdout == b"open 3\r\n"


HAS_NOT = """
import asyncio, importlib, os, signal, sys
from pathlib import Path
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{{name}} is there")
assert sys.platform == "win32"
assert not hasattr(os, "geteuid")
assert not hasattr(signal, "SIGHUP")
Path("a").write_bytes(b"")
Path("b").write_bytes(b"")
refused = 0
for act in (
    lambda: os.open(".", os.O_RDONLY), lambda: Path("a").rename("b"), lambda: os.unlink("c"),
    lambda: Path("a").replace("c"), lambda: Path("d").read_text(),
):
    with open("c", "ab"):
        try:
            act()
        except (PermissionError, FileExistsError, EncodingWarning):
            refused += 1
assert refused == 5, refused
Path("a").replace("b")


async def signals():
    try:
        asyncio.get_running_loop().add_signal_handler(2, print)
    except NotImplementedError:
        print("Ł".encode(sys.stdout.encoding, "replace"))


asyncio.run(signals())
"""


def test_what_windows_lacks_is_lacking(tmp_path: Path) -> None:
    """The proof of the proof."""
    command = script(tmp_path, HAS_NOT.format(names=sorted(POSIX | SERVER)))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"b'?'\r\n"), done.stderr.decode()
