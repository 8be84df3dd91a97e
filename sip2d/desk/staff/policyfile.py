"""A policy set as text: one TOML document, or a CSV file a section."""

import csv
import io
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import tomli_w

from sip2d.desk.staff.find import missing
from sip2d.desk.staff.policyset import Document
from sip2d.desk.staff.work import Refused
from sip2d.policy.parsing import truth
from sip2d.store.policyset import SECTIONS, Kind, Section
from sip2d.store.records import Record


def to_toml(document: Document) -> str:
    """The whole set, sections without rows left as empty lists: applied, they stay empty."""
    return tomli_w.dumps(document, multiline_strings=True)


def from_toml(text: str) -> dict[str, Any]:
    """A document. Raises `Refused` with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"That is no TOML: {error}.") from None


def to_csv(document: Document) -> dict[str, str]:
    """The text of a CSV file a section, by name."""
    return {section.name: _sheet(section, document.get(section.name, [])) for section in SECTIONS}


def from_csv(sheets: Mapping[str, str]) -> Document:
    """A document of those sections. Raises `Refused` with file and line."""
    known = {section.name: section for section in SECTIONS}
    document: Document = {}
    for name, text in sheets.items():
        if name not in known:
            raise missing("section", name, known)
        reader = csv.DictReader(io.StringIO(text), strict=True)
        try:
            document[name] = [_row(known[name], row, reader.line_num) for row in reader]
        except csv.Error as error:
            raise Refused(f"{name}.csv, line {reader.line_num}: {error}.") from None
    return document


def _sheet(section: Section, rows: list[Record]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [one.name for one in section.columns], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _row(section: Section, row: Mapping[str | None, Any], line: int) -> Record:
    if None in row or None in row.values():
        raise Refused(f"{section.name}.csv, line {line}: there are more or fewer cells than columns.")
    kinds = {one.name: one.kind for one in section.columns}
    said: Record = {}
    for name, text in row.items():
        assert name is not None  # looked at above
        if text == "":
            continue
        try:
            said[name] = _PARSE.get(kinds.get(name, Kind.TEXT), str)(text)
        except (ValueError, msgspec.DecodeError):
            raise Refused(
                f"{section.name}.csv, line {line}: {name}: {text!r} is no {kinds[name].value}."
            ) from None
    return said


_PARSE: Final[dict[Kind, Any]] = {
    Kind.NUMBER: int,
    Kind.FLAG: truth,
    Kind.LIST: msgspec.json.decode,
    Kind.MAP: msgspec.json.decode,
}
