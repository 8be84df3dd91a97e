"""The epoch: one number that grows with every change of what `Library` holds.

Whoever changes one of those tables calls `bump` in the same transaction; every transaction reads the number
first and takes the library of that epoch. So a change is live in every daemon with its next request (CN-7,
GN-8).
"""

import threading

from sqlalchemy import Connection, update

from sip2d.store.library import Library
from sip2d.store.snapshot import read_library
from sip2d.store.statement import hot
from sip2d.store.tables import library_epoch
from sip2d.store.unit import Unit

READ_EPOCH = "SELECT epoch FROM library_epoch"

_BUMP = hot(update(library_epoch).values(epoch=library_epoch.c.epoch + 1))


def bump(unit: Unit) -> None:
    """The library changes with this transaction."""
    unit.run(_BUMP)


class Libraries:
    """The newest library this process has seen, shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: Library | None = None

    def at(self, epoch: int, core: Connection) -> Library:
        """The library of the transaction that `core` is in and that has read `epoch`, before it changes
        anything.
        """
        newest = self._newest
        if newest is not None and newest.epoch == epoch:
            return newest
        library = read_library(core)
        with self._lock:
            if self._newest is None or self._newest.epoch < library.epoch:
                self._newest = library
        return library
