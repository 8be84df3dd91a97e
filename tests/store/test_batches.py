"""The record of bulk renewals (BR-21) never makes a renewal fail, whatever was asked for; both databases."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from sip2d.store import batches, tables
from sip2d.store.batches import LONGEST, Attempt, Batch
from sip2d.store.records import Record
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare
from tests.support.library import NOW, seconds


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    with opened(databases.fresh(prepare)) as room:
        yield room


def batch(room: Room) -> Batch:
    return Batch(7 << 20, room.world.terminals["kiosk-north"], room.world.branches["NORTH"], "bulk", NOW)


def attempt(patron: str = "P1", message: str = "", outcome: str = "RENEWED") -> Attempt:
    return Attempt(patron, "I1", NOW, outcome, "OK", message, NOW + timedelta(seconds=5))


def listed(room: Room) -> list[Record]:
    """The batches as they are read."""
    return room.do(lambda unit: batches.batches(unit, room.world.institutions["MAIN"], None, NOW, 9))


@pytest.mark.parametrize(
    "said", ["x" * 300, "a\0b", "na\udcefve", "\udcff" * 300, "\N{PILE OF POO}" * 300, ""]
)
def test_br_21_whatever_was_said_is_kept_as_far_as_it_can_be(room: Room, said: str) -> None:
    with room.unit() as unit:
        batches.note(unit, batch(room), attempt(said, said))
    (kept,) = room.rows(tables.renewal_batch_item)
    assert len(str(kept["patron_barcode"])) <= LONGEST
    assert str(kept["message"])[:1] == said[:1].replace("\udcff", "\\")


def test_br_21_totals_and_numbers(room: Room) -> None:
    outcomes = ["RENEWED", "SKIPPED", "RENEWED", "FAILED", "RENEWED"]
    for outcome in outcomes:
        with room.unit() as unit:
            batches.note(unit, batch(room), attempt(outcome=outcome))
    (row,) = listed(room)
    assert (row["renewed"], row["skipped"], row["failed"]) == (3, 1, 1)
    assert (row["started_at"], row["last_at"]) == (seconds(NOW), seconds(NOW) + 5)
    kept = room.rows(tables.renewal_batch_item)
    assert [(one["sequence"], one["outcome"]) for one in kept] == list(enumerate(outcomes, start=1))


def test_br_21_two_sessions_of_one_number_share_a_batch(room: Room) -> None:
    """One chance in two thousand a millisecond, and nobody is harmed."""
    other = msgspec.structs.replace(batch(room), terminal_id=room.world.terminals["kiosk-central"])
    with room.unit() as unit:
        batches.note(unit, batch(room), attempt())
        batches.note(unit, other, attempt())
    assert [row["renewed"] for row in listed(room)] == [2]


def test_br_21_a_batch_that_cannot_be_written_leaves_the_unit_as_it_is(room: Room) -> None:
    """Its terminal was deleted meanwhile: what else the unit did is committed."""
    gone = msgspec.structs.replace(batch(room), terminal_id=9999)
    with room.unit() as unit:
        before = unit.core.execute(tables.patron.select()).first()
        assert before is not None
        unit.core.execute(tables.patron.update().values(phone="changed"))
        batches.note(unit, gone, attempt())
    assert {row["phone"] for row in room.rows(tables.patron)} == {"changed"}
    assert room.rows(tables.renewal_batch) == room.rows(tables.renewal_batch_item) == []
