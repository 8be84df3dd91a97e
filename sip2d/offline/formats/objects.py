"""Lines that are JSON objects: Evergreen's (OF-23), and our own `sip2d-offline-v1` (OF-26)."""

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from sip2d.offline.formats.line import Line, Unreadable, epoch, plausible, transaction

_KINDS = {"checkout": "L", "renew": "L", "checkin": "R"}
_OTHERS = frozenset({"in_house_use", "register"})


def is_object(text: str) -> bool:
    """Whether a line may be a JSON object (OF-10)."""
    return text.startswith("{")


def is_native(text: str) -> bool | None:
    """Ours (it has a ``v``), or Evergreen's; None: it is no object at all."""
    try:
        return "v" in _object(text)
    except Unreadable:
        return None


def parse_native(text: str, zone: ZoneInfo) -> Line:
    """One line of ours; its times are UTC, whatever the desk's zone. Unreadable."""
    found = _object(text)
    if found.get("v") != 1:
        raise Unreadable("BAD_LINE")
    kind = found.get("type")
    if kind not in ("L", "R"):
        raise Unreadable("UNKNOWN_TYPE")
    at = _moment(_text(found, "ts"), "BAD_DATE")
    due = found.get("due")
    return transaction(
        kind, _text(found, "item"), _text(found, "patron"), at,
        None if not due or kind == "R" else _moment(str(due), "BAD_DUE_DATE"),
        _uuid(_text(found, "uuid")),
    )  # fmt: skip


def parse_evergreen(text: str, zone: ZoneInfo) -> Line:
    """One of Evergreen's: checkouts, checkins and renewals. Unreadable."""
    found = _object(text)
    command = str(found.get("type"))
    if command in _OTHERS:
        raise Unreadable("NOT_SUPPORTED")
    kind = _KINDS.get(command)
    if kind is None:
        raise Unreadable("UNKNOWN_TYPE")
    at = epoch(found.get("timestamp"))
    if kind == "R" and (back := _local_due(found.get("backdate"), zone)) is not None:
        at = min(at, back)  # returned on an earlier day, scanned now
    due = _local_due(found.get("due_date"), zone) if kind == "L" else None
    return transaction(kind, _text(found, "barcode"), _text(found, "patron_barcode"), at, due)


def _object(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable("BAD_LINE") from None
    if not isinstance(found, dict):
        raise Unreadable("BAD_LINE")
    return found


def _text(found: dict[str, Any], name: str) -> str:
    """A text; barcodes may have been written as numbers."""
    value = found.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable("BAD_LINE")
    return str(value)


def _uuid(text: str) -> str:
    if len(text) > 64 or not text.isprintable():
        raise Unreadable("BAD_LINE")
    return text.strip().lower()


def _moment(text: str, code: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return plausible(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError, Unreadable):
        raise Unreadable(code) from None


def _local_due(value: object, zone: ZoneInfo) -> datetime | None:
    """A due date or a date of return: a local date (its last second) or an instant; blank is none."""
    if value in (None, "", "0", 0):
        return None
    try:
        found = datetime.fromisoformat(str(value))
        if len(str(value)) == len("2026-03-09"):
            found = datetime.combine(found.date(), time(23, 59, 59))
        return plausible(found if found.tzinfo else found.replace(tzinfo=zone))
    except (ValueError, OverflowError, Unreadable):
        raise Unreadable("BAD_DUE_DATE") from None
