"""Koha's `.koc` (OF-22): a header, then tab-separated date and time, command, and what it needs."""

import re
from zoneinfo import ZoneInfo

from sip2d.offline.formats.line import Line, Unreadable, local, payment, transaction

HEADER = "Version="
MAJOR = "1"
_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}[^\t]*\t", re.ASCII)
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})( [0-9]{1,6})?", re.ASCII)


def looks_like(text: str) -> bool:
    """Whether a line may be of this format (OF-10)."""
    return text.startswith(HEADER) or _START.match(text) is not None


def notes(text: str) -> str | None:
    """What there is to say about a header: another major version is told, and the file is read (OF-22)."""
    version = text.removeprefix(HEADER).split("\t")[0].strip()
    if version.partition(".")[0] == MAJOR:
        return None
    return f"The file says it is of version {version[:20]!r}; it is read as version 1.0."


def parse(text: str, zone: ZoneInfo) -> Line:
    """One line after the header. Unreadable."""
    cells = text.split("\t")
    if len(cells) < 3:
        raise Unreadable("TOO_SHORT")
    command = cells[1].strip().lower()
    if command not in ("issue", "return", "payment"):
        raise Unreadable("UNKNOWN_TYPE")
    time = _TIME.fullmatch(cells[0].strip())
    if time is None:
        raise Unreadable("BAD_DATE")
    at = local(time[1], "%Y-%m-%d %H:%M:%S", zone)
    if command == "return":
        return transaction("R", cells[2], "", at)
    last = cells[3] if len(cells) > 3 else ""
    return payment(cells[2], last, at) if command == "payment" else transaction("L", last, cells[2], at)
