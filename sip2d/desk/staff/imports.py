"""CSV files of patrons and items, as spreadsheets write them (T19): told apart by line, loaded whole or not
at all.

A file that was loaded may be loaded again: rows are matched by barcode, equal ones are left alone.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from sip2d.desk.staff import find, items, patrons
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import records, searches
from sip2d.store.library import Institution
from sip2d.store.tables import item, patron

ENCODINGS: Final = ("utf-8-sig", "cp1252", "utf-16")
DELIMITERS: Final = ",;\t"
MOST_LINES: Final = 1_000_000

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "patron": ("barcode", "pin", *patrons.FIELDS),
    "item": ("barcode", *items.FIELDS),
}
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "patron": ("barcode", "name", "branch", "type"),
    "item": ("barcode", "title", "branch", "type"),
}


class Line(msgspec.Struct, frozen=True):
    """A data line: its number in the file (the first line is 1), and its cells by column. Its repr shows no
    cell: one may be a PIN.
    """

    number: int
    cells: dict[str, str]

    def __repr__(self) -> str:
        return f"Line({self.number})"


class LineError(msgspec.Struct, frozen=True):
    """What is wrong with a line, as one sentence."""

    line: int
    error: str


class Sheet(msgspec.Struct, frozen=True):
    """A file that was read: good lines, bad lines, and how it was written."""

    what: str
    lines: tuple[Line, ...]
    errors: tuple[LineError, ...]
    encoding: str
    delimiter: str


class Report(msgspec.Struct, frozen=True):
    """What an import did, or would do."""

    added: int
    changed: int
    unchanged: int
    errors: tuple[LineError, ...]


Pins = Mapping[str, str]
_NO_PINS: Final[Mapping[str, str]] = {}
"""By barcode the hash to store: the stored one where the file's PIN fits it. Made before the unit that
writes.
"""


def read(what: str, content: bytes, *, encoding: str | None = None, delimiter: str | None = None) -> Sheet:
    """Read a file of ``patron`` or ``item`` lines. Raises `Refused` when it cannot be read as a whole."""
    text, encoding = decoded(content, encoding)
    delimiter = delimiter or delimiter_of(text)
    rows = rows_of(text, delimiter)
    try:
        _, header = next(rows)
    except StopIteration:
        raise Refused("The file is empty.") from None
    names = [name.strip().lower().replace(" ", "_") for name in header]
    _check_header(what, names)
    lines: list[Line] = []
    errors: list[LineError] = []
    seen: dict[str, int] = {}
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            line = Line(number, _cells(names, cells))
            _check_cells(what, line.cells)
            barcode = line.cells["barcode"]
            if barcode in seen:
                raise Refused(f"barcode: {barcode!r} stands on line {seen[barcode]} already.")
            seen[barcode] = number
            lines.append(line)
        except Refused as refused:
            errors.append(LineError(number, str(refused)))
    return Sheet(what, tuple(lines), tuple(errors), encoding, delimiter)


def load(work: Work, sheet: Sheet, *, institution_code: str | None = None, pins: Pins = _NO_PINS) -> Report:
    """Add what is new, change what differs. Lines that cannot be loaded are reported; the rest is.

    Whoever wants all or nothing, or only to see, rolls the unit back (raises).
    """
    owner = find.institution(work, institution_code)
    work.require(Act.IMPORT, owner.id)
    known = searches.known_barcodes(work.unit, sheet.what, owner.id)
    keep = {"patron": _patron, "item": _item}[sheet.what]
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    errors = list(sheet.errors)
    for line in sheet.lines:
        try:
            with work.unit.attempt():
                counts[keep(work, owner, known.get(line.cells["barcode"]), line.cells, pins)] += 1
        except Refused as refused:
            errors.append(LineError(line.number, str(refused)))
    return Report(**counts, errors=tuple(sorted(errors, key=lambda error: error.line)))


def _patron(work: Work, owner: Institution, known: int | None, cells: Mapping[str, str], pins: Pins) -> str:
    said = {key: text for key, text in cells.items() if key not in ("barcode", "pin")}
    hashed = pins.get(cells["barcode"])
    if known is None:
        patrons.insert(work, owner, cells["barcode"], said, hashed)
        return "added"
    row = records.one(work.unit, patron, id=known)
    assert row is not None
    if row["deleted_at"] is not None:
        raise Refused(f"The patron {cells['barcode']!r} was deleted.")
    wanted = patrons.columns(work, owner, said)
    if hashed:
        wanted["pin_hash"] = hashed
    return "changed" if patrons.update(work, row, wanted) else "unchanged"


def _item(work: Work, owner: Institution, known: int | None, cells: Mapping[str, str], pins: Pins) -> str:
    said = {key: text for key, text in cells.items() if key != "barcode"}
    if known is None:
        items.insert(work, owner, cells["barcode"], said)
        return "added"
    row = records.one(work.unit, item, id=known)
    assert row is not None
    changed = items.update(work, owner, row, items.columns(work, owner, said), said)
    return "changed" if changed else "unchanged"


def stored_hashes(work: Work, sheet: Sheet, institution_code: str | None = None) -> dict[str, str | None]:
    """The PIN hashes of the file's patrons, by barcode: so that PINs are compared and hashed before the unit
    that writes.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.IMPORT, owner.id)
    rows = records.rows(work.unit, patron, institution_id=owner.id) if sheet.what == "patron" else []
    return {row["barcode"]: row["pin_hash"] for row in rows}


def decoded(content: bytes, encoding: str | None) -> tuple[str, str]:
    """The text and the encoding it was in: the one given, else by byte order mark, else UTF-8, else what
    Excel writes in the West.
    """
    if encoding is not None and encoding.lower() not in (*ENCODINGS, "utf-8"):
        raise Refused(f"{encoding!r} is no encoding of files here: {', '.join(ENCODINGS)}.")
    if encoding is not None:
        tries = [encoding.lower()]
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        tries = ["utf-16"]
    else:
        tries = ["utf-8-sig", "cp1252"]
    for name in tries:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, name
    raise Refused("The file is no text in UTF-8, Windows-1252 or UTF-16: save it as CSV again.")


def delimiter_of(text: str) -> str:
    """The one that stands most often in the header; a comma in a file of one column."""
    header = text.lstrip("\r\n").splitlines()[:1]
    return max(DELIMITERS, key=header[0].count) if header else ","


def rows_of(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line it begins on."""
    if delimiter not in DELIMITERS:
        raise Refused("The delimiter is a comma, a semicolon or a tab.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    began = 0
    try:
        for row in reader:
            number, began = began + 1, reader.line_num
            if number > MOST_LINES:
                raise Refused(f"The file has more than {MOST_LINES} lines: load it in parts.")
            if row:
                yield number, row
    except csv.Error as error:
        raise Refused(f"Line {began + 1} is no CSV: {error}.") from None


def _check_header(what: str, names: list[str]) -> None:
    known = COLUMNS[what]
    for name in names:
        if name not in known:
            raise find.missing(f"column of a {what} file", name, known)
        if names.count(name) > 1:
            raise Refused(f"The column {name} stands twice in the first line.")
    lacking = [name for name in NEEDED[what] if name not in names]
    if lacking:
        raise Refused(f"The first line names the columns; {', '.join(lacking)} is missing.")


def _cells(names: list[str], cells: list[str]) -> dict[str, str]:
    extra = [cell for cell in cells[len(names) :] if cell.strip()]
    if extra or len(cells) < len(names):
        raise Refused(f"It has {len(cells)} columns, the first line {len(names)}.")
    return {name: cell.strip() for name, cell in zip(names, cells, strict=False)}


def _check_cells(what: str, cells: dict[str, str]) -> None:
    cells["barcode"] = patrons.usable("barcode", cells["barcode"])
    for name in NEEDED[what]:
        if not cells[name]:
            raise Refused(f"{name} is empty.")
