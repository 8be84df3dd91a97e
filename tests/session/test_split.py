"""Whatever the segments and whoever is slow: the same replies (quirks A13, A15; reliability F12)."""

import itertools
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.session import BOUND, FEW, REQUIRED, SEEDS, one_input, play
from sip2d.session.limits import Counters, Limits
from sip2d.session.session import Session
from tests.session.script import ITEM, LOAN, LOGIN, PATRON, STATUS, bad, ck

FRAMES = st.sampled_from([
    ck(STATUS), ck(ITEM, b"2"), ck(LOAN, b"3"), LOAN + b"\r\n", PATRON + b"\r", bad(ITEM), b"97\r",
    b"97AZFEF5\r",
    b"9300CNgood|CO|\r", ck(b"9300CNgood|CO|", b"4"), b"9300CNno|\r", b"\r\n", b"77\r", b"\0 ", b"17silent\r",
    LOGIN + b"\n",
])  # fmt: skip


@settings(max_examples=200)
@given(
    st.sampled_from([0, BOUND, BOUND | FEW, FEW, BOUND | REQUIRED]),
    st.lists(FRAMES, max_size=14).map(b"".join),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_any_split_gives_the_same_replies(options: int, stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert play(options, pieces).replies == play(options, [stream]).replies
    one_input(bytes((options,)) + stream)


def test_seeds_hold_the_invariant() -> None:
    for seed in SEEDS:
        one_input(seed)


def test_idle_session_is_small() -> None:
    """Issue 8.3: 4 KiB an idle connection at most; the session takes 1 KiB of them, also after a reply."""
    limits, counters, count = Limits(), Counters(), 200
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        sessions = [Session(limits, b"\r", now=float(n), counters=counters) for n in range(count)]
        for session in sessions:
            [exchange] = session.receive(ck(STATUS), 1.0)
            session.answer(exchange, b"98" + b"Y" * 120)
            session.data_to_send()
            del exchange
        each = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert each <= 1024
