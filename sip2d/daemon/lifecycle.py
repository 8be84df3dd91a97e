"""The daemon's life: start, signals, reload, watchdog, the look at the epoch, drain.

It owns the listeners and the timers; everything else it is given (``compose``). Signals: SIGTERM and SIGINT
drain, a second one stops now; SIGHUP reloads; SIGUSR1 tells the log what is going on.
"""

import asyncio
import resource
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import uvloop

from sip2d.config import Settings
from sip2d.daemon import logs, tls
from sip2d.daemon.access_log import FLUSH_SECONDS, AccessLog
from sip2d.daemon.admin import Admin
from sip2d.daemon.admission import Admission
from sip2d.daemon.background import BackgroundDoor
from sip2d.daemon.heartbeat import Heartbeat, Submits
from sip2d.daemon.listener import Factory, Gatehouse, Listener, bind
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.notify import Notify
from sip2d.daemon.pins import Pins
from sip2d.daemon.reload import Source
from sip2d.errors import ConfigurationError, StoreUnavailable
from sip2d.store.aside import RefusedAddress, SessionRecord
from sip2d.store.health import Stats
from sip2d.store.library import Library

TICK_SECONDS: Final = 1.0
PING_SECONDS: Final = 2.0
OPEN_FILES: Final = 65_536
DRAIN_STEP_SECONDS: Final = 0.05
BRANCHES_SECONDS: Final = 60.0

log = logs.get(__name__)


class StoreDoor(Submits, Protocol):
    """What the daemon asks the store."""

    @property
    def healthy(self) -> bool: ...

    @property
    def stats(self) -> Stats: ...

    def close(self) -> None: ...


class AsideDoor(Protocol):
    """What it asks beside the exchanges; all raise StoreUnavailable."""

    async def epoch(self) -> int: ...

    async def library(self) -> Library: ...

    async def ping(self) -> bool: ...

    async def record_refused(self, rows: Iterable[RefusedAddress]) -> None: ...

    async def touch_terminals(self, ids: Iterable[int], now: int) -> None: ...

    async def log_sessions(self, rows: Sequence[SessionRecord]) -> None: ...

    async def close(self) -> None: ...


class ConnectionsDoor(Protocol):
    """All open connections: ``front.Front``."""

    def __len__(self) -> int: ...

    def tick(self, now: float) -> None: ...

    def tell(self) -> None: ...

    def close_idle(self) -> None: ...

    def end(self, terminals: Iterable[int]) -> None: ...

    def take_ended(self) -> Sequence[SessionRecord]: ...

    def abort(self) -> None: ...


class Daemon:
    """One running server. ``start`` and ``stop`` for tests and compose; ``run`` is both, with the signals
    between."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: StoreDoor,
        aside: AsideDoor,
        connections: ConnectionsDoor,
        admission: Admission,
        metrics: Metrics,
        factory: Factory,
        pins: Pins,
        access_log: AccessLog,
        schema_current: Callable[[], bool] = lambda: True,
        background: BackgroundDoor | None = None,
        source: Source | None = None,
        notify: Notify | None = None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.admission = admission
        self.gatehouse = Gatehouse(admission, settings.limits, metrics, factory, wall=wall)
        self.listeners = [Listener(one, self.gatehouse) for one in settings.listeners]
        self.admin: Admin | None = None
        self.draining = False
        self._store, self._aside, self._connections = store, aside, connections
        self._pins, self._access_log = pins, access_log
        self._schema_current = schema_current
        self._background = background
        self._source = source
        self._notify = notify or Notify()
        self._wall, self._clock = wall, clock
        self._reachable = True
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        metrics.watch(lambda: store.stats, pins, access_log)

    # -- start and stop ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen everywhere, then say so. Raises OSError, ConfigurationError; nothing is left open then."""
        try:
            sock = await bind(self.settings.admin.host, self.settings.admin.port)
            self.admin = Admin(sock, self.metrics, self.problems, self.warnings)
            await self.admin.start()
            for listener in self.listeners:
                await listener.start()
        except BaseException:
            await self._close()
            raise
        self._watch_certificates()
        self._loaded(True)
        self._tasks = [asyncio.create_task(work()) for work in (self._flushing, self._ticking, self._polling)]
        if self._background is not None:
            self._background.start()
        self._notify.ready(self._status())
        log.info("daemon.started", listeners={one.settings.name: one.port for one in self.listeners})

    async def stop(self, drain: float | None = None) -> None:
        """Accept no more, answer what is in work within ``drain`` seconds, close the rest."""
        self.draining = True
        if self._background is not None:
            self._background.ask_to_stop()
        self._notify.stopping("draining")
        log.info("daemon.draining", connections=len(self._connections))
        for listener in self.listeners:
            await listener.stop()
        until = self._clock() + (self.settings.service.drain_timeout if drain is None else drain)
        self._connections.close_idle()
        while len(self._connections) and self._clock() < until and not self._hurry.is_set():
            await _either(self._hurry, DRAIN_STEP_SECONDS)
            self._connections.close_idle()
        cut = len(self._connections)
        self._connections.abort()
        await self._close()
        log.info("daemon.stopped", cut=cut)

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self.listeners:
            await listener.stop()
        await self._write_notes()
        if self.admin is not None:
            await self.admin.stop()
        self._pins.close()
        self._connections.tell()
        self._access_log.close()
        if self._background is not None:
            await asyncio.to_thread(self._background.stop)
        await asyncio.to_thread(self._store.close)
        await self._aside.close()

    async def run(self, started: Callable[[], None] | None = None) -> int:
        """Start, serve until a signal says stop, drain. ``started`` is called when it listens. The exit
        code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        loop.add_signal_handler(signal.SIGUSR1, self._tell)
        try:
            await self.start()
            if started is not None:
                started()
            await self._stopping.wait()
            await self.stop()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
                loop.remove_signal_handler(number)
        return 0

    def ask_to_stop(self) -> None:
        """Once: drain. Twice: now."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    # -- health ------------------------------------------------------------------------------------------

    async def problems(self) -> list[str]:
        """Why kiosks cannot be served now; none: ready."""
        found = ["draining"] if self.draining else []
        found += [f"listener {one.settings.name} is down" for one in self.listeners if not one.up]
        try:
            async with asyncio.timeout(PING_SECONDS):
                if not await self._aside.ping():
                    found.append("the database does not answer")
                elif not await asyncio.to_thread(self._schema_current):
                    found.append("migrations are pending")
        except (TimeoutError, StoreUnavailable):
            found.append("the database does not answer")
        return found

    def warnings(self) -> list[str]:
        """What is wrong though kiosks are served: taking them away would make it worse."""
        return [] if self._store.healthy else ["the last attempt to read or write the database failed"]

    # -- reload ------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """All or nothing; a bad file keeps the old settings and says why."""
        self._notify.reloading()
        try:
            fresh = (self._source or Source()).read(self.settings)
            self._access_log.reopen()
        except (ConfigurationError, OSError) as error:
            self._loaded(False)
            log.error("config.reload_failed", why=str(error))
            self._notify.ready(f"kept the old configuration: {error}")
            return
        for listener in self.listeners:
            if listener.context is not None:
                listener.context = fresh.contexts.get(listener.settings.name, listener.context)
        logs.set_level(fresh.settings.logging.level)
        self.gatehouse.limits = fresh.settings.limits
        self.admission.per_address = fresh.settings.limits.per_address
        self.settings = self.settings.model_copy(
            update={"limits": fresh.settings.limits, "logging": fresh.settings.logging}
        )
        self._watch_certificates(fresh.settings)
        self._loaded(True)
        log.info("config.reloaded", waits_for_restart=list(fresh.waiting))
        self._notify.ready(self._status())

    def _loaded(self, good: bool) -> None:
        self.metrics.reload_good.set(int(good))
        if good:
            self.metrics.reload_at.set(self._wall())

    def _watch_certificates(self, settings: Settings | None = None) -> None:
        for one in (settings or self.settings).listeners:
            if one.tls is not None:
                self.metrics.certificate_expiry.labels(one.name).set(tls.expiry(one.tls.cert))

    def _status(self) -> str:
        return "serving on " + ", ".join(f"{one.settings.host}:{one.port}" for one in self.listeners)

    def _tell(self) -> None:
        log.info(
            "daemon.state",
            connections=len(self._connections),
            tasks=len(asyncio.all_tasks()),
            pin_checks=self._pins.waiting,
            store=str(self._store.stats),
        )

    # -- timers ------------------------------------------------------------------------------------------

    async def _flushing(self) -> None:
        """Every 100 ms: what was served, and the access log; and how late this comes is the loop's lag."""
        while True:
            before = self._clock()
            await asyncio.sleep(FLUSH_SECONDS)
            self.metrics.lag.observe(max(0.0, self._clock() - before - FLUSH_SECONDS))
            self._connections.tell()
            self._access_log.flush()

    async def _ticking(self) -> None:
        """Every second: timeouts of all connections, gauges, the watchdog."""
        watchdog = self._notify.watchdog_seconds
        heartbeat = Heartbeat(self._store, (watchdog or 60.0) / 2, self._clock())
        pinged, marked = float("-inf"), self._clock()
        self._mark_library()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._clock()
            self._connections.tick(now)
            if now >= marked + BRANCHES_SECONDS:
                self._mark_library()
                marked = now
            if watchdog is not None and now - pinged >= watchdog / 4:
                if heartbeat.beat(now):
                    self._notify.alive()
                pinged = now

    def _mark_library(self) -> None:
        self.metrics.mark(self.admission.library, datetime.fromtimestamp(self._wall(), UTC))

    async def _polling(self) -> None:
        """What staff changed is live within a second, in every daemon (CN-7, GN-8)."""
        while True:
            await asyncio.sleep(self.settings.service.poll_interval)
            await self.poll()

    async def poll(self) -> None:
        """One look at the epoch; the terminals, and the end of sessions whose terminal is no longer there."""
        try:
            now = int(self._wall())
            if await self._aside.epoch() != self.admission.library.epoch:
                library = await self._aside.library()
                ended = self.admission.swap(library, now)
                self._connections.end(ended)
                self._mark_library()
                log.info("library.changed", epoch=library.epoch, ended=len(ended))
            self._connections.end(self.admission.expired(now))
            await self._write_notes()
            self._reached(True)
        except StoreUnavailable:
            self._reached(False)

    async def _write_notes(self) -> None:
        """Addresses turned away, terminals used, sessions ended: in the database where staff see them.

        While it is away the first two wait; a session's end is only noted while it can be.
        """
        refused, used = self.admission.take_refused(), self.admission.take_used()
        try:
            if refused:
                await self._aside.record_refused(refused)
                refused = ()
            if used:
                await self._aside.touch_terminals(used, int(self._wall()))
                used = frozenset()
            await self._aside.log_sessions(self._connections.take_ended())
        except StoreUnavailable:
            self.admission.keep_refused(refused)
            self.admission.used |= used

    def _reached(self, reachable: bool) -> None:
        if reachable != self._reachable:
            tell = log.info if reachable else log.error
            tell("store.reachable" if reachable else "store.unreachable")
        self._reachable = reachable


def _allow_files() -> None:
    """A kiosk is a descriptor: as many as the machine allows, not the 1,024 a shell hands down."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Until the event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def main(
    compose: Callable[[], Awaitable[Daemon]], started: Callable[[Daemon], None] = lambda _daemon: None
) -> int:
    """Run on uvloop what ``compose`` puts together; ``started`` is told when the listeners are up.

    The exit code; faults of the start are raised.
    """
    # No core dump: it would hold PINs (reliability.md G6).
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _allow_files()

    async def life() -> int:
        daemon = await compose()
        return await daemon.run(lambda: started(daemon))

    return uvloop.run(life())
