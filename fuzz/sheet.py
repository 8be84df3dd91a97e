"""Invariant: whatever file is given as the sheet of a bulk renewal, it is refused with sentences, or every
row that is let through is one that a frame can carry, in the future, of a line of the file; printed again and
read again it is the same rows. Nothing else is raised.

The first byte chooses whether the reader is lenient and whether other columns are let pass.
"""

import csv
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sip2d.batch import sheet
from sip2d.batch.sheet import Report, Row, Terms

NOW = datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
HEADER = b"patron_barcode,item_barcode,due_date\n"

SEEDS: tuple[bytes, ...] = (
    b"\0" + HEADER + b"P0001,0030,2030-12-31T23:59:59\nP0002,0031,2030-12-31T23:59:59\n",
    b"\1" + HEADER + b"P0001,0030,2030-12-31\nP0002,0031,2030-12-31T23:59:59+02:00\n",
    b'\2title,item_barcode;"DUE_DATE"\tpatron_barcode\r\n',
    b"\2sep=;\r\nitem_barcode;title;patron_barcode;due_date\r\n0030;\"a;b\";P1;2030-12-31T23:59:59\r\n",
    b"\0" + (HEADER.decode() + "P\u00e9,0030,2030-12-31T23:59:59\n").encode("utf-16"),
    b"\0" + (HEADER.decode() + "P\u00e9,0030,2030-12-31T23:59:59\n").encode("cp1252"),
    b"\0" + HEADER + b"P1,2.01E+13,2030-12-31T23:59:59\nP2,=A1,2026-03-29T02:30:00\n",
)  # fmt: skip


def one_input(data: bytes) -> None:
    """Holds the invariant to one file."""
    flags, content = (data[0], data[1:]) if data else (0, b"")
    report, rows = _read(
        content, Terms(zone=ZONE, now=NOW, lenient=bool(flags & 1), allow_extra=bool(flags & 2))
    )
    if not report.valid:
        assert report.errors
        assert all(problem.text.strip() and problem.line >= 0 for problem in report.errors)
        return
    assert report.rows == len(rows) == len({(row.patron, row.item) for row in rows})
    for row in rows:
        assert row.due > NOW.timestamp()
        for code in (row.patron, row.item):
            assert 0 < len(code) <= sheet.LONGEST
            assert code == code.strip(" ")
            assert "|" not in code
            assert code.isprintable()
    out = io.StringIO()
    csv.writer(out).writerows(sheet.printed(rows))
    again = Terms(zone=ZONE, now=NOW, lenient=bool(flags & 1))
    _, twice = _read(out.getvalue().encode(), again)
    assert [(row.patron, row.item, row.due) for row in twice] == [
        (row.patron, row.item, row.due) for row in rows
    ]


def _read(content: bytes, terms: Terms) -> tuple[Report, list[Row]]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sheet.csv"
        file.write_bytes(content)
        return sheet.validate(file, terms, rows.append), rows
