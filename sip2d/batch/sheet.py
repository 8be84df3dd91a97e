"""The sheet of a bulk renewal: a CSV file as libraries have them, checked as a whole before anything is sent
(BR-35..BR-37).

Rows go out one at a time to a sink; what is kept of them is a key and two numbers each, so that the largest
sheet (``MOST_ROWS``) takes some 40 MB.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.batch import dates, opening

COLUMNS: Final = ("patron_barcode", "item_barcode", "due_date")
BARCODES: Final = COLUMNS[:2]
MOST_ROWS: Final = 200_000
MOST_ERRORS: Final = 50
"""So many are kept and shown; all are counted."""
MOST_WARNINGS: Final = 20
LONGEST: Final = 80  # characters of a barcode (GN-10)
YEARS: Final = timedelta(days=36525)  # a hundred

_DAMAGED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}|[0-9]{6,}[.,]0+")
"""A number in scientific notation, or with decimals."""


class Row(msgspec.Struct, frozen=True):
    """One loan to renew. ``line`` of the file (the first is 1), ``due`` in epoch seconds, ``text``: the date
    as the file has it.
    """

    line: int
    patron: str
    item: str
    due: int
    text: str


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a line, as one sentence. Line 0: the file."""

    line: int
    text: str


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a sheet is to be read: the zone of its dates, the instant it is now, and what is let pass."""

    zone: ZoneInfo
    now: datetime
    lenient: bool = False
    allow_extra: bool = False
    excluded: frozenset[tuple[str | None, str | None]] = frozenset()


class Report(msgspec.Struct, kw_only=True):
    """What was found. ``first`` is the preview (BR-37); ``errors`` are the first ``MOST_ERRORS``."""

    encoding: str = ""
    delimiter: str = ","
    rows: int = 0
    left_out: int = 0
    first: Row | None = None
    earliest: int = 0
    latest: int = 0
    error_count: int = 0
    warning_count: int = 0
    errors: list[Problem] = msgspec.field(default_factory=list)
    warnings: list[Problem] = msgspec.field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether it may be sent."""
        return not self.error_count and self.rows > 0

    def wrong(self, line: int, text: str) -> None:
        """One more error."""
        self.error_count += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(Problem(line, text))

    def warn(self, line: int, text: str) -> None:
        """One more warning."""
        self.warning_count += 1
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(Problem(line, text))

    def take(self, row: Row) -> None:
        """One more row."""
        if self.first is None:
            self.first, self.earliest, self.latest = row, row.due, row.due
        self.earliest, self.latest = min(self.earliest, row.due), max(self.latest, row.due)
        self.rows += 1


Sink = Callable[[Row], None]


class _Seen:
    """Which patrons and items came already, on which line, until when."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._lines = array("q")
        self._dues = array("q")

    def before(self, row: Row) -> tuple[int, int] | None:
        """Line and date of the row that named the same loan; None: this is the first, and it is kept."""
        found = self._index.setdefault(f"{row.patron}\0{row.item}", len(self._lines))
        if found < len(self._lines):
            return self._lines[found], self._dues[found]
        self._lines.append(row.line)
        self._dues.append(row.due)
        return None


class _Digits:
    """How long the barcodes of a column are, those of digits alone: spreadsheets cut leading zeros off."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._zeros = False
        self._lengths: dict[int, tuple[int, int]] = {}  # how many, and the line of the first

    def take(self, code: str, line: int) -> None:
        """One more."""
        if code.isdecimal():
            self._zeros = self._zeros or code.startswith("0")
            count, first = self._lengths.get(len(code), (0, line))
            self._lengths[len(code)] = count + 1, first

    def suspicion(self) -> tuple[int, str] | None:
        """The line of the first that is shorter than most, though none begins with a zero, and what to do.
        It may be right, so nothing is refused for it.
        """
        if self._zeros or len(self._lengths) < 2:
            return None
        usual, (most, _) = max(self._lengths.items(), key=lambda one: one[1])
        shorter = [(first, count) for length, (count, first) in self._lengths.items() if length < usual]
        if not shorter or 2 * most < sum(count for count, _ in self._lengths.values()):
            return None
        number, name = sum(count for _, count in shorter), self._name
        return min(shorter)[0], (
            f"{name}: from here {number} have fewer digits than most ({usual}), and none begins with 0. If a "
            "spreadsheet cut leading zeros off, take the file from its source again, and open it with this "
            "column as text."
        )


def validate(file: Path, terms: Terms, sink: Sink) -> Report:
    """Read a whole sheet; the rows to renew go to ``sink`` in order until the first error. OSError."""
    report = Report()
    try:
        with opening.opened(file) as found:
            report.encoding, report.delimiter = found.encoding, found.delimiter
            _walk(found, terms, report, sink)
    except opening.Unreadable as fault:
        report.wrong(fault.line, str(fault))
    if not report.rows and not report.error_count:
        report.wrong(0, "There is no row to renew in it.")
    return report


def exclusions(file: Path) -> frozenset[tuple[str | None, str | None]]:
    """The loans of an exclude file (BR-27): pairs of patron and item, None where the file has no such column.
    Raises ``opening.Unreadable``, OSError.
    """
    found: set[tuple[str | None, str | None]] = set()
    with opening.opened(file) as sheet:
        names = _names(sheet.header)
        if not set(BARCODES) & set(names):
            raise opening.Unreadable(1, f"Its first line names neither {BARCODES[0]} nor {BARCODES[1]}.")
        for _, cells in sheet.records():
            given = dict(zip(names, (cell.strip() for cell in cells), strict=False))
            pair = given.get(BARCODES[0]) or None, given.get(BARCODES[1]) or None
            if any(pair):
                found.add(pair)
    return frozenset(found)


def _walk(found: opening.Opened, terms: Terms, report: Report, sink: Sink) -> None:
    places = _places(found.header, terms.allow_extra, report)
    if places is None:
        return
    if found.delimiter != ",":
        name = "tab" if found.delimiter == "\t" else found.delimiter
        report.warn(1, f"The columns are separated by {name}, not by a comma; it was read so.")
    seen, digits = _Seen(), [_Digits(name) for name in BARCODES]
    for line, cells in found.records():
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(found.header):
            report.wrong(line, f"It has {len(cells)} cells, the first line {len(found.header)}.")
            continue
        row = _row(line, [cells[place] for place in places], terms, report)
        if row is not None and _is_new(row, seen, terms, report):
            if report.rows == MOST_ROWS:
                report.wrong(line, f"There are more than {MOST_ROWS} rows: split the file.")
                return
            report.take(row)
            for column, code in zip(digits, (row.patron, row.item), strict=True):
                column.take(code, line)
            if not report.error_count:
                sink(row)
    for column in digits:
        if (suspected := column.suspicion()) is not None:
            report.warning_count += 1
            report.warnings.insert(0, Problem(*suspected))  # shown however many there are


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _places(header: Sequence[str], allow_extra: bool, report: Report) -> list[int] | None:
    """Where the three columns stand."""
    names = _names(header)
    missing = [name for name in COLUMNS if name not in names]
    extra = [name for name in names if name not in COLUMNS]
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if missing:
        report.wrong(1, f"The first line must name the column {' and '.join(missing)}.")
    if twice:
        report.wrong(1, f"The first line names {' and '.join(twice)} more than once.")
    if extra and not allow_extra:
        told = ", ".join(name or "(nameless)" for name in extra)
        report.wrong(1, f"Only {', '.join(COLUMNS)} are expected, not {told}: remove it, or --allow-extra.")
    return None if report.error_count else [names.index(name) for name in COLUMNS]


def _row(line: int, cells: Sequence[str], terms: Terms, report: Report) -> Row | None:
    patron, item, date = (cell.strip(" ") for cell in cells)
    faults = [
        f"{name}: {fault}"
        for name, code in zip(BARCODES, (patron, item), strict=True)
        if (fault := _barcode_fault(code))
    ]
    due = _due(date, terms)
    if isinstance(due, str):
        faults.append(f"due_date: {due}")
    for fault in faults:
        report.wrong(line, fault)
    return None if faults or isinstance(due, str) else Row(line, patron, item, due, date)


def _barcode_fault(code: str) -> str:
    """Why it is no barcode, as a sentence; empty when it is one."""
    if not code:
        return "it is empty."
    if _DAMAGED.fullmatch(code):
        return (
            f"{code} is a barcode that a spreadsheet damaged: take the file from its source again, and open "
            "it with this column as text."
        )
    if code.startswith("="):
        return f"{_shown(code)} is a spreadsheet's formula, not a barcode."
    if len(code) > LONGEST:
        return f"it has more than {LONGEST} characters."
    if "|" in code or not code.isprintable():
        return f"{_shown(code)} has characters that no barcode has."
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")


@lru_cache(maxsize=1024)
def _due(text: str, terms: Terms) -> int | str:
    """Epoch seconds of a due date, or why it is none. Kept, as most rows share a date."""
    try:
        found = dates.due(text, terms.zone, lenient=terms.lenient)
    except ValueError as error:
        return str(error)
    if found <= terms.now:
        return f"{text} is in the past."
    with suppress(OverflowError):
        if found > terms.now + YEARS:
            return f"{text} is more than a hundred years ahead."
    return int(found.timestamp())


def _is_new(row: Row, seen: _Seen, terms: Terms, report: Report) -> bool:
    """Whether it is to be renewed: not left out on purpose, not named before (BR-37)."""
    named = ((row.patron, row.item), (None, row.item), (row.patron, None))
    if terms.excluded and not terms.excluded.isdisjoint(named):
        report.left_out += 1
        return False
    before = seen.before(row)
    if before is None:
        return True
    line, due = before
    if due != row.due:
        report.wrong(row.line, f"Line {line} names the same loan with another due date.")
    else:
        report.warn(row.line, f"It says the same as line {line}; it is renewed once.")
    return False


def printed(rows: Iterable[Row]) -> Iterator[Sequence[str]]:
    """A sheet of these rows, header first, as cells for ``csv.writer``: what remains of a batch (BR-41)."""
    yield COLUMNS
    for row in rows:
        yield row.patron, row.item, row.text
