"""Text in and out of a terminal's charset: bytes that do not decode survive, characters that do not encode
are folded.

In: ``surrogateescape``, so that AA and AB echo byte for byte (quirks C17). Out: the same escapes back, else a
transliteration (sip2.md 3.3: an old kiosk shows ``EUR`` rather than garbage), else ``?``.
"""

import codecs
import re
import unicodedata
from typing import Final

CHARSETS: Final[tuple[str, ...]] = ("utf-8", "latin-1", "cp850", "ascii")
FOLD: Final = "sip2d.fold"
# What NFKD does not take apart into ASCII.
SPECIAL: Final[dict[str, str]] = {
    "\N{EURO SIGN}": "EUR", "\N{POUND SIGN}": "GBP", "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss",
    "ẞ": "SS", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ł": "l",
    "Ł": "L", "ı": "i", "ħ": "h", "Ħ": "H", "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{SINGLE LOW-9 QUOTATION MARK}": "'",
    "\N{MODIFIER LETTER APOSTROPHE}": "'", "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"', "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": '"',
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}": '"',
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}": "'",
    "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}": "'", "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-", "\N{FIGURE DASH}": "-", "\N{EN DASH}": "-", "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-", "\N{SOFT HYPHEN}": "", "\N{FRACTION SLASH}": "/", "\N{MULTIPLICATION SIGN}": "x",
    "\N{BULLET}": "*",
    "\N{MIDDLE DOT}": ".", "\N{COPYRIGHT SIGN}": "(c)", "\N{ZERO WIDTH SPACE}": "",
    "\N{ZERO WIDTH NO-BREAK SPACE}": "", "\N{DEGREE SIGN}": " ", "\N{INVERTED QUESTION MARK}": "?",
    "\N{INVERTED EXCLAMATION MARK}": "!",
}  # fmt: skip
# A value never holds the delimiter, controls, or what some clients take for a line end (sip2.md 3.5). C1
# stays out of it for charsets in which those bytes are what a client may send as letters.
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_CONTROLS_AND_C1 = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def fold(character: str) -> str:
    """The ASCII spelling of one character, ``?`` when there is none."""
    if character in SPECIAL:
        return SPECIAL[character]
    plain = "".join(
        SPECIAL.get(part, part)
        for part in unicodedata.normalize("NFKD", character)
        if not unicodedata.combining(part)
    )
    if plain.isascii() and plain:
        return plain
    return "" if unicodedata.combining(character) else "?"


def _fold_error(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    out = bytearray()
    for character in error.object[error.start : error.end]:
        if "\udc80" <= character <= "\udcff":
            out.append(ord(character) - 0xDC00)
        else:
            out += fold(character).encode("ascii", "replace")
    return bytes(out), error.end


codecs.register_error(FOLD, _fold_error)


def decode(raw: bytes, charset: str) -> str:
    """Text of received bytes; never fails, and ``encode`` gives the same bytes back."""
    return raw.decode(charset, "surrogateescape")


def encode(text: str, charset: str) -> bytes:
    """Bytes of a text; what the charset lacks is transliterated."""
    return text.encode(charset, FOLD)


def clean(text: str, charset: str, delimiter: str) -> str:
    """A value that may stand on the wire: only what the charset has, no delimiter, no control characters."""
    if charset != "utf-8" and not text.isascii():
        text = encode(unicodedata.normalize("NFC", text), charset).decode(charset, "surrogateescape")
    controls = _CONTROLS_AND_C1 if charset == "utf-8" else _CONTROLS
    return controls.sub(" ", text).replace(delimiter, " ")


def wrap(text: str, limit: int) -> tuple[str, ...]:
    """A text in pieces of at most ``limit`` characters, cut between words where there are any (3.6)."""
    pieces = []
    while len(text) > limit:
        cut = text.rfind(" ", 1, limit + 1)
        cut = limit if cut < 1 else cut
        pieces.append(text[:cut].rstrip(" "))
        text = text[cut:].lstrip(" ")
    return (*pieces, text)
