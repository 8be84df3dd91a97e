"""One record per exchange, as a JSON line: encoded by msgspec many at a time, 0.3 us each, where a structlog
line costs 4-11 us (performance.md 2). They are written every 100 ms (the daemon's timer calls ``flush``) or
at 64 KiB.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sip2d.config import LoggingSettings
from sip2d.daemon.logs import mask, under_journald
from sip2d.spelling import spelt_out

FLUSH_SECONDS: Final = 0.1
FLUSH_BYTES: Final = 64 * 1024
KEPT_BYTES: Final = 4 * 1024 * 1024


class Record(msgspec.Struct, gc=False, omit_defaults=True):
    """What is told of an exchange. ``ts`` epoch seconds, ``conn`` the connection's number, ``ms`` from frame
    to answer, ``rule`` the code of a refusal's first reason."""

    ts: float
    conn: int
    terminal: str
    branch: str
    message: str
    result: str
    ms: float
    rule: str = ""
    patron: str = ""
    item: str = ""


class AccessLog:
    """The writer. ``None`` as descriptor: nothing is kept. The loop's thread only."""

    __slots__ = ("_buffer", "_descriptor", "_encoder", "_file", "_mask", "_prefix", "dropped")

    def __init__(self, *, masked: bool = True, descriptor: int | None = None, prefix: bytes = b"") -> None:
        self._buffer = bytearray()
        self._descriptor = descriptor
        self._encoder = msgspec.json.Encoder()
        self._file: Path | None = None
        self._mask = masked
        self._prefix = prefix
        self.dropped = 0

    @classmethod
    def open(cls, settings: LoggingSettings, environ: Mapping[str, str] | None = None) -> "AccessLog":
        """As configured. Raises OSError when the file cannot be opened."""
        environ = os.environ if environ is None else environ
        if settings.access == "off":
            return cls(masked=settings.mask)
        if settings.access == "stderr":
            prefix = b"<6>" if under_journald(sys.stderr, environ) else b""
            return cls(masked=settings.mask, descriptor=sys.stderr.fileno(), prefix=prefix)
        log = cls(masked=settings.mask)
        log._file = Path(settings.access)
        log.reopen()
        return log

    def reopen(self) -> None:
        """A rotated file: write to a new one of the same name. Raises OSError, and keeps the old one then."""
        if self._file is not None:
            fresh = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            self.flush()
            old, self._descriptor = self._descriptor, fresh
            if old is not None:
                os.close(old)

    def write(self, records: Sequence[Record]) -> None:
        """Keep these; their barcodes are masked in place."""
        if self._descriptor is None:
            return
        if self._mask:
            for record in records:
                if record.patron:
                    record.patron = mask(record.patron)
                if record.item:
                    record.item = mask(record.item)
        try:
            lines = self._encoder.encode_lines(records)
        except UnicodeEncodeError:  # a code of bytes that are no text came as lone surrogates (quirks C17)
            for record in records:
                record.patron, record.item = spelt_out(record.patron), spelt_out(record.item)
            lines = self._encoder.encode_lines(records)
        if self._prefix:
            lines = b"".join([self._prefix + line for line in lines.splitlines(keepends=True)])
        self._buffer += lines
        if len(self._buffer) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits. A full pipe or disk never stops a kiosk: above 4 MiB the waiting records are
        dropped and counted."""
        buffer = self._buffer
        if not buffer or self._descriptor is None:
            return
        try:
            while buffer:
                del buffer[: os.write(self._descriptor, buffer)]
        except OSError:
            if len(buffer) > KEPT_BYTES:
                self.dropped += buffer.count(b"\n")
                buffer.clear()

    def close(self) -> None:
        """Write the rest and let the file go."""
        self.flush()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and self._file is not None:
            os.close(descriptor)
