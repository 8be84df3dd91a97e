"""The desk without a network (OF-2..OF-9): loans and returns written to a file, one line each, never twice.

A line that was saved is on the disk: it is appended, flushed and synced before the desk goes on (OF-8). A
line that a power cut tore is closed before the next one, and marked, so that no half of a card number passes
for another card: it is told as an error, and spoils nothing but itself.
"""

import json
import os
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sip2d.offline.formats import NATIVE, OFFCIRC, SENTENCES, shown
from sip2d.offline.formats.line import Line, Unreadable, transaction

FILES: Final = {OFFCIRC: "OffCirc.dat", NATIVE: "offline.jsonl"}
PLACE: Final = Path("OffCirc") / "files"
"""Where the file is, under a folder of one's own (OF-3, OF-9)."""
TORN: Final = b"\0\r\n"
"""The end of a line that has none: no barcode holds a NUL."""


class Refused(Exception):
    """The transaction was not added; the text says why (OF-5)."""


class Capture:
    """The transactions of a desk. ``listed`` is what stands on the screen (OF-6), ``unsaved`` how many of
    them are not in the file yet. ``told`` hears of every line once it is on the disk."""

    def __init__(
        self,
        base: Path,
        format: str = OFFCIRC,
        *,
        autosave: bool = True,
        terminal: str = "",
        told: Callable[[Line], None] = lambda line: None,
    ) -> None:
        self.file = base / PLACE / FILES[format]
        self.listed: list[Line] = []
        self.unsaved = 0
        self._format = format
        self._autosave = autosave
        self._terminal = terminal
        self._told = told

    def loan(self, patron: str, item: str, now: datetime) -> Line:
        """Lend; ``now`` is aware, local to the desk. Refused; OSError: it is listed, and not saved yet."""
        return self._add("L", item, patron, now)

    def take_back(self, item: str, now: datetime) -> Line:
        """Take back. Refused; OSError: it is listed, and not saved yet."""
        return self._add("R", item, "", now)

    def torn(self) -> str:
        """The last line of the file where it has no end, for a power cut took it; else an empty text."""
        try:
            *_, last = self.file.read_bytes().rsplit(b"\n", 1)
        except FileNotFoundError:
            return ""
        return shown(last.decode("utf-8", "replace").strip())

    def save(self) -> int:
        """Append what is not saved yet, and wait until the disk has it; how many lines (OF-8). OSError: none
        of them counts as saved; what is there twice then is loaded once (OF-40)."""
        if not self.unsaved:
            return 0
        lines = self.listed[-self.unsaved :]
        new = not self.file.exists()
        _make(self.file.parent)
        with self.file.open("ab+") as file:
            torn = file.seek(0, os.SEEK_END) > 0 and _last(file) != b"\n"
            file.write((TORN if torn else b"") + b"".join(line.raw.encode() for line in lines))
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync_folder(self.file.parent)
        self.unsaved = 0
        for line in lines:
            self._told(line)
        return len(lines)

    def _add(self, kind: str, item: str, patron: str, now: datetime) -> Line:
        try:
            line = transaction(kind, item, patron, now.astimezone(UTC).replace(microsecond=0))
        except Unreadable as why:
            raise Refused(SENTENCES[why.code]) from None
        line = msgspec.structs.replace(line, number=len(self.listed) + 1, raw=self._written(line, now))
        self.listed.append(line)
        self.unsaved += 1
        if self._autosave:
            self.save()
        return line

    def _written(self, line: Line, now: datetime) -> str:
        assert line.happened_at is not None
        if self._format == OFFCIRC:
            item = line.item if line.kind == "R" else f"{line.item:<80}{line.patron}"
            return f"{now:%Y%m%d%H%M}{line.kind}{item}\r\n"
        fields = {
            "v": 1, "seq": len(self.listed) + 1, "ts": f"{line.happened_at:%Y-%m-%dT%H:%M:%SZ}",
            "type": line.kind, "item": line.item, "patron": line.patron, "due": None,
            "terminal": self._terminal, "uuid": str(uuid.uuid4()),
        }  # fmt: skip
        return json.dumps(fields, ensure_ascii=False) + "\n"


def _last(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _make(folder: Path) -> None:
    """Make a folder that is there after a power cut: each one that is new is written into the one above."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """A new file is there after a power cut only when its folder was written too (Windows does so itself)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
