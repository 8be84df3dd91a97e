"""F and G. What clients insist on in replies, and operation."""

import re
from typing import Any

from tests.quirks.floor import BLANK, DATE, Floor, Table, checkin, checkout, fields, info, item, lent, pin
from tests.support import library

ROWS = Table()


@ROWS("F1")
def bly_and_cqy_say_what_they_say(floor: Floor) -> None:
    """Nothing else in an answer about a patron who is refused reads so: clients look for bare letters."""
    assert b"BLY|CQY|" in floor.kiosk.ask(info(tail=f"AD{pin()}|"))
    for frame in (info("nobody"), info(tail="ADwrong|"), info("P-EXPIRED"), info("P-LOST")):
        answer = floor.kiosk.ask(frame)
        assert b"CQY" not in answer
    assert b"BLY" not in floor.kiosk.ask(info("nobody"))


ROWS.not_ours(
    "F2",
    "PB is no field of the protocol, and its meaning differs between vendors (sip2.md 7): the library keeps"
    " no date of birth. CQ and AE are always sent; a vendor's own field is a custom field of his profile",
)


@ROWS("F3")
def an_and_ao_in_the_98_and_names_as_wanted(floor: Floor) -> None:
    told = fields(floor.kiosk.ask("9900802.00"))
    assert told["AN"] == ["CENTRAL"]
    assert told["AO"] == ["MAIN"]
    assert fields(floor.as_profile("e-content-verifier").ask(info()))["AE"] == ["Anne"]


@ROWS("F4", "F5")
def what_is_known_of_an_item_is_told(floor: Floor) -> None:
    out = fields(floor.kiosk.ask(checkout()))
    assert out["AH"][0]
    assert fields(floor.kiosk.ask(item()))["AH"] == out["AH"]
    floor.kiosk.ask(f"15+{DATE}AOMAIN|AAP2|ABI1|")
    assert fields(floor.kiosk.ask(item()))["CF"] == ["1"]
    assert fields(floor.kiosk.ask(checkin()))["AQ"] == ["CENTRAL"]


@ROWS("F6")
def ao_wherever_the_document_has_it(floor: Floor) -> None:
    frames = [checkout(), f"29NN{DATE}{BLANK}AOMAIN|AAP1|ABI1|", checkin(), info(),
              f"23001{DATE}AOMAIN|AAP1|",
              f"35{DATE}AOMAIN|AAP1|", f"37{DATE}0100EURBV1|AOMAIN|AAP1|", f"25{DATE}AOMAIN|AAP1|",
              f"15+{DATE}AOMAIN|AAP1|ABI3|", f"65{DATE}AOMAIN|AAP1|",
              f"01N{DATE}AOMAIN|AL|AAP2|", "9900802.00"]  # fmt: skip
    for frame in frames:
        assert fields(floor.kiosk.ask(frame))["AO"] == ["MAIN"], frame


@ROWS("F7")
def money_and_limits_are_numbers(floor: Floor) -> None:
    floor.hall.staff(
        lambda core: library.add_fee(core, library.read(core), library.read(core).patrons["P1"], 1234)
    )
    told = fields(floor.kiosk.ask(info()))
    assert told["BV"] == ["12.34"]
    assert re.fullmatch(r"[0-9]{4}", told["BZ"][0])
    assert all(re.fullmatch(r"[0-9]+\.[0-9]{2}", value) for value in told.get("CC", []))


ROWS.not_ours(
    "F8",
    "a client's fault that no server can mend: the institution's own code stands in AO, whatever its letters",
)
ROWS.not_ours("F9", "a client's fault: 38 says Y or N as the document has it (C10)")


@ROWS("F10")
def ready_holds_and_pending_ones_apart(floor: Floor) -> None:
    lent(floor, "I3", patron="P2")
    assert floor.kiosk.ask(f"15+{DATE}AOMAIN|AAP1|ABI3|").startswith(b"161")
    pending = floor.kiosk.ask(info(summary="     Y"))
    assert pending[37:41] == b"0000"
    assert pending[57:61] == b"0001"
    assert fields(pending)["CD"] == ["T2"]
    assert "AS" not in fields(floor.kiosk.ask(info(summary="Y")))
    floor.kiosk.ask(checkin("I3"))
    ready = floor.kiosk.ask(info(summary="Y"))
    assert ready[37:41] == b"0001"
    assert ready[57:61] == b"0000"
    assert fields(ready)["AS"] == ["I3"]
    assert "CD" not in fields(floor.kiosk.ask(info(summary="     Y")))


@ROWS("F11")
def every_refusal_shows_something(floor: Floor) -> None:
    for frame in (checkout(item="none"), checkout("nobody"), info("nobody"),
                  f"29NN{DATE}{BLANK}AO|AAP1|ABI1|",
                  checkin("none"), item("none"), f"15-{DATE}AO|AAP1|ABI1|", f"15x{DATE}AO|AAP1|ABI1|",
                  f"37{DATE}0100EURBV1|AO|AAP1|", f"65{DATE}AO|AAnobody|", f"25{DATE}AO|AAnobody|",
                  f"19{DATE}AO|ABnone|CHx|", f"01N{DATE}AO|AL|AAnobody|"):  # fmt: skip
        assert fields(floor.kiosk.ask(frame)).get("AF"), frame


@ROWS("F12")
def resensitize_alert_and_cv(floor: Floor) -> None:
    kiosk = floor.as_profile("extended")
    lent(floor, "I3", "I4", patron="P2")
    plain = kiosk.ask(checkin("I4"))
    assert plain[:6] == b"101YNN"
    assert "CV" not in fields(plain)
    kiosk.ask(f"15+{DATE}AOMAIN|AAP1|ABI3|")
    kept = kiosk.ask(checkin("I3"))
    assert kept[:6] == b"101YNY"
    assert fields(kept)["CV"] == ["01"]
    assert fields(kept)["CY"] == ["P1"]


@ROWS("F13")
def the_due_date_as_the_profile_writes_it(floor: Floor) -> None:
    assert fields(floor.kiosk.ask(checkout()))["AH"] == ["20260406    235959"]
    assert fields(floor.as_profile("legacy-cp850-crlf").ask(item()))["AH"] == ["06/04/2026"]


@ROWS("G1")
def nothing_but_answers_goes_into_the_stream(floor: Floor) -> None:
    """Faults and warnings go to the log; what is written are whole answers, one a request."""
    frames = [info(), "junk", "7700", checkout(item="none"), "9900802.00", "93", item("x" * 300)]
    replies = [one for frame in frames for one in floor.other().send(frame.encode() + b"\r")]
    assert [one[:2] for one in replies] == [b"64", b"12", b"98", b"94", b"18"]


@ROWS("G2")
def secrets_stay_out_of_the_logs(floor: Floor) -> None:
    line = floor.hall.connect("127.0.9.1")
    line.ask("9300CNlogin-user|COnarwhal-5550|")
    line.ask("9300CNlogin-user|COquagga-2217|ACnarwhal-5551|")
    line.ask(info(tail=f"AC{'narwhal-5552'}|AD{pin()}|"))
    line.ask(checkout(tail="ACnarwhal-5553|ADnarwhal-5554|"))
    told = floor.hall.logged().decode() + repr(floor.events)
    assert "narwhal" not in told
    assert "quagga" not in told
    assert pin() not in told
    assert "auth.failed" in told


@ROWS("G3")
def a_fault_is_a_refusal_of_the_right_code(floor: Floor) -> None:
    """The table of loans is gone under the server: each message answers its own "no", and the line stays."""

    def away(core: Any) -> None:
        core.exec_driver_sql("ALTER TABLE loan RENAME TO loan_away")

    floor.hall.staff(away)
    for frame, wanted in ((checkout(), b"120"), (checkin(), b"100"), (info(), b"64"), (item(), b"18"),
                          (f"65{DATE}AO|AAP1|", b"660"),
                          (f"29NN{DATE}{BLANK}AO|AAP1|ABI1|", b"300")):  # fmt: skip
        answer = floor.kiosk.ask(frame)
        assert answer.startswith(wanted), frame
        assert fields(answer)["AF"] == ["System temporarily unavailable."]
    assert not floor.kiosk.closed
    assert {one["event"] for one in floor.events} >= {"exchange.fault"}


@ROWS("G4")
def empty_lists_are_empty(floor: Floor) -> None:
    for frame in (f"65{DATE}AO|AAP1|", f"65{DATE}AO|AAnobody|"):
        told = fields(floor.kiosk.ask(frame))
        assert not {"BM", "BN"} & told.keys()
    for summary in range(6):
        told = fields(floor.kiosk.ask(info(summary=" " * summary + "Y")))
        assert not {"AS", "AT", "AU", "AV", "BU", "CD"} & told.keys()


@ROWS("G5")
def bx_says_what_is_served(floor: Floor) -> None:
    assert fields(floor.kiosk.ask("9900802.00"))["BX"] == ["Y" * 16]
    floor.hall.support("CENTRAL", "BLOCK_PATRON", "DISABLED")
    floor.hall.support("CENTRAL", "PATRON_ENABLE", "DISABLED")
    status = floor.kiosk.ask("9900802.00")
    assert fields(status)["BX"] == ["YYYNYYYYYYYYNYYY"]
    assert status[6:7] == b"N"
    blocked = floor.kiosk.ask(f"01N{DATE}AO|AL|AAP1|")
    assert blocked[:2] == b"24"
    assert fields(blocked)["AF"]
