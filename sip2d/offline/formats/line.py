"""One line of an offline file, whatever its format (OF-20..OF-26), and how its parts are read.

Parsers are pure: bytes and the desk's zone in, lines out. They never raise; what cannot be read is a line
with an ``error``, and the lines around it do not know (OF-20).
"""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

LONGEST_BARCODE: Final = 80
LONGEST_RAW: Final = 400
"""So much of a line stands in the report."""
_YEARS: Final = range(2000, 2101)
_AMOUNT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?", re.ASCII)

SENTENCES: Final = {
    "TOO_SHORT": "The line is too short to be a transaction.",
    "UNKNOWN_TYPE": "The line is neither a loan nor a return.",
    "NOT_SUPPORTED": "Only loans and returns are loaded (OF-2).",
    "PAYMENT": "A payment, which is loaded only where that is asked for (--allow-payments).",
    "BAD_AMOUNT": "The payment has no possible amount.",
    "BAD_DATE": "The line has no possible date and time.",
    "BAD_DUE_DATE": "The due date of the line is impossible.",
    "NO_ITEM": "The line names no item.",
    "NO_PATRON": "The loan names no patron.",
    "BAD_BARCODE": "A barcode has more than 80 characters, or characters that no barcode has.",
    "BAD_LINE": "The line cannot be read.",
}
"""What the errors of a parser say."""


class Line(msgspec.Struct, frozen=True):
    """A line. ``kind`` is L (loan), R (return) or P (payment); ``happened_at`` and ``due_at`` are UTC, whole
    seconds.

    With an ``error`` (a key of `SENTENCES`) only ``number`` (from 1) and ``raw`` count. ``uuid`` is empty but
    in the native format, ``amount`` (``12.50``) but in a payment, which names no item.
    """

    number: int
    raw: str
    kind: str = ""
    item: str = ""
    patron: str = ""
    happened_at: datetime | None = None
    due_at: datetime | None = None
    uuid: str = ""
    amount: str = ""
    error: str | None = None


class Unreadable(Exception):
    """Inside a parser: this line is an error, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def shown(text: str) -> str:
    """The line for the report and the table: no NUL, not endless."""
    return text.replace("\0", "\ufffd")[:LONGEST_RAW]


def transaction(
    kind: str,
    item: str,
    patron: str,
    happened_at: datetime,
    due_at: datetime | None = None,
    uuid: str = "",
) -> Line:
    """A loan or a return, its barcodes held to GN-10; numbered by whoever asked. Unreadable."""
    item, patron = item.strip(), patron.strip() if kind == "L" else ""
    if not item:
        raise Unreadable("NO_ITEM")
    if kind == "L" and not patron:
        raise Unreadable("NO_PATRON")
    _check(item, patron)
    return Line(0, "", kind, item, patron, happened_at, due_at, uuid)


def payment(patron: str, amount: str, happened_at: datetime) -> Line:
    """A payment, of more than nothing. Unreadable."""
    patron, amount = patron.strip(), amount.strip().replace(",", ".")
    if not patron:
        raise Unreadable("NO_PATRON")
    _check(patron)
    if not _AMOUNT.fullmatch(amount) or not amount.strip("0."):
        raise Unreadable("BAD_AMOUNT")
    return Line(0, "", "P", "", patron, happened_at, amount=amount)


def _check(*barcodes: str) -> None:
    for barcode in barcodes:
        if len(barcode) > LONGEST_BARCODE or not barcode.isprintable():
            raise Unreadable("BAD_BARCODE")


def local(text: str, form: str, zone: ZoneInfo) -> datetime:
    """A local date-time of the desk as UTC. Of an hour that comes twice the first is meant, always: a line's
    time must not depend on its neighbours (PT-10). Unreadable."""
    try:
        found = datetime.strptime(text, form).replace(tzinfo=zone)
    except ValueError:
        raise Unreadable("BAD_DATE") from None
    return plausible(found)


def plausible(at: datetime) -> datetime:
    """The instant as UTC, whole seconds, of this century. Unreadable."""
    if at.year not in _YEARS:
        raise Unreadable("BAD_DATE")
    return at.astimezone(UTC).replace(microsecond=0)


def epoch(value: object) -> datetime:
    """Epoch seconds, as a number or as its text. Unreadable."""
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text, re.ASCII):
        raise Unreadable("BAD_DATE")
    try:
        return plausible(datetime.fromtimestamp(int(text.partition(".")[0]), UTC))
    except (ValueError, OverflowError, OSError):
        raise Unreadable("BAD_DATE") from None
