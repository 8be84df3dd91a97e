"""The PROXY header, versions 1 and 2 (issue 4.1)."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.proxy import SEEDS, one_input
from sip2d.daemon.proxy import V1_MOST, V2_MOST, V2_SIGNATURE, Header, ProxyError, parse

V4, W4 = IPv4Address("192.0.2.1"), IPv4Address("198.51.100.9")
V6, W6 = IPv6Address("2001:db8::1"), IPv6Address("2001:db8::9")
BEHIND = b"\x16\x03\x01\x02\x00"  # a TLS record begins


def v2(command: int, family: int, block: bytes) -> bytes:
    """A version 2 header."""
    return V2_SIGNATURE + bytes((0x20 | command, family)) + len(block).to_bytes(2, "big") + block


INET = V4.packed + W4.packed + (56324).to_bytes(2, "big") + (6001).to_bytes(2, "big")
INET6 = V6.packed + W6.packed + (56324).to_bytes(2, "big") + (6443).to_bytes(2, "big")
TLV = b"\x04\x00\x05abcde"

GOOD = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.9 56324 6001\r\n", Header(1, False, 46, V4, 56324, W4, 6001)),
    (b"PROXY TCP6 2001:db8::1 2001:db8::9 1 0\r\n", Header(1, False, 40, V6, 1, W6, 0)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::9 1 65535\r\n", Header(1, False, 49, V4, 1, W6, 65535)),
    (b"PROXY UNKNOWN\r\n", Header(1, False, 15)),
    (b"PROXY UNKNOWN who knows what\r\n", Header(1, False, 30)),
    (v2(1, 0x11, INET), Header(2, False, 28, V4, 56324, W4, 6001)),
    (v2(1, 0x11, INET + TLV + TLV), Header(2, False, 44, V4, 56324, W4, 6001)),
    (v2(1, 0x21, INET6), Header(2, False, 52, V6, 56324, W6, 6443)),
    (
        v2(1, 0x21, bytes(10) + b"\xff\xff" + V4.packed + W6.packed + b"\0\1\0\2"),
        Header(2, False, 52, V4, 1, W6, 2),
    ),
    (v2(1, 0x31, bytes(216)), Header(2, False, 232)),
    (v2(1, 0x12, INET), Header(2, False, 28)),
    (v2(1, 0x00, b"what is not said"), Header(2, False, 32)),
    (v2(0, 0x00, b""), Header(2, True, 16)),
    (v2(0, 0x11, INET), Header(2, True, 28)),
    (v2(0, 0xFF, b"x"), Header(2, True, 17)),
    (v2(1, 0x11, INET + b"\xea\x10\x00" + bytes(4096)), Header(2, False, 28 + 4099, V4, 56324, W4, 6001)),
]


@pytest.mark.parametrize(("data", "header"), GOOD)
def test_headers(data: bytes, header: Header) -> None:
    """The same whole, in pieces and with a TLS ClientHello behind it, which is left alone."""
    assert parse(data) == header
    assert header.consumed == len(data)
    assert parse(data + BEHIND) == header
    for length in range(len(data)):
        assert parse(data[:length]) is None


BAD = [
    ("a SIP message", b"9900802.00\r"),
    ("TLS at once", BEHIND),
    ("HTTP", b"PRI * HTTP/2.0\r\n"),
    ("no CR", b"PROXY TCP4 192.0.2.1 198.51.100.9 56324 6001\n"),
    ("lower case", b"proxy TCP4 192.0.2.1 198.51.100.9 56324 6001\r\n"),
    ("another protocol", b"PROXY UDP4 192.0.2.1 198.51.100.9 56324 6001\r\n"),
    ("a word less", b"PROXY TCP4 192.0.2.1 198.51.100.9 56324\r\n"),
    ("a word more", b"PROXY TCP4 192.0.2.1 198.51.100.9 56324 6001 1\r\n"),
    ("two blanks", b"PROXY TCP4  192.0.2.1 198.51.100.9 56324 6001\r\n"),
    ("no address", b"PROXY TCP4 192.0.2.256 198.51.100.9 56324 6001\r\n"),
    ("leading zero", b"PROXY TCP4 192.0.02.1 198.51.100.9 56324 6001\r\n"),
    ("the other family", b"PROXY TCP4 2001:db8::1 2001:db8::9 1 2\r\n"),
    ("the other family", b"PROXY TCP6 192.0.2.1 198.51.100.9 1 2\r\n"),
    ("a zone", b"PROXY TCP6 fe80::1%eth0 2001:db8::9 1 2\r\n"),
    ("port too high", b"PROXY TCP4 192.0.2.1 198.51.100.9 65536 6001\r\n"),
    ("port of no digits", b"PROXY TCP4 192.0.2.1 198.51.100.9 +1 6001\r\n"),
    ("port with a zero", b"PROXY TCP4 192.0.2.1 198.51.100.9 01 6001\r\n"),
    ("not ASCII", b"PROXY TCP4 192.0.2.\xb2 198.51.100.9 1 2\r\n"),
    ("too long", b"PROXY UNKNOWN " + b"x" * (V1_MOST - 15) + b"\r\n"),
    ("too long, no end", b"PROXY " + b"x" * V1_MOST),
    ("signature broken", b"\r\n\r\n\x00\r\nQUIT\r"),
    ("version 1 in binary", V2_SIGNATURE + b"\x11\x11\x00\x0c" + INET),
    ("no such command", V2_SIGNATURE + b"\x22"),
    ("no such family", V2_SIGNATURE + b"\x21\x41"),
    ("no such transport", V2_SIGNATURE + b"\x21\x13"),
    ("addresses cut off", V2_SIGNATURE + b"\x21\x11\x00\x0b"),
    ("header too long", V2_SIGNATURE + b"\x21\x11" + (V2_MOST - 15).to_bytes(2, "big")),
    ("LOCAL too long", V2_SIGNATURE + b"\x20\x00\xff\xff"),
    ("TLV without a length", v2(1, 0x11, INET + b"\x04\x00")),
    ("TLV cut off", v2(1, 0x11, INET + b"\x04\x00\x06abcde")),
]


@pytest.mark.parametrize(("why", "data"), BAD)
def test_refused(why: str, data: bytes) -> None:
    with pytest.raises(ProxyError) as caught:
        parse(data)
    assert "192" not in str(caught.value), why


def test_longest_version_1_line() -> None:
    line = b"PROXY UNKNOWN " + b"x" * (V1_MOST - 16) + b"\r\n"
    assert len(line) == V1_MOST
    assert parse(line) == Header(1, False, V1_MOST)


def test_longest_version_2_header() -> None:
    assert parse(v2(0, 0, bytes(V2_MOST - 16))) == Header(2, True, V2_MOST)


@given(st.ip_addresses(), st.ip_addresses(v=6), st.integers(0, 65535), st.integers(0, 65535))
def test_version_1_says_what_version_2_says(
    source: IPv4Address | IPv6Address, destination: IPv6Address, a: int, b: int
) -> None:
    wide = source if source.version == 6 else ip_address(f"::ffff:{source}")
    text = parse(b"PROXY TCP6 %s %s %d %d\r\n" % (str(wide).encode(), str(destination).encode(), a, b))
    ports = a.to_bytes(2, "big") + b.to_bytes(2, "big")
    binary = parse(v2(1, 0x21, wide.packed + destination.packed + ports))
    assert text is not None
    assert binary is not None
    assert text.source == binary.source
    if source.version == 4:
        assert text.source == source
    assert (text.destination, text.source_port, text.destination_port) == (
        binary.destination, binary.source_port, binary.destination_port
    )  # fmt: skip


@given(st.sampled_from(SEEDS), st.binary(max_size=8), st.integers(0, 60))
def test_damaged_headers_hold_the_fuzz_invariant(seed: bytes, noise: bytes, at: int) -> None:
    one_input(seed[:at] + noise + seed[at:])
    one_input(seed[:at] + noise)
    one_input(seed)
