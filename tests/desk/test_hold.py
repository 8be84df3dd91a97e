"""Holds: place, change, cancel, the queue (HO-1..HO-3, HO-12)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from sip2d.desk import hold as acts
from sip2d.desk.outcome import Effect, HoldOutcome
from sip2d.store import holds
from sip2d.store.tables import hold as hold_table
from sip2d.store.tables import item as item_table
from sip2d.store.unit import Unit
from tests.desk.stand import Stand, opened
from tests.support import library
from tests.support.databases import Databases
from tests.support.library import NOW, seconds


@pytest.fixture
def stand(databases: Databases) -> Iterator[Stand]:
    with opened(databases) as stand:
        yield stand


def lend(stand: Stand, unit: Unit, item: str, patron: str, **values: object) -> int:
    return library.add_loan(
        unit.core,
        stand.world,
        stand.world.items[item],
        stand.world.patrons[patron],
        **values,  # type: ignore[arg-type]  # a table's values
    )


def place(stand: Stand, unit: Unit, patron: str, item: str | None, **how: object) -> HoldOutcome:
    """Place as message 15 does; ``allowed`` is the branch's available_hold_allowed."""
    allowed = bool(how.pop("allowed", True))
    asked: dict[str, object] = {"title_number": None, "hold_type": None, "pickup_code": None, **how}
    return acts.place(
        unit,
        stand.desk(unit, available_hold_allowed=allowed),
        stand.patron(unit, patron),
        item=None if item is None else stand.item(unit, item),
        **asked,  # type: ignore[arg-type]  # a table's values
    )


@pytest.mark.parametrize(
    ("asked", "scope", "on_item", "copy_branch", "pickup"),
    [
        ({}, "TITLE", None, None, "CENTRAL"),
        ({"hold_type": "2"}, "TITLE", None, None, "CENTRAL"),
        ({"hold_type": "1"}, "TITLE", None, None, "CENTRAL"),
        ({"hold_type": "3"}, "ITEM", "I2", None, "CENTRAL"),
        ({"hold_type": "4"}, "BRANCH", None, "NORTH", "CENTRAL"),
        ({"pickup_code": "NORTH"}, "TITLE", None, None, "NORTH"),
        ({"pickup_code": "Taylor"}, "TITLE", None, None, "CENTRAL"),
        ({"pickup_code": "ANNEX"}, "TITLE", None, None, "CENTRAL"),
    ],
)
def test_ho_1_ho_2_what_is_held_and_where(
    stand: Stand,
    asked: dict[str, object],
    scope: str,
    on_item: str | None,
    copy_branch: str | None,
    pickup: str,
) -> None:
    """BY 2, 3, 4; BS, or the patron's home branch where BS is no branch of the institution."""
    branches, items = stand.world.branches, stand.world.items
    with stand.act() as unit:
        outcome = place(stand, unit, "P1", "I2", **asked)
        assert outcome.done, outcome.reasons
        made = outcome.hold
        assert made is not None
        assert stand.hold(unit, made.id) == made
        assert (made.scope, made.status, made.kind, made.version) == (scope, "PENDING", "HOLD", 1)
        assert made.item_id == (items[on_item] if on_item else None)
        assert made.copy_branch_id == (branches[copy_branch] if copy_branch else None)
        assert made.pickup_branch_id == branches[pickup]
        assert outcome.position == 1
        assert outcome.available
        assert outcome.title == "Title T1"
        assert outcome.effects == (Effect("hold", made.id, 1),)


@pytest.mark.parametrize(
    ("patron", "item", "how", "reason"),
    [
        ("P1", None, {"title_number": "no such title"}, "TITLE_UNKNOWN"),
        ("P1", None, {}, "ITEM_UNKNOWN"),
        ("P1", None, {"title_number": "T1", "hold_type": "3"}, "ITEM_UNKNOWN"),
        ("P1", "I-REF", {}, "NOT_HOLDABLE"),
        ("P1", "I-NOT-FOR-LOAN", {}, "NOT_HOLDABLE"),
        ("P1", "I-LOST", {}, "NOT_HOLDABLE"),
        ("P1", "I1", {"allowed": False}, "HOLD_AVAILABLE"),
        ("P1", None, {"title_number": "T1", "allowed": False}, "HOLD_AVAILABLE"),
        ("P-EXPIRED", "I1", {}, "PATRON_EXPIRED"),
        ("P-LOST", "I1", {}, "CARD_LOST"),
        ("P1", "I1", {"kind": "RECALL"}, "ITEM_NOT_ON_LOAN"),
    ],
)
def test_ho_2_what_denies_a_hold(
    stand: Stand, patron: str, item: str | None, how: dict[str, object], reason: str
) -> None:
    with stand.act() as unit:
        outcome = place(stand, unit, patron, item, **how)
        assert not outcome.done
        assert reason in [each.code for each in outcome.reasons]
        assert outcome.effects == ()
        assert holds.of_patron(unit, stand.world.patrons[patron], "all") == []


def test_ho_2_a_title_is_held_once_and_not_while_on_loan(stand: Stand) -> None:
    with stand.act() as unit:
        assert place(stand, unit, "P1", "I1").done
        assert [reason.code for reason in place(stand, unit, "P1", "I2").reasons] == ["HOLD_DUPLICATE"]
        lend(stand, unit, "I3", "P1")
        assert [reason.code for reason in place(stand, unit, "P1", "I3").reasons] == ["HOLD_DUPLICATE"]


def test_ho_2_hold_limit(stand: Stand) -> None:
    """A CHILD may have one hold."""
    with stand.act() as unit:
        assert place(stand, unit, "P-CHILD", "I1").done
        assert [reason.code for reason in place(stand, unit, "P-CHILD", "I3").reasons] == ["HOLD_LIMIT"]


def test_ho_2_available_means_a_copy_on_the_shelf(stand: Stand) -> None:
    """On loan, travelling or kept for another: no copy stands on the shelf."""
    with stand.act() as unit:
        lend(stand, unit, "I1", "P2")
        assert place(stand, unit, "P1", "I1").available  # I2 stands at NORTH
        library.add_hold(
            unit.core,
            stand.world,
            stand.world.patrons["P2"],
            "T1",
            status="ON_SHELF",
            filled_item_id=stand.world.items["I2"],
        )
        assert not place(stand, unit, "P-STAFF", "I1").available
        unit.core.execute(
            update(item_table)
            .where(item_table.c.id == stand.world.items["I3"])
            .values(transit_to_branch_id=stand.world.branches["NORTH"])
        )
        assert not place(stand, unit, "P1", "I3").available


@pytest.mark.parametrize(("days", "kept"), [(3, True), (-3, False)])
def test_ho_2_not_needed_after(stand: Stand, days: int, kept: bool) -> None:
    """BW in the past says nothing (a kiosk with a wrong clock)."""
    until = NOW + timedelta(days=days)
    with stand.act() as unit:
        made = place(stand, unit, "P1", "I1", expires_at=until).hold
        assert made is not None
        assert stand.hold(unit, made.id).expires_at == (until if kept else None)


def test_ho_3_order_of_the_queue(stand: Stand) -> None:
    """Recalls and schedules in their period, then priority, time placed, id."""
    day = timedelta(days=1)
    wanted: list[tuple[str, dict[str, object]]] = [
        ("recall", {"kind": "RECALL", "placed_at": NOW}),
        ("schedule", {"kind": "SCHEDULE", "starts_at": seconds(NOW - day), "placed_at": NOW, "priority": 1}),
        ("old", {"placed_at": NOW - 9 * day}),
        ("same second", {"placed_at": NOW - 9 * day}),
        ("young", {"placed_at": NOW - 8 * day}),
        ("less urgent", {"placed_at": NOW - 20 * day, "priority": 1}),
        ("later schedule", {"kind": "SCHEDULE", "starts_at": seconds(NOW + day), "priority": 2}),
    ]
    with stand.act() as unit:
        world = stand.world
        ids = []
        for name, values in (*wanted[4:], *wanted[:4]):
            patron = library.add_patron(unit.core, world, f"Q {name}")
            ids.append((library.add_hold(unit.core, world, patron, "T2", **values), name))  # type: ignore[arg-type]  # a table's values
        places = {name: holds.position(unit, stand.hold(unit, id_), NOW) for id_, name in ids}
        assert places == {name: place for place, (name, _) in enumerate(wanted, start=1)}


def test_ho_3_a_later_hold_stands_behind(stand: Stand) -> None:
    with stand.act() as unit:
        assert [place(stand, unit, who, "I1").position for who in ("P1", "P2", "P-STAFF")] == [1, 2, 3]


def test_ho_3_change_keeps_the_place(stand: Stand) -> None:
    with stand.act() as unit:
        desk = stand.desk(unit)
        place(stand, unit, "P1", "I1")
        place(stand, unit, "P2", "I1")
        until = NOW + timedelta(days=30)
        outcome = acts.change(
            unit,
            desk,
            stand.patron(unit, "P1"),
            item=stand.item(unit, "I2"),
            title_number=None,
            pickup_code="NORTH",
            expires_at=until,
        )
        assert outcome.done
        assert outcome.position == 1
        assert outcome.hold is not None
        assert stand.hold(unit, outcome.hold.id) == outcome.hold
        assert outcome.hold.pickup_branch_id == stand.world.branches["NORTH"]
        assert outcome.hold.expires_at == until
        assert outcome.effects == (Effect("hold", outcome.hold.id, 2),)
        again = acts.change(
            unit, desk, stand.patron(unit, "P1"), item=stand.item(unit, "I2"), title_number=None
        )
        assert again.hold is not None
        assert (again.hold.pickup_branch_id, again.hold.expires_at) == (stand.world.branches["NORTH"], until)


@pytest.mark.parametrize(
    ("status", "pickup", "reason"),
    [
        ("ON_SHELF", "NORTH", "HOLD_PICKUP_FIXED"),
        ("ON_SHELF", "CENTRAL", None),
        ("PENDING", "NORTH", None),
        ("PENDING", "nowhere", "HOLD_PICKUP_UNKNOWN"),
    ],
)
def test_ho_12_limits_of_change(stand: Stand, status: str, pickup: str, reason: str | None) -> None:
    with stand.act() as unit:
        filled = stand.world.items["I1"] if status == "ON_SHELF" else None
        library.add_hold(
            unit.core, stand.world, stand.world.patrons["P1"], "T1", status=status, filled_item_id=filled
        )
        outcome = acts.change(
            unit,
            stand.desk(unit),
            stand.patron(unit, "P1"),
            item=None,
            title_number="T1",
            pickup_code=pickup,
        )
        assert outcome.done is (reason is None)
        assert [each.code for each in outcome.reasons] == ([] if reason is None else [reason])


def test_ho_3_cancel_and_nothing_to_cancel(stand: Stand) -> None:
    with stand.act() as unit:
        desk = stand.desk(unit)
        made = place(stand, unit, "P1", "I1").hold
        assert made is not None
        done = acts.cancel(unit, desk, stand.patron(unit, "P1"), item=None, title_number="T1")
        assert done.done
        assert done.effects == (Effect("hold", made.id, 2),)
        assert stand.hold(unit, made.id).status == "CANCELLED"
        again = acts.cancel(unit, desk, stand.patron(unit, "P1"), item=None, title_number="T1")
        assert [reason.code for reason in again.reasons] == ["HOLD_UNKNOWN"]
        assert place(stand, unit, "P1", "I1").done, "the place is free again"


def test_ho_12_cancelling_sends_the_copy_to_the_next_hold(stand: Stand) -> None:
    with stand.act() as unit:
        first = library.add_hold(
            unit.core,
            stand.world,
            stand.world.patrons["P1"],
            "T2",
            status="ON_SHELF",
            filled_item_id=stand.world.items["I3"],
        )
        second = library.add_hold(unit.core, stand.world, stand.world.patrons["P2"], "T2", pickup="NORTH")
        acts.cancel(
            unit, stand.desk(unit), stand.patron(unit, "P1"), item=stand.item(unit, "I3"), title_number=None
        )
        assert stand.hold(unit, first).status == "CANCELLED"
        assert stand.hold(unit, second).status == "IN_TRANSIT"
        item = stand.item(unit, "I3")
        assert item.transit_to_branch_id == stand.world.branches["NORTH"]
        assert item.shelf_hold is not None
        assert item.shelf_hold.id == second


def test_ho_12_cancelling_sends_the_copy_home_when_nobody_waits(stand: Stand) -> None:
    """I2 belongs to NORTH and waits at CENTRAL."""
    with stand.act() as unit:
        world = stand.world
        unit.core.execute(
            update(item_table)
            .where(item_table.c.id == world.items["I2"])
            .values(holding_branch_id=world.branches["CENTRAL"])
        )
        library.add_hold(
            unit.core, world, world.patrons["P1"], "T1", status="ON_SHELF", filled_item_id=world.items["I2"]
        )
        acts.cancel(unit, stand.desk(unit), stand.patron(unit, "P1"), item=None, title_number="T1")
        item = stand.item(unit, "I2")
        assert item.shelf_hold is None
        assert item.transit_to_branch_id == world.branches["NORTH"]


def test_ho_5_fulfilling_and_ho_11_restoring(stand: Stand) -> None:
    with stand.act() as unit:
        item_id = stand.world.items["I3"]
        hold_id = library.add_hold(
            unit.core,
            stand.world,
            stand.world.patrons["P1"],
            "T2",
            status="ON_SHELF",
            filled_item_id=item_id,
            shelf_expires_at=seconds(NOW + timedelta(days=7)),
        )
        before = stand.hold(unit, hold_id)
        assert holds.close(unit, before, "FULFILLED", NOW, item_id) is not None
        assert stand.hold(unit, hold_id).status == "FULFILLED"
        assert holds.close(unit, before, "FULFILLED", NOW, item_id) is None
        holds.restore(unit, holds.state(before))
        after = stand.hold(unit, hold_id)
        assert (after.status, after.filled_item_id, after.shelf_expires_at) == (
            "ON_SHELF",
            item_id,
            before.shelf_expires_at,
        )
        assert after.version > before.version


def test_a_hold_that_changed_meanwhile_is_not_filled(stand: Stand) -> None:
    """Two copies come back at once: the second one sees that the first was faster."""
    with stand.act() as unit:
        hold_id = library.add_hold(unit.core, stand.world, stand.world.patrons["P1"], "T1")
        seen = stand.hold(unit, hold_id)
        assert holds.fill(unit, seen, "IN_TRANSIT", stand.world.items["I1"], None) is not None
        assert holds.fill(unit, seen, "IN_TRANSIT", stand.world.items["I2"], None) is None
        assert holds.change(unit, seen, stand.world.branches["NORTH"], None) is None


def test_ho_9_lists(stand: Stand) -> None:
    """Ready is on the shelf; pending waits or travels."""
    with stand.act() as unit:
        patron = stand.world.patrons["P1"]
        for number, item, status in (
            ("T1", "I1", "ON_SHELF"),
            ("T2", "I3", "IN_TRANSIT"),
            ("T3", None, "PENDING"),
            ("T4", None, "CANCELLED"),
        ):
            library.add_hold(
                unit.core,
                stand.world,
                patron,
                number,
                status=status,
                filled_item_id=stand.world.items[item] if item else None,
                closed_at=seconds(NOW) if status == "CANCELLED" else None,
            )
        shown = {
            which: [(row.title_number, row.barcode) for row in holds.of_patron(unit, patron, which)]
            for which in ("ready", "pending", "all")
        }
        assert shown["ready"] == [("T1", "I1")]
        assert sorted(shown["pending"], key=str) == [("T2", "I3"), ("T3", None)]
        assert len(shown["all"]) == 3
        facts = stand.patron(unit, "P1")
        assert (facts.holds_ready, facts.holds_pending) == (1, 2)
        assert unit.core.execute(hold_table.select()).all()
