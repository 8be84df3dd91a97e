"""Invariant: whatever bytes a desk hands in are read, or of no known format; nothing is raised. Each line is
an error with a sentence, or whole: kind, item, time, and a patron of a loan; or a payment of more than
nothing. No line knows its neighbours: a file cut at any line, and one with CRLF, says the same of each line.

The first byte chooses the format; 0 leaves it to the content.
"""

from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from sip2d.offline.formats import NATIVE, PARSERS, SENTENCES, Line, read

ZONE = ZoneInfo("Europe/Paris")
FORMATS = (None, *PARSERS)

SEEDS: tuple[bytes, ...] = (
    b"\0202603091015L" + b"I1".ljust(80) + b"P1\n202603091020RI1\n",
    b"\0\xef\xbb\xbf202603091015L" + b"I1".ljust(80) + b"P1\r\n\r\n202603291020RI1\r\n",
    b"\0Version=1.0\tGenerator=x\tGeneratorVersion=1\n2026-03-09 10:15:00 1\tissue\tP1\tI1\n"
    b"2026-03-09 10:16:00 2\treturn\tI1\n2026-03-09 10:17:00 3\tpayment\tP1\t1.00\n",
    b'\0{"type":"checkout","timestamp":1773047700,"barcode":"I1","patron_barcode":"P1",'
    b'"due_date":"2026-04-01"}\n{"type":"checkin","timestamp":"1773047800","barcode":"I1"}\n',
    b'\0{"v":1,"seq":1,"ts":"2026-03-09T09:15:00Z","type":"L","item":"I1","patron":"P1","due":null,'
    b'"terminal":"d","uuid":"0f8f"}\n{"v":1,"seq":2,"ts":"2026-03-09T09:16:00Z","type":"R","item":"I1"}\n',
    b"\0Version=1.0\n2026-03-09 10:17:00 3\tpayment\tP1\t0,50\n2026-03-09 10:17:01 3\tpayment\tP1\t0.00\n",
    b'\0{"type":"checkin","timestamp":1773047800,"barcode":"I1","backdate":"2026-03-08"}\n',
    b"\0\xff\xfe2\x000\x002\x006\x00",
    b"\1X\n\2Y\n\3Z\n",
)


def one_input(data: bytes) -> None:
    """Holds the invariant to one file."""
    format, content = FORMATS[data[0] % len(FORMATS)] if data else None, data[1:]
    found = read(content, ZONE, format)
    if found is None:
        return
    for line in found.lines:
        _whole(line, found.format)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return  # UTF-16 is not cut at bytes
    _cut(content, found.format, found.lines)
    windows = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert _said(read(windows, ZONE, found.format)) == [_bare(line) for line in found.lines]


def _whole(line: Line, format: str) -> None:
    assert line.number >= 1
    line.raw.encode()
    assert "\0" not in line.raw
    if line.error is not None:
        assert SENTENCES[line.error]
        return
    assert line.kind in ("L", "R", "P")
    assert line.happened_at is not None
    assert line.happened_at.utcoffset() is not None
    assert len(line.item) <= 80
    assert bool(line.item) == (line.kind != "P")
    assert bool(line.patron) == (line.kind != "R")
    assert bool(line.amount) == (line.kind == "P")
    assert not line.amount or Decimal(line.amount) > 0
    assert not line.uuid or format == NATIVE
    f"{line.item}{line.patron}{line.uuid}".encode()


def _cut(content: bytes, format: str, lines: tuple[Line, ...]) -> None:
    """PT-10, at every line of a small file, and in the middle of a large one."""
    parts = content.split(b"\n")
    for cut in range(1, len(parts)) if len(parts) < 8 else (len(parts) // 2,):
        second = b"\n".join(parts[cut:])
        if second.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
            continue  # a mark in the middle of a file is none; at the beginning of one it is
        first = _said(read(b"\n".join(parts[:cut]), ZONE, format))
        assert first + _said(read(second, ZONE, format)) == [_bare(line) for line in lines]


def _said(found: object) -> list[Line]:
    return [_bare(line) for line in getattr(found, "lines", ())]


def _bare(line: Line) -> Line:
    return msgspec.structs.replace(line, number=0)
