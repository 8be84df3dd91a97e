"""The check of the unit file: silent on the unit, loud on a worse one (needs systemd)."""

import shutil

import pytest

from tests.house.unit_check import UNIT, complaints, render

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def test_rendering_changes_the_daemon_s_path_only() -> None:
    unit = UNIT.read_text()
    rendered = render(unit, "/opt/x")
    assert rendered.count("=/opt/x ") == 2
    assert rendered.replace("=/opt/x ", "=/usr/bin/sip2d ") == unit


def test_a_unit_of_another_program_is_refused() -> None:
    with pytest.raises(ValueError, match="sip2d"):
        render("[Service]\nExecStart=/usr/bin/other serve\n", "/bin/true")


@needs_systemd
def test_the_unit_is_clean() -> None:
    assert complaints(UNIT.read_text()) == []


@needs_systemd
@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("Type=notify\n", "Type=notify-relod\n"),
        ("CapabilityBoundingSet=\n", ""),
        ("DynamicUser=yes\n", "User=root\n"),
    ],
)
def test_a_worse_unit_is_complained_about(line: str, instead: str) -> None:
    unit = UNIT.read_text()
    assert line in unit
    assert complaints(unit.replace(line, instead))
