"""Losing items (LO-40..LO-54, LO-70, LO-71): the job and the hand, what is charged, what becomes of the
loan."""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import pytest

from sip2d.desk import describe, lose
from sip2d.desk import pay as money
from sip2d.desk.place import Desk
from sip2d.policy.settings import LostSource
from sip2d.store import items, patrons, tables
from sip2d.store.unit import Unit
from tests.desk.losing import BACK, LOST, House, at, end_of, house
from tests.support import library
from tests.support.databases import Databases

NIGHT = at(LOST, 1)
NOON = at(date(2026, 4, 9), 12)


@pytest.fixture
def place(databases: Databases) -> Iterator[House]:
    with house(databases) as place:
        yield place


@pytest.fixture
def bare(databases: Databases) -> Iterator[House]:
    with house(databases, configured=False) as place:
        yield place


def test_lo3_lo40_with_nothing_configured_nothing_happens(bare: House) -> None:
    """400 days overdue: only the count of overdue loans is another."""
    before = bare.room.snapshot()
    later = end_of(date(2026, 3, 2)) + timedelta(days=400)
    assert bare.tally(later).counters == {"not_configured": 1}
    bare.accrue("I6", later)
    assert bare.room.snapshot() == before
    who = bare.room.do(lambda unit: patrons.by_id(unit, bare.world.patrons["P1"], later))
    assert who is not None
    assert (who.overdue, who.owed_minor, who.blocks) == (1, 0, ())


def test_lo1_lo50_the_job_does_it_all_by_itself(place: House) -> None:
    """Status, day and origin; the fine to this day; the charges; the loan ended; in one event."""
    place.configure({"MarkLostItemsAsReturned": "cronjob"})
    tally = place.tally(NIGHT)
    assert tally.counters == {"lost": 1, "loans_ended": 1}
    assert [(line["item"], line["value"]) for line in tally.report] == [("I6", 1)]
    state = place.state()
    assert (state["lost_status"], state["lost_on"], state["lost_origin"]) == (1, "2026-04-08", "CRON")
    assert place.fees() == {"OVERDUE": 775, "LOST": 4000, "PROCESSING": 500}
    assert place.events() == ["LOAN", "LOST"]
    (fine,) = place.room.rows(tables.fee, kind="OVERDUE")
    statuses = [row["status"] for row in place.room.rows(tables.fee_status, fee_id=fine["id"])]
    assert statuses == ["LOST"]


def test_pt8_a_second_run_changes_nothing(place: House) -> None:
    """The key LONGOVERDUE|loan|value stands in the state itself."""
    place.tally(NIGHT)
    before = place.room.snapshot()
    assert place.tally(NIGHT + timedelta(minutes=1)).counters == {}
    assert place.tally(NIGHT + timedelta(days=30)).counters == {}
    assert place.room.snapshot() == before


def test_lo47_a_dry_run_only_reports(place: House) -> None:
    before = place.room.snapshot()
    tally = place.tally(NIGHT, dry_run=True)
    assert (tally.counters["lost"], len(tally.report)) == (1, 1)
    assert place.room.snapshot() == before


@pytest.mark.parametrize(
    ("settings", "status", "becomes"),
    [({}, 2, 1), ({"DefaultLongOverdueSkipLostStatuses": "2,3"}, 2, 2), ({}, 1, 1)],
    ids=["overwritten", "skipped", "has it already"],
)
def test_lo44_statuses_that_are_skipped(
    place: House, settings: dict[str, str], status: int, becomes: int
) -> None:
    """PT-22: what is listed never changes; with an empty list "declared returned" is overwritten."""
    place.configure(settings)
    place.set(tables.item, place.world.items["I6"], lost_status=status, lost_on="2026-03-20")
    counted = place.tally(NIGHT).counters.get("lost", 0)
    assert place.state()["lost_status"] == becomes
    assert counted == (status != becomes)


@pytest.mark.parametrize(
    ("settings", "counters"),
    [
        ({"LongOverduePatronCategories": "CHILD"}, {}),
        ({"LongOverduePatronCategories": "ADULT,CHILD"}, {"lost": 1}),
        ({"LongOverdueSkipItemTypes": "BOOK"}, {}),
        ({"LongOverdueBranches": "NORTH"}, {}),
        ({"LongOverdueBranches": "CENTRAL", "LongOverdueSkipBranches": "NORTH"}, {"misconfigured": 1}),
        ({"DefaultLongOverdueLostValue": "9"}, {"misconfigured": 1}),
        ({"LongOverdueMaxDays": "36"}, {}),
        ({"LongOverdueMaxDays": "37"}, {"lost": 1}),
    ],
)
def test_lo45_lo46_whose_loans_the_job_is_about(
    place: House, settings: dict[str, str], counters: dict[str, int]
) -> None:
    place.configure(settings)
    assert place.tally(NIGHT).counters == counters


def test_the_job_walks_every_page(place: House) -> None:
    """More candidates than one piece holds; those of one second are not lost between the pages."""

    def work(unit: Unit) -> None:
        for number in range(120):
            copy = library.add_item(unit.core, place.world, f"L{number}", title="T5", price_minor=100)
            due = end_of(date(2026, 3, 2 if number % 2 else 20))
            library.add_loan(
                unit.core, place.world, copy, place.world.patrons["P2"], due_at=due,
                loaned_at=due - timedelta(days=28),
            )  # fmt: skip

    place.room.do(work)
    assert place.tally(NIGHT).counters == {"lost": 61}


def test_lo42_lo43_another_value_only_sets_the_status(place: House) -> None:
    place.configure({"DefaultLongOverdueChargeValue": "3"})
    place.tally(NIGHT)
    assert place.state()["lost_status"] == 1
    assert place.fees() == {"OVERDUE": 775}


@pytest.mark.parametrize("source", [LostSource.MOREDETAIL, LostSource.CRONJOB])
def test_lo51_forgiven_when_lost_whoever_says_so(place: House, source: LostSource) -> None:
    """What is unpaid is let off, what was paid stays paid."""
    place.configure({"WhenLostForgiveFine": "true"})
    place.accrue("I6", at(date(2026, 3, 7)))
    who = place.world.patrons["P1"]

    def pay_a_euro(unit: Unit) -> bool:
        patron = patrons.by_id(unit, who, NOON)
        assert patron is not None
        return money.pay(unit, place.desk(unit, at(date(2026, 3, 7))), patron, amount_minor=100).done

    assert place.room.do(pay_a_euro)
    assert place.lose("I6", NIGHT, source=source)
    assert place.fees() == {"OVERDUE": 100, "LOST": 4000, "PROCESSING": 500}
    assert place.balance() == 4500
    (fine,) = place.room.rows(tables.fee, kind="OVERDUE")
    assert place.room.rows(tables.fee_status, fee_id=fine["id"])[-1]["status"] == "FORGIVEN"


def test_lo52_no_price_is_no_replacement_but_a_processing_fee(place: House) -> None:
    place.set(tables.item, place.world.items["I6"], price_minor=None)
    place.tally(NIGHT)
    assert place.fees() == {"OVERDUE": 775, "PROCESSING": 500}


def test_lo52_lost_again_on_the_same_loan_there_is_one_charge(place: House) -> None:
    """Given back with the find, it is charged once more on the same fee; the processing fee is not."""
    assert place.lose("I6", NIGHT)
    assert place.lose("I6", NOON, value=3)  # another word for it: no second charge
    assert place.fees()["LOST"] == 4000
    place.room.do(lambda unit: describe_found(place, unit))
    assert place.fees() == {"OVERDUE": 775, "PROCESSING": 500}
    assert place.lose("I6", NOON + timedelta(days=1))
    assert place.fees()["LOST"] == 4000
    assert place.fees()["PROCESSING"] == 500
    assert len(place.room.rows(tables.fee, kind="LOST")) == 1


def describe_found(place: House, unit: Unit) -> None:
    """Message 19 with lost_status=0: the loan goes on."""
    desk = place.desk(unit, NOON + timedelta(hours=1))
    item = place.item(unit, "I6", desk.now)
    place_settings = {"lost_property": "lost_status"}
    assert describe.set_properties(unit, with_settings(desk, **place_settings), item, "lost_status=0")


def with_settings(desk: Desk, **settings: str) -> Desk:
    """The same desk with other settings."""
    return msgspec.structs.replace(desk, settings=msgspec.structs.replace(desk.settings, **settings))


def test_lo48_a_value_must_be_in_the_list(place: House) -> None:
    before = place.room.snapshot()
    assert not place.lose("I6", NIGHT, value=9)
    assert place.room.snapshot() == before


@pytest.mark.parametrize(
    ("status", "setting", "refused"), [(0, True, False), (1, False, False), (1, True, True), (3, False, True)]
)
def test_lo48_lo63_which_lost_items_a_kiosk_refuses(
    place: House, status: int, setting: bool, refused: bool
) -> None:
    """The setting refuses all of them, a lost value its own."""
    place.configure({"block_return_of_lost": str(setting).lower()})
    place.set(tables.item, place.world.items["I6"], lost_status=status)

    def work(unit: Unit) -> bool:
        return lose.refusal(place.desk(unit, NOON), place.item(unit, "I6", NOON)) is not None

    assert place.room.do(work) is refused


@pytest.mark.parametrize(
    ("places", "source", "removed"),
    [
        ("", LostSource.CRONJOB, False),
        ("moredetail,batchmod,pendingreserves,additem,onpayment,claim_returned", LostSource.CRONJOB, False),
        ("moredetail", LostSource.MOREDETAIL, True),
        ("batchmod", LostSource.BATCHMOD, True),
        ("pendingreserves", LostSource.PENDINGRESERVES, True),
        ("cronjob", LostSource.CRONJOB, True),
        ("additem", LostSource.ADDITEM, True),
        ("claim_returned", LostSource.CLAIM_RETURNED, True),
        ("cronjob", LostSource.MOREDETAIL, False),
    ],
)
def test_lo70_lo54_the_place_decides_whether_the_loan_ends(
    place: House, places: str, source: LostSource, removed: bool
) -> None:
    place.configure({"MarkLostItemsAsReturned": places})
    assert place.lose("I6", NIGHT, value=2 if source is LostSource.CLAIM_RETURNED else 1, source=source)
    loan = place.loan()
    expected = ("CLOSED", "LOST") if removed else ("OPEN", None)
    assert (loan["status"], loan["closed_reason"]) == expected
    origin = "CRON" if source is LostSource.CRONJOB else source.value
    assert place.state()["lost_origin"] == origin


@pytest.mark.parametrize("removed", [True, False])
def test_lo71_lo22_removal_is_no_return(place: House, removed: bool) -> None:
    """No demerits, no overdue block; the restriction is looked at again, and what the loan blocked ends."""
    place.configure({"MarkLostItemsAsReturned": "cronjob" if removed else "", "demerit_enable": "true"})
    who = place.world.patrons["P1"]
    loan = int(str(place.loan()["id"]))

    def block(unit: Unit) -> None:
        library.add_block(unit.core, who, definition="OVERDUES", origin="OVERDUE_NOTICE")
        library.add_block(
            unit.core, who, definition="SHORT", origin="SHORT_LOAN", loan_id=loan,
            loan_due_at=int(end_of(date(2026, 3, 2)).timestamp()),
        )  # fmt: skip

    place.room.do(block)
    place.tally(NIGHT)
    standing = {row["origin"] for row in place.room.rows(tables.user_block) if row["removed_at"] is None}
    assert standing == (set() if removed else {"OVERDUE_NOTICE"})  # BL-55: the loan's own block always goes
    assert place.room.rows(tables.demerit_point) == []


def test_lo50_who_waited_for_this_copy_waits_on(place: House) -> None:
    """(8): the hold goes back into its queue, the transport ends."""
    item, who = place.world.items["I5"], place.world.patrons["P2"]

    def work(unit: Unit) -> int:
        return library.add_hold(
            unit.core, place.world, who, "T4", status="IN_TRANSIT", filled_item_id=item, pickup="NORTH"
        )

    hold = place.room.do(work)
    place.set(tables.item, item, transit_to_branch_id=place.world.branches["NORTH"])
    assert place.lose("I5", NIGHT)
    (row,) = place.room.rows(tables.hold, id=hold)
    assert (row["status"], row["filled_item_id"]) == ("PENDING", None)
    assert place.state("I5")["transit_to_branch_id"] is None
    assert place.fees() == {}  # on nobody's account


def test_lo53_the_patron_and_the_item_show_it(place: House) -> None:
    """Lists and counts of 64, 17 and 18 are made of these facts."""
    place.configure({"MarkLostItemsAsReturned": "cronjob"})
    place.tally(NIGHT)

    def work(unit: Unit) -> tuple[int, int, int, bool]:
        who = patrons.by_id(unit, place.world.patrons["P1"], NOON)
        item = items.by_id(unit, place.world.items["I6"], NOON)
        assert who is not None
        assert item is not None
        return who.loans, who.fee_count, who.owed_minor, item.lost_status == 1

    assert place.room.do(work) == (0, 3, 775 + 4000 + 500, True)


@pytest.mark.parametrize("on_payment", [True, False])
@pytest.mark.parametrize("amounts", [(4000,), (1000, 3000)], ids=["at once", "in parts"])
def test_lo70f_co30_paying_the_last_lost_charge_ends_the_loan(
    place: House, on_payment: bool, amounts: tuple[int, ...]
) -> None:
    place.configure({"MarkLostItemsAsReturned": "onpayment" if on_payment else "moredetail"})
    place.tally(NIGHT)
    fee, who = place.fee("LOST"), place.world.patrons["P1"]
    for number, amount in enumerate(amounts, start=1):

        def work(unit: Unit, amount: int = amount) -> None:
            patron = patrons.by_id(unit, who, NOON)
            assert patron is not None
            desk = place.desk(unit, NOON)
            assert money.pay(unit, desk, patron, amount_minor=amount, fee_id=str(fee)).done

        place.room.do(work)
        ended = on_payment and number == len(amounts)
        assert place.loan()["closed_reason"] == ("LOST" if ended else None)
    assert place.events().count("LOST") == (2 if on_payment else 1)
    place.bring_back("I6", at(BACK))  # paid, removed, and back after all: it is still his money
    assert place.fees() == {"OVERDUE": 775, "PROCESSING": 500}


def test_lo70f_what_is_waived_is_not_paid(place: House) -> None:
    place.configure({"MarkLostItemsAsReturned": "onpayment"})
    place.tally(NIGHT)
    fee = place.fee("LOST")
    assert place.room.do(lambda unit: money.waive(unit, place.desk(unit, NOON), fee)) is not None
    assert place.loan()["status"] == "OPEN"


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("", "lost_status=1", 0),
        ("lost_status", "lost_status=1", 1),
        ("lost_status", "cover=torn; lost_status = 1", 1),
        ("lost_status", "not_lost_status=1", 0),
        ("lost_status", "lost_status=9", 0),
        ("lost_status", "lost_status=0", 0),
    ],
)
def test_lo54_message_19_with_the_configured_property(
    place: House, name: str, text: str, status: int
) -> None:
    place.configure({"item_lost_property": name})

    def work(unit: Unit) -> tuple[bool, bool]:
        desk, item = place.desk(unit, NOON), place.item(unit, "I6", NOON)
        refused = describe.refusal(desk, item, text) is not None
        return refused, describe.set_properties(unit, desk, item, text)

    assert place.room.do(work) == ("=9" in text, True)
    assert (place.state()["lost_status"], place.state()["properties"]) == (status, text)
    assert ("LOST" in place.fees()) is (status == 1)


@pytest.mark.parametrize("ended", ["", "claim_returned"], ids=["loan kept", "loan ended"])
def test_co11_what_is_claimed_returned_is_counted(place: House, ended: str) -> None:
    """Said twice it counts once; found, undone, found again, or lost in another way: it follows the item."""
    place.configure({"MarkLostItemsAsReturned": ended})

    def claims() -> object:
        return place.room.rows(tables.patron, id=place.world.patrons["P1"])[0]["claims_returned"]

    def declare(value: int, source: LostSource) -> object:
        assert place.lose("I6", NIGHT, value=value, source=source)
        return claims()

    assert declare(2, LostSource.CLAIM_RETURNED) == 1
    assert declare(2, LostSource.MOREDETAIL) == 1
    place.bring_back("I6", NOON)
    assert claims() == 0
    if not ended:  # what ended already is not returned, and no return is taken back
        place.undo("I6", NOON + timedelta(minutes=1))
        assert claims() == 1
    assert declare(1, LostSource.MOREDETAIL) == 0
    place.bring_back("I6", NOON + timedelta(minutes=2))
    assert claims() == 0
