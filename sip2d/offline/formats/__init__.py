"""The formats of offline files, told apart by their content (OF-10), each read line by line.

Lines end in LF or CRLF; a BOM is tolerated; blank lines count in the numbering only. A line is UTF-8, else
Latin-1 (OF-20); a file with the BOM of UTF-16 is that.
"""

import codecs
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.offline.formats import koc, objects, offcirc
from sip2d.offline.formats.line import SENTENCES as SENTENCES
from sip2d.offline.formats.line import Line as Line
from sip2d.offline.formats.line import Unreadable
from sip2d.offline.formats.line import shown as shown

OFFCIRC: Final = "offcirc"
KOC: Final = "koc"
EVERGREEN: Final = "evergreen"
NATIVE: Final = "sip2d-offline-v1"

Parser = Callable[[str, ZoneInfo], Line]
PARSERS: Final[dict[str, Parser]] = {
    OFFCIRC: offcirc.parse,
    KOC: koc.parse,
    EVERGREEN: objects.parse_evergreen,
    NATIVE: objects.parse_native,
}


class Content(msgspec.Struct, frozen=True):
    """A file that was read. ``notes`` are sentences about the file as a whole."""

    format: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


def read(data: bytes, zone: ZoneInfo, format: str | None = None) -> Content | None:
    """The file's lines; None where no line is of a known format. Never raises, whatever ``data`` is."""
    texts = _texts(data)
    known = format or told(texts)
    if known is None:
        return None
    notes: list[str] = []
    lines: list[Line] = []
    for number, text in enumerate(texts, start=1):
        if not text.strip("\0 \t\r\f\v\x1a"):
            continue  # 0x1A: old DOS tools end a file with it
        if known == KOC and text.startswith(koc.HEADER):
            if (note := koc.notes(text)) is not None:
                notes.append(note)
            continue
        lines.append(_line(PARSERS[known], number, text, zone))
    if lines and texts[-1].strip("\0 \t\r\f\v\x1a"):
        notes.append(
            f"The last line ({lines[-1].number}) has no end: it may have been cut off (a power cut?). "
            "Look whether it is whole."
        )
    return Content(known, tuple(lines), tuple(notes))


def told(texts: list[str]) -> str | None:
    """The format, from the first line that is of any (OF-10)."""
    for text in texts:
        if offcirc.looks_like(text):
            return OFFCIRC
        if koc.looks_like(text):
            return KOC
        if objects.is_object(text) and (native := objects.is_native(text)) is not None:
            return NATIVE if native else EVERGREEN
    return None


def _line(parse: Parser, number: int, text: str, zone: ZoneInfo) -> Line:
    try:
        found = parse(text, zone)
    except Unreadable as why:
        return Line(number, shown(text), error=why.code)
    return msgspec.structs.replace(found, number=number, raw=shown(text))


def _texts(data: bytes) -> list[str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return [text.removesuffix("\r") for text in data.decode("utf-16", "replace").split("\n")]
    data = data.removeprefix(codecs.BOM_UTF8)
    return [_decoded(line.removesuffix(b"\r")) for line in data.split(b"\n")]


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
