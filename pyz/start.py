"""The beginning of ``sip2d-tools.pyz``: lays what it carries where Python can load it, and runs the tools.

Compiled modules cannot be loaded out of a zip file. So ``unpack/common``, and the folder under ``unpack``
that is this interpreter's, are laid into a folder of the user's own, once for each version of the file;
whatever is seldom needed is imported out of the zip. What is not whole any more (a virus scanner, a power
cut) is laid anew; where nothing can be kept, it is a temporary folder for this run.

Nothing newer than Python 3.7 stands here, so that an old Python can say that it is too old.
"""

from __future__ import annotations

import atexit
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PLACE = "SIP2D_TOOLS_CACHE"
"""The environment's word for the folder to unpack into."""
COMMON, PREFIX = "common", "unpack/"
CANNOT = 70
OLDEST = (3, 11)


def main() -> int:
    """Run the tools; the exit code."""
    archive = Path(os.path.abspath(__file__)).parent  # noqa: PTH100  # resolve() would look through a link
    if sys.version_info < OLDEST:
        return _cannot(f"It needs Python 3.11 or newer; this is {platform.python_version()}.")
    with zipfile.ZipFile(archive) as held:
        wanted = parts(held.infolist(), interpreter())
        if not wanted:
            carried = {name.split("/")[1] for name in held.namelist() if name.startswith(PREFIX)}
            known = ", ".join(sorted(carried - {COMMON}))
            return _cannot(f"It has nothing for this Python ({interpreter()}), only for: {known}.")
        sys.path[0] = str(unpacked(held, wanted))
    sys.path.append(str(archive))
    from sip2d.cli.tools import run

    return run(sys.argv[1:])


def interpreter() -> str:
    """The folder of this interpreter's compiled modules, such as ``cp312-win_amd64``."""
    name = EXTENSION_SUFFIXES[0].strip(".").rpartition(".")[0]
    return f"{name}-{platform.machine()}" if sys.platform == "darwin" else name


def parts(held: list[zipfile.ZipInfo], key: str) -> dict[str, zipfile.ZipInfo]:
    """What is to be unpacked, by its place; empty when nothing is there for this interpreter."""
    found: dict[str, zipfile.ZipInfo] = {}
    for folder in (key, COMMON):
        start = f"{PREFIX}{folder}/"
        more = {one.filename[len(start) :]: one for one in held if one.filename.startswith(start)}
        if not more:
            return {}
        found.update(more)
    return found


def unpacked(held: zipfile.ZipFile, wanted: dict[str, zipfile.ZipInfo]) -> Path:
    """The folder with all of it."""
    try:
        base = cache()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_own(base):
            return _laid(held, wanted, base / f"tools-{held.comment.decode('ascii')[:16]}-{interpreter()}")
    except (OSError, RuntimeError):
        pass  # no home, read-only, full: a temporary folder will do
    place = tempfile.mkdtemp(prefix="sip2d-tools-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return _laid(held, wanted, Path(place))


def cache() -> Path:
    """Where this user's programs keep what can be made again. RuntimeError where he has no home."""
    said = os.environ.get(PLACE)
    if said:
        return Path.cwd() / said
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sip2d"


def _is_own(base: Path) -> bool:
    """Whether nobody else can put code there; Windows keeps a user's folder for him."""
    if sys.platform == "win32":
        return True
    about = base.stat()
    return about.st_uid == os.getuid() and not about.st_mode & 0o022


def _laid(held: zipfile.ZipFile, wanted: dict[str, zipfile.ZipInfo], place: Path) -> Path:
    """Lays what is missing or not whole. A file appears as a whole: other runs may do the same now."""
    for name, one in wanted.items():
        if _size(place / name) != one.file_size:
            _put(place / name, held.read(one))
    return place


def _put(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, making = tempfile.mkstemp(prefix=".making-", dir=str(file.parent))
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(making).replace(file)
    except OSError:
        Path(making).unlink()
        if _size(file) != len(data):  # otherwise another run was quicker, and has it open
            raise


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _cannot(why: str) -> int:
    print(f"sip2d-tools cannot run here. {why}", file=sys.stderr)
    return CANNOT


if __name__ == "__main__":
    sys.exit(main())
