"""Every format, read line by line: OF-10, OF-20, OF-22, OF-23, OF-26, D-27."""

from datetime import UTC, datetime

import pytest

from sip2d.offline.formats import EVERGREEN, KOC, NATIVE, OFFCIRC, Content, Line, read
from tests.offline.files import PARIS, evergreen, koc, native, offcirc

DAY = "L 10:15 I1 P1; R 10:20 I1; L 10:25 I1 P2"
WHOLE = [
    ("L", "I1", "P1", datetime(2026, 3, 9, 9, 15, tzinfo=UTC)),
    ("R", "I1", "", datetime(2026, 3, 9, 9, 20, tzinfo=UTC)),
    ("L", "I1", "P2", datetime(2026, 3, 9, 9, 25, tzinfo=UTC)),
]
LOAN = b"202603091015L" + b"I1".ljust(80) + b"P1"


def content(data: bytes, format: str | None = None) -> Content:
    found = read(data, PARIS, format)
    assert found is not None
    return found


def one(data: bytes, format: str | None = None) -> Line:
    (line,) = content(data, format).lines
    return line


def said(line: Line) -> tuple[str, str, str, datetime | None]:
    assert line.error is None
    return line.kind, line.item, line.patron, line.happened_at


FORMATS = [(OFFCIRC, offcirc), (KOC, koc), (EVERGREEN, evergreen), (NATIVE, native)]


@pytest.mark.parametrize(("name", "write"), FORMATS, ids=[row[0] for row in FORMATS])
def test_of10_a_format_is_told_by_its_content(name: str, write: object) -> None:
    """OF-20, OF-22, OF-23, OF-26: the same day in four formats is the same four times."""
    assert callable(write)
    found = content(write(DAY))
    assert found.format == name
    assert [said(line) for line in found.lines] == WHOLE
    assert content(b"garbage\n" + write(DAY)).format == name


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"hello\nworld\n", b"{}x\n", b"[1]\n", b"\xff\xfe", b"20260309"]
)
def test_of10_what_is_of_no_format_is_no_file(data: bytes) -> None:
    assert read(data, PARIS) is None


TOLERATED = [
    ("CRLF", offcirc(DAY, "\r\n")),
    ("no end of line at the end", offcirc(DAY).rstrip(b"\n")),
    ("a BOM", b"\xef\xbb\xbf" + offcirc(DAY)),
    ("UTF-16", b"\xff\xfe" + offcirc(DAY).decode().encode("utf-16-le")),
    ("blank lines", offcirc(DAY).replace(b"\n", b"\n\n  \n")),
    ("lower case", offcirc(DAY).replace(b"L", b"l").replace(b"R", b"r")),
    ("trailing blanks", offcirc(DAY).replace(b"\n", b"   \n")),
    ("a padded return", offcirc(DAY).replace(b"RI1", b"R" + b"I1".ljust(80))),
    ("the mark of the end of a DOS file", offcirc(DAY) + b"\x1a"),
]


@pytest.mark.parametrize(("case", "data"), TOLERATED, ids=[row[0] for row in TOLERATED])
def test_of20_what_is_tolerated(case: str, data: bytes) -> None:
    """OF-20, D-27."""
    assert [said(line) for line in content(data).lines] == WHOLE


def test_of20_utf8_then_latin1_line_by_line() -> None:
    """One line in another encoding does not change its neighbours."""
    data = "202603091015RÉ1\n".encode() + "202603091015RÉ2\n".encode("latin-1") + "202603091015RÉ3\n".encode()
    assert [line.item for line in content(data).lines] == ["É1", "É2", "É3"]


WRONG = [
    (OFFCIRC, b"202603091015", "TOO_SHORT"),
    (OFFCIRC, b"202603091015L", "NO_ITEM"),
    (OFFCIRC, b"202603091015R" + b" " * 90, "NO_ITEM"),
    (OFFCIRC, b"202603091015XI1", "UNKNOWN_TYPE"),
    (OFFCIRC, b"202613091015RI1", "BAD_DATE"),
    (OFFCIRC, b"202602301015RI1", "BAD_DATE"),
    (OFFCIRC, b"000103091015RI1", "BAD_DATE"),
    (OFFCIRC, b"2026O3091015RI1", "BAD_DATE"),
    (OFFCIRC, b"202603091015LI1", "NO_PATRON"),
    (OFFCIRC, b"202603091015L" + b" " * 80 + b"P1", "NO_ITEM"),
    (OFFCIRC, LOAN + b"X" * 80, "BAD_BARCODE"),
    (OFFCIRC, b"202603091015RI\x001", "BAD_BARCODE"),
    (KOC, b"2026-03-09 10:15:00 1\tpayment\tP1\tmuch", "BAD_AMOUNT"),
    (KOC, b"2026-03-09 10:15:00 1\tpayment\tP1\t0.00", "BAD_AMOUNT"),
    (KOC, b"2026-03-09 10:15:00 1\tpayment\tP1\t-1.00", "BAD_AMOUNT"),
    (KOC, b"2026-03-09 10:15:00 1\tpayment\t\t1.00", "NO_PATRON"),
    (KOC, b"2026-03-09 10:15:00 1\tpayment\tP1", "BAD_AMOUNT"),
    (KOC, b"2026-03-09 10:15:00 1\tother\tP1\tI1", "UNKNOWN_TYPE"),
    (KOC, b"2026-03-09 25:15:00 1\tissue\tP1\tI1", "BAD_DATE"),
    (KOC, b"2026-03-09\treturn\tI1", "BAD_DATE"),
    (KOC, b"2026-03-09 10:15:00 1\tissue\tP1", "NO_ITEM"),
    (KOC, b"2026-03-09 10:15:00 1\tissue", "TOO_SHORT"),
    (EVERGREEN, b'{"type":"register","timestamp":1773047700}', "NOT_SUPPORTED"),
    (EVERGREEN, b'{"type":"in_house_use","timestamp":1773047700,"barcode":"I1"}', "NOT_SUPPORTED"),
    (EVERGREEN, b'{"type":["checkin"],"timestamp":1773047700,"barcode":"I1"}', "UNKNOWN_TYPE"),
    (EVERGREEN, b'{"type":"checkin","timestamp":"soon","barcode":"I1"}', "BAD_DATE"),
    (EVERGREEN, b'{"type":"checkin","timestamp":true,"barcode":"I1"}', "BAD_DATE"),
    (EVERGREEN, b'{"type":"checkin","timestamp":1773047700,"barcode":[]}', "BAD_LINE"),
    (EVERGREEN, b'{"type":"checkout","timestamp":1773047700,"barcode":"I1","patron_barcode":"P1",'
     b'"due_date":"later"}', "BAD_DUE_DATE"),
    (NATIVE, b'{"v":2,"ts":"2026-03-09T09:15:00Z","type":"R","item":"I1"}', "BAD_LINE"),
    (NATIVE, b'{"v":1,"ts":"2026-03-09T09:15:00Z","type":"X","item":"I1"}', "UNKNOWN_TYPE"),
    (NATIVE, b'{"v":1,"ts":"soon","type":"R","item":"I1"}', "BAD_DATE"),
    (NATIVE, b'{"v":1,"ts":"2026-03-09T09:15:00Z","type":"R","item":"I\\ud8001"}', "BAD_LINE"),
    (NATIVE, b'{"v":1,"ts":"2026-03-09T09:15:00Z","type":"L","item":"I1","patron":"P1","due":"x"}',
     "BAD_DUE_DATE"),
    (NATIVE, b'{"v":1', "BAD_LINE"),
]  # fmt: skip


@pytest.mark.parametrize(("format", "data", "error"), WRONG)
def test_of20_a_bad_line_is_an_error_and_spoils_no_other(format: str, data: bytes, error: str) -> None:
    """OF-2, OF-20, OF-22, OF-23, OF-26: its neighbours are read as without it."""
    assert one(data, format).error == error
    write = dict(FORMATS)[format]
    whole = [
        said(line) for line in content(write(DAY) + data + b"\n" + write(DAY), format).lines if not line.error
    ]
    assert whole == WHOLE * 2


def test_of22_another_major_version_is_told_and_read() -> None:
    assert content(koc(DAY)).notes == ()
    (note,) = content(koc(DAY).replace(b"1.0", b"2.0")).notes
    assert "'2.0'" in note


def test_of22_a_payment_names_a_patron_and_an_amount() -> None:
    """OF-22: as Koha writes it, with a dot or a comma."""
    for amount in (b"1.50", b"1,50"):
        line = one(b"2026-03-09 10:15:00 1\tpayment\tP1\t" + amount, KOC)
        assert (line.kind, line.item, line.patron, line.amount) == ("P", "", "P1", "1.50")


@pytest.mark.parametrize(
    ("backdate", "minute"),
    [('"2026-03-08"', "22:59:59 08"), ('"2026-03-09"', "09:15:00 09"), ("null", "09:15:00 09")],
)
def test_of23_a_return_may_be_of_an_earlier_day(backdate: str, minute: str) -> None:
    """OF-23: a book drop is emptied in the morning; never later than it was scanned."""
    line = one(f'{{"type":"checkin","timestamp":1773047700,"barcode":"I1","backdate":{backdate}}}'.encode())
    assert line.happened_at is not None
    assert f"{line.happened_at:%H:%M:%S %d}" == minute


@pytest.mark.parametrize("data", [b"o:2603091015:bI1:bP1:260401:0\n", b"i:2603091020:bI1\n"])
def test_of24_innovative_s_files_are_not_read(data: bytes) -> None:
    """OF-24: known, and not required: of no format we read."""
    assert read(data, PARIS) is None


def test_of8_a_last_line_without_an_end_is_told_of() -> None:
    """What a power cut left reads like a whole line: somebody must look."""
    assert content(offcirc(DAY)).notes == ()
    (note,) = content(offcirc(DAY)[:-2]).notes
    assert "The last line (3) has no end" in note


DUE = [
    (EVERGREEN, '"due_date":"2026-04-01"', datetime(2026, 4, 1, 21, 59, 59, tzinfo=UTC)),
    (EVERGREEN, '"due_date":"2026-04-01T12:00:00+02:00"', datetime(2026, 4, 1, 10, tzinfo=UTC)),
    (EVERGREEN, '"due_date":""', None),
    (NATIVE, '"due":"2026-04-01T10:00:00Z"', datetime(2026, 4, 1, 10, tzinfo=UTC)),
    (NATIVE, '"due":null', None),
]


@pytest.mark.parametrize(("format", "field", "due"), DUE)
def test_of23_a_line_may_carry_its_due_date(format: str, field: str, due: datetime | None) -> None:
    """OF-23, OF-26."""
    kind = '"v":1,"type":"L","ts":"2026-03-09T09:15:00Z","item":"I1","patron":"P1"'
    if format == EVERGREEN:
        kind = '"type":"checkout","timestamp":1773047700,"barcode":"I1","patron_barcode":"P1"'
    line = one(f"{{{kind},{field}}}".encode())
    assert (said(line), line.due_at) == (WHOLE[0], due)


def test_of26_a_native_line_has_its_uuid_and_its_own_zone() -> None:
    line = one(b'{"v":1,"ts":"2026-03-09T10:15:00+01:00","type":"L","item":"I1","patron":"P1","uuid":"AB-1"}')
    assert (said(line), line.uuid) == (WHOLE[0], "ab-1")


def test_an_hour_that_comes_twice_is_the_first_one() -> None:
    """PT-10: a line's time does not depend on its neighbours; one that never was is after the gap."""
    twice, never = content(b"202610250230RI1\n202603290230RI1\n").lines
    assert twice.happened_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert never.happened_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
