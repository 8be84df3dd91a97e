"""Builds ``sip2d-tools.pyz``: ``python -m pyz.build PARTS FILE``.

PARTS has a folder for each interpreter that is served, ``<python>-<platform>``, with the locked requirements
installed for it. What is the same in all of them is packed once. Of sip2d only the rooms come along that the
tools live in. The same input gives the same bytes (with the same zlib): names in order, one time stamp.
"""

import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pyz.start import COMMON, PREFIX

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("batch", "cli", "client", "offline", "wire")
CONFIG: Final = ("messages", "profiles")
"""What they read out of ``config``: a refusal is known by its text."""
IN_THE_ZIP: Final = ("markdown_it", "mdurl", "pygments", "rich", "tzdata")
"""Seldom needed or never: imported out of the zip, so that there is less to unpack."""
MACHINES: Final = {"aarch64-apple-darwin": "arm64", "x86_64-apple-darwin": "x86_64"}
"""macOS names its compiled modules without the machine."""
NATIVE: Final = (".so", ".pyd")
SHEBANG: Final = b"#!/usr/bin/env python3\n"
WHEN: Final = (1980, 1, 1, 0, 0, 0)

Files = dict[str, bytes]


def main(parts: Path, file: Path) -> None:
    """Write the file."""
    trees = {tree.name: _installed(tree) for tree in sorted(parts.iterdir()) if tree.is_dir()}
    if not trees:
        raise SystemExit(f"{parts} holds nothing to pack.")
    members = {"__main__.py": (ROOT / "pyz" / "start.py").read_bytes()}
    members |= {f"{PREFIX}{COMMON}/{name}": data for name, data in _ours()}
    first = next(iter(trees.values()))
    common = {
        name: data
        for name, data in first.items()
        if not name.endswith(NATIVE) and all(tree.get(name) == data for tree in trees.values())
    }
    members |= {_place(name): data for name, data in common.items()}
    for name, tree in trees.items():
        key = _key(name, tree)
        members |= {f"{PREFIX}{key}/{each}": data for each, data in tree.items() if each not in common}
    _write(file, members)


def _ours() -> Iterator[tuple[str, bytes]]:
    """The tools and what they stand on."""
    package = ROOT / "sip2d"
    files = [*package.glob("*.py"), *(file for room in ROOMS for file in (package / room).rglob("*.py"))]
    for file in files:
        yield file.relative_to(ROOT).as_posix(), file.read_bytes()
    for folder in CONFIG:
        for file in (ROOT / "config" / folder).glob("*.toml"):
            yield f"sip2d/_config/{folder}/{file.name}", file.read_bytes()


def _installed(tree: Path) -> Files:
    """The files of installed distributions that are worth carrying, licences included."""
    found: Files = {}
    for file in tree.rglob("*"):
        name = file.relative_to(tree)
        top, *rest = name.parts
        about = top.endswith(".dist-info") and rest[:1] not in (["METADATA"], ["licenses"])
        program = top in ("bin", "Scripts") or (not rest and not top.endswith(".py"))
        if file.is_file() and not about and not program and "__pycache__" not in rest:
            found[name.as_posix()] = file.read_bytes()
    return found


def _place(name: str) -> str:
    top = name.split("/")[0]
    return name if top in IN_THE_ZIP or top.endswith(".dist-info") else f"{PREFIX}{COMMON}/{name}"


def _key(name: str, tree: Files) -> str:
    """What ``start.interpreter`` says there."""
    tags = {
        file.split("/")[-1].partition(".")[2].rpartition(".")[0] for file in tree if file.endswith(NATIVE)
    }
    if len(tags) != 1:
        raise SystemExit(f"{name} has compiled modules of {len(tags)} interpreters: {sorted(tags)}.")
    machine = MACHINES.get(name.partition("-")[2])
    return f"{tags.pop()}-{machine}" if machine else tags.pop()


def _write(file: Path, members: Mapping[str, bytes]) -> None:
    digest = hashlib.sha256()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as out:
        out.write(SHEBANG)
        with zipfile.ZipFile(out, "w") as archive:
            for name in sorted(members):
                about = zipfile.ZipInfo(name, WHEN)
                about.create_system, about.external_attr = 3, 0o644 << 16
                archive.writestr(about, members[name], zipfile.ZIP_DEFLATED, 9)
                digest.update(f"{name}\n{len(members[name])}\n".encode() + members[name])
            archive.comment = digest.hexdigest().encode()
        out.seek(0)
        making = file.with_name(f"{file.name}.making")
        with making.open("wb") as there:
            shutil.copyfileobj(out, there)
        making.chmod(0o755)
        making.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
