"""Invariant: whatever bytes come, in whatever pieces, answered in whatever order, a session gives the same
replies in the order of the requests, at most one a frame, never raises, and never holds more than its window.

Before a good login nothing but 93 and 99 is handed out as allowed. The first byte of an input chooses the
settings, the rest is what the SC sends. The service is a stand-in: a 93 with "good" in it logs in, every
other answer names its slot.
"""

from collections.abc import Iterable, Iterator

from fuzz.corpora import frames as corpus_frames
from sip2d.session.limits import HELD_MOST, Limits
from sip2d.session.session import Session
from sip2d.session.slots import Exchange
from sip2d.wire.frame import seal

BOUND, REQUIRED, SMALL, FEW = 1, 2, 4, 8  # bits of the first byte

_LOGIN = b"9300CNgood|COpw|CP|"
_ITEM = b"1720260102    030405AO|ABitem1|AC|"
_LOAN = b"11YN20260102    030405                  AO|AAp|ABi|AC|AD1|"
SEEDS: tuple[bytes, ...] = (
    b"\x00" + seal(_LOGIN, b"0", True) + seal(b"9900802.00", b"1", True) + seal(_ITEM, b"2", True),
    b"\x00" + _LOGIN + b"\r\n" + _LOAN + b"\r\n" + _LOAN + b"\r\n97\r\n",
    b"\x01" + seal(_LOAN, b"5", True) * 2 + b"97AZFEF5\r" + _ITEM + b"AY1AZ0000\r97\r",
    b"\x00" + _ITEM + b"\r9300CNbad|\r9300CNbad|\r9300CNbad|\r9300CNbad|\r" + _ITEM + b"\r",
    b"\x03" + _ITEM + b"\r" + seal(_ITEM, None, True) + b"97\r97AZFEF5\r",
    b"\x01\xff\xfb\x1f\xff\xfb\x00\x00\n \r\n77unknown\r" + b"97\r" * 80 + seal(_ITEM, b"10", True),
    b"\x0d" + b"9900802.00\r" * 12 + b"x" * 400,
    b"\x01" + _LOAN,
)


def corpus_seeds() -> Iterator[bytes]:
    """Real messages, where they are at hand, to a bound session."""
    return (bytes((BOUND,)) + frame for frame in corpus_frames())


class Play:
    """One session, its stand-in service, and all it said."""

    def __init__(self, options: int) -> None:
        self.limits = Limits(
            error_detection_required=bool(options & REQUIRED),
            frame_cap=200 if options & SMALL else 8192,
            window=4 if options & FEW else 64,
        )
        self.session = Session(self.limits, b"\r", bool(options & BOUND), now=0.0)
        self.bound = bool(options & BOUND)
        self.replies: list[bytes] = []
        self.owed: list[Exchange] = []

    def hear(self, data: bytes) -> None:
        """Bytes of the SC."""
        self._keep(self.session.receive(data, 0.0))

    def serve(self, last_first: bool) -> None:
        """Answers all that is owed, and what that releases, in one order or the other."""
        while True:
            while self.owed:
                self._answer(self.owed.pop(-1 if last_first else 0))
            self.replies += self.session.data_to_send()
            if not self.session.waiting:
                break
            self._keep(self.session.release(0.0))

    def end(self, last_first: bool) -> None:
        """The SC has gone; nothing is owed after that."""
        self.session.eof()
        self.serve(last_first)
        assert self.session.finished
        assert self.session.data_to_send() == []

    def _keep(self, exchanges: list[Exchange]) -> None:
        session = self.session
        for exchange in exchanges:
            assert exchange.allowed == (self.bound or exchange.code in ("93", "99"))
            assert exchange.code.encode() == exchange.body[:2] != b"97"
        self.owed += exchanges
        assert len(self.owed) <= session.unanswered <= self.limits.window
        assert len(session._held) <= HELD_MOST

    def _answer(self, exchange: Exchange) -> None:
        if exchange.code == "93":
            self.bound = b"good" in exchange.body
            if self.bound:
                self.session.bind(self.limits, b"\r")
                self.session.answer(exchange, b"941")
            else:
                self.session.login_failed()
                self.session.answer(exchange, b"940")
        elif b"silent" in exchange.body:
            self.session.silence(exchange)
        else:
            self.session.answer(exchange, b"64 slot %d;" % exchange.slot)


def play(options: int, pieces: Iterable[bytes], *, patient: bool = False) -> Play:
    """The session after these pieces. ``patient``: nothing is answered before all came, then last first."""
    game = Play(options)
    for piece in pieces:
        game.hear(piece)
        if not patient:
            game.serve(last_first=False)
    game.end(last_first=patient)
    return game


def one_input(data: bytes) -> None:
    """Holds the invariant to one input."""
    options, stream = data[0] if data else 0, data[1:]
    whole = play(options, [stream])
    pieces = [stream[at : at + 1] for at in range(len(stream))]
    slow = play(options, pieces)
    assert slow.replies == whole.replies
    assert slow.session.close_reason is whole.session.close_reason
    # The end of the stream may come before the answer that would have closed: only the reason differs.
    assert play(options, [stream], patient=True).replies == whole.replies
    assert len(whole.replies) <= whole.session.counters.frames
    assert all(reply.endswith(b"\r") and reply.count(b"\r") == 1 for reply in whole.replies)
    fresh = list(dict.fromkeys(reply for reply in whole.replies if reply.startswith(b"64 slot")))
    numbers = [int(reply[8 : reply.index(b";")]) for reply in fresh]
    assert numbers == sorted(set(numbers))
