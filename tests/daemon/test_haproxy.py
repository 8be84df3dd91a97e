"""A real HAProxy before the assembled daemon: PROXY headers, TLS passed through, health checks (4.1, T5)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.daemon.assembled import LOOPBACK, Assembled, assembled, served, terminal, unheard
from tests.daemon.papers import Papers
from tests.support.daemon import until
from tests.support.databases import Databases
from tests.support.haproxy import HAProxy, program
from tests.support.kiosk import Closed, Kiosk

KIOSK, STRANGER = "127.0.0.5", "127.0.0.6"
PROXY = "127.0.0.9"
"""From here HAProxy connects where its own address is to have no terminal."""
WAYS = {"v1": "send-proxy", "v2": "send-proxy-v2"}
CHECK = "check inter 20ms fastinter 20ms downinter 20ms rise 3 fall 3"


@pytest.fixture(scope="module")
def binary() -> Path:
    """CI has it; elsewhere these tests are skipped."""
    found = program()
    if found is None:
        pytest.skip("HAProxy is not installed")
    return found


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path)


@contextlib.asynccontextmanager
async def house(tmp_path: Path, databases: Databases, papers: Papers) -> AsyncIterator[Assembled]:
    """Listeners for kiosks behind the proxy, and a terminal of the other institution at ``KIOSK``.

    HAProxy's own address (it connects from loopback) has a terminal too: nobody may pass for it.
    """
    behind = {"proxy_protocol": "require", "trusted_proxies": [LOOPBACK, PROXY]}
    listeners: list[dict[str, object]] = [
        {"name": "plain", **behind},
        {"name": "tls", "tls": {"cert": str(papers.server_file)}, **behind},
    ]
    kiosk = terminal("behind-the-proxy", f"{KIOSK}/32", "ANNEX")
    async with assembled(tmp_path, databases, listeners, [kiosk]) as daemon:
        yield daemon


@contextlib.contextmanager
def proxy(
    binary: Path, folder: Path, daemon: Assembled, options: str = "", versions: Iterable[str] = WAYS
) -> Iterator[HAProxy]:
    """A way for each version of the header to each listener."""
    ways = {}
    for listener in ("plain", "tls"):
        host, port = daemon.address(listener)
        for version in versions:
            ways[f"{listener}-{version}"] = f"  server daemon {host}:{port} {WAYS[version]} {options}"
    with HAProxy(binary, folder, ways) as started:
        yield started


def context_for(way: str, papers: Papers) -> ssl.SSLContext | None:
    return papers.client() if way.startswith("tls") else None


async def test_the_kiosk_behind_it_is_the_peer(
    binary: Path, tmp_path: Path, databases: Databases, papers: Papers
) -> None:
    """All four ways at once: the terminal is that of the kiosk's address, not of the proxy's."""
    async with house(tmp_path, databases, papers) as daemon:
        with proxy(binary, tmp_path, daemon) as before:

            def dialogue() -> dict[str, str]:
                with contextlib.ExitStack() as open_kiosks:
                    kiosks = {
                        way: open_kiosks.enter_context(
                            Kiosk(before.address(way), KIOSK, tls=context_for(way, papers))
                        )
                        for way in ("plain-v1", "plain-v2", "tls-v1", "tls-v2")
                    }
                    return {way: served(kiosk) for way, kiosk in kiosks.items()}

            assert await asyncio.to_thread(dialogue) == dict.fromkeys(
                ("plain-v1", "plain-v2", "tls-v1", "tls-v2"), "OTHER"
            )
            assert daemon.refusals() == {}


async def test_a_stranger_behind_it_gets_no_byte(
    binary: Path, tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.2: no answer and no handshake; its own address is remembered, the proxy's is not (CN-7)."""
    async with house(tmp_path, sqlite_databases, papers) as daemon:
        with proxy(binary, tmp_path, daemon) as before:

            def knock() -> None:
                for way in ("plain-v1", "plain-v2"):
                    with Kiosk(before.address(way), STRANGER) as kiosk:
                        assert unheard(kiosk) == b""
                for way in ("tls-v1", "tls-v2"):
                    with Kiosk(before.address(way), STRANGER) as kiosk:
                        assert unheard(kiosk, papers.hello()) == b""

            await asyncio.to_thread(knock)
            assert daemon.refusals() == {"address": 4}
            assert await daemon.turned_away() == {STRANGER: "address"}


@pytest.mark.parametrize("version", WAYS)
async def test_its_health_checks_are_no_refused_kiosks(
    binary: Path, tmp_path: Path, sqlite_databases: Databases, papers: Papers, version: str
) -> None:
    """T5: version 2 says LOCAL, version 1 names the proxy itself; three in a row make the daemon healthy.

    Each check cuts its connection (RST) as soon as the header is out.
    """
    async with house(tmp_path, sqlite_databases, papers) as daemon:
        with proxy(binary, tmp_path, daemon, f"source {PROXY} {CHECK}", [version]) as before:
            ways = (f"plain-{version}", f"tls-{version}")

            def checks() -> None:
                for way in ways:
                    before.order(f"set server {way}/daemon health down")
                    until(partial(is_up, before, way))
                    before.order(f"disable health {way}/daemon")
                with Kiosk(before.address(ways[0]), KIOSK) as kiosk:
                    assert served(kiosk) == "OTHER"

            await asyncio.to_thread(checks)
            await daemon.all_gone()
            assert daemon.refusals() == {}
            assert await daemon.turned_away() == {}


def is_up(before: HAProxy, way: str) -> bool:
    row = before.server(way)
    return (row["status"], row["check_status"]) == ("UP", "L4OK")


async def test_it_asks_whether_the_daemon_is_ready(
    binary: Path, tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """``option httpchk GET /readyz`` at the admin port: a daemon that is not ready gets no kiosks."""
    async with house(tmp_path, sqlite_databases, papers) as daemon:
        host, port = daemon.address("plain")
        backend = (
            "  option httpchk GET /readyz\n"
            f"  server daemon {host}:{port} send-proxy-v2 {CHECK} port {daemon.admin_port}"
        )
        with HAProxy(binary, tmp_path, {"kiosks": backend}) as before:

            def becomes(status: str, check: str) -> Callable[[], bool]:
                def look() -> bool:
                    row = before.server("kiosks")
                    return (row["status"], row["check_code"]) == (status, check)

                return look

            def talks() -> str:
                with Kiosk(before.address("kiosks"), KIOSK) as kiosk:
                    return served(kiosk)

            def hears() -> bytes:
                with Kiosk(before.address("kiosks"), KIOSK) as kiosk:
                    return unheard(kiosk)

            await asyncio.to_thread(until, becomes("UP", "200"))
            assert await asyncio.to_thread(talks) == "OTHER"
            await daemon.daemon.listeners[1].stop()
            await asyncio.to_thread(until, becomes("DOWN", "503"))
            assert await asyncio.to_thread(hears) == b""
            await daemon.daemon.listeners[1].start()
            await asyncio.to_thread(until, becomes("UP", "200"))
            assert await asyncio.to_thread(talks) == "OTHER"
            assert daemon.refusals() == {}


async def test_without_its_header_nobody_is_believed(
    binary: Path, tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.1: a backend that forgot ``send-proxy`` reaches no terminal, not even that of the proxy's address."""
    async with house(tmp_path, sqlite_databases, papers) as daemon:
        host, port = daemon.address("plain")
        with HAProxy(binary, tmp_path, {"forgot": f"  server daemon {host}:{port}"}) as before:

            def knock() -> bytes:
                with Kiosk(before.address("forgot"), KIOSK) as kiosk, contextlib.suppress(Closed):
                    return unheard(kiosk)
                return b""

            assert await asyncio.to_thread(knock) == b""
            assert daemon.refusals() == {"proxy_header": 1}
            assert await daemon.turned_away() == {}
