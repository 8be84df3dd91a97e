"""The wizard played on a terminal as a librarian plays it: mistakes, and what the screen says about them
(BR-31, BR-32, BR-34, BR-37..BR-43; issue 4, 3.2)."""

import csv
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.batch import places
from tests.batch.cable import PULL, STALL, Cable
from tests.batch.terminal import Terminal, drawn
from tests.daemon.papers import Papers
from tests.faults.places import change
from tests.support.daemon import Daemon
from tests.support.databases import Databases, SqliteDatabases

PLAIN = ("bulk-renew", "--plain", "--local-ip", places.SOURCE, "--user", places.USER)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path) -> Iterator[Daemon]:
    """One for who never comes to send anything."""
    folder = tmp_path_factory.mktemp("wizard")
    with places.served(folder, SqliteDatabases(folder, sqlite_templates).fresh(places.prepare)) as found:
        yield found


def place(daemon: Daemon) -> tuple[str, ...]:
    return "--host", daemon.host, "--port", str(daemon.address[1])


def typed(tool: Terminal, password: str, hint: str = "") -> None:
    """A password, once nothing that is typed is shown: the blank behind the question says so."""
    tool.until(f"Password of {places.USER} ?{hint}: ")
    tool.say(password)


def test_every_mistake_is_told_and_can_be_mended(tmp_path: Path, daemon: Daemon) -> None:
    """A wrong port, a wrong password, a wrong zone's name, no such file, a bad file: each is told, with what
    mends it, and asked for again; then the preview, and a no that sends nothing."""
    bad = places.write(tmp_path / "bad.csv", [("P1", "2.01E+13"), ("", "1"), ("P1", "1")], "2001-01-01")
    good = places.write(tmp_path / "good.csv", places.all_loans(12), places.due_text())
    before = places.loans_of(daemon.url)
    with Terminal(*PLAIN) as tool:
        tool.until("Server:")
        tool.say(daemon.host)
        tool.until(r"Port \[6001\]:")
        tool.say("1")
        typed(tool, "wrong")
        tool.until(f"{daemon.host} port 1 cannot be reached: Connection refused")
        tool.until(r"Is the host right, and the port")
        tool.until("Try again")
        tool.say("y")
        tool.until(rf"Server \[{daemon.host}\]")
        tool.say("")
        tool.until(r"Port \[1\]")
        tool.say(str(daemon.address[1]))
        tool.until(f"refuses the login of {places.USER}: user name or password are not those of the entry")
        upsert = f"sip2d terminal upsert --ip {places.SOURCE} --username {places.USER} --password-stdin"
        tool.until(f"{upsert} --branch BRANCH")
        tool.until("sip2d terminal list")
        tool.until("Try again")
        tool.say("")
        typed(tool, places.PASSWORD, r"\(Enter: the same\)")
        tool.until("Connected: ")
        tool.until("Time zone of the dates.*:")
        tool.say("Europe/Atlantis")
        tool.until("There is no time zone 'Europe/Atlantis'")
        tool.until("Time zone of the dates.*:")
        tool.say("Europe/Paris")
        tool.until("File:")
        tool.say(str(tmp_path / "nothing.csv"))
        tool.until("No such file")
        tool.until("File:")
        tool.say(str(bad))
        tool.until("The file cannot be used: 5 errors. Nothing was sent.")
        tool.until(r"line 2: item_barcode: 2.01E\+13 is a barcode that a spreadsheet damaged")
        tool.until("line 3: patron_barcode: it is empty")
        tool.until("line 4: due_date: '2001-01-01' is not of the form")
        tool.until("File:")
        tool.say(f'"{good}"')  # as a window dragged onto the terminal writes it
        tool.until("The file is valid: 12 rows")
        tool.until(
            rf"First row \(line 2\): patron {places.patron(0)}, item {places.item(0)}, due .* 23:59:59"
        )
        tool.until("Institution: MAIN Main library")
        tool.until("Branch: +NORTH")
        tool.until(r"Start\? \[y/N\]")
        tool.say("n")
        tool.until("Nothing was sent.")
        assert tool.end() == 130
        assert places.PASSWORD not in tool.text
    assert places.loans_of(daemon.url) == before
    assert not list(tmp_path.glob("*.batch*"))


def test_the_wrong_branch(daemon: Daemon) -> None:
    """CN-8, BR-34, BR-38: the server decides on the branch; that it is another than was said is told before
    anything is sent."""
    with Terminal(*PLAIN, *place(daemon), "--location", "SOUTH") as tool:
        typed(tool, places.PASSWORD)
        tool.until("Connected")
        tool.until("The server puts this login at NORTH, not at SOUTH")
        tool.until("Time zone of the dates.*: ")
        tool.leave()
        tool.until("Given up; nothing was sent")
        assert tool.end() == 130


@contextmanager
def speaks_no_tls() -> Iterator[int]:
    """The port of a server that answers anything at once, in plain text."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"941AY0AZFDFC\r")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(20)


def test_the_wrong_authority_and_no_tls_at_all(tmp_path: Path, sqlite_databases: Databases) -> None:
    """A certificate that is not to be trusted, and the file that makes it so; TLS where there is none."""
    url = sqlite_databases.fresh(places.prepare)
    change(url, "UPDATE terminal SET require_tls = 1 WHERE name = 'bulk'")
    theirs, other = tmp_path / "theirs", tmp_path / "other"
    for folder in (theirs, other):
        folder.mkdir()
    papers, wrong = Papers(theirs), Papers(other)
    tls = {"cert": str(papers.server_file)}
    with Daemon(tmp_path, url, tls=tls) as behind, Cable(behind.address, []) as cable:
        flags = ("bulk-renew", "--host", "localhost", "--port", str(cable.port), "--user", places.USER)
        with Terminal(*flags, "--ca-file", str(wrong.ca_file)) as tool:
            typed(tool, places.PASSWORD)
            tool.until("TLS failed.* Its certificate is not one to trust: name its authority with --ca-file")
            tool.until("Try again")
            tool.say("")
            tool.until("Its authority's certificates")
            tool.say(str(papers.ca_file))
            tool.until("Connected: localhost port .*, TLS")
            tool.until("Time zone of the dates.*: ")
            tool.leave()
            tool.until("Given up; nothing was sent")
            assert tool.end() == 130
    with speaks_no_tls() as port, Terminal(*flags[:4], str(port), *flags[5:]) as tool:
        typed(tool, places.PASSWORD)
        tool.until("Does this port speak TLS at all\\? Without, it is --plain")
        tool.until("Try again")
        tool.say("n")
        assert tool.end() == 3


def progress(screen: list[str]) -> tuple[str, list[str]]:
    """The last line of progress, and the attempts below it."""
    at = max(number for number, line in enumerate(screen) if " %  " in line)
    below = [line for line in screen[at + 1 : at + 11] if line.startswith("  0300")]
    return screen[at], below


def test_cancelled_in_the_middle_exported_and_resumed(tmp_path: Path, sqlite_databases: Databases) -> None:
    """BR-39..BR-43: percent and the last ten while it runs; Ctrl-C waits for what is under way and says how
    it goes on; the export; `resume` does the rest, on a terminal too; starting over needs another login."""
    url = sqlite_databases.fresh(places.prepare)
    sheet = places.write(tmp_path / "my sheet.csv", places.all_loans(120), places.due_text())
    details = tmp_path / "details.csv"
    with places.served(tmp_path, url) as daemon, Cable(daemon.address, [(STALL, 9000)]) as cable:
        through = ("--host", "127.0.0.1", "--port", str(cable.port), "--timeout", "1", "--window", "8")
        with Terminal(*PLAIN[:2], *PLAIN[4:], *through, "--timezone", "Europe/Paris", str(sheet)) as tool:
            typed(tool, places.PASSWORD)
            tool.until("Start")
            tool.say("y")
            cable.until(1)
            tool.until(r"[1-9][0-9] %  ")
            tool.interrupt()
            tool.until("Cancelled; waiting for what is under way")
            left = int(tool.until(r"(\d+) rows are left: sip2d bulk-renew resume")[1])
            assert f'resume "{next(tmp_path.glob("*.batch"))}"' in tool.screen[-2] + tool.text
            tool.until("Export the details")
            tool.say(str(sheet))
            tool.until("my sheet.csv: File exists")
            tool.until("Export the details")
            tool.say(str(details))
            tool.until(rf"\d+ rows in {details}")
            tool.until("terminal disable bulk-127.0.0.1")
            tool.until("Start over with another file")
            tool.say("n")
            assert tool.end() == 130
        line, below = progress(tool.screen)
        assert f"{120 - left} of 120" in line
        assert len(below) == 10
        told = list(csv.DictReader(details.read_text().splitlines()))
        assert sum(bool(row["code"]) for row in told) == 120 - left
        (batch,) = tmp_path.glob("*.batch")
        with Terminal("bulk-renew", "resume", str(batch), *PLAIN[1:], *place(daemon)) as tool:
            typed(tool, places.PASSWORD)
            tool.until("120 of 120: 116 renewed, 4 skipped, 0 failed")
            tool.until("Export the details.*: ")
            tool.leave()  # no answer is an answer: what was sent was sent
            assert tool.end() == 1
            assert "Given up" not in tool.text
            line, below = progress(tool.screen)
            assert line.startswith("100 %  120 of 120")
            assert [text.split()[0] for text in below] == [places.item(each) for each in range(110, 120)]
    assert {loan[3] for loan in places.loans_of(url)} == {0, 1}


def test_the_second_ctrl_c_ends_it_at_once(tmp_path: Path, sqlite_databases: Databases) -> None:
    """BR-40, BR-41: a pulled cable is not waited for; what is open is told, and resumed."""
    url = sqlite_databases.fresh(places.prepare)
    sheet = places.write(tmp_path / "sheet.csv", places.all_loans(60), places.due_text())
    with places.served(tmp_path, url) as daemon:
        with Cable(daemon.address, [(PULL, 3000)]) as cable:
            through = ("--host", "127.0.0.1", "--port", str(cable.port), "--timezone", "Europe/Paris")
            with Terminal(*PLAIN[:2], *PLAIN[4:], *through, str(sheet)) as tool:
                typed(tool, places.PASSWORD)
                tool.until("Start")
                tool.say("y")
                cable.until(1)
                tool.interrupt()
                tool.until("Cancelled; waiting for what is under way \\.\\.\\.\n")
                tool.interrupt()
                tool.until("Ended in the middle")
                tool.until("rows are left: sip2d bulk-renew resume")
                assert tool.end() == 130
        (batch,) = tmp_path.glob("*.batch")
        with Terminal("bulk-renew", "resume", str(batch), *PLAIN[1:], *place(daemon), "--yes") as tool:
            typed(tool, places.PASSWORD)
            tool.until("60 of 60: 56 renewed, 4 skipped, 0 failed")
            assert tool.end() == 1
    assert {loan[3] for loan in places.loans_of(url)} == {0, 1}


def test_on_a_narrow_screen(tmp_path: Path, daemon: Daemon) -> None:
    """BR-39: no line is wider than the screen, so that the next drawing meets the lines of this one."""
    loans = [("P" * 60, f"{number:080d}") for number in range(15)]
    sheet = places.write(tmp_path / "wide.csv", loans, places.due_text())
    flags = (*PLAIN, *place(daemon), "--timezone", "Europe/Paris", str(sheet), "--yes")
    with Terminal(*flags, columns=60) as tool:
        typed(tool, places.PASSWORD)
        tool.until("15 of 15: 0 renewed, 0 skipped, 15 failed")
        assert tool.end() == 1
    below = tool.text[tool.text.index("100 %") :].split("\n")[1:11]
    assert all(0 < len(line.removeprefix("\r\x1b[2K")) < 60 for line in below), below


def test_a_screen_is_drawn_over() -> None:
    """The proof of the proof: what `drawn` makes of the codes that the tool writes."""
    assert drawn("a\nbb\n\x1b[2A\r\x1b[2KA\n\r\x1b[2KB\nend") == ["A", "B", "end"]
