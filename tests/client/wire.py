"""A line between a ``Dialogue`` and a session that damages, loses and repeats what it is told to."""

from collections.abc import Callable

from sip2d.client.dialogue import Dialogue, Manner
from tests.session.script import Script

Fault = Callable[[bytes], list[bytes]]


def lose(_reply: bytes) -> list[bytes]:
    return []


def damage(reply: bytes) -> list[bytes]:
    """One bit, in the body."""
    return [bytes((reply[0], reply[1] ^ 1)) + reply[2:]]


def twice(reply: bytes) -> list[bytes]:
    return [reply, reply]


class Wire:
    """``go`` carries everything to and fro until both are silent. ``up`` and ``down`` hold one fault for each
    of the next frames in that direction; ``None`` or nothing: it goes through."""

    def __init__(self, manner: Manner | None = None, *, bound: bool = True) -> None:
        self.now = 0.0
        self.dialogue = Dialogue(manner)
        self.script = Script(bound=bound)
        self.up: list[Fault | None] = []
        self.down: list[Fault | None] = []
        self.sent: list[bytes] = []

    def go(self) -> None:
        while data := self.dialogue.data_to_send(self.now):
            for frame in data.splitlines(keepends=True):
                self.sent.append(frame)
                for passed in _through(self.up, frame):
                    for reply in self.script.say(passed):
                        for arrived in _through(self.down, reply):
                            self.dialogue.receive(arrived, self.now)

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.script.now += seconds
        self.dialogue.tick(self.now)
        self.go()


def _through(faults: list[Fault | None], frame: bytes) -> list[bytes]:
    fault = faults.pop(0) if faults else None
    return [frame] if fault is None else fault(frame)
