"""Letters to print: one file a day and branch, each letter once, whatever happens (LO-17)."""

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from sip2d.notices import paper
from sip2d.notices.paper import FEED, file_of, send
from sip2d.notices.post import Post
from sip2d.store.notices import Letter
from tests.notices.play import TEXTS, deliver, only, queue
from tests.support.desks import Room
from tests.support.library import NOW

DAY = date(2026, 3, 9)
LETTER = Letter(
    id=7, institution_id=1, branch_id=1, type="ODUE", transport="PRINT", dedup_key="k", sender=None,
    recipient="Bruno Martin\n2 rue B\n75000 Paris", subject="En retard : œuvre",
    body="Bonjour Bruno,\n\nStraße\n", attempts=0, created_at=0, name="Bruno Martin",
)  # fmt: skip


def put(folder: Path, *ids: int, day: date = DAY) -> list[str]:
    letters = [(msgspec.structs.replace(LETTER, id=number), "Bibliothèque") for number in ids]
    return [one.result for one in send(folder, letters, day, "MAIN", "CENTRAL")]


def pages(folder: Path, day: date = DAY) -> list[str]:
    *found, rest = file_of(folder, day, "MAIN", "CENTRAL").read_text("utf-8").split(FEED)
    assert rest == ""
    return found


def test_a_letter_is_ready_to_print(tmp_path: Path) -> None:
    assert put(tmp_path, 7) == ["sent"]
    assert (tmp_path / "2026-03-09-MAIN-CENTRAL.txt").is_file()
    assert pages(tmp_path) == [
        "Bibliothèque\n\nBruno Martin\n2 rue B\n75000 Paris\n\n2026-03-09\n\nEn retard : œuvre\n\n"
        "Bonjour Bruno,\n\nStraße\n\n[7]\n"
    ]


def test_a_file_grows_and_holds_each_letter_once(tmp_path: Path) -> None:
    """A crash between the writing and the record repeats it."""
    put(tmp_path, 1, 2)
    first = file_of(tmp_path, DAY, "MAIN", "CENTRAL").read_bytes()
    assert put(tmp_path, 1, 2, 3) == ["sent"] * 3
    assert file_of(tmp_path, DAY, "MAIN", "CENTRAL").read_bytes().startswith(first)
    assert len(pages(tmp_path)) == 3


def test_a_letter_of_yesterday_is_not_printed_again_after_midnight(tmp_path: Path) -> None:
    put(tmp_path, 1)
    assert put(tmp_path, 1, day=DAY + timedelta(days=1)) == ["sent"]
    assert not file_of(tmp_path, DAY + timedelta(days=1), "MAIN", "CENTRAL").exists()


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_letter_that_was_cut_off_is_written_again(tmp_path: Path, cut: int) -> None:
    put(tmp_path, 1, 2)
    file = file_of(tmp_path, DAY, "MAIN", "CENTRAL")
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    assert put(tmp_path, 2) == ["sent"]
    assert file.read_bytes() == whole


def test_nothing_is_left_of_a_longer_letter_that_was_cut_off(tmp_path: Path) -> None:
    put(tmp_path, 1)
    file = file_of(tmp_path, DAY, "MAIN", "CENTRAL")
    whole = file.read_bytes()
    file.write_bytes(whole + b"x" * 5_000)
    put(tmp_path, 2)
    assert len(pages(tmp_path)) == 2
    assert b"x" not in file.read_bytes()


def test_no_text_makes_a_page_or_a_reference_of_its_own(tmp_path: Path) -> None:
    evil = msgspec.structs.replace(LETTER, body="a\f[9]\n\fb", subject="x\f[9]\n\f", recipient="y\f[9]\n\f")
    list(send(tmp_path, [(evil, "z\f[9]\n\f")], DAY, "MAIN", "CENTRAL"))
    assert len(pages(tmp_path)) == 1
    put(tmp_path, 9)
    assert len(pages(tmp_path)) == 2


def test_a_disk_that_refuses_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert put(tmp_path / "file" / "below", 1) == ["retried"]


def test_letters_are_for_the_group_only(tmp_path: Path) -> None:
    put(tmp_path / "new", 1)
    assert (tmp_path / "new").stat().st_mode & 0o007 == 0
    assert file_of(tmp_path / "new", DAY, "MAIN", "CENTRAL").stat().st_mode & 0o007 == 0


def test_no_code_leads_out_of_the_folder(tmp_path: Path) -> None:
    assert file_of(tmp_path, DAY, "../etc", "a/b").parent == tmp_path
    assert paper.file_of(tmp_path, DAY, "MAIN", None).name == "2026-03-09-MAIN.txt"


def test_the_outbox_prints(room: Room, tmp_path: Path) -> None:
    queue(room, "ODUE", "P2", transport="PRINT")
    deliver(room, Post(lambda: TEXTS, folder=tmp_path), NOW)
    assert only(room).state == "SENT"
    [page] = pages(tmp_path)
    assert "Main library, Central" in page
    assert "Bonjour Bruno Martin," in page
