"""Every entry of the implementer's checklist (sip2.md 9), played against the server."""

import re
from pathlib import Path

import pytest

from tests.quirks import checklist
from tests.quirks.floor import Floor

PLAYED = {name: row.play for name, row in checklist.ROWS.items() if row.play is not None}


@pytest.mark.parametrize("name", PLAYED)
def test_entry(name: str, floor: Floor) -> None:
    PLAYED[name](floor)


def test_every_entry_of_the_checklist_is_here(spec: Path) -> None:
    section = (spec / "sip2.md").read_text("utf-8").split("## 9. Implementer checklist")[1].split("\n## ")[0]
    entries, heading, count = [], "", 0
    for line in section.splitlines():
        if found := re.match(r"(Input|Output|State|Client)\b", line):
            heading, count = found[1].lower(), 0
            if heading == "state":  # one paragraph, no list
                entries.append("state 1")
        elif line.startswith("- [ ]"):
            count += 1
            entries.append(f"{heading} {count}")
    client = [name for name in entries if name.startswith("client")]
    assert len(client) == len(checklist.CLIENT)
    assert sorted(set(entries) - set(client)) == sorted(PLAYED)
