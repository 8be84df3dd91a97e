"""The journal of SP-21: what is a repeat, and what only looks like one."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from sip2d.desk.outcome import Effect
from sip2d.store import blocks, journal, tables
from sip2d.store.audit import audit
from sip2d.store.unit import CONFLICTS, Unit
from tests.desk.acts import checkin, checkout
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_fee, add_hold

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WINDOW_S = 60
TERMINAL, OTHER_TERMINAL = "kiosk-central", "kiosk-north"


ASKED = itertools.count(1000)


def of(daemon: str, number: int) -> bytes:
    """The exchange of this number of a daemon."""
    return daemon.encode().ljust(journal.DAEMON_BYTES, b"-") + number.to_bytes(8, "big")


def key(room: Room, at: datetime | None = NOW, **changed: Any) -> journal.Key:
    made = journal.Key(
        branch_id=room.world.branches["CENTRAL"], message="11", transaction_date="20260309    101500",
        digest=b"digest", happened_at=at, no_block=False,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


def find(
    room: Room, wanted: journal.Key, now: datetime = NOW, *, terminal: str = TERMINAL,
    exchange: bytes | None = None, again: bool = False, window: int = WINDOW_S,
) -> bytes | None:  # fmt: skip
    with room.unit(writes=False) as unit:
        return journal.find(
            unit, wanted, exchange_id=exchange or of("kiosk", next(ASKED)), again=again,
            terminal_id=room.world.terminals[terminal], now=now, retry_window=window, offline_max_age_days=30,
        )  # fmt: skip


def record(
    unit: Unit, room: Room, made: journal.Key, effects: tuple[Effect, ...], *, now: datetime = NOW,
    exchange: bytes = b"first", answer: bytes = b"121",
) -> None:  # fmt: skip
    journal.record(
        unit, made, exchange_id=exchange, terminal_id=room.world.terminals[TERMINAL], now=now, answer=answer,
        effects=effects,
    )  # fmt: skip


def lent(room: Room, at: datetime | None = NOW, **changed: Any) -> None:
    """A checkout of I1 with its journal row."""
    with room.unit() as unit:
        outcome = checkout(unit, desk_at(unit), "P1", "I1")
        record(unit, room, key(room, at, **changed), outcome.effects)


DATED = [
    ("at once", timedelta(0), True),
    ("in 15 minutes", 15 * MINUTE, True),
    ("later", 15 * MINUTE + timedelta(seconds=1), False),
    ("a clock ahead", -15 * MINUTE, True),
    ("a clock far ahead", -16 * MINUTE, False),
]


@pytest.mark.parametrize(("case", "later", "repeat"), DATED, ids=[row[0] for row in DATED])
def test_sp21_a_near_date_from_any_terminal(room: Room, case: str, later: timedelta, repeat: bool) -> None:
    lent(room)
    found = find(room, key(room), NOW + later, terminal=OTHER_TERMINAL)
    assert found == (b"121" if repeat else None)


OFFLINE = [("within 30 days", 30 * DAY, True), ("older", 30 * DAY + MINUTE, False)]


@pytest.mark.parametrize(("case", "later", "repeat"), OFFLINE, ids=[row[0] for row in OFFLINE])
def test_sp21_a_stored_transaction_repeats_for_days(
    room: Room, case: str, later: timedelta, repeat: bool
) -> None:
    lent(room, no_block=True)
    found = find(room, key(room, no_block=True), NOW + later, terminal=OTHER_TERMINAL)
    assert found == (b"121" if repeat else None)


UNDATED = [
    ("same terminal at once", TERMINAL, timedelta(0), WINDOW_S, True),
    ("in the window", TERMINAL, timedelta(seconds=60), WINDOW_S, True),
    ("after the window", TERMINAL, timedelta(seconds=61), WINDOW_S, False),
    ("a longer window", TERMINAL, timedelta(seconds=80), 80, True),
    ("never below 60 s", TERMINAL, timedelta(seconds=60), 4, True),
    ("another terminal", OTHER_TERMINAL, timedelta(0), WINDOW_S, False),
]


@pytest.mark.parametrize(
    ("case", "terminal", "later", "window", "repeat"), UNDATED, ids=[row[0] for row in UNDATED]
)
@pytest.mark.parametrize("date", [None, NOW - 40 * DAY], ids=["blank", "frozen clock"])
def test_sp21_without_a_useful_date(
    room: Room, case: str, terminal: str, later: timedelta, window: int, repeat: bool, date: datetime | None
) -> None:
    lent(room, date)
    found = find(room, key(room, date), NOW + later, terminal=terminal, window=window)
    assert found == (b"121" if repeat else None)


DIFFERENT: list[dict[str, Any]] = [
    {"branch_id": 2},
    {"message": "29"},
    {"transaction_date": "20260309    101501"},
    {"digest": b"other"},
]


@pytest.mark.parametrize("changed", DIFFERENT, ids=lambda changed: next(iter(changed)))
def test_sp21_another_key_is_another_request(room: Room, changed: dict[str, Any]) -> None:
    lent(room)
    assert find(room, key(room, **changed)) is None


def test_sp21_b_the_effect_must_be_the_latest(room: Room) -> None:
    """The same loan again after a return is a new request, also within the same minute."""
    lent(room)
    assert find(room, key(room)) == b"121"
    room.do(lambda unit: checkin(unit, desk_at(unit), "I1"))
    assert find(room, key(room)) is None
    with room.unit() as unit:
        outcome = checkout(unit, desk_at(unit), "P1", "I1")
        record(unit, room, key(room), outcome.effects, exchange=b"second", answer=b"121 again")
    assert find(room, key(room)) == b"121 again"


def test_the_very_exchange_is_always_its_own_repeat(room: Room) -> None:
    """Run again after a COMMIT without word: neither date nor later effects matter."""
    lent(room, None)
    room.do(lambda unit: checkin(unit, desk_at(unit), "I1"))
    assert (
        find(room, key(room, None), NOW + DAY, exchange=b"first", again=True, terminal=OTHER_TERMINAL)
        == b"121"
    )


SECOND = timedelta(seconds=1)
OVERTAKEN = [
    ("sent before the recorded one", of("kiosk", 6), TERMINAL, NOW, b"121"),
    ("sent after it", of("kiosk", 8), TERMINAL, NOW, None),
    ("another terminal's", of("kiosk", 6), OTHER_TERMINAL, NOW, None),
    ("received by another daemon before", of("other", 9), TERMINAL, NOW - SECOND, b"121"),
    ("received by another daemon in the same second", of("other", 1), TERMINAL, NOW, None),
]


@pytest.mark.parametrize(
    ("case", "exchange", "terminal", "now", "answer"), OVERTAKEN, ids=[row[0] for row in OVERTAKEN]
)
def test_sp21_what_its_own_repeat_overtook_is_a_repeat_whatever_has_happened_since(
    room: Room, case: str, exchange: bytes, terminal: str, now: datetime, answer: bytes | None
) -> None:
    """It waited on a connection that its kiosk has given up; neither date nor return count."""
    with room.unit() as unit:
        outcome = checkout(unit, desk_at(unit), "P1", "I1")
        record(unit, room, key(room, None), outcome.effects, exchange=of("kiosk", 7))
    room.do(lambda unit: checkin(unit, desk_at(unit), "I1"))
    assert find(room, key(room, None), now, exchange=exchange, terminal=terminal) == answer


@pytest.mark.parametrize("recorded", ["asking", "before"])
def test_sp21_what_asked_again_counts_as_the_newest(room: Room, recorded: str) -> None:
    """Asked a first time, overtaken when it asks a second time by its third; also where the first was another
    daemon's, or this one's before it was started again."""
    with room.unit() as unit:
        outcome = checkout(unit, desk_at(unit), "P1", "I1")
        record(unit, room, key(room), outcome.effects, exchange=of(recorded, 7))
    assert find(room, key(room), exchange=of("asking", 9)) == b"121"
    room.do(lambda unit: checkin(unit, desk_at(unit), "I1"))
    assert find(room, key(room), exchange=of("asking", 8)) == b"121"
    assert find(room, key(room), exchange=of("asking", 10)) is None


@pytest.mark.parametrize("kind", ["hold", "ledger", "block"])
def test_sp21_b_marks_of_every_kind(room: Room, kind: str) -> None:
    world = room.world
    who = world.patrons["P1"]

    def change(unit: Unit) -> None:
        if kind == "hold":
            unit.core.execute(tables.hold.update().values(version=tables.hold.c.version + 1))
        elif kind == "ledger":
            add_fee(unit.core, world, who, 100)
        else:
            audit(unit, "test", blocks.AUDITED, who, "BLOCK", now=NOW)

    with room.unit() as unit:
        subject = add_hold(unit.core, world, who, "T1") if kind == "hold" else who
        change(unit)
        mark = journal.MARKS[kind](unit, subject)
        assert mark > 0
        record(unit, room, key(room), (Effect(kind, subject, mark),))
    assert find(room, key(room)) == b"121"
    room.do(change)
    assert find(room, key(room)) is None


def test_jb14_what_is_old_is_pruned(room: Room) -> None:
    for number in range(3):
        with room.unit() as unit:
            record(unit, room, key(room), (), now=NOW + number * DAY, exchange=bytes([number]))
    assert room.do(lambda unit: journal.prune(unit, NOW + DAY)) == 1
    assert room.count(tables.journal) == 2


def test_no_two_rows_of_one_exchange(room: Room) -> None:
    """The schema refuses what the journal should have found."""
    lent(room)
    with room.unit() as unit, pytest.raises(CONFLICTS), unit.attempt():
        record(unit, room, key(room), ())
