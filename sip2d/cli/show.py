"""What a command found, for a person (table) or a program (json, csv)."""

import csv
import enum
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sip2d.cli.streams import exact_lines

Record = Mapping[str, Any]


class Format(enum.StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def show(found: Record | Sequence[Record], form: Format) -> None:
    """Print one record or a list of them on stdout. A list of a record inside prints as a table of its
    own.
    """
    if form is Format.JSON:
        print(json.dumps(found, ensure_ascii=False, indent=2, default=str))
    elif form is Format.CSV:
        _csv([found] if isinstance(found, Mapping) else found)
    else:
        _tables(found)


def _csv(rows: Sequence[Record]) -> None:
    if not rows:
        return
    with exact_lines(sys.stdout) as out:
        writer = csv.writer(out)
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow([_flat(value) for value in row.values()])


def _tables(found: Record | Sequence[Record]) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    if not isinstance(found, Mapping):
        _table(console, found)
        return
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    lists = {key: value for key, value in found.items() if _is_records(value)}
    for key, value in found.items():
        if key not in lists:
            table.add_row(key.replace("_", " "), _text(value))
    console.print(table)
    for key, rows in lists.items():
        console.print(f"\n{key}")
        _table(console, rows)


def _table(console: Any, rows: Sequence[Record]) -> None:
    from rich.table import Table

    if not rows:
        console.print("nothing found")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in rows[0]:
        table.add_column(key.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    console.print(table)


def _text(value: object) -> Any:
    from rich.text import Text

    return Text(_flat(value))


def _flat(value: object) -> str:
    """A cell: lists joined, none blank, booleans as yes and no."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_flat(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(_flat(each) for each in value)
    return str(value)


def _is_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
