"""The implementer's checklist of sip2.md 9: input, output, state. (Its client part: tests/client.)"""

import re
from typing import Any

from sqlalchemy import update

from sip2d.session.states import CloseReason
from sip2d.store import tables
from tests.machine.hall import LOGGED_IN
from tests.quirks.floor import (
    BLANK,
    DATE,
    Floor,
    Table,
    az,
    checkin,
    checkout,
    fields,
    info,
    item,
    lent,
    pin,
    sound,
    trailed,
)
from tests.support import library

ROWS = Table()
EVERY = {
    "23": (f"23001{DATE}AOMAIN|AAP1|AC|AD|", "24"), "63": (info(), "64"), "11": (checkout(), "12"),
    "09": (checkin(), "10"), "29": (f"29NN{DATE}{BLANK}AOMAIN|AAP1|ABI1|", "30"),
    "65": (f"65{DATE}AOMAIN|AAP1|", "66"), "15": (f"15+{DATE}AOMAIN|AAP1|ABI3|", "16"),
    "37": (f"37{DATE}0100EURBV1.00|AOMAIN|AAP1|", "38"), "35": (f"35{DATE}AOMAIN|AAP1|", "36"),
    "17": (item(), "18"), "19": (f"19{DATE}AOMAIN|ABI1|CHx|", "20"), "25": (f"25{DATE}AOMAIN|AAP1|", "26"),
    "01": (f"01N{DATE}AOMAIN|ALx|AAP2|AC|", "24"), "99": ("9900802.00", "98"), "93": ("9300CNx|COy|", "94"),
}  # fmt: skip
"""A request of every code, and the code of its answer."""
WIDTHS = {"24": 37, "64": 61, "12": 24, "10": 24, "30": 24, "66": 29, "16": 22, "38": 21, "36": 21, "18": 26,
          "20": 21, "26": 37, "98": 36, "94": 3}  # fmt: skip
REQUIRED = {
    "24": "AO AA AE", "64": "AO AA AE", "12": "AO AA AB AJ AH", "30": "AO AA AB AJ AH", "10": "AO AB AQ",
    "66": "AO", "16": "AO AA", "38": "AO AA", "36": "AO AA", "18": "AB AJ", "20": "AB", "26": "AO AA AE",
    "98": "AO BX", "94": "",
}  # fmt: skip
"""Fields an answer always has (sip2.md 1.3)."""


@ROWS("input 1")
def cut_out_of_the_stream(floor: Floor) -> None:
    """CR and LF, empties, NUL, junk in front, partial reads, a cap, an idle timeout of minutes."""
    stream = b"\r\n\0\0 \t\xff\xfb\x01" + item().encode() + b"\r\n\r\0\n" + item("I3").encode() + b"\n"
    whole = floor.kiosk.send(stream)
    assert [one[:4] for one in whole] == [b"1803", b"1803"]
    assert floor.other().send(*[stream[at : at + 1] for at in range(len(stream))]) == whole
    long = floor.other()
    assert long.send(b"9" * 8193) == []
    assert long.connection.session.close_reason is CloseReason.FRAME_TOO_LONG
    floor.hall.advance(599)
    floor.hall.tick()
    assert not floor.kiosk.closed


@ROWS("input 2")
def trailers_of_every_form(floor: Floor) -> None:
    head = item() + "AZ"
    assert floor.kiosk.send(head.encode() + az(head) + b"\r")[0][-7:-5] == b"AZ"
    lower = trailed(item("I3"), "7").rstrip(b"\r")
    assert sound(floor.kiosk.send(lower[:-4] + lower[-4:].lower() + b"\r")[0], "7")
    assert floor.kiosk.send(lower[:-4] + b"0000\r") == [b"96AZFEF6\r"]
    inside = f"17{DATE}AOMAIN|ABAY1AZFFFF|"
    assert fields(floor.kiosk.send(inside.encode() + b"\r")[0])["AB"] == ["AY1AZFFFF"]
    assert b"AZ" not in floor.kiosk.send(item("I4").encode() + b"\r")[0]


@ROWS("input 3")
def every_known_code_is_answered_in_kind(floor: Floor) -> None:
    """However short its fixed block; never by 96 with a valid checksum, never by silence."""
    for code, (frame, wanted) in EVERY.items():
        for cut in {2, 3, 10, len(frame) // 2, len(frame)}:
            line = floor.other()
            (answer,) = line.send(trailed(frame[:cut], "2"))
            line.hang_up()
            assert answer[:2].decode() == wanted, (code, cut)
            if answer[2:3] in b"0N" and wanted in ("12", "30", "10", "66", "16", "38", "20"):
                assert fields(answer[:-1]).get("AF"), (code, cut, answer)
    for unknown in ("00", "42", "94", "AA"):
        assert floor.kiosk.send(unknown.encode() + b"x\r") == []


@ROWS("input 4")
def what_is_not_quite_right_is_accepted(floor: Floor) -> None:
    assert fields(floor.kiosk.ask(f"63001{DATE}{' ' * 10}|ZZx|AOMAIN|AAP1|AAP2|AD"))["AA"] == ["P1"]
    assert floor.kiosk.ask(f"11YN202603090000101500{BLANK}|AOMAIN|AAP1|ABI1|AC").startswith(b"121")
    assert floor.kiosk.ask(f"09N202603090000101501{BLANK}APX|AOMAIN|ABI1|AC|").startswith(b"101")


@ROWS("input 5")
def lower_case_flags_and_blanks(floor: Floor) -> None:
    assert floor.kiosk.ask(f"11nn{DATE}{BLANK}AOMAIN|AAP1|ABI-DVD|AC|BOy|").startswith(b"121N")
    assert floor.kiosk.ask(f"09n{DATE}{BLANK}AOMAIN|ABI-DVD|AC|BIy|").startswith(b"101")
    floor.hall.advance(1)
    again = f"11  20260309    101501{BLANK}AOMAIN|AAP1|ABI1|AC|"
    assert floor.kiosk.ask(again).startswith(b"121N")
    renewal = (
        f"11 N20260309    101502{BLANK}AOMAIN|AAP1|ABI1|AC|"  # a blank policy: this terminal may not renew
    )
    assert floor.kiosk.ask(renewal).startswith(b"120")


@ROWS("input 6")
def echoed_and_never_trusted(floor: Floor) -> None:
    told = fields(floor.kiosk.ask(f"11YN{DATE}{BLANK}AO x |AA P1 |AB I1 |AC|"))
    assert (told["AO"], told["AA"], told["AB"]) == ([" x "], [" P1 "], [" I1 "])
    foreign = fields(floor.kiosk.ask(f"63001{DATE}{' ' * 10}AOOTHER|AAO1|"))
    assert foreign["BL"] == ["N"]  # AO opens no door into another institution
    assert foreign["AO"] == ["OTHER"]


@ROWS("output 1")
def complete_in_order_printable_and_short(floor: Floor) -> None:
    def dirty(core: Any) -> None:
        core.execute(update(tables.title).values(title="x|\r\n\x07y" + "z" * 400))

    floor.hall.staff(dirty)
    for code, (frame, wanted) in EVERY.items():
        (answer,) = floor.other().send(trailed(frame, "4"))
        body = answer[: -len("AY4AZ0000\r")]
        assert sound(answer, "4"), code
        assert body.endswith(b"|") or wanted == "94"
        assert not any(byte < 32 or byte == 127 for byte in body)
        assert len(answer) <= 8192
        told = fields(answer[:-1])
        assert all(len(value) <= 255 for values in told.values() for value in values)
        assert set(REQUIRED[wanted].split()) <= told.keys(), code
        assert body[WIDTHS[wanted] : WIDTHS[wanted] + 2].decode() in ("", *told), code


@ROWS("output 2")
def fixed_width_values(floor: Floor) -> None:
    answers = [floor.kiosk.ask(info(patron)) for patron in ("P1", "nobody", "P-EXPIRED", "P-LOST")]
    for answer in answers:
        assert re.fullmatch(rb"64[Y ]{14}[0-9]{3}[0-9]{8} {4}[0-9]{6}[0-9]{24}AO.*", answer)
        assert all(re.fullmatch(r"[0-9]{4}", value) for name in ("BZ", "CA", "CB")
                   for value in fields(answer).get(name, []))  # fmt: skip
    assert re.fullmatch(rb"98[YN]{6}[0-9]{3}[0-9]{3}[0-9]{8} {4}[0-9]{6}[0-9]\.[0-9]{2}AO.*",
                        floor.kiosk.ask("9900802.00"))  # fmt: skip


@ROWS("output 3")
def the_librarys_local_time(floor: Floor) -> None:
    assert floor.kiosk.ask("9900802.00")[14:32] == b"20260309    101500"  # Paris
    assert floor.hall.connect("127.0.0.3").ask("9900802.00")[14:32] == b"20260309    051500"  # New York
    assert floor.kiosk.ask(checkout(date="20251231   Q235959"))[6:24] == b"20260309    101500"


@ROWS("state 1")
def what_a_connection_knows(floor: Floor) -> None:
    """Account, version, last request and its answer, last sent."""
    line = floor.hall.connect(LOGGED_IN)
    line.ask("9300CNlogin-user|COquagga-2217|")
    assert line.connection.binding is not None
    assert line.connection.binding.terminal.name == "login-central"
    assert b"BX" in line.ask("9900802.00")
    assert b"BX" not in line.ask("9900801.00")
    frame = trailed(checkout(), "1")
    (said,) = line.send(frame)
    assert line.send(frame) == [said]
    assert line.send(trailed("9900802.00", "2")[:-5] + b"0000\r") == [b"96AZFEF6\r"]
    assert line.send(b"97AZFEF5\r") == [b"96AZFEF6\r"]
    assert line.send(frame) == [said]
    assert floor.kiosk.ask(checkout()) == said[: -len("AY1AZ0000\r")]  # another connection of the branch
    lent(floor, "I3")
    floor.hall.staff(
        lambda core: library.add_fee(core, library.read(core), library.read(core).patrons["P1"], 1)
    )
    # What staff changed is live, and the version it speaks is not forgotten for it: 1.00 has no BV.
    assert "BV" not in fields(line.ask(info(tail=f"AD{pin()}|")))
    line.ask("9900802.00")
    assert fields(line.ask(info(tail=f"AD{pin()}|")))["BV"] == ["0.01"]


CLIENT = ("resends identical bytes", "sends AC, AD, ten places of summary, blank zones and CR")
"""The two entries for who also builds a test SC: held by the tests of sip2d.client."""
