"""The journal of a batch: nothing that was written is lost, what was cut off is not believed (BR-41)."""

import csv
import io
from pathlib import Path

import pytest

from sip2d.batch import export, outcome
from sip2d.batch.journal import Journal, JournalFault
from sip2d.batch.outcome import FAILED, RENEWED, SKIPPED, Attempt
from sip2d.wire import codec
from tests.batch import places

DUE = 1_924_988_399


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return places.journal(tmp_path / "a.batch", places.all_loans(6), DUE)


def attempts(path: Path) -> list[tuple[str, str]]:
    with Journal(path, writes=False) as journal:
        return [(attempt.row.item, attempt.outcome) for attempt in journal.attempts()]


def test_what_was_told_is_told_again(path: Path) -> None:
    """1.3: intents and outcomes survive; a row asked for and never answered is open, with its first date."""
    with Journal(path) as journal:
        todo = list(journal.todo())
        assert [one.row.item for one in todo] == [places.item(number) for number in range(6)]
        journal.intend(todo[:4], 1000)
        journal.settle(0, Attempt(todo[0].row, 1000, RENEWED, "OK", "Prolongé", "20301231    235959", "1.50"))
        journal.settle(1, Attempt(todo[1].row, 1000, SKIPPED, "ITEM_RECALLED", "Recalled"))
        journal.withdraw(2)
    with Journal(path) as journal:
        assert (journal.attempted, journal.open, journal.total) == (2, 1, 6)
        assert [(one.number, one.asked_at) for one in journal.todo()] == [(2, 0), (3, 1000), (4, 0), (5, 0)]
        journal.intend(list(journal.todo())[1:3], 2000)
        assert [one.asked_at for one in journal.todo()][1:3] == [1000, 2000]
    assert attempts(path) == [
        (places.item(0), RENEWED), (places.item(1), SKIPPED), (places.item(3), ""), (places.item(4), ""),
    ]  # fmt: skip


def test_an_intent_is_on_the_disk_before_anything_leaves(path: Path) -> None:
    """1.3: another process sees it as soon as ``intend`` returns."""
    with Journal(path) as journal:
        journal.intend(list(journal.todo())[:2], 1000)
        assert len(attempts(path)) == 2


@pytest.mark.parametrize(
    "tail", [b'["o",1,10', b"\0" * 40, b'["o",', b'["o",1,1000,"RENEWED","OK","","",""]']
)
def test_a_line_cut_off_by_a_power_cut_is_dropped(path: Path, tail: bytes) -> None:
    """What follows is written behind the last whole line."""
    with Journal(path) as journal:
        journal.intend(list(journal.todo())[:2], 1000)
        journal.settle(0, Attempt(journal.row(0), 1000, RENEWED, "OK"))
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert len(attempts(path)) == 2
    with Journal(path) as journal:
        assert (journal.attempted, journal.open) == (1, 1)
        journal.settle(1, Attempt(journal.row(1), 1000, FAILED, "NO_RESPONSE"))
    assert path.read_bytes().startswith(whole)
    assert [told for _, told in attempts(path)] == [RENEWED, FAILED]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no journal\n",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'["r"', b'["x"', 1),
        lambda data: data.replace(b'["end",6]', b'["end",7]'),
        lambda data: data + b'["o",99,1,"RENEWED","","","",""]\n["w",1]\n',
    ],
)
def test_what_is_no_journal_is_refused(path: Path, damage: object) -> None:
    """A sentence, not a guess."""
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(JournalFault, match="no journal"):
        Journal(path)


def test_one_process_at_a_time(path: Path) -> None:
    """Two must not ask for the same rows; reading is free."""
    with Journal(path):
        with pytest.raises(JournalFault, match="in use"):
            Journal(path)
        assert attempts(path) == []


def test_no_batch_is_overwritten(path: Path) -> None:
    """A journal that is there is kept."""
    before = path.read_bytes()
    with pytest.raises(JournalFault, match="exists"):
        places.journal(path, places.all_loans(2), DUE)
    assert path.read_bytes() == before


def test_export_and_what_remains(path: Path) -> None:
    """BR-41, BR-42: a line per attempt, UNKNOWN where no answer was seen, and the rest as a sheet."""
    with Journal(path) as journal:
        journal.intend(list(journal.todo())[:2], 1000)
        first = Attempt(journal.row(0), 1000, RENEWED, "OK", 'He said "yes"', "20301231    235959", "1.50")
        journal.settle(0, first)
        out, rest = io.StringIO(), io.StringIO()
        assert (export.write(journal, out), export.remaining(journal, rest)) == (2, 5)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert list(rows[0].values()) == [
        "2", places.patron(0), places.item(0), "text", "Europe/Paris", "1970-01-01T00:16:40+00:00", "RENEWED",
        "OK", 'He said "yes"', "2030-12-31T23:59:59", "1.50",
    ]  # fmt: skip
    assert rows[1]["outcome"] == "UNKNOWN"
    assert [row["item_barcode"] for row in csv.DictReader(io.StringIO(rest.getvalue()))] == [
        places.item(number) for number in range(1, 6)
    ]


@pytest.mark.parametrize(
    ("answer", "told", "code"),
    [
        ("301YUN{d}AOM|AAp|ABi|AJT|AH20301231    235959|AFRenewed until 2030-12-31 23:59.|", RENEWED, "OK"),
        ("300NUN{d}AOM|AAp|ABi|AJT|AH|AFCe document n'est pas prêté à cet usager.|", SKIPPED,
         "ITEM_NOT_ON_LOAN_TO_PATRON"),
        ("300NUN{d}AOM|AAp|ABi|AJT|AH|AFItem is not on loan.|", SKIPPED, "ITEM_NOT_ON_LOAN"),
        ("300NUN{d}AOM|AAp|ABi|AJT|AH|AFItem has been recalled|AFand cannot be renewed.|", SKIPPED,
         "ITEM_RECALLED"),
        ("300NUN{d}AOM|AAp|ABi|AJT|AH|AFDocument déclaré perdu.|", SKIPPED, "ITEM_LOST"),
        ("300NUN{d}AOM|AAp|ABi|AJT|AH|AFInvalid due date.|", FAILED, "NB_DUE_DATE_INVALID"),
        ("300NUN{d}AOM|AAp|ABi|AJ|AH|AFWer ist das?|BLN|", FAILED, "PATRON_UNKNOWN"),
        ("300NUN{d}AOM|AAp|ABi|AJ|AH|AFNein.|BLY|CQN|", FAILED, "PATRON_BAD_PIN"),
        ("300NUN{d}AOM|AAp|ABi|AJ|AH|AFNein.|", FAILED, "REFUSED"),
        ("98YYYYYY100003{d}2.00AOM|", FAILED, "UNEXPECTED"),
    ],
)  # fmt: skip
def test_the_outcome_of_an_answer(answer: str, told: str, code: str) -> None:
    """BR-3, BR-8, BR-10: from the text, in every language; else from BL and CQ; else REFUSED."""
    response = codec.parse_response(answer.format(d="20260309    101500").encode())
    attempt = outcome.of_answer(places.row(), 1000, response)
    assert (attempt.outcome, attempt.code) == (told, code)
