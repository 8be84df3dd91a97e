"""The desk without a network: OF-2..OF-9, and what it writes is what the loader reads."""

import os
import re
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sip2d.cli.app import app
from sip2d.offline.capture import Capture, Refused
from sip2d.offline.formats import NATIVE, OFFCIRC, read
from tests.offline.files import PARIS

NOW = datetime(2026, 3, 9, 10, 15, 30, tzinfo=PARIS)


def barcodes(file: Path) -> list[tuple[str, str, str]]:
    found = read(file.read_bytes(), PARIS)
    assert found is not None
    return [(line.kind, line.item, line.patron) for line in found.lines if line.error is None]


@pytest.mark.parametrize("format", [OFFCIRC, NATIVE])
def test_of8_each_transaction_is_appended_once(tmp_path: Path, format: str) -> None:
    """OF-6, OF-8, OF-9: also by a desk that is opened again; and the loader reads what was meant."""
    desk = Capture(tmp_path, format)
    for patron in ("P1", "P2"):
        desk = Capture(tmp_path, format)
        desk.loan(patron, "É1", NOW)
        desk.take_back("É1", NOW)
        assert (desk.unsaved, desk.save(), len(desk.listed)) == (0, 0, 2)
    assert barcodes(desk.file) == [("L", "É1", "P1"), ("R", "É1", ""), ("L", "É1", "P2"), ("R", "É1", "")]
    assert desk.file.parent == tmp_path / "OffCirc" / "files"


@pytest.mark.parametrize(("patron", "item"), [("", "I1"), ("P1", ""), ("P1", "X" * 81), ("P\n1", "I1")])
def test_of5_what_is_not_whole_is_not_added(tmp_path: Path, patron: str, item: str) -> None:
    desk = Capture(tmp_path)
    with pytest.raises(Refused):
        desk.loan(patron, item, NOW)
    assert (desk.listed, desk.file.exists()) == ([], False)


@pytest.mark.parametrize("kept", range(1, 15))
def test_of8_a_torn_line_spoils_no_other(tmp_path: Path, kept: int) -> None:
    """The power went while a line was written: what was saved before and comes after is whole; what was cut
    is told as an error, and never passes for a shorter barcode."""
    desk = Capture(tmp_path)
    desk.take_back("I1", NOW)
    whole = desk.file.read_bytes()
    desk.file.write_bytes(whole + whole[:kept])
    desk = Capture(tmp_path)
    assert desk.torn() == whole[:kept].decode()
    desk.take_back("I2", NOW)
    assert desk.torn() == ""
    assert barcodes(desk.file) == [("R", "I1", ""), ("R", "I2", "")]
    content = read(desk.file.read_bytes(), PARIS)
    assert content is not None
    assert [line.error is None for line in content.lines] == [True, False, True]


def test_of8_the_disk_has_a_line_before_the_desk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.1: file and new folders are synced, with the line in it; a slip is asked for only then."""
    synced: list[tuple[str, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((place.name, place.stat().st_size if place.is_file() else 0))

    monkeypatch.setattr(os, "fsync", fsync)
    told: list[int] = []
    desk = Capture(tmp_path, told=lambda line: told.append(len(synced)))
    first = len(desk.loan("P1", "I1", NOW).raw)
    assert synced == [(tmp_path.name, 0), ("OffCirc", 0), ("OffCirc.dat", first), ("files", 0)]
    second = len(desk.take_back("I1", NOW).raw)
    assert synced[4:] == [("OffCirc.dat", first + second)]
    assert told == [4, 5]


def test_of8_what_a_full_disk_cut_is_there_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that could not be synced stays unsaved; saved again, whatever is there twice is one line
    for the loader (OF-40)."""
    desk = Capture(tmp_path)
    desk.take_back("I1", NOW)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space"):
            desk.loan("P1", "I2", NOW)
    assert (desk.unsaved, len(desk.listed)) == (1, 2)
    assert desk.save() == 1
    assert list(dict.fromkeys(barcodes(desk.file))) == [("R", "I1", ""), ("L", "I2", "P1")]


def played(tmp_path: Path, keys: str, *options: str) -> tuple[str, list[tuple[str, str, str]]]:
    run = CliRunner().invoke(app, ["offline", "capture", "--folder", str(tmp_path), *options], input=keys)
    assert run.exit_code == 0, run.output
    file = tmp_path / "OffCirc" / "files" / "OffCirc.dat"
    return run.output, barcodes(file) if file.exists() else []


def test_of4_the_form_adapts_to_the_transaction(tmp_path: Path) -> None:
    """OF-3..OF-6, without any server: two fields for a loan, one for a return; the list; quitting."""
    out, found = played(tmp_path, "P1\nI1\nr\nI1\n\np\nl\nP2\nI1\nq\n")
    assert found == [("L", "I1", "P1"), ("R", "I1", ""), ("L", "I1", "P2")]
    assert "Not added" in out
    assert re.search(r"^   1 [0-9:]{5} Loan   I1 -> P1$", out, re.MULTILINE)
    assert "3 lines, 0 not saved." not in out
    assert "2 lines, 0 not saved." in out


@pytest.mark.parametrize(("end", "kept"), [("q\ny\n", 1), ("q\nn\n", 0), ("s\nq\n", 1), ("", 1)])
def test_of7_unsaved_lines_are_asked_after(tmp_path: Path, end: str, kept: int) -> None:
    """Where the terminal goes away they are saved."""
    out, found = played(tmp_path, f"P1\nI1\n{end}", "--no-autosave")
    assert len(found) == kept
    assert ("not saved" in out) == (not end.startswith("s"))


def test_a_blocked_card_is_asked_after(tmp_path: Path) -> None:
    """2.1: the list of `offline blocklist --format csv`."""
    cards = tmp_path / "cards.csv"
    cards.write_text("barcode,name,reasons\nP9,Anne,CARD_LOST\n", "utf-8")
    out, found = played(tmp_path, "P9\nn\nP9\ny\nI1\nq\n", "--blocklist", str(cards))
    assert "CARD_LOST" in out
    assert found == [("L", "I1", "P9")]
