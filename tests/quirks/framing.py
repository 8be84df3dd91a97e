"""A. Terminators and framing."""

from sip2d.session.states import CloseReason
from tests.quirks.floor import Floor, Table, checkout, info, item, lent, trailed

ROWS = Table()


@ROWS("A1")
def requests_end_cr_lf(floor: Floor) -> None:
    assert len(floor.kiosk.send(b"9900802.00\r\n9900802.00\r\n")) == 2
    assert [one[:2] for one in floor.kiosk.send(b"9900802.00\r", b"\n9900802.00\r", b"\n")] == [b"98", b"98"]


@ROWS("A2")
def requests_end_lf_only(floor: Floor) -> None:
    assert [one[:2] for one in floor.kiosk.send(b"9900802.00\n" + item().encode() + b"\n")] == [b"98", b"18"]


@ROWS("A3")
def replies_end_cr_lf_where_the_profile_says_so(floor: Floor) -> None:
    (answer,) = floor.as_profile("koha-like").send(b"9900802.00\r")
    assert answer.endswith(b"|\r\n")


@ROWS("A4", "A17")
def replies_end_in_one_cr_and_nothing_else(floor: Floor) -> None:
    frames = [
        "9900802.00",
        "9300CNx|COx|",
        "97",
        checkout(),
        checkout(item="nothing"),
        info("nobody"),
        item(),
    ]
    for frame in frames:
        (answer,) = floor.kiosk.send(frame.encode() + b"\r")
        assert answer.endswith(b"\r"), frame
        assert answer.count(b"\r") == 1
        assert b"\n" not in answer
    (damaged,) = floor.kiosk.send(b"9900802.00AY1AZ0000\r")
    assert damaged == b"96AZFEF6\r"


@ROWS("A5")
def nothing_stands_before_the_code(floor: Floor) -> None:
    for junk in (b"", b"\n", b"  ", b"\0\0", b"\r\n"):
        (answer,) = floor.kiosk.send(junk + b"9900802.00\r")
        assert answer[:2] == b"98"


@ROWS("A6")
def an_empty_frame_is_met_with_silence(floor: Floor) -> None:
    assert floor.kiosk.send(b"\r\r") == []
    assert [one[:2] for one in floor.kiosk.send(info().encode() + b"\r\r")] == [b"64"]
    assert not floor.kiosk.closed


@ROWS("A7")
def an_unterminated_last_message_is_dropped(floor: Floor) -> None:
    line = floor.other()
    assert line.send(checkout().encode()) == []
    line.hang_up()
    assert line.connection.session.close_reason is CloseReason.EOF
    assert floor.kiosk.ask(item())[2:4] == b"03"


@ROWS("A8")
def white_space_is_no_failed_login(floor: Floor) -> None:
    line = floor.hall.connect("127.0.9.1")
    assert line.send(*[b" \r\n"] * 20) == []
    assert line.ask("9300CNlogin-user|COquagga-2217|") == b"941"


@ROWS("A9")
def nuls_around_and_in_a_frame_are_dropped(floor: Floor) -> None:
    replies = floor.kiosk.send(b"\0\x009900802.00\r\0\0\x009900802.00\0\0\r")
    assert [one[:2] for one in replies] == [b"98", b"98"]


@ROWS("A10")
def a_run_of_delimiters_at_the_end(floor: Floor) -> None:
    assert floor.kiosk.ask(item() + "|||")[2:4] == b"03"


@ROWS("A11")
def telnet_negotiation_in_front(floor: Floor) -> None:
    for negotiation in (
        b"\xff\xfb\x1f\xff\xfb\x00",
        b"\xff\xfd\x01",
        b"\xff\xfa\x1f\0\x50\0\x18\xff\xf0",
        b"\xff\xf1",
    ):
        assert [one[:2] for one in floor.kiosk.send(negotiation + b"9900802.00\r")] == [b"98"], negotiation
    assert [one[:2] for one in floor.kiosk.send(info("\xff").encode("latin-1") + b"\r")] == [b"64"]


ROWS.not_ours(
    "A12",
    "optional in the row: `login:` and `Password:` prompts need a telnet listener, which nobody asked for;"
    " a 93 does the same, and a kiosk behind telnet negotiation is answered (A11)",
)


@ROWS("A13")
def one_write_a_reply(floor: Floor) -> None:
    lent(floor, "I1", "I3", "I4")
    replies = floor.kiosk.send(trailed(info(summary="  Y")), b"9900802.00\r")
    assert len(replies) == 2
    assert all(one.endswith(b"\r") for one in replies)


@ROWS("A14")
def a_short_64_without_a_list(floor: Floor) -> None:
    lent(floor, "I1", "I3", "I4")
    assert len(floor.kiosk.ask(info())) < 1024
    paged = floor.kiosk.ask(info(summary="  Y", tail="BP2|BQ2|"))
    assert paged.count(b"|AU") == 1


@ROWS("A15")
def ten_requests_in_flight(floor: Floor) -> None:
    frames = [item(f"X{n}") if n % 2 else "9900802.00" for n in range(10)]
    replies = floor.kiosk.send("".join(f"{one}\r" for one in frames).encode())
    assert [one[:2] for one in replies] == [b"98", b"18"] * 5
    assert [one.split(b"AB")[1].split(b"|")[0] for one in replies[1::2]] == [
        b"X1",
        b"X3",
        b"X5",
        b"X7",
        b"X9",
    ]


@ROWS("A16")
def answered_before_it_closes(floor: Floor) -> None:
    line = floor.hall.connect("127.0.9.1")
    said = [one for n in range(4) for one in line.send(f"9300CNx|COx{n}|\r".encode())]
    assert said == [b"940\r"] * 4
    assert line.closed
    bad = floor.other()
    assert bad.send(*[b"9900802.00AY1AZ0000\r"] * 4) == [b"96AZFEF6\r"] * 4
    assert bad.closed
