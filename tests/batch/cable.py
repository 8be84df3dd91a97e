"""A bad cable: a proxy on loopback that cuts, stalls, and loses bytes, by a plan; then it is a good one."""

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from tests.support.kiosk import Address

CUT, STALL, LOSE = "cut", "stall", "lose"
CUT_ASKING, STALL_ASKING, PULL = "cut asking", "stall asking", "pull"

ASKING: Final = frozenset({CUT_ASKING, STALL_ASKING})
"""These count the bytes that are asked, the others the bytes of answers."""
LOST: Final = 40
Accident = tuple[str, int]
"""What happens, after so many bytes."""


class Cable:
    """What is planned happens to the newest connection, after so many bytes of it, one accident a connection
    (none where fewer bytes come). It is ``CUT``, and both ends hear of it; it is silent in one
    direction (``STALL``: the answers) or in both (``PULL``), and nobody hears of that; or it will ``LOSE``
    some bytes of answers and go on, to the next accident.
    """

    def __init__(self, to: Address, accidents: list[Accident], source: str = "127.0.2.1") -> None:
        self._to = to
        self._source = source
        self._plan = list(accidents)
        self._news = threading.Condition()
        self.happened: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        self._latest: _Line | None = None
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

    def until(self, accidents: int, seconds: float = 20) -> None:
        """Wait for so many accidents."""
        with self._news:
            came = self._news.wait_for(lambda: len(self.happened) >= accidents, seconds)
        assert came, f"{len(self.happened)} accidents of {accidents} in {seconds} s"

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
            far = socket.create_connection(self._to, source_address=(self._source, 0))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.append(one)
            line = self._latest = _Line(self, near, far)
            self._start(line.ask)
            self._start(line.answer)

    def due(self, line: "_Line") -> Accident | None:
        """What is to happen next, which happens to the newest connection."""
        with self._news:
            return self._plan[0] if self._plan and line is self._latest else None

    def tell(self, line: "_Line") -> None:
        """It happened. Only where bytes were lost there may follow another on the same connection."""
        with self._news:
            if self._plan[0][0] != LOSE and self._latest is line:
                self._latest = None
            self.happened.append(self._plan.pop(0)[0])
            self._news.notify_all()


class _Line:
    """One connection through it."""

    def __init__(self, cable: Cable, near: socket.socket, far: socket.socket) -> None:
        self._cable, self._near, self._far = cable, near, far
        self._pulled = threading.Event()

    def ask(self) -> None:
        """Requests, until either end ends."""
        self._carry(self._near, self._far, asking=True)

    def answer(self) -> None:
        """Answers, until either end ends."""
        self._carry(self._far, self._near, asking=False)

    def _carry(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                if self._pulled.is_set():
                    continue
                accident = self._cable.due(self)
                if accident is not None and (accident[0] in ASKING) is asking:
                    kind, at = accident
                    if passed + len(data) > at:
                        left = max(at - passed, 0)
                        sink.sendall(data[:left])
                        if not self._happen(kind, source):
                            break
                        data, passed = data[left + LOST :], 0
                passed += len(data)
                sink.sendall(data)
        _end(source)
        _end(sink)

    def _happen(self, kind: str, source: socket.socket) -> bool:
        """Whether it goes on, to the next accident."""
        if kind == PULL:
            self._pulled.set()
        self._cable.tell(self)
        if kind in (STALL, STALL_ASKING, PULL):
            while source.recv(4096):
                pass
        return kind == LOSE


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def accidents(number: int, seed: int) -> list[Accident]:
    """A plan; the login and the status come through (some 200 bytes)."""
    chance = random.Random(seed)
    return [
        (chance.choices((CUT, STALL, LOSE), (6, 1, 3))[0], chance.randrange(250, 1800)) for _ in range(number)
    ]


def pulls(number: int, seed: int) -> list[Accident]:
    """A plan of every kind of accident, in no order: most end the connection, in the middle of an answer or
    of a request; one in sixteen is silent, which costs a timeout. At least the first row of each connection
    is answered, so that none is given up for its silence (BR-44).
    """
    chance = random.Random(seed)
    kinds = [PULL if each % 32 == 0 else STALL if each % 32 == 16 else CUT for each in range(number)]
    for place in range(number):
        if kinds[place] == CUT:
            kinds[place] = chance.choices((CUT, CUT_ASKING, LOSE), (6, 3, 1))[0]
    chance.shuffle(kinds)
    return [(kind, chance.randrange(600, 2100)) for kind in kinds]
