"""Whether a session leaves nothing to see to, and the one answer that leaves at once (house, "Order")."""

from hypothesis import given
from hypothesis import strategies as st

from sip2d.session.limits import Limits
from sip2d.session.session import Session
from sip2d.session.slots import Exchange
from sip2d.session.states import CloseReason
from sip2d.wire.frame import seal
from tests.session.script import ITEM, LOGIN, PATRON, STATUS, Script, bad, ck

NOW = 100.0


def test_it_is_quiet_while_the_first_in_the_line_waits() -> None:
    """An answer that is ready is to be sent before anything else is waited for."""
    session = Script().session
    assert session.quiet
    [first] = session.receive(ck(ITEM), NOW)
    assert session.quiet
    [second] = session.receive(ck(PATRON), NOW)
    session.answer(second, b"24")
    assert session.quiet
    session.answer(first, b"18")
    assert not session.quiet
    assert len(session.data_to_send()) == 2
    assert session.quiet


def test_half_a_frame_is_waited_for() -> None:
    """Issue 4.5: the moment to acknowledge."""
    session = Script().session
    session.receive(STATUS[:4], NOW)
    assert not session.quiet
    session.receive(STATUS[4:] + b"\r" + ITEM[:3], NOW)
    assert not session.quiet
    session.receive(ITEM[3:] + b"\r", NOW)
    assert session.quiet


def test_a_full_window_holds_back() -> None:
    """Issue 3.2: reading pauses."""
    session = Script(Limits(window=2)).session
    [first] = session.receive(ck(ITEM), NOW)
    assert session.quiet
    session.receive(ck(PATRON), NOW)
    assert session.paused
    assert not session.quiet
    session.answer(first, b"18")
    session.data_to_send()
    assert session.quiet


def test_frames_behind_the_window_hold_back() -> None:
    session = Script(Limits(window=2)).session
    first, _ = session.receive(ck(ITEM, b"1") + ck(PATRON, b"2") + ck(STATUS, b"3"), NOW)
    session.answer(first, b"18")
    session.data_to_send()
    assert session.waiting
    assert not session.quiet


def test_a_login_holds_back_what_comes_behind_it() -> None:
    """CN-7: nothing is looked at until the 93 is answered."""
    session = Script(bound=False).session
    session.receive(LOGIN + b"\r", NOW)
    assert not session.quiet


def test_an_answer_of_its_own_is_to_be_sent() -> None:
    """96 for a bad frame; behind a request that waits its turn has not come."""
    session = Script().session
    session.receive(bad(ITEM), NOW)
    assert not session.quiet
    session.data_to_send()
    session.receive(ck(ITEM), NOW)
    session.receive(bad(ITEM), NOW)
    assert session.quiet


def test_a_session_that_closes_has_an_end_to_look_for() -> None:
    for asked in ((), (ck(ITEM),)):
        for end in (lambda one: one.close(CloseReason.SHUTDOWN), Session.eof):
            session = Script().session
            for data in asked:
                session.receive(data, NOW)
            assert session.quiet
            end(session)
            assert not session.quiet


def test_the_only_answer_leaves_at_once() -> None:
    """As it would through the line: sealed, remembered for a 97 and for a repeat (sip2.md 4.4)."""
    session = Script(terminator=b"\r\n").session
    [asked] = session.receive(ck(ITEM, b"4"), NOW)
    reply = session.answer_alone(asked, b"18")
    assert reply == seal(b"18", b"4", True, b"\r\n")
    assert session.quiet
    assert session.data_to_send() == []
    for again in (b"97AZFEF5\r", ck(ITEM, b"4")):
        assert session.receive(again, NOW) == []
        assert session.data_to_send() == [reply]


def test_it_does_nothing_where_others_are_under_way() -> None:
    session = Script().session
    first, second = session.receive(ck(ITEM, b"1") + ck(PATRON, b"2"), NOW)
    assert session.answer_alone(first, b"18") is None
    assert session.answer_alone(second, b"24") is None
    assert session.data_to_send() == []
    session.answer(first, b"18")
    assert session.data_to_send() == [seal(b"18", b"1", True)]
    assert session.answer_alone(second, b"24") == seal(b"24", b"2", True)
    assert session.answer_alone(second, b"24") is None


SAID = (
    ck(ITEM),
    ck(PATRON),
    ck(ITEM, b"2"),
    STATUS + b"\r",
    ITEM[:5],
    b"\r",
    bad(ITEM),
    b"97\r",
    LOGIN + b"\r",
)
STEPS = st.lists(
    st.one_of(
        st.sampled_from(SAID),
        st.tuples(st.sampled_from(SAID), st.sampled_from(SAID)).map(b"".join),
        st.integers(0, 5),
        st.sampled_from(("send", "release", "bind", "eof")),
    ),
    max_size=25,
)


class Twin:
    """A session and what it asked to be served."""

    def __init__(self, limits: Limits, bound: bool) -> None:
        self.limits = limits
        self.session = Session(limits, b"\r", bound, now=NOW)
        self.out: list[Exchange] = []
        self.sent: list[bytes] = []

    def step(self, step: bytes | int | str, at_once: bool) -> None:
        """Something is said, or answered, or looked at."""
        session = self.session
        if isinstance(step, bytes):
            self.out += session.receive(step, NOW)
        elif isinstance(step, int):
            self._answer(step, at_once)
        elif step == "send":
            self.sent += session.data_to_send()
        elif step == "release":
            self.out += session.release(NOW)
        elif step == "bind":
            session.bind(self.limits, b"\r")
        else:
            session.eof()

    def _answer(self, step: int, at_once: bool) -> None:
        if not self.out:
            return
        exchange = self.out.pop(step % len(self.out))
        body = b"<%s %d>" % (exchange.code.encode(), exchange.slot)
        alone = self.session.answer_alone(exchange, body) if at_once else None
        if alone is None:
            self.session.answer(exchange, body)
            self.sent += self.session.data_to_send()
        else:
            self.sent.append(alone)

    def seen(self) -> tuple[object, ...]:
        """All that a caller sees."""
        one = self.session
        flags = (one.quiet, one.paused, one.waiting, one.partial, one.finished, one.bound)
        numbers = (one.unanswered, one.deadline, len(self.out))
        return flags, numbers, one.state, one.close_reason, one.counters


@given(STEPS, st.booleans(), st.integers(1, 4))
def test_quiet_is_when_a_look_would_find_nothing(
    steps: list[bytes | int | str], bound: bool, window: int
) -> None:
    """Both ways, whatever was said and answered before."""
    twin = Twin(Limits(window=window, retries_allowed=9), bound)
    for step in steps:
        twin.step(step, at_once=False)
        session = twin.session
        quiet, busy = session.quiet, session.paused or session.waiting or session.partial
        slots = session.unanswered
        nothing = session.data_to_send() == [] and session.unanswered == slots
        assert quiet is (nothing and not busy and session.close_reason is None and not session.finished)


@given(STEPS, st.booleans(), st.integers(1, 4))
def test_an_answer_at_once_is_the_answer_of_the_line(
    steps: list[bytes | int | str], bound: bool, window: int
) -> None:
    """Two sessions that hear the same say the same, and are in the same state after every step."""
    limits = Limits(window=window, retries_allowed=9)
    line, quick = Twin(limits, bound), Twin(limits, bound)
    for step in steps:
        line.step(step, at_once=False)
        quick.step(step, at_once=True)
        assert quick.sent == line.sent
        assert quick.seen() == line.seen()
