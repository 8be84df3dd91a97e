"""Order, login barrier, window, framing habits and the end of a session (house "Order", quirks A, C)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.session.limits import HELD_MOST, LOOK_AT, Limits
from sip2d.session.session import Session
from sip2d.session.states import CloseReason, State
from sip2d.wire.frame import seal
from tests.session.script import ITEM, LOAN, LOGIN, PATRON, STATUS, Script, bad, ck

# -- framing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quirk", "data", "replies"), [
    ("A1 CR LF", STATUS + b"\r\n" + STATUS + b"\r\n", 2),
    ("A2 LF only", STATUS + b"\n", 1),
    ("A6 terminator twice", STATUS + b"\r\r" + STATUS + b"\r", 2),
    ("A6 empty frames only", b"\r\r\r\n", 0),
    ("A7 no terminator", STATUS, 0),
    ("A8 white space", b" \t\r\n\n" + STATUS + b"\r", 1),
    ("A9 NULs between", STATUS + b"\r\0\0" + STATUS + b"\r\0", 2),
    ("A11 telnet negotiation", b"\xff\xfb\x1f\xff\xfb\0" + STATUS + b"\r", 1),
    ("A15 ten in flight", (STATUS + b"\r") * 10, 10),
    ("unknown code", b"7700000000\r", 0),
    ("unknown code with a good sum", ck(b"unknown command"), 0),
    ("a response sent as a request", b"941\r", 0),
    ("one character", b"X\r", 0),
])  # fmt: skip
def test_framing_habits(quirk: str, data: bytes, replies: int) -> None:
    talk = Script()
    assert len(talk.say(data)) == replies, quirk
    assert talk.session.close_reason is None


def test_unknown_codes_are_counted() -> None:
    """Issue 3.1, sip2.md 5: ignored, and no bad frame."""
    talk = Script(Limits(retries_allowed=0))
    assert talk.say(b"77\r78\r" + ck(b"79x")) == []
    assert (talk.counters.unknown_codes, talk.counters.frames) == (3, 3)
    assert talk.session.close_reason is None


def test_terminator_of_the_terminal() -> None:
    """Quirks A3, A17: the reply's terminator is the terminal's, put on in one place; 96 too."""
    talk = Script(terminator=b"\r\n")
    assert talk.say(STATUS + b"\r") == [b"<99 no 1>\r\n"]
    assert talk.say(bad(STATUS)) == [b"96AZFEF6\r\n"]


def test_94_goes_out_in_the_terminals_own_dialect() -> None:
    """Issue 2.4."""
    session = Session(Limits(), b"\r", now=0.0)
    [login] = session.receive(LOGIN + b"\r", 0.0)
    session.bind(Limits(), b"\r\n")
    session.answer(login, b"941")
    assert session.data_to_send() == [b"941\r\n"]


def test_frame_over_the_cap_closes_behind_what_came_before() -> None:
    """Issue 3.4."""
    talk = Script(Limits(frame_cap=100))
    assert len(talk.say(STATUS + b"\r" + b"1" * 101)) == 1
    assert talk.session.close_reason is CloseReason.FRAME_TOO_LONG
    assert talk.session.finished
    assert talk.say(STATUS + b"\r") == []


def test_frame_over_the_cap_waits_its_turn_behind_the_window() -> None:
    talk = Script(Limits(frame_cap=100, window=2))
    exchanges = talk.hear((STATUS + b"\r") * 3 + b"1" * 101)
    assert talk.session.close_reason is None
    assert len(talk.serve(exchanges)) == 3
    assert talk.session.close_reason is CloseReason.FRAME_TOO_LONG


# -- order and the window ------------------------------------------------------------------------------------


@given(st.permutations(range(6)), st.integers(0, 6))
def test_answers_in_any_order_leave_in_request_order(order: list[int], looks: int) -> None:
    """House, "Order"; reliability G7."""
    talk = Script()
    exchanges = talk.hear(b"".join(ck(b"17%d" % n, b"%d" % n) for n in range(6)))
    sent: list[bytes] = []
    for done, n in enumerate(order):
        talk.session.answer(exchanges[n], b"18%d" % n)
        if done < looks:
            sent += talk.session.data_to_send()
    sent += talk.session.data_to_send()
    assert sent == [seal(b"18%d" % n, b"%d" % n, True) for n in range(6)]


def test_silent_slot_lets_the_next_leave() -> None:
    talk = Script()
    first, second = talk.hear(ck(ITEM) + ck(STATUS))
    talk.session.answer(second, b"98")
    talk.session.silence(first)
    assert talk.session.data_to_send() == [seal(b"98", b"1", True)]


def test_window_pauses_and_the_rest_waits() -> None:
    """Issue 3.2: 64 in flight, reading paused above."""
    talk = Script()
    data = b"".join(ck(b"17%d" % n, b"%d" % n) for n in range(100))
    exchanges = talk.hear(data)
    assert len(exchanges) == 64
    assert talk.session.paused
    assert not talk.session.waiting
    talk.session.answer(exchanges[0], b"18")
    assert len(talk.session.data_to_send()) == 1
    assert talk.session.waiting
    assert [exchange.slot for exchange in talk.session.release(talk.now)] == [64]
    assert talk.session.paused
    assert len(talk.serve(exchanges[1:])) == 63
    assert len(talk.session.release(talk.now)) == 0
    assert not talk.session.waiting


@pytest.mark.parametrize("frame", [b"97\r", bad(STATUS)])
def test_flood_of_what_the_session_answers_itself_is_bounded(frame: bytes) -> None:
    """Replies too are never more than the window; the rest waits for ``data_to_send`` and ``release``."""
    talk = Script(Limits(retries_allowed=999))
    assert talk.hear(frame * 200) == []
    assert talk.session.paused
    assert len(talk.session.data_to_send()) == 64
    assert talk.session.waiting


def test_flood_of_nothing_is_looked_at_in_portions() -> None:
    """reliability G4: one connection does not hold up the others."""
    talk = Script()
    talk.hear(b"x\r" * 5000)
    assert talk.counters.frames == LOOK_AT
    assert talk.session.waiting
    while talk.session.waiting:
        assert talk.session.release(talk.now) == []
    assert talk.counters.frames == 5000


def test_caller_who_does_not_pause_is_cut_off() -> None:
    """reliability G5: bytes beyond the window are bounded."""
    talk = Script(Limits(window=1))
    [exchange] = talk.hear(ck(ITEM))
    for _ in range(HELD_MOST // 65536):
        talk.hear(b"7" * 65536)
    assert talk.session.close_reason is None
    talk.hear(b"7")
    assert talk.session.close_reason is CloseReason.OVERRUN
    talk.session.answer(exchange, b"18")
    assert len(talk.session.data_to_send()) == 1
    assert talk.session.finished


def test_settling_twice_is_the_callers_fault() -> None:
    talk = Script()
    [exchange] = talk.hear(PATRON + b"\r")
    talk.session.answer(exchange, b"24")
    ways: list[Callable[[], None]] = [
        lambda: talk.session.answer(exchange, b"24"),
        lambda: talk.session.silence(exchange),
        lambda: talk.session.abandon(exchange),
    ]
    for way in ways:
        with pytest.raises(ValueError, match="Exchange 23 slot 0") as caught:
            way()
        assert "1234" not in str(caught.value)


def test_no_secret_in_a_repr() -> None:
    [exchange] = Script().hear(ck(PATRON))
    assert "1234" not in repr(exchange)


# -- login ---------------------------------------------------------------------------------------------------


def test_before_login() -> None:
    """CN-7, quirks C1, C2: 99 and 97 are answered, everything else is refused by its own message."""
    talk = Script(bound=False)
    assert talk.say(STATUS + b"\r" + PATRON + b"\r97\r") == [
        b"<99 no 1>\r", b"<23 login required>\r", b"<23 login required>\r"
    ]  # fmt: skip
    assert [exchange.allowed for exchange in talk.served] == [True, False]


def test_login_is_a_barrier() -> None:
    """House, "Order": nothing behind a 93 is looked at before it is answered."""
    talk = Script(bound=False)
    [login] = talk.hear(LOGIN + b"\r" + PATRON + b"\r")
    assert talk.session.state is State.UNBOUND_LOGIN
    assert talk.hear(ITEM + b"\r") == []
    assert talk.session.paused
    assert not talk.session.waiting
    replies = talk.serve([login])
    assert replies == [b"941\r", b"<23 no 2>\r", b"<17 no 3>\r"]
    assert talk.session.bound


def test_failed_login_clears_the_earlier_one() -> None:
    """Quirks C4 (KOHA-login-good-bad-then-63)."""
    talk = Script(bound=False)
    assert talk.say(LOGIN + b"\r" + b"9300CNwho|\r" + PATRON + b"\r") == [
        b"941\r", b"940\r", b"<23 login required>\r"
    ]  # fmt: skip
    assert not talk.session.bound


@pytest.mark.parametrize("retries", [0, 3])
def test_failed_logins_in_a_row_close_after_the_940(retries: int) -> None:
    """CN-8, quirks C15, A16."""
    talk = Script(Limits(retries_allowed=retries), bound=False)
    wrong = b"9300CNwho|COx|\r"
    assert talk.say(wrong * retries + LOGIN + b"\r" + wrong * retries) == (
        [b"940\r"] * retries + [b"941\r"] + [b"940\r"] * retries
    )
    assert talk.session.close_reason is None
    assert talk.say(wrong + STATUS + b"\r") == [b"940\r"]
    assert talk.session.finished
    assert talk.session.close_reason is CloseReason.FAILED_LOGINS


# -- the end -------------------------------------------------------------------------------------------------


def test_eof_still_answers_what_came() -> None:
    """Quirks A7: half a frame is dropped; what is owed is answered, behind the window and a 93 as well."""
    talk = Script(Limits(window=2), bound=False)
    exchanges = talk.hear(LOGIN + b"\r" + (STATUS + b"\r") * 5 + LOAN)
    talk.session.eof()
    assert not talk.session.finished
    assert len(talk.serve(exchanges)) == 6
    assert talk.session.finished
    assert talk.session.close_reason is CloseReason.EOF
    assert talk.session.state is State.CLOSED


def test_abandoned_exchange_ends_the_session_without_its_answer() -> None:
    """Issue 5.3, reliability G3: an unknown outcome is never answered, nor is anything behind it."""
    talk = Script()
    first, second, third, fourth = talk.hear(
        ck(ITEM, b"1") + ck(LOAN, b"2") + ck(STATUS, b"3") + ck(ITEM, b"4")
    )
    talk.session.answer(third, b"98")
    talk.session.abandon(second)
    talk.session.abandon(fourth)
    assert not talk.session.finished
    talk.session.answer(first, b"18")
    assert talk.session.data_to_send() == [seal(b"18", b"1", True)]
    assert talk.session.finished
    assert talk.session.close_reason is CloseReason.OUTCOME_UNKNOWN
    assert talk.say(b"97\r") == []


def test_repeat_of_an_abandoned_request_gets_nothing() -> None:
    talk = Script()
    [exchange] = talk.hear(ck(LOAN))
    talk.hear(ck(LOAN) + b"97\r")
    talk.session.abandon(exchange, CloseReason.FAULT)
    assert talk.session.data_to_send() == []
    assert talk.session.finished


def test_close_drains_and_keeps_its_first_reason() -> None:
    talk = Script()
    [exchange] = talk.hear(ITEM + b"\r")
    talk.session.close(CloseReason.SHUTDOWN)
    talk.session.close(CloseReason.FAULT)
    talk.session.eof()
    assert talk.hear(STATUS + b"\r") == []
    assert talk.session.paused
    assert talk.serve([exchange]) == [b"<17 no 1>\r"]
    assert talk.session.finished
    assert talk.session.close_reason is CloseReason.SHUTDOWN


# -- timeouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "said", "after", "reason"), [
    (False, b"", 30.0, CloseReason.LOGIN_TIMEOUT),
    (False, STATUS + b"\r", 30.0, CloseReason.LOGIN_TIMEOUT),
    (True, b"", 600.0, CloseReason.IDLE_TIMEOUT),
    (True, STATUS, 10.0, CloseReason.FRAME_TIMEOUT),
    (True, STATUS + b"\r" + STATUS, 10.0, CloseReason.FRAME_TIMEOUT),
    (True, STATUS + b"\r\n\0 ", 600.0, CloseReason.IDLE_TIMEOUT),
])  # fmt: skip
def test_timeouts(bound: bool, said: bytes, after: float, reason: CloseReason) -> None:
    """Issue 3.4, CN-4: the deadline is when it happens, and not before. White space is no half frame."""
    talk = Script(bound=bound)
    talk.say(said)
    assert talk.session.deadline == 100.0 + after
    assert talk.session.tick(talk.session.deadline - 0.01) is None
    assert talk.session.tick(talk.session.deadline) is reason
    assert talk.session.finished
    assert talk.session.deadline == float("inf")
    assert talk.session.tick(1e9) is reason


def test_idle_starts_anew_with_each_frame() -> None:
    """Quirks C11: a kiosk that polls every few minutes lives."""
    talk = Script(Limits(idle_timeout=600))
    for _ in range(5):
        talk.now += 420
        assert talk.session.tick(talk.now) is None
        talk.say(STATUS + b"\r")
    assert talk.session.deadline == talk.now + 600


def test_dripped_bytes_do_not_extend_half_a_frame() -> None:
    """reliability F8: one byte a second."""
    talk = Script()
    for byte in STATUS:
        talk.hear(bytes((byte,)))
        talk.now += 0.9
    assert talk.session.deadline == 110.0


def test_each_half_frame_has_its_own_time() -> None:
    talk = Script()
    talk.say(STATUS[:4])
    talk.now += 8
    talk.say(STATUS[4:] + b"\r" + STATUS[:4])
    assert talk.session.deadline == 118.0


def test_nothing_times_out_while_an_answer_is_owed() -> None:
    """The SC waits for us then; afterwards its time starts anew."""
    talk = Script(Limits(idle_timeout=15))
    [exchange] = talk.hear(ITEM + b"\r")
    for _ in range(60):
        talk.now = talk.session.deadline
        assert talk.session.tick(talk.now) is None
    talk.serve([exchange])
    assert talk.now > 150
    assert talk.session.deadline == talk.now + 15


def test_failed_relogin_gives_the_time_of_a_login() -> None:
    talk = Script()
    talk.now += 500
    talk.say(b"9300CNwho|\r")
    assert talk.session.deadline == talk.now + 30


def test_adjusted_settings_hold_at_once() -> None:
    """Issue 4.4: live within 5 s without a reload, and nothing else of the session changes."""
    talk = Script()
    said = talk.say(ck(LOAN))
    talk.session.adjust(Limits(idle_timeout=15, frame_cap=100), b"\r\n")
    assert talk.session.deadline == 115.0
    assert talk.say(ck(LOAN)) == said
    assert talk.say(STATUS + b"\r") == [b"<99 no 2>\r\n"]
    talk.say(b"1" * 101)
    assert talk.session.close_reason is CloseReason.FRAME_TOO_LONG
