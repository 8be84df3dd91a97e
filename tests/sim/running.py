"""The real daemon's connections on a loopback port, on a loop of their own in a thread: for clients that run
a loop themselves.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.testing import capture_logs

from sip2d.store import epoch
from tests.sim.house import OverTcp
from tests.store.seed import seeded
from tests.support import library
from tests.support.databases import Databases
from tests.support.transcripts import WORLD, Clock


@contextmanager
def running(databases: Databases, login: tuple[str, str] | None = None) -> Iterator[int]:
    """The port of the small library's ACS; who connects is the kiosk of CENTRAL, after a login if one is
    given.
    """
    url, clock = databases.fresh(seeded), Clock()
    started: list[int] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        place = OverTcp(url, clock)
        if login is not None:
            with place.store.unit("account") as unit:
                WORLD["account"](unit.core, library.read(unit.core), "kiosk-central", *login)
                epoch.bump(unit)
            await place.changed()
        try:
            started.append(await place.listen("kiosk-central"))
            ready.set()
            await end.wait()
        finally:
            ready.set()
            await place.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    with capture_logs():  # what the server says must not stand in what the client prints
        thread.start()
        yield from _during(thread, loop, end, ready, started)


def _during(
    thread: threading.Thread,
    loop: asyncio.AbstractEventLoop,
    end: asyncio.Event,
    ready: threading.Event,
    started: list[int],
) -> Iterator[int]:
    try:
        ready.wait(30)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(30)
        loop.close()
