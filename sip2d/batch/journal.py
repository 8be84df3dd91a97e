"""The journal of one batch: its rows, the intent of every attempt before it leaves, its outcome once it is
answered (BR-41, 1.3 of the tool). One file, only ever appended to.

Theory of operation
-------------------

The file is lines of JSON, each an array that begins with a letter::

    ["batch", {...}]                          what is renewed where; never a password
    ["r", line, patron, item, due, text]      a row; the nth of them is row n
    ["end", rows]                             all rows are there: a file without it is no batch
    ["i", at, [n, ...]]                       these rows are about to be asked for
    ["o", n, at, outcome, code, message, returned, fee]
    ["w", n]                                  asked for, and known to have changed nothing: to be asked again

``intend`` writes its line together with the outcomes since the last one and waits for the disk once, so a
window costs one fsync. A row with an intent and no outcome is *open*: the program was killed, or the line
was cut, and nobody here knows whether the server has done it. ``todo`` gives open rows with the instant they
were first asked at, so that the very same frame can be asked again. A last line that a power cut left
unfinished is dropped when the journal is opened for writing.

In memory a row takes a byte and three numbers: its state, where its row and its outcome stand, when it was
asked.
"""

import os
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec

from sip2d.batch.outcome import FAILED, RENEWED, SKIPPED, Attempt
from sip2d.batch.sheet import Row

SUFFIX: Final = ".batch"
VERSION: Final = 1

PENDING, OPEN, DONE = range(3)


class JournalFault(Exception):
    """The journal cannot be used; the text is one sentence for a person."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the first line. Never a password. ``place``: a batch without a server, whose renewals
    are recorded at this branch (INSTITUTION/CODE)."""

    file: str
    zone: str
    made_at: int
    host: str = ""
    port: int = 0
    tls: bool = False
    place: str = ""
    version: int = VERSION


class Draft:
    """A journal in the making: rows are added while a sheet is read, and it is there once it is committed."""

    def __init__(self, path: Path, header: Header) -> None:
        if path.exists():
            raise JournalFault(f"{path} exists: resume it, or name another journal.")
        self.path = path
        self.rows = 0
        self._making = path.with_name(f"{path.name}.making")
        self._stream = self._making.open("wb")
        self._line("batch", header)

    def add(self, row: Row) -> None:
        """One more row."""
        self._line("r", row.line, row.patron, row.item, row.due, row.text)
        self.rows += 1

    def commit(self) -> None:
        """From now on it is a batch."""
        self._line("end", self.rows)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._making.replace(self.path)
        _sync_folder(self.path.parent)

    def discard(self) -> None:
        """It never was."""
        self._stream.close()
        self._making.unlink(missing_ok=True)

    def _line(self, *values: object) -> None:
        self._stream.write(msgspec.json.encode(values) + b"\n")


class Todo(msgspec.Struct, eq=False):
    """A row to ask for. ``asked_at`` is the epoch second it was first asked at, 0: never. ``lines`` counts
    the connections that were lost over it.
    """

    number: int
    row: Row
    asked_at: int
    lines: int = 0


class Journal:
    """See the module. ``writes`` False only reads, also while another process writes."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path = path
        self._out: int | None = None
        self._buffer: list[bytes] = []
        self._states = bytearray()
        self._rows, self._outcomes, self._asked = array("q"), array("q"), array("q")
        self.counts = {RENEWED: 0, SKIPPED: 0, FAILED: 0}
        try:
            self._in: BinaryIO = path.open("rb")
        except OSError as error:
            raise JournalFault(f"{path} cannot be opened: {error.strerror}.") from None
        try:
            if writes:
                self._out = _opened(path)
                _lock(self._out, path)
            self.header, self._end = self._rebuild()
            if self._out is not None:
                os.ftruncate(self._out, self._end)
        except BaseException:
            self.close()
            raise

    # -- what it holds ---------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """All rows."""
        return len(self._states)

    @property
    def attempted(self) -> int:
        """Rows with an outcome."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Rows that were asked for, with an answer that nobody saw."""
        return self._states.count(OPEN)

    def todo(self) -> Iterator[Todo]:
        """Every row without an outcome, in the order of the sheet."""
        for number in range(self.total):
            if self._states[number] != DONE:
                yield Todo(number, self.row(number), self._asked[number])

    def row(self, number: int) -> Row:
        """The nth row, the first is 0."""
        return Row(*self._at(self._rows[number])[1:])

    def attempts(self) -> Iterator[Attempt]:
        """Every attempt, in order; open ones have no outcome (BR-42)."""
        if self._buffer:
            self.flush()
        for number in range(self.total):
            if self._states[number] == DONE:
                _, _, at, *rest = self._at(self._outcomes[number])
                yield Attempt(self.row(number), at, *rest)
            elif self._states[number] == OPEN:
                yield Attempt(self.row(number), self._asked[number])

    def _at(self, offset: int) -> list[Any]:
        self._in.seek(offset)
        found: list[Any] = msgspec.json.decode(self._in.readline())
        return found

    # -- what is added ---------------------------------------------------------------------------------------

    def intend(self, todos: Sequence[Todo], at: int) -> None:
        """These are about to be asked for; on the disk when it returns."""
        numbers = [todo.number for todo in todos if not todo.asked_at]
        if numbers:
            self._append(msgspec.json.encode(("i", at, numbers)))
        for todo in todos:
            self._states[todo.number] = OPEN
            todo.asked_at = self._asked[todo.number] = todo.asked_at or at
        self.flush()

    def settle(self, number: int, attempt: Attempt) -> None:
        """The outcome of a row; on the disk with the next intents, or after ``flush``."""
        self._outcomes[number] = self._append(
            msgspec.json.encode(
                (
                    "o", number, attempt.at, attempt.outcome, attempt.code, attempt.message,
                    attempt.returned, attempt.fee,
                )
            )
        )  # fmt: skip
        self._states[number] = DONE
        self.counts[attempt.outcome] += 1

    def withdraw(self, number: int) -> None:
        """It was asked for and has changed nothing; it is as if it had not been."""
        self._append(msgspec.json.encode(("w", number)))
        self._states[number], self._asked[number] = PENDING, 0

    def flush(self) -> None:
        """Everything so far is on the disk."""
        assert self._out is not None
        data = b"".join(self._buffer)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._out, data[written:])
        except OSError:
            os.ftruncate(self._out, self._end - len(data))  # no half line in the middle; it is kept here
            raise
        self._buffer.clear()
        os.fsync(self._out)

    def close(self) -> None:
        """Writes what is not written yet."""
        out = self._out
        try:
            if out is not None and self._buffer:
                self.flush()
        finally:
            self._out = None
            if out is not None:
                os.close(out)
            self._in.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, line: bytes) -> int:
        offset = self._end
        self._buffer.append(line + b"\n")
        self._end += len(line) + 1
        return offset

    # -- reading it again ------------------------------------------------------------------------------------

    def _rebuild(self) -> tuple[Header, int]:
        header: Header | None = None
        ended = False
        end = 0
        for line in self._in:
            try:
                values = msgspec.json.decode(line)
                if not line.endswith(b"\n"):
                    break
                if header is None:
                    header = msgspec.convert(values[1], Header)
                elif values[0] == "end":
                    ended = values[1] == self.total
                else:
                    self._take(values, end)
            except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError, ValueError):
                if ended and not self._in.read(1):
                    break  # the last line: what a power cut left of it
                raise JournalFault(f"{self.path} is no journal of a batch, or it is damaged.") from None
            end += len(line)
        if header is None or not ended or header.version != VERSION:
            raise JournalFault(f"{self.path} is no journal of a batch, or not all of it was written.")
        return header, end

    def _take(self, values: list[Any], offset: int) -> None:
        kind = values[0]
        if kind == "r":
            Row(*values[1:])
            self._states.append(PENDING)
            self._rows.append(offset)
            self._outcomes.append(-1)
            self._asked.append(0)
        elif kind == "i":
            for number in values[2]:
                self._states[number], self._asked[number] = OPEN, values[1]
        elif kind == "o":
            self._states[values[1]], self._outcomes[values[1]] = DONE, offset
            self.counts[values[3]] += 1
        elif kind == "w":
            self._states[values[1]], self._asked[values[1]] = PENDING, 0
        else:
            raise ValueError(kind)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise JournalFault(f"{path} cannot be written: {error.strerror}.") from None


def _sync_folder(folder: Path) -> None:
    """The new name outlives a power cut; Windows has no such thing."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _lock(handle: int, path: Path) -> None:
    """One process at a time may go on with a batch; the lock goes with the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1 << 40, os.SEEK_SET)  # far behind the end: reading must stay possible
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise JournalFault(f"{path} is in use: another process works on this batch.") from None
