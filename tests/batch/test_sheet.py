"""Sheets as libraries have them (BR-27, BR-35..BR-37, PT-35)."""

import csv
import io
import re
import string
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip2d.batch import dates, sheet
from sip2d.batch.sheet import Report, Row, Terms, exclusions, validate

NOW = datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
HEADER = "patron_barcode,item_barcode,due_date\n"
GOOD = "P0001,0030,2030-12-31T23:59:59\n"


def read(path: Path, data: bytes | str, **values: object) -> tuple[Report, list[Row]]:
    file = path / "sheet.csv"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    rows: list[Row] = []
    terms = Terms(**{"zone": PARIS, "now": NOW, **values})  # type: ignore[arg-type]  # keywords of a table
    return validate(file, terms, rows.append), rows


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        (HEADER + GOOD, "utf-8", ","),
        (("\ufeff" + HEADER + GOOD).encode(), "utf-8", ","),
        ((HEADER + GOOD).replace("P0001", "Pé001").encode("cp1252"), "cp1252", ","),
        ((HEADER + GOOD).encode("utf-16"), "utf-16", ","),
        (b"\xfe\xff" + (HEADER + GOOD).encode("utf-16-be"), "utf-16", ","),
        ((HEADER + GOOD).encode("utf-16-le"), "utf-16-le", ","),
        ((HEADER + GOOD).encode("utf-16-be"), "utf-16-be", ","),
        ((HEADER + GOOD).replace(",", ";"), "utf-8", ";"),
        ((HEADER + GOOD).replace(",", "\t"), "utf-8", "\t"),
        ("sep=;\r\n" + (HEADER + GOOD).replace(",", ";"), "utf-8", ";"),
        ((HEADER + GOOD).replace("\n", "\r\n"), "utf-8", ","),
        ('"item_barcode",DUE_DATE, Patron_Barcode \n"0030",2030-12-31T23:59:59,P0001\n', "utf-8", ","),
        (HEADER + "\n" + GOOD + ",,\n", "utf-8", ","),
        (HEADER + GOOD.rstrip("\n"), "utf-8", ","),
    ],
)
def test_as_spreadsheets_write_them(tmp_path: Path, data: bytes | str, encoding: str, delimiter: str) -> None:
    """BR-35: leading zeros stay, whatever the encoding, the delimiter and the order of the columns."""
    report, rows = read(tmp_path, data)
    assert report.errors == []
    assert report.valid
    assert (report.encoding, report.delimiter, report.rows) == (encoding, delimiter, 1)
    assert (rows[0].item, rows[0].due) == (
        "0030",
        int(datetime(2030, 12, 31, 22, 59, 59, tzinfo=UTC).timestamp()),
    )
    assert rows[0].patron in ("P0001", "Pé001")
    assert report.first == rows[0]
    assert bool(report.warnings) is (delimiter != ",")


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        ("", 0, "empty"),
        ("\n" + GOOD, 1, "name the columns"),
        (HEADER, 0, "no row"),
        ("patron_barcode,due_date\n", 1, "item_barcode"),
        ("patron_barcode,item_barcode,due_date,item_barcode\n", 1, "more than once"),
        (HEADER.replace("\n", ",title\n") + GOOD, 1, "--allow-extra"),
        (HEADER + "P1,0030\n", 2, "2 cells"),
        (HEADER + GOOD + "P1,,2030-12-31T23:59:59\n", 3, "item_barcode: it is empty"),
        (HEADER + ",0030,2030-12-31T23:59:59\n", 2, "patron_barcode: it is empty"),
        (HEADER + "P1,2.01E+13,2030-12-31T23:59:59\n", 2, "spreadsheet damaged"),
        (HEADER.replace(",", ";") + "P1;2,01E+13;2030-12-31T23:59:59\n", 2, "spreadsheet damaged"),
        (HEADER + "P1,30990000000017.0,2030-12-31T23:59:59\n", 2, "spreadsheet damaged"),
        (HEADER + "2.1e+13,0030,2030-12-31T23:59:59\n", 2, "patron_barcode: 2.1e+13 is a barcode that"),
        (HEADER + "P1,=B2,2030-12-31T23:59:59\n", 2, "formula"),
        (HEADER + f"P1,{'9' * 81},2030-12-31T23:59:59\n", 2, "more than 80"),
        (HEADER + "P1,00|30,2030-12-31T23:59:59\n", 2, "no barcode has"),
        (HEADER + "P1,0030,2030-12-31\n", 2, "--lenient"),
        (HEADER + "P1,0030,2030-12-31T23:59:59Z\n", 2, "not of the form"),
        (HEADER + "P1,0030,31/12/2030\n", 2, "not of the form"),
        (HEADER + "P1,0030,2030-02-30T23:59:59\n", 2, "does not exist"),
        (HEADER + "P1,0030,2026-03-29T02:30:00\n", 2, "does not exist in Europe/Paris"),
        (HEADER + "P1,0030,2026-03-09T10:15:00\n", 2, "in the past"),
        (HEADER + "P1,0030,2126-12-31T23:59:59\n", 2, "hundred years"),
        (HEADER + GOOD + GOOD.replace("31T", "30T"), 3, "Line 2 names the same loan"),
        (HEADER + 'P1,"0030,2030-12-31T23:59:59\n', 2, "cannot be read"),
        (b"\x81\x8d\xff\xff\n", 0, "no text"),
        (("\ufeff" + HEADER).encode("utf-16")[:-1], 1, "utf-16"),
    ],
)
def test_refused_with_the_line(tmp_path: Path, data: bytes | str, line: int, said: str) -> None:
    """BR-35, BR-37: what is wrong, and where."""
    report, _ = read(tmp_path, data)
    assert not report.valid
    assert (report.errors[0].line, said in report.errors[0].text) == (line, True), report.errors


def test_lenient(tmp_path: Path) -> None:
    """BR-35: a day is its end, an offset wins over the zone, a blank is a T."""
    data = (
        HEADER
        + "A,1,2030-12-31\nA,2,2030-12-31T10:00:00+05:30\nA,3,2030-12-31 10:00:00\nA,4,2030-12-31T10:00:00Z\n"
    )
    report, rows = read(tmp_path, data, lenient=True)
    assert report.valid
    assert [datetime.fromtimestamp(row.due, UTC).strftime("%H:%M:%S") for row in rows] == [
        "22:59:59", "04:30:00", "09:00:00", "10:00:00",
    ]  # fmt: skip


def test_a_time_that_comes_twice_is_the_later() -> None:
    """GN-1: of a due date the later instant, which favours the patron."""
    assert dates.due("2026-10-25T02:30:00", PARIS) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_doubles_extras_and_exclusions(tmp_path: Path) -> None:
    """BR-27, BR-37: an identical row warns and counts once; other columns and rows may be left out."""
    report, rows = read(tmp_path, HEADER + GOOD + GOOD)
    assert (report.valid, len(rows), report.warning_count) == (True, 1, 1)
    report, rows = read(tmp_path, "title," + HEADER + "T," + GOOD, allow_extra=True)
    assert (report.valid, len(rows)) == (True, 1)
    leave = tmp_path / "leave.csv"
    leave.write_text("item_barcode\n0031\n")
    data = HEADER + GOOD + GOOD.replace("0030", "0031") + GOOD.replace("P0001", "P0002")
    report, rows = read(tmp_path, data, excluded=exclusions(leave))
    assert ([row.item for row in rows], report.left_out) == (["0030", "0030"], 1)
    leave.write_text("patron_barcode;item_barcode\nP0002;0030\n")
    report, rows = read(tmp_path, data, excluded=exclusions(leave))
    assert ([row.patron for row in rows], report.left_out) == (["P0001", "P0001"], 1)


@pytest.mark.parametrize(
    ("codes", "line"),
    [
        (["30990000000017", "30990000000025", "990000000033", "70000000041"], 4),  # 00990000000033, ...
        (["30990000000017", "30990000000025", "00990000000033", "990000000041"], 0),  # zeros are there
        (["30990000000017", "30990000000025"], 0),
        (["30990000000017", "30990000000025", "A-33"], 0),  # another kind of barcode
        (["1", "22", "333", "4444"], 0),  # no length is the usual one
        (["333", "444", "55555"], 0),  # longer than most: no zero is missing there
    ],
)
def test_leading_zeros_that_a_spreadsheet_cut_off(tmp_path: Path, codes: list[str], line: int) -> None:
    """1.6: barcodes shorter than most are told with advice, not refused: libraries have old ones."""
    rows = "".join(f"P{number},{code},2030-12-31T23:59:59\n" for number, code in enumerate(codes))
    report, taken = read(tmp_path, HEADER + rows)
    assert (report.valid, len(taken)) == (True, len(codes))
    assert [problem.line for problem in report.warnings] == ([line] if line else [])
    assert all("item_barcode: from here 2 have fewer digits" in one.text for one in report.warnings)
    assert all("open it with this column as text" in one.text for one in report.warnings)


def test_only_fifty_errors_are_kept(tmp_path: Path) -> None:
    """BR-37: the first fifty are shown, all are counted, and no row goes on."""
    report, rows = read(tmp_path, HEADER + GOOD + "P1,,x\n" * 100 + GOOD.replace("0030", "0031"))
    assert (len(report.errors), report.error_count, len(rows)) == (50, 200, 1)


def test_the_largest_sheet(tmp_path: Path) -> None:
    """BR-37: 200,000 rows in bounded memory, one more is refused."""
    file = tmp_path / "large.csv"
    with file.open("w") as out:
        out.write(HEADER)
        for number in range(sheet.MOST_ROWS):
            out.write(f"P{number % 5000:08d},{number:014d},2030-12-31T23:59:59\n")
    taken = 0

    def take(row: Row) -> None:
        nonlocal taken
        taken += 1

    tracemalloc.start()
    report = validate(file, Terms(zone=PARIS, now=NOW), take)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.valid, taken) == (True, sheet.MOST_ROWS)
    assert peak < 80_000_000
    with file.open("a") as out:
        out.write(GOOD)
    report = validate(file, Terms(zone=PARIS, now=NOW), take)
    assert (report.valid, report.errors[0].line) == (False, sheet.MOST_ROWS + 2)


CODES = st.text(string.ascii_letters + string.digits + "-.,;\"' é", min_size=1, max_size=20).filter(
    lambda code: code == code.strip() and code[0] not in "=" and not re.fullmatch("[0-9]{6,}[.,]0+", code)
)
DUES = st.integers(20, 34_000).map(
    lambda days: (NOW + timedelta(days=days, seconds=days)).replace(tzinfo=None)
)
ROWS = st.lists(st.tuples(CODES, CODES, DUES), min_size=1, max_size=12, unique_by=lambda row: row[:2])


def printed(rows: list[tuple[str, str, str]], delimiter: str, order: list[int]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([sheet.COLUMNS[each] for each in order])
    writer.writerows([row[each] for each in order] for row in rows)
    return out.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ROWS, st.sampled_from(",;\t"), st.permutations([0, 1, 2]), st.sampled_from(["utf-8", "cp1252", "utf-16"])
)
def test_parse_of_print(
    tmp_path: Path,
    rows: list[tuple[str, str, datetime]],
    delimiter: str,
    order: list[int],
    encoding: str,
) -> None:
    """PT-35: what was printed is what is read, in any form."""
    texts = [(patron, item, due.isoformat()) for patron, item, due in rows]
    report, found = read(tmp_path, printed(texts, delimiter, order).encode(encoding), zone=ZoneInfo("UTC"))
    assert report.errors == []
    assert [(row.patron, row.item, row.text) for row in found] == texts
    assert [row.due for row in found] == [int(due.replace(tzinfo=UTC).timestamp()) for _, _, due in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.data())
def test_a_damaged_field_changes_its_row_alone(
    tmp_path: Path, rows: list[tuple[str, str, datetime]], data: st.DataObject
) -> None:
    """PT-35: the damage is told with its line, or it changed nothing but its row."""
    texts = [[patron, item, due.isoformat()] for patron, item, due in rows]
    at, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 2))
    texts[at][column] = data.draw(st.text(max_size=12))
    text = printed([(row[0], row[1], row[2]) for row in texts], ",", [0, 1, 2])
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # a lone surrogate is no character of a file
        return
    report, found = read(tmp_path, encoded, zone=ZoneInfo("UTC"))
    if report.valid:
        others = [tuple(row) for number, row in enumerate(texts) if number != at]
        kept = [(row.patron, row.item, row.text) for row in found]
        for row in others:
            assert row in kept
        assert len(rows) - 1 <= len(kept) <= len(rows)
    else:
        assert report.error_count >= 1
        assert all(problem.text.endswith((".", "?")) for problem in report.errors)


def test_yesterday_is_past_for_the_zone(tmp_path: Path) -> None:
    """BR-36: the zone decides what a date means."""
    text = (NOW + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S")
    assert read(tmp_path, HEADER + f"P,1,{text}\n", zone=ZoneInfo("UTC"))[0].valid
    assert not read(tmp_path, HEADER + f"P,1,{text}\n", zone=ZoneInfo("Asia/Tokyo"))[0].valid
