"""Lost items that are there again (LO-49, LO-55..LO-65), and PT-19..PT-21 on the ledger."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip2d.desk import fine, found
from sip2d.desk import pay as money
from sip2d.policy.calendar import Calendar
from sip2d.policy.fines import amount
from sip2d.policy.settings import FinesMode, LostSource, Settings
from sip2d.policy.terms import Terms
from sip2d.store import patrons, tables
from sip2d.store.unit import Unit
from tests.desk.acts import checkin, notes
from tests.desk.losing import BACK, DUE, LOST, PARIS, House, at, end_of, house
from tests.support import library
from tests.support.databases import Databases

NIGHT = at(LOST, 1)
NOON = at(date(2026, 4, 20), 12)


@pytest.fixture
def place(databases: Databases) -> Iterator[House]:
    with house(databases) as place:
        yield place


def pay(place: House, minor: int, kind: str, patron: str = "P1", *, write_off: bool = False) -> None:
    """A payment, or a write-off, of one fee."""
    fee = str(place.fee(kind))

    def work(unit: Unit) -> None:
        who = patrons.by_id(unit, place.world.patrons[patron], NOON)
        assert who is not None
        desk = place.desk(unit, NOON)
        assert money.pay(unit, desk, who, amount_minor=minor, fee_id=fee, write_off=write_off).done

    place.room.do(work)


# -- which policy (LO-55) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "back_at", "kept"),
    [
        ("CheckinLibrary", "NORTH", True),
        ("CheckinLibrary", "CENTRAL", False),
        ("ItemHomeBranch", "NORTH", False),
        ("ItemHoldingBranch", "CENTRAL", True),
    ],
)
def test_lo55_whose_policy(place: House, control: str, back_at: str, kept: bool) -> None:
    """NORTH keeps the charge; the item is CENTRAL's, and stands at NORTH. Undefined is `refund`."""
    place.configure({"RefundLostOnReturnControl": control}, {"lost_return_policy": "keep"}, branch="NORTH")
    place.set(tables.item, place.world.items["I6"], holding_branch_id=place.world.branches["NORTH"])
    place.tally(NIGHT)
    place.bring_back("I6", at(BACK), back_at)
    assert ("LOST" in place.fees()) is kept


def test_lo55_a_branch_that_lends_nothing_has_a_policy_too(place: House) -> None:
    """The loan rules are CENTRAL's alone; NORTH only says what becomes of lost items."""
    for row in place.room.rows(tables.circulation_rule, name="loan_period"):
        place.set(tables.circulation_rule, int(str(row["id"])), branch_id=place.world.branches["CENTRAL"])
    place.configure({}, {"lost_return_policy": "keep"}, branch="NORTH")
    place.tally(NIGHT)
    place.bring_back("I6", at(BACK), "NORTH")
    assert place.fees()["LOST"] == 4000


def test_lo64_a_lost_item_is_not_told_to_be_not_on_loan(place: House) -> None:
    """SP-30: who brings a lost item back hears of his refund; that the loss ended his loan is no news."""
    place.configure({"MarkLostItemsAsReturned": "cronjob"})
    place.tally(NIGHT)
    assert place.bring_back("I6", at(BACK)) == ["RETURN_OK_FEE_REFUNDED"]


# -- the money (LO-57..LO-61, LO-64) -------------------------------------------------------------------------


def test_lo57_the_charge_is_found_and_is_not_given_back_twice(place: House) -> None:
    """PT-21: a second loss without a charge, and its return, move nothing."""
    place.tally(NIGHT)
    assert "RETURN_OK_FEE_REFUNDED" in place.bring_back("I6", at(BACK))
    fee = place.fee("LOST")
    assert [row["status"] for row in place.room.rows(tables.fee_status, fee_id=fee)] == ["FOUND"]
    txns = place.room.count(tables.ledger_txn)
    assert place.lose("I6", at(BACK) + timedelta(hours=1))
    assert "RETURN_OK_FEE_REFUNDED" not in place.bring_back("I6", at(BACK) + timedelta(hours=2))
    assert place.room.count(tables.ledger_txn) == txns


@pytest.mark.parametrize("reconcile", [True, False])
def test_lo57_the_credit_settles_other_debts(place: House, reconcile: bool) -> None:
    """AccountAutoReconcile: what was paid becomes credit, and pays what else is owed."""
    place.configure({"AccountAutoReconcile": str(reconcile).lower()})
    place.tally(NIGHT)
    pay(place, 4000, "LOST")
    place.bring_back("I6", at(BACK))
    (credit,) = place.room.rows(tables.patron_credit)
    assert credit["credit_minor"] == (4000 - 1275 if reconcile else 4000)
    assert place.balance() == 1275 - 4000


def test_lo58_the_processing_fee_is_never_given_back(place: House) -> None:
    place.tally(NIGHT)
    pay(place, 500, "PROCESSING")
    place.bring_back("I6", at(BACK))
    assert place.fees()["PROCESSING"] == 500
    assert place.balance() == 775


def test_lo59_charged_to_the_return_even_where_returns_are_not_computed(place: House) -> None:
    """CalculateFinesOnReturn speaks of other returns."""
    place.configure({"CalculateFinesOnReturn": "false"}, {"lost_return_policy": "charge"})
    place.tally(NIGHT)
    place.bring_back("I6", at(BACK))
    assert place.fees()["OVERDUE"] == 1400


def test_lo59_what_was_paid_before_the_loss_counts(place: House) -> None:
    """Net of what was forgiven: 3.00 paid, 4.75 forgiven, 11.00 more make 14.00."""
    place.configure({"WhenLostForgiveFine": "true"}, {"lost_return_policy": "charge"})
    place.accrue("I6", at(date(2026, 3, 16)))
    pay(place, 300, "OVERDUE")
    place.tally(NIGHT)
    place.bring_back("I6", at(BACK))
    assert place.fees()["OVERDUE"] == 1400
    assert place.balance() == 1400 - 300 + 500


def test_lo60_only_what_the_loss_forgave_is_restored(place: House) -> None:
    """An amnesty of before the loss stands: 1.00 was given up before, 7.75 is charged to the loss."""
    place.configure({"WhenLostForgiveFine": "true"}, {"lost_return_policy": "restore"})
    place.accrue("I6", at(date(2026, 3, 6)))
    loan = int(str(place.loan()["id"]))
    place.room.do(lambda unit: fine.forgive(unit, place.desk(unit, NOON), loan))
    place.tally(NIGHT)
    (forgiven,) = place.room.rows(tables.ledger_txn, kind="FORGIVE")[:1]
    place.bring_back("I6", at(BACK))
    assert place.fees()["OVERDUE"] == 775
    assert place.room.rows(tables.ledger_txn, reverses_txn_id=forgiven["id"]) == []


@pytest.mark.parametrize(("back", "balance"), [(date(2026, 7, 7), 1275), (date(2026, 7, 8), 5275)])
def test_lo61_d20_the_last_day_of_a_refund(place: House, back: date, balance: int) -> None:
    """Lost on 8 April: 90 days later money still moves, after 91 it does not."""
    place.configure({"NoRefundOnLostReturnedItemsAge": "90"})
    place.tally(NIGHT)
    told = place.bring_back("I6", at(back))
    assert place.balance() == balance
    assert ("RETURN_OK_FEE_REFUNDED" in told) is (balance == 1275)
    assert place.state()["lost_status"] == 0


@pytest.mark.parametrize(("days", "credit"), [("18", 4000), ("17", 0)])
def test_lo61_payments_too_long_ago_are_not_refunded(place: House, days: str, credit: int) -> None:
    """NoRefundOnLostFinesPaidAge: paid on 20 April, back on 8 May."""
    place.configure({"NoRefundOnLostFinesPaidAge": days, "AccountAutoReconcile": "false"})
    place.tally(NIGHT)
    pay(place, 4000, "LOST")
    place.bring_back("I6", at(BACK))
    assert place.fees().get("LOST", 0) == 4000 - credit


def test_lo64_the_refund_goes_to_whoever_was_charged(place: House) -> None:
    """The loan was ended; somebody else brings the book, and owes nothing for it."""
    place.configure({"MarkLostItemsAsReturned": "cronjob"}, {"lost_return_policy": "charge"})
    place.tally(NIGHT)
    pay(place, 4000, "LOST")
    place.bring_back("I6", at(BACK))
    assert place.balance("P1") == 1400 + 500 - 4000
    assert place.balance("P2") == 0


def test_lo64_a_loss_of_nobodys_is_no_matter_of_money(place: House) -> None:
    """Lost from the shelf; the borrower of before is left alone."""
    place.bring_back("I6", at(date(2026, 3, 2)))
    assert place.lose("I6", NIGHT)
    place.configure({}, {"lost_return_policy": "charge"})
    place.bring_back("I6", at(BACK))
    assert place.fees() == {}


def test_lo65_the_rules_of_today_judge_the_loan_of_then(place: House) -> None:
    """CO-7: a dearer fine since the loss is what the recomputation charges."""
    place.configure({"MarkLostItemsAsReturned": "cronjob"}, {"lost_return_policy": "charge"})
    place.tally(NIGHT)
    for row in place.room.rows(tables.circulation_rule, name="fine_amount"):
        place.set(tables.circulation_rule, int(str(row["id"])), value="0.50")
    place.bring_back("I6", at(BACK))
    assert place.fees()["OVERDUE"] == 2800


def test_lo60_restored_although_the_loan_was_ended_by_payment(place: House) -> None:
    """Two events tell of the loss; what the first forgave is known to the second."""
    place.configure(
        {"WhenLostForgiveFine": "true", "MarkLostItemsAsReturned": "onpayment"},
        {"lost_return_policy": "restore"},
    )
    place.tally(NIGHT)
    pay(place, 4000, "LOST")
    assert place.loan()["closed_reason"] == "LOST"
    place.bring_back("I6", at(BACK))
    assert place.fees() == {"OVERDUE": 775, "PROCESSING": 500}


# -- renewal and undo (LO-49, SP-23) -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "lost"),
    [("refund", 0), ("charge", 0), ("restore", 0), ("keep", 4000), ("refund_unpaid", 1500)],
)
def test_lo49_d7_a_renewal_gives_the_charge_back_by_the_policy(place: House, policy: str, lost: int) -> None:
    """The status goes, the loan goes on, the overdue fine is the renewal's matter."""
    place.configure({"AccountAutoReconcile": "false"}, {"lost_return_policy": policy})
    place.tally(NIGHT)
    pay(place, 1500, "LOST")

    def work(unit: Unit) -> found.Found:
        item = place.item(unit, "I6", NOON)
        assert item.loan is not None
        return found.renewed(unit, place.desk(unit, NOON), item, item.loan)

    done = place.room.do(work)
    assert done.item.lost_status == place.state()["lost_status"] == 0
    assert place.fees().get("LOST", 0) == lost
    assert place.fees()["OVERDUE"] == 775
    assert place.loan()["status"] == "OPEN"
    assert place.events()[-1] == "FOUND"


@pytest.mark.parametrize("forgive", ["true", "false"])
@pytest.mark.parametrize("policy", ["refund", "charge", "restore", "keep"])
def test_sp23_undone_and_done_again_is_done_once(place: House, policy: str, forgive: str) -> None:
    """BI=Y: the item is lost as before, the money is where it was; and the next return works the same."""
    place.configure({"WhenLostForgiveFine": forgive}, {"lost_return_policy": policy})
    place.tally(NIGHT)
    pay(place, 4000, "LOST")
    before = (place.fees(), place.balance(), place.state())
    place.bring_back("I6", at(BACK))
    after = (place.fees(), place.balance())
    place.undo("I6", at(BACK, 10, 5))
    assert (place.fees(), place.balance(), place.state()) == before
    place.bring_back("I6", at(BACK, 10, 6))
    assert (place.fees(), place.balance()) == after


def test_what_was_not_lost_is_not_found(place: House) -> None:
    before = place.room.snapshot()
    done = place.room.do(
        lambda unit: found.found(
            unit, place.desk(unit, NOON), place.item(unit, "I5", NOON),
            place.desk(unit, NOON).branch, NOON,
        )
    )  # fmt: skip
    assert (done.note, done.detail) == (None, None)
    assert place.room.snapshot() == before


@pytest.mark.parametrize("lost", [True, False])
def test_lo62_lo63_the_item_types_message_and_the_way_of_the_item(place: House, lost: bool) -> None:
    """A return tells the type's message, and a found item goes to whoever waits for it."""
    place.set(tables.item_type, place.world.item_types["BOOK"], checkin_message="Look for the map.")
    if lost:
        place.tally(NIGHT)
    place.room.do(lambda unit: library.add_hold(unit.core, place.world, place.world.patrons["P2"], "T5"))
    done = place.room.do(lambda unit: checkin(unit, place.desk(unit, at(BACK)), "I6"))
    assert done.done
    assert notes(done)[-1] == "ITEMTYPE_CHECKIN_MESSAGE"
    assert done.notes[-1].values["reason"] == "Look for the map."
    assert done.routing is not None
    assert done.routing.kind == "HOLD_HERE"
    assert place.state()["lost_status"] == 0


# -- properties ----------------------------------------------------------------------------------------------

_HABITS = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
POLICIES = st.sampled_from(["refund", "charge", "restore"])


def fine_of(until: date) -> int:
    """LO-28 of the examples, from the due date to a day."""
    closed = {date(2026, 4, 6): False, date(2026, 5, 1): False}
    nine = ((at(DUE).time(), at(DUE, 18).time()),)
    calendar = Calendar(PARIS, (*(nine,) * 6, ()), exceptions=closed)
    terms = Terms(loan_period=28, fine_amount=Decimal("0.25"))
    production = Settings(fines_mode=FinesMode.PRODUCTION)
    return amount(terms, production, calendar, end_of(DUE), at(until), decimals=2)


@_HABITS
@given(policy=POLICIES, forgive=st.booleans(), paid=st.integers(0, 4000), given_up=st.integers(0, 4000))
def test_pt19_everything_paid_comes_back_and_only_what_was_given_up_stays(
    databases: Databases, policy: str, forgive: bool, paid: int, given_up: int
) -> None:
    given_up = min(given_up, 4000 - paid)
    with house(databases) as place:
        place.configure(
            {"WhenLostForgiveFine": str(forgive).lower(), "AccountAutoReconcile": "false"},
            {"lost_return_policy": policy},
        )
        place.tally(NIGHT)
        if paid:
            pay(place, paid, "LOST")
        if given_up:
            pay(place, given_up, "LOST", write_off=True)
        processing = place.room.rows(tables.ledger_posting, fee_id=place.fee("PROCESSING"))
        place.bring_back("I6", at(BACK))
        (balance,) = place.room.rows(tables.fee_balance, fee_id=place.fee("LOST"))
        assert balance["outstanding_minor"] == 0
        credit = place.room.rows(tables.patron_credit)
        assert sum(int(str(row["credit_minor"])) for row in credit) == paid
        assert place.fees().get("LOST", 0) == given_up
        assert place.room.rows(tables.ledger_posting, fee_id=place.fee("PROCESSING")) == processing


@_HABITS
@given(
    policy=st.sampled_from(["charge", "restore", "keep"]),
    forgive=st.booleans(),
    removed=st.booleans(),
    lost=st.integers(0, 60),
    back=st.integers(1, 100),
)
def test_pt20_what_the_fine_comes_to(
    databases: Databases, policy: str, forgive: bool, removed: bool, lost: int, back: int
) -> None:
    """Lost by hand on any day, back on any later one."""
    lost_on = DUE + timedelta(days=lost)
    back_on = lost_on + timedelta(days=back)
    with house(databases) as place:
        place.configure(
            {
                "WhenLostForgiveFine": str(forgive).lower(),
                "MarkLostItemsAsReturned": "moredetail" if removed else "",
            },
            {"lost_return_policy": policy},
        )
        assert place.lose("I6", at(lost_on), source=LostSource.MOREDETAIL)
        ledger = place.room.rows(tables.ledger_posting)
        place.bring_back("I6", at(back_on))
        if policy == "keep":
            assert place.room.rows(tables.ledger_posting) == ledger
        else:
            assert place.fees().get("OVERDUE", 0) == fine_of(back_on if policy == "charge" else lost_on)


@_HABITS
@given(rounds=st.lists(st.tuples(POLICIES, st.integers(0, 4000)), min_size=1, max_size=3))
def test_pt21_however_often_no_more_than_was_charged(
    databases: Databases, rounds: list[tuple[str, int]]
) -> None:
    """Lost, partly paid and found again on one loan; never below nothing, and always nothing in the end."""
    with house(databases) as place:
        place.configure({"AccountAutoReconcile": "false"})
        for number, (_, paid) in enumerate(rounds):
            day = LOST + timedelta(days=number)
            assert place.lose("I6", at(day))
            assert place.fees()["LOST"] == 4000
            if paid:
                pay(place, paid, "LOST")

            def work(unit: Unit, day: date = day) -> None:
                item = place.item(unit, "I6", at(day, 11))
                assert item.loan is not None
                found.renewed(unit, place.desk(unit, at(day, 11)), item, item.loan)

            place.room.do(work)
            assert "LOST" not in place.fees()
        (credit,) = place.room.rows(tables.patron_credit) or [{"credit_minor": 0}]
        assert credit["credit_minor"] == sum(paid for _, paid in rounds)
