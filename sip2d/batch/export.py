"""What became of a batch, as a CSV file: at any time, of any journal (BR-42)."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from sip2d.batch import sheet
from sip2d.batch.journal import Journal
from sip2d.batch.outcome import UNKNOWN, Attempt
from sip2d.wire.kinds import instant

COLUMNS: Final = (
    "line", "patron_barcode", "item_barcode", "due_date", "zone", "attempted_at", "outcome", "code",
    "message", "due_returned", "fee_amount",
)  # fmt: skip


def write(journal: Journal, out: TextIO) -> int:
    """One line per attempt, in order; one whose answer nobody saw has the outcome UNKNOWN. How many."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    zone = ZoneInfo(journal.header.zone)
    number = 0
    for attempt in journal.attempts():
        writer.writerow(cells(attempt, zone))
        number += 1
    return number


def cells(attempt: Attempt, zone: ZoneInfo) -> tuple[str, ...]:
    """The line of an attempt; a due date that is a time stamp is told as local time of the batch's zone."""
    row = attempt.row
    due = instant(attempt.returned, zone) if attempt.returned else None
    return (
        str(row.line), row.patron, row.item, row.text, zone.key,
        datetime.fromtimestamp(attempt.at, UTC).isoformat(),
        attempt.outcome or UNKNOWN, attempt.code, attempt.message,
        due.astimezone(zone).replace(tzinfo=None).isoformat() if due else attempt.returned,
        attempt.fee,
    )  # fmt: skip


def remaining(journal: Journal, out: TextIO) -> int:
    """The rows without an outcome, as a sheet of their own (BR-41). How many."""
    number = -1  # the header

    def lines() -> Iterator[tuple[str, ...]]:
        nonlocal number
        for line in sheet.printed(todo.row for todo in journal.todo()):
            number += 1
            yield tuple(line)

    csv.writer(out).writerows(lines())
    return number


def to_file(journal: Journal, path: Path, *, rest: bool = False) -> int:
    """Either of them into a file that is not there yet. How many lines. FileExistsError, OSError."""
    with path.open("x", encoding="utf-8", newline="") as out:
        return remaining(journal, out) if rest else write(journal, out)
