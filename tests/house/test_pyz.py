"""`make pyz`: the tools of a desk in one file that needs nothing but Python."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyz import build, start
from tests.batch import places
from tests.faults.places import change
from tests.house import desk
from tests.house.desk import Tool
from tests.support.daemon import Daemon
from tests.support.databases import SqliteDatabases
from tests.support.places import ROOT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = {
    "cp{}-win_amd64": b"MZ",
    "cpython-{}-x86_64-linux-gnu": b"\x7fELF",
    "cpython-{}-darwin-arm64": b"\xcf\xfa\xed\xfe",
}
"""The folder of a machine's compiled modules, and what each of them begins with."""


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file as `make pyz` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--silent", "pyz", f"DIST={folder}"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return folder / "sip2d-tools.pyz"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("daemon")
    url = SqliteDatabases(folder, sqlite_templates).fresh(places.prepare)
    change(url, desk.RENAMED)
    with places.served(folder, url) as found:
        yield found


def bare(folder: Path, interpreter: str = sys.executable) -> str:
    """An interpreter that has the standard library and nothing else."""
    subprocess.run([interpreter, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def interpreters() -> dict[str, str]:
    """This one, and those of the other versions that are on this machine: on the path, or beside this one, as
    version managers keep them.
    """
    found = {"{}.{}".format(*sys.version_info): sys.executable}
    beside = Path(sys.base_prefix).parent
    for version in PYTHONS:
        for command in (f"python{version}", *map(str, beside.glob(f"{version}*/bin/python3"))):
            asked = [command, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
            try:
                said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
            except (OSError, subprocess.CalledProcessError):
                continue
            found.setdefault(said, command)
    return {version: command for version, command in found.items() if version in PYTHONS}


def kept(home: Path) -> list[Path]:
    """What was unpacked for good."""
    return sorted((home / ".cache" / "sip2d").glob("*"))


def tool(tmp_path: Path, pyz: Path, python: str = "", *flags: str, **env: str) -> Tool:
    """The file, started in an empty folder by somebody who has an empty home."""
    home, empty = tmp_path / "home", tmp_path / "empty"
    home.mkdir(exist_ok=True)
    empty.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "XDG_CACHE_HOME": "", start.PLACE: "", "TMPDIR": str(tmp_path), **env}
    command = (python or bare(tmp_path / "python"), *(flags or ("-I",)), str(pyz))
    return Tool(*command, cwd=empty, env=environment)


def test_a_desk_needs_only_python(tmp_path: Path, pyz: Path, daemon: Daemon) -> None:
    """BR-30, OF-3: every tool, in each supported Python that is here, from an empty folder."""
    for version, interpreter in interpreters().items():
        place = tmp_path / version
        place.mkdir()
        run = tool(place, pyz, bare(place / "python", interpreter))
        assert run("--version")[0].startswith(b"sip2d 0.")
        assert b"bulk-renew" in run("--help")[0]
        desk.talks(run, daemon)
        desk.renews(run, daemon, "python sip2d-tools.pyz")
        desk.captures(run)
        assert len(kept(place / "home")) == 1


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, pyz: Path) -> None:
    """In another time zone, with other hashes and other rights; of a copy, which nobody changes meanwhile."""
    for folder in ("sip2d", "config", "pyz"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for tree in sorted((ROOT / ".cache" / "pyz").glob("3.11-*")):
        shutil.copytree(tree, tmp_path / "parts" / tree.name)
    built = []
    for zone, seed, mask in (("Pacific/Apia", "7", 0o077), ("UTC", "8", 0o002)):
        built.append(tmp_path / f"{seed}.pyz")
        command = [sys.executable, "-m", "pyz.build", str(tmp_path / "parts"), str(built[-1])]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TZ": zone, "PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=tmp_path, env=environment, umask=mask, check=True)
    assert built[0].read_bytes() == built[1].read_bytes()


def test_it_serves_windows_linux_and_macos(pyz: Path) -> None:
    """Each with its compiled modules, of the right kind; and of sip2d only what the tools need."""
    with zipfile.ZipFile(pyz) as archive:
        names = [name.split("/") for name in archive.namelist()]
        folders = {name[1] for name in names if name[0] == "unpack"} - {start.COMMON}
        versions = [version.replace(".", "") for version in PYTHONS]
        wanted = {key.format(version): magic for key, magic in MACHINES.items() for version in versions}
        assert folders == set(wanted)
        for folder, magic in wanted.items():
            native = [
                "/".join(name) for name in names if name[1:2] == [folder] and name[-1].endswith(build.NATIVE)
            ]
            assert {name.split("/")[2] for name in native} == {"msgspec", "pydantic_core"}
            assert all(archive.read(name).startswith(magic) for name in native)
            has_colors = [start.PREFIX.strip("/"), folder, "colorama", "__init__.py"] in names
            assert has_colors == ("win" in folder.rpartition("-")[2])
        rooms = {name[3] for name in names if name[2:3] == ["sip2d"] and len(name) > 4}
        assert rooms == {*build.ROOMS, "_config"}


def test_zones_come_along(tmp_path: Path, pyz: Path) -> None:
    """Windows has no database of them."""
    sheet = places.write(tmp_path / "sheet.csv", places.all_loans(2), places.due_text())
    python = bare(tmp_path / "python")
    run = tool(tmp_path, pyz, python, "-s", PYTHONTZPATH="")
    out, _ = run("bulk-renew", str(sheet), "--check", "--timezone", "Europe/Paris")
    assert b"Europe/Paris" in out
    bare_zone = [python, "-c", "import zoneinfo; zoneinfo.ZoneInfo('Europe/Paris')"]
    done = subprocess.run(bare_zone, env={"PYTHONTZPATH": ""}, capture_output=True, check=False)
    assert b"ZoneInfoNotFoundError" in done.stderr


def test_it_is_unpacked_once_and_mended(tmp_path: Path, pyz: Path) -> None:
    """A second start finds what the first one laid; a damaged module is laid anew."""
    run = tool(tmp_path, pyz)
    run("--version")
    (place,) = kept(tmp_path / "home")
    assert place.parent.stat().st_mode & 0o077 == 0
    (native,) = place.glob("msgspec/_core.*")
    before = native.stat()
    run("--version")
    assert native.stat().st_ino == before.st_ino
    for damage in (lambda: native.write_bytes(b""), native.unlink):
        damage()
        run("--version")
        assert native.stat().st_size == before.st_size
        assert kept(tmp_path / "home") == [place]


def test_many_may_start_at_once(tmp_path: Path, pyz: Path) -> None:
    python = bare(tmp_path / "python")
    environment = {**os.environ, start.PLACE: str(tmp_path / "cache")}
    started = [
        subprocess.Popen([python, "-I", str(pyz), "--version"], env=environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert [one.communicate()[0] for one in started] == [started_says(pyz)] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 1


def started_says(pyz: Path) -> bytes:
    """What ``--version`` prints."""
    with zipfile.ZipFile(pyz) as archive:
        code = archive.read("unpack/common/sip2d/__init__.py").decode()
    return f"sip2d {code.split('__version__ = ')[1].strip().strip(chr(34))}\n".encode()


@pytest.mark.parametrize("kind", ["file", "of others"])
def test_where_nothing_can_be_kept_it_is_thrown_away(tmp_path: Path, pyz: Path, kind: str) -> None:
    """Nothing is loaded from where somebody else may write, and nothing is left behind."""
    cache = tmp_path / "cache"
    if kind == "file":
        cache.write_bytes(b"")
    else:
        cache.mkdir()
        cache.chmod(0o777)
    run = tool(tmp_path, pyz, **{start.PLACE: str(cache)})
    assert run("--version")[0] == started_says(pyz)
    assert cache.is_file() or not list(cache.iterdir())
    assert not list(tmp_path.glob("sip2d-tools-*"))


def test_a_python_it_has_nothing_for_is_told_so(tmp_path: Path) -> None:
    tree = tmp_path / "parts" / "3.99-windows" / "msgspec"
    tree.mkdir(parents=True)
    (tree / "_core.cp399-win_amd64.pyd").write_bytes(b"MZ")
    build.main(tmp_path / "parts", tmp_path / "other.pyz")
    _, err = tool(tmp_path, tmp_path / "other.pyz")("--version", code=start.CANNOT)
    assert b"only for: cp399-win_amd64." in err


def test_a_python_that_is_too_old_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "OLDEST", (99, 0))
    assert start.main() == start.CANNOT
    assert "needs Python 3.11 or newer" in capsys.readouterr().err
