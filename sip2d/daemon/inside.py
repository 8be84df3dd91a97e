"""A session without a network: a terminal in the process of a staff command, served as every other is.

A pair of sockets of this process stands for the cable. Behind it are the connection, the session, the
exchange and the unit that a kiosk's frames meet, in the same code; so a batch that staff starts beside the
daemon, or while there is none, is judged by the same policy and remembered by the same journal (SP-21).

What is otherwise: the terminal is no row (id 0) and acts in the name of the staff member, and its branch
renews in bulk (CN-5) whatever it offers to kiosks. Nothing of it changes the database.
"""

import asyncio
import functools
import ipaddress
import logging
import socket
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import msgspec

from sip2d import packaged
from sip2d.circulation.call import Answer, Call, PinOracle
from sip2d.circulation.wording import Catalogue
from sip2d.config import LimitsSettings
from sip2d.daemon.access_log import AccessLog
from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.admission import Admission, Admitted, Refusal
from sip2d.daemon.connection import Connection
from sip2d.daemon.front import Front, Line
from sip2d.daemon.listener import Peer
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.pins import Pins
from sip2d.desk.staff import presets
from sip2d.store.engine import sqlite_path
from sip2d.store.executor import Store
from sip2d.store.library import BranchSip2, Library, Terminal
from sip2d.vocabulary import BULK
from sip2d.wire.messages import Request
from sip2d.wire.profile import STANDARD

Make = Callable[[], asyncio.BaseProtocol]
Connect = Callable[[Make], Awaitable[asyncio.BaseProtocol]]
"""Connects the SC's side that it is given."""

NAME: Final = "inside"
QUOTA: Final = 64
HERE: Final = ipaddress.ip_address("127.0.0.1")
PRESET: Final = "bulk-renewal"
LONGEST_REST: Final = 0.05

log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """Where the renewals are recorded (BR-15), and who answers for them."""

    branch_id: int
    login: str


@asynccontextmanager
async def inside(url: str, place: Place) -> AsyncIterator[Connect]:
    """What connects an SC in this process, on the running loop. StoreUnavailable, KeyError: the branch is
    gone.
    """
    loop = asyncio.get_running_loop()
    post = loop.call_soon_threadsafe if sqlite_path(url) is None else _Polite(loop)
    store = Store.open(url, post=post, readers=1, writers=1)
    try:
        with store.unit("library", writes=False) as unit:
            library = _prepared(unit.library, place.branch_id)
        terminal = _terminal(place)
        acs = _Acs(store, Pins(), Admission(library, per_address=QUOTA), place.branch_id)
        front = _Front(acs, Metrics(), AccessLog(), LimitsSettings, loop)
        open_ends: list[Connection] = []

        async def connect(make: Make) -> asyncio.BaseProtocol:
            near, far = socket.socketpair()
            for end in (near, far):
                end.setblocking(False)
            connection = Connection(front, _peer(acs.admission, terminal, len(open_ends)))
            open_ends.append(connection)
            await loop.connect_accepted_socket(lambda: connection, far)
            _, protocol = await loop.create_connection(make, sock=near)
            return protocol

        try:
            yield connect
        finally:
            for connection in open_ends:
                connection.abort()
            acs.pins.close()
    finally:
        store.close()  # what was asked for is done, or was never begun


class _Polite:
    """Brings answers to the loop, and rests then, in the store's thread and with nothing open: a daemon
    beside us gets the lock meanwhile. SQLite's writers do not queue, they try again and again: beside a batch
    at full speed (1,700 rows a second) a kiosk's write waited 1.7 s (p99), beside this one (900) 35 ms.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since = time.monotonic()

    def __call__(self, tell: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(tell)
        time.sleep(min(time.monotonic() - self._since, LONGEST_REST))  # as long as it took
        self._since = time.monotonic()


class _Acs(Acs):
    """Sees the branch as it is for these renewals, in every epoch; texts are the shipped ones, which the
    batch knows by heart."""

    def __init__(self, store: Store, pins: Pins, admission: Admission, branch_id: int) -> None:
        super().__init__(store, pins, admission, {STANDARD.name: STANDARD}, Catalogue.shipped())
        self._branch_id = branch_id
        self._seen = admission.library

    def call(
        self,
        library: Library,
        binding: Binding,
        pins: PinOracle,
        now: datetime,
        exchange_id: bytes,
        again: bool = False,
    ) -> Call:
        if library.epoch != self._seen.epoch:
            self._seen = _prepared(library, self._branch_id)
        return super().call(self._seen, binding, pins, now, exchange_id, again)


class _Front(Front):
    """Tells nobody: the batch tells its own progress. Faults are said on the standard library's log."""

    def opened(self, connection: Line) -> None:
        """A connection stands."""

    def closed(self, connection: Line) -> None:
        """A connection is gone."""
        connection.peer.seat.release()

    def served(
        self, connection: Line, code: str, answer: Answer, seconds: float, request: Request | None
    ) -> None:
        """An exchange was answered."""

    def no_block(self, connection: Line, code: str) -> None:
        """They all are."""

    def faulted(self, connection: Line, code: str, fault: BaseException | None) -> None:
        """A fault. Its class and its cause's are told, never a text."""
        cause = fault.__cause__ if fault is not None else None
        log.error("exchange.fault %s %s %s", code, type(fault).__name__, type(cause).__name__)


def _prepared(library: Library, branch_id: int) -> Library:
    branch = library.branches[branch_id]
    seen = msgspec.structs.replace(branch, sip2=_sip2(branch.sip2))
    return msgspec.structs.replace(library, branches={**library.branches, branch_id: seen}, texts={})


def _sip2(sip2: BranchSip2) -> BranchSip2:
    """What the preset for bulk renewals says (CN-5), and no dialect."""
    return msgspec.structs.replace(
        sip2, configured=True, retries_allowed=3, timeout_seconds=15, terminal_location="",
        max_print_width=0, language=None, profile=None, encoding=None, line_terminator=None,
        error_detection=None, enforce_institution=False, support=_offered(),
    )  # fmt: skip


@functools.cache
def _offered() -> dict[str, str]:
    said = tomllib.loads((packaged.config("presets") / f"{PRESET}.toml").read_text("utf-8"))
    return {key.name: level.value for key, level in presets.levels(presets.parse(PRESET, said)).items()}


def _terminal(place: Place) -> Terminal:
    return Terminal(
        id=0, name=place.login, branch_id=place.branch_id, network=ipaddress.ip_network(f"{HERE}/32"),
        username=None, password_hash=None, enabled=True, profile=STANDARD.name, group_resolution=True,
        require_tls=False, client_certificate=None, quota=QUOTA, any_branch=False, override_role=None,
        auto_override=False, purpose=BULK, expires_at=None,
    )  # fmt: skip


def _peer(admission: Admission, terminal: Terminal, number: int) -> Peer:
    admitted = Admitted(HERE, False, None, (terminal,), terminal)
    seat = admission.seat(admitted)
    assert not isinstance(seat, Refusal)  # one line at a time, and the quota is QUOTA
    return Peer(number, HERE, 0, NAME, STANDARD.name, False, admitted, seat)
