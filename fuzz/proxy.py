"""Invariant: a PROXY header is read the same whole and byte by byte, or refused both ways; nothing but
``ProxyError`` is raised; ``consumed`` lies within the data and within the limits, and the bytes behind it
change nothing.
"""

from sip2d.daemon.proxy import V1_MOST, V2_MOST, V2_SIGNATURE, Header, ProxyError, parse

SEEDS: tuple[bytes, ...] = (
    b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 6001\r\n9900802.00\r",
    b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.9 56324 6443\r\n\x16\x03\x01",
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n",
    V2_SIGNATURE + b"\x20\x00\x00\x00",
    V2_SIGNATURE + b"\x21\x11\x00\x0c" + bytes(range(12)) + b"\x16\x03",
    V2_SIGNATURE + b"\x21\x21\x00\x29" + bytes(range(36)) + b"\x04\x00\x02ab",
    V2_SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216),
)


def outcome(data: bytes) -> Header | str | None:
    """The header, ``None`` while incomplete, "refused" for an error."""
    try:
        return parse(data)
    except ProxyError:
        return "refused"


def one_input(data: bytes) -> None:
    """Holds the invariant to one input."""
    whole = outcome(data)
    grown: Header | str | None = None
    for length in range(len(data) + 1):
        grown = outcome(data[:length])
        if grown is not None:
            break
    assert grown == whole
    if isinstance(whole, Header):
        assert 0 < whole.consumed <= min(len(data), V1_MOST if whole.version == 1 else V2_MOST)
        assert outcome(data[: whole.consumed]) == whole == outcome(data + b"\0")
        assert not (whole.local and whole.source is not None)
    elif whole is None:
        assert len(data) < V2_MOST
