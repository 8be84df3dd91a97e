"""A printed slip a loan (2.1): after the loan is saved, in English and French; whatever the printer does, the
desk goes on."""

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sip2d.offline import slip
from sip2d.offline.formats.line import Line
from sip2d.offline.slip import TEXTS, TIMES, Slip, Slips, to_command, to_file

AT = datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
LOAN = Line(1, "", "L", "30005001234567", "P0001234", AT)
RETURN = Line(2, "", "R", "30005001234567", "", AT)
FRENCH = Slip(TEXTS["fr"], TIMES["fr"], "Médiathèque")


def test_a_slip_says_where_when_and_what() -> None:
    """The card is not spelt out: a slip may be left lying about."""
    text = FRENCH.of(LOAN).decode()
    assert text.startswith(f"Médiathèque\nPRÊT {AT.astimezone():%d/%m/%Y %H:%M}\n")
    assert "30005001234567" in text
    assert "Carte ...1234\n" in text
    assert "P0001234" not in text


@pytest.mark.parametrize(("language", "word"), [("en", b"LOAN"), ("fr", b"PR\xc3\x8aT")])
def test_without_a_heading_the_slip_begins_with_the_word(language: str, word: bytes) -> None:
    assert Slip(TEXTS[language]).of(LOAN).startswith(word)


@pytest.mark.parametrize(
    ("encoding", "word"), [("cp858", b"PR\xd2T"), ("latin-1", b"PR\xcaT"), ("ascii", b"PR?T")]
)
def test_a_printer_has_its_own_characters(encoding: str, word: bytes) -> None:
    assert word in Slip(TEXTS["fr"], encoding=encoding).of(LOAN)


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LC_ALL": "en_GB", "LANG": "fr_FR"}, "en"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_is_the_machine_s(environment: dict[str, str], spoken: str) -> None:
    assert slip.language(environment) == spoken


def printed(slips: Slips, *lines: Line) -> list[str]:
    for line in lines:
        slips.put(line)
    return slips.close()


def test_a_slip_a_loan_and_none_a_return(tmp_path: Path) -> None:
    out = tmp_path / "printer"
    assert printed(Slips(FRENCH, to_file(out)), LOAN, RETURN, LOAN) == []
    assert out.read_bytes() == FRENCH.of(LOAN) * 2


def test_a_command_reads_the_slip(tmp_path: Path) -> None:
    out = tmp_path / "printer"
    copy = f"""{sys.executable} -c "import sys; open('{out}', 'ab').write(sys.stdin.buffer.read())" """
    assert printed(Slips(FRENCH, to_command(copy)), LOAN) == []
    assert out.read_bytes() == FRENCH.of(LOAN)


FAILING = [
    ("no-such-printer -d desk", "No such file or directory."),
    (f"""{sys.executable} -c "import sys; sys.exit('lp: no paper')" """, "lp: no paper."),
    (f"""{sys.executable} -c "import sys; sys.exit(3)" """, f"{sys.executable} ended with 3."),
]


@pytest.mark.parametrize(("command", "why"), FAILING, ids=["no program", "it says why", "it says nothing"])
def test_a_printer_that_fails_says_which_slip(command: str, why: str) -> None:
    """So that it can be written by hand; the next one is tried again."""
    told = printed(Slips(FRENCH, to_command(command)), LOAN, LOAN)
    assert told == [f"No slip for 30005001234567 -> P0001234: {why}"] * 2


def test_a_file_that_takes_nothing_is_told_of(tmp_path: Path) -> None:
    assert "Is a directory" in printed(Slips(FRENCH, to_file(tmp_path)), LOAN)[0]


@pytest.mark.parametrize("command", ["", "  ", "'lp"])
def test_a_command_that_cannot_be_read_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"names no program|No closing quotation"):
        to_command(command)


def test_a_printer_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told of after a while, and the desk closes without it."""
    monkeypatch.setattr(slip, "FAREWELL", 0.01)
    begun, ended = threading.Event(), threading.Event()
    now = 0.0

    def hang(data: bytes) -> None:
        begun.set()
        ended.wait(60)

    slips = Slips(FRENCH, hang, lambda: now)
    for _ in range(3):
        slips.put(LOAN)
    assert begun.wait(60)
    assert slips.told() == []
    now = slip.PATIENCE + 1
    assert slips.told() == ["The slip printer does not answer; slips that wait: 3. The loans are saved."]
    assert slips.close() == ["Slips that were not printed: 3. The loans are saved."]
    ended.set()
