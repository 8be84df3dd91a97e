"""The wheel holds the code, the migrations and the configuration: an empty folder is enough to run it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.demo.running import Demo
from tests.support.places import ROOT

PLACES = {"sip2d": "sip2d", "migrations": "sip2d/_migrations", "config": "sip2d/_config"}
"""Where each folder of the checkout lies in the wheel."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this checkout, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index",
               "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(folder),
               str(ROOT)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.mark.parametrize("folder", sorted(PLACES))
def test_every_file_is_in_the_wheel(wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = [
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert files
    assert [path for path in files if f"{PLACES[folder]}/{path.relative_to(ROOT / folder)}" not in held] == []


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sip2d"}


def test_the_command_is_installed_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "sip2d = sip2d.__main__:program" in archive.read(name).decode()


def test_the_code_in_the_wheel_is_the_checkout_s(wheel: Path, tmp_path: Path) -> None:
    """Imported from the wheel's files alone, in an interpreter that does not see the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import sip2d; print(sip2d.__file__, sip2d.__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    file, version = done.stdout.split()
    assert file == str(tmp_path / "sip2d" / "__init__.py")
    assert wheel.name.startswith(f"sip2d-{version}-")


def test_installed_it_runs_a_demo_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """Issue 1.3: its own command, code, migrations and configuration; only the dependencies are this
    environment's.
    """
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
               "--disable-pip-version-check", "--target", str(installed), str(wheel)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    asked = [sys.executable, "-c", "import sip2d.packaged as p; print(p.__file__, p.migrations())"]
    found = subprocess.run(asked, cwd=empty, env=environment, check=True, capture_output=True, text=True)
    assert all(path.startswith(f"{installed}/") for path in found.stdout.split())
    program = str(installed / "bin" / "sip2d")
    with Demo(empty, command=(program,), cwd=empty, env=environment) as demo, demo.kiosk() as kiosk:
        assert kiosk.ask("9900802.00")["AO"] == "VALMONT"
    assert [path.name for path in empty.iterdir()] == [".demo"]
