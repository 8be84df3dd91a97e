"""A bad cable: a proxy on loopback that cuts, stalls, and loses bytes, by a plan; then it is a good one."""

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.kiosk import Address

CUT, STALL, LOSE = "cut", "stall", "lose"


class Cable:
    """Each connection gets the next accident: after so many bytes of answers, cut, stall, or lose a chunk;
    after a loss the connection goes on, to the next accident.
    """

    def __init__(self, to: Address, accidents: list[tuple[str, int]]) -> None:
        self._to = to
        self._plan = list(accidents)
        self.happened: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            _end(one)
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: object, *values: object) -> None:
        thread = threading.Thread(target=target, args=values, daemon=True)  # type: ignore[arg-type]  # callables
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(self._to, source_address=("127.0.2.1", 0))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.append(one)
            self._start(self._carry, near, far, None)
            self._start(self._carry, far, near, self._next())

    def _next(self) -> tuple[str, int] | None:
        return self._plan.pop(0) if self._plan else None

    def _carry(self, source: socket.socket, sink: socket.socket, accident: tuple[str, int] | None) -> None:
        """Bytes from one to the other until either ends."""
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                if accident is not None and passed + len(data) > accident[1]:
                    kind, at = accident
                    self.happened.append(kind)
                    sink.sendall(data[: max(at - passed, 0)])
                    if kind == CUT:
                        break
                    if kind == STALL:
                        while source.recv(4096):
                            pass
                        break
                    data = data[max(at - passed, 0) + 40 :]
                    accident, passed = self._next(), 0
                passed += len(data)
                sink.sendall(data)
        _end(source)
        _end(sink)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def accidents(number: int, seed: int) -> list[tuple[str, int]]:
    """A plan; the login and the status come through (some 200 bytes)."""
    chance = random.Random(seed)
    return [
        (chance.choices((CUT, STALL, LOSE), (6, 1, 3))[0], chance.randrange(250, 1800)) for _ in range(number)
    ]
