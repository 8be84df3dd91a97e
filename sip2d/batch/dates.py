"""Due dates of a sheet and of the wire, and the zone they are meant in (BR-35, BR-36)."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LENIENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
EXAMPLE: Final = "2030-12-31T23:59:59"


def due(text: str, zone: ZoneInfo, *, lenient: bool = False) -> datetime:
    """The instant of a due date, in UTC. Of a time that comes twice it is the later one (GN-1).

    ``lenient`` takes a day alone (its end), a blank for the T, and an offset, which wins over the zone.
    Raises ``ValueError`` with a sentence.
    """
    if lenient and _DAY.fullmatch(text):
        text = f"{text}T23:59:59"
    if not (_LENIENT if lenient else _LOCAL).fullmatch(text):
        if not text:
            raise ValueError("it is empty.")
        hint = "" if lenient or not (_DAY.match(text)) else "; --lenient takes days and offsets too"
        raise ValueError(f"{text[:40]!r} is not of the form {EXAMPLE}{hint}.")
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} does not exist.") from None
    try:
        if written.tzinfo is not None:
            return written.astimezone(UTC)
        found = written.replace(tzinfo=zone, fold=1).astimezone(UTC)
        back = found.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"{text} is out of reach.") from None
    if back != written:
        raise ValueError(f"{text} does not exist in {zone.key}: the clocks are set forward over it.")
    return found


def utc_stamp(at: int) -> str:
    """Epoch seconds as a time stamp of the wire in UTC: ``YYYYMMDD   ZHHMMSS`` (BR-5)."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y%m%d}   Z{moment:%H%M%S}"


def machine_zone() -> str | None:
    """The IANA name of the operating system's zone; None where it does not tell (Windows)."""
    told = os.environ.get("TZ", "").lstrip(":")
    if told:
        return told if _is_zone(told) else None
    link = Path("/etc/localtime")
    if link.is_symlink():
        name = str(link.resolve()).partition("zoneinfo/")[2]
        if _is_zone(name):
            return name
    file = Path("/etc/timezone")
    name = file.read_text("ascii", "replace").strip() if file.is_file() else ""
    return name if _is_zone(name) else None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return bool(name)
