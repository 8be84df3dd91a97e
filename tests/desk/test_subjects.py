"""Barcodes and facts: GN-10, CN-10, CO-5, SP-10; the locks of CO-4."""

import threading
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from sip2d.desk import subjects
from sip2d.policy.facts import PatronFacts
from sip2d.policy.settings import CircControl
from sip2d.store import epoch, items, loans, patrons, tables
from sip2d.store.executor import Store
from tests.desk.acts import item_of, patron_of
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_block, add_fee, add_hold, add_item, add_loan, add_patron

DAY = timedelta(days=1)

NOBODYS = ["", " ", "nobody", "p1", "P" * 81, "P1\0", "\0", "P1\udcff", "P-DELETED"]


@pytest.mark.parametrize("barcode", NOBODYS)
def test_gn10_what_is_no_barcode_is_unknown(room: Room, barcode: str) -> None:
    """Case counts; 81 characters, NUL and a lone surrogate reach no driver."""
    with room.unit() as unit:
        desk = desk_at(unit, group=True)
        assert subjects.patron(unit, desk, barcode) is None
        assert subjects.item(unit, desk, barcode) is None
        assert subjects.loaned_copy(unit, desk, barcode, barcode) is None
        assert unit.core.scalar(tables.patron.select().limit(1)) is not None  # the unit lives on


@pytest.mark.parametrize("barcode", ["P1", "  P1 ", "ALT-P1"])
def test_gn10_a_patron_by_barcode_or_identifier(room: Room, barcode: str) -> None:
    with room.unit(writes=False) as unit:
        assert patron_of(unit, desk_at(unit), barcode).barcode == "P1"


def test_a_barcode_of_80_characters_is_one(room: Room) -> None:
    longest = "é" * 80
    with room.unit() as unit:
        add_patron(unit.core, room.world, longest)
    with room.unit(writes=False) as unit:
        assert patron_of(unit, desk_at(unit), longest).barcode == longest


def test_a_patron_in_order_has_nothing(room: Room) -> None:
    with room.unit(writes=False) as unit:
        who = patron_of(unit, desk_at(unit), "P1")
    assert who == PatronFacts(
        id=room.world.patrons["P1"], institution_id=room.world.institutions["MAIN"],
        home_branch_id=room.world.branches["CENTRAL"], type_id=room.world.patron_types["ADULT"],
        barcode="P1", name="Anne Dupont", email="anne@example.org", phone="0102030405", address="1 rue A",
        language=None, pin_hash=None, expires_on=None, card_lost=False, claims_returned=0, deleted=False,
    )  # fmt: skip


def test_sp10_what_a_patron_has_is_counted(room: Room) -> None:
    """PT-6: loans, overdue, recalled, value, lost, holds, fees, blocks; not the closed, not others'."""
    world = room.world
    who = world.patrons["P1"]
    with room.unit() as unit:
        core = unit.core
        add_loan(core, world, world.items["I1"], who)
        add_loan(core, world, world.items["I3"], who, due_at=NOW - DAY, recalled_at=library.seconds(NOW))
        add_loan(core, world, world.items["I4"], who, due_at=NOW - timedelta(seconds=1))
        add_loan(core, world, world.items["I6"], who, due_at=NOW, recalled_at=library.seconds(NOW))
        lost = add_loan(core, world, world.items["I-LOST"], who)
        closed = add_loan(core, world, world.items["I5"], who, status="CLOSED", closed_reason="LOST",
                          closed_at=library.seconds(NOW))  # fmt: skip
        add_loan(core, world, world.items["I2"], world.patrons["P2"], due_at=NOW - DAY)
        add_hold(core, world, who, "T1")
        add_hold(core, world, who, "T2", status="IN_TRANSIT", filled_item_id=world.items["I2"])
        add_hold(core, world, who, "T3", status="ON_SHELF", filled_item_id=world.items["I-DVD"])
        add_hold(core, world, who, "T4", status="CANCELLED", closed_at=library.seconds(NOW))
        amounts = {"OVERDUE": 100, "MANUAL": 20, "MEMBERSHIP": 3000, "RENTAL": 4}
        for kind, amount in amounts.items():
            add_fee(core, world, who, amount, kind=kind)
        add_fee(core, world, who, 2000, kind="LOST", loan_id=lost)
        add_fee(core, world, who, 2000, kind="LOST", loan_id=closed)
        core.execute(tables.patron_credit.insert().values(patron_id=who, credit_minor=77))
        add_block(core, who)
        add_block(core, who, removed_at=library.seconds(NOW))
        add_block(core, who, expires_at=library.seconds(NOW))
    with room.unit(writes=False) as unit:
        facts = patron_of(unit, desk_at(unit), "P1")
    assert (facts.value_minor, facts.lost) == (0, 1)  # no such limit, so what is on loan is not looked at
    with room.unit() as unit:
        unit.core.execute(tables.patron_type.update().values(value_limit_minor=50000))
        epoch.bump(unit)
    with room.unit(writes=False) as unit:
        facts = patron_of(unit, desk_at(unit), "P1")
    assert (facts.loans, facts.overdue, facts.recalled, facts.recalled_overdue) == (5, 2, 2, 1)
    assert facts.value_minor == 4 * 2000 + 3000  # I6 has a price of its own (CO-11)
    assert (facts.lost, facts.billed) == (2, 2)
    assert (facts.holds_ready, facts.holds_pending) == (1, 2)
    assert (facts.owed_minor, facts.fines_minor, facts.restricting_minor) == (7124, 100, 4124)
    assert (facts.fee_count, facts.credit_minor, len(facts.blocks)) == (6, 77, 1)
    assert type(facts.owed_minor) is int


def test_an_account_has_a_last_day(room: Room) -> None:
    with room.unit(writes=False) as unit:
        facts = patron_of(unit, desk_at(unit), "P-EXPIRED")
        assert facts.expires_on == date(2026, 3, 8)
        gone = patrons.by_id(unit, room.world.patrons["P-DELETED"], NOW)
    assert gone is not None
    assert gone.deleted


def test_an_item_with_its_loan_and_holds(room: Room) -> None:
    """The hold it fills, the next it could fill (HO-3: a recall first), how many wait."""
    world = room.world
    with room.unit() as unit:
        core = unit.core
        loan = add_loan(core, world, world.items["I1"], world.patrons["P1"])
        add_hold(core, world, world.patrons["P2"], "T1", scope="ITEM", item_id=world.items["I2"])
        add_hold(core, world, world.patrons["P-STAFF"], "T1", expires_at=library.seconds(NOW))
        add_hold(core, world, world.patrons["P-LOST"], "T1", placed_at=NOW - 9 * DAY)
        recall = add_hold(core, world, world.patrons["P-CHILD"], "T1", kind="RECALL")
        shelf = add_hold(core, world, world.patrons["P2"], "T2", status="ON_SHELF",
                         filled_item_id=world.items["I3"])  # fmt: skip
    with room.unit(writes=False) as unit:
        one, other = item_of(unit, desk_at(unit), "I1"), item_of(unit, desk_at(unit), "I3")
    assert one.loan is not None
    assert (one.loan.id, one.loan.due_at) == (loan, NOW + 21 * DAY)
    assert one.shelf_hold is None
    assert one.next_hold is not None
    assert (one.next_hold.id, one.queue_length) == (recall, 4)
    assert other.shelf_hold is not None
    assert (other.shelf_hold.id, other.next_hold, other.title_number) == (shelf, None, "T2")


def test_cn10_group_resolution(room: Room) -> None:
    """Off: the own institution only, and no temporary item. On: the others too, the own first."""
    world = room.world
    with room.unit() as unit:
        add_item(unit.core, world, "ILL-1", title="T40", is_temporary_ill=1)
        add_patron(unit.core, world, "P2", type="O-ADULT", institution="OTHER", branch="ANNEX")
    with room.unit(writes=False) as unit:
        alone, group = desk_at(unit), desk_at(unit, group=True)
        for barcode in ("O-I1", "ILL-1"):
            assert subjects.item(unit, alone, barcode) is None
            assert item_of(unit, group, barcode).barcode == barcode
        assert subjects.patron(unit, alone, "O1") is None
        assert patron_of(unit, group, "O1").institution_id == world.institutions["OTHER"]
        assert patron_of(unit, group, "P2").institution_id == world.institutions["MAIN"]


def test_cn10_ambiguity_in_rank_is_unknown(room: Room) -> None:
    world = room.world
    with room.unit() as unit:
        group = unit.core.scalar(tables.circulation_group.select())
        third = library.add(unit.core, tables.institution, code="THIRD", name="Third", currency="EUR",
                            timezone="Europe/Paris", circulation_group_id=group, group_rank=2)  # fmt: skip
        branch = library.add(unit.core, tables.branch, institution_id=third, code="THIRD", name="Third")
        library.add(unit.core, tables.branch_sip2, branch_id=branch)
        kind = library.add(unit.core, tables.patron_type, institution_id=third, code="T-ADULT", name="Adult")
        library.add(unit.core, tables.patron, institution_id=third, home_branch_id=branch, type_id=kind,
                    barcode="O1", name="Another", created_at=0)  # fmt: skip
        unit.core.execute(update(tables.library_epoch).values(epoch=99))
    with room.unit(writes=False) as unit:
        assert subjects.patron(unit, desk_at(unit, group=True), "O1") is None
        assert subjects.patron(unit, desk_at(unit, "ANNEX"), "O1") is not None
    assert world.institutions["OTHER"] != third


def test_cn10_policies_are_the_owners(room: Room) -> None:
    """Terms of the item's institution, the patron type of the patron's."""
    with room.unit(writes=False) as unit:
        desk = desk_at(unit, group=True)
        facts = subjects.facts(desk, patron_of(unit, desk, "P1"), item_of(unit, desk, "O-I1"))
    assert facts.terms is not None
    assert facts.terms.loan_period == 14
    assert facts.branch_id == room.world.branches["ANNEX"]
    assert facts.patron_type.code == "ADULT"
    assert str(facts.zone) == "America/New_York"


BRANCHES = [
    (CircControl.PICKUP, "NORTH"),
    (CircControl.PATRON_HOME, "CENTRAL"),
    (CircControl.ITEM_HOME, "ANNEX-2"),
]


@pytest.mark.parametrize(("control", "expected"), BRANCHES)
def test_co5_whose_rules_apply(room: Room, control: CircControl, expected: str) -> None:
    """A loan keeps the branch it was made by."""
    world = room.world
    with room.unit() as unit:
        branch = library.add(unit.core, tables.branch, institution_id=world.institutions["MAIN"],
                             code="ANNEX-2", name="Annex 2")  # fmt: skip
        library.add(unit.core, tables.branch_sip2, branch_id=branch)
        unit.core.execute(update(tables.library_epoch).values(epoch=99))
        item = add_item(unit.core, library.read(unit.core), "I-ANNEX", title="T41", branch="ANNEX-2")
    with room.unit() as unit:
        desk = desk_at(unit, "NORTH", circ_control=control)
        who = patron_of(unit, desk, "P1")
        chosen = subjects.policy_branch(desk, who, item_of(unit, desk, "I-ANNEX"))
        assert chosen.code == expected
        add_loan(unit.core, world, item, who.id, branch="CENTRAL")
        assert subjects.policy_branch(desk, who, item_of(unit, desk, "I-ANNEX")).code == "CENTRAL"


def test_sp22_facts_are_those_of_the_event(room: Room) -> None:
    """Today is the local date when it happened."""
    late = NOW - timedelta(hours=10)  # 00:15 in Paris
    with room.unit(writes=False) as unit:
        desk = desk_at(unit, event_at=late - timedelta(minutes=20))
        facts = subjects.facts(desk, patron_of(unit, desk, "P1"), None)
    assert (facts.now, facts.today) == (late - timedelta(minutes=20), date(2026, 3, 8))


def test_a_patrons_loans_are_listed_first_due_first(room: Room) -> None:
    """sip2.md 2.5: rows and names in one order; loaned_copy takes the first due."""
    world = room.world
    with room.unit() as unit:
        for number, barcode in enumerate(("I1", "I3", "I2", "I4")):
            recalled = library.seconds(NOW) if barcode == "I4" else None
            add_loan(unit.core, world, world.items[barcode], world.patrons["P1"],
                     due_at=NOW + (number - 1) * DAY, recalled_at=recalled)  # fmt: skip
    with room.unit(writes=False) as unit:

        def listed(which: str) -> list[str]:
            patron = world.patrons["P1"]
            rows = loans.of_patron(unit, patron, NOW, which)
            titles = loans.names_of_patron(unit, patron, NOW, which, by_title=True)
            assert titles == [row.title for row in rows]
            names = loans.names_of_patron(unit, patron, NOW, which)
            assert names == [row.barcode for row in rows]
            return names

        assert listed("charged") == ["I1", "I3", "I2", "I4"]
        assert listed("overdue") == ["I1"]
        assert listed("recalled") == ["I4"]
        copy = subjects.loaned_copy(unit, desk_at(unit), "P1", "T1")
        assert copy is not None
        assert copy.barcode == "I1"
        assert subjects.loaned_copy(unit, desk_at(unit), "P2", "T1") is None


def test_co4_two_units_take_turns_on_an_item(room: Room) -> None:
    """Who waited for the lock sees what the other did, not what was before."""
    entered, seen = threading.Event(), []

    def second(store: Store) -> None:
        entered.wait()
        with store.unit("second") as unit:
            found = items.by_id(unit, room.world.items["I1"], NOW)
            seen.append(found is not None and found.loan is not None)

    thread = threading.Thread(target=second, args=(room.store,))
    thread.start()
    with room.unit() as unit:
        assert items.by_id(unit, room.world.items["I1"], NOW) is not None
        entered.set()
        thread.join(0.3)  # it waits for us
        assert thread.is_alive()
        add_loan(unit.core, room.world, room.world.items["I1"], room.world.patrons["P1"])
    thread.join()
    assert seen == [True]


def test_facts_have_every_column_in_its_place(room: Room) -> None:
    """Facts are built by position: no two fields of a row changed places."""
    row: dict[str, Any] = {
        "call_number": "call", "collection_code": "collection", "properties": "properties", "price_minor": 11,
        "lost_status": 2, "lost_origin": "origin", "withdrawn": 1, "not_for_loan": 0, "is_temporary_ill": 0,
        "security_marker": "02", "transit_to_branch_id": room.world.branches["NORTH"],
    }  # fmt: skip
    with room.unit() as unit:
        item_id = add_item(unit.core, room.world, "I-ALL", title="T50", **row)
        found = items.by_id(unit, item_id, NOW)
    assert found is not None
    assert {name: getattr(found, name) for name in row} == row
    assert found.title == "Title T50"
    assert msgspec.structs.asdict(found)["author"] == "Author"
