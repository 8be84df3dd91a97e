"""A day without network, played as a librarian would (3.2): the form in a pseudo-terminal, then the commands.
OF-1, OF-3..OF-12; nothing that stood on the screen is lost, whatever becomes of window, disk and printer."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from sip2d.offline.formats import read
from tests.batch.terminal import Terminal
from tests.cli.shell import Shell, furnish
from tests.offline.files import PARIS
from tests.support.databases import Databases

BORROWER, ITEM, RETURN = r"Loan - Borrower: ", r"Loan - Item barcode: ", r"Return - Item barcode: "


class Form(Terminal):
    """`sip2d offline capture` in a window."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__("offline", "capture", "--folder", str(folder), *options)
        self.file = folder / "OffCirc" / "files" / "OffCirc.dat"
        self.until(BORROWER)

    def types(self, words: str) -> None:
        """Answer one prompt after the other."""
        for word in words.split():
            self.say(word)
            self.until(r"(Borrower|barcode): ")

    def close_window(self) -> int:
        """The terminal is gone; the exit code."""
        os.close(self._near)
        return self._process.wait(20)

    def insist(self, how: str) -> int:
        """Press Ctrl-C, or send a signal, until it ends: one that comes just before it reads is seen only
        when it has read. Its exit code."""
        while self._process.poll() is None:
            if how == "Ctrl-C":
                self.interrupt()
            else:
                self._process.send_signal(signal.Signals[how])
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        return self.end()

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """What the file says, without what nobody can read."""
        found = read(self.file.read_bytes(), PARIS) if self.file.exists() else None
        lines = () if found is None else found.lines
        return [(line.kind, line.item, line.patron) for line in lines if line.error is None]


@pytest.fixture
def library(databases: Databases) -> Shell:
    """The library of the commands' tests, and a CIRC_DESK_OPERATOR."""
    shell = Shell(databases.fresh(furnish))
    shell.change(
        "INSERT INTO staff_account (login, roles, institution_id) "
        "VALUES ('desk', '[\"CIRC_DESK_OPERATOR\"]', 1)"
    )
    return shell


def test_of1_a_day_without_network(library: Shell, tmp_path: Path) -> None:
    """OF-1..OF-12, 2.1, 2.2: captured with a block list and slips, uploaded, reviewed, applied, reported;
    sent again it does nothing; what is left is resolved."""
    cards, printer = tmp_path / "cards.csv", tmp_path / "printer"
    cards.write_text(library("offline blocklist CENTRAL --as desk", form="csv").out, "utf-8")
    options = ("--blocklist", str(cards), "--slip-file", str(printer), "--slip-language", "fr")
    with Form(tmp_path, *options) as form:
        assert "cards may not borrow, as of" in form.text
        form.types("P1 I3")
        form.say("P-LOST")
        form.until(r"P-LOST may not borrow \(CARD_LOST\). Lend all the same\? \[y/N\]: ")
        form.say("n")
        form.until(BORROWER)
        form.say("")
        form.until("Not added: The loan names no patron")
        form.until(BORROWER)
        form.types("r I1 I-NO p")
        assert "   3 " in form.text
        form.say("q")
        assert form.end() == 0
        assert form.lines == [("L", "I3", "P1"), ("R", "I1", ""), ("R", "I-NO", "")]
    assert printer.read_text().count("PRÊT") == 1

    (batch,) = library(f"offline upload {form.file} --branch CENTRAL --as desk").json
    assert (batch["format"], batch["pending"]) == ("offcirc", 3)
    told = library(f"offline review {batch['session']} --as desk").json
    assert [(row["line"], row["would_be"], row["code"]) for row in told] == [
        (1, "OK", None), (2, "OK", None), (3, "ERROR", "ITEM_UNKNOWN"),
    ]  # fmt: skip
    done = library(f"offline apply {batch['session']} --as desk", code=1)
    assert "Delete the file" in done.err
    assert form.file.exists()
    again = library(f"offline upload {form.file} --branch CENTRAL --as desk", code=1)
    assert "nothing was loaded" in again.err
    assert "Delete the file" in again.err
    (row,) = library("offline exceptions --code ITEM_UNKNOWN --as desk").json
    assert (row["state"], row["item"], row["message"]) == ("OPEN", "I-NO", "There is no such item.")
    library(f"offline resolve {row['exception']} --as desk", "--note", "a neighbour's book")
    assert library("offline exceptions --code ITEM_UNKNOWN --as desk").json == []
    assert library.rows("SELECT status, closed_reason FROM loan ORDER BY id") == [
        ("CLOSED", "RETURN"), ("OPEN", None),
    ]  # fmt: skip


def test_of8_what_stood_on_the_screen_is_on_the_disk(tmp_path: Path) -> None:
    """The power goes; the form is opened again and goes on in the same file."""
    with Form(tmp_path) as form:
        form.types("P1 I1")
        form.kill()
        form.end()
        assert form.lines == [("L", "I1", "P1")]
    with form.file.open("ab") as file:
        file.write(form.file.read_bytes()[:-4])  # what the next line had come to
    with Form(tmp_path) as form:
        assert "The last line of the file was cut off, and counts as an error; enter it again" in form.text
        form.types("P2 I2")
        form.say("q")
        assert form.end() == 0
        assert form.lines == [("L", "I1", "P1"), ("L", "I2", "P2")]


@pytest.mark.parametrize("how", ["window", "SIGHUP", "SIGTERM", "Ctrl-C"])
def test_of7_nobody_s_lines_go_with_the_window(tmp_path: Path, how: str) -> None:
    """OF-7, without --autosave: where nobody can be asked any more they are saved."""
    with Form(tmp_path, "--no-autosave") as form:
        form.types("P1 I1")
        assert form.lines == []
        if how == "window":
            assert form.close_window() == 0
        else:
            assert form.insist(how) == 0
            assert "1 lines saved to" in form.text
        assert form.lines == [("L", "I1", "P1")]


def test_of8_a_full_disk_is_told_and_tried_again(tmp_path: Path) -> None:
    """The transaction stays in the list, and is saved once there is room."""
    with Form(tmp_path) as form:
        form.file.parent.mkdir(parents=True)
        form.file.symlink_to("/dev/full")
        form.types("P1 I1")
        assert "NOT SAVED: No space left on device. It stays in the list; s tries again." in form.text
        form.types("p s")
        assert "Loan   I1 -> P1   not saved" in form.text
        form.file.unlink()
        form.types("P2 I2")
        form.say("q")
        assert form.end() == 0
        assert form.lines == [("L", "I1", "P1"), ("L", "I2", "P2")]


def test_of7_what_cannot_be_saved_stands_on_the_screen(tmp_path: Path) -> None:
    """Exit code 1, and the lines to be copied."""
    with Form(tmp_path) as form:
        form.file.parent.mkdir(parents=True)
        form.file.symlink_to("/dev/full")
        form.types("P1 I1")
        form.say("q")
        form.until(r"not saved. Save them\? \[Y/n\]: ")
        form.leave()
        assert form.end() == 1
        assert "L" + f"{'I1':<80}P1" in form.text
        assert "These 1 lines are in no file." in form.text


def test_a_printer_that_fails_costs_a_slip_and_nothing_else(tmp_path: Path) -> None:
    """2.1: it is told which slip is missing."""
    with Form(tmp_path, "--slip-command", "no-such-printer") as form:
        form.types("P1 I1 P2 I2")
        form.say("q")
        assert form.end() == 0
        assert form.text.count("No slip for") == 2
        assert form.lines == [("L", "I1", "P1"), ("L", "I2", "P2")]


WRONG = [
    (("--slip-command", "'lp"), "No closing quotation"),
    (("--slip-command", "lp", "--slip-file", "x"), "not to both"),
    (("--slip-language", "de"), "known are en, fr"),
    (("--slip-encoding", "klingon"), "is no encoding"),
    (("--blocklist", "pyproject.toml"), "has no column 'barcode'"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_what_cannot_be_is_said_before_the_first_loan(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    run = Shell("").raw(["offline", "capture", "--folder", str(tmp_path), *options], code=64)
    assert said in run.err
