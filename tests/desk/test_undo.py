"""BI=Y both ways: SP-23, HO-11."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sip2d.desk.outcome import Outcome
from sip2d.policy.facts import Mode
from sip2d.store import tables
from sip2d.store.unit import Unit
from tests.desk.acts import cancel_checkin, cancel_checkout, checkin, checkout, codes, renewal
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_hold, add_loan, seconds

MINUTE = timedelta(minutes=1)


def state(room: Room) -> dict[str, object]:
    """What an undone act must leave as it was: open loans, items, holds (but their version), what is owed."""
    loans = [row for row in room.rows(tables.loan) if row["status"] == "OPEN"]
    holds = [{**row, "version": 0} for row in room.rows(tables.hold)]
    owed = [row for row in room.rows(tables.fee_balance) if row["outstanding_minor"]]
    return {"loans": loans, "items": room.rows(tables.item), "holds": holds, "owed": owed}


def undo_loan(room: Room, item: str, branch: str = "CENTRAL", later: timedelta = MINUTE) -> Outcome:
    return room.do(lambda unit: cancel_checkout(unit, desk_at(unit, branch, now=NOW + later), item))


def undo_return(room: Room, patron: str, item: str, later: timedelta = MINUTE) -> Outcome:
    return room.do(lambda unit: cancel_checkin(unit, desk_at(unit, now=NOW + later), patron, item))


def nothing(room: Room) -> None:
    """An item on its shelf."""


def travelling(room: Room) -> None:
    """It was on its way to NORTH."""
    with room.unit() as unit:
        unit.core.execute(
            tables.item.update()
            .where(tables.item.c.barcode == "I1")
            .values(transit_to_branch_id=room.world.branches["NORTH"])
        )


def kept(room: Room) -> None:
    """It was on the hold shelf for this patron."""
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P1"], "T1", status="ON_SHELF",
                 filled_item_id=world.items["I1"], shelf_expires_at=seconds(NOW + 9 * MINUTE))  # fmt: skip


def wanted(room: Room) -> None:
    """He waited for any copy."""
    with room.unit() as unit:
        add_hold(unit.core, room.world, room.world.patrons["P1"], "T1")


@pytest.mark.parametrize("before", [nothing, travelling, kept, wanted], ids=lambda case: case.__name__)
def test_an_undone_loan_leaves_all_as_it_was(room: Room, before: Callable[[Room], None]) -> None:
    before(room)
    was = state(room)
    assert room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I1")).done
    assert state(room) != was
    outcome = undo_loan(room, "I1")
    assert outcome.done
    assert outcome.patron is not None
    assert outcome.patron.barcode == "P1"
    assert state(room) == was
    assert [row["kind"] for row in room.rows(tables.loan_event)] == ["LOAN", "CANCEL"]
    assert room.rows(tables.loan)[0]["closed_reason"] == "CANCEL"


def test_an_undone_rental_is_not_owed(room: Room) -> None:
    """SP-23: postings are reversed, not removed."""
    assert room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I-DVD", fee_ok=True)).done
    assert undo_loan(room, "I-DVD").done
    assert [row["outstanding_minor"] for row in room.rows(tables.fee_balance)] == [0]
    assert [row["kind"] for row in room.rows(tables.ledger_txn)] == ["CHARGE", "VOID"]


def test_an_undone_renewal_has_its_old_date(room: Room) -> None:
    """09 with BI=Y after an 11 that renewed."""
    with room.unit() as unit:
        add_loan(unit.core, room.world, room.world.items["I1"], room.world.patrons["P1"])
    was = state(room)
    assert room.do(lambda unit: renewal(unit, desk_at(unit), "P1", "I1")).done
    assert undo_loan(room, "I1").done
    assert state(room) == was


def test_an_undone_offline_loan_gives_the_hold_shelf_its_copy_back(room: Room) -> None:
    """HO-11: the conflict of HO-5 undone."""
    with room.unit() as unit:
        add_hold(unit.core, room.world, room.world.patrons["P2"], "T1", status="ON_SHELF",
                 filled_item_id=room.world.items["I1"])  # fmt: skip
    was = state(room)
    assert room.do(lambda unit: checkout(unit, desk_at(unit, mode=Mode.NO_BLOCK), "P1", "I1")).done
    assert undo_loan(room, "I1").done
    assert state(room) == was


def test_a_lost_item_lent_offline_and_undone_is_lost_again(room: Room) -> None:
    was = state(room)
    assert room.do(lambda unit: checkout(unit, desk_at(unit, mode=Mode.NO_BLOCK), "P1", "I-LOST")).done
    assert undo_loan(room, "I-LOST").done
    assert state(room) == was


@pytest.mark.parametrize("waiting", [False, True])
def test_an_undone_return_gives_the_loan_back(room: Room, waiting: bool) -> None:
    """The same due date, no renewal; the hold that the copy filled waits again (HO-11)."""
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P1"], renewal_count=1)
        if waiting:
            add_hold(unit.core, world, world.patrons["P2"], "T1", pickup="NORTH")
    was = state(room)
    assert room.do(lambda unit: checkin(unit, desk_at(unit), "I1")).done
    assert state(room) != was
    outcome = undo_return(room, "P1", "I1")
    assert (outcome.done, outcome.due_at) == (True, NOW + timedelta(days=21))
    assert state(room) == was


def lent(unit: Unit) -> None:
    assert checkout(unit, desk_at(unit), "P1", "I1").done


def given_back(unit: Unit) -> None:
    lent(unit)
    assert checkin(unit, desk_at(unit), "I1").done


REFUSED: list[tuple[str, Callable[[Unit], None] | None, Callable[[Room], Outcome], str]] = [
    ("nothing happened", None, lambda room: undo_loan(room, "I1"), "CANCEL_NOTHING"),
    ("too late", lent, lambda room: undo_loan(room, "I1", later=11 * MINUTE), "CANCEL_TOO_LATE"),
    ("elsewhere", lent, lambda room: undo_loan(room, "I1", "NORTH"), "CANCEL_NOTHING"),
    ("returned since", given_back, lambda room: undo_loan(room, "I1"), "CANCEL_NOTHING"),
    ("not returned", lent, lambda room: undo_return(room, "P1", "I1"), "CANCEL_NOTHING"),
    ("another's return", given_back, lambda room: undo_return(room, "P2", "I1"), "CANCEL_NOTHING"),
    ("late return", given_back, lambda room: undo_return(room, "P1", "I1", 11 * MINUTE), "CANCEL_TOO_LATE"),
]


@pytest.mark.parametrize(("case", "first", "undo", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_sp23_what_may_not_be_undone_stays(
    room: Room,
    case: str,
    first: Callable[[Unit], None] | None,
    undo: Callable[[Room], Outcome],
    expected: str,
) -> None:
    if first is not None:
        room.do(first)
    before = room.snapshot()
    outcome = undo(room)
    assert (outcome.done, codes(outcome), outcome.effects) == (False, [expected], ())
    assert room.snapshot() == before


def test_nothing_is_undone_twice(room: Room) -> None:
    room.do(lent)
    assert undo_loan(room, "I1").done
    assert codes(undo_loan(room, "I1")) == ["CANCEL_NOTHING"]


def test_at_the_end_of_the_window_it_is_still_undone(room: Room) -> None:
    room.do(lent)
    assert undo_loan(room, "I1", later=10 * MINUTE).done


def test_a_new_hold_is_not_overwritten_by_the_old_one(room: Room) -> None:
    """One active hold a patron and title: the undone loan's hold stays fulfilled."""
    wanted(room)
    room.do(lent)
    wanted(room)
    assert undo_loan(room, "I1").done
    assert [row["status"] for row in room.rows(tables.hold)] == ["FULFILLED", "PENDING"]
