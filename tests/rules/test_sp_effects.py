"""No block, repeats, dates and undoing over the wire: SP-20..SP-23, PT-9, PT-40; SP-30's frames."""

from datetime import timedelta
from typing import Any

import pytest

from sip2d.store import tables
from tests.rules.terminal import Kiosk
from tests.support.library import NOW, add_block, add_hold, add_loan, seconds

DUE = "20260330    235959"
YESTERDAY = "20260308    101500"
UNCHANGED = (
    "loan",
    "loan_event",
    "hold",
    "item",
    "fee",
    "ledger_txn",
    "ledger_posting",
    "user_block",
    "journal",
)


def picture(kiosk: Kiosk) -> dict[str, list[dict[str, Any]]]:
    """What a repeat must leave as it is."""
    return {name: kiosk.rows(tables.metadata.tables[name]) for name in UNCHANGED}


# -- SP-20 -----------------------------------------------------------------------------------------------

GATES: dict[str, tuple[str, str, str]] = {
    "not enabled": ("message CENTRAL {key} DISABLED", "", "Function not available on this terminal."),
    "branch not configured": ("branch CENTRAL status=NOT_CONFIGURED", "", "Terminal not authorised."),
    "another institution": (
        "branch CENTRAL enforce_institution=1", "", "This terminal does not serve that library.",
    ),
    "no PIN": ("message CENTRAL {key} ENABLED", "", "Invalid PIN."),
    "a wrong PIN": ("message CENTRAL {key} ENABLED_NO_AUTH", "AD9|", "Invalid PIN."),
}  # fmt: skip


@pytest.mark.parametrize("no_block", ["N", "Y"])
@pytest.mark.parametrize(("code", "key"), [("11Y", "CHECKOUT"), ("29N", "RENEW")])
@pytest.mark.parametrize("case", GATES)
def test_pt40_no_block_passes_no_gate(kiosk: Kiosk, case: str, code: str, key: str, no_block: str) -> None:
    """SP-20 (1): what nb=N may not, nb=Y may not either, and nothing happens."""
    directive, password, text = GATES[case]
    kiosk.given("loan I1 P1", directive.format(key=key))
    before = picture(kiosk)
    answer = kiosk.said(f"{code}{no_block}{{now}}{DUE}AOELSEWHERE|AAP1|ABI1|AC|{password}")
    assert (answer.fixed[2:4], answer.af) == ("0N", [text])
    assert picture(kiosk) == before


REFERENTIAL: dict[str, tuple[str, str]] = {
    "11NY{now}{due}AOMAIN|AAP-NOBODY|ABI3|AC|": ("Card not recognised. Please see staff.", ""),
    "11NY{now}{due}AOMAIN|AAP1|ABI-NOTHING|AC|": ("Item not recognised.", ""),
    "29NY{now}{due}AOMAIN|AAP-NOBODY|ABI1|AC|": ("Card not recognised. Please see staff.", ""),
    "29NY{now}{due}AOMAIN|AAP1|ABI3|AC|": ("Item is not on loan.", ""),
    "29NY{now}{due}AOMAIN|AAP2|ABI1|AC|": ("Item is not on loan to this patron.", ""),
    "29YY{now}{due}AOMAIN|AAP2|ABI1|AC|": ("Item is not on loan to this patron.", ""),
    "29NY{now}{due}AOMAIN|AAP1|ABI4|AC|": ("Item has been recalled and cannot be renewed.", ""),
    "29NY{now}{due}AOMAIN|AAP1|ABI5|AC|": ("Item is recorded as lost. Please see staff.", ""),
}


@pytest.mark.parametrize("frame", REFERENTIAL)
def test_sp20_referential_checks_stay(kiosk: Kiosk, frame: str) -> None:
    """SP-20 (2), CO-3: unknown, not on loan to him, recalled, declared lost."""
    kiosk.given("loan I1 P1", f"loan I4 P1 recalled_at={seconds(NOW)}", "loan I5 P1",
                "item I5 lost_status=1 lost_on=2026-03-01 lost_origin=STAFF")  # fmt: skip
    before = picture(kiosk)
    answer = kiosk.said(frame.replace("{due}", DUE))
    assert (answer.fixed[2:4], answer.af) == ("0N", [REFERENTIAL[frame][0]])
    assert picture(kiosk) == before


def against(kiosk: Kiosk) -> None:
    """Everything policy has against P1."""
    kiosk.given(
        "patron P1 expires_on=2026-01-01 card_lost=1", "patron-type ADULT loan_limit=0 overdue_limit=0",
        "setting MAIN noissuescharge 0", "setting MAIN OPACFineNoRenewals 0", "fee P1 100",
    )  # fmt: skip
    kiosk.change(lambda core, world: add_block(core, world.patrons["P1"], actions="LOAN,RENEW,HOLD"))


@pytest.mark.parametrize("item", ["I1", "I-DVD", "I-REF", "I-NOT-FOR-LOAN", "I-WITHDRAWN", "I-LOST"])
def test_sp20_no_policy_stops_a_stored_loan(kiosk: Kiosk, item: str) -> None:
    """SP-20 (3): done, due as promised, and what was set aside stands on the event (CO-3)."""
    against(kiosk)
    answer = kiosk.stored_checkout("P1", item, YESTERDAY, DUE)
    assert (answer.fixed[2:4], answer["AH"]) == ("1N", DUE)
    event = kiosk.rows(tables.loan_event)[-1]
    assert event["kind"] == "LOAN"
    for code in ("CARD_LOST", "PATRON_EXPIRED", "BLOCK:MANUAL", "NOISSUESCHARGE", "LOAN_LIMIT"):
        assert f'"{code}"' in event["bypassed"]
    assert event["interface"] == "SIP2_OFFLINE"


def test_sp20_no_policy_stops_a_stored_renewal(kiosk: Kiosk) -> None:
    """Renewal limit, too soon, others' holds, fines and blocks included (BR-6, BR-7)."""
    kiosk.given("loan I1 P1 renewal_count=9", "rule MAIN BOOK no_renewal_before 1")
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons["P2"], "T1"))
    against(kiosk)
    answer = kiosk.stored_renew("P1", "I1", "20301231   Z225959")
    assert (answer.fixed[:6], answer["AH"]) == ("301YNN", "20301231    235959")
    bypassed = kiosk.rows(tables.loan_event)[-1]["bypassed"]
    for code in ("RENEW_LIMIT", "RENEW_TOO_SOON", "ITEM_HELD", "FINE_NO_RENEWALS"):
        assert f'"{code}"' in bypassed


def test_sp20_on_loan_to_another_is_taken_back_first(kiosk: Kiosk) -> None:
    kiosk.given("loan I1 P2")
    assert kiosk.stored_checkout("P1", "I1", YESTERDAY, DUE).fixed[2] == "1"
    assert [row["closed_reason"] for row in kiosk.rows(tables.loan)] == ["IMPLICIT", None]


def test_d4_where_offline_mode_is_off(kiosk: Kiosk) -> None:
    """11 and 29 are refused, never read anew; 09 is an ordinary return of now."""
    kiosk.given("message CENTRAL OFFLINE_MODE DISABLED", "loan I3 P1")
    text = ["Offline transactions are not enabled here."]
    assert kiosk.stored_checkout("P1", "I1", YESTERDAY, DUE).af == text
    assert kiosk.stored_renew("P1", "I3", DUE).af == text
    assert kiosk.stored_checkin("I3", YESTERDAY).fixed[2] == "1"
    event = kiosk.rows(tables.loan_event)[-1]
    assert (event["kind"], event["event_at"], event["interface"]) == ("RETURN", seconds(NOW), "SIP2")


# -- SP-21 -----------------------------------------------------------------------------------------------


def effects(kiosk: Kiosk) -> dict[str, str]:
    """One frame of each message with an effect, dated now."""
    kiosk.given("loan I3 P1", "loan I4 P1", "fee P1 500")
    return {
        "11": "11YN{now}" + " " * 18 + "AOMAIN|AAP1|ABI1|AC|",
        "29": "29NN{now}" + " " * 18 + "AOMAIN|AAP1|ABI3|",
        "09": "09N{now}{now}AP|AOMAIN|ABI4|AC|",
        "15": "15+{now}AOMAIN|AAP2|ABI3|",
        "37": "37{now}0100EURBV1.00|AOMAIN|AAP1|",
        "65": "65{now}AOMAIN|AAP1|",
        "01": "01N{now}AOMAIN|ALx|AAP2|AC|",
        "25": "25{now}AOMAIN|AAP2|",
    }


@pytest.mark.parametrize("code", ["11", "29", "09", "15", "37", "65", "01", "25"])
def test_sp21_a_repeat_gets_the_recorded_answer(kiosk: Kiosk, code: str) -> None:
    """After 15 minutes to the second, from another terminal of the branch, with another AC: nothing happens
    twice. A second later it is a new request."""
    frames = effects(kiosk)
    if code == "25":
        kiosk.ask(frames["01"])
    frame = frames[code].replace("{now}", kiosk.stamp)
    first = kiosk.ask(frame)
    before = picture(kiosk)
    kiosk.later(minutes=15)
    with kiosk.standing_at("CENTRAL", id=kiosk.world.terminals["kiosk-north"]):
        assert kiosk.ask(frame) == first
        assert kiosk.last is not None
        assert kiosk.last.result == "repeat"
        assert picture(kiosk) == before
        kiosk.later(seconds=1)
        kiosk.ask(frame)
        assert kiosk.last.result != "repeat"


def test_sp21_another_branch_is_another_request(kiosk: Kiosk) -> None:
    frame = effects(kiosk)["37"].replace("{now}", kiosk.stamp)
    kiosk.ask(frame)
    with kiosk.standing_at("NORTH"):
        kiosk.ask(frame)
    assert len(kiosk.rows(tables.ledger_txn, kind="PAY")) == 2


FROZEN = ["20010101    000000", " " * 18, "99999999    999999"]


@pytest.mark.parametrize("date", FROZEN)
@pytest.mark.parametrize(("wait", "times"), [(59, 1), (60, 1), (61, 2)])
def test_sp21_a_frozen_clock(kiosk: Kiosk, date: str, wait: int, times: int) -> None:
    """(a), second half: the same terminal within timeout x (retries + 1), 60 s here; later it is new."""
    kiosk.given("fee P1 500")
    frame = f"37{date}0100EURBV1.00|AOMAIN|AAP1|"
    kiosk.ask(frame)
    kiosk.later(seconds=wait)
    kiosk.ask(frame)
    assert len(kiosk.rows(tables.ledger_txn, kind="PAY")) == times


@pytest.mark.parametrize("date", FROZEN)
def test_sp21_a_frozen_clock_of_another_terminal(kiosk: Kiosk, date: str) -> None:
    kiosk.given("fee P1 500")
    frame = f"37{date}0100EURBV1.00|AOMAIN|AAP1|"
    kiosk.ask(frame)
    with kiosk.standing_at("CENTRAL", id=kiosk.world.terminals["kiosk-north"]):
        kiosk.ask(frame)
    assert len(kiosk.rows(tables.ledger_txn, kind="PAY")) == 2


def test_sp21_the_window_follows_the_branch(kiosk: Kiosk) -> None:
    """timeout x (retries + 1), where that is more than 60 s."""
    kiosk.given("branch CENTRAL timeout_seconds=30 retries_allowed=4", "fee P1 500")
    frame = f"37{' ' * 18}0100EURBV1.00|AOMAIN|AAP1|"
    for wait, paid in ((0, 1), (150, 1), (151, 2)):
        kiosk.now = NOW + timedelta(seconds=wait)
        kiosk.ask(frame)
        assert len(kiosk.rows(tables.ledger_txn, kind="PAY")) == paid


def test_sp21_65_without_a_date_next_month(kiosk: Kiosk) -> None:
    kiosk.given("loan I1 P1")
    assert kiosk.said("65AOMAIN|AAP1|")["BM"] == "I1"
    kiosk.later(days=30)
    assert kiosk.said("65AOMAIN|AAP1|")["BM"] == "I1"
    assert kiosk.rows(tables.loan)[0]["renewal_count"] == 2


def test_sp21_only_while_the_effect_is_the_latest(kiosk: Kiosk) -> None:
    """(b): the same loan again, after its return."""
    frame = f"11YN{kiosk.stamp}{' ' * 18}AOMAIN|AAP1|ABI1|AC|"
    kiosk.ask(frame)
    kiosk.checkin("I1")
    kiosk.ask(frame)
    assert [row["kind"] for row in kiosk.rows(tables.loan_event)] == ["LOAN", "RETURN", "LOAN"]
    kiosk.ask(frame)
    assert len(kiosk.rows(tables.loan_event)) == 3


@pytest.mark.parametrize(("days", "result"), [(29, "repeat"), (31, "ok")])
def test_sp21_no_block_is_remembered_for_offline_max_age(kiosk: Kiosk, days: int, result: str) -> None:
    frame = f"11NY{kiosk.stamp}{DUE}AOMAIN|AAP1|ABI1|AC|"
    kiosk.ask(frame)
    before = picture(kiosk)
    kiosk.later(days=days)
    kiosk.ask(frame)
    assert kiosk.last is not None
    assert kiosk.last.result == result
    assert picture(kiosk) == before  # PT-9: nothing twice, in either case


@pytest.mark.parametrize("ahead", [0, 240, 3600])
def test_pt9_a_stored_transaction_replayed_later_changes_nothing(kiosk: Kiosk, ahead: int) -> None:
    """Also when it is no more the latest, and from a kiosk whose clock runs ahead a little."""
    date = kiosk.at(timedelta(seconds=-ahead))
    lent = f"11NY{date}{DUE}AOMAIN|AAP1|ABI1|AC|"
    kiosk.ask(lent)
    kiosk.later(hours=2)
    assert kiosk.renew("P1", "I1").fixed[2] == "1"
    before = picture(kiosk)
    kiosk.later(hours=2)
    assert kiosk.said(lent).fixed[2] == "1"
    assert picture(kiosk) == before


# -- SP-22 -----------------------------------------------------------------------------------------------

MOMENTS = {
    "yesterday": (timedelta(days=1), timedelta(days=1), False),
    "30 days": (timedelta(days=30), timedelta(days=30), False),
    "older": (timedelta(days=30, seconds=1), timedelta(days=30, seconds=1), True),
    "5 minutes ahead": (timedelta(minutes=-5), timedelta(minutes=-5), False),
    "further ahead": (timedelta(minutes=-5, seconds=-1), timedelta(0), False),
}


@pytest.mark.parametrize("case", MOMENTS)
def test_sp22_when_it_happened(kiosk: Kiosk, case: str) -> None:
    """The transaction date; STALE beyond 30 days, clamped to now beyond 5 minutes ahead."""
    ago, counted, stale = MOMENTS[case]
    kiosk.stored_checkout("P1", "I1", kiosk.at(ago), "20260430    235959")
    event = kiosk.rows(tables.loan_event)[-1]
    assert event["event_at"] == seconds(NOW - counted)
    assert event["recorded_at"] == seconds(NOW)
    assert ("STALE" in event["bypassed"]) == stale


@pytest.mark.parametrize("date", [" " * 18, "nonsense          "])
def test_sp22_without_a_date_it_is_now(kiosk: Kiosk, date: str) -> None:
    kiosk.stored_checkout("P1", "I1", date, DUE)
    assert kiosk.rows(tables.loan_event)[-1]["event_at"] == seconds(NOW)


def test_sp22_a_return_has_its_return_date(kiosk: Kiosk) -> None:
    """Else the transaction date (sip2.md 6.3)."""
    kiosk.given("loan I1 P1", "loan I3 P1")
    kiosk.stored_checkin("I1", YESTERDAY, "20260307    120000")
    assert kiosk.rows(tables.loan_event)[-1]["event_at"] == seconds(
        NOW - timedelta(days=1, hours=22, minutes=15)
    )
    kiosk.stored_checkin("I3", YESTERDAY, " " * 18)
    assert kiosk.rows(tables.loan_event)[-1]["event_at"] == seconds(NOW - timedelta(days=1))


@pytest.mark.parametrize("date", ["20260101    000000", "20270101    000000", " " * 18])
def test_sp22_on_line_the_terminals_date_counts_for_nothing(kiosk: Kiosk, date: str) -> None:
    kiosk.said(f"11YN{date}{DUE}AOMAIN|AAP1|ABI1|AC|")
    kiosk.said(f"09N{date}{date}AP|AOMAIN|ABI1|AC|")
    assert {row["event_at"] for row in kiosk.rows(tables.loan_event)[-2:]} == {seconds(NOW)}
    assert kiosk.rows(tables.loan)[0]["due_at"] != seconds(NOW + timedelta(days=21))


# -- SP-23 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wait", "done"), [(600, "1"), (601, "0")])
def test_sp23_the_window(kiosk: Kiosk, wait: int, done: str) -> None:
    """Ten minutes, both ways."""
    kiosk.given("loan I3 P1 due=5")
    kiosk.checkout("P1", "I1")
    kiosk.checkin("I3")
    kiosk.later(seconds=wait)
    assert kiosk.checkin("I1", "BIY|").fixed[2] == done
    answer = kiosk.checkout("P1", "I3", "BIY|")
    assert (answer.fixed[2:4], answer["AH"]) == (f"{done}N", "20260314    101500" if done == "1" else "")


def test_sp23_the_window_is_a_setting(kiosk: Kiosk) -> None:
    kiosk.given("setting MAIN cancel_window_min 1")
    kiosk.checkout("P1", "I1")
    kiosk.later(seconds=61)
    assert kiosk.checkin("I1", "BIY|").af == ["This can no longer be cancelled. Please see staff."]


def test_sp23_only_the_last_event_at_the_same_branch(kiosk: Kiosk) -> None:
    kiosk.checkout("P1", "I1")
    with kiosk.standing_at("NORTH"):
        assert kiosk.checkin("I1", "BIY|").fixed[2] == "0"
    assert kiosk.checkout("P2", "I1", "BIY|").fixed[2] == "0"  # the last event is no return
    assert kiosk.checkin("I1", "BIY|").fixed[2] == "1"
    kiosk.later(seconds=1)
    assert kiosk.checkin("I1", "BIY|").fixed[2] == "0"  # nothing is left to undo


def test_sp23_postings_are_reversed(kiosk: Kiosk) -> None:
    kiosk.checkout("P1", "I-DVD", "BOY|")
    assert kiosk.status("P1")["BV"] == "1.50"
    kiosk.checkin("I-DVD", "BIY|")
    assert kiosk.status("P1")["BV"] == "0.00"
    assert [row["kind"] for row in kiosk.rows(tables.ledger_txn)] == ["CHARGE", "VOID"]


# -- SP-30 -----------------------------------------------------------------------------------------------


def french(kiosk: Kiosk) -> None:
    """The loans and people of SP-30 in the small library."""
    kiosk.given("branch CENTRAL language=fr send_personal_data=0")
    kiosk.change(
        lambda core, world: [
            add_loan(core, world, world.items["I1"], world.patrons["P1"]),
            add_loan(core, world, world.items["I3"], world.patrons["P1"], recalled_at=seconds(NOW)),
        ]
    )


FRAMES = {
    "29NY20260309    10150120301231   Z225959AOMAIN|AAP1|ABI1|AC|":
        "301YNN{now}AOMAIN|AAP1|ABI1|AJTitle T1|AH20301231    235959|CK001|"
        "AFProlongé jusqu'au 2030-12-31 23:59.|",
    "29NY20260309    10150120301231   Z225959AOMAIN|AAP1|ABI4|AC|":
        "300NUN{now}AOMAIN|AAP1|ABI4|AJTitle T3|AH|CK001|BLY|AFCe document n'est pas prêté.|",
    "29NY20260309    10150120301231   Z225959AOMAIN|AAP2|ABI1|AC|":
        "300NUN{now}AOMAIN|AAP2|ABI1|AJTitle T1|AH|CK001|BLY|AFCe document n'est pas prêté à cet usager.|",
    "29NY20260309    10150120301231   Z225959AOMAIN|AAP1|ABI3|AC|":
        "300NUN{now}AOMAIN|AAP1|ABI3|AJTitle T2|AH20260330    111500|CK001|BLY|"
        "AFDocument rappelé : prolongation impossible.|",
    "2300220260309    101500AOMAIN|AAP1|AC|AD1234|":
        "24              002{now}AOMAIN|AAP1|AEAnne Dupont|BLY|CQY|BHEUR|BV0.00|",
    "6300220260309    101500          AOMAIN|AAP1|AC|AD1234|":
        "64              002{now}000000000002000000010000AOMAIN|AAP1|AEAnne Dupont|"
        "BZ0003|CB0005|BLY|CQY|BHEUR|",
    "11YN20260309    101500                  AOMAIN|AAP-EXPIRED|ABI5|AC|":
        "120NUN{now}AOMAIN|AAP-EXPIRED|ABI5|AJTitle T4|AH|CK001|BLY|AFVotre compte est expiré.|",
    "09N20260309    10150020260309    101500APMAIN|AOMAIN|ABI1|AC|":
        "101YNN{now}AOMAIN|ABI1|AQCENTRAL|AJTitle T1|AAP1|CK001|",
    "11NY20260309    09120020260330    235959AOMAIN|AAP1|ABI5|AC|":
        "121NNY{now}AOMAIN|AAP1|ABI5|AJTitle T4|AH20260330    235959|CK001|",
}  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES)
def test_sp30_example_frames(kiosk: Kiosk, frame: str) -> None:
    """Their values, with this library's codes. Where SP-30 has U for magnetic media, we know: N."""
    french(kiosk)
    kiosk.pin("P1", "1234")
    assert kiosk.ask(frame) == FRAMES[frame].replace("{now}", kiosk.stamp)


def test_sp30_suspended(kiosk: Kiosk) -> None:
    french(kiosk)
    kiosk.change(
        lambda core, world: add_block(core, world.patrons["P2"], actions="LOAN,RENEW,HOLD",
                                      expires_at=seconds(NOW + timedelta(days=1, hours=23, minutes=45)))
    )  # fmt: skip
    answer = kiosk.information("P2", language="002")
    assert answer.fixed[2:16] == "YYYY" + " " * 10
    assert (answer["BL"], answer.af) == ("N", ["Prêt suspendu jusqu'au 2026-03-11 10:00."])


def test_bl12_of_several_suspensions_the_latest_is_shown(kiosk: Kiosk) -> None:
    """BL-12: five late returns are one sentence, not five; what has no end is said beside it."""
    french(kiosk)
    ends = [*(seconds(NOW + timedelta(days=days)) for days in (2, 9, 4)), None]
    kiosk.change(
        lambda core, world: [
            add_block(core, world.patrons["P2"], actions="LOAN", expires_at=end) for end in ends
        ]
    )
    told = kiosk.information("P2", language="002").af
    assert [text for text in told if "suspendu" in text] == ["Prêt suspendu jusqu'au 2026-03-18 10:15."]
    assert len(told) == 2
