"""A small CSV file as spreadsheets write it: its lines by column, all of them or a refusal."""

from collections.abc import Sequence

from sip2d.desk.staff import find, imports
from sip2d.desk.staff.work import Refused

Line = tuple[int, dict[str, str]]
"""The number of the line in the file (the first is 1), and its trimmed cells by column."""


def read(content: bytes, columns: Sequence[str], *, needed: Sequence[str]) -> list[Line]:
    """Every line that has anything in it. Raises `Refused` for what is no such file."""
    text, _ = imports.decoded(content, None)
    rows = imports.rows_of(text, imports.delimiter_of(text))
    _, header = next(rows, (0, []))
    names = [name.strip().lower() for name in header]
    for name in names:
        if name not in columns:
            raise find.missing("column of this file", name, columns)
    lacking = [name for name in needed if name not in names]
    if lacking or len(set(names)) < len(names):
        raise Refused(f"The first line names the columns once each: {', '.join(columns)}.")
    lines = [(number, [cell.strip() for cell in cells]) for number, cells in rows]
    faults = [
        f"Line {number}: it has {len(cells)} cells, the first line {len(names)}."
        for number, cells in lines
        if any(cells) and len(cells) != len(names)
    ]
    if faults:
        raise Refused("\n".join(faults))
    return [(number, dict(zip(names, cells, strict=True))) for number, cells in lines if any(cells)]
