"""Does the store get on? Asked by units that do nothing, one reading and one writing; the watchdog believes
only these.

A database that is away answers too (with a fault), so an outage does not restart the daemon; a stuck thread
does.
"""

from collections.abc import Callable
from typing import Protocol

from sip2d.errors import StoreBusy, StoreUnavailable
from sip2d.store.unit import Unit


class Submits(Protocol):
    """The part of the store this needs."""

    def submit(
        self,
        writes: bool,
        name: str,
        work: Callable[[Unit], None],
        done: Callable[[None, BaseException | None], None],
        lane: int = 0,
    ) -> None: ...


class Heartbeat:
    """Call ``beat`` now and then, on the loop's thread."""

    def __init__(self, store: Submits, patience: float, now: float) -> None:
        self._store = store
        self._patience = patience
        self._answered = {True: now, False: now}
        self._asked: set[bool] = set()

    def beat(self, now: float) -> bool:
        """Ask again; has every kind of thread answered within ``patience`` seconds? ``now``: monotonic
        seconds."""
        for writes in (True, False):
            if writes not in self._asked:
                self._ask(writes, now)
        return all(now - answered <= self._patience for answered in self._answered.values())

    def _ask(self, writes: bool, now: float) -> None:
        def done(value: None, fault: BaseException | None) -> None:
            self._asked.discard(writes)
            self._answered[writes] = now

        try:
            self._asked.add(writes)
            self._store.submit(writes, "heartbeat", _nothing, done)
        except StoreBusy:  # full: whether it gets on, the next question tells
            self._asked.discard(writes)
        except StoreUnavailable:  # closed: the daemon is stopping
            done(None, None)


def _nothing(unit: Unit) -> None:
    pass
