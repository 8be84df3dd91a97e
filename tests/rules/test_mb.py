"""Memberships at the kiosk: the table of 7.5, and what stays allowed (MB-20..MB-30, SP-6, SP-7, CO-9)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sip2d.store import tables
from tests.rules.terminal import PROFILES, Kiosk
from tests.support.library import NOW, add_hold

Arrange = Callable[[Kiosk], object]
DAY = timedelta(days=1)


def given(*directives: str) -> Arrange:
    """Directives."""
    return lambda kiosk: kiosk.given(*directives)


TAKES_ONE = "membership-policy ADULT"
ENDED, LASTS = "membership P1 2026-02-28", "membership P1 2026-03-09"

# status -> how P1 came to it; the card; what the screen says
SETTLED: dict[str, tuple[Arrange, str]] = {
    "NOT_REQUIRED": (given(), "P1"),
    "ACTIVE": (given(TAKES_ONE, LASTS), "P1"),
    "ACTIVE, the policy is gone": (given(LASTS), "P1"),
    "NOT_REQUIRED, expired when nobody asks": (given(ENDED), "P1"),
    "ACTIVE with a debt (D-12)": (given(TAKES_ONE, LASTS, "fee P1 3000 kind=MEMBERSHIP"), "P1"),
    "proxy of one in order": (given("proxy X1 P1"), "X1"),
}
UNSETTLED: dict[str, tuple[Arrange, str, str]] = {
    "UNKNOWN": (given(TAKES_ONE), "P1", "Membership status unknown. Please see staff."),
    "FEE_DUE": (
        given(TAKES_ONE, "fee P1 3000 kind=MEMBERSHIP"),
        "P1",
        "A membership fee must be paid before borrowing.",
    ),
    "FEE_DUE, in part": (
        given(TAKES_ONE, "fee P1 2 kind=MEMBERSHIP"),
        "P1",
        "A membership fee must be paid before borrowing.",
    ),
    "EXPIRED": (given(TAKES_ONE, ENDED), "P1", "Your membership expired on 2026-02-28."),
    "FEE_DUE again": (
        given(TAKES_ONE, ENDED, "fee P1 3000 kind=MEMBERSHIP"),
        "P1",
        "A membership fee must be paid before borrowing.",
    ),
    "UNKNOWN, left blocked": (
        given("patron P1 membership_frozen=1"),
        "P1",
        "Membership status unknown. Please see staff.",
    ),
    "EXPIRED, left blocked": (
        given("patron P1 membership_frozen=1", ENDED),
        "P1",
        "Your membership expired on 2026-02-28.",
    ),
    "proxy of an expired one": (
        given(TAKES_ONE, ENDED, "proxy X1 P1"),
        "X1",
        "Your membership expired on 2026-02-28.",
    ),
    "proxy whose holder is expired": (
        given("membership-policy CHILD", "membership P-CHILD 2026-02-28", "proxy X1 P1 holder=P-CHILD"),
        "X1",
        "Your membership expired on 2026-02-28.",
    ),
}


@pytest.mark.parametrize("case", SETTLED)
def test_mb_table_7_5_in_order(kiosk: Kiosk, case: str) -> None:
    """7.5, first row: 24 and 64 without a flag, BL=Y; everything by the other rules."""
    arrange, card = SETTLED[case]
    kiosk.given("loan I4 P1")
    arrange(kiosk)
    for told in (kiosk.status(card), kiosk.information(card)):
        assert (told["BL"], told.fixed[2:16], told.af) == ("Y", " " * 14, [])
    assert kiosk.checkout(card, "I1").fixed[2] == "1"
    assert kiosk.renew(card, "I4").fixed[2] == "1"
    assert kiosk.hold("+", card, "BY2|AJT5|").fixed[2] == "1"


@pytest.mark.parametrize("case", UNSETTLED)
def test_mb_table_7_5_unsettled(kiosk: Kiosk, case: str) -> None:
    """7.5, the other rows; PT-24. MB-20..MB-27, MB-29; MB-10, MB-24, MB-8 by the case."""
    arrange, card, text = UNSETTLED[case]
    kiosk.given("loan I4 P1", "loan I5 P1", "loan I6 P1")
    arrange(kiosk)
    told = kiosk.status(card)  # MB-26, SP-7, D-3
    assert (told["BL"], told.fixed[2:16], told.af) == ("Y", " " * 14, [text])
    told = kiosk.information(card)  # MB-25, SP-6
    assert (told["BL"], told.fixed[2:16], told.af) == ("N", "YY" + " " * 12, [text])
    refused = kiosk.checkout(card, "I1")  # MB-21
    assert (refused.fixed[:6], refused["BL"], refused.af) == ("120NUN", "Y", [text])
    refused = kiosk.renew(card, "I4")  # MB-22
    assert (refused.fixed[2:4], refused["BL"], refused.af) == ("0N", "Y", [text])
    every = kiosk.said(f"65{{now}}AOMAIN|AA{card}|")
    assert (every.fixed[3:11], every.get("BM"), len(every.get("BN"))) == ("00000003", [], 3)
    assert kiosk.checkin("I5").fixed[2] == "1"  # CO-20
    assert kiosk.hold("+", card, "BY2|AJT2|").fixed[2] == "1"  # MB-27
    if "FEE_DUE" not in case:
        kiosk.given("fee P1 100")
    assert kiosk.pay(card, "0.01").fixed[2] == "Y"
    stored = kiosk.stored_checkout(card, "I3", kiosk.at(DAY), "20260401    120000")  # MB-29
    assert stored.fixed[2] == "1"
    assert kiosk.stored_renew(card, "I4", "20260501    120000").fixed[2] == "1"
    (loan, renewal) = kiosk.rows(tables.loan_event, interface="SIP2_OFFLINE")
    assert "MEMBERSHIP_" in loan["bypassed"]  # CO-3
    assert "MEMBERSHIP_" in renewal["bypassed"]


@pytest.mark.parametrize("case", UNSETTLED)
def test_mb23_a_hold_on_the_shelf_stays_there(kiosk: Kiosk, case: str) -> None:
    """MB-23, CO-9: AF HOLD_PICKUP_DENIED, and the hold waits for its own end."""
    arrange, card, text = UNSETTLED[case]
    arrange(kiosk)
    kiosk.given("hold P1 T2 item=I3")
    refused = kiosk.checkout(card, "I3")
    assert refused.fixed[2] == "0"
    assert refused.af == [text, "Your reservation cannot be collected until your account is in order."]
    assert kiosk.rows(tables.hold)[0]["status"] == "ON_SHELF"


def test_mb17_it_ends_at_midnight_of_the_institution(kiosk: Kiosk) -> None:
    """MB-4, MB-17: 23:59:59 is still a member's, 00:00:00 is not; in Paris it is 22:59:59 UTC."""
    kiosk.given(TAKES_ONE, LASTS)
    kiosk.now = NOW.replace(hour=22, minute=59, second=59)
    assert kiosk.checkout("P1", "I1").fixed[2] == "1"
    kiosk.later(seconds=1)
    assert kiosk.checkout("P1", "I3").af == ["Your membership expired on 2026-03-09."]


def test_sp6_a_verifier_gets_the_record(kiosk: Kiosk) -> None:
    """``valid_patron = record``: Y to whoever asks for e-resources, which stay open (S2:137)."""
    kiosk.given(TAKES_ONE, ENDED)
    kiosk.profile = PROFILES["e-content-verifier"]
    assert kiosk.information("P1")["BL"] == "Y"


def test_sp7_flags_in_24_when_the_institution_wants_them(kiosk: Kiosk) -> None:
    """membership_flags_in_patron_status (D-3)."""
    kiosk.given(TAKES_ONE, ENDED, "setting MAIN membership_flags_in_patron_status true")
    told = kiosk.status("P1")
    assert (told["BL"], told.fixed[2:16]) == ("Y", "YY" + " " * 12)


def test_sp7_other_reasons_keep_their_flags_in_24(kiosk: Kiosk) -> None:
    """SP-7: membership alone sets none; a block does."""
    kiosk.given(TAKES_ONE, ENDED, "block P1 actions=RENEW")
    assert kiosk.status("P1").fixed[2:16] == " Y" + " " * 12
    assert kiosk.information("P1").fixed[2:16] == "YY" + " " * 12


def test_d5_a_loan_may_be_due_after_the_membership_ends(kiosk: Kiosk) -> None:
    """D-5: the last day of the membership is no due date."""
    kiosk.given(TAKES_ONE, LASTS)
    assert kiosk.checkout("P1", "I1")["AH"].startswith("20260406")


def test_mb24_a_proxy_acts_for_the_account(kiosk: Kiosk) -> None:
    """MB-24: name, loans, limits, blocks and fees are the primary's; the PIN is the holder's."""
    kiosk.given("proxy X1 P1 holder=P2", "loan I4 P1", "fee P1 250")
    told = kiosk.information("X1")
    assert (told["AE"], told["AA"], told.fixed[45:49]) == ("Anne Dupont", "X1", "0001")
    assert told["BV"] == "2.50"
    assert kiosk.checkout("X1", "I1").fixed[2] == "1"
    assert [row["patron_id"] for row in kiosk.rows(tables.loan)] == [kiosk.world.patrons["P1"]] * 2
    kiosk.pin("P2", "1234")
    assert kiosk.status("X1", "AD1234|")["CQ"] == "Y"
    kiosk.pin("P1", "9999")
    assert kiosk.status("X1", "AD9999|")["CQ"] == "N"


OUT_OF_FORCE = {
    "disabled": "proxy X1 P1 enabled=0",
    "its last day has passed": "proxy X1 P1 expires_on=2026-03-08",
    "the account is gone": "proxy X1 P-DELETED",
    "its holder is gone": "proxy X1 P1 holder=P-DELETED",
}


@pytest.mark.parametrize("case", OUT_OF_FORCE)
def test_mb24_a_proxy_card_out_of_force_is_unknown(kiosk: Kiosk, case: str) -> None:
    kiosk.given(OUT_OF_FORCE[case])
    assert kiosk.status("X1")["BL"] == "N"
    assert kiosk.checkout("X1", "I1").af == ["Card not recognised. Please see staff."]


def test_mb24_on_its_last_day_it_is_in_force_and_several_may_be_held(kiosk: Kiosk) -> None:
    """One person may be a full patron and hold several proxy cards."""
    kiosk.given("proxy X1 P1 holder=P2 expires_on=2026-03-09", "proxy X2 P-CHILD holder=P2")
    names = [kiosk.status(card)["AE"] for card in ("X1", "X2", "P2")]
    assert names == ["Anne Dupont", "Denis Petit", "Bruno Martin"]


def test_mb30_in_a_group_the_home_institution_s_policy_counts(kiosk: Kiosk) -> None:
    """MB-30, MB-7: a guest of OTHER needs none where MAIN's patrons do, and one where OTHER's do; by the
    clock of New York."""
    kiosk.given(TAKES_ONE)
    with kiosk.standing_at("CENTRAL", group_resolution=True):
        assert kiosk.information("O1").af == []
        kiosk.given("membership-policy O-ADULT institution=OTHER", "membership O1 2026-03-08")
        kiosk.now = NOW.replace(hour=3)  # the 8th, 23:00, in New York; the 9th in Paris
        assert kiosk.information("O1").af == []
        kiosk.later(hours=2)
        assert kiosk.information("O1").af == ["Your membership expired on 2026-03-08."]


def test_mb29_a_stored_loan_is_judged_when_it_was_made(kiosk: Kiosk) -> None:
    """SP-22: what was in order then is no exception now."""
    kiosk.given(TAKES_ONE, "membership P1 2026-03-08")
    kiosk.stored_checkout("P1", "I1", kiosk.at(DAY), "20260401    120000")
    (event,) = kiosk.rows(tables.loan_event)
    assert event["bypassed"] == "[]"


def test_mb19_a_bill_is_a_fee_of_the_patron_without_item(kiosk: Kiosk) -> None:
    """MB-19, CO-10: listed with the others, outside the limit of debts."""
    kiosk.given(TAKES_ONE, LASTS, "setting MAIN noissuescharge 0", "fee P1 3000 kind=MEMBERSHIP")
    told = kiosk.information("P1", 3)
    assert len(told.get("AV")) == 1
    assert kiosk.checkout("P1", "I1").fixed[2] == "1"


def test_mb27_a_recalled_hold_and_reports_are_allowed(kiosk: Kiosk) -> None:
    """MB-27: flags 2 and 3 stay blank, and a hold of a patron in the queue is kept."""
    kiosk.given(TAKES_ONE)
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons["P1"], "T3"))
    assert kiosk.information("P1").fixed[4:6] == "  "
    assert kiosk.hold("-", "P1", "AJT3|").fixed[2] == "1"


def test_mb12_who_is_older_than_the_policy_is_unknown(kiosk: Kiosk) -> None:
    """MB-12: no bill by itself; MB-1: whose type takes none is not concerned."""
    kiosk.given(TAKES_ONE)
    assert kiosk.rows(tables.fee) == []
    assert kiosk.information("P2").af == ["Membership status unknown. Please see staff."]
    assert kiosk.information("P-STAFF").af == []
