"""D. The fixed-length part."""

import re

from tests.quirks.floor import BLANK, DATE, Floor, Table, checkout, fields, info, item, lent

ROWS = Table()
STAMP = re.compile(rb"20260309 {4}[0-9]{6}")


@ROWS("D1")
def renew_all_without_a_date(floor: Floor) -> None:
    lent(floor, "I1")
    assert floor.kiosk.ask("65AOMAIN|AAP1|BON|").startswith(b"6610001")


@ROWS("D2")
def too_much_or_too_little_in_front(floor: Floor) -> None:
    lent(floor, "I1")
    assert floor.kiosk.ask(f"65{DATE}{DATE}AOMAIN|AAP1|AC|").startswith(b"6610001")
    stored = floor.kiosk.ask(f"192{DATE}AOMAIN|ABI3|CHdamp|")
    assert stored.startswith(b"201")
    assert fields(stored)["AB"] == ["I3"]
    paid = floor.kiosk.ask(f"37{DATE}0100EURBV0.50|AOMAIN|AAP1|CG1|BK1|BHEUR|BHEUR|")
    assert paid[:3] == b"38N"
    assert floor.kiosk.ask(f"09N{DATE}{DATE}AOMAIN|ABI1|AC|").startswith(b"101")


@ROWS("D3")
def a_language_where_none_belongs(floor: Floor) -> None:
    assert fields(floor.kiosk.ask(f"17001{DATE}AOMAIN|ABI1|AC|"))["AJ"] == ["Title T1"]


@ROWS("D4")
def renew_without_a_due_date(floor: Floor) -> None:
    lent(floor, "I1")
    assert floor.kiosk.ask(f"29NN{DATE}AOMAIN|AAP1|ABI1|AC|").startswith(b"301Y")


@ROWS("D5")
def a_delimiter_after_the_fixed_part(floor: Floor) -> None:
    assert floor.kiosk.ask(f"15+{DATE}|AOMAIN|AAP1|ABI3|AC|").startswith(b"161")
    assert fields(floor.kiosk.ask(f"17{DATE}|AOMAIN|ABI1|"))["AJ"] == ["Title T1"]


@ROWS("D6", "D7")
def statuses_of_every_kind(floor: Floor) -> None:
    frames = ["9900802.0E", "990 802.00", "9900802.13Y", "990302.00"]
    widths = ("000", "030", "080", "100", "999", " 80")
    frames += [f"99{status}{width}2.00" for status in "012" for width in widths]
    for frame in frames:
        answer = floor.kiosk.ask(frame)
        assert answer[:3] == b"98Y", frame
        assert answer[32:36] == b"2.00", frame
    assert floor.kiosk.ask("9900801.00")[32:36] == b"1.00"


@ROWS("D8")
def blank_dates(floor: Floor) -> None:
    assert floor.kiosk.ask(f"11YN{DATE}{BLANK}AOMAIN|AAP1|ABI1|AC|").startswith(b"121")
    assert floor.kiosk.ask(f"29NN{DATE}{BLANK}AOMAIN|AAP1|ABI1|AC|").startswith(b"301")
    assert floor.kiosk.ask(f"09N{DATE}{BLANK}APCENTRAL|AOMAIN|ABI1|AC|").startswith(b"101")


@ROWS("D9")
def zones_of_every_kind_in_and_blanks_out(floor: Floor) -> None:
    dates = [
        "202603090000101500",
        "20260309   Z091500",
        "YYYYMMDDZZZZHHMMSS",
        "20260309  101500",
        "20260309101500",
    ]
    for date in dates:
        answer = floor.kiosk.ask(f"63000{date}          AOMAIN|AAP1|")
        assert fields(answer)["BL"] == ["Y"], date
        assert STAMP.fullmatch(answer[19:37])


@ROWS("D10")
def languages_of_every_kind(floor: Floor) -> None:
    for language in ("eng", "   ", "000"):
        answer = floor.kiosk.ask(f"63{language}{DATE}{' ' * 10}AOMAIN|AAP1|")
        assert fields(answer)["BL"] == ["Y"]
        assert answer[16:19] == language.encode()


@ROWS("D11")
def summaries_of_every_kind(floor: Floor) -> None:
    lent(floor, "I1")
    for summary, listed in (
        ("NNYNNN", True),
        ("  Y Y", True),
        ("      Y", False),
        ("         Y", False),
        ("", False),
    ):
        answer = floor.kiosk.ask(info(summary=summary))
        assert answer[:2] == b"64"
        assert ("AU" in fields(answer)) is listed, summary
    short = floor.kiosk.ask(f"63001{DATE}  YAOMAIN|AAP1|")
    assert fields(short)["AA"] == ["P1"]
    assert fields(short)["AU"] == ["I1"]


@ROWS("D12")
def counts_are_digits(floor: Floor) -> None:
    for patron in ("P1", "nobody"):
        assert re.fullmatch(rb"[0-9]{24}", floor.kiosk.ask(info(patron))[37:61])


@ROWS("D13")
def no_block_on_everything_is_recorded(floor: Floor) -> None:
    out = floor.kiosk.ask(f"11NY{DATE}20260401    235900AOMAIN|AAP1|ABI1|AC|")
    assert out.startswith(b"121")
    assert fields(out)["AH"] == ["20260401    235900"]
    assert floor.kiosk.ask("29YY20260309    101501" + "20260501    235900AOMAIN|AAP1|ABI1|").startswith(
        b"301Y"
    )
    assert floor.kiosk.ask("09Y20260309    10150220260309    101502APCENTRAL|AOMAIN|ABI1|AC|").startswith(
        b"101"
    )
    told = [one["message"] for one in floor.events if one["event"] == "sip2.no_block"]
    assert told == ["11", "29", "09"]


@ROWS("D14")
def far_too_short(floor: Floor) -> None:
    for code in ("11", "09", "29", "23", "63", "35", "37", "17", "19", "25", "15", "65", "01"):
        for length in (0, 2, 7):
            line = floor.other()
            answer = line.ask((code + "YN" + DATE)[: 2 + length])
            line.hang_up()
            assert answer[:2].decode() == {"01": "24"}.get(code) or str(int(code) + 1).zfill(2)
            told = fields(answer)
            assert told.get("AF") or code in ("35",), (code, answer)
    assert floor.kiosk.ask(item())[2:4] == b"03"
    assert floor.kiosk.ask(checkout())[:3] == b"121"
