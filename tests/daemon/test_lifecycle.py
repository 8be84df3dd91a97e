"""Start, readiness, reload, the look at the epoch, watchdog, drain (issue 4.4, 7.1, 7.2, 7.4; stack.md
3.1)."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from sip2d import config
from sip2d.cli import check_config, exits, healthcheck, serve
from sip2d.daemon.access_log import AccessLog
from sip2d.daemon.admission import Admission
from sip2d.daemon.heartbeat import Heartbeat
from sip2d.daemon.lifecycle import Daemon
from sip2d.daemon.listener import Peer
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.notify import Notify
from sip2d.daemon.pins import Pins
from sip2d.daemon.reload import Source
from sip2d.errors import StoreBusy, StoreUnavailable
from sip2d.store.aside import RefusedAddress, SessionRecord
from sip2d.store.health import Stats
from sip2d.store.library import Library
from tests.daemon.places import NOW, library, terminal


class Database:
    """Store and aside as the daemon sees them: up or down, with a library of some epoch."""

    def __init__(self, library: Library) -> None:
        self.current = library
        self.up = True
        self.healthy = True
        self.refused: list[RefusedAddress] = []
        self.used: set[int] = set()
        self.closed = 0
        self.held: list[Callable[[None, BaseException | None], None]] | None = None
        self.fault: Exception | None = None

    @property
    def stats(self) -> Stats:
        return Stats(0, 0, 0, 0, 0, 0, 0.0, {})

    def submit(
        self,
        writes: bool,
        name: str,
        work: Any,
        done: Callable[[None, BaseException | None], None],
        lane: int = 0,
    ) -> None:
        if self.fault is not None:
            raise self.fault
        if self.held is not None:
            self.held.append(done)
        else:
            done(None, None)

    def _asked(self) -> None:
        if not self.up:
            raise StoreUnavailable("away")

    async def epoch(self) -> int:
        self._asked()
        return self.current.epoch

    async def library(self) -> Library:
        self._asked()
        return self.current

    async def ping(self) -> bool:
        return self.up

    async def record_refused(self, rows: Iterable[RefusedAddress]) -> None:
        self._asked()
        self.refused.extend(rows)

    async def touch_terminals(self, ids: Iterable[int], now: int) -> None:
        self._asked()
        self.used |= set(ids)

    async def log_sessions(self, rows: Sequence[SessionRecord]) -> None:
        self._asked()


class StoreSide:
    """The same database through the store's door, whose ``close`` is no coroutine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def close(self) -> None:
        self._database.closed += 1


class AsideSide(StoreSide):
    async def close(self) -> None:  # type: ignore[override]  # the other door of the two
        self._database.closed += 1


class Kiosk(asyncio.Protocol):
    """A connection that is busy while ``work`` is held."""

    def __init__(self, peer: Peer, kiosks: "Kiosks") -> None:
        self.peer, self.kiosks, self.busy = peer, kiosks, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.kiosks.open.add(self)

    def data_received(self, data: bytes) -> None:
        self.busy = data == b"busy\r"
        self.transport.write(data)

    def answer(self) -> None:
        self.busy = False
        self.transport.write(b"answered\r")

    def connection_lost(self, error: Exception | None) -> None:
        self.kiosks.open.discard(self)
        self.peer.seat.release()


class Kiosks:
    """All connections."""

    def __init__(self) -> None:
        self.open: set[Kiosk] = set()
        self.ended: list[frozenset[int]] = []

    def __len__(self) -> int:
        return len(self.open)

    def tick(self, now: float) -> None: ...

    def tell(self) -> None: ...

    def close_idle(self) -> None:
        for kiosk in tuple(self.open):
            if not kiosk.busy:
                kiosk.transport.close()

    def end(self, terminals: Iterable[int]) -> None:
        if ids := frozenset(terminals):
            self.ended.append(ids)

    def take_ended(self) -> Sequence[SessionRecord]:
        return ()

    def abort(self) -> None:
        for kiosk in tuple(self.open):
            kiosk.transport.abort()


class House:
    """A daemon with its surroundings."""

    def __init__(self, folder: Path, text: str = "", *, notify: Notify | None = None) -> None:
        self.file = folder / "sip2d.toml"
        self.write(text)
        self.database = Database(library(terminal(1, "127.0.0.1")))
        self.kiosks = Kiosks()
        self.current = True
        self.metrics = Metrics()
        settings = config.load(self.file)
        self.daemon = Daemon(
            settings,
            store=cast(Any, StoreSide(self.database)),
            aside=cast(Any, AsideSide(self.database)),
            connections=self.kiosks,
            admission=Admission(self.database.current, per_address=settings.limits.per_address),
            metrics=self.metrics,
            factory=lambda peer: Kiosk(peer, self.kiosks),
            pins=Pins(),
            access_log=AccessLog(),
            schema_current=lambda: self.current,
            source=Source(self.file),
            notify=notify or Notify({}),
            wall=lambda: float(NOW),
        )

    def write(self, text: str) -> None:
        listener = "" if "[[listeners]]" in text else "[[listeners]]\nname = 'plain'\nport = 0\n"
        database = f"[database]\nurl = 'sqlite:///{self.file.parent}/sip2d.db'\n"
        self.file.write_text(f"{listener}{text}\n[admin]\nport = 0\n{database}")

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    async def get(self, page: str) -> tuple[int, bytes]:
        def ask() -> tuple[int, bytes]:
            assert self.daemon.admin is not None
            connection = http.client.HTTPConnection("127.0.0.1", self.daemon.admin.port, timeout=10)
            try:
                connection.request("GET", page)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

        return await asyncio.to_thread(ask)

    async def ready(self) -> tuple[int, list[str]]:
        status, body = await self.get("/readyz")
        return status, json.loads(body)["reasons"]

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        streams = await asyncio.open_connection("127.0.0.1", self.daemon.listeners[0].port)
        streams[1].write(b"hello\r")
        assert await streams[0].readexactly(6) == b"hello\r"
        return streams


@contextlib.asynccontextmanager
async def living(house: House) -> AsyncIterator[House]:
    await house.daemon.start()
    try:
        yield house
    finally:
        await house.daemon.stop(0)


async def test_the_pages(tmp_path: Path) -> None:
    async with living(House(tmp_path)) as house:
        assert await house.get("/livez") == (200, b"ok\n")
        assert await house.ready() == (200, [])
        status, text = await house.get("/metrics")  # T14: no redirect
        assert status == 200
        assert b"sip2d_build_info" in text
        assert b'sip2d_branch_open{branch="' in text
        assert b'gap="NO_OVERDUE_DEFINITION",institution="' in text  # BL-45
        assert (await house.get("/nothing"))[0] == 404
    assert house.database.closed == 2


async def test_readiness_tells_the_truth(tmp_path: Path) -> None:
    async with living(House(tmp_path)) as house:
        house.current = False
        assert await house.ready() == (503, ["migrations are pending"])
        house.database.up = False
        assert await house.ready() == (503, ["the database does not answer"])
        house.database.up = house.current = True
        await house.daemon.listeners[0].stop()
        assert await house.ready() == (503, ["listener plain is down"])


async def test_a_full_disk_is_told_but_takes_no_kiosk_away(tmp_path: Path) -> None:
    async with living(House(tmp_path)) as house:
        house.database.healthy = False
        status, body = await house.get("/readyz")
        assert (status, len(json.loads(body)["warnings"])) == (200, 1)


async def test_a_port_that_is_taken_leaves_nothing_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        house = House(tmp_path, f"[[listeners]]\nname = 'a'\nport = {port}\n")
        with pytest.raises(OSError, match=f"127.0.0.1 port {port}"):
            await house.daemon.start()
    assert house.database.closed == 2


async def test_what_staff_change_is_live_with_the_next_look(tmp_path: Path) -> None:
    """CN-7, GN-8: no reload, no restart."""
    async with living(House(tmp_path)) as house:
        streams = await house.dial()
        house.database.current = library(terminal(1, "127.0.0.1", enabled=False), epoch=2)
        await house.daemon.poll()
        assert house.kiosks.ended[0] == {1}
        stranger = await asyncio.open_connection("127.0.0.1", house.daemon.listeners[0].port)
        with contextlib.suppress(ConnectionError):
            assert await stranger[0].read() == b""
        await house.daemon.poll()
        assert ([row.address for row in house.database.refused], house.database.used) == (["127.0.0.1"], {1})
        for one in (streams, stranger):
            one[1].close()


async def test_the_timer_looks_by_itself(tmp_path: Path) -> None:
    async with living(House(tmp_path, "[service]\npoll_interval = 0.05")) as house:
        house.database.current = library(epoch=2)
        async with asyncio.timeout(10):
            while house.daemon.admission.library.epoch != 2:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.01)


async def test_notes_wait_while_the_database_is_away(tmp_path: Path) -> None:
    async with living(House(tmp_path, "[service]\npoll_interval = 5")) as house:
        house.database.up = False
        (await house.dial())[1].close()
        house.daemon.admission.turn_away(ip_address("192.0.2.7"), "address", "plain", NOW)
        await house.daemon.poll()
        house.database.up = True
        await house.daemon.poll()
        assert (len(house.database.refused), house.database.used) == (1, {1})


# -- reload --------------------------------------------------------------------------------------------------


async def test_a_reload_changes_limits_and_certificates(tmp_path: Path) -> None:
    ca = trustme.CA()
    cert = tmp_path / "server.pem"
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(cert))
    text = f"[[listeners]]\nname = 'tls'\nport = 0\n[listeners.tls]\ncert = '{cert}'\n"
    async with living(House(tmp_path, text)) as house:
        context = house.daemon.listeners[0].context
        expires = house.value("sip2d_tls_certificate_expiry_timestamp_seconds", listener="tls")
        ca.issue_cert("localhost", not_after=None).private_key_and_cert_chain_pem.write_to_path(str(cert))
        house.write(text + "[limits]\nper_address = 3\n[logging]\nlevel = 'warning'")
        house.daemon.reload()
        assert house.daemon.listeners[0].context is not context
        assert (house.daemon.admission.per_address, house.daemon.gatehouse.limits.per_address) == (3, 3)
        assert house.daemon.settings.logging.level == "warning"
        assert house.value("sip2d_config_last_reload_successful") == 1
        assert expires is not None
        assert expires > time.time()


BAD = {
    "no TOML": "[limits",
    "unknown key": "[limits]\nper_adress = 3",
    "good limits, bad certificate": "[limits]\nper_address = 3\n[[listeners]]\nname = 'plain'\nport = 0\n"
    "[listeners.tls]\ncert = '/none.pem'",
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_file_keeps_everything_and_says_why(tmp_path: Path, case: str) -> None:
    """F15: all or nothing."""
    async with living(House(tmp_path)) as house:
        before, limits = house.daemon.settings, house.daemon.gatehouse.limits
        house.file.write_text(BAD[case])
        house.daemon.reload()
        assert (house.daemon.settings, house.daemon.gatehouse.limits) == (before, limits)
        assert house.daemon.admission.per_address == before.limits.per_address
        assert house.value("sip2d_config_last_reload_successful") == 0
        assert await house.ready() == (200, [])


def test_what_waits_for_a_restart_is_named(tmp_path: Path) -> None:
    house_file = tmp_path / "a.toml"
    database = f"[database]\nurl = 'sqlite:///{tmp_path}/x.db'\n"
    house_file.write_text(database)
    running = config.load(house_file)
    house_file.write_text(
        database + "[admin]\nport = 1\n[limits]\nwindow = 2\n[[listeners]]\nname = 'plain'\nport = 7"
    )
    assert Source(house_file).read(running).waiting == ("admin", "listeners")


# -- the end -------------------------------------------------------------------------------------------------


async def test_a_drain_answers_what_is_in_work(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.daemon.start()
    idle, busy = await house.dial(), await house.dial()
    busy[1].write(b"busy\r")
    assert await busy[0].readexactly(5) == b"busy\r"
    port = house.daemon.listeners[0].port
    stopping = asyncio.create_task(house.daemon.stop(10))
    assert await idle[0].read() == b""  # goes at once
    assert (await house.ready())[0] == 503
    with pytest.raises(OSError):  # nobody new
        await asyncio.open_connection("127.0.0.1", port)
    assert not stopping.done()
    for kiosk in house.kiosks.open:
        kiosk.answer()
    assert await busy[0].read() == b"answered\r"
    await stopping
    for streams in (idle, busy):
        streams[1].close()


async def test_a_drain_ends_in_time(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.daemon.start()
    busy = await house.dial()
    busy[1].write(b"busy\r")
    await busy[0].readexactly(5)
    started = time.monotonic()
    await house.daemon.stop(0.2)
    assert 0.15 < time.monotonic() - started < 5
    with contextlib.suppress(ConnectionError):
        assert await busy[0].read() == b""
    busy[1].close()


@pytest.mark.parametrize("times", [1, 2])
async def test_signals(tmp_path: Path, times: int) -> None:
    """SIGTERM drains and ends with 0; a second one does not wait."""
    house = House(tmp_path)
    up = asyncio.Event()
    running = asyncio.create_task(house.daemon.run(started=up.set))
    await asyncio.wait_for(up.wait(), 10)
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGUSR1)
    streams = await house.dial()
    assert house.value("sip2d_config_last_reload_successful") == 1
    if times == 2:
        streams[1].write(b"busy\r")
        await streams[0].readexactly(5)
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
    assert await asyncio.wait_for(running, 10) == 0
    streams[1].close()


# -- systemd -------------------------------------------------------------------------------------------------


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
        notify = Notify(environ | {"WATCHDOG_PID": str(os.getpid())})
        notify.ready("serving")
        notify.stopping()
        notify.alive()
        assert [sock.recv(100) for _ in range(3)] == [
            b"READY=1\nSTATUS=serving",
            b"STOPPING=1",
            b"WATCHDOG=1",
        ]
        notify.reloading()
        assert sock.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert notify.watchdog_seconds == 30
        assert Notify(environ | {"WATCHDOG_PID": "1"}).watchdog_seconds is None
    notify.alive()  # nobody listens any more: no fault


def test_the_watchdog_believes_only_a_store_that_gets_on() -> None:
    database = Database(library())
    beat = Heartbeat(database, 15.0, now=100.0)
    assert beat.beat(101.0)
    database.held = []  # a thread is stuck
    assert beat.beat(110.0)
    assert not beat.beat(117.0)
    assert len(database.held) == 2  # asked once, not again and again
    for done in database.held:
        done(None, StoreUnavailable("away"))  # an answer, though no good one
    database.held = None
    assert beat.beat(118.0)
    database.fault = StoreBusy("full")
    assert beat.beat(120.0)
    assert not beat.beat(140.0)
    database.fault = StoreUnavailable("closed")
    assert beat.beat(141.0)


# -- commands ------------------------------------------------------------------------------------------------


async def test_healthcheck(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with living(House(tmp_path)) as house:
        assert house.daemon.admin is not None
        port = house.daemon.admin.port
        assert await asyncio.to_thread(healthcheck.run, port=port) == exits.OK
        house.database.up = False
        assert await asyncio.to_thread(healthcheck.run, port=port) == exits.SOME_FAILED
        assert "not ready: the database does not answer." in capsys.readouterr().err
    assert healthcheck.run(port=port) == exits.SOME_FAILED
    assert "does not answer" in capsys.readouterr().err


def test_healthcheck_asks_where_the_daemon_listens(tmp_path: Path) -> None:
    file = tmp_path / "sip2d.toml"
    defaults = config.AdminSettings()
    assert healthcheck.address(file, {}) == (defaults.host, defaults.port)
    file.write_text("[admin]\nhost = '127.0.0.2'\nport = 1")
    assert healthcheck.address(file, {}) == ("127.0.0.2", 1)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.toml").write_text("[admin]\nport = 2")
    assert healthcheck.address(file, {}) == ("127.0.0.2", 2)
    assert healthcheck.address(file, {"SIP2D_ADMIN__PORT": "3"}) == ("127.0.0.2", 3)


def test_healthcheck_imports_next_to_nothing() -> None:
    """T27: it runs every 15 seconds."""
    script = "import sys, sip2d.cli.healthcheck; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"pydantic", "pydantic_settings", "sqlalchemy", "typer", "asyncio", "structlog"} & set(loaded)


def test_check_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sip2d.toml"
    file.write_text(f"[database]\nurl = 'sqlite:///{tmp_path}/x.db'")
    assert check_config.run(file) == exits.OK
    assert "The configuration is good: plain 127.0.0.1:6001" in capsys.readouterr().out
    file.write_text("[limits]\nwindwo = 1")
    assert check_config.run(file) == exits.CONFIGURATION
    assert capsys.readouterr().err == "limits.windwo: there is no such option; did you mean window.\n"


def test_serve_refuses_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """78: systemd does not try again."""
    assert serve.run(tmp_path / "none.toml") == exits.CONFIGURATION
    assert capsys.readouterr().err.endswith("none.toml: there is no such file.\n")
