"""Offline files in a few words, and a desk that loads them.

A word a line: ``L 10:15 I1 P1`` and ``R 10:20 I1``, local times of 9 March 2026 in Paris unless a date stands
before (``02-01T10:15``).
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from sip2d.desk.staff import offline as desk
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Work
from sip2d.offline import load
from sip2d.offline.upload import Request, upload
from sip2d.store import tables
from sip2d.store.unit import Unit
from sip2d.vocabulary import StaffRole
from tests.support.desks import Room

Value = TypeVar("Value")

PARIS: Final = ZoneInfo("Europe/Paris")
NOON: Final = datetime(2026, 3, 9, 11, tzinfo=UTC)
"""When files are uploaded: 12:00 in Paris."""
CLERK: Final = Staff(2, "clerk", frozenset({StaffRole.CIRC_DESK_OPERATOR.value}))


class Word(msgspec.Struct, frozen=True):
    """A transaction."""

    kind: str
    at: datetime
    item: str
    patron: str = ""


def words(text: str) -> list[Word]:
    """The transactions of a text, separated by line ends or semicolons."""
    found = []
    for line in text.replace(";", "\n").split("\n"):
        cells = line.split()
        if cells:
            day, _, clock = cells[1].rpartition("T")
            at = datetime.fromisoformat(f"2026-{day or '03-09'}T{clock}").replace(tzinfo=PARIS)
            found.append(Word(cells[0], at, *cells[2:]))
    return found


def offcirc(text: str, end: str = "\n") -> bytes:
    """As `OffCirc.dat`."""
    return "".join(
        f"{word.at:%Y%m%d%H%M}{word.kind}"
        + (f"{word.item:<80}{word.patron}" if word.kind == "L" else word.item)
        + end
        for word in words(text)
    ).encode()


def koc(text: str) -> bytes:
    """As Koha writes it."""
    lines = ["Version=1.0\tGenerator=test\tGeneratorVersion=1"]
    for number, word in enumerate(words(text)):
        cells = ["issue", word.patron, word.item] if word.kind == "L" else ["return", word.item]
        lines.append("\t".join([f"{word.at:%Y-%m-%d %H:%M:%S} {number}", *cells]))
    return "\n".join([*lines, ""]).encode()


def evergreen(text: str) -> bytes:
    """As Evergreen writes it."""
    kinds = {"L": "checkout", "R": "checkin"}
    return "".join(
        json.dumps({"type": kinds[word.kind], "timestamp": int(word.at.timestamp()), "barcode": word.item,
                    "patron_barcode": word.patron}) + "\n"
        for word in words(text)
    ).encode()  # fmt: skip


def native(text: str, *, due: str | None = None) -> bytes:
    """As sip2d writes it."""
    return "".join(
        json.dumps({"v": 1, "seq": number, "ts": word.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                    "type": word.kind, "item": word.item, "patron": word.patron, "due": due,
                    "terminal": "desk", "uuid": f"{word.at:%m%d}-{number}"}) + "\n"
        for number, word in enumerate(words(text))
    ).encode()  # fmt: skip


class Loader:
    """A person at CENTRAL who uploads and applies."""

    def __init__(self, room: Room, staff: Staff = CLERK, now: datetime = NOON) -> None:
        self.room = room
        self.staff = staff
        self.now = now

    def upload(self, data: bytes, branch: str = "CENTRAL", **more: Any) -> dict[str, Any]:
        """One file; the batch."""
        request = Request("OffCirc.dat", data, branch, **more)
        return self.do(lambda work: upload(work, request))

    def apply(self, session: str, calls: load.Calls | None = None) -> None:
        """Execute a session, or its rest."""
        planned = self.do(lambda work: load.plan(work, desk.session(work, session, "MAIN")))
        load.apply(calls or self.room.store, self.staff, planned, lambda: self.now)

    def review(self, session: str, limit: int = 1000) -> list[load.Proposal]:
        """What that would do."""
        planned = self.do(lambda work: load.plan(work, desk.session(work, session, "MAIN")))
        return load.review(self.room.store, self.staff, planned, self.now, limit)

    def load(self, data: bytes, **more: Any) -> list[tuple[str, str | None]]:
        """Upload and apply; status and code of each line."""
        batch = self.upload(data, **more)
        if batch["status"] != "REJECTED":
            self.apply(batch["session"])
        return self.lines(batch["batch"])

    def lines(self, batch_id: int) -> list[tuple[str, str | None]]:
        """What became of the lines of a batch."""
        return [
            (str(row["status"]), None if row["code"] is None else str(row["code"]))
            for row in self.room.rows(tables.offline_line, batch_id=batch_id)
        ]

    def report(self, session: str) -> dict[str, Any]:
        """The report."""
        return self.do(lambda work: desk.report(work, session, "MAIN"))

    def resolve(self, exception: int, note: str) -> dict[str, Any]:
        """Take an exception off the queue."""
        return self.do(lambda work: desk.resolve(work, exception, note, "MAIN"))

    def do(self, act: Callable[[Work], Value]) -> Value:
        """One act of this person."""
        return self.room.do(lambda unit: act(Work(unit, self.staff, self.now)))


def loans(room: Room) -> list[tuple[str, str, str | None]]:
    """Item, patron and how the loan ended (None: open), oldest first."""
    items = {number: barcode for barcode, number in room.world.items.items()}
    people = {number: barcode for barcode, number in room.world.patrons.items()}
    return [
        (items[_id(row["item_id"])], people[_id(row["patron_id"])], _text(row["closed_reason"]))
        for row in room.rows(tables.loan)
    ]


def queued(room: Room) -> list[tuple[str, str, str]]:
    """The exceptions: code, item, patron."""
    rows: Sequence[dict[str, Any]] = room.rows(tables.offline_exception)
    return [(row["code"], row["item_barcode"], row["patron_barcode"]) for row in rows]


def at(clock: str, **more: int) -> int:
    """Epoch seconds of a local time of the day."""
    moment = datetime.fromisoformat(f"2026-03-09T{clock}").replace(tzinfo=PARIS) + timedelta(**more)
    return int(moment.timestamp())


def given(room: Room, act: Callable[[Unit], object]) -> None:
    """Make what was there before."""
    room.do(act)


def _id(value: object) -> int:
    assert isinstance(value, int)
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
