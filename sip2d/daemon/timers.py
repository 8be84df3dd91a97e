"""What the daemon does by the clock: tell what was served, tick, look at what staff changed.

A round that fails is told and the next one comes: a daemon whose looks had ended would serve for years what
staff have long forbidden.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from sip2d.daemon import logs
from sip2d.daemon.access_log import FLUSH_SECONDS, AccessLog
from sip2d.daemon.admission import Admission
from sip2d.daemon.doors import AsideDoor, ConnectionsDoor, StoreDoor
from sip2d.daemon.heartbeat import Heartbeat
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.notify import Notify
from sip2d.errors import LibraryUnreadable, StoreUnavailable
from sip2d.store.library import Library

TICK_SECONDS: Final = 1.0
BRANCHES_SECONDS: Final = 60.0

log = logs.get(__name__)


class Timers:
    """See the module. ``unreadable``: why the library of the newest epoch cannot be read, and no unit can be
    served with it; empty when it can."""

    def __init__(
        self,
        store: StoreDoor,
        aside: AsideDoor,
        connections: ConnectionsDoor,
        admission: Admission,
        metrics: Metrics,
        access_log: AccessLog,
        notify: Notify,
        poll_interval: Callable[[], float],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.unreadable = ""
        self._aside, self._connections, self._admission = aside, connections, admission
        self._metrics, self._access_log, self._notify = metrics, access_log, notify
        self._poll_interval = poll_interval
        self._wall, self._clock = wall, clock
        self._reachable = True
        self._heartbeat = Heartbeat(store, (notify.watchdog_seconds or 60.0) / 2, clock())
        self._flush_due = self._marked = clock()
        self._pinged = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """From now on, until ``stop``."""
        self._mark_library()
        self._flush_due = self._clock() + FLUSH_SECONDS
        rounds = (
            (lambda: FLUSH_SECONDS, self._flush),
            (lambda: TICK_SECONDS, self._tick),
            (self._poll_interval, self.look),
        )
        self._tasks = [asyncio.create_task(every(seconds, step)) for seconds, step in rounds]

    async def stop(self) -> None:
        """No round any more; the one under way is broken off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _flush(self) -> None:
        """Every 100 ms: what was served, and the access log; and how late this comes is the loop's lag."""
        self._metrics.lag.observe(max(0.0, self._clock() - self._flush_due))
        try:
            self._connections.tell()
            self._access_log.flush()
        finally:
            self._flush_due = self._clock() + FLUSH_SECONDS

    async def _tick(self) -> None:
        """Every second: timeouts of all connections, gauges, the watchdog."""
        now, watchdog = self._clock(), self._notify.watchdog_seconds
        self._connections.tick(now)
        if now >= self._marked + BRANCHES_SECONDS:
            self._mark_library()
            self._marked = now
        if watchdog is not None and now - self._pinged >= watchdog / 4:
            if self._heartbeat.beat(now):
                self._notify.alive()
            self._pinged = now

    def _mark_library(self) -> None:
        self._metrics.mark(self._admission.library, datetime.fromtimestamp(self._wall(), UTC))

    async def look(self) -> None:
        """What staff changed is live within a second, in every daemon (CN-7, GN-8): one look at the epoch;
        the terminals, and the end of sessions whose terminal is no longer there."""
        now = int(self._wall())
        try:
            changed = await self._aside.epoch() != self._admission.library.epoch
            library = await self._read() if changed else None
            if library is not None:
                self._swap(library, now)
            elif not changed:
                self.unreadable = ""
            self._reached(True)
        except StoreUnavailable:
            self._reached(False)
        finally:  # a terminal's last moment comes whatever becomes of the database
            self._connections.end(self._admission.expired(now))
            await self.write_notes()

    async def _read(self) -> Library | None:
        """The library; None and a word in the log where it cannot be read: somebody wrote a row by hand."""
        try:
            library = await self._aside.library()
        except LibraryUnreadable as fault:
            why = str(fault)
            if why != self.unreadable:
                log.error("library.unreadable", why=why)
            self.unreadable = why
            return None
        self.unreadable = ""
        return library

    def _swap(self, library: Library, now: int) -> None:
        ended = self._admission.swap(library, now)
        self._connections.end(ended)
        self._mark_library()
        log.info("library.changed", epoch=library.epoch, ended=len(ended))

    async def write_notes(self) -> None:
        """Addresses turned away, terminals used, sessions ended: in the database where staff see them.

        While it is away the first two wait; a session's end is only noted while it can be.
        """
        refused, used = self._admission.take_refused(), self._admission.take_used()
        try:
            if refused:
                await self._aside.record_refused(refused)
                refused = ()
            if used:
                await self._aside.touch_terminals(used, int(self._wall()))
                used = frozenset()
            await self._aside.log_sessions(self._connections.take_ended())
        except StoreUnavailable:
            self._admission.keep_refused(refused)
            self._admission.used |= used

    def _reached(self, reachable: bool) -> None:
        if reachable != self._reachable:
            tell = log.info if reachable else log.error
            tell("store.reachable" if reachable else "store.unreachable")
        self._reachable = reachable


async def every(seconds: Callable[[], float], step: Callable[[], Awaitable[None]]) -> None:
    """For ever: so many seconds, then a step. A fault is told when it begins, by its class and place."""
    known = ""
    while True:
        await asyncio.sleep(seconds())
        try:
            await step()
            known = ""
        except Exception as fault:
            name = type(fault).__name__
            if name != known:
                log.error("daemon.round_failed", round=step.__name__, fault=name, where=logs.place_of(fault))
            known = name
