"""The road of one connection's errands to the store and back.

Reads and writes never overlap: a read sees what an earlier write of the same kiosk did, and a write follows
the reads before it, because a change of kind waits until the road is empty (house.md "Order").
"""

from collections import deque

from sip2d.daemon.errand import Errand
from sip2d.errors import StoreBusy


class Road:
    """See the module. ``finished`` each errand that came back, whatever became of it."""

    __slots__ = ("_alone", "_busy", "_waiting", "_writes", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._busy = 0
        self._writes = False
        self._alone = False
        self._waiting: deque[Errand] | None = None

    def send(self, errand: Errand) -> None:
        """Sends it off now, or behind those that must not be overtaken."""
        if self._busy and (self._waiting or not self._open_to(errand)):
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(errand)
        else:
            self._go(errand)

    def finished(self) -> None:
        """One is back; those that waited for it may go."""
        self._busy -= 1
        while self._waiting and self._open_to(self._waiting[0]):
            self._go(self._waiting.popleft())

    def close(self) -> None:
        """Nobody waits for the answers any more. What was sent off and changes anything is given up where it
        is not committed yet: its kiosk asks again on another connection, and may be told something else."""
        self.closed = True
        self._waiting = None

    def _open_to(self, errand: Errand) -> bool:
        """One with a PIN goes alone: it may have to come back for the hash."""
        return not self._busy or (errand.writes == self._writes and not self._alone and not errand.has_pin)

    def _go(self, errand: Errand) -> None:
        self._busy += 1
        self._writes = errand.writes
        self._alone = errand.has_pin
        try:
            errand.submit()
        except StoreBusy as fault:
            errand.done(None, fault)
