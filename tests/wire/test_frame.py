"""Framing and the trailer (sip2.md 3.1, 4; quirks A1-A11, B1-B12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.wire.frame import HARD_CAP, Framer, FrameTooLong, checksum, seal, split_trailer, verify


def slow_checksum(data: bytes) -> int:
    """The formula of sip2.md 4.1, written as it stands there."""
    total = 0
    for byte in data:
        total += byte
    return (0x10000 - (total & 0xFFFF)) & 0xFFFF


@pytest.mark.parametrize(
    ("quirk", "segments", "frames"),
    [
        ("A1 CR LF", [b"99a\r\n99b\r\n"], [b"99a", b"99b"]),
        ("A2 LF", [b"99a\n"], [b"99a"]),
        ("A5 leading LF", [b"\n99a\r"], [b"99a"]),
        ("A6 doubled", [b"63a\r\r", b"99b\r"], [b"63a", b"99b"]),
        ("A7 unfinished", [b"99a"], []),
        ("A8 white space", [b" \t\r\n  99a\r"], [b"99a"]),
        ("A9 NULs around", [b"99a\r\0\0", b"99b\r"], [b"99a", b"99b"]),
        ("A9 NULs inside", [b"99\0a\r"], [b"99a"]),
        ("A10 trailing delimiters stay", [b"17x|||\r"], [b"17x|||"]),
        ("A11 telnet", [b"\xff\xfb\x1f\xff\xfb\x0099a\r"], [b"99a"]),
        ("A11 telnet options that are CR and LF", [b"\xff\xfb\x0d\xff\xfd\x0a99a\r"], [b"99a"]),
        ("A11 telnet subnegotiation", [b"\xff\xfa\x18\x00\r\nxterm\xff\xf099a\r"], [b"99a"]),
        ("A11 0xFF in a value", [b"23AA\xff\xfbx|\r"], [b"23AA\xff\xfbx|"]),
        ("A13 split", [b"9", b"9", b"a", b"\r", b"\n"], [b"99a"]),
        ("A15 coalesced", [b"99a\r99b\r99"], [b"99a", b"99b"]),
    ],
)
def test_framing_table(quirk: str, segments: list[bytes], frames: list[bytes]) -> None:
    framer = Framer()
    assert [frame for segment in segments for frame in framer.feed(segment)] == frames, quirk


def test_pending_counts_what_waits() -> None:
    framer = Framer()
    assert framer.feed(b"99") == []
    assert len(framer.begun) == 2
    assert framer.feed(b"x\r\n") == [b"99x"]
    assert len(framer.begun) == 0
    framer.feed(b"99")
    framer.reset()
    assert framer.feed(b"17\r") == [b"17"]


@given(
    st.lists(
        st.binary(max_size=20) | st.sampled_from([b"\r", b"\n", b"\xff", b"\xfa", b"\xff\xf0", b"\0", b"99"])
    )
)
def test_whole_and_byte_by_byte_give_the_same_frames(segments: list[bytes]) -> None:
    data = b"".join(segments)
    assert outcome([data]) == outcome([data[at : at + 1] for at in range(len(data))]) == outcome(segments)


def outcome(segments: list[bytes], cap: int = 32) -> tuple[list[bytes], bool]:
    """The frames, and whether the cap was met."""
    framer, frames = Framer(cap), []
    for segment in segments:
        try:
            frames += framer.feed(segment)
        except FrameTooLong as error:
            return frames + error.frames, True
    return frames, False


def test_a_frame_above_the_cap_is_refused_after_those_before_it() -> None:
    framer = Framer(cap=10)
    assert framer.feed(b"9" * 10 + b"\r") == [b"9" * 10]
    with pytest.raises(FrameTooLong) as refused:
        framer.feed(b"99\r17\r" + b"9" * 11 + b"\r")
    assert refused.value.frames == [b"99", b"17"]
    assert len(framer.begun) == 0
    with pytest.raises(FrameTooLong):
        framer.feed(b"9" * 11)


def test_the_hard_cap_holds_whatever_is_asked() -> None:
    assert Framer(cap=10**9).cap == HARD_CAP


@given(st.binary(max_size=2000))
def test_the_checksum_is_the_formula(data: bytes) -> None:
    assert checksum(data) == slow_checksum(data)


def test_the_checksum_of_the_greatest_bytes() -> None:
    for length in (255, 256, 257, 511, 512, 513, 1025, 8192):
        for greatest in (b"\xff", b"\x7f"):  # of ASCII twice as many are summed at once
            assert checksum(greatest * length) == slow_checksum(greatest * length)


@pytest.mark.parametrize(
    ("frame", "body", "sequence"),
    [
        # Summed by hand: '9'+'7'+'A'+'Z' = 57+55+65+90 = 267 = 0x010B; 0x10000 - 0x010B = 0xFEF5.
        (b"97AZFEF5", b"97", None),
        # One less for '6' instead of '7': the complement is one more.
        (b"96AZFEF6", b"96", None),
        # 57+52+49+65+89+48+65+90 = 515 = 0x0203; 0xFDFD.
        (b"941AY0AZFDFD", b"941", b"0"),
        (b"941AY0AZfdfd", b"941", b"0"),
        # 57+52+48+65+89+49+48+65+90 = 563 = 0x0233; 0xFDCD: a sequence of two digits (B1).
        (b"940AY10AZFDCD", b"940", b"10"),
        # Vector 1 of sip2.md 4.2: the sum is 844 = 0x034C.
        (b"990 402.00AY1AZFCB4", b"990 402.00", b"1"),
        # B12: 844 - 0x20 + 0x30 (040 for blank 40) + 0x7C (the delimiter) = 984 = 0x03D8; 0xFC28.
        (b"9900402.00|AY1AZFC28", b"9900402.00|", b"1"),
        # A blank behind it.
        (b"97AZFEF5 ", b"97", None),
    ],
)
def test_good_trailers(frame: bytes, body: bytes, sequence: bytes | None) -> None:
    found, trailer = split_trailer(frame)
    assert found == body
    assert trailer is not None
    assert trailer.sequence == sequence
    assert verify(trailer)


@pytest.mark.parametrize(
    ("written", "number"), [(b"AZ0004", 4), (b"AZ4", 4), (b"AZ   4", 4), (b"AZ1f", 31), (b"AZ 1F", 31)]
)
def test_b9_checksums_need_no_padding(written: bytes, number: int) -> None:
    _, trailer = split_trailer(b"9900302.00AY1" + written)
    assert trailer is not None
    assert trailer.checksum == number
    assert not verify(trailer)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"99",
        b"AZ",
        b"9900302.00",
        b"9900302.00AY1",
        b"990302.00|AYWRONG",
        b"64x|AFAY1AZ1234|",
        b"23x|AAfooAZ12",
        b"23x|AA1|AZ12345",
        b"23x|AZGGGG",
        b"23x|AFAZ|",
        b"23x|AZ",
    ],
)
def test_b6_what_is_no_trailer(frame: bytes) -> None:
    assert split_trailer(frame) == (frame, None)


def test_b4_az_without_ay_after_an_unfinished_field_counts_when_it_fits() -> None:
    frame = seal(b"9300CNuser|COpw", None, True, b"")
    body, trailer = split_trailer(frame)
    assert body == b"9300CNuser|COpw"
    assert trailer is not None


def test_b10_code_point_sums_are_taken_if_asked() -> None:
    body = "2300120260101    120000AAzo\N{LATIN SMALL LETTER E WITH DIAERESIS}|AY1AZ"
    stated = -sum(map(ord, body)) & 0xFFFF
    frame = body.encode() + b"%04X" % stated
    _, trailer = split_trailer(frame)
    assert trailer is not None
    assert verify(trailer)
    assert not verify(trailer, codepoints=False)
    ascii_frame = seal(b"17x|", b"1", True, b"")[:-1]
    _, wrong = split_trailer(ascii_frame + (b"0" if ascii_frame[-1:] != b"0" else b"1"))
    assert wrong is not None


@given(st.binary(max_size=300), st.sampled_from([None, b"0", b"9", b"12"]), st.sampled_from([b"\r", b"\r\n"]))
def test_what_is_sealed_verifies(raw: bytes, sequence: bytes | None, terminator: bytes) -> None:
    body = b"11" + raw.replace(b"\r", b"").replace(b"\n", b"") + b"|"
    frame = seal(body, sequence, True, terminator)
    assert frame.endswith(terminator)
    found, trailer = split_trailer(frame.removesuffix(terminator))
    assert found == body
    assert trailer is not None
    assert trailer.sequence == sequence
    assert verify(trailer, codepoints=False)


def test_b14_no_trailer_unless_asked() -> None:
    assert seal(b"941", b"3", False, b"\r\n") == b"941\r\n"
    assert seal(b"96", None, True) == b"96AZFEF6\r"


@pytest.mark.parametrize("sequence", [b"0", None])
def test_b18_one_wrong_byte_is_noticed(sequence: bytes | None) -> None:
    frame = seal(b"11YNx|AA1|", sequence, True, b"")
    _, trailer = split_trailer(frame.replace(b"AA1", b"AA2"))
    assert trailer is not None
    assert not verify(trailer)
