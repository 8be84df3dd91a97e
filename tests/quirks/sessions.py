"""C. Login, session and connection."""

from tests.machine.hall import LOGGED_IN, LOGIN
from tests.quirks.floor import DATE, Floor, Table, checkin, checkout, fields, info, item

ROWS = Table()
RIGHT = f"9300CN{LOGIN[0]}|CO{LOGIN[1]}|"


@ROWS("C1")
def a_kiosk_that_never_logs_in(floor: Floor) -> None:
    """A terminal without a user name is bound by its address (CN-7)."""
    assert floor.other().ask(info())[:2] == b"64"
    assert fields(floor.other().ask(info()))["BL"] == ["Y"]


@ROWS("C2")
def status_before_login(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    assert line.ask("9900802.00").startswith(b"98NNNNNN")
    assert line.ask(RIGHT) == b"941"
    assert line.ask("9900802.00").startswith(b"98YYYYYY")


@ROWS("C3")
def the_98_is_about_the_account_that_logged_in(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    line.ask(RIGHT)
    assert fields(line.ask("9900802.00"))["AO"] == ["MAIN"]
    assert fields(floor.hall.connect("127.0.0.3").ask("9900802.00"))["AO"] == ["OTHER"]


@ROWS("C4")
def a_failed_second_login_ends_the_first(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    assert line.ask(RIGHT) == b"941"
    assert fields(line.ask(info()))["BL"] == ["Y"]
    assert line.ask(f"9300CN{LOGIN[0]}|COwrong|") == b"940"
    assert fields(line.ask(info()))["BL"] == ["N"]
    assert line.ask("9900802.00").startswith(b"98NNNNNN")


@ROWS("C5")
def any_location(floor: Floor) -> None:
    for location in ("", "CP|", "CP |", "CPMAIN|", "CPThe floor|", "CPNORTH|"):
        line = floor.hall.connect(LOGGED_IN)
        assert line.ask(RIGHT + location) == b"941", location
        assert fields(line.ask("9900802.00"))["AN"] == ["CENTRAL"]


@ROWS("C6")
def no_user_no_password_no_login(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    assert line.ask("9300") == b"940"
    assert line.ask("9300CN|CO|") == b"940"
    assert line.ask(f"9300CN{LOGIN[0]}|CO|") == b"940"
    assert not line.connection.session.bound


@ROWS("C7")
def an_unterminated_password(floor: Floor) -> None:
    assert floor.hall.connect(LOGGED_IN).ask(RIGHT[:-1]) == b"941"


@ROWS("C8")
def an_algorithm_nobody_agreed_on(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    assert line.ask("9311" + RIGHT[4:]) == b"940"
    assert line.ask("93  " + RIGHT[4:]) == b"941"


@ROWS("C9")
def a_94_is_941_and_a_trailer(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    (answer,) = line.checked(RIGHT, b"3")
    assert answer.startswith(b"941AY3AZ")
    assert len(answer) == len("941AY3AZFDFA\r")
    assert line.ask(RIGHT) == b"941"


@ROWS("C10")
def digits_and_letters_where_they_belong(floor: Floor) -> None:
    kiosk = floor.kiosk
    assert kiosk.ask(checkout())[2:3] == b"1"
    assert kiosk.ask(checkout(item="none"))[2:3] == b"0"
    assert kiosk.ask(f"29NN{DATE}{' ' * 18}AO|AAP1|ABI1|")[2:3] == b"1"
    assert kiosk.ask(checkin())[2:3] == b"1"
    assert kiosk.ask(f"15+{DATE}AO|AAP2|ABI3|")[2:3] == b"1"
    assert kiosk.ask(f"65{DATE}AO|AAP1|")[2:3] == b"1"
    assert kiosk.ask(f"19{DATE}AO|ABI1|CHx|")[2:3] == b"1"
    assert kiosk.ask(f"35{DATE}AO|AAP1|")[2:3] == b"Y"
    assert kiosk.ask(f"37{DATE}0100EURBV1.00|AO|AAP1|")[2:3] == b"N"


@ROWS("C11", "C12")
def a_poll_every_seven_minutes_keeps_it_open(floor: Floor) -> None:
    """SO_KEEPALIVE of the sockets themselves: tests/daemon/test_listener.py."""
    for _ in range(5):
        floor.hall.advance(7 * 60)
        floor.hall.tick()
        assert floor.kiosk.ask("9900802.00")[:2] == b"98"
    floor.hall.advance(601)
    floor.hall.tick()
    assert floor.kiosk.closed


@ROWS("C13")
def the_last_request_again_after_a_reconnect(floor: Floor) -> None:
    for frame in (checkout(), checkin()):
        said = floor.kiosk.ask(frame)
        assert said[2:3] == b"1"
        line = floor.other()
        assert line.ask(frame) == said
        line.hang_up()
    assert floor.kiosk.ask(item())[2:4] == b"03"


@ROWS("C14")
def a_connection_and_a_login_a_patron(floor: Floor) -> None:
    for _ in range(40):
        line = floor.hall.connect(LOGGED_IN)
        assert line.ask(RIGHT) == b"941"
        assert fields(line.ask(info()))["BL"] == ["Y"]
        line.hang_up()


@ROWS("C15")
def three_strikes_then_940_and_a_close(floor: Floor) -> None:
    line = floor.hall.connect(LOGGED_IN)
    said = [line.ask(f"9300CN{LOGIN[0]}|COwrong{n}|") for n in range(3)]
    assert said == [b"940"] * 3
    assert not line.closed
    assert line.ask(RIGHT) == b"941"


@ROWS("C16")
def a_block_is_always_answered_24(floor: Floor) -> None:
    replies = floor.kiosk.send(f"01N{DATE}AO|ALforgotten|AAP2|AC|\r".encode(), b"9900802.00\r")
    assert [one[:2] for one in replies] == [b"24", b"98"]
    assert replies[0][2:6] == b"YYYY"


@ROWS("C17")
def echoed_byte_for_byte(floor: Floor) -> None:
    for alias in ("ALT-P1", " P1 ", "no-such-card"):
        assert fields(floor.kiosk.ask(info(alias)))["AA"] == [alias]
    assert fields(floor.kiosk.ask(checkout("ALT-P1", " I1 ")))["AB"] == [" I1 "]
    assert fields(floor.kiosk.ask(item(" I1 ")))["AB"] == [" I1 "]
    assert floor.kiosk.ask(item())[2:4] == b"04"
