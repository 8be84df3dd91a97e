"""Requests of which nobody knows whether they were done: their COMMIT had no answer (reliability.md G3).

The kiosk asks again, perhaps while the database is away: "not done" would be no answer, it may be done.
"""

from collections.abc import Callable
from typing import Final

from sip2d.store.journal import Key

MOST: Final = 4096


class Doubts:
    """See the module. The loop's thread only; forgotten with the daemon, and after `KEPT_SECONDS`."""

    KEPT_SECONDS: Final = 900.0
    """As long as a request with a date is a repeat (SP-21 a)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[Key, float] = {}

    def add(self, key: Key) -> None:
        """It is not known of this one."""
        if len(self._since) >= MOST:
            self._since.clear()
        self._since[key] = self._clock()

    def __contains__(self, key: object) -> bool:
        since = self._since.get(key) if isinstance(key, Key) else None
        return since is not None and self._clock() - since <= self.KEPT_SECONDS
