"""E. Variable fields."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, update

from sip2d.store import tables
from tests.machine.hall import Hall
from tests.quirks.floor import BLANK, DATE, Floor, Table, checkout, fields, info, item, lent, pin
from tests.support import library

ROWS = Table()


def _change(hall: Hall, act: Callable[[Any, library.World], object]) -> None:
    hall.staff(lambda core: act(core, library.read(core)))


@ROWS("E1")
def an_institution_of_any_kind(floor: Floor) -> None:
    for text in ("", "AO|", "AO1|", "AOsomewhere-else|"):
        told = fields(floor.kiosk.ask(f"63001{DATE}{' ' * 10}{text}AAP1|"))
        assert told["BL"] == ["Y"], text
        assert told["AO"] == [text[2:-1] or "MAIN"]


@ROWS("E2")
def a_terminal_password_of_any_kind(floor: Floor) -> None:
    for text in ("", "AC|", "AC6789|", f"AC{pin()}|"):
        told = fields(floor.kiosk.ask(f"23001{DATE}AOMAIN|AAP1|{text}"))
        assert told["BL"] == ["Y"]
        assert told.get("CQ", ["N"]) != ["Y"], text


@ROWS("E3")
def a_missing_pin_is_never_right(floor: Floor) -> None:
    assert "CQ" not in fields(floor.kiosk.ask(info()))
    assert fields(floor.kiosk.ask(info(tail="AD|")))["CQ"] == ["N"]
    assert fields(floor.kiosk.ask(info(tail=f"AD{pin()}|")))["CQ"] == ["Y"]
    kiosk = floor.as_profile("e-content-verifier")
    assert fields(kiosk.ask(info()))["CQ"] == ["N"]
    assert fields(kiosk.ask(info("P-CHILD", tail="AD|")))["CQ"] == ["N"]  # has no PIN at all


@ROWS("E4")
def any_order_in(floor: Floor) -> None:
    told = floor.kiosk.ask(f"11YN{DATE}{BLANK}AAP1|ABI1|AC|AD{pin()}|AOMAIN|BON|")
    assert told.startswith(b"121")
    assert fields(told)["AO"] == ["MAIN"]


@ROWS("E5")
def the_order_of_the_document_out(floor: Floor) -> None:
    def order(frame: str) -> list[str]:
        return list(fields(floor.kiosk.ask(frame)))

    assert order(checkout())[:5] == ["AO", "AA", "AB", "AJ", "AH"]
    assert order(info(summary="  Y", tail=f"AD{pin()}|")) == [
        "AO", "AA", "AE", "BZ", "CB", "BL", "CQ", "BH", "BV", "AU", "BD", "BE", "BF",
    ]  # fmt: skip
    assert order(item())[:3] == ["AH", "AB", "AJ"]
    assert order("9900802.00")[:3] == ["AO", "AM", "BX"]
    assert order(f"23001{DATE}AOMAIN|AAP1|AD{pin()}|") == ["AO", "AA", "AE", "BL", "CQ", "BH", "BV"]
    assert order(f"09N{DATE}{DATE}APCENTRAL|AOMAIN|ABI1|AC|")[:3] == ["AO", "AB", "AQ"]


@ROWS("E6")
def the_last_field_ends_in_a_delimiter(floor: Floor) -> None:
    assert floor.kiosk.ask(f"35{DATE}AOMAIN|AAP1")[:3] == b"36Y"
    assert fields(floor.kiosk.ask(info(tail="BP|BQ")))["BL"] == ["Y"]
    for frame in (info(), item(), checkout(), "9900802.00", f"65{DATE}AO|AAP1|", f"35{DATE}AO|AAP1|"):
        assert floor.kiosk.ask(frame).endswith(b"|")


@ROWS("E7")
def empty_fields(floor: Floor) -> None:
    assert fields(floor.kiosk.ask(f"63001{DATE}{' ' * 10}AOMAIN||AAP1|||AD|"))["BL"] == ["Y"]


@ROWS("E8")
def unknown_fields(floor: Floor) -> None:
    tail = "ZZx|XTy|XA1|PB19700101|U1a|PTp|KQshelf|Q1x|nonsense|"
    told = fields(floor.kiosk.ask(f"63001{DATE}{' ' * 10}ZZfirst|AOMAIN|XT|AAP1|{tail}"))
    assert told["BL"] == ["Y"]
    assert not {"ZZ", "XT", "U1", "KQ"} & told.keys()
    assert floor.kiosk.ask(f"19{DATE}AOMAIN|ABI1|CHx|KPa|KQb|AQc|APd|")[:3] == b"201"


@ROWS("E9")
def the_first_of_a_repeated_field(floor: Floor) -> None:
    told = fields(floor.kiosk.ask(f"63001{DATE}{' ' * 10}AOMAIN|AAP1|AAno-such-card|"))
    assert told["AA"] == ["P1"]
    assert told["BL"] == ["Y"]


@ROWS("E10")
def pages_of_every_kind(floor: Floor) -> None:
    lent(floor, "I1", "I3", "I4", "I5")
    everything = fields(floor.kiosk.ask(info(summary="  Y")))["AU"]
    assert len(everything) == 4
    pages = {
        "BP00002|BQ0003|": everything[1:3], "BP|BQ|": everything, "BP|BQ": everything,
        "BPx|BQ-3|": everything,
        "BP-2|": everything, "BP9|BQ2|": [], "BP3|BQ2|": [], "BP2|": everything[1:], "BQ1|": everything[:1],
        "BP2|BQ99|": everything[1:],
    }  # fmt: skip
    for tail, wanted in pages.items():
        answer = floor.kiosk.ask(info(summary="  Y", tail=tail))
        assert fields(answer).get("AU", []) == wanted, tail
        assert answer[45:49] == b"0004"


@ROWS("E11")
def amounts_of_every_kind(floor: Floor) -> None:
    _change(floor.hall, lambda core, world: library.add_fee(core, world, world.patrons["P1"], 500))

    def paid(fixed: str, body: str) -> bytes:
        floor.hall.advance(1)
        stamp = floor.hall.now.strftime("%Y%m%d   Z%H%M%S")
        answer = floor.kiosk.ask(f"37{stamp}{fixed}{body}AOMAIN|AAP1|")
        assert answer[:2] == b"38"
        assert answer[2:3] == b"Y" or fields(answer)["AF"]
        return answer[2:3]

    def owed() -> list[str]:
        return fields(floor.kiosk.ask(info()))["BV"]

    for fixed, body in (("0100EUR", ""), ("0100EUR", "BV|"), ("0100EUR", "BVx|"), ("0100EUR", "BV-5.00|"),
                        ("0100EUR", "BV0.00|"), ("0100EUR", "BV9.00|"), ("0100USD", "BV1.00|")):  # fmt: skip
        assert paid(fixed, body) == b"N", (fixed, body)
    assert owed() == ["5.00"]
    assert paid("0100EUR", "BV0,50|") == b"Y"
    assert paid("0100   ", "BV1.5|") == b"Y"
    assert owed() == ["3.00"]
    assert paid("0100EUR", "BV3|") == b"Y"
    assert owed() == ["0.00"]


@ROWS("E12")
def blanks_and_controls_around_codes(floor: Floor) -> None:
    assert floor.kiosk.ask(checkout(" P1 ", " I1 ")).startswith(b"121")
    assert fields(floor.kiosk.ask(info("P\x011\x02")))["BL"] == ["N"]
    answer = floor.kiosk.ask(info("P1", tail="PB1970\x010101|"))
    assert fields(answer)["BL"] == ["Y"]
    assert not any(byte < 32 for byte in answer)


@ROWS("E13")
def values_no_message_may_carry(floor: Floor) -> None:
    nasty = "One|two\rthree\nfour\0five\x1b" + "é" * 300

    def act(core: Any, world: library.World) -> None:
        core.execute(
            update(tables.title).where(tables.title.c.number == "T1").values(title=nasty.replace("\0", ""))
        )
        core.execute(
            update(tables.patron).where(tables.patron.c.barcode == "P1").values(address="1|2\r3", name="A|B")
        )

    _change(floor.hall, act)
    for frame in (item(), checkout(), info(summary="  Y")):
        (answer,) = floor.kiosk.send(frame.encode() + b"\r")
        assert answer.count(b"\r") == 1
        assert not any(byte < 32 for byte in answer[:-1])
        told = fields(answer)
        assert max(len(value) for values in told.values() for value in values) <= 255
        assert told.keys() <= set(
            "AO AA AB AJ AH CK CH AE BZ CB BL BH BV BD BE BF AU CF BG BH AQ AP CC CA".split()
        )


@ROWS("E14")
def acknowledged_cancelled_described(floor: Floor) -> None:
    refused = floor.kiosk.ask(checkout(item="I-DVD", tail="BON|"))
    assert refused.startswith(b"120N")
    assert fields(refused)["BV"] == ["1.50"]
    assert floor.kiosk.ask(checkout(item="I-DVD", tail="BOY|")).startswith(b"121N")
    assert floor.kiosk.ask(f"09N{DATE}{DATE}APCENTRAL|AOMAIN|ABI-DVD|AC|BIY|").startswith(b"101")
    assert floor.kiosk.ask(item("I-DVD"))[2:4] == b"03"
    assert fields(floor.kiosk.ask(info()))["BV"] == ["0.00"]
    for tail in ("", "CH|"):
        assert floor.kiosk.ask(f"19{DATE}AOMAIN|ABI1|{tail}")[:3] == b"201"
    floor.kiosk.ask(f"19{DATE}AOMAIN|ABI1|CHwater stains|")
    assert fields(floor.kiosk.ask(item()))["CH"] == ["water stains"]


@ROWS("E15")
def acknowledgements_where_they_mean_nothing(floor: Floor) -> None:
    lent(floor, "I1")
    assert floor.kiosk.ask(f"65{DATE}AOMAIN|AAP1|AC|BON|BIN|").startswith(b"6610001")
    assert floor.kiosk.ask(f"29NN{DATE}{BLANK}AOMAIN|AAP1|ABI1|BON|BIN|").startswith(b"301Y")


@ROWS("E16")
def the_charset_is_the_terminals(floor: Floor) -> None:
    def act(core: Any, world: library.World) -> None:
        core.execute(update(tables.title).where(tables.title.c.number == "T1").values(title="Piège œ"))
        assert core.scalar(select(tables.title.c.title).where(tables.title.c.number == "T1")) == "Piège œ"

    _change(floor.hall, act)
    assert "AJPiège œ|".encode() in floor.kiosk.ask(item())
    assert b"AJPi\x8age oe|" in floor.as_profile("legacy-cp850-crlf").ask(item())
    assert b"AJPiege oe|" in floor.as_profile("evergreen-like").ask(item())
    for name in ("standard", "legacy-cp850-crlf", "evergreen-like"):
        kiosk = floor.as_profile(name)
        (answer,) = kiosk.send(f"17{DATE}AOMAIN|ABp\xe4ss|AC|\r".encode("latin-1"))
        assert answer[:2] == b"18"
