"""Blocks and limits as the kiosk meets them (BL-3, BL-10, BL-12, BL-15)."""

import pytest

from sip2d.desk.staff import block_definitions
from sip2d.store import tables
from tests.rules.terminal import Kiosk
from tests.rules.test_bl_links import Consortium

FREE, DENIED = " " * 14, "YYYY" + " " * 10


def test_bl3_bl10_a_block_holds_at_every_branch_of_its_institution(kiosk: Kiosk) -> None:
    town = Consortium(kiosk)
    block_definitions.save(town.work, "L", new=False, action="05", institution_code="MAIN")
    town.fresh()
    made = town.block(definition="L")
    for branch in ("CENTRAL", "NORTH"):
        with kiosk.standing_at(branch):
            told = kiosk.status("P1")
            assert (told.fixed[2:16], told.af) == (
                DENIED,
                ["Your account is blocked: Loud."],
            )
            assert kiosk.checkout("P1", "I1").fixed[2] == "0"
    town.lift(made)
    assert kiosk.status("P1").fixed[2:16] == FREE


def test_bl4_bl12_a_changed_definition_is_seen_at_once(kiosk: Kiosk) -> None:
    """BL-4, BL-12: the union of what the blocks in force deny, with each one's own text."""
    town = Consortium(kiosk)
    town.block(definition="L")
    town.block(definition="N")
    assert kiosk.status("P1").fixed[2:6] == "Y   "
    block_definitions.save(town.work, "L", new=False, action="02", institution_code="MAIN")
    assert kiosk.status("P1").fixed[2:6] == "YY  "
    block_definitions.save(town.work, "N", new=False, action="03", institution_code="MAIN")
    told = kiosk.information("P1")
    assert told.fixed[2:6] == "YYYY"
    assert told.af == [
        "Your account is blocked: Loud.",
        "Your account is blocked: Damaged a book.",
    ]


@pytest.mark.parametrize(
    ("limit", "overdue", "denied"), [(0, 0, False), (0, 1, True), (1, 1, False), (1, 2, True)]
)
def test_bl15_overdue_limit(kiosk: Kiosk, limit: int, overdue: int, denied: bool) -> None:
    """BL-15: strictly more than the limit; with a limit of 0 one overdue loan blocks. Computed when it is
    asked: no block is stored, and the return of what is overdue ends it at once."""
    kiosk.row(tables.patron_type, kiosk.world.patron_types["ADULT"], overdue_limit=limit)
    for item in ("I4", "I5")[:overdue]:
        kiosk.given(f"loan {item} P1")
    kiosk.later(days=25)
    assert (kiosk.status("P1").fixed[2] == "Y") is denied
    assert (kiosk.checkout("P1", "I1").fixed[2] == "0") is denied
    assert kiosk.rows(tables.user_block) == []
    for item in ("I4", "I5")[:overdue]:
        kiosk.checkin(item)
    assert kiosk.status("P1").fixed[2] == " "


@pytest.mark.parametrize(("limit", "denied"), [(None, False), (0, True), (1, False)])
def test_bl15_overdue_recall_limit(kiosk: Kiosk, limit: int | None, denied: bool) -> None:
    """BL-15: a limit of its own for recalled loans that are overdue; another overdue loan does not count."""
    kiosk.row(tables.patron_type, kiosk.world.patron_types["ADULT"], recalled_overdue_limit=limit)
    kiosk.given("loan I4 P1", "loan I5 P1")
    recalled = kiosk.rows(tables.loan)[0]
    kiosk.row(tables.loan, recalled["id"], recalled_at=recalled["loaned_at"])
    assert kiosk.checkout("P1", "I2").fixed[2] == "1"
    kiosk.later(days=25)
    answer = kiosk.checkout("P1", "I1")
    assert (answer.fixed[2] == "0") is denied
    told = ["Your account is blocked: too many recalled items overdue."]
    assert (answer.af == told) is denied
    kiosk.checkin("I4")
    assert kiosk.checkout("P1", "I3").fixed[2] == "1"


@pytest.mark.parametrize(("owed", "denied"), [(1000, False), (1001, True)])
def test_bl15_cash_limit(kiosk: Kiosk, owed: int, denied: bool) -> None:
    """BL-15: the most money that may be owed; paid, it is over at once."""
    kiosk.row(tables.patron_type, kiosk.world.patron_types["ADULT"], bills_limit_minor=1000)
    kiosk.given(f"fee P1 {owed}")
    assert (kiosk.checkout("P1", "I1").fixed[2] == "0") is denied
    assert kiosk.rows(tables.user_block) == []
    kiosk.pay("P1", "0.01")
    assert kiosk.checkout("P1", "I3").fixed[2] == "1"
