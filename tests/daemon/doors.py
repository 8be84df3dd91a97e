"""A daemon with a listener of every kind, and the ways kiosks come to them."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.daemon.assembled import LOOPBACK, REQUEST, Assembled, Terminal, assembled, unheard
from tests.daemon.papers import Papers
from tests.support.databases import Databases
from tests.support.kiosk import Closed, Kiosk

ANYONE, TLS_ONLY, PINNED, PROXY = "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.9"
LISTENERS = ("plain", "tls", "proxied", "proxied-tls")


@contextlib.asynccontextmanager
async def house(
    folder: Path, databases: Databases, papers: Papers, *terminals: Terminal, **sections: Any
) -> AsyncIterator[Assembled]:
    """A daemon with a listener of each kind; ``PROXY`` is the only proxy that is believed."""
    secured: dict[str, object] = {"tls": {"cert": str(papers.server_file), "client_ca": str(papers.ca_file)}}
    behind: dict[str, object] = {"proxy_protocol": "require", "trusted_proxies": [f"{PROXY}/32"]}
    kinds: dict[str, dict[str, object]] = {
        "plain": {}, "tls": secured, "proxied": behind, "proxied-tls": {**secured, **behind},
    }  # fmt: skip
    listeners = [{"name": name, **kinds[name]} for name in LISTENERS]
    async with assembled(folder, databases, listeners, terminals, **sections) as daemon:
        yield daemon


def header(source: str) -> bytes:
    """What a proxy says of a kiosk."""
    return f"PROXY TCP4 {source} {LOOPBACK} 4711 6001\r\n".encode()


def through_proxy(
    daemon: Assembled,
    source: str,
    tls: ssl.SSLContext | None = None,
    *,
    proxy: str = PROXY,
    listener: str = "",
) -> Kiosk:
    """A kiosk at ``source`` behind a proxy; without ``tls`` it may knock at the TLS listener all the same."""
    kiosk = Kiosk(daemon.address(listener or ("proxied-tls" if tls else "proxied")), proxy)
    try:
        with contextlib.suppress(Closed):  # who is not believed may be closed before the header is out
            kiosk.send_raw(header(source))
        if tls:
            kiosk.sock = tls.wrap_socket(kiosk.sock, server_hostname="localhost")
    except BaseException:
        kiosk.close()
        raise
    return kiosk


def turned_away(kiosk: Kiosk, first: bytes = REQUEST) -> bool:
    """Whether it is closed without a byte, though it speaks first (a ClientHello where TLS is spoken)."""
    with kiosk:
        return unheard(kiosk, first) == b""
