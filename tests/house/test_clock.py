"""GN-2: the moment is an argument. Only what talks to the world outside may look at a clock."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "sip2d"
TIMELESS = ("wire", "session", "policy", "desk", "circulation", "notices")
ALLOWED = {"notices/mail.py"}  # waits for a mail server
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}


def _looks(file: Path) -> list[str]:
    """Calls of `datetime.now()`, `time.monotonic()` and the like."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("datetime", "date", "time")
    ]


@pytest.mark.parametrize("room", TIMELESS)
def test_gn2_no_rule_looks_at_a_clock(room: str) -> None:
    files = [file for file in (ROOT / room).rglob("*.py") if str(file.relative_to(ROOT)) not in ALLOWED]
    assert files
    assert {str(file.relative_to(ROOT)): found for file in files if (found := _looks(file))} == {}


def test_a_look_at_the_clock_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "looks.py"
    file.write_text("from datetime import datetime\nx = datetime.now()\n")
    assert _looks(file) == ["datetime.now()"]
