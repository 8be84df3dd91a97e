"""CSV files of patrons and items (6.3, T19)."""

from pathlib import Path

import pytest

from sip2d.daemon.pins import matches
from tests.cli.shell import Shell

HEADER = ("barcode", "name", "branch", "type", "pin", "expires_on")
ROWS = (
    ("900", "Zoé Ünal", "NORTH", "ADULT", "1234", "2030-12-31"),
    ("901", "Bo", "CENTRAL", "CHILD", "1234", ""),
)


def sheet(
    path: Path, rows: tuple[tuple[str, ...], ...], encoding: str = "utf-8", delimiter: str = ","
) -> str:
    lines = [delimiter.join(row) for row in (HEADER, *rows)]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return f"patron import {path} --institution MAIN --as boss"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(
    sqlite_library: Shell, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    line = sheet(tmp_path / "p.csv", ROWS, encoding, delimiter)
    found = sqlite_library(f"{line} --dry-run").json
    assert (found["added"], found["loaded"], found["errors"]) == (2, False, [])
    assert sqlite_library.rows("SELECT count(*) FROM patron WHERE barcode IN ('900', '901')") == [(0,)]


def test_a_file_is_loaded_and_loaded_again(library: Shell, tmp_path: Path) -> None:
    """Idempotent; equal PINs get hashes of their own, and a PIN that fits keeps its hash."""
    line = sheet(tmp_path / "p.csv", ROWS)
    assert library(line).json["added"] == 2
    hashes = "SELECT pin_hash FROM patron WHERE barcode IN ('900', '901') ORDER BY barcode"
    before = [row[0] for row in library.rows(hashes)]
    assert before[0] != before[1]
    assert all(matches("1234", each) for each in before)
    again = library(line).json
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 2)
    assert [row[0] for row in library.rows(hashes)] == before
    changed = library(sheet(tmp_path / "p.csv", (ROWS[0], ("901", "Bob", *ROWS[1][2:])))).json
    assert (changed["changed"], changed["unchanged"]) == (1, 1)
    assert "1234" not in str(library.rows("SELECT before, after FROM audit_log"))


BAD = (
    (("2.1E+13", "A", "NORTH", "ADULT", "", ""), "scientific notation"),
    (("2,1E+13", "A", "NORTH", "ADULT", "", ""), "scientific notation"),
    (("902", "", "NORTH", "ADULT", "", ""), "name is empty"),
    (("902", "A", "SOUTH", "ADULT", "", ""), "no branch 'SOUTH'"),
    (("902", "A", "ANNEX", "ADULT", "", ""), "not of MAIN"),
    (("902", "A", "NORTH", "ADLT", "", ""), "did you mean 'ADULT'"),
    (("902", "A", "NORTH", "ADULT", "", "31/12/2030"), "no date such as"),
    (("900", "A", "NORTH", "ADULT", "", ""), "stands on line 2 already"),
    (("902", "A", "NORTH"), "has 3 columns, the first line 6"),
    (("P-DELETED", "A", "NORTH", "ADULT", "", ""), "was deleted"),
)


@pytest.mark.parametrize(("row", "said"), BAD)
def test_errors_name_their_line_and_nothing_is_loaded(
    sqlite_library: Shell, tmp_path: Path, row: tuple[str, ...], said: str
) -> None:
    run = sqlite_library(sheet(tmp_path / "p.csv", (ROWS[0], row, ROWS[1]), delimiter=";"), code=65)
    (error,) = run.json["errors"]
    assert error["line"] == 3
    assert said in error["error"]
    assert f"p.csv:3: {error['error']}" in run.err
    assert sqlite_library.rows("SELECT count(*) FROM patron WHERE barcode = '900'") == [(0,)]


def test_good_lines_may_be_loaded_and_the_others_reported(library: Shell, tmp_path: Path) -> None:
    line = sheet(tmp_path / "p.csv", (ROWS[0], ("902", "A", "SOUTH", "ADULT", "", ""), ROWS[1]))
    found = library(f"{line} --skip-errors", code=1).json
    assert (found["added"], found["loaded"], len(found["errors"])) == (2, True, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"barcode,name\r\n1,A\r\n", "branch, type is missing"),
        (b"barcode,nam,branch,type\r\n", "did you mean 'name'"),
        (b"barcode,barcode,name,branch,type\r\n", "stands twice"),
        (b'barcode,name,branch,type\r\n1,"A,NORTH,ADULT\r\n', "Line 2 is no CSV"),
        (b"\x00\x01\x02", "no text"),
    ],
)
def test_what_is_no_sheet_is_refused_whole(
    sqlite_library: Shell, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    run = sqlite_library(f"patron import {tmp_path}/p.csv --institution MAIN --as boss", code=65)
    assert said in run.err


def test_line_numbers_count_lines_within_cells(sqlite_library: Shell, tmp_path: Path) -> None:
    """A cell of two lines: the next row begins two lines further down."""
    (tmp_path / "p.csv").write_bytes(
        b'barcode,name,branch,type,address\n900,A,NORTH,ADULT,"1 rue\nParis"\n\n901,B,SOUTH,ADULT,\n'
    )
    run = sqlite_library(f"patron import {tmp_path}/p.csv --institution MAIN --as boss", code=65)
    assert [error["line"] for error in run.json["errors"]] == [5]


def test_items_and_their_titles_are_loaded(library: Shell, tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text(
        "barcode;title;author;title_number;branch;type;price\n"
        "X1;Tintin;Hergé;T-77;NORTH;BOOK;12,50\nX2;Tintin;Hergé;T-77;CENTRAL;BOOK;\n"
    )
    line = f"item import {tmp_path}/i.csv --institution MAIN --as boss"
    assert library(line).json["added"] == 2
    assert library(line).json["unchanged"] == 2
    assert library.rows("SELECT count(*) FROM title WHERE number = 'T-77'") == [(1,)]
    assert library("item show X1 --institution MAIN --as boss").json["price_minor"] == 1250
