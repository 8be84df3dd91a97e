"""Where nothing may be skipped, a skip is a failure; only absent corpora are excused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT, SPEC_ABSENT

WAYS = {
    "in_a_test": "def test_it() -> None:\n    pytest.skip({reason!r})\n",
    "in_a_fixture": "@pytest.fixture\ndef gone() -> None:\n    pytest.skip({reason!r})\n"
    "def test_it(gone: None) -> None:\n    pass\n",
    "of_a_file": "pytest.skip({reason!r}, allow_module_level=True)\n",
    "by_a_mark": "@pytest.mark.skip(reason={reason!r})\ndef test_it() -> None:\n    pass\n",
}


def write(folder: Path, reason: str) -> None:
    """One file for each way to skip."""
    for name, source in WAYS.items():
        (folder / f"test_{name}.py").write_text("import pytest\n" + source.format(reason=reason))


def run(path: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The suite's habits on the files of a folder."""
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "SIP2D_NO_SKIP"}}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider",
               "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), *options, str(path)]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("variable", ["SIP2D_NO_SKIP=1", "CI=true"])
def test_a_skip_is_a_failure(tmp_path: Path, variable: str) -> None:
    write(tmp_path, "not today")
    name, value = variable.split("=")
    done = run(tmp_path, "--continue-on-collection-errors", **{name: value})
    assert done.returncode != 0
    assert done.stdout.count("may not be skipped here") >= len(
        WAYS
    )  # pytest calls a fault before the test an error
    assert "1 failed, 3 errors" in done.stdout.splitlines()[-1]


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    write(tmp_path, "not today")
    assert "4 skipped" in run(tmp_path).stdout


def test_absent_corpora_are_excused(tmp_path: Path) -> None:
    write(tmp_path, SPEC_ABSENT)
    assert "4 skipped" in run(tmp_path, SIP2D_NO_SKIP="1").stdout
