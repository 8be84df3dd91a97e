"""The daemon's life: start, signals, reload, drain; what it does by the clock is in `timers`.

It owns the listeners; everything else it is given (``compose``). Signals: SIGTERM and SIGINT drain, a second
one stops now; SIGHUP reloads; SIGUSR1 tells the log what is going on.
"""

import asyncio
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from sip2d.config import Settings
from sip2d.daemon import logs, tls
from sip2d.daemon.access_log import AccessLog
from sip2d.daemon.admin import Admin
from sip2d.daemon.admission import Admission
from sip2d.daemon.background import BackgroundDoor
from sip2d.daemon.doors import AsideDoor, ConnectionsDoor, StoreDoor
from sip2d.daemon.listener import Factory, Gatehouse, Listener, bind
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.notify import Notify
from sip2d.daemon.pins import Pins
from sip2d.daemon.reload import Source
from sip2d.daemon.timers import Timers
from sip2d.errors import ConfigurationError, StoreUnavailable

PING_SECONDS: Final = 2.0
OPEN_FILES: Final = 65_536
DRAIN_STEP_SECONDS: Final = 0.05

log = logs.get(__name__)


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
        self._timers = Timers(
            store, aside, connections, admission, metrics, access_log, self._notify,
            lambda: self.settings.service.poll_interval, wall, clock,
        )  # fmt: skip
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()
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
        self._timers.start()
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
        await self._timers.stop()
        for listener in self.listeners:
            await listener.stop()
        await self._timers.write_notes()
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
        if self._timers.unreadable:
            found.append(self._timers.unreadable)
        return found

    def warnings(self) -> list[str]:
        """What is wrong though kiosks are served: taking them away would make it worse."""
        return [] if self._store.healthy else ["the last attempt to read or write the database failed"]

    async def poll(self) -> None:
        """One look at what staff changed, now."""
        await self._timers.look()

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
