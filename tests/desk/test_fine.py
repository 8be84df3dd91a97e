"""Overdue fines at the desk (LO-28..LO-38, CO-5, CO-7, CO-21, BR-13, CL-6), on both databases."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sip2d.desk import fine
from sip2d.desk.fine import NOTHING, Fined
from sip2d.desk.place import Desk
from sip2d.policy.settings import FinesMode, MaxFineScope
from sip2d.policy.terms import Terms
from sip2d.store import fines, tables
from sip2d.store.unit import Unit
from tests.desk.acts import item_of
from tests.desk.overdue import (
    DUE,
    at,
    at_desk,
    close,
    credit,
    dated,
    lent,
    night,
    nightly,
    owed,
    paid,
    rules,
    settle,
    statuses,
    waived,
    without_rules,
)
from tests.support.desks import Room
from tests.support.library import add_fee, seconds

DAY = timedelta(days=1)


# -- nights --------------------------------------------------------------------------------------------------


def test_lo31_every_night_the_difference_once(books: Room) -> None:
    """LO-31, PT-8: the fee belongs to loan and due date; the same night again posts nothing."""
    loan = lent(books)
    assert nightly(books, 3, 2) == NOTHING  # not overdue
    first = nightly(books, 3, 3)
    assert (first.total_minor, first.delta_minor, len(first.txn_ids)) == (25, 25, 1)
    again = nightly(books, 3, 3)
    assert (again.fee_id, again.total_minor, again.txn_ids) == (first.fee_id, 25, ())
    third = nightly(books, 3, 5)  # a night was missed: PT-15
    assert (third.fee_id, third.total_minor, third.delta_minor) == (first.fee_id, 75, 50)
    (fee,) = books.rows(tables.fee)
    assert (fee["kind"], fee["loan_id"], fee["loan_due_at"]) == ("OVERDUE", loan, seconds(DUE))
    assert statuses(books, first.fee_id) == ["UNRETURNED"]
    assert {row["kind"] for row in books.rows(tables.ledger_txn)} == {"ACCRUE"}


def test_fx16_nothing_on_a_closed_day(books: Room) -> None:
    """FX-16, LO-31: on Sunday 1.25 stands."""
    lent(books)
    saturday = nightly(books, 3, 7)
    assert saturday.total_minor == 125
    rules(books, fine_charge_at="START")  # it would cost the same; and even if it cost more
    assert nightly(books, 3, 8) == NOTHING
    assert nightly(books, 3, 8, fines_on_closed_days=True) == NOTHING
    assert nightly(books, 3, 9).total_minor == 150
    assert nightly(books, 3, 10, fines_on_closed_days=True).total_minor == 200


def test_fx14_a_fee_paid_in_full_takes_the_next_day(books: Room) -> None:
    """FX-14: 3.00 charged and paid, the next open day adds 0.25 to the same fee."""
    lent(books)
    first = nightly(books, 3, 16)  # 12 open days
    assert first.total_minor == 300
    paid(books, 300, at(3, 16, 12))
    assert owed(books, first.fee_id) == 0
    second = nightly(books, 3, 17)
    assert (second.fee_id, second.total_minor, second.delta_minor) == (first.fee_id, 325, 25)
    assert owed(books, first.fee_id) == 25


TOTAL = {"max_fine_minor": 1000, "max_fine_scope": MaxFineScope.PATRON_TOTAL}


@pytest.mark.parametrize(
    ("case", "settings", "first", "next_"),
    [("FX-13", TOTAL, 200, 200), ("FX-13p", {"max_fine_minor": 1000}, 500, 525)],
    ids=["FX-13", "FX-13p"],
)
def test_fx13_max_fine(books: Room, case: str, settings: dict[str, Any], first: int, next_: int) -> None:
    """LO-29: other fines of 8.00 outstanding; this loan computes 5.00 and, the next day, 5.25."""
    lent(books)
    with books.unit() as unit:
        add_fee(unit.core, books.world, books.world.patrons["P1"], 800, kind="OVERDUE")
        # what others owe, and what he owes for other things, takes no room
        add_fee(unit.core, books.world, books.world.patrons["P2"], 800, kind="OVERDUE")
        add_fee(unit.core, books.world, books.world.patrons["P1"], 800, kind="LOST")
    assert nightly(books, 3, 25, **settings).total_minor == first
    assert nightly(books, 3, 26, **settings).total_minor == next_


def test_pt17_a_page_of_loans_of_one_patron_never_exceeds_his_max_fine(books: Room) -> None:
    """PT-17, LO-29: three loans in one page, 5.00 each, 10.00 for all."""
    loans = [lent(books, item) for item in ("I1", "I3", "I4")]
    as_of = at(3, 25, 0, 30)
    moved = at_desk(books, as_of, lambda unit, desk: fine.accrue_page(unit, desk, loans, as_of), **TOTAL)
    assert [fined.total_minor for fined in moved] == [500, 500]
    with books.unit(writes=False) as unit:
        assert fines.owed(unit, books.world.patrons["P1"]) == 1000


def test_the_page_is_the_single_loan_many_times(books: Room) -> None:
    """The batched accrual posts what `accrue` would, loan by loan; what is lost or not due is left."""
    loans = [lent(books, item, due=DUE + n * DAY) for n, item in enumerate(("I1", "I3", "I4", "I5"))]
    lost = lent(books, "I-LOST")
    future = lent(books, "I6", due=at(4, 9))
    as_of = at(3, 12, 0, 30)
    single = night(books, as_of, "I1")
    moved = at_desk(
        books, as_of, lambda unit, desk: fine.accrue_page(unit, desk, [*loans, lost, future], as_of)
    )
    assert single.total_minor == 225
    assert [fined.total_minor for fined in moved] == [200, 175, 150]
    assert night(books, as_of, "I3").txn_ids == ()


@pytest.mark.parametrize(("hourly", "count"), [(None, 2), (True, 1), (False, 1)])
def test_lo37_hours_and_days_have_runs_of_their_own(books: Room, hourly: bool | None, count: int) -> None:
    rules(books, "REFERENCE", loan_period="4", loan_unit="HOURS", fine_amount="1")
    loans = [lent(books), lent(books, "I-REF", due=at(3, 2, 14))]
    as_of = at(3, 3, 0, 30)
    moved = at_desk(
        books, as_of, lambda unit, desk: fine.accrue_page(unit, desk, loans, as_of, hourly=hourly)
    )
    assert len(moved) == count


def test_lo30_off_computes_nothing(books: Room) -> None:
    lent(books)
    assert nightly(books, 3, 9, fines_mode=FinesMode.OFF) == NOTHING
    assert settle(books, at(3, 9, 10), fines_mode=FinesMode.OFF) == NOTHING
    assert books.count(tables.fee) == 0


# -- the last word -------------------------------------------------------------------------------------------

RETURNS = [
    ("FX-1", {"fines_on_closed_days": True}, at(3, 6, 10), 100),
    ("FX-2a", {"fines_on_closed_days": True}, at(3, 9, 10), 175),
    ("FX-2b", {}, at(3, 9, 10), 150),
    ("not late", {}, DUE, None),
]


@pytest.mark.parametrize(("case", "settings", "until", "minor"), RETURNS, ids=[row[0] for row in RETURNS])
@pytest.mark.parametrize("accrued", [False, True])
def test_lo30_the_fine_is_recomputed_at_return_and_final(
    books: Room, accrued: bool, case: str, settings: dict[str, Any], until: datetime, minor: int | None
) -> None:
    """LO-30: whether or not a night came before."""
    lent(books)
    if accrued and minor is not None:
        assert nightly(books, 3, 4, **settings).total_minor == 50
    fined = settle(books, until, **settings)
    if minor is None:
        assert fined == NOTHING
        return
    assert fined.total_minor == minor
    assert owed(books, fined.fee_id) == minor
    assert statuses(books, fined.fee_id)[-1] == "RETURNED"


def test_fx17_due_on_a_closed_day(books: Room) -> None:
    """FX-17 at the desk: due on Sunday by an explicit date (CL-5), back on Monday."""
    lent(books, due=at(3, 8, 23, 59))
    assert settle(books, at(3, 9, 10)).total_minor == 25


def test_lo30_without_recalculation_the_last_night_is_final(books: Room) -> None:
    """CalculateFinesOnReturn=false: nothing is recomputed; only days after a backdated return go (CO-21)."""
    loan = lent(books)
    assert nightly(books, 3, 5).total_minor == 75
    fined = settle(books, at(3, 7, 10), fines_on_return=False)
    assert (fined.total_minor, fined.txn_ids) == (75, ())
    assert statuses(books, fined.fee_id) == ["UNRETURNED", "RETURNED"]
    backdated = settle(books, at(3, 4, 10), now=at(3, 7, 10), fines_on_return=False)
    assert backdated.total_minor == 50
    assert loan


def test_co21_a_backdated_return_takes_back_what_is_too_much(books: Room) -> None:
    """CO-21: by a posting of its own; nothing is charged above, and what is unpaid goes first."""
    lent(books)
    first = nightly(books, 3, 9)
    assert first.total_minor == 150
    fined = settle(books, at(3, 4, 18), now=at(3, 9, 10))
    assert (fined.total_minor, fined.delta_minor) == (50, -100)
    assert owed(books, first.fee_id) == 50
    assert credit(books) == 0


def test_co21_what_was_paid_becomes_credit(books: Room) -> None:
    lent(books)
    first = nightly(books, 3, 9)
    paid(books, 120, at(3, 9, 9))
    settle(books, at(3, 4, 18), now=at(3, 9, 10))
    assert (owed(books, first.fee_id), credit(books)) == (0, 70)
    # again, down to nothing: the rest of what was paid, and not a cent more
    settle(books, at(3, 2, 18), now=at(3, 9, 11))
    assert (owed(books, first.fee_id), credit(books)) == (0, 120)


def test_co21_what_was_waived_is_no_money(books: Room) -> None:
    """1.50 accrued, 0.50 paid, 1.00 waived; due again 0: only what was paid comes back."""
    lent(books)
    first = nightly(books, 3, 9)
    paid(books, 50, at(3, 9, 9))
    waived(books, first.fee_id, 100, at(3, 9, 9))
    fined = settle(books, at(3, 2, 18), now=at(3, 9, 10))
    assert (fined.total_minor, owed(books, first.fee_id), credit(books)) == (0, 0, 50)
    with books.unit(writes=False) as unit:
        assert fined.fee_id is not None
        assert (fines.paid(unit, fined.fee_id), fines.waived(unit, fined.fee_id)) == (0, 0)


def test_waived_is_settled_and_does_not_grow_again(books: Room) -> None:
    """What staff waived was charged all the same: the next night adds a day, not the whole fine."""
    lent(books)
    first = nightly(books, 3, 9)
    waived(books, first.fee_id, 150, at(3, 9, 9))
    assert nightly(books, 3, 10).delta_minor == 25


def test_a_renewal_begins_a_due_period_of_its_own(books: Room) -> None:
    """CO-14 (1): final with status RENEWED; the next due date has another fee."""
    loan = lent(books)
    first = settle(books, at(3, 6, 10), fine.RENEWED)
    assert (first.total_minor, statuses(books, first.fee_id)) == (100, ["RENEWED"])
    with books.unit() as unit:
        table = tables.loan
        unit.core.execute(table.update().where(table.c.id == loan).values(due_at=seconds(at(3, 16, 23, 59))))
    as_of = at(3, 18, 0, 30)
    (second,) = at_desk(books, as_of, lambda unit, desk: fine.accrue_page(unit, desk, [loan], as_of))
    assert second.total_minor == 50
    assert nightly(books, 3, 18) == Fined(second.fee_id, 50)
    assert second.fee_id != first.fee_id
    assert owed(books, first.fee_id) == 100


def test_lo38_the_recall_rate_of_a_recalled_loan(books: Room) -> None:
    """FX-15 at the desk."""
    rules(books, recall_overdue_fine="1.00")
    lent(books, recalled_at=seconds(at(2, 20)))
    assert settle(books, at(3, 6, 10)).total_minor == 400


@pytest.mark.parametrize(("item", "minor"), [("I1", 2000), ("I6", 3000)])
def test_lo28_price_of_the_item_or_its_type(books: Room, item: str, minor: int) -> None:
    """LO-28, LO-52: a BOOK costs 20.00 by its type, I6 30.00 of its own."""
    rules(books, cap_fine_to_replacement_price="true")
    lent(books, item)
    assert settle(books, at(4, 22, 10), item=item).total_minor == 1100  # 44 open days
    assert settle(books, at(12, 22, 10), item=item).total_minor == minor


# -- which rules ---------------------------------------------------------------------------------------------


def test_co5_the_policy_branch_of_the_loan_says(books: Room) -> None:
    """CO-5: rules and calendar of the loan's policy branch, wherever the item comes back."""
    world = books.world
    lent(books, branch="NORTH")
    with books.unit() as unit:
        unit.core.execute(
            tables.circulation_rule.insert().values(
                institution_id=world.institutions["MAIN"], branch_id=world.branches["NORTH"],
                name="fine_amount", value="2",
            )
        )  # fmt: skip
        unit.core.execute(tables.library_epoch.update().values(epoch=tables.library_epoch.c.epoch + 1))
    assert settle(books, at(3, 3, 10)).total_minor == 200


def test_co7_the_rule_in_force_at_the_event(books: Room) -> None:
    """CO-7, D-35: computed with the rule of the moment, not with that of the loan; so is its type's."""
    lent(books, rule_snapshot=msgspec.json.encode(Terms(28, fine_amount=Decimal(9))).decode())
    dated(books, "fine_amount", "1.00", at(3, 10))
    assert settle(books, at(3, 9, 10), fine.RENEWED).total_minor == 150
    assert nightly(books, 3, 10).total_minor == 700
    assert settle(books, at(3, 9, 10), now=at(3, 10, 10)).total_minor == 150


def test_co7_without_rules_the_terms_of_the_loan(books: Room) -> None:
    lent(books, rule_snapshot=msgspec.json.encode(Terms(28, fine_amount=Decimal("0.50"))).decode())
    lent(books, "I3")
    without_rules(books)
    assert settle(books, at(3, 6, 10)).total_minor == 200
    assert settle(books, at(3, 6, 10), item="I3") == NOTHING  # forced off-line, on no terms at all


def test_cl6_br13_a_closure_is_an_amnesty(books: Room) -> None:
    """CL-6, BR-13: overdue only while closed owes nothing, and what accrued before the closure was entered
    is taken back."""
    lent(books)
    assert nightly(books, 3, 6).total_minor == 100
    close(books, at(3, 3), at(3, 7))
    fined = settle(books, at(3, 6, 18))
    assert (fined.total_minor, owed(books, fined.fee_id)) == (0, 0)


def test_nothing_is_asked_while_a_loan_is_not_overdue(books: Room) -> None:
    """The exchange path: a return in time costs no statement for its fine."""
    lent(books, due=at(3, 20))

    def act(unit: Unit, desk: Desk) -> Fined:
        what = item_of(unit, desk, "I1")
        assert what.loan is not None
        blind = msgspec.structs.replace(what, institution_id=desk.institution.id)
        closed = _Closed()
        return fine.settle(closed, desk, what.loan.patron_id, blind, what.loan, desk.now, fine.RETURNED)  # type: ignore[arg-type]  # a unit that may not be asked

    assert at_desk(books, at(3, 9, 10), act) == NOTHING


class _Closed:
    """A unit that fails whoever asks it."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the unit was asked for {name}")
