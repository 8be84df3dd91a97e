"""Holds over the wire: HO-1..HO-5, HO-8..HO-12, SP-11, and peers 22, 24..26."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Connection

from sip2d.store import tables
from tests.rules.terminal import PROFILES, Kiosk, Said
from tests.support.library import NOW, World, add, add_hold, add_item, add_patron, seconds


def held(kiosk: Kiosk, patron: str, title: str, **values: object) -> None:
    """A hold; the newest is the last placed."""
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons[patron], title, **values))  # type: ignore[arg-type]  # columns of the table


def statuses(kiosk: Kiosk) -> list[str]:
    """Of all holds, oldest first."""
    return [row["status"] for row in kiosk.rows(tables.hold)]


SCOPES = {
    "": ("TITLE", "1"), "BY2|": ("TITLE", "1"), "BY1|": ("TITLE", "1"), "BY3|": ("ITEM", "0"),
    "BY4|": ("BRANCH", "0"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SCOPES)
def test_ho1_kinds(kiosk: Kiosk, kind: str) -> None:
    """Any copy, this copy, any copy of one branch; I2, the copy in NORTH, fills it or does not."""
    scope, filled = SCOPES[kind]
    kiosk.given("loan I1 P2")
    assert kiosk.hold("+", "P1", f"{kind}ABI1|").fixed[:3] == "161"
    (hold,) = kiosk.rows(tables.hold)
    assert (hold["scope"], hold["item_id"]) == (scope, kiosk.world.items["I1"] if scope == "ITEM" else None)
    with kiosk.standing_at("NORTH"):
        kiosk.checkin("I2")
    assert statuses(kiosk) == ["IN_TRANSIT" if filled == "1" else "PENDING"]
    if filled == "0":
        kiosk.checkin("I1")
        assert statuses(kiosk) == ["ON_SHELF"]


PLACING: dict[str, tuple[list[str], str, str, str]] = {
    "unknown patron": ([], "P-NOBODY", "ABI1|", "Card not recognised. Please see staff."),
    "unknown item": ([], "P1", "ABI-NOTHING|", "Item not recognised."),
    "unknown title": ([], "P1", "AJT-NOTHING|", "Title not recognised."),
    "nothing named": ([], "P1", "", "Item not recognised."),
    "HOLD denied": (["block P1 actions=HOLD reason=Noise"], "P1", "ABI1|", "Your account is blocked: Noise."),
    "LOAN denied only": (["block P1 actions=LOAN"], "P1", "ABI1|", ""),
    "not for loan": ([], "P1", "BY3|ABI-NOT-FOR-LOAN|", "This item cannot be reserved."),
    "withdrawn": ([], "P1", "BY3|ABI-WITHDRAWN|", "This item cannot be reserved."),
    "no rule lends it": ([], "P1", "ABI-REF|", "This item cannot be reserved."),
    "rules forbid it": (["rule MAIN BOOK holdable 0"], "P1", "ABI1|", "This item cannot be reserved."),
    "on loan to him": (["loan I1 P1"], "P1", "ABI1|", "You have reserved or borrowed this title already."),
    "its other copy is": (["loan I2 P1"], "P1", "AJT1|", "You have reserved or borrowed this title already."),
    "limit": (["patron-type ADULT hold_limit=0"], "P1", "ABI1|", "Reservation limit reached."),
    "available": (
        ["branch CENTRAL available_hold_allowed=0"],
        "P1",
        "ABI1|",
        "A copy is available on the shelf.",
    ),
    "not available": (["branch CENTRAL available_hold_allowed=0", "loan I3 P2"], "P1", "ABI3|", ""),
}


@pytest.mark.parametrize("case", PLACING)
def test_ho2_placing(kiosk: Kiosk, case: str) -> None:
    directives, patron, rest, text = PLACING[case]
    kiosk.given(*directives)
    answer = kiosk.hold("+", patron, rest)
    assert (answer.fixed[2], answer.af) == (("0", [text]) if text else ("1", []))
    assert len(kiosk.rows(tables.hold)) == (0 if text else 1)


def test_ho2_the_answer(kiosk: Kiosk) -> None:
    """BR the place in the queue, available when a copy stands on the shelf, BS or the patron's home, BW."""
    kiosk.given("loan I3 P-STAFF")
    answer = kiosk.hold("+", "P1", "BSNORTH|BW20260401    000000|ABI3|")
    assert (answer.fixed[:4], answer["BR"], answer["BS"]) == ("161N", "1", "NORTH")
    assert answer["BW"] == "20260401    000000"
    answer = kiosk.hold("+", "P2", "BSNOWHERE|BW20260301    000000|AJT2|")
    assert (answer["BR"], answer["BS"], answer.get("BW")) == ("2", "CENTRAL", [])
    assert kiosk.hold("+", "P1", "ABI1|").fixed[3] == "Y"


def test_ho3_change_keeps_the_place_and_cancel_ends(kiosk: Kiosk) -> None:
    kiosk.given("loan I3 P-STAFF")
    kiosk.hold("+", "P1", "ABI3|")
    kiosk.later(seconds=1)
    kiosk.hold("+", "P2", "ABI3|")
    kiosk.later(seconds=1)
    answer = kiosk.hold("*", "P1", "BSNORTH|BW20260401    000000|AJT2|")
    assert (answer.fixed[2], answer["BR"], answer["BS"]) == ("1", "1", "NORTH")
    assert kiosk.hold("*", "P1", "BSNOWHERE|ABI3|").af == ["There is no such pick-up branch."]
    assert kiosk.hold("*", "P-CHILD", "ABI3|").af == ["There is no such reservation."]
    answer = kiosk.hold("-", "P1", "AJT2|")
    assert (answer.fixed[2], answer.get("BR")) == ("1", [])
    assert statuses(kiosk) == ["CANCELLED", "PENDING"]
    assert kiosk.said("17{now}AOMAIN|ABI3|")["CF"] == "1"


def test_ho3_priority_then_time_and_recalls_first(kiosk: Kiosk) -> None:
    kiosk.given("loan I3 P-STAFF")
    hour = timedelta(hours=1)
    held(kiosk, "P1", "T2", placed_at=NOW - 3 * hour, priority=1)
    held(kiosk, "P2", "T2", placed_at=NOW - 2 * hour)
    held(kiosk, "P-CHILD", "T2", placed_at=NOW - hour)
    held(kiosk, "P-LOST", "T2", placed_at=NOW, kind="RECALL", item_id=kiosk.world.items["I3"])
    held(kiosk, "P-EXPIRED", "T2", placed_at=NOW - 9 * hour, kind="SCHEDULE", starts_at=seconds(NOW + hour))
    order = []
    for _ in range(4):
        kiosk.checkin("I3")
        (ready,) = kiosk.rows(tables.hold, status="ON_SHELF")
        order.append(next(code for code, id_ in kiosk.world.patrons.items() if id_ == ready["patron_id"]))
        kiosk.hold("-", order[-1], "ABI3|")
        kiosk.later(seconds=1)
        kiosk.given("loan I3 P-STAFF") if kiosk.rows(tables.hold, status="ON_SHELF") == [] else None
    assert order == ["P-LOST", "P2", "P-CHILD", "P1"]


ALERTS = {"here": ("CENTRAL", "01", "CENTRAL"), "elsewhere": ("NORTH", "02", "NORTH")}


@pytest.mark.parametrize("case", ALERTS)
def test_ho4_fill_on_return_and_sp11(kiosk: Kiosk, case: str) -> None:
    """Alert, CV, CT, CY, DA; the shelf limit in open days (7 here); peers 26."""
    pickup, code, destination = ALERTS[case]
    kiosk.profile = PROFILES["extended"]
    kiosk.given("loan I3 P1")
    held(kiosk, "P2", "T2", pickup=pickup)
    answer = kiosk.checkin("I3")
    assert (answer.fixed[:6], answer["CV"], answer["CT"]) == ("101YNY", code, destination)
    assert (answer["CY"], answer["DA"], answer.af) == (
        "P2",
        "Bruno Martin",
        ["Item needed for a reservation."],
    )
    assert statuses(kiosk) == ["ON_SHELF" if case == "here" else "IN_TRANSIT"]
    answer = kiosk.said("17{now}AOMAIN|ABI3|")
    if case == "here":  # HO-10
        assert (answer.fixed[2:4], answer["CM"]) == ("08", "20260316    235959")
    else:
        assert (answer.fixed[2:4], answer.get("CM")) == ("10", [])


def test_ho4_a_copy_on_the_shelf_scanned_again_waits_no_longer(kiosk: Kiosk) -> None:
    """It stays the same patron's, until the same day."""
    held(kiosk, "P2", "T2")
    kiosk.checkin("I3")
    before = kiosk.rows(tables.hold)
    kiosk.later(days=3)
    assert kiosk.checkin("I3").af == ["Item is not on loan.", "Item needed for a reservation."]
    assert kiosk.rows(tables.hold) == before


@pytest.mark.parametrize(
    ("item", "branch", "alert", "code"),
    [("I1", "CENTRAL", "N", []), ("I2", "CENTRAL", "Y", ["04"]), ("I2", "NORTH", "N", [])],
)
def test_sp11_where_nobody_waits(kiosk: Kiosk, item: str, branch: str, alert: str, code: list[str]) -> None:
    """04 to another branch; nothing and no alert at home (peers 24)."""
    kiosk.given(f"loan {item} P1")
    kiosk.profile = PROFILES["extended"]
    with kiosk.standing_at(branch):
        answer = kiosk.checkin(item)
    assert (answer.fixed[5], answer.get("CV")) == (alert, code)


@pytest.mark.parametrize("pickup", ["CENTRAL", "NORTH"])
def test_sp11_a_copy_from_another_library(kiosk: Kiosk, pickup: str) -> None:
    """03."""
    kiosk.change(lambda core, world: add_item(core, world, "ILL-1", title="T80", is_temporary_ill=1))
    held(kiosk, "P2", "T80", pickup=pickup)
    kiosk.profile, kiosk.terminal = PROFILES["extended"], {"group_resolution": True}
    answer = kiosk.checkin("ILL-1")
    assert (answer.fixed[5], answer["CV"]) == ("Y", "03")


def test_peers24_alerts_by_profile(kiosk: Kiosk) -> None:
    """Which types alert, 00 on success, CT always."""
    kiosk.profile = msgspec.structs.replace(
        PROFILES["extended"], alert_types=("01",), cv_send_00_on_success=True
    )
    answer = kiosk.checkin("I2")
    assert (answer.fixed[5], answer["CV"], answer["CT"]) == ("N", "04", "NORTH")
    answer = kiosk.checkin("I1")
    assert (answer.fixed[5], answer["CV"], answer["CT"]) == ("N", "00", "CENTRAL")


def test_peers26_without_personal_data(kiosk: Kiosk) -> None:
    kiosk.given("branch CENTRAL send_personal_data=0")
    kiosk.profile = PROFILES["extended"]
    held(kiosk, "P2", "T2")
    answer = kiosk.checkin("I3")
    assert (answer["CV"], answer.get("CY"), answer.get("DA")) == ("01", [], [])


def test_ho5_only_the_holder_borrows(kiosk: Kiosk) -> None:
    """Borrowing fulfils the hold; with nb=Y another's loan stands, noted as HOLD_CONFLICT."""
    held(kiosk, "P2", "T2")
    kiosk.checkin("I3")
    assert kiosk.checkout("P1", "I3").af == ["Item is reserved for another patron."]
    assert kiosk.checkout("P2", "I3").fixed[2] == "1"
    assert statuses(kiosk) == ["FULFILLED"]
    held(kiosk, "P2", "T3")
    kiosk.checkin("I4")
    assert kiosk.stored_checkout("P1", "I4", kiosk.stamp).fixed[2] == "1"
    assert statuses(kiosk) == ["FULFILLED", "PENDING"]
    assert "HOLD_CONFLICT" in kiosk.rows(tables.loan_event)[-1]["bypassed"]


def bins(core: Connection, world: World) -> None:
    """Ordered rules of CENTRAL."""
    rules: list[dict[str, object]] = [
        {"bin": "1", "routing": "HOLD_HERE"},
        {"bin": "2", "routing": "TRANSIT"},
        {"bin": "3", "item_type_id": world.item_types["DVD"]},
        {"bin": "4", "call_number_pattern": "R*"},
        {"bin": "9"},
    ]
    for rank, values in enumerate(rules, start=1):
        add(core, tables.sort_bin_rule, branch_id=world.branches["CENTRAL"], rank=rank, **values)


def test_ho8_sort_bins(kiosk: Kiosk) -> None:
    """The first match wins; CL only where the branch uses it (CN-4, peers 25)."""
    kiosk.change(bins)
    kiosk.given("item I4 call_number='r 12'")
    held(kiosk, "P2", "T2")
    items = {"I3": "1", "I2": "2", "I-DVD": "3", "I4": "4", "I5": "9"}
    assert {item: kiosk.checkin(item)["CL"] for item in items} == items
    kiosk.given("branch CENTRAL use_sort_bin=0")
    assert kiosk.checkin("I5").get("CL") == []


def both(kiosk: Kiosk) -> tuple[Said, list[str]]:
    """The item's information and the holds' statuses."""
    return kiosk.said("17{now}AOMAIN|ABI3|"), statuses(kiosk)


def test_ho11_undoing_restores_the_hold(kiosk: Kiosk) -> None:
    """Of a loan that had fulfilled it, and of a return that had filled it."""
    kiosk.given("loan I3 P1")
    held(kiosk, "P2", "T2")
    before = both(kiosk)
    kiosk.checkin("I3")
    shelf = both(kiosk)
    assert kiosk.checkout("P1", "I3", "BIY|").fixed[2] == "1"
    assert both(kiosk) == before
    kiosk.later(seconds=1)
    kiosk.checkin("I3")
    kiosk.checkout("P2", "I3")
    assert kiosk.checkin("I3", "BIY|").fixed[2] == "1"
    after = both(kiosk)
    assert (after[0].fixed[2:4], after[0].fields, after[1]) == (
        shelf[0].fixed[2:4],
        shelf[0].fields,
        shelf[1],
    )


def test_ho12_a_hold_on_the_shelf(kiosk: Kiosk) -> None:
    """Its pickup branch stays; its date may change; cancelled, the copy goes to the next hold, then home."""
    kiosk.change(lambda core, world: add_patron(core, world, "P9"))
    held(kiosk, "P2", "T2")
    kiosk.checkin("I3")
    held(kiosk, "P9", "T2", pickup="NORTH")
    answer = kiosk.hold("*", "P2", "BSNORTH|ABI3|")
    assert answer.af == ["Your reservation is ready already; the pick-up branch cannot be changed."]
    assert kiosk.hold("*", "P2", "BSCENTRAL|BW20260401    000000|ABI3|").fixed[2] == "1"
    assert kiosk.hold("-", "P2", "ABI3|").fixed[2] == "1"
    assert statuses(kiosk) == ["CANCELLED", "IN_TRANSIT"]
    assert kiosk.said("17{now}AOMAIN|ABI3|").fixed[2:4] == "10"
    kiosk.hold("-", "P9", "ABI3|")
    kiosk.checkin("I3")
    assert kiosk.said("17{now}AOMAIN|ABI3|").fixed[2:4] == "03"
