"""Where a returned item goes (HO-4), how that is undone (HO-11), and that routing asks once per hold."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import insert, select, update

from sip2d.desk import route
from sip2d.desk.outcome import Routing
from sip2d.store import epoch
from sip2d.store.tables import calendar_exception, loan_event
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


def hold(stand: Stand, unit: Unit, patron: str, title: str, **values: object) -> int:
    return library.add_hold(unit.core, stand.world, stand.world.patrons[patron], title, **values)  # type: ignore[arg-type]  # a table's values


def place_item(stand: Stand, unit: Unit, item: str, **values: object) -> None:
    unit.core.execute(update(item_table).where(item_table.c.id == stand.world.items[item]).values(**values))


def routed(stand: Stand, unit: Unit, item: str, branch: str = "CENTRAL") -> Routing:
    place = unit.library.branches[stand.world.branches[branch]]
    return route.route(unit, stand.desk(unit, branch), stand.item(unit, item), place)


@pytest.mark.parametrize(
    ("item", "at", "kind", "destination"),
    [
        ("I1", "CENTRAL", "SHELF", None),
        ("I1", "NORTH", "TRANSIT", "CENTRAL"),
        ("I2", "CENTRAL", "TRANSIT", "NORTH"),
        ("I-LOST", "NORTH", "TRANSIT", "CENTRAL"),
    ],
)
def test_ho_4_without_a_hold_home(
    stand: Stand, item: str, at: str, kind: str, destination: str | None
) -> None:
    branches = stand.world.branches
    with stand.act() as unit:
        routing = routed(stand, unit, item, at)
        assert (routing.kind, routing.hold) == (kind, None)
        assert routing.destination_branch_id == (branches[destination] if destination else None)
        after = stand.item(unit, item)
        assert after.holding_branch_id == branches[at]
        assert after.transit_to_branch_id == (branches[destination] if destination else None)


def test_ho_4_at_the_pickup_branch_the_copy_waits_on_the_shelf(stand: Stand) -> None:
    """For hold_shelf_days open days (7), to the end of that day in Paris."""
    with stand.act() as unit:
        hold_id = hold(stand, unit, "P1", "T1")
        routing = routed(stand, unit, "I1")
        assert routing.kind == "HOLD_HERE"
        assert routing.destination_branch_id == stand.world.branches["CENTRAL"]
        assert routing.hold is not None
        assert routing.hold == stand.hold(unit, hold_id)
        assert routing.hold.status == "ON_SHELF"
        assert routing.hold.shelf_expires_at == datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC)
        assert routing.hold_patron is not None
        assert routing.hold_patron.barcode == "P1"
        after = stand.item(unit, "I1")
        assert after.shelf_hold == routing.hold
        assert after.transit_to_branch_id is None


def test_ho_4_closed_days_do_not_count(stand: Stand) -> None:
    with stand.act() as unit:
        unit.core.execute(
            insert(calendar_exception).values(
                institution_id=stand.world.institutions["MAIN"], day_on="2026-03-12", open=0
            )
        )
        epoch.bump(unit)
    with stand.act() as unit:
        hold(stand, unit, "P1", "T1")
        filled = routed(stand, unit, "I1").hold
        assert filled is not None
        assert filled.shelf_expires_at == datetime(2026, 3, 17, 22, 59, 59, tzinfo=UTC)


def test_ho_4_elsewhere_it_travels_and_arrives(stand: Stand) -> None:
    branches = stand.world.branches
    with stand.act() as unit:
        hold_id = hold(stand, unit, "P1", "T1", pickup="NORTH")
        sent = routed(stand, unit, "I1")
        assert (sent.kind, sent.destination_branch_id) == ("HOLD_ELSEWHERE", branches["NORTH"])
        assert stand.hold(unit, hold_id).status == "IN_TRANSIT"
        assert stand.hold(unit, hold_id).shelf_expires_at is None
        assert stand.item(unit, "I1").transit_to_branch_id == branches["NORTH"]
        again = routed(stand, unit, "I1")
        assert again.kind == "HOLD_ELSEWHERE", "scanned once more before it left"
        assert stand.hold(unit, hold_id).version == 2
        arrived = routed(stand, unit, "I1", "NORTH")
        assert arrived.kind == "HOLD_HERE"
        assert stand.hold(unit, hold_id).status == "ON_SHELF"
        after = stand.item(unit, "I1")
        assert (after.holding_branch_id, after.transit_to_branch_id) == (branches["NORTH"], None)


def test_ho_4_a_copy_kept_on_the_shelf_stays_and_keeps_its_limit(stand: Stand) -> None:
    with stand.act() as unit:
        limit = seconds(NOW + timedelta(days=1))
        hold_id = hold(
            stand,
            unit,
            "P1",
            "T1",
            status="ON_SHELF",
            filled_item_id=stand.world.items["I1"],
            shelf_expires_at=limit,
        )
        before = stand.hold(unit, hold_id)
        assert routed(stand, unit, "I1").kind == "HOLD_HERE"
        assert stand.hold(unit, hold_id) == before
        assert routed(stand, unit, "I1", "NORTH").kind == "HOLD_ELSEWHERE"
        assert stand.hold(unit, hold_id).status == "IN_TRANSIT"


@pytest.mark.parametrize(
    ("values", "fills"),
    [
        ({}, True),
        ({"scope": "ITEM", "item_id": "I1"}, True),
        ({"scope": "ITEM", "item_id": "I2"}, False),
        ({"scope": "BRANCH", "copy_branch_id": "CENTRAL"}, True),
        ({"scope": "BRANCH", "copy_branch_id": "NORTH"}, False),
        ({"expires_at": seconds(NOW - timedelta(days=1))}, False),
        ({"expires_at": seconds(NOW + timedelta(days=1))}, True),
        ({"kind": "SCHEDULE", "starts_at": seconds(NOW + timedelta(days=1))}, False),
        ({"kind": "SCHEDULE", "starts_at": seconds(NOW - timedelta(days=1))}, True),
        ({"status": "CANCELLED", "closed_at": seconds(NOW)}, False),
    ],
)
def test_ho_4_which_hold_a_copy_can_fill(stand: Stand, values: dict[str, object], fills: bool) -> None:
    ids = {**stand.world.items, **stand.world.branches}
    given = {
        name: ids[value] if name in ("item_id", "copy_branch_id") and isinstance(value, str) else value
        for name, value in values.items()
    }
    with stand.act() as unit:
        hold(stand, unit, "P1", "T1", **given)
        assert (routed(stand, unit, "I1").hold is not None) is fills


@pytest.mark.parametrize("flag", ["withdrawn", "not_for_loan", "lost_status"])
def test_ho_4_a_copy_that_is_not_lent_fills_nothing(stand: Stand, flag: str) -> None:
    with stand.act() as unit:
        hold(stand, unit, "P1", "T1")
        place_item(stand, unit, "I1", **{flag: 1})
        assert routed(stand, unit, "I1").kind == "SHELF"


def test_ho_4_a_type_without_terms_fills_nothing(stand: Stand) -> None:
    """REFERENCE has no rule: nothing lends it (NO_RULE)."""
    with stand.act() as unit:
        hold(stand, unit, "P1", "T7")
        assert routed(stand, unit, "I-REF").kind == "SHELF"


def test_ho_3_the_first_in_the_queue_gets_it(stand: Stand) -> None:
    with stand.act() as unit:
        hold(stand, unit, "P1", "T1")
        first = hold(stand, unit, "P2", "T1", placed_at=NOW - timedelta(days=9))
        filled = routed(stand, unit, "I1").hold
        assert filled is not None
        assert filled.id == first


@pytest.mark.parametrize("pickup", ["CENTRAL", "NORTH"])
def test_ho_11_unroute_restores_item_and_hold(stand: Stand, pickup: str) -> None:
    with stand.act() as unit:
        place_item(stand, unit, "I1", transit_to_branch_id=stand.world.branches["CENTRAL"])
        hold_id = hold(stand, unit, "P1", "T1", pickup=pickup)
        item, before = stand.item(unit, "I1"), stand.hold(unit, hold_id)
        routing = routed(stand, unit, "I1")
        written = json.loads(msgspec.json.encode(route.detail(item, routing)))
        route.unroute(unit, stand.desk(unit), stand.item(unit, "I1"), written)
        after, again = stand.item(unit, "I1"), stand.hold(unit, hold_id)
        assert (after.holding_branch_id, after.transit_to_branch_id, after.shelf_hold) == (
            item.holding_branch_id,
            item.transit_to_branch_id,
            None,
        )
        assert again == msgspec.structs.replace(before, version=again.version)
        assert again.version > before.version + 1


def test_ho_11_a_hold_cancelled_meanwhile_stays_cancelled(stand: Stand) -> None:
    with stand.act() as unit:
        hold_id = hold(stand, unit, "P1", "T1")
        item = stand.item(unit, "I1")
        written = route.detail(item, routed(stand, unit, "I1"))
        unit.core.execute(
            update(hold_table).values(status="CANCELLED", filled_item_id=None, closed_at=seconds(NOW))
        )
        route.unroute(unit, stand.desk(unit), stand.item(unit, "I1"), written)
        assert stand.hold(unit, hold_id).status == "CANCELLED"


def test_sending_on_leaves_a_route_event(stand: Stand) -> None:
    """So that nobody undoes an older act over it (SP-23)."""
    with stand.act() as unit:
        assert route.send_on(unit, stand.desk(unit), stand.world.items["I1"]) is not None
        event = unit.core.execute(select(loan_event.c.kind, loan_event.c.item_id)).one()
        assert tuple(event) == ("ROUTE", stand.world.items["I1"])
