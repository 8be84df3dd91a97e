"""The short look at a trailer finds what the long one finds, or asks for it (sip2.md 4.1, quirks B1-B12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.wire.frame import checksum, seal, sound, split_trailer, verify

DIGITS = b"0123456789"
LONGEST = 260
"""Bytes of a frame that the short look is made for: the sum of more may not fit into it."""
TRAILER = len(b"AY1AZFFFF")
NO_CR = st.binary(max_size=300).map(lambda data: data.replace(b"\r", b"|"))
SEQUENCES = st.one_of(
    st.sampled_from([b"%c" % digit for digit in DIGITS]), st.binary(max_size=3), st.none(), st.just(b"|")
)


def agrees(frame: bytes) -> bool:
    """Whether the long look finds body and AY where the short one says they are, and a sum over bytes."""
    body, trailer = split_trailer(frame)
    return (
        trailer is not None
        and (body, trailer.sequence) == (frame[:-9], frame[-7:-6])
        and verify(trailer, codepoints=False)
    )


def told(covered: bytes, off: int = 0, number: str = "%04X") -> bytes:
    """What is covered, with a sum behind it that is off by so much, written in this way."""
    return covered + (number % (checksum(covered) + off & 0xFFFF)).encode()


@given(NO_CR, SEQUENCES, st.sampled_from((0, 0, 0, 1, 0x100, 0xFFF)), st.sampled_from(("%04X", "%04x", "%X")))
def test_a_sound_frame_is_what_the_long_look_finds(
    body: bytes, sequence: bytes | None, off: int, number: str
) -> None:
    """AY of no, one or several characters, sums that are right, wrong, short or of small letters."""
    covered = body + b"AZ" if sequence is None else body + b"AY" + sequence + b"AZ"
    frame = told(covered, off, number)
    if bool(sound(frame)):
        assert agrees(frame)
        assert frame[-7] in DIGITS
        assert off == 0


@given(st.binary(max_size=300))
def test_any_bytes(frame: bytes) -> None:
    assert not bool(sound(frame)) or agrees(frame)


@given(st.binary(max_size=300), st.sampled_from(DIGITS))
def test_every_frame_as_terminals_write_it_is_sound_up_to_its_length(body: bytes, digit: int) -> None:
    frame = seal(body, b"%c" % digit, True, b"")
    assert bool(sound(frame)) is (len(frame) <= LONGEST)
    assert agrees(frame)


@pytest.mark.parametrize("byte", [b"\0", b"A", b"\x7f", b"\xff"])
@pytest.mark.parametrize("length", [0, 1, 245, 250, 251, 252, 253])
def test_b_sums_of_every_size_up_to_the_longest(byte: bytes, length: int) -> None:
    """256 bytes of FF are the largest sum there is, below the prime that adler32 takes it modulo."""
    frame = seal(byte * length, b"7", True, b"")
    assert bool(sound(frame)) is (length <= LONGEST - TRAILER)
    assert agrees(frame)


@given(st.data(), st.binary(max_size=LONGEST - TRAILER), st.sampled_from(DIGITS), st.integers(1, 255))
def test_one_changed_byte_is_noticed(data: st.DataObject, body: bytes, digit: int, change: int) -> None:
    """Anywhere: in what is covered, in AY and AZ, in the sum itself."""
    frame = bytearray(seal(body, b"%c" % digit, True, b""))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= change
    assert not bool(sound(bytes(frame)))


ODD = [
    ("AY of no digit", told(b"17AY|AZ")),
    ("AY of a letter", told(b"17AYxAZ")),
    ("AY of a byte below the digits", told(b"17AY/AZ")),
    ("AY of a byte above the digits", told(b"17AY:AZ")),
    ("AY of nothing", told(b"17AYAZ")),
    ("AY of two digits", told(b"17AY12AZ")),
    ("AZ alone (B4)", told(b"17|AZ")),
    ("small letters (B8)", told(b"17\xffAY1AZ", number="%04x")),
    ("blanks behind it", told(b"17AY1AZ") + b" "),
    ("a field between", told(b"17AY1|AZ")),
    ("no trailer", b"17"),
    ("nothing", b""),
    ("less than a trailer", b"AY1AZFF"),
    ("code points (B10)", "17éAY1AZ".encode() + b"%04X" % (-sum(map(ord, "17éAY1AZ")) & 0xFFFF)),
]


@pytest.mark.parametrize(("quirk", "frame"), ODD)
def test_odd_trailers_are_for_the_long_look(quirk: str, frame: bytes) -> None:
    assert not bool(sound(frame)), quirk
