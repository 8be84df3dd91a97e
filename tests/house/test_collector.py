"""The collector of a process of ours, looked at from inside one: what is set there is not for the suite."""

import subprocess
import sys

import pytest

from tests.support.places import ROOT

USUAL = "gc.get_threshold() == usual"
SERVING = "gc.get_freeze_count() > 1000"


@pytest.mark.parametrize(
    ("done", "so"),
    [
        ("collector.while_starting()", "gc.get_threshold()[:2] == usual[:2]"),
        ("collector.while_starting()", "gc.get_threshold()[2] > usual[2]"),
        ("collector.while_starting(); collector.once_started()", f"{USUAL} and {SERVING}"),
        ("collector.at_the_end()", SERVING),
    ],
)
def test_when_the_heap_is_walked(done: str, so: str) -> None:
    script = f"import gc; usual = gc.get_threshold(); from sip2d import collector; {done}; print({so})"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert said.stdout == "True\n"
