"""A closed loop of kiosks on bare epoll: each sends, waits for its whole answer, and sends again."""

import select
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
STALL_SECONDS: Final = 20.0
_RECEIVE: Final = 65_536


class WrongAnswerError(Exception):
    """A server said something else than the measurement is about."""


class Kiosks:
    """So many connections to one port; ``with`` closes them."""

    def __init__(self, port: int, count: int, login: bytes | None = None) -> None:
        self._sockets: list[socket.socket] = []
        for _ in range(count):
            one = socket.create_connection((LOOPBACK, port), timeout=STALL_SECONDS)
            self._sockets.append(one)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if login is not None:
                one.sendall(login)
                expect(receive(one), b"941")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._sockets:
            one.close()

    def __iter__(self) -> Iterator[socket.socket]:
        return iter(self._sockets)


class Party:
    """Kiosks that send the same kind of frames. ``latencies`` are seconds, of the last ``drive``."""

    def __init__(self, kiosks: Iterable[socket.socket], frames: Iterator[bytes], answer: bytes) -> None:
        self.kiosks = list(kiosks)
        self.frames = frames
        self.answer = answer
        self.latencies: list[float] = []


def drive(seconds: float, *parties: Party) -> float:
    """Let all of them send for so long and answers come in; how long it took in all.

    Raises WrongAnswerError, and TimeoutError when nothing comes for ``STALL_SECONDS``.
    """
    clock, poller = time.perf_counter, select.epoll()
    places = {}
    for party in parties:
        party.latencies = []
        for one in party.kiosks:
            poller.register(one.fileno(), select.EPOLLIN)
            places[one.fileno()] = (one.recv, one.send, party.frames, party.answer, party.latencies)
    waiting, rest = len(places), dict.fromkeys(places, b"")
    poll, began, sent = poller.poll, clock(), {}
    end = began + seconds
    for number, (_, send, frames, _, _) in places.items():
        sent[number] = clock()
        send(next(frames))
    try:
        while waiting:
            events = poll(STALL_SECONDS)
            if not events:
                raise TimeoutError(f"{waiting} answers did not come")
            for number, _ in events:
                receive_some, send, frames, wanted, latencies = places[number]
                data = receive_some(_RECEIVE)
                if data[-1:] != b"\r" or rest[number]:
                    if not data:
                        raise WrongAnswerError("the server closed a connection")
                    data = rest[number] + data
                    rest[number] = b"" if data[-1:] == b"\r" else data
                    if rest[number]:
                        continue
                now = clock()
                latencies.append(now - sent[number])
                if not data.startswith(wanted):
                    expect(data, wanted)
                if now < end:
                    sent[number] = now
                    send(next(frames))
                else:
                    waiting -= 1
    finally:
        poller.close()
    return clock() - began


def receive(one: socket.socket) -> bytes:
    """One whole answer, waited for."""
    data = b""
    while data[-1:] != b"\r":
        more = one.recv(_RECEIVE)
        if not more:
            raise WrongAnswerError("the server closed a connection")
        data += more
    return data


def expect(data: bytes, wanted: bytes) -> None:
    """Raises WrongAnswerError unless it begins so."""
    if not data.startswith(wanted):
        raise WrongAnswerError(f"wanted {wanted!r}, got {data[:120]!r}")


def split_writes(port: int, login: bytes, frames: Iterator[bytes], answer: bytes, count: int) -> list[float]:
    """Seconds a request of a kiosk that writes body and CR apart, without TCP_NODELAY."""
    latencies = []
    with socket.create_connection((LOOPBACK, port), timeout=STALL_SECONDS) as one:
        one.sendall(login)
        expect(receive(one), b"941")
        for _ in range(count):
            data = next(frames)
            began = time.perf_counter()
            one.send(data[:-1])
            one.send(data[-1:])
            expect(receive(one), answer)
            latencies.append(time.perf_counter() - began)
    return latencies


def encrypted(port: int, ca: Path, login: bytes) -> ssl.SSLSocket:
    """A logged-in TLS connection; close it."""
    context = ssl.create_default_context(cafile=str(ca))
    plain = socket.create_connection((LOOPBACK, port), timeout=STALL_SECONDS)
    try:
        one = context.wrap_socket(plain, server_hostname="localhost")
        one.sendall(login)
        expect(receive(one), b"941")
    except BaseException:
        plain.close()
        raise
    return one
