"""A hall of kiosks in one process: connection, session, circulation, policy and store as they run in the
daemon, on a loop and a clock of the test's own. Only the socket is missing: bytes go in by ``Line.send`` and
every write of the server comes out as one element.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import structlog
from sqlalchemy import insert, update

from sip2d.circulation.wording import Catalogue
from sip2d.compose import profiles
from sip2d.config import LimitsSettings, LoggingSettings
from sip2d.daemon.access_log import AccessLog
from sip2d.daemon.acs import Acs
from sip2d.daemon.admission import Admission, Admitted, Seat
from sip2d.daemon.connection import Connection
from sip2d.daemon.front import Front
from sip2d.daemon.listener import Peer
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.pins import Pins, PinSettings
from sip2d.store import migrate, tables
from sip2d.store.executor import Store
from sip2d.wire import codec
from sip2d.wire.frame import checksum, seal, split_trailer
from sip2d.wire.messages import Response
from sip2d.wire.profile import Profile
from tests.support import library
from tests.support.library import NOW

PINS = {"P1": "okapi-5309", "P2": "tapir-8841"}
"""PINs that a log would show."""
LOGIN = ("login-user", "quagga-2217")
PATIENCE = 20.0
LOGGED_IN = "127.0.9.1"
"""From here a terminal must log in; other addresses of ``tests.support.library`` are bound at once."""

FILES: dict[str, Profile] = {}


def dialects() -> dict[str, Profile]:
    """The profiles that come with sip2d, compiled once a run."""
    if not FILES:
        FILES.update(profiles(None))
    return FILES


def stored(secret: str) -> str:
    """What stands for a hash here: argon2id takes 20 ms, and is tested elsewhere."""
    return "stored:" + secret[::-1]


def _fits(secret: str, of: str) -> bool:
    return stored(secret) == of


def furnish(url: str) -> None:
    """An empty database becomes the small library, with PINs and a terminal that logs in."""
    migrate.upgrade(url)
    with Store.open(url) as store, store.unit("furnish") as unit:
        world = library.build(unit)
        for barcode, pin in PINS.items():
            unit.core.execute(
                update(tables.patron).where(tables.patron.c.barcode == barcode).values(pin_hash=stored(pin))
            )
        unit.core.execute(
            insert(tables.terminal).values(
                name="login-central", branch_id=world.branches["CENTRAL"], address=LOGGED_IN,
                prefix_length=32, username=LOGIN[0], password_hash=stored(LOGIN[1]),
                created_at=library.seconds(NOW),
            )
        )  # fmt: skip


class Wire(asyncio.Transport):
    """A transport without a socket: what the server writes is kept, one element a write."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[[Exception | None], None]) -> None:
        super().__init__()
        self._loop, self._lost = loop, lost
        self.written: list[bytes] = []
        self.news = asyncio.Event()
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed, "a write after the close"
        self.written.append(bytes(data))
        self.news.set()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.news.set()
            self._loop.call_soon(self._lost, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing comes while the test waits for answers."""

    def resume_reading(self) -> None:
        """See ``pause_reading``."""


class Line:
    """One kiosk's connection."""

    def __init__(self, hall: "Hall", peer: Peer) -> None:
        self.hall = hall
        self.connection = Connection(hall.front, peer)
        self.wire = Wire(hall.loop, self.connection.connection_lost)
        self.connection.connection_made(self.wire)

    @property
    def closed(self) -> bool:
        """Whether the server ended it."""
        return self.wire.closed

    def send(self, *segments: bytes) -> list[bytes]:
        """Bytes as they come off the wire, segment by segment; every write until nothing is owed any more."""
        return self.hall.loop.run_until_complete(self._send(segments))

    async def _send(self, segments: tuple[bytes, ...]) -> list[bytes]:
        for segment in segments:
            if not self.closed:
                self.connection.data_received(segment)
        session = self.connection.session
        async with asyncio.timeout(PATIENCE):
            while not self.closed and (session.unanswered or session.waiting):
                self.wire.news.clear()
                if session.unanswered and not self.wire.news.is_set():
                    await self.wire.news.wait()
                else:
                    await asyncio.sleep(0)
        await asyncio.sleep(0)
        replies, self.wire.written = self.wire.written, []
        return replies

    def ask(self, text: str) -> bytes:
        """One request without trailer; its one answer without terminator."""
        replies = self.send(text.encode() + b"\r")
        assert len(replies) == 1, (text, replies)
        return replies[0].rstrip(b"\r\n")

    def told(self, text: str) -> Response:
        """The same, parsed by the SC's side."""
        return self.parsed(self.ask(text))

    def parsed(self, answer: bytes) -> Response:
        """An answer without terminator, understood; its trailer must be right if it has one."""
        body, trailer = split_trailer(answer)
        assert trailer is None or checksum(trailer.covered) == trailer.checksum
        response = codec.parse_response(body, self.connection.profile)
        assert response is not None, answer
        return response

    def checked(self, text: str, sequence: bytes = b"1") -> list[bytes]:
        """One request with AY and AZ."""
        return self.send(seal(text.encode(), sequence, True))

    def hang_up(self) -> None:
        """The kiosk closes."""
        self.hall.loop.run_until_complete(self._hang_up())

    async def _hang_up(self) -> None:
        if not self.closed:
            self.connection.eof_received()
            self.wire.close()
        await asyncio.sleep(0)


class Hall:
    """See the module. ``now`` is the server's clock; ``advance`` moves it."""

    def __init__(self, url: str, log: Path, *, profile: str = "standard") -> None:
        self.loop = asyncio.new_event_loop()
        self.now = NOW
        self.log = log
        self.listener_profile = profile
        self.store = Store.open(url, post=self.loop.call_soon_threadsafe)
        with self.store.unit("read", writes=False) as unit:
            library_now = unit.library
        self.admission = Admission(library_now, per_address=10_000)
        self.pins = Pins(PinSettings(failures=1000, failures_anywhere=1000), clock=self.ticks, check=_fits)
        self.access = AccessLog.open(LoggingSettings(access=str(log)))
        acs = Acs(self.store, self.pins, self.admission, dialects(), Catalogue.shipped(), lambda: self.now)
        self.metrics = Metrics()
        self.front = Front(
            acs, self.metrics, self.access, LimitsSettings, self.loop, self.now.timestamp, self.ticks
        )
        self.lines: list[Line] = []
        self._count = 0

    def ticks(self) -> float:
        """The monotonic clock, as far as the wall clock went."""
        return (self.now - NOW).total_seconds() + 1000.0

    def connect(self, address: str = "127.0.0.1") -> Line:
        """A kiosk at an address that is admitted."""
        admitted = self.admission.admit(ip_address(address), tls=False, now=int(self.now.timestamp()))
        assert isinstance(admitted, Admitted), admitted
        seat = self.admission.seat(admitted)
        assert isinstance(seat, Seat), seat
        self._count += 1
        peer = Peer(
            self._count, admitted.address, 40_000 + self._count, "sip2", self.listener_profile, False,
            admitted, seat,
        )  # fmt: skip
        line = Line(self, peer)
        self.lines.append(line)
        return line

    def advance(self, seconds: float) -> None:
        """Time passes; nobody's timeout is looked at (``tick`` does)."""
        self.now += timedelta(seconds=seconds)

    def tick(self) -> None:
        """The daemon's wheel turns once."""
        self.front.tick(self.ticks())
        self.loop.run_until_complete(asyncio.sleep(0))

    def staff(self, act: Callable[[Any], object]) -> None:
        """A change of the organisation, live at once: ``act`` gets a connection of SQLAlchemy Core."""
        with self.store.unit("staff") as unit:
            act(unit.core)
            epoch = tables.library_epoch
            unit.core.execute(update(epoch).values(epoch=epoch.c.epoch + 1))
        with self.store.unit("read", writes=False) as unit:
            self.front.end(self.admission.swap(unit.library, int(self.now.timestamp())))
        self.tick()

    def support(self, branch: str, message: str, level: str) -> None:
        """Another support level of one message at one branch (CN-5)."""
        table, branches = tables.branch_message, tables.branch

        def act(core: Any) -> None:
            wanted = branches.select().with_only_columns(branches.c.id).where(branches.c.code == branch)
            core.execute(
                update(table)
                .where(table.c.branch_id == wanted.scalar_subquery(), table.c.message == message)
                .values(support=level)
            )

        self.staff(act)

    def dialect(self, terminal: str, profile: str) -> None:
        """Another vendor profile for one terminal."""
        table = tables.terminal
        self.staff(
            lambda core: core.execute(update(table).where(table.c.name == terminal).values(profile=profile))
        )

    def logged(self) -> bytes:
        """The access log so far."""
        self.access.flush()
        return self.log.read_bytes()

    def close(self) -> None:
        """Everything ends; nothing may be left behind."""
        for line in self.lines:
            line.hang_up()
        self.pins.close()
        self.access.close()
        self.store.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@contextmanager
def opened(url: str, log: Path, *, profile: str = "standard") -> Iterator[tuple[Hall, list[dict[str, Any]]]]:
    """A hall on a furnished database, and the events of the daemon's log as they come."""
    with structlog.testing.capture_logs() as events:
        hall = Hall(url, log, profile=profile)
        try:
            yield hall, cast(list[dict[str, Any]], events)
        finally:
            hall.close()
