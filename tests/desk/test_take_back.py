"""Taking back: CO-20, CO-21, HO-4, LO-63, SP-22, OX-1."""

from datetime import timedelta
from typing import Any

import pytest

from sip2d.desk.outcome import Outcome
from sip2d.policy.facts import Mode
from sip2d.store import tables
from tests.desk.acts import bypassed, checkin, checkout, codes, notes
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_block, add_hold, add_loan, seconds

HOUR = timedelta(hours=1)


def returned(room: Room, item: str = "I1", branch: str = "CENTRAL", **settings: Any) -> Outcome:
    return room.do(lambda unit: checkin(unit, desk_at(unit, branch, **settings), item))


def test_a_return_closes_the_loan(room: Room) -> None:
    """CO-20: the borrower is told, one event, the item on its shelf."""
    world = room.world
    with room.unit() as unit:
        loan = add_loan(unit.core, world, world.items["I1"], world.patrons["P1"])
    outcome = returned(room)
    assert (outcome.done, notes(outcome), codes(outcome)) == (True, [], [])
    assert outcome.patron is not None
    assert outcome.patron.barcode == "P1"
    assert outcome.routing is not None
    assert outcome.routing.kind == "SHELF"
    (row,) = room.rows(tables.loan)
    assert (row["id"], row["status"], row["closed_reason"], row["closed_at"]) == (
        loan, "CLOSED", "RETURN", seconds(NOW),
    )  # fmt: skip
    event = room.rows(tables.loan_event)[-1]
    assert (event["kind"], event["loan_id"], event["patron_id"]) == ("RETURN", loan, world.patrons["P1"])
    assert outcome.effects[0].mark == event["id"]


@pytest.mark.parametrize("patron", ["P-EXPIRED", "P-LOST", "P2"])
def test_co20_the_patrons_standing_does_not_matter(room: Room, patron: str) -> None:
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons[patron])
        add_block(unit.core, world.patrons[patron])
    assert returned(room).done


def test_what_is_not_on_loan_is_taken_and_nothing_happens(room: Room) -> None:
    """CO-20: ok with a note, no event, no effect."""
    before = room.snapshot()
    outcome = returned(room)
    assert (outcome.done, notes(outcome), outcome.effects) == (True, ["ITEM_NOT_ON_LOAN"], ())
    assert room.snapshot() == before


def test_what_is_not_on_loan_is_still_routed(room: Room) -> None:
    """HO-4: a hold waits for it; scanning it once more changes nothing."""
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P2"], "T1")
    outcome = returned(room)
    assert (outcome.done, notes(outcome)) == (True, ["ITEM_NOT_ON_LOAN", "RETURN_OK_HELD"])
    assert [row["kind"] for row in room.rows(tables.loan_event)] == ["ROUTE"]
    assert len(outcome.effects) == 1
    before = room.snapshot()
    again = returned(room)
    assert (notes(again), again.effects) == (["ITEM_NOT_ON_LOAN", "RETURN_OK_HELD"], ())
    assert room.snapshot() == before


def test_a_return_elsewhere_sends_it_home(room: Room) -> None:
    """HO-8, and the branch of record is the terminal's (CN-3)."""
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P1"])
    outcome = returned(room, branch="NORTH")
    assert notes(outcome) == ["RETURN_OK_TRANSFER"]
    assert outcome.notes[0].values["branch"] == "Central"
    item = room.rows(tables.item, barcode="I1")[0]
    assert (item["holding_branch_id"], item["transit_to_branch_id"]) == (
        world.branches["NORTH"], world.branches["CENTRAL"],
    )  # fmt: skip
    assert room.rows(tables.loan_event)[-1]["branch_id"] == world.branches["NORTH"]


def test_lo63_a_lost_item_is_found_unless_it_is_blocked(room: Room) -> None:
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I-LOST"], world.patrons["P1"])
    before = room.snapshot()
    refused = returned(room, "I-LOST", block_return_of_lost=True)
    assert (refused.done, codes(refused)) == (False, ["ITEM_LOST"])
    assert room.snapshot() == before
    assert returned(room, "I-LOST").done
    assert room.rows(tables.item, barcode="I-LOST")[0]["lost_status"] == 0
    assert [row["kind"] for row in room.rows(tables.loan_event)] == ["LOAN", "FOUND", "RETURN"]


def test_the_item_types_message_is_told(room: Room) -> None:
    """CO-20, ITEMTYPE_CHECKIN_MESSAGE."""
    world = room.world
    with room.unit() as unit:
        kind = library.add(unit.core, tables.item_type, institution_id=world.institutions["MAIN"], code="TOY",
                           name="Toy", checkin_message="Count the pieces.")  # fmt: skip
        library.add_item(unit.core, library.read(unit.core), "I-TOY", title="T30", type="TOY")
        unit.core.exec_driver_sql("UPDATE library_epoch SET epoch = epoch + 1")
    outcome = returned(room, "I-TOY")
    assert kind
    assert outcome.notes[-1].values == {"reason": "Count the pieces."}


def test_co21_a_stored_return_is_dated_back(room: Room) -> None:
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P1"])
    outcome = room.do(
        lambda unit: checkin(unit, desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - HOUR), "I1")
    )
    assert outcome.done
    assert room.rows(tables.loan)[0]["closed_at"] == seconds(NOW - HOUR)
    event = room.rows(tables.loan_event)[-1]
    assert (event["event_at"], event["recorded_at"]) == (seconds(NOW - HOUR), seconds(NOW))


def test_of32_a_return_older_than_the_loan_closes_nothing(room: Room) -> None:
    """sip2.md 6.1: answered ok, noted as an exception."""
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P1"], loaned_at=NOW - HOUR)
    before = room.snapshot()
    outcome = room.do(
        lambda unit: checkin(unit, desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - 2 * HOUR), "I1")
    )
    assert (outcome.done, bypassed(outcome), outcome.effects) == (True, ["NEWER_TRANSACTION"], ())
    assert room.snapshot() == before


def test_ox1_a_stored_afternoon_in_order(room: Room) -> None:
    """Lent, returned, lent to another: a hold filled in between does not make the last one late."""
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P-STAFF"], "T1")
    minutes = {10: "P1", 5: "", 1: "P2"}
    for ago, patron in minutes.items():
        with room.unit() as unit:
            desk = desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - timedelta(minutes=ago))
            assert (checkout(unit, desk, patron, "I1") if patron else checkin(unit, desk, "I1")).done
    first, second = room.rows(tables.loan)
    assert (first["status"], second["status"]) == ("CLOSED", "OPEN")
    assert second["patron_id"] == world.patrons["P2"]


def test_acts_of_one_second_follow_each_other(room: Room) -> None:
    """What happened in the same second is not newer: the return closes the loan."""
    with room.unit() as unit:
        desk = desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - HOUR)
        assert checkout(unit, desk, "P1", "I1").done
        assert checkin(unit, desk, "I1").done
    assert [row["status"] for row in room.rows(tables.loan)] == ["CLOSED"]


def test_routing_makes_no_stored_loan_late(room: Room) -> None:
    """The item was only moved since (ROUTE), nothing happened to it at a desk."""
    with room.unit() as unit:
        add_hold(unit.core, room.world, room.world.patrons["P2"], "T1")
    returned(room)
    assert [row["kind"] for row in room.rows(tables.loan_event)] == ["ROUTE"]
    with room.unit() as unit:
        desk = desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - HOUR)
        assert bypassed(checkout(unit, desk, "P1", "I1")) == ["ITEM_HELD", "HOLD_CONFLICT"]
