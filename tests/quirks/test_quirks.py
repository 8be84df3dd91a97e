"""Every row of the list of real-world quirks, played against the server or listed with the reason why not."""

import re
from pathlib import Path

import pytest

from tests.quirks import checksums, fixed, framing, replies, sessions, variable
from tests.quirks.floor import Floor, Row

ROWS: dict[str, Row] = {
    name: row
    for module in (framing, checksums, sessions, fixed, variable, replies)
    for name, row in module.ROWS.items()
}
PLAYED = {name: row.play for name, row in ROWS.items() if row.play is not None}


@pytest.mark.parametrize("name", PLAYED)
def test_row(name: str, floor: Floor) -> None:
    PLAYED[name](floor)


@pytest.mark.parametrize("name", sorted(ROWS.keys() - PLAYED.keys()))
def test_reason(name: str) -> None:
    assert len(ROWS[name].why_not.split()) > 8


def test_every_row_of_the_list_is_here(spec: Path) -> None:
    text = (spec / "quirks.md").read_text("utf-8")
    rows = set(re.findall(r"^\| ([A-F][0-9]+[a-z]?) \|", text, re.MULTILINE))
    operation = re.findall(r"^- ", text.split("## G. Operation")[1].split("\n## ")[0], re.MULTILINE)
    rows |= {f"G{number}" for number in range(1, len(operation) + 1)}
    assert rows == ROWS.keys()
