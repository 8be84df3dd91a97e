"""B. Sequence number and checksum."""

import msgspec

from sip2d.session.limits import Limits
from sip2d.session.session import Session
from tests.quirks.floor import (
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
    sound,
    trailed,
)

ROWS = Table()


@ROWS("B1")
def two_digit_sequence_numbers(floor: Floor) -> None:
    for sequence in ("9", "10", "11", "127"):
        (answer,) = floor.kiosk.send(trailed("9900802.00", sequence))
        assert answer[:2] == b"98"
        assert sound(answer, sequence)


@ROWS("B2")
def every_message_carries_ay0(floor: Floor) -> None:
    codes = [floor.kiosk.send(trailed(one, "0"))[0][:2] for one in (info(), item(), item("I3"), checkout())]
    assert codes == [b"64", b"18", b"18", b"12"]


@ROWS("B3")
def any_first_sequence_number(floor: Floor) -> None:
    for sequence in "0195":
        (answer,) = floor.other().send(trailed("9900802.00", sequence))
        assert sound(answer, sequence)


@ROWS("B4", "B7")
def az_without_ay(floor: Floor) -> None:
    assert floor.kiosk.send(b"9900802.00AY3AZ0001\r") == [b"96AZFEF6\r"]
    head = b"9900802.00AZ"
    (answer,) = floor.kiosk.send(head + az(head) + b"\r")
    assert answer[:2] == b"98"
    assert answer[-7:-5] == b"AZ"
    assert b"AY" not in answer[-12:]
    assert answer[-5:-1] == az(answer[:-5])
    assert floor.kiosk.send(b"97AZFEF5\r") == [answer]


@ROWS("B5")
def a_new_ay_after_a_timeout_is_the_same_checkout(floor: Floor) -> None:
    (first,) = floor.kiosk.send(trailed(checkout(), "1"))
    (again,) = floor.kiosk.send(trailed(checkout(), "2"))
    assert again[:-10] == first[:-10]
    assert again[2:4] == b"1N"  # not a renewal
    assert sound(again, "2")


@ROWS("B6")
def ay_without_az_is_no_error_detection(floor: Floor) -> None:
    (answer,) = floor.kiosk.send(item().encode() + b"AY1\r")
    assert answer[:4] == b"1803"
    assert answer.endswith(b"|\r")


@ROWS("B8")
def lower_case_in_upper_case_out(floor: Floor) -> None:
    (answer,) = floor.kiosk.send(b"9900802.00AY1AZ" + az("9900802.00AY1AZ").lower() + b"\r")
    assert sound(answer, "1")
    for n in range(20):
        (answer,) = floor.kiosk.send(trailed(item(f"X{n}"), "1"))
        assert answer[-5:-1] == answer[-5:-1].upper()


@ROWS("B9")
def an_unpadded_checksum(floor: Floor) -> None:
    # A value is lengthened until the sum has a leading zero; that takes 65536 / 122 letters at the most.
    text = "z" * 60
    frame = next(
        head
        for n in range(1500)
        if az(head := f"17{DATE}AO{text[: n % 60]}|ABI1|AC{'z' * (n // 3)}{chr(48 + n % 70)}|AY1AZ")[:1]
        == b"0"
    )
    digits = az(frame).lstrip(b"0")
    for padded in (digits, digits.rjust(4)):
        (answer,) = floor.other().send(frame.encode() + padded + b"\r")
        assert answer[:4] == b"1803", frame


@ROWS("B10")
def code_points_in_bytes_out(floor: Floor) -> None:
    text = f"23001{DATE}AOMAIN|AAzoëő|AC|AD|AY4AZ"
    for total in (sum(text.encode()), sum(map(ord, text))):
        (answer,) = floor.other().send(text.encode() + b"%04X" % (-total & 0xFFFF) + b"\r")
        assert answer[:2] == b"24"
        assert sound(answer, "4")
        assert "AAzoëő|".encode() in answer
    strict = Session(msgspec.structs.replace(Limits(), code_point_sums=False), bound=True, now=0.0)
    assert strict.receive(text.encode() + b"%04X\r" % (-sum(map(ord, text)) & 0xFFFF), 0.0) == []
    assert strict.data_to_send() == [b"96AZFEF6\r"]


@ROWS("B10b")
def transliterated_before_sending(floor: Floor) -> None:
    for code in ("zoeo", "zo??"):
        answer = fields(floor.kiosk.ask(f"23001{DATE}AOMAIN|AA{code}|AC|AD|"))
        assert answer["BL"] == ["N"]
        assert answer["AA"] == [code]


ROWS.not_ours("B11", "about a client's own sum; a server sees a wrong one and answers 96 (B18)")


@ROWS("B12")
def a_delimiter_in_front_of_ay(floor: Floor) -> None:
    (answer,) = floor.kiosk.send(trailed("9900802.00|", "0"))
    assert answer[:2] == b"98"
    assert sound(answer, "0")


@ROWS("B13", "B14")
def error_detection_as_asked_for_message_by_message(floor: Floor) -> None:
    assert sound(floor.kiosk.send(trailed("9900802.00", "5"))[0], "5")
    assert b"AZ" not in floor.kiosk.send(b"9900802.00\r")[0]
    assert sound(floor.kiosk.send(trailed(item(), "6"))[0], "6")


@ROWS("B15")
def the_sequence_is_the_requests_own(floor: Floor) -> None:
    for sequence in "5839":
        assert sound(floor.kiosk.send(trailed(item(f"X{sequence}"), sequence))[0], sequence)


@ROWS("B16")
def a_97_at_any_time(floor: Floor) -> None:
    line = floor.hall.connect("127.0.9.1")
    assert line.send(b"97AZFEF5\r") == [b"96AZFEF6\r"]
    assert line.send(b"97\r") == [b"96AZFEF6\r"]  # the last answer, a 96 included
    (said,) = line.send(trailed("9300CNlogin-user|COquagga-2217|", "2"))
    assert said[:3] == b"941"
    assert line.send(b"97AZFEF5\r") == [said]
    assert line.send(b"97AZFEF5\r") == [said]


ROWS.not_ours(
    "B17", "advice for readers of captures; the vectors of sip2.md 4.2 are recomputed in tests/wire"
)


@ROWS("B18")
def a_damaged_checkout_is_not_executed(floor: Floor) -> None:
    frame = trailed(checkout(), "1")
    assert floor.kiosk.send(frame[:-5] + b"0000\r") == [b"96AZFEF6\r"]
    assert floor.kiosk.ask(item())[2:4] == b"03"
    (answer,) = floor.kiosk.send(frame)
    assert answer[:4] == b"121N"
    lent(floor, "I3")
    damaged = trailed(checkin("I3"), "1")
    assert floor.kiosk.send(damaged[:-5] + b"0000\r") == [b"96AZFEF6\r"]
    assert floor.kiosk.ask(item("I3"))[2:4] == b"04"
