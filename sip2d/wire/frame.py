"""Frames out of a stream of bytes, and the error-detection trailer (sip2.md 3.1, 4). Sans I/O.

A frame ends at CR or LF. In front of one, blanks, NULs, line ends and telnet negotiation are skipped; NULs
inside are dropped. The framer gives the same frames whether bytes come whole or one by one, and touches every
byte a bounded number of times.
"""

import re
from typing import Final
from zlib import adler32

import msgspec

FRAME_CAP: Final = 8192
HARD_CAP: Final = 65536

_JUNK: Final = b" \t\r\n\0"
_END = re.compile(rb"[\r\n]")
_WHOLE = re.compile(rb"[!-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*\r").fullmatch
_IAC, _SB, _SE = 0xFF, 0xFA, 0xF0
_TRAILER = re.compile(rb"(?:AY([0-9]{1,9}|[^|]?))?AZ( {0,3}[0-9A-Fa-f]{1,4}) *\Z", re.DOTALL)
_HEX: Final = tuple(b"%02X" % number for number in range(256))


class FrameTooLong(ValueError):
    """More bytes without a terminator than the cap. ``frames`` came whole before it, in the same segment."""

    def __init__(self, cap: int, frames: list[bytes]) -> None:
        super().__init__(f"more than {cap} bytes without a terminator")
        self.frames = frames


class Framer:
    """``feed`` bytes, get frames. After ``FrameTooLong``: close, or go on with the next bytes. ``begun``: the
    bytes of a frame that wait for the rest of it, to be looked at only."""

    __slots__ = ("_scanned", "begun", "cap")

    def __init__(self, cap: int = FRAME_CAP) -> None:
        self.cap = min(cap, HARD_CAP)
        self.begun = bytearray()
        self._scanned = 0

    def reset(self) -> None:
        """Forgets a frame begun."""
        self.begun.clear()
        self._scanned = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The frames these bytes complete, without terminators; raises ``FrameTooLong``."""
        frame = self.whole(data)
        return self._feed(data) if frame is None else [frame]

    def whole(self, data: bytes) -> bytes | None:
        """The frame that these bytes are, one in one segment as nearly always; ``None``: ``feed`` them
        (0.25 us instead of 1.5)."""
        if not self.begun and len(data) <= self.cap + 1 and _WHOLE(data):
            return data[:-1]
        return None

    def _feed(self, data: bytes) -> list[bytes]:
        buffer = self.begun
        buffer += data
        frames: list[bytes] = []
        start, scan = 0, self._scanned
        while True:
            if scan == start:
                start = _after_junk(buffer, start)
                scan = max(scan, start)
            if start < len(buffer) and buffer[start] == _IAC:
                after = _after_negotiation(buffer, start, scan)
                if after > 0:
                    start = scan = after
                    continue
                # More of it has to come; the two last bytes may begin what ends it.
                scan = max(start, len(buffer) - 1)
                break
            end = _END.search(buffer, scan)
            if end is None:
                scan = len(buffer)
                break
            if end.start() - start > self.cap:
                break
            frames.append(bytes(buffer[start : end.start()]).replace(b"\0", b""))
            start = scan = end.end()
        too_long = len(buffer) - start > self.cap
        if too_long:
            self.reset()
            raise FrameTooLong(self.cap, frames)
        del buffer[:start]
        self._scanned = scan - start
        return frames


def _after_junk(buffer: bytearray, start: int) -> int:
    end = len(buffer)
    while start < end and buffer[start] in _JUNK:
        start += 1
    return start


def _after_negotiation(buffer: bytearray, start: int, scan: int) -> int:
    """Where the telnet command at ``start`` ends; 0 while it is not complete (quirks A11)."""
    if len(buffer) < start + 2:
        return 0
    command = buffer[start + 1]
    if command == _SB:
        end = buffer.find(bytes((_IAC, _SE)), max(start + 2, scan))
        return end + 2 if end >= 0 else 0
    length = 3 if 0xFB <= command <= 0xFE else 2
    return start + length if len(buffer) >= start + length else 0


class Trailer(msgspec.Struct, frozen=True):
    """``AY``'s digits as they came (``None``: AZ alone), the number AZ states, and the bytes it is a sum of,
    through ``AZ``.
    """

    sequence: bytes | None
    checksum: int
    covered: bytes


def checksum(data: bytes) -> int:
    """AZ of bytes that end in ``AZ``: two's complement of the byte sum, 16 bits (sip2.md 4.1).

    The low half of adler32 started at 0 is the sum modulo 65521; 256 bytes cannot reach that, nor can 512 of
    ASCII (0.16 us of a 64 instead of 1.5).
    """
    step = 512 if data.isascii() else 256
    if len(data) <= step:
        return -(adler32(data, 0) & 0xFFFF) & 0xFFFF
    total = 0
    for at in range(0, len(data), step):
        total += adler32(data[at : at + step], 0) & 0xFFFF
    return -total & 0xFFFF


def sound(frame: bytes) -> tuple[bytes, bytes, bool] | None:
    """Body, AY's digit and True of a frame that ends as nearly every terminal writes it, AY and a digit, AZ
    and its sum over bytes, if the sum is right: as ``split_trailer`` and ``verify`` would find (0.4 us,
    not 0.9). ``None`` says nothing: ask them.
    """
    if frame[-9:-7] != b"AY" or not 48 <= frame[-7] <= 57 or len(frame) > 260:
        return None
    number = -adler32(frame[:-4], 0) & 0xFFFF
    if frame[-6:] != b"AZ" + _HEX[number >> 8] + _HEX[number & 0xFF]:
        return None
    return frame[:-9], frame[-7:-6], True


def split_trailer(frame: bytes, delimiter: bytes = b"|") -> tuple[bytes, Trailer | None]:
    """The body of a frame and its trailer, if it has one (sip2.md 4.3, quirks B1-B12).

    AY may have several digits, AZ one to four of either case, padded with blanks or not at all. AY without AZ
    is no error detection. AZ without AY counts after a delimiter or a bare fixed block, and elsewhere only if
    the sum is right: a value may end that way.
    """
    number = frame[-4:]
    if frame[-9:-7] == b"AY" and frame[-6:-4] == b"AZ" and number.isalnum() and frame[-7:-6].isdigit():
        try:  # as nearly every terminal writes it: 0.7 us instead of 2
            return frame[:-9], Trailer(frame[-7:-6], int(number, 16), frame[:-4])
        except ValueError:
            pass
    found = _TRAILER.search(frame, max(len(frame) - 24, 0))
    if found is None:
        return frame, None
    trailer = Trailer(found[1], int(found[2], 16), frame[: found.start(2)])
    body = frame[: found.start()]
    if (
        found[1] is None
        and body[-1:] != delimiter
        and delimiter in body
        and checksum(trailer.covered) != trailer.checksum
    ):
        return frame, None
    return body, trailer


def verify(trailer: Trailer, codepoints: bool = True, charset: str = "utf-8") -> bool:
    """Whether the sum is right: over bytes, or over code points if those are taken too (quirks B10)."""
    covered = trailer.covered
    if checksum(covered) == trailer.checksum:
        return True
    if not codepoints or covered.isascii():
        return False
    for name in dict.fromkeys((charset, "utf-8")):
        try:
            total = sum(map(ord, covered.decode(name)))
        except UnicodeDecodeError:
            continue
        if -total & 0xFFFF == trailer.checksum:
            return True
    return False


def seal(body: bytes, sequence: bytes | None, checked: bool, terminator: bytes = b"\r") -> bytes:
    """What goes on the wire: body, trailer if ``checked`` (AY only with a sequence: 96 and 97 have none),
    terminator.
    """
    if not checked:
        return body + terminator
    covered = body + b"AZ" if sequence is None else b"".join((body, b"AY", sequence, b"AZ"))
    number = checksum(covered)
    return b"".join((covered, _HEX[number >> 8], _HEX[number & 0xFF], terminator))
