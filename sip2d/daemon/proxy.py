"""The PROXY protocol header, versions 1 and 2: who a trusted proxy says the peer is (issue 4.1). Pure bytes,
no socket.

The listener calls ``parse`` with everything read so far, again after each read, until it gives a ``Header``
(or raises); the bytes behind ``header.consumed`` are the peer's own, a TLS ClientHello for instance, and stay
the listener's. It never guesses: a connection on such a listener starts with a valid header or is closed. A
header gives the same ``Header`` whatever pieces it came in, and nothing that cannot become a header any more
is waited for.
"""

import ipaddress
from typing import Final

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

V1_PREFIX: Final = b"PROXY "
V1_MOST: Final = 107  # bytes of a version 1 line, CR LF included
V2_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
V2_START: Final = 16  # signature, version and command, family and transport, length
V2_PLAIN: Final = 536  # a header without TLVs fits the smallest TCP segment
V2_TLVS: Final = 4096  # what we are ready to read and throw away behind the addresses
V2_MOST: Final = V2_PLAIN + V2_TLVS

LOCAL: Final = 0
PROXY: Final = 1

# Family and transport byte of version 2 -> bytes of both addresses and ports. Any other byte is invalid.
UNSPEC: Final = 0x00
TCP4: Final = 0x11
TCP6: Final = 0x21
FAMILIES: Final[dict[int, int]] = {UNSPEC: 0, TCP4: 12, 0x12: 12, TCP6: 36, 0x22: 36, 0x31: 216, 0x32: 216}


class ProxyError(Exception):
    """These bytes do not begin with a PROXY header; close without a word. The text is a reason for the
    log, without any of the bytes.
    """


class Header(msgspec.Struct, frozen=True):
    """What the proxy said.

    ``local``: the proxy speaks for itself (a health check): close quietly, it is no rejected kiosk.
    ``source`` is ``None`` then, and also when the proxy knows no address of the peer (UNKNOWN, UNSPEC, a UNIX
    socket, a datagram). An IPv4 address mapped into IPv6 is given as IPv4, so that one row admits the kiosk
    on either kind of socket. ``consumed``: bytes of the header.
    """

    version: int
    local: bool
    consumed: int
    source: Address | None = None
    source_port: int = 0
    destination: Address | None = None
    destination_port: int = 0


def parse(data: bytes) -> Header | None:
    """The header at the start of ``data``; ``None`` while it is incomplete. Raises ProxyError."""
    if data.startswith(V1_PREFIX):
        return _version_1(data)
    if data.startswith(V2_SIGNATURE):
        return _version_2(data)
    if V1_PREFIX.startswith(data) or V2_SIGNATURE.startswith(data):
        return None
    raise ProxyError("no PROXY header")


def _version_1(data: bytes) -> Header | None:
    end = data.find(b"\n", 0, V1_MOST)
    if end < 0:
        if len(data) >= V1_MOST:
            raise ProxyError("version 1 line too long")
        return None
    if data[end - 1 : end] != b"\r":
        raise ProxyError("version 1 line without CR LF")
    consumed = end + 1
    words = data[len(V1_PREFIX) : end - 1].split(b" ")
    if words[0] == b"UNKNOWN":  # whatever follows must be ignored
        return Header(1, False, consumed)
    if words[0] not in (b"TCP4", b"TCP6") or len(words) != 5:
        raise ProxyError("version 1 line of the wrong form")
    kind = ipaddress.IPv4Address if words[0] == b"TCP4" else ipaddress.IPv6Address
    source, destination = _text_address(kind, words[1]), _text_address(kind, words[2])
    return Header(1, False, consumed, source, _text_port(words[3]), destination, _text_port(words[4]))


def _text_address(kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address], word: bytes) -> Address:
    try:
        text = word.decode("ascii")
        if "%" in text:  # a zone means nothing on another machine
            raise ProxyError("version 1 address with a zone")
        return _unmapped(kind(text))
    except ValueError:
        raise ProxyError("version 1 address of the wrong form") from None


def _text_port(word: bytes) -> int:
    if not (
        word.isdigit() and len(word) <= 5 and (len(word) == 1 or word[:1] != b"0") and int(word) <= 65535
    ):
        raise ProxyError("version 1 port of the wrong form")
    return int(word)


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _version_2(data: bytes) -> Header | None:
    command, needed = _start(data)
    if len(data) < V2_START:
        return None
    block = int.from_bytes(data[14:16], "big")
    if V2_START + block > V2_MOST:
        raise ProxyError("version 2 header too long")
    if command == PROXY and block < needed:
        raise ProxyError("version 2 block too short for its addresses")
    consumed = V2_START + block
    if len(data) < consumed:
        return None
    if command == LOCAL:  # family, addresses and TLVs are to be thrown away
        return Header(2, True, consumed)
    if data[13] != UNSPEC:  # whose block must be ignored
        _check_tlvs(data[V2_START + needed : consumed])
    if data[13] not in (TCP4, TCP6):
        return Header(2, False, consumed)
    return _binary_addresses(data[V2_START : V2_START + needed], consumed)


def _start(data: bytes) -> tuple[int, int]:
    """The command and the bytes of the addresses, as far as byte 12 and 13 are there. Raises at the first
    wrong one.
    """
    command = needed = 0
    if len(data) > 12:
        version, command = data[12] >> 4, data[12] & 0x0F
        if version != 2:
            raise ProxyError("neither version 1 nor 2")
        if command not in (LOCAL, PROXY):
            raise ProxyError("version 2 command unknown")
    if len(data) > 13 and command == PROXY:
        if data[13] not in FAMILIES:
            raise ProxyError("version 2 family or transport unknown")
        needed = FAMILIES[data[13]]
    return command, needed


def _binary_addresses(block: bytes, consumed: int) -> Header:
    width = (len(block) - 4) // 2
    source = _unmapped(ipaddress.ip_address(block[:width]))
    destination = _unmapped(ipaddress.ip_address(block[width : 2 * width]))
    ports = block[2 * width :]
    return Header(
        2,
        False,
        consumed,
        source,
        int.from_bytes(ports[:2], "big"),
        destination,
        int.from_bytes(ports[2:], "big"),
    )


def _check_tlvs(block: bytes) -> None:
    """Type (1 byte), length (2 bytes), value. None of them matters to us, but a broken list means broken
    addresses.
    """
    at = 0
    while at < len(block):
        if at + 3 > len(block):
            raise ProxyError("version 2 TLV cut off")
        at += 3 + int.from_bytes(block[at + 1 : at + 3], "big")
    if at != len(block):
        raise ProxyError("version 2 TLV cut off")
