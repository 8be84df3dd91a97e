"""What is said of a patron in 24 and 64: SP-5 flag by flag, SP-6..SP-8, SP-10."""

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import Connection

from tests.rules.terminal import PROFILES, Kiosk
from tests.support.library import (
    NOW,
    World,
    add_block,
    add_hold,
    add_item,
    add_loan,
    add_patron,
    seconds,
)

Arrange = Callable[[Kiosk], object]


def blocked(actions: str, **values: object) -> Arrange:
    """A stored block of P1."""
    return lambda kiosk: kiosk.change(
        lambda core, world: add_block(core, world.patrons["P1"], actions=actions, **values)
    )


def given(*directives: str) -> Arrange:
    """Directives."""
    return lambda kiosk: kiosk.given(*directives)


def recalled(due: int) -> Arrange:
    """A recalled loan of P1, due in so many days."""
    return given(f"loan I1 P1 due={due} recalled_at={seconds(NOW)}")


def lost(kiosk: Kiosk) -> None:
    """Two lost items on loan to P1, none allowed."""
    kiosk.given("patron-type ADULT lost_limit=1", "loan I1 P1", "loan I3 P1")
    kiosk.given(*(f"item {item} lost_status=1 lost_on=2026-03-01 lost_origin=STAFF" for item in ("I1", "I3")))


FLAGS: dict[str, tuple[Arrange, set[int]]] = {
    "nothing": (given(), set()),
    "0 a block denies LOAN": (blocked("LOAN"), {0}),
    "1 a block denies RENEW": (blocked("RENEW"), {1}),
    "2, 3 a block denies HOLD": (blocked("HOLD"), {2, 3}),
    "0-3 the account has expired": (given("patron P1 expires_on=2026-03-08"), {0, 1, 2, 3}),
    "not on its last day": (given("patron P1 expires_on=2026-03-09"), set()),
    "4 the card is lost": (given("patron P1 card_lost=1"), {0, 1, 2, 3, 4}),
    "5 as many loans as allowed": (given("patron-type ADULT loan_limit=1", "loan I1 P1"), {0, 5}),
    "5 none allowed": (given("patron-type ADULT loan_limit=0"), {0, 5}),
    "one below the loan limit": (given("patron-type ADULT loan_limit=2", "loan I1 P1"), set()),
    "6 more overdue than allowed": (given("patron-type ADULT overdue_limit=0", "loan I1 P1 due=-1"), {0, 6}),
    "as many overdue as allowed": (given("patron-type ADULT overdue_limit=1", "loan I1 P1 due=-1"), set()),
    "8 claims": (given("patron-type ADULT claims_limit=1", "patron P1 claims_returned=2"), {0, 8}),
    "claims at the limit": (given("patron-type ADULT claims_limit=2", "patron P1 claims_returned=2"), set()),
    "9 lost": (lost, {0, 9}),
    "10 and 11 fines": (given("setting MAIN noissuescharge 5.00", "fee P1 501 kind=OVERDUE"), {0, 10, 11}),
    "11 other fees": (given("setting MAIN noissuescharge 5.00", "fee P1 501 kind=MANUAL"), {0, 11}),
    "just the limit": (given("setting MAIN noissuescharge 5.00", "fee P1 500 kind=OVERDUE"), set()),
    "memberships are no fee of 11": (
        given("setting MAIN noissuescharge 0", "fee P1 5000 kind=MEMBERSHIP"), set(),
    ),
    "1 fines against renewing": (given("setting MAIN OPACFineNoRenewals 1", "fee P1 101"), {1}),
    "12 a recalled loan is overdue": (recalled(-1), {12}),
    "recalled, not overdue": (recalled(1), set()),
    "13 bills": (given("patron-type ADULT bills_limit_minor=100", "fee P1 101 kind=LOST"), {0, 13}),
    "a block to come": (blocked("LOAN,RENEW,HOLD", starts_at=seconds(NOW) + 1), set()),
    "a block that is over": (blocked("LOAN,RENEW,HOLD", expires_at=seconds(NOW)), set()),
    "a restriction for overdue items": (blocked("LOAN,RENEW", definition="OVERDUES"), {0, 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", FLAGS)
def test_sp5_each_flag_comes_from_its_own_rule(kiosk: Kiosk, case: str) -> None:
    """SP-5, section 17; the same fourteen in 24 and 64 (peers 15). Position 7 is never set."""
    arrange, wanted = FLAGS[case]
    arrange(kiosk)
    flags = "".join("Y" if place in wanted else " " for place in range(14))
    assert kiosk.status("P1").fixed[2:16] == flags
    assert kiosk.information("P1").fixed[2:16] == flags


STANDING: dict[str, tuple[Arrange, str]] = {
    "in order": (given(), "Y"),
    "expired": (given("patron P1 expires_on=2026-03-08"), "N"),
    "lost card": (given("patron P1 card_lost=1"), "N"),
    "deleted": (given(f"patron P1 deleted_at={seconds(NOW)}"), "N"),
    "a block denies LOAN": (blocked("LOAN"), "N"),
    "suspended": (blocked("LOAN,RENEW,HOLD", expires_at=seconds(NOW) + 60), "N"),
    "restricted": (blocked("LOAN,RENEW", definition="OVERDUES"), "N"),
    "a block denies HOLD only": (blocked("HOLD"), "Y"),
    "loan limit": (given("patron-type ADULT loan_limit=0"), "Y"),
    "overdue limit": (given("patron-type ADULT overdue_limit=0", "loan I1 P1 due=-1"), "Y"),
    "fines": (given("setting MAIN noissuescharge 0", "fee P1 1"), "Y"),
    "fines against renewing": (given("setting MAIN OPACFineNoRenewals 0", "fee P1 1"), "Y"),
    "bills": (given("patron-type ADULT bills_limit_minor=0", "fee P1 1"), "Y"),
}


@pytest.mark.parametrize("case", STANDING)
def test_sp6_standing_of_64_and_sp7_record_of_24(kiosk: Kiosk, case: str) -> None:
    """SP-6, D-29: limits and debts leave BL alone. SP-7: 24 tells of the record. PT-6: 64 Y means 24 Y."""
    arrange, wanted = STANDING[case]
    arrange(kiosk)
    assert kiosk.information("P1")["BL"] == wanted
    known = "N" if case == "deleted" else "Y"
    assert kiosk.status("P1")["BL"] == known
    if wanted == "N" or case != "in order":
        assert kiosk.information("P1").af


def test_sp6_a_verifier_gets_the_record(kiosk: Kiosk) -> None:
    """``valid_patron = record``: by profile, or by the branch; an unknown card stays N."""
    kiosk.profile = PROFILES["e-content-verifier"]
    assert kiosk.information("P-EXPIRED")["BL"] == "Y"
    assert kiosk.information("P-NOBODY")["BL"] == "N"
    kiosk.given("branch CENTRAL valid_patron=standing")
    assert kiosk.information("P-EXPIRED")["BL"] == "N"


def test_sp6_one_af_a_reason_the_most_severe_first(kiosk: Kiosk) -> None:
    """CO-2: card, account, suspension, block, restriction, money, limits."""
    kiosk.given(
        "setting MAIN noissuescharge 5.00", "fee P1 1250", "patron-type ADULT loan_limit=1", "loan I1 P1",
        "patron P1 card_lost=1 expires_on=2026-03-08",
    )  # fmt: skip
    blocked("LOAN,RENEW", definition="OVERDUES")(kiosk)
    blocked("LOAN", reason="Noise")(kiosk)
    blocked("LOAN", expires_at=seconds(NOW) + 3600)(kiosk)
    for answer in (kiosk.status("P1"), kiosk.information("P1"), kiosk.checkout("P1", "I3")):
        assert answer.af == [
            "This card was reported lost.",
            "Your library account has expired.",
            "Borrowing suspended until 2026-03-09 11:15.",
            "Your account is blocked: Noise.",
            "Blocked because of overdue items.",
            "You owe 12.50 EUR; the limit is 5.00 EUR.",
            "Loan limit reached.",
        ]


@pytest.mark.parametrize("card", ["P-NOBODY", "P-DELETED", ""])
@pytest.mark.parametrize(("password", "cq"), [("", []), ("AD1234|", ["N"]), ("AD|", ["N"])])
def test_sp8_an_unknown_patron(kiosk: Kiosk, card: str, password: str, cq: list[str]) -> None:
    """Four flags, no name, the card echoed, BLN; CQ only where AD came. No amount, no count."""
    for answer in (kiosk.status(card, password), kiosk.information(card, 2, password)):
        assert answer.fixed[2:16] == "YYYY" + " " * 10
        assert answer.fixed[37:] in ("", "0" * 24)
        assert {**answer.fields, "CQ": answer.get("CQ")} == {
            "AO": ["MAIN"], "AA": [card], "AE": [""], "BL": ["N"], "CQ": cq,
            "AF": ["Card not recognised. Please see staff."],
        }  # fmt: skip


def test_peers12_a_client_that_wants_cq_gets_it_for_an_unknown_card_too(kiosk: Kiosk) -> None:
    """``cq_without_pin = N``; BLN and CQN, never blank. It is never Y."""
    kiosk.profile = PROFILES["e-content-verifier"]
    assert kiosk.information("P-NOBODY")["CQ"] == "N"
    assert kiosk.information("P1")["CQ"] == "N"


@pytest.mark.parametrize("level", ["ENABLED", "ENABLED_NO_AUTH"])
def test_sp8_a_wrong_pin_reveals_nothing(kiosk: Kiosk, level: str) -> None:
    """Neither name, nor counts, lists, amounts, addresses, nor why the account is blocked."""
    kiosk.pin("P1", "1234")
    kiosk.given("loan I1 P1 due=-3", "fee P1 250", "patron P1 card_lost=1",
                f"message CENTRAL PATRON_STATUS {level}", f"message CENTRAL PATRON_INFO {level}")  # fmt: skip
    for answer in (kiosk.status("P1", "AD9999|"), kiosk.information("P1", 2, "AD9999|")):
        assert answer.fixed[2:16] == "YYYY" + " " * 10
        assert answer.fixed[37:] in ("", "0" * 24)
        assert answer.fields == {
            "AO": ["MAIN"], "AA": ["P1"], "AE": [""], "BL": ["Y"], "CQ": ["N"], "AF": ["Invalid PIN."],
        }  # fmt: skip
    assert kiosk.status("P1", "AD1234|")["CQ"] == "Y"
    assert kiosk.information("P1", 2, "AD1234|")["AU"] == "I1"


@pytest.mark.parametrize(("password", "cq"), [("", []), ("AD|", ["N"])])
def test_cn5_a_pin_that_is_asked_for_must_come(kiosk: Kiosk, password: str, cq: list[str]) -> None:
    """CN-5, PT-7: ENABLED wants the PIN, and says so. An empty AD is no login (peers 13)."""
    kiosk.given("message CENTRAL PATRON_STATUS ENABLED", "message CENTRAL PATRON_INFO ENABLED")
    for answer in (kiosk.status("P1", password), kiosk.information("P1", 2, password)):
        assert answer["AE"] == ""
        assert (answer["BL"], answer.get("CQ"), answer.af) == ("Y", cq, ["Invalid PIN."])


def test_peers13_an_empty_pin_where_the_branch_allows_it(kiosk: Kiosk) -> None:
    """Only of a patron who has none."""
    kiosk.given("message CENTRAL PATRON_STATUS ENABLED", "branch CENTRAL allow_empty_pins=1")
    assert kiosk.status("P2", "AD|")["CQ"] == "Y"
    kiosk.pin("P1", "1234")
    assert kiosk.status("P1", "AD|")["CQ"] == "N"


def rich(kiosk: Kiosk) -> None:
    """P1 has something in every list."""
    kiosk.given(
        f"loan I1 P1 due=10 recalled_at={seconds(NOW)}", "loan I3 P1 due=-3", "loan I4 P1 due=12",
        "fee P1 250 kind=MANUAL reason=Copies", "fee P1 75 kind=OVERDUE reason=Late",
        "setting MAIN noissuescharge 5.00", "patron-type ADULT overdue_limit=7",
    )  # fmt: skip
    kiosk.change(
        lambda core, world: [
            add_hold(core, world, world.patrons["P1"], "T4", status="ON_SHELF",
                     filled_item_id=world.items["I5"]),
            add_hold(core, world, world.patrons["P1"], "T5", status="IN_TRANSIT",
                     filled_item_id=world.items["I6"]),
            add_hold(core, world, world.patrons["P1"], "T6"),
        ]
    )  # fmt: skip


LISTS = {
    0: ("AS", ["I5"]), 1: ("AT", ["I3"]), 2: ("AU", ["I3", "I1", "I4"]),
    3: ("AV", ["2.50 MANUAL Copies", "0.75 OVERDUE Late"]), 4: ("BU", ["I1"]), 5: ("CD", ["I6", "T6"]),
}  # fmt: skip
LIST_IDS = {"AS", "AT", "AU", "AV", "BU", "CD"}


@pytest.mark.parametrize("wanted", [*LISTS, 6, 9, None])
def test_sp10_counts_limits_and_the_list_that_is_asked_for(kiosk: Kiosk, wanted: int | None) -> None:
    """HO-9: ready ones in AS, the others in CD. Counts equal the lists (peers 16, 22)."""
    rich(kiosk)
    answer = kiosk.information("P1", wanted)
    assert answer.fixed[37:] == "000100010003000200010002"
    assert (answer["BZ"], answer["CA"], answer["CB"]) == ("0003", "0007", "0005")
    assert (answer["BV"], answer["CC"], answer["BH"]) == ("3.25", "5.00", "EUR")
    assert (answer["BD"], answer["BE"], answer["BF"]) == ("1 rue A", "anne@example.org", "0102030405")
    lists = {field: answer.get(field) for field in LIST_IDS if answer.get(field)}
    assert lists == (dict([LISTS[wanted]]) if wanted in LISTS else {})


def test_sp10_without_personal_data(kiosk: Kiosk) -> None:
    """CN-4: name, barcode, limits and counts only."""
    rich(kiosk)
    kiosk.given("branch CENTRAL send_personal_data=0")
    for wanted in LISTS:
        answer = kiosk.information("P1", wanted)
        assert answer.fixed[37:] == "000100010003000200010002"
        assert set(answer.fields) == {"AO", "AA", "AE", "BZ", "CA", "CB", "BL", "BH"}


def test_sp10_no_limit_is_no_field(kiosk: Kiosk) -> None:
    assert set(kiosk.information("P-STAFF").fields) == {"AO", "AA", "AE", "BL", "BH", "BV"}


PAGES = {
    "BP2|BQ3|": ["I1", "I4"], "BP00001|BQ0001|": ["I3"], "BP3|": ["I4"], "BQ2|": ["I3", "I1"],
    "BP4|BQ9|": [], "BP3|BQ1|": [], "BP|BQ|": ["I3", "I1", "I4"], "BP0|BQ0|": ["I3", "I1", "I4"],
    "BPx|BQ-1|": ["I3", "I1", "I4"],
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_sp10_pages(kiosk: Kiosk, page: str) -> None:
    """BP and BQ: 1-based, inclusive (peers 23). The counts are of all."""
    rich(kiosk)
    answer = kiosk.information("P1", 2, page)
    assert answer.get("AU") == PAGES[page]
    assert answer.fixed[45:49] == "0003"


@pytest.mark.parametrize("summary", ["YYYYYYYYYY", " y        ", "?????Y????", "Y", "          "])
def test_peers4_no_summary_breaks_the_answer(kiosk: Kiosk, summary: str) -> None:
    rich(kiosk)
    answer = kiosk.ask(f"63001{{now}}{summary:<10}AOMAIN|AAP1|AC|")
    assert answer.startswith("64 ")


def test_peers22_hold_counts_by_profile(kiosk: Kiosk) -> None:
    """HO-9: a profile may count all, and then lists all."""
    rich(kiosk)
    kiosk.profile = msgspec.structs.replace(kiosk.profile, hold_count="all")
    answer = kiosk.information("P1", 0)
    assert (answer.fixed[37:41], answer.get("AS")) == ("0003", ["I5", "I6", "T6"])


def test_peers14_flags_by_profile(kiosk: Kiosk) -> None:
    kiosk.given("patron P1 card_lost=1")
    kiosk.profile = PROFILES["e-content-verifier"]
    assert kiosk.information("P1").fixed[2:16] == "    Y         "


def test_peers17_one_amount_in_every_message(kiosk: Kiosk) -> None:
    """24, 64, its list and 12 say the same; paying one fee by its id takes it off all of them."""
    kiosk.given("setting MAIN noissuescharge 3.00", "fee P1 250", "fee P1 75")
    kiosk.profile = msgspec.structs.replace(kiosk.profile, av_template="{fee}:{amount}")

    def amounts() -> tuple[str, str, list[str]]:
        information = kiosk.information("P1", 3)
        return kiosk.status("P1")["BV"], information["BV"], information.get("AV")

    status, information, listed = amounts()
    assert (status, information) == ("3.25", "3.25")
    assert [line.split(":")[1] for line in listed] == ["2.50", "0.75"]
    assert kiosk.checkout("P1", "I1").af == ["You owe 3.25 EUR; the limit is 3.00 EUR."]
    second = listed[1].split(":")[0]
    assert kiosk.pay("P1", "0.75", f"CG{second}|").fixed[2] == "Y"
    assert amounts() == ("2.50", "2.50", [listed[0]])


@pytest.mark.parametrize(
    ("currency", "owed", "limit"),
    [("EUR", "12.50", "20.00"), ("JPY", "1250", "2000"), ("KWD", "1.250", "2.000")],
)
def test_gn3_money_has_the_decimals_of_the_currency(
    kiosk: Kiosk, currency: str, owed: str, limit: str
) -> None:
    """GN-3, peers 18: BH, BV, CC; the same minor units, the institution's currency."""
    kiosk.given(f"institution MAIN currency={currency}", f"setting MAIN noissuescharge {limit}")
    kiosk.given("fee P1 1250")
    answer = kiosk.information("P1")
    assert (answer["BH"], answer["BV"], answer["CC"]) == (currency, owed, limit)
    assert (kiosk.status("P1")["BH"], kiosk.status("P1")["BV"]) == (currency, owed)


def test_peers27_hidden_fields_are_applied_last(kiosk: Kiosk) -> None:
    """A required one stays, empty."""
    kiosk.profile = msgspec.structs.replace(kiosk.profile, hide_fields=frozenset({"BE", "64.AE", "BV"}))
    answer = kiosk.information("P1")
    assert (answer["AE"], answer.get("BE"), answer.get("BV"), answer["BF"]) == ("", [], [], "0102030405")
    assert kiosk.status("P1")["AE"] == "Anne Dupont"


def test_pt6_counts_follow_what_happens(kiosk: Kiosk) -> None:
    """Over hundreds of loans, too; 65 names each once, and its counts are those of BM and BN (peers 19)."""

    def lent(core: Connection, world: World) -> None:
        who = add_patron(core, world, "P-MANY", type="NOLIMIT")
        for number in range(150):
            item = add_item(core, world, f"M{number:04}", title=f"MT{number}")
            add_loan(core, world, item, who, renewal_count=2 if number < 40 else 0)

    kiosk.change(lent)
    assert kiosk.information("P-MANY").fixed[45:49] == "0150"
    answer = kiosk.said("65{now}AOMAIN|AAP-MANY|")
    assert answer.fixed[:11] == "66101100040"
    assert (len(set(answer.get("BM"))), len(set(answer.get("BN")))) == (110, 40)


def test_a_profile_may_print_what_it_shows(kiosk: Kiosk) -> None:
    """AG repeats AF, for kiosks that print (sip2.md 6.6)."""
    kiosk.profile = msgspec.structs.replace(kiosk.profile, print_screen_messages=True)
    refused = kiosk.status("P-NOBODY")
    assert refused.get("AG") == refused.af != []
