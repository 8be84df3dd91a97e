"""What the rows stand on: a hall with one bound kiosk, frames by hand, and a reader of answers that shares no
code with the server's codec.
"""

import re
from collections.abc import Callable

import msgspec

from tests.machine.hall import PINS, Hall, Line

DATE = "20260309    101500"
BLANK = " " * 18
FIXED = {
    "98": 36, "94": 3, "24": 37, "26": 37, "64": 61, "18": 26, "12": 24, "30": 24, "10": 24, "66": 29,
    "38": 21, "16": 22, "36": 21, "20": 21, "96": 2,
}  # fmt: skip
"""Where the identified fields of an answer begin (sip2.md 1.3)."""


class Floor(msgspec.Struct, frozen=True):
    """A hall, a kiosk bound to branch CENTRAL by its address, and the events of the daemon's log."""

    hall: Hall
    kiosk: Line
    events: list[dict[str, object]]

    def other(self) -> Line:
        """A further connection of the same kiosk."""
        return self.hall.connect()

    def as_profile(self, name: str) -> Line:
        """The kiosk as a vendor's terminal."""
        self.hall.dialect("kiosk-central", name)
        return self.kiosk


Play = Callable[[Floor], None]


class Row(msgspec.Struct, frozen=True):
    """One row: what is played, or why the server does not do what it says."""

    play: Play | None = None
    why_not: str = ""


class Table(dict[str, Row]):
    """Rows by id."""

    def __call__(self, *ids: str) -> Callable[[Play], Play]:
        """Decorates what plays these rows."""

        def enter(play: Play) -> Play:
            for name in ids:
                assert name not in self, name
                self[name] = Row(play)
            return play

        return enter

    def not_ours(self, name: str, why: str) -> None:
        """A row that asks nothing of a server, or something this one does not do."""
        assert name not in self, name
        self[name] = Row(None, why)


def fields(answer: bytes) -> dict[str, list[str]]:
    """The identified fields of an answer, trailer and terminator dropped."""
    text = re.sub(r"(AY\d+)?AZ[0-9A-F]{4}$", "", answer.decode().rstrip("\r\n"))
    found: dict[str, list[str]] = {}
    for part in text[FIXED[text[:2]] :].split("|")[:-1]:
        found.setdefault(part[:2], []).append(part[2:])
    return found


def az(text: str | bytes) -> bytes:
    """The checksum of what ends in AZ: two's complement of the byte sum (sip2.md 4.1)."""
    data = text.encode() if isinstance(text, str) else text
    return b"%04X" % (-sum(data) & 0xFFFF)


def trailed(text: str, sequence: str = "1") -> bytes:
    """A request with AY and AZ, terminated."""
    head = f"{text}AY{sequence}AZ"
    return head.encode() + az(head) + b"\r"


def sound(answer: bytes, sequence: str) -> bool:
    """An answer ends in this AY and the right AZ, upper case."""
    head = answer[:-5]
    return head.endswith(f"AY{sequence}AZ".encode()) and answer[-5:] == az(head) + b"\r"


def checkout(patron: str = "P1", item: str = "I1", *, date: str = DATE, tail: str = "") -> str:
    """An 11."""
    return f"11YN{date}{BLANK}AOMAIN|AA{patron}|AB{item}|AC|{tail}"


def checkin(item: str = "I1", *, date: str = DATE, tail: str = "") -> str:
    """An 09."""
    return f"09N{date}{date}APCENTRAL|AOMAIN|AB{item}|AC|{tail}"


def renew(patron: str = "P1", item: str = "I1", *, date: str = DATE) -> str:
    """A 29."""
    return f"29NN{date}{BLANK}AOMAIN|AA{patron}|AB{item}|"


def info(patron: str = "P1", summary: str = "", *, tail: str = "") -> str:
    """A 63."""
    return f"63001{DATE}{summary.ljust(10)}AOMAIN|AA{patron}|{tail}"


def item(barcode: str = "I1") -> str:
    """A 17."""
    return f"17{DATE}AOMAIN|AB{barcode}|"


def pin(patron: str = "P1") -> str:
    """The right PIN of a patron."""
    return PINS[patron]


def lent(floor: Floor, *items: str, patron: str = "P1") -> None:
    """Items go out to a patron; other seconds, so that nothing looks like a repeat."""
    for barcode in items:
        assert floor.kiosk.ask(checkout(patron, barcode)).startswith(b"121"), barcode
