"""The pipeline over the wire: CO-3, CO-5..CO-12, CO-20, CO-30..CO-32, CO-40 and peers 10, 11, 19, 20."""

from datetime import timedelta

import msgspec
import pytest

from sip2d.store import tables
from tests.rules.terminal import PROFILES, Kiosk
from tests.support.library import NOW, add_block, add_hold, add_loan, seconds

# -- CO-5..CO-7 ------------------------------------------------------------------------------------------

CONTROL = {
    "PICKUP": ("20260312", "CENTRAL"),
    "PATRON_HOME": ("20260313", "NORTH"),
    "ITEM_HOME": ("20260313", "NORTH"),
}


@pytest.mark.parametrize("control", CONTROL)
def test_co5_whose_rules(kiosk: Kiosk, control: str) -> None:
    """The kiosk's branch, the patron's home or the item's; the loan remembers which, and is renewed by it."""
    world = kiosk.world
    kiosk.rule("loan_period", "3", branch_id=world.branches["CENTRAL"])
    kiosk.rule("loan_period", "4", branch_id=world.branches["NORTH"])
    patron, item = ("P2", "I2") if control == "ITEM_HOME" else ("P1", "I3")
    if control == "PATRON_HOME":
        kiosk.row(tables.patron, world.patrons["P1"], home_branch_id=world.branches["NORTH"])
    if control == "PICKUP":
        item = "I2"
    kiosk.given(f"setting MAIN circ_control {control}")
    due, branch = CONTROL[control]
    assert kiosk.checkout(patron, item)["AH"] == f"{due}    235959"
    assert kiosk.rows(tables.loan)[0]["policy_branch_id"] == world.branches[branch]
    kiosk.later(seconds=1)
    with kiosk.standing_at("NORTH"):
        later = {"20260312": "20260315", "20260313": "20260317"}[due]
        assert kiosk.renew(patron, item)["AH"] == f"{later}    235959"


def test_co6_the_most_specific_rule_wins_name_by_name(kiosk: Kiosk) -> None:
    """(B,P,I) (B,P,*) (B,*,I) (B,*,*) (*,P,I) (*,P,*) (*,*,I) (*,*,*); nothing at all denies."""
    world = kiosk.world
    keys = {"branch_id": world.branches["CENTRAL"], "patron_type_id": world.patron_types["ADULT"],
            "item_type_id": world.item_types["REFERENCE"]}  # fmt: skip
    assert kiosk.checkout("P1", "I-REF").af == ["This item cannot be lent here. Please see staff."]
    orders = [(), ("I",), ("P",), ("P", "I"), ("B",), ("B", "I"), ("B", "P"), ("B", "P", "I")]
    for days, order in enumerate(orders, start=1):
        names = {"B": "branch_id", "P": "patron_type_id", "I": "item_type_id"}
        kiosk.rule("loan_period", str(days), **{names[one]: keys[names[one]] for one in order})
        assert kiosk.checkout("P1", "I-REF")["AH"] == f"202603{9 + days:02}    235959", order
        kiosk.checkin("I-REF", "BIY|")
        kiosk.later(seconds=1)


def test_co7_rules_have_their_time(kiosk: Kiosk) -> None:
    """In force from valid_from, up to and not including valid_to."""
    world = kiosk.world
    kiosk.rule("loan_period", "2", branch_id=world.branches["CENTRAL"], item_type_id=world.item_types["BOOK"],
               valid_from=seconds(NOW) + 10, valid_to=seconds(NOW) + 20)  # fmt: skip
    for wait, due in ((9, "20260406"), (10, "20260311"), (19, "20260311"), (20, "20260406")):
        kiosk.now = NOW + timedelta(seconds=wait)
        assert kiosk.checkout("P1", "I1")["AH"] == f"{due}    235959", wait
        kiosk.checkin("I1", "BIY|")


# -- CO-8..CO-11 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sc", "acs", "fixed"),
    [("Y", "ENABLED_NO_AUTH", "121YNN"), ("N", "ENABLED_NO_AUTH", "120NUN"), ("Y", "DISABLED", "120NUN"),
     ("N", "DISABLED", "120NUN")],
)  # fmt: skip
def test_co8_what_the_patron_has_already(kiosk: Kiosk, sc: str, acs: str, fixed: str) -> None:
    """A renewal if SC's and ACS's renewal policy say so (sip2.md 6.2); else 120N, AF, and the date."""
    kiosk.given("loan I1 P1 due=5", f"message CENTRAL RENEW {acs}")
    answer = kiosk.checkout("P1", "I1", renew=sc)
    assert answer.fixed[:6] == fixed
    if fixed == "120NUN":
        assert answer["AH"] == "20260314    101500"
        assert answer.af == ["You have this item on loan already."]


def test_co8_what_stands_first_is_said_first(kiosk: Kiosk) -> None:
    """The patron's reasons before the item's; with an unknown card nothing else is asked but the item."""
    kiosk.given("patron P1 card_lost=1", "item I-WITHDRAWN not_for_loan=1")
    kiosk.change(
        lambda core, world: add_hold(core, world, world.patrons["P2"], "T9", status="ON_SHELF",
                                     filled_item_id=world.items["I-WITHDRAWN"])
    )  # fmt: skip
    assert kiosk.checkout("P1", "I-WITHDRAWN").af == [
        "This card was reported lost.", "Item is reserved for another patron.",
        "This item may not be borrowed.", "Item is withdrawn. Please see staff.",
    ]  # fmt: skip


def shelved(kiosk: Kiosk) -> None:
    """I1 waits on the shelf for P1."""
    kiosk.change(
        lambda core, world: add_hold(core, world, world.patrons["P1"], "T1", status="ON_SHELF",
                                     filled_item_id=world.items["I1"])
    )  # fmt: skip


@pytest.mark.parametrize(("actions", "denied"), [("LOAN", True), ("RENEW", False), ("HOLD", False)])
def test_co9_what_denies_a_loan_denies_the_pickup(kiosk: Kiosk, actions: str, denied: bool) -> None:
    shelved(kiosk)
    kiosk.change(lambda core, world: add_block(core, world.patrons["P1"], actions=actions))
    answer = kiosk.checkout("P1", "I1")
    assert answer.fixed[2] == ("0" if denied else "1")
    assert ("Your reservation cannot be collected until your account is in order." in answer.af) == denied


@pytest.mark.parametrize(("loans", "blocks", "done"), [(3, 1, False), (2, 1, True), (3, 0, True)])
def test_co11_an_exceeded_limit_denies_renewals_where_the_type_says_so(
    kiosk: Kiosk, loans: int, blocks: int, done: bool
) -> None:
    """Just at the limit is not exceeded; without the flag a limit only stops checkouts."""
    for number in range(1, loans + 1):
        kiosk.given(f"loan I{number + 1} P1 due=5")
    world = kiosk.world
    kiosk.row(tables.patron_type, world.patron_types["ADULT"], loan_limit=2, limits_block_renewal=blocks)
    answer = kiosk.renew("P1", "I2")
    assert (answer.fixed[2] == "1") == done
    if not done:
        assert answer.af == ["Loan limit reached."]
    assert (kiosk.information("P1").fixed[3] == "Y") == (not done)


def test_co14_br11_a_late_renewal_tells_its_fine(kiosk: Kiosk) -> None:
    """Fine first, then the new date: BT 04 and BV as of any fee, and the fee stands final (LO-30)."""
    kiosk.given("setting MAIN finesMode production", "setting MAIN ChargeFinesOnClosedDays true",
                "loan I1 P1 due=-3")  # fmt: skip
    kiosk.rule("fine_amount", "0.25")
    answer = kiosk.renew("P1", "I1")
    assert (answer.fixed[2], answer["BT"], answer["BH"], answer["BV"]) == ("1", "04", "EUR", "0.75")
    assert answer.af[0] == "Renewed; an overdue charge applies."
    assert answer.af[1].startswith("Renewed until ")
    assert [row["status"] for row in kiosk.rows(tables.fee_status)] == ["RENEWED"]
    assert [row["outstanding_minor"] for row in kiosk.rows(tables.fee_balance)] == [75]


@pytest.mark.parametrize(
    ("role", "auto", "override", "done"),
    [
        ("CIRC_DESK_OPERATOR", 1, "OPERATOR", True),
        ("CIRC_DESK_OPERATOR", 0, "OPERATOR", False),
        ("CIRC_DESK_OPERATOR", 1, "CIRCDESK", False),
        ("CIRC_DESK_OPERATOR_LIMITED", 1, "OPERATOR", False),
        ("CIRC_DESK_MANAGER", 1, "NONE", False),
    ],
)
def test_bl13_a_staffed_workstation_overrides_what_its_role_may(
    kiosk: Kiosk, role: str, auto: int, override: str, done: bool
) -> None:
    """Only with auto_override; AF names what was set aside, and the event records it (CO-3)."""
    world = kiosk.world
    kiosk.row(tables.terminal, world.terminals["kiosk-central"], override_role=role, auto_override=auto)
    kiosk.change(
        lambda core, world: add_block(core, world.patrons["P1"], reason="Conduct", override=override)
    )
    answer = kiosk.checkout("P1", "I1")
    assert (answer.fixed[2] == "1") == done
    assert answer.af[:1] == ["Your account is blocked: Conduct."]
    if done:
        assert "BLOCK:" in kiosk.rows(tables.loan_event)[-1]["bypassed"]


MONEY = [
    ("MANUAL", True),
    ("OVERDUE", True),
    ("LOST", True),
    ("PROCESSING", True),
    ("RENTAL", True),
    ("MEMBERSHIP", False),
]


@pytest.mark.parametrize(("kind", "restricts"), MONEY)
def test_co10_which_fees_restrict(kiosk: Kiosk, kind: str, restricts: bool) -> None:
    """0 blocks on any debt of these kinds; flags and CC in 64."""
    kiosk.given("setting MAIN noissuescharge 0", f"fee P1 1 kind={kind}")
    assert kiosk.checkout("P1", "I1").fixed[2] == ("0" if restricts else "1")
    answer = kiosk.information("P1")
    assert (answer["CC"], answer["BV"], answer.fixed[2] == "Y") == ("0.00", "0.01", restricts)


@pytest.mark.parametrize(
    ("name", "limit", "owed", "ok"),
    [("noissuescharge", "5.00", 500, "1"), ("noissuescharge", "5.00", 501, "0"),
     ("noissuescharge", "", 99999, "1"), ("nopretnumeriquecharge", "5.00", 501, "0")],
)  # fmt: skip
def test_co10_strictly_more_blank_is_none_and_the_alias(
    kiosk: Kiosk, name: str, limit: str, owed: int, ok: str
) -> None:
    kiosk.given(f"setting MAIN {name} '{limit}'", f"fee P1 {owed}")
    assert kiosk.checkout("P1", "I1").fixed[2] == ok


def test_co10_limited_to_item_types(kiosk: Kiosk) -> None:
    kiosk.given("setting MAIN noissuescharge 0", "setting MAIN noissuescharge_item_types DVD", "fee P1 1")
    assert kiosk.checkout("P1", "I1").fixed[2] == "1"
    assert kiosk.checkout("P1", "I-DVD", "BOY|").fixed[2] == "0"


LIMITS = {
    "loans": ("patron-type ADULT loan_limit=1", "Loan limit reached."),
    "none": ("patron-type ADULT loan_limit=0", "Loan limit reached."),
    "by the rules": ("rule MAIN BOOK loan_limit 1", "Loan limit reached."),
    "value": ("patron-type ADULT value_limit_minor=4999", "Loan limit reached."),
    "value at the limit": ("patron-type ADULT value_limit_minor=5000", ""),
    "overdue": ("patron-type ADULT overdue_limit=0", "Your account is blocked: too many overdue items."),
    "overdue at the limit": ("patron-type ADULT overdue_limit=1", ""),
    "bills": ("patron-type ADULT bills_limit_minor=99", "Your account is blocked: too many unpaid bills."),
    "bills at the limit": ("patron-type ADULT bills_limit_minor=100", ""),
}


@pytest.mark.parametrize("case", LIMITS)
def test_co11_limits(kiosk: Kiosk, case: str) -> None:
    """Denied when the count would exceed the most; a price of 0 counts as the type's (D-18)."""
    directive, text = LIMITS[case]
    kiosk.given("loan I1 P1 due=-1", "fee P1 100", "item I1 price_minor=0", directive)
    answer = kiosk.checkout("P1", "I6")  # 20.00 on loan, 30.00 more
    assert (answer.fixed[2], answer.af) == (("0", [text]) if text else ("1", []))


# -- CO-12 -----------------------------------------------------------------------------------------------

RENEWALS: dict[str, tuple[list[str], str]] = {
    "recalled": ([f"recalled_at={seconds(NOW)}"], "Item has been recalled and cannot be renewed."),
    "often enough": (["renewal_count=2"], "No more renewals allowed."),
    "one left": (["renewal_count=1"], ""),
    "too soon": (["", "rule MAIN BOOK no_renewal_before 4"], "Too early to renew."),
    "soon enough": (["", "rule MAIN BOOK no_renewal_before 5"], ""),
    "fines": (["", "setting MAIN OPACFineNoRenewals 1", "fee P1 101"], "Renewal refused: you owe 1.01 EUR."),
    "fines at the limit": (["", "setting MAIN OPACFineNoRenewals 1", "fee P1 100"], ""),
    "lost": (["", "item I1 lost_status=1 lost_on=2026-03-01 lost_origin=STAFF"],
             "Item is recorded as lost. Please see staff."),
    "long overdue only": (["", "item I1 lost_status=1 lost_on=2026-03-01 lost_origin=CRON"], ""),
    "blocked": (["", "block P1 reason=Noise"], "Your account is blocked: Noise."),
    "blocked for loans only": (["", "block P1 actions=LOAN"], ""),
    "restricted": (["", "block P1 definition=OVERDUES"], "Blocked because of overdue items."),
    "expired": (["", "patron P1 expires_on=2026-03-08"], "Your library account has expired."),
    "loan limit": (["", "patron-type ADULT loan_limit=0"], ""),
}  # fmt: skip


@pytest.mark.parametrize("case", RENEWALS)
def test_co12_renewals(kiosk: Kiosk, case: str) -> None:
    """peers 19: AJ always, AH the new date, or the current one on refusal."""
    (of_loan, *directives), text = RENEWALS[case]
    kiosk.given(f"loan I1 P1 due=5 {of_loan}", *directives)
    answer = kiosk.renew("P1", "I1")
    assert answer["AJ"] == "Title T1"
    if text:
        assert (answer.fixed[:6], answer.af, answer["AH"]) == ("300NUN", [text], "20260314    101500")
    else:
        assert (answer.fixed[:6], answer["AH"]) == ("301YNN", "20260411    235959")


def test_co12_held_by_another(kiosk: Kiosk) -> None:
    """Unless allow_renew_if_other_items, and a copy stands free for each who waits."""
    kiosk.given("loan I1 P1 due=5")
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons["P2"], "T1"))
    assert kiosk.renew("P1", "I1").af == ["Item is reserved for another patron."]
    kiosk.given("setting MAIN allow_renew_if_other_items 1")
    kiosk.later(seconds=1)
    assert kiosk.renew("P1", "I1").fixed[2] == "1"
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons["P-CHILD"], "T1"))
    kiosk.later(seconds=1)
    assert kiosk.renew("P1", "I1").af == ["Item is reserved for another patron."]


def test_co12_by_title_of_a_barcode_as_it_was_scanned(kiosk: Kiosk) -> None:
    """AJ instead of AB; the card's code goes through the profile here too (peers 37)."""
    kiosk.given("loan I1 P1 due=5")
    barcodes = msgspec.structs.replace(kiosk.profile.patron_barcode, strip_prefix="X")
    kiosk.profile = msgspec.structs.replace(kiosk.profile, patron_barcode=barcodes)
    answer = kiosk.said(f"29NN{{now}}{' ' * 18}AOMAIN|AA XP1|AJT1|")
    assert (answer.fixed[2], answer["AB"], answer["AA"]) == ("1", "I1", " XP1")


def test_peers20_all_without_a_pin_and_by_title(kiosk: Kiosk) -> None:
    """BM and BN are barcodes, or titles where the profile says so; a refusal of the patron has AF too."""
    kiosk.given("loan I1 P1", "loan I3 P1 renewal_count=2")
    kiosk.profile = msgspec.structs.replace(kiosk.profile, loan_list="title")
    answer = kiosk.said("65{now}AOMAIN|AAP1|")
    assert (answer.fixed[:11], answer.get("BM"), answer.get("BN")) == (
        "66100010001",
        ["Title T1"],
        ["Title T2"],
    )


# -- CO-20 -----------------------------------------------------------------------------------------------

STANDINGS = ["patron P1 card_lost=1", "patron P1 expires_on=2026-01-01", "block P1 actions=LOAN,RENEW,HOLD",
             f"patron P1 deleted_at={seconds(NOW)}", "setting MAIN noissuescharge 0"]  # fmt: skip


@pytest.mark.parametrize("directive", STANDINGS)
def test_co20_a_return_does_not_ask_who(kiosk: Kiosk, directive: str) -> None:
    kiosk.given("loan I1 P1 due=-9", "fee P1 9999", directive)
    assert kiosk.checkin("I1").fixed[:6] == "101YNN"
    assert kiosk.rows(tables.loan)[0]["status"] == "CLOSED"


def test_co20_lost_items(kiosk: Kiosk) -> None:
    """Found by their return, or refused where block_return_of_lost says so."""
    assert kiosk.checkin("I-LOST").fixed[2] == "1"
    assert kiosk.said("17{now}AOMAIN|ABI-LOST|").fixed[2:4] == "03"
    kiosk.given(
        "setting MAIN block_return_of_lost 1", "item I1 lost_status=1 lost_on=2026-03-01 lost_origin=STAFF"
    )
    answer = kiosk.checkin("I1")
    assert (answer.fixed[2], answer.af) == ("0", ["Item is recorded as lost. Please see staff."])


def test_co20_the_item_types_message(kiosk: Kiosk) -> None:
    kiosk.row(tables.item_type, kiosk.world.item_types["DVD"], checkin_message="Check the disc.")
    kiosk.given("loan I-DVD P1")
    assert kiosk.checkin("I-DVD").af == ["Check the disc."]


@pytest.mark.parametrize(
    ("ok", "triggers", "fixed"), [(True, True, "101YNN"), (False, True, "100NUN"), (False, False, "100NUY")]
)
def test_peers24_not_on_loan_by_profile(kiosk: Kiosk, ok: bool, triggers: bool, fixed: str) -> None:
    """Alert only with a reason for staff, unless the profile wants it for every refused return."""
    kiosk.profile = msgspec.structs.replace(
        PROFILES["extended"], ok_of_return_not_on_loan=ok, cv_triggers_alert=triggers
    )
    answer = kiosk.checkin("I1")
    assert (answer.fixed[:6], answer.get("CV")) == (fixed, ["99"] if fixed.endswith("Y") else [])


# -- CO-30 -----------------------------------------------------------------------------------------------


def owed(kiosk: Kiosk) -> list[tuple[str, int]]:
    """What is left of each fee, oldest first."""
    return [(row["kind"], row["outstanding_minor"]) for row in kiosk.rows(tables.fee_balance)]


def test_co30_the_oldest_first(kiosk: Kiosk) -> None:
    kiosk.given("fee P1 100 kind=MANUAL", "fee P1 200 kind=OVERDUE", "fee P1 300 kind=RENTAL")
    assert kiosk.pay("P1", "2.50").fixed[2] == "Y"
    assert owed(kiosk) == [("MANUAL", 0), ("OVERDUE", 50), ("RENTAL", 300)]


@pytest.mark.parametrize(
    ("kind", "left"),
    [("04", [100, 150, 300]), ("06", [100, 200, 250]), ("01", [50, 200, 300]), ("99", [50, 200, 300])],
)
def test_co30_a_fee_type_narrows(kiosk: Kiosk, kind: str, left: list[int]) -> None:
    kiosk.given("fee P1 100 kind=MANUAL", "fee P1 200 kind=OVERDUE", "fee P1 300 kind=RENTAL")
    assert kiosk.pay("P1", "0.50", kind=kind).fixed[2] == "Y"
    assert [minor for _, minor in owed(kiosk)] == left


def test_co30_a_fee_id_narrows(kiosk: Kiosk) -> None:
    """Another patron's is none."""
    kiosk.given("fee P1 100", "fee P1 200", "fee P2 300")
    first, second, foreign = (row["id"] for row in kiosk.rows(tables.fee))
    assert kiosk.pay("P1", "0.50", f"CG{second}|").fixed[2] == "Y"
    assert kiosk.pay("P1", "0.50", f"CG{foreign}|").af == ["There is no such fee on this account."]
    assert kiosk.pay("P1", "1.01", f"CG{first}|").af == ["The amount is higher than the 1.00 EUR owed."]
    assert [minor for _, minor in owed(kiosk)] == [100, 150, 300]


@pytest.mark.parametrize(
    ("accept", "refuse", "done"), [(True, False, "Y"), (True, True, "N"), (False, False, "N")]
)
def test_co30_overpayment(kiosk: Kiosk, accept: bool, refuse: bool, done: str) -> None:
    """Credit only with accept_credit, and unless the profile refuses it; else nothing is booked."""
    kiosk.given("fee P1 100", f"setting MAIN accept_credit {int(accept)}")
    kiosk.profile = msgspec.structs.replace(kiosk.profile, refuse_overpayment=refuse)
    assert kiosk.pay("P1", "1.50").fixed[2] == done
    credit = kiosk.rows(tables.patron_credit)
    assert [row["credit_minor"] for row in credit] == ([50] if done == "Y" else [])
    assert owed(kiosk) == [("MANUAL", 0 if done == "Y" else 100)]


def test_co30_bk_pays_once(kiosk: Kiosk) -> None:
    """GN-5: days later too; with another amount it is another payment (sip2.md 6.13). BK is echoed."""
    kiosk.given("fee P1 500")
    assert kiosk.pay("P1", "1.00", "BKT1|")["BK"] == "T1"
    kiosk.later(days=3)
    assert kiosk.pay("P1", "1.00", "BKT1|").fixed[2] == "Y"
    assert owed(kiosk) == [("MANUAL", 400)]
    assert kiosk.pay("P1", "1.10", "BKT1|").fixed[2] == "Y"
    assert owed(kiosk) == [("MANUAL", 290)]


@pytest.mark.parametrize(("currency", "done"), [("EUR", "Y"), ("eur", "Y"), ("   ", "Y"), ("USD", "N")])
def test_co30_the_currency(kiosk: Kiosk, currency: str, done: str) -> None:
    kiosk.given("fee P1 500")
    assert kiosk.pay("P1", "1.00", currency=currency).fixed[2] == done


def test_peers11_a_fee_is_acknowledged(kiosk: Kiosk) -> None:
    """BT BH BV and refused; BO=Y proceeds; nb=Y has happened, the fee is owed."""
    for no in ("", "BON|"):
        answer = kiosk.checkout("P1", "I-DVD", no)
        assert (answer.fixed[:4], answer["BT"], answer["BH"], answer["BV"]) == ("120N", "06", "EUR", "1.50")
    answer = kiosk.checkout("P1", "I-DVD", "BOY|")
    assert (answer.fixed[:4], answer["BV"], kiosk.status("P1")["BV"]) == ("121N", "1.50", "1.50")
    kiosk.later(seconds=1)
    answer = kiosk.renew("P1", "I-DVD")
    assert (answer.fixed[:4], answer["BV"]) == ("300N", "1.50")
    assert kiosk.renew("P1", "I-DVD", "BOY|").fixed[2] == "1"
    assert kiosk.status("P1")["BV"] == "3.00"


# -- CO-31, CO-32 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retained", "lost"), [("N", 0), ("Y", 1)])
def test_co31_a_card_is_blocked_and_co32_enabled_again(kiosk: Kiosk, retained: str, lost: int) -> None:
    """Definition, action 03, override, reason; 25 lifts that and no other block."""
    kiosk.given("block P1 actions=RENEW reason=Other")
    answer = kiosk.said(f"01{retained}{{now}}AOMAIN|ALleft here|AAP1|AC|")
    assert answer.fixed[2:16] == ("YYYYY" if lost else "YYYY ") + " " * 9
    block = kiosk.rows(tables.user_block)[-1]
    wanted = ("SIP2_CARD_BLOCK", "LOAN,RENEW,HOLD", "OPERATOR", "left here", "SIP2")
    assert tuple(block[name] for name in ("definition", "actions", "override", "reason", "origin")) == wanted
    assert kiosk.rows(tables.patron, barcode="P1")[0]["card_lost"] == lost
    assert kiosk.said("25{now}AOMAIN|AAP1|AC|").fixed[2:16] == " Y" + " " * 12
    assert kiosk.rows(tables.patron, barcode="P1")[0]["card_lost"] == 0


def test_co32_a_loss_that_others_recorded_stays(kiosk: Kiosk) -> None:
    kiosk.given("patron P1 card_lost=1")
    kiosk.said("01Y{now}AOMAIN|ALx|AAP1|AC|")
    assert kiosk.said("25{now}AOMAIN|AAP1|AC|").fixed[6] == "Y"


# -- CO-40 -----------------------------------------------------------------------------------------------


def test_co40_a_recall_in_every_message(kiosk: Kiosk) -> None:
    """64 count, BU, flag 12; 30 refused by any road; 18: 07 and CJ; cancelling clears it, the date stays."""

    def recall(core, world):  # type: ignore[no-untyped-def]  # the types of `Kiosk.change`
        add_loan(
            core,
            world,
            world.items["I3"],
            world.patrons["P1"],
            due_at=NOW - timedelta(days=1),
            recalled_at=seconds(NOW - timedelta(days=2)),
        )
        add_hold(
            core, world, world.patrons["P2"], "T2", kind="RECALL", item_id=world.items["I3"], scope="ITEM"
        )

    kiosk.change(recall)
    answer = kiosk.information("P1", 4)
    assert (answer.fixed[53:57], answer.get("BU"), answer.fixed[14]) == ("0001", ["I3"], "Y")
    assert kiosk.renew("P1", "I3").af[0] == "Item has been recalled and cannot be renewed."
    assert kiosk.stored_renew("P1", "I3", "20261231    235959").fixed[2] == "0"
    assert kiosk.said("65{now}AOMAIN|AAP1|").get("BN") == ["I3"]
    answer = kiosk.said("17{now}AOMAIN|ABI3|")
    assert (answer.fixed[2:4], answer["CJ"], answer["AH"]) == (
        "07",
        kiosk.at(timedelta(days=2)),
        kiosk.at(timedelta(days=1)),
    )
    assert kiosk.hold("-", "P2", "ABI3|").fixed[2] == "1"
    assert kiosk.said("17{now}AOMAIN|ABI3|").fixed[2:4] == "04"
    assert kiosk.information("P1", 4).fixed[53:57] == "0000"
    assert kiosk.rows(tables.loan)[0]["due_at"] == seconds(NOW - timedelta(days=1))
    kiosk.later(seconds=1)
    assert kiosk.renew("P1", "I3").fixed[2] == "1"


def test_co3_on_line_nothing_is_set_aside(kiosk: Kiosk) -> None:
    """A terminal's role changes nothing on line without auto_override (D-30)."""
    kiosk.given("patron-type ADULT loan_limit=0")
    with kiosk.standing_at("CENTRAL", override_role="CIRC_DESK_MANAGER", auto_override=False):
        answer = kiosk.checkout("P1", "I1")
    assert answer.fixed[2] == "0"
