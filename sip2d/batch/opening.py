"""A CSV file opened as it is written: encoding and delimiter are found out, lines come one record at a time
(BR-35, 1.6 of the tool).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DELIMITERS: Final = ",;\t"
CHUNK: Final = 1 << 16
LONGEST_LINE: Final = 1 << 17
MOST_BYTES: Final = 100_000_000
"""Far more than the largest sheet has; one line of it may be in memory."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEP = re.compile(r"sep=([,;\t])\r?\n?", re.IGNORECASE)


class Unreadable(Exception):
    """No such file can be read; the text is one sentence for a person. ``line`` 0: the file as a whole."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class Opened:
    """A file whose first line was read. ``encoding`` is utf-8, cp1252 or utf-16."""

    def __init__(self, stream: io.TextIOWrapper, encoding: str) -> None:
        self.encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self.delimiter = ","
        self._stream = stream
        self._before = 0
        first = self._first()
        declared = _SEP.fullmatch(first)  # Excel's own way to say it
        if declared:
            self.delimiter, self._before = declared[1], 1
        else:
            self.delimiter = max(DELIMITERS, key=first.count)
            stream.seek(0)
        self._reader = csv.reader(stream, delimiter=self.delimiter, strict=True)
        self.header: list[str] = next((cells for _, cells in self.records()), [])
        if not any(cell.strip() for cell in self.header):
            raise Unreadable(1, "The first line must name the columns.")

    def _first(self) -> str:
        try:
            return self._stream.readline(LONGEST_LINE)
        except UnicodeError:
            raise Unreadable(1, f"The file is not {self.encoding} throughout.") from None

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record with the number of the line it begins on. Raises ``Unreadable``."""
        reader = self._reader
        while True:
            line = reader.line_num + 1 + self._before
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise Unreadable(line, f"This line cannot be read: {error}.") from None
            except UnicodeError:
                raise Unreadable(line, f"The file is not {self.encoding} throughout.") from None
            yield line, cells


@contextmanager
def opened(file: Path) -> Iterator[Opened]:
    """The file, its first line read. Raises ``Unreadable``, OSError."""
    encoding = _encoding(file)
    with file.open(encoding=encoding, newline="") as stream:
        yield Opened(stream, encoding)


def _encoding(file: Path) -> str:
    """A byte order mark tells; without one UTF-16 has every other byte zero, and the rest is UTF-8 if all of
    it may be, else CP1252 if all of it may be.
    """
    if file.stat().st_size > MOST_BYTES:
        raise Unreadable(0, f"It has more than {MOST_BYTES // 1_000_000} MB: split the file.")
    with file.open("rb") as stream:
        head = stream.read(CHUNK)
        if not head:
            raise Unreadable(0, "The file is empty.")
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name
        if head[1::2][:32].count(0) > 8 or head[::2][:32].count(0) > 8:
            return "utf-16-le" if head[1::2][:32].count(0) > 8 else "utf-16-be"
        candidates = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "cp1252")}
        while head:
            following = stream.read(CHUNK)
            for name, decoder in list(candidates.items()):
                try:
                    decoder.decode(head, final=not following)
                except UnicodeError:
                    del candidates[name]
            head = following
    if not candidates:
        raise Unreadable(0, "It is no text: save it as CSV (UTF-8).")
    return next(iter(candidates))
