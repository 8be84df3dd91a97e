"""The journal of exchanges with effects (SP-21): what comes again gets its recorded answer and no second
effect.

Looked up after the locks are taken, so that of two repeats at once the second sees what the first recorded.

A kiosk that lost its connection asks again on another, and what it asked on the first may still wait: it may
be served last, when the kiosk has long gone on. So whoever was sent before the exchange that asked for a row
last is its repeat, whatever has happened since.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from sip2d.store import audit, blocks, ledger, loans
from sip2d.store.statement import hot
from sip2d.store.tables import hold
from sip2d.store.tables import journal as table
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Row, Unit

DATED_WINDOW: Final = timedelta(minutes=15)
SHORTEST_RETRY_S: Final = 60
DAEMON_BYTES: Final = 8
"""An exchange's id begins with so many bytes of its daemon's; the rest tells in which order they came."""


class Key(msgspec.Struct, frozen=True):
    """What makes two requests the same.

    ``digest`` covers the identified fields but AY, AZ, AC and AD; ``happened_at`` is the transaction date as
    an instant, None where it is blank or no date.
    """

    branch_id: int
    message: str
    transaction_date: str
    digest: bytes
    happened_at: datetime | None
    no_block: bool


class Asked:
    """Which exchange asked last for what another had done, as long as the queues of this process may hold an
    older one. In memory: a repeat is answered where nothing can be written (a full disk)."""

    MOST: Final = 4096

    def __init__(self) -> None:
        self._newest: dict[bytes, bytes] = {}

    def note(self, recorded: bytes, exchange_id: bytes) -> None:
        """This one asked for what is recorded of that one."""
        if len(self._newest) >= self.MOST:
            self._newest.clear()
        before = self.newest(recorded)
        if exchange_id > before or not _of_one_daemon(exchange_id, before):
            self._newest[recorded] = exchange_id

    def newest(self, recorded: bytes) -> bytes:
        """The last that asked; the one itself when nobody did."""
        return self._newest.get(recorded, recorded)


_ASKED: Final = Asked()


class Marked(Protocol):
    """An effect: what changed, and its mark after the change."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> int: ...
    @property
    def mark(self) -> int: ...


_COLUMNS = (
    "branch_id",
    "message",
    "transaction_date",
    "digest",
    "terminal_id",
    "no_block",
    "recorded_at",
    "exchange_id",
    "answer",
    "effects",
)
_RECORD = hot(insert(table), *_COLUMNS)
_FOUND = (
    table.c.answer,
    table.c.effects,
    table.c.terminal_id,
    table.c.recorded_at,
    table.c.exchange_id,
)
_BY_KEY = hot(
    select(*_FOUND)
    .where(
        table.c.branch_id == bindparam("branch_id"),
        table.c.message == bindparam("message"),
        table.c.transaction_date == bindparam("transaction_date"),
        table.c.digest == bindparam("digest"),
    )
    .order_by(table.c.id.desc())
    .limit(8),
    "branch_id",
    "message",
    "transaction_date",
    "digest",
)
_BY_EXCHANGE = hot(
    select(table.c.answer).where(table.c.exchange_id == bindparam("exchange_id")), "exchange_id"
)
_PRUNE = hot(delete(table).where(table.c.recorded_at < bindparam("before")), "before")
_HOLD_MARK = hot(select(hold.c.version).where(hold.c.id == bindparam("hold_id")), "hold_id")


def find(
    unit: Unit,
    key: Key,
    *,
    exchange_id: bytes,
    again: bool,
    terminal_id: int | None,
    now: datetime,
    retry_window: int,
    offline_max_age_days: int,
) -> bytes | None:
    """The recorded answer when this request is a repeat, else None.

    The very exchange that is run ``again`` (its COMMIT's outcome was unknown) always is, and what its own
    terminal asked for again before it was served. Otherwise (a) its date must be near, or the same terminal
    must ask again within ``retry_window`` seconds; and (b) what it did must still be the latest.
    """
    done = unit.value(_BY_EXCHANGE, exchange_id) if again else None
    if done is not None:
        return bytes(done)
    rows = unit.all(_BY_KEY, key.branch_id, key.message, key.transaction_date, key.digest)
    if not rows:
        return None
    dated = _near(key, now, offline_max_age_days)
    window = timedelta(seconds=max(retry_window, SHORTEST_RETRY_S))
    for row in rows:
        if _overtook(row, exchange_id, terminal_id, now):
            return bytes(row[0])
        if (dated or _retried(row, terminal_id, now, window)) and _still_latest(unit, row[1]):
            _ASKED.note(bytes(row[4]), exchange_id)
            return bytes(row[0])
    return None


def record(
    unit: Unit,
    key: Key,
    *,
    exchange_id: bytes,
    terminal_id: int | None,
    now: datetime,
    answer: bytes,
    effects: Iterable[Marked],
) -> None:
    """Write what was answered and done, in the transaction that does it."""
    unit.insert(
        _RECORD,
        key.branch_id,
        key.message,
        key.transaction_date,
        key.digest,
        terminal_id,
        int(key.no_block),
        seconds(now),
        exchange_id,
        answer,
        msgspec.json.encode([(effect.kind, effect.id, effect.mark) for effect in effects]).decode(),
    )


def prune(unit: Unit, before: datetime) -> int:
    """Forget what was recorded before this instant (JB-14); how many rows."""
    return unit.run(_PRUNE, seconds(before))


def _near(key: Key, now: datetime, offline_max_age_days: int) -> bool:
    """SP-21 (a), first half: the date says that this is the same moment."""
    if key.happened_at is None:
        return False
    window = timedelta(days=offline_max_age_days) if key.no_block else DATED_WINDOW
    return abs(now - key.happened_at) <= window


def _overtook(row: Row, exchange_id: bytes, terminal_id: int | None, now: datetime) -> bool:
    """Whether the same terminal asked for this row after it had sent this exchange. Of another daemon's only
    the second is known."""
    newest = _ASKED.newest(bytes(row[4]))
    if row[2] != terminal_id:
        return False
    if _of_one_daemon(newest, exchange_id):
        return newest > exchange_id
    return instant(row[3]) > now


def _of_one_daemon(one: bytes, other: bytes) -> bool:
    return one[:DAEMON_BYTES] == other[:DAEMON_BYTES]


def _retried(row: Row, terminal_id: int | None, now: datetime, window: timedelta) -> bool:
    """SP-21 (a), second half: without a date to go by, the same terminal asks again while it would still
    wait.
    """
    return row[2] == terminal_id and abs(now - instant(row[3])) <= window


def _still_latest(unit: Unit, effects: str) -> bool:
    """SP-21 (b): nothing has happened to any of the subjects since."""
    recorded: list[tuple[str, int, int]] = msgspec.json.decode(effects, type=list[tuple[str, int, int]])
    return all(MARKS[kind](unit, subject) == mark for kind, subject, mark in recorded)


def _hold_mark(unit: Unit, hold_id: int) -> int:
    return int(unit.value(_HOLD_MARK, hold_id) or 0)


def _block_mark(unit: Unit, patron_id: int) -> int:
    return audit.last(unit, blocks.AUDITED, patron_id)


MARKS: Final[dict[str, Callable[[Unit, int], int]]] = {
    "item": loans.mark,
    "hold": _hold_mark,
    "ledger": ledger.last_txn,
    "block": _block_mark,
}
"""The mark of each kind of subject as it is now; what an act puts into its effects."""
