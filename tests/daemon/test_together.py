"""One assembled daemon with listeners of every kind at once: who gets in where, and what else is refused
(issue 4.1, 4.2; CN-1, CN-6, CN-7, CN-15).
"""

import asyncio
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from sip2d.cli import exits, serve
from tests.daemon.assembled import LOOPBACK, served, soon, terminal
from tests.daemon.doors import (
    ANYONE,
    LISTENERS,
    PINNED,
    PROXY,
    TLS_ONLY,
    header,
    house,
    through_proxy,
    turned_away,
)
from tests.daemon.papers import Papers, fingerprint
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk
from tests.support.library import NOW, seconds


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path)


# -- in ----------------------------------------------------------------------------------------------------


async def test_every_listener_serves_at_the_same_time(
    tmp_path: Path, databases: Databases, papers: Papers
) -> None:
    """Four connections of one terminal, one through each listener; the longest prefix names the terminal."""
    rows = [terminal("house", "127.0.1.0/24"), terminal("kiosk", f"{ANYONE}/32", "ANNEX")]
    async with house(tmp_path, databases, papers, *rows) as daemon:

        def dialogue() -> list[str]:
            with (
                Kiosk(daemon.address("plain"), ANYONE) as plain,
                Kiosk(daemon.address("tls"), ANYONE, tls=papers.client()) as tls,
                through_proxy(daemon, ANYONE) as proxied,
                through_proxy(daemon, ANYONE, papers.client()) as proxied_tls,
                Kiosk(daemon.address("plain"), "127.0.1.77") as neighbour,
            ):
                kiosks = (plain, tls, proxied, proxied_tls, neighbour)
                return [served(kiosk) for _ in range(2) for kiosk in kiosks]

        assert await asyncio.to_thread(dialogue) == ["OTHER", "OTHER", "OTHER", "OTHER", "MAIN"] * 2
        await daemon.all_gone()
        assert daemon.refusals() == {}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_tls_1_2_and_1_3(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers, version: ssl.TLSVersion
) -> None:
    async with house(tmp_path, sqlite_databases, papers) as daemon:

        def dialogue() -> str | None:
            context = papers.client()
            context.minimum_version = context.maximum_version = version
            with Kiosk(daemon.address("tls"), tls=context) as kiosk:
                served(kiosk)
                return cast(ssl.SSLSocket, kiosk.sock).version()

        assert await asyncio.to_thread(dialogue) == str(version.name).replace("_", ".")


# -- not in ------------------------------------------------------------------------------------------------


async def test_tls_1_1_is_refused(tmp_path: Path, sqlite_databases: Databases, papers: Papers) -> None:
    """4.1, CN-15: the same client is served with 1.2, and gets no certificate to see with 1.1."""
    context = papers.client()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # without it this side would not even offer 1.1
    async with house(tmp_path, sqlite_databases, papers) as daemon:

        def dial(version: ssl.TLSVersion, proxied: bool) -> str:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, version
            way = through_proxy if proxied else direct
            with way(daemon, LOOPBACK, context) as kiosk:
                return served(kiosk)

        def direct(_: object, source: str, tls: ssl.SSLContext) -> Kiosk:
            return Kiosk(daemon.address("tls"), source, tls=tls)

        for proxied in (False, True):
            assert await asyncio.to_thread(dial, ssl.TLSVersion.TLSv1_2, proxied) == "MAIN"
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(dial, ssl.TLSVersion.TLSv1_1, proxied)
        await daemon.all_gone()
        assert daemon.refusals() == {"tls_handshake": 2}


async def test_a_stranger_gets_nothing_anywhere(tmp_path: Path, databases: Databases, papers: Papers) -> None:
    """4.2: no byte, no handshake; nor does a terminal that is disabled or expired (CN-6e)."""
    rows = [
        terminal("disabled", "127.0.2.1/32", enabled=0),
        terminal("expired", "127.0.2.2/32", expires_at=seconds(NOW)),
    ]
    strangers = ("127.0.2.1", "127.0.2.2", "127.0.2.3")
    async with house(tmp_path, databases, papers, *rows) as daemon:

        def knock() -> None:
            for source in strangers:
                assert turned_away(Kiosk(daemon.address("plain"), source))
                assert turned_away(through_proxy(daemon, source))
                assert turned_away(Kiosk(daemon.address("tls"), source), papers.hello())
                assert turned_away(through_proxy(daemon, source, listener="proxied-tls"), papers.hello())

        await asyncio.to_thread(knock)
        assert daemon.refusals() == {"address": 12}
        assert await daemon.turned_away() == dict.fromkeys(strangers, "address")


async def test_only_the_proxy_is_believed(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.1: anybody else who sends a header is closed, a terminal's address or not; so is who sends none."""
    rows = [terminal("kiosk", f"{ANYONE}/32"), terminal("proxy", f"{PROXY}/32")]
    async with house(tmp_path, sqlite_databases, papers, *rows) as daemon:

        def knock() -> None:
            assert turned_away(through_proxy(daemon, ANYONE, proxy=ANYONE))
            hidden = through_proxy(daemon, ANYONE, proxy=ANYONE, listener="proxied-tls")
            assert turned_away(hidden, papers.hello())
            assert turned_away(Kiosk(daemon.address("proxied"), PROXY))
            assert turned_away(Kiosk(daemon.address("proxied-tls"), PROXY), papers.hello())
            with Kiosk(daemon.address("plain"), PROXY) as kiosk:  # where no header is asked for it is noise
                kiosk.send_raw(header("127.0.2.3"))
                assert served(kiosk) == "MAIN"

        await asyncio.to_thread(knock)
        assert daemon.refusals() == {"untrusted_proxy": 2, "proxy_header": 2}
        assert await daemon.turned_away() == {}


async def test_a_terminal_that_requires_tls(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """CN-1: on a plain listener it is closed before any byte, behind a proxy as well."""
    async with house(
        tmp_path, sqlite_databases, papers, terminal("kiosk", f"{TLS_ONLY}/32", require_tls=1)
    ) as daemon:

        def knock() -> None:
            assert turned_away(Kiosk(daemon.address("plain"), TLS_ONLY))
            assert turned_away(through_proxy(daemon, TLS_ONLY))
            with Kiosk(daemon.address("tls"), TLS_ONLY, tls=papers.client()) as kiosk:
                assert served(kiosk) == "MAIN"
            with through_proxy(daemon, TLS_ONLY, papers.client()) as kiosk:
                assert served(kiosk) == "MAIN"

        await asyncio.to_thread(knock)
        assert daemon.refusals() == {"tls_required": 2}
        assert await daemon.turned_away() == {TLS_ONLY: "tls_required"}


async def test_a_terminal_with_a_certificate_of_its_own(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """CN-15: the one certificate that is pinned, not another of the same CA, not none, not in clear.

    A terminal without one needs none on the same listener.
    """
    mine, other = papers.kiosk("kiosk-1"), papers.kiosk("kiosk-2")
    rows = [
        terminal("pinned", f"{PINNED}/32", client_certificate=fingerprint(mine)),
        terminal("kiosk", f"{ANYONE}/32"),
    ]
    async with house(tmp_path, sqlite_databases, papers, *rows) as daemon:

        def knock() -> None:
            for source, certificate in ((PINNED, mine), (ANYONE, None), (ANYONE, other)):
                context = papers.client(certificate)
                with Kiosk(daemon.address("tls"), source, tls=context) as kiosk:
                    assert served(kiosk) == "MAIN"
                with through_proxy(daemon, source, context) as kiosk:
                    assert served(kiosk) == "MAIN"
            for certificate in (other, None):
                context = papers.client(certificate)
                assert turned_away(Kiosk(daemon.address("tls"), PINNED, tls=context))
                assert turned_away(through_proxy(daemon, PINNED, context))
            assert turned_away(Kiosk(daemon.address("plain"), PINNED))

        await asyncio.to_thread(knock)
        await daemon.all_gone()
        assert daemon.refusals() == {"client_certificate": 4, "tls_required": 1}


# -- caps --------------------------------------------------------------------------------------------------


async def test_a_terminals_quota_holds_over_all_listeners(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.2: the next is closed without a byte; who leaves makes room. Other terminals do not notice."""
    rows = [terminal("kiosk", f"{ANYONE}/32", quota=2), terminal("other", f"{TLS_ONLY}/32")]
    async with house(tmp_path, sqlite_databases, papers, *rows) as daemon:
        dials: list[Callable[[], Kiosk]] = [
            lambda: Kiosk(daemon.address("plain"), ANYONE),
            lambda: through_proxy(daemon, ANYONE),
        ]
        with (
            await asyncio.to_thread(dials[0]) as first,
            await asyncio.to_thread(Kiosk, daemon.address("tls"), ANYONE, tls=papers.client()) as second,
        ):
            assert await asyncio.to_thread(served, first) == "MAIN"
            assert await asyncio.to_thread(served, second) == "MAIN"
            for dial in dials:
                assert await asyncio.to_thread(lambda dial=dial: turned_away(dial()))  # type: ignore[misc]
            with await asyncio.to_thread(Kiosk, daemon.address("plain"), TLS_ONLY) as other:
                assert await asyncio.to_thread(served, other) == "MAIN"
            assert daemon.refusals() == {"quota": 2}
            first.close()
            await daemon.all_gone(kiosks=1)
            with await asyncio.to_thread(dials[1]) as third:
                assert await asyncio.to_thread(served, third) == "MAIN"
        assert daemon.refusals() == {"quota": 2}


async def test_a_login_above_the_quota_says_so(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.2, CN-8: two kiosks behind one address are told apart by their login, and counted apart."""
    rows = [
        terminal("one", f"{ANYONE}/32", username="one", password="ocelot-1", quota=1),
        terminal("two", f"{ANYONE}/32", "ANNEX", username="two", password="ocelot-2", quota=1),
    ]
    async with house(tmp_path, sqlite_databases, papers, *rows) as daemon:

        def dialogue() -> None:
            with (
                Kiosk(daemon.address("plain"), ANYONE) as first,
                Kiosk(daemon.address("tls"), ANYONE, tls=papers.client()) as second,
                through_proxy(daemon, ANYONE) as third,
            ):
                assert first.login("one", "ocelot-1")
                refused = second.ask("9300CNone|COocelot-1|CP|")
                assert (refused.ok, bool(refused.said)) == (False, True)
                assert third.login("two", "ocelot-2")
                assert (served(first), served(third)) == ("MAIN", "OTHER")
                first.close()

        await asyncio.to_thread(dialogue)
        await daemon.all_gone()

        def again() -> bool:
            with Kiosk(daemon.address("tls"), ANYONE, tls=papers.client()) as kiosk:
                return kiosk.login("one", "ocelot-1")

        assert await asyncio.to_thread(again)


async def test_an_addresss_cap_counts_the_kiosk_not_the_proxy(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.2: over all listeners; behind the proxy every kiosk has its own."""
    rows = [terminal("house", "127.0.1.0/24", quota=100)]
    async with house(tmp_path, sqlite_databases, papers, *rows, limits={"per_address": 2}) as daemon:

        def knock() -> None:
            with (
                Kiosk(daemon.address("plain"), ANYONE) as one,
                through_proxy(daemon, ANYONE, papers.client()) as two,
                through_proxy(daemon, "127.0.1.21") as three,
                through_proxy(daemon, "127.0.1.22") as four,
                through_proxy(daemon, "127.0.1.23") as five,
            ):
                for kiosk in (one, two, three, four, five):
                    assert served(kiosk) == "MAIN"
                assert turned_away(Kiosk(daemon.address("plain"), ANYONE))
                assert turned_away(through_proxy(daemon, ANYONE))

        await asyncio.to_thread(knock)
        assert daemon.refusals() == {"per_address": 2}


async def test_the_cap_of_all_connections(
    tmp_path: Path, sqlite_databases: Databases, papers: Papers
) -> None:
    """4.2: those still at the gate count, for they cost the same."""
    async with house(tmp_path, sqlite_databases, papers, limits={"connections": 3}) as daemon:
        with (
            await asyncio.to_thread(Kiosk, daemon.address("plain")) as inside,
            await asyncio.to_thread(Kiosk, daemon.address("proxied"), PROXY),
            await asyncio.to_thread(Kiosk, daemon.address("tls")),
        ):
            assert await asyncio.to_thread(served, inside) == "MAIN"
            gatehouse = daemon.daemon.gatehouse
            await soon(lambda: gatehouse.pending == 2)
            for name in LISTENERS:
                kiosk = await asyncio.to_thread(Kiosk, daemon.address(name))
                assert await asyncio.to_thread(turned_away, kiosk)
            assert daemon.refusals() == {"connections": 4}


# -- refused by the configuration --------------------------------------------------------------------------


def test_a_plain_listener_beyond_loopback_must_be_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """4.1: one such listener among good ones, and nothing is served; exit 78."""
    file = tmp_path / "sip2d.toml"
    file.write_text(
        f"[database]\nurl = 'sqlite:///{tmp_path}/library.db'\n[admin]\nport = 0\n"
        "[[listeners]]\nname = 'here'\nport = 0\n"
        "[[listeners]]\nname = 'there'\nhost = '192.0.2.1'\nport = 0\n"
        "proxy_protocol = 'require'\ntrusted_proxies = ['192.0.2.9']\n"
    )
    assert serve.run(file) == exits.CONFIGURATION
    assert "listener 'there' would speak plain TCP on 192.0.2.1" in capsys.readouterr().err
    assert not (tmp_path / "library.db").exists()
