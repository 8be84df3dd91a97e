"""A tiny blocking SIP2 kiosk over a socket, independent of the code under test: AY, AZ, CR, and nothing else.

It checks what every answer must have: the sequence number that was asked with, and a checksum that fits.
"""

import socket
import ssl
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import msgspec

Address = tuple[str, int]

FIXED = {
    "10": 22, "12": 22, "16": 20, "18": 24, "20": 19, "24": 35, "26": 35, "30": 22, "36": 19, "38": 19,
    "64": 59, "66": 27, "94": 1, "96": 0, "98": 34,
}  # fmt: skip
"""Characters between the code and the first field (sip2.md 1)."""

PATIENCE = 15.0
"""Seconds any answer may take; an answer that is never waited for fails the test instead of hanging it."""


class Closed(Exception):
    """The other side closed the connection, or cut it."""


class Reply(msgspec.Struct, frozen=True):
    """An answer, cut into its parts; ``fields`` has every value of an id in order."""

    code: str
    fixed: str
    fields: dict[str, list[str]]
    text: str

    @property
    def ok(self) -> bool:
        """The first place of the fixed part: ok, payment accepted, on-line."""
        return self.fixed[:1] in ("1", "Y")

    @property
    def said(self) -> str:
        """All screen messages."""
        return " ".join(self.fields.get("AF", []))

    def __getitem__(self, ident: str) -> str:
        return self.fields[ident][0]


def stamp(at: datetime, zone: str = "Europe/Paris") -> str:
    """A transaction date of the wire: local time, blank zone."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y%m%d    %H%M%S")


def seal(body: str, sequence: int) -> bytes:
    """The frame of a body that ends in its last delimiter or fixed place: AY, AZ over bytes, CR."""
    data = f"{body}AY{sequence}AZ".encode()
    return data + b"%04X\r" % (-sum(data) & 0xFFFF)


def parse(frame: bytes) -> tuple[Reply, int | None]:
    """An answer without its terminator, and its sequence number. AssertionError: its checksum is wrong."""
    body, mark, sum_ = frame.rpartition(b"AZ")
    sequence: int | None = None
    if mark and len(sum_) == 4:
        assert (sum(body + mark) + int(sum_, 16)) & 0xFFFF == 0, f"wrong checksum: {frame!r}"
        if body[-3:-1] == b"AY":
            body, sequence = body[:-3], int(body[-1:])
    else:
        body = frame
    text = body.decode("utf-8")
    code = text[:2]
    start = 2 + FIXED[code]
    fields: dict[str, list[str]] = {}
    for field in text[start:].split("|"):
        if field:
            fields.setdefault(field[:2], []).append(field[2:])
    return Reply(code, text[2:start], fields, text), sequence


class Kiosk:
    """One connection. ``source`` is the loopback address it comes from, which names its terminal."""

    def __init__(
        self,
        address: Address,
        source: str = "127.0.0.1",
        *,
        tls: ssl.SSLContext | None = None,
        patience: float = PATIENCE,
        receive_buffer: int | None = None,
    ) -> None:
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if receive_buffer is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            plain.settimeout(patience)
            plain.bind((source, 0))
            plain.connect(address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        except BaseException:
            plain.close()
            raise
        self._read = b""
        self._next = 0
        self._asked: list[int] = []

    def send(self, body: str) -> None:
        """Ask, with the next sequence number; any number of questions may be on their way."""
        self.send_many([body])

    def send_many(self, bodies: list[str]) -> None:
        """Ask them all in one segment."""
        data = b""
        for body in bodies:
            data += seal(body, self._next)
            self._asked.append(self._next)
            self._next = (self._next + 1) % 10
        self.send_raw(data)

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are. Closed when nobody takes them."""
        try:
            self.sock.sendall(data)
        except ConnectionError:
            raise Closed from None

    def frame(self) -> bytes:
        """The next frame, without its terminator. Closed at the end of the stream."""
        while b"\r" not in self._read:
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise Closed
            self._read += data
        frame, _, self._read = self._read.partition(b"\r")
        return frame.lstrip(b"\n")

    def read(self) -> Reply:
        """The next answer; it must have the sequence number of the oldest open question."""
        reply, sequence = parse(self.frame())
        if self._asked and reply.code != "96":
            expected = self._asked.pop(0)
            assert sequence == expected, f"asked with AY{expected}, answered {reply.text!r} with AY{sequence}"
        return reply

    def ask(self, body: str) -> Reply:
        """One question, one answer."""
        self.send(body)
        return self.read()

    def login(self, user: str, password: str, location: str = "") -> bool:
        """93 and what 94 says."""
        return self.ask(f"9300CN{user}|CO{password}|CP{location}|").ok

    def ended(self) -> bytes:
        """Wait for the end of the connection; what came before it."""
        rest = b""
        try:
            while True:
                rest += self.frame() + b"\r"
        except Closed:
            return rest + self._read

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
