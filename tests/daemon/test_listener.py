"""The gate, on real sockets and both loops: caps, PROXY, admission, TLS, in this order (issue 4.1, 4.2; T4,
T5)."""

import asyncio
import contextlib
import hashlib
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar, cast

import pytest
import trustme

from sip2d.config import LimitsSettings, ListenerSettings, TlsSettings
from sip2d.daemon import tls
from sip2d.daemon.admission import Admission
from sip2d.daemon.listener import Gatehouse, Listener, Peer
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.quickack import acknowledge
from sip2d.store.library import Terminal
from tests.daemon.places import NOW, library, terminal

T = TypeVar("T")
LOCAL = "127.0.0.1"
V2 = b"\r\n\r\n\x00\r\nQUIT\n"


class Echo(asyncio.Protocol):
    """The door's other side: greets nobody, sends back what comes."""

    def __init__(self, peer: Peer, peers: list[Peer]) -> None:
        self.peer = peer
        peers.append(peer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        acknowledge(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.peer.seat.release()


class Gate:
    """A listener with its surroundings."""

    def __init__(self, settings: ListenerSettings, *terminals: Terminal, **limits: float) -> None:
        self.peers: list[Peer] = []
        self.metrics = Metrics()
        chosen = LimitsSettings.model_validate(limits)
        self.admission = Admission(library(*terminals), per_address=chosen.per_address)
        self.gatehouse = Gatehouse(
            self.admission, chosen, self.metrics, lambda peer: Echo(peer, self.peers), wall=lambda: float(NOW)
        )
        self.listener = Listener(settings, self.gatehouse)

    def refused(self, reason: str) -> float:
        return self.metrics.registry.get_sample_value(
            "sip2d_connections_refused_total", {"reason": reason}
        ) or 0.0  # fmt: skip


@contextlib.asynccontextmanager
async def opened(gate: Gate) -> AsyncIterator[Gate]:
    await gate.listener.start()
    try:
        yield gate
    finally:
        await gate.listener.stop()


def plain(**changed: object) -> ListenerSettings:
    return ListenerSettings.model_validate({"name": "plain", "port": 0, **changed})


async def dial(
    gate: Gate, *, context: ssl.SSLContext | None = None, first: bytes = b""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect; ``first`` goes out before the TLS handshake."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    await loop.sock_connect(sock, (LOCAL, gate.listener.port))
    if first:
        await loop.sock_sendall(sock, first)
    name = "localhost" if context else None
    return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)


async def soon(what: Awaitable[T]) -> T:
    return await asyncio.wait_for(what, 10)


async def talks(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
    reader, writer = streams
    writer.write(b"9900302.00\r")
    heard = await soon(reader.read(100))
    return heard == b"9900302.00\r"


async def closed_without_a_byte(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
    reader = streams[0]
    try:
        heard = await soon(reader.read(100))
    except ConnectionError:
        heard = b""
    await hang_up(streams)
    return heard == b""


async def hang_up(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    streams[1].close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await soon(streams[1].wait_closed())


async def until_free(gate: Gate, seats: int = 0) -> None:
    async with asyncio.timeout(10):
        while gate.admission.open != seats or gate.gatehouse.pending:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)


async def test_a_terminal_is_let_in() -> None:
    async with opened(Gate(plain(), terminal(1, LOCAL))) as gate:
        streams = await dial(gate)
        assert await talks(streams)
        (peer,) = gate.peers
        assert (str(peer.address), peer.listener, peer.tls) == (LOCAL, "plain", False)
        assert peer.port == streams[1].get_extra_info("sockname")[1]
        assert peer.admitted.terminal is not None
        await hang_up(streams)
        await until_free(gate)
        assert gate.admission.sessions == {}


async def test_a_stranger_gets_no_byte_and_is_remembered() -> None:
    """CN-7."""
    async with opened(Gate(plain(), terminal(1, "192.0.2.1"))) as gate:
        assert await closed_without_a_byte(await dial(gate, first=b"9300CNa|COb|\r"))
        assert (gate.refused("address"), gate.peers) == (1, [])
        (row,) = gate.admission.take_refused()
        assert (row.address, row.reason, row.listener, row.at) == (LOCAL, "address", "plain", NOW)


async def test_caps() -> None:
    rows = (terminal(1, LOCAL, "u"),)
    async with opened(Gate(plain(), *rows, per_address=1)) as gate:
        first = await dial(gate)
        assert await talks(first)
        assert await closed_without_a_byte(await dial(gate))
        assert gate.refused("per_address") == 1
        await hang_up(first)
        await until_free(gate)
        again = await dial(gate)
        assert await talks(again)
        await hang_up(again)
    async with opened(Gate(plain(), *rows, connections=1)) as gate:
        first = await dial(gate)
        assert await talks(first)
        assert await closed_without_a_byte(await dial(gate))
        assert gate.refused("connections") == 1
        await hang_up(first)


async def test_a_connection_is_tended() -> None:
    """Issue 4.5: no Nagle, and keepalive finds a kiosk without power (performance.md 8)."""
    found: dict[str, int] = {}

    class Looks(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            sock = transport.get_extra_info("socket")
            found["nodelay"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            found["keepalive"] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            found["idle"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            found["user"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    gate = Gate(plain(), terminal(1, LOCAL))
    gate.gatehouse.factory = lambda peer: Looks(peer, gate.peers)
    async with opened(gate):
        streams = await dial(gate)
        assert await talks(streams)
        await hang_up(streams)
    assert found["nodelay"] != 0
    assert found["keepalive"] != 0
    assert (found["idle"], found["user"]) == (60, 30_000)


async def test_running_out_of_descriptors_does_not_spin() -> None:
    """F14, F9: the kernel keeps the kiosk, and it is served when there is room again."""
    async with opened(Gate(plain(), terminal(1, LOCAL))) as gate:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno() + 1, limits[1]))
        gaps: list[socket.socket] = []
        try:
            while True:  # descriptors below the limit that happen to be free
                gaps.append(socket.socket())
        except OSError:
            pass
        try:
            await loop.sock_connect(sock, (LOCAL, gate.listener.port))
            async with asyncio.timeout(10):
                while not gate.refused("resources"):  # noqa: ASYNC110 - no event tells it
                    await asyncio.sleep(0.001)
            for _ in range(50):
                await asyncio.sleep(0)
            assert gate.refused("resources") == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for gap in gaps:
                gap.close()
        streams = await asyncio.open_connection(sock=sock)
        assert await talks(streams)
        await hang_up(streams)


# -- PROXY ---------------------------------------------------------------------------------------------------


def proxied(*trusted: str, **changed: object) -> ListenerSettings:
    return plain(
        proxy_protocol="require", trusted_proxies=[ip_network(one) for one in trusted or (LOCAL,)], **changed
    )


def v2(source: str, port: int = 4711) -> bytes:
    block = socket.inet_aton(source) + socket.inet_aton(LOCAL) + port.to_bytes(2, "big") + b"\x17\x71"
    return V2 + b"\x21\x11" + len(block).to_bytes(2, "big") + block


HEADERS = {
    "version 1": b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 6001\r\n",
    "version 2": v2("192.0.2.7"),
    "version 2 with TLVs": V2 + b"\x21\x11\x00\x10" + v2("192.0.2.7")[16:] + b"\x04\x00\x01x",
}


@pytest.mark.parametrize("kind", HEADERS)
async def test_the_proxy_says_who_is_there(kind: str) -> None:
    async with opened(Gate(proxied(), terminal(1, "192.0.2.7"))) as gate:
        streams = await dial(gate, first=HEADERS[kind])
        assert await talks(streams)
        assert (str(gate.peers[0].address), gate.peers[0].port) == ("192.0.2.7", 4711)
        await hang_up(streams)


@pytest.mark.parametrize("kind", HEADERS)
async def test_frames_right_behind_the_header_are_not_swallowed(kind: str) -> None:
    async with opened(Gate(proxied(), terminal(1, "192.0.2.7"))) as gate:
        streams = await dial(gate, first=HEADERS[kind] + b"hello\r")
        assert await soon(streams[0].readexactly(6)) == b"hello\r"
        await hang_up(streams)


async def test_a_proxied_stranger_is_the_one_remembered() -> None:
    async with opened(Gate(proxied(), terminal(1, LOCAL))) as gate:
        assert await closed_without_a_byte(await dial(gate, first=HEADERS["version 2"]))
        assert [row.address for row in gate.admission.take_refused()] == ["192.0.2.7"]


@pytest.mark.parametrize("header", [V2 + b"\x20\x00\x00\x00", b"PROXY UNKNOWN\r\n"], ids=["LOCAL", "UNKNOWN"])
async def test_a_health_check_is_no_rejected_kiosk(header: bytes) -> None:
    """T5."""
    async with opened(Gate(proxied(), terminal(1, LOCAL))) as gate:
        assert await closed_without_a_byte(await dial(gate, first=header))
        await until_free(gate)
        assert gate.admission.take_refused() == ()
        assert b"refused_total{" not in gate.metrics.render()


@pytest.mark.parametrize("first", [b"9900302.00\r\n\r\n\r\n", b"PROXY TCP4 nonsense\r\n", V2 + b"\x31"])
async def test_anything_else_is_closed(first: bytes) -> None:
    async with opened(Gate(proxied(), terminal(1, LOCAL))) as gate:
        assert await closed_without_a_byte(await dial(gate, first=first))
        assert gate.refused("proxy_header") == 1


async def test_only_trusted_proxies_are_believed() -> None:
    async with opened(Gate(proxied("192.0.2.0/24"), terminal(1, "192.0.2.7"))) as gate:
        assert await closed_without_a_byte(await dial(gate, first=HEADERS["version 2"]))
        assert gate.refused("untrusted_proxy") == 1


async def test_half_a_header_is_not_waited_for_without_end() -> None:
    gate = Gate(proxied(), terminal(1, LOCAL))
    gate.gatehouse.limits = gate.gatehouse.limits.model_copy(update={"proxy_timeout": 0.02})
    async with opened(gate):
        assert await closed_without_a_byte(await dial(gate, first=V2))
        assert gate.refused("proxy_header") == 1


# -- TLS -----------------------------------------------------------------------------------------------------


class Papers:
    """A CA, a server's certificate, and a kiosk's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.issue("server")

    def issue(self, name: str) -> TlsSettings:
        """A new certificate in the same file."""
        file = self.folder / f"{name}.pem"
        self.ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(file))
        return TlsSettings(cert=file)

    def client(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if certificate is not None:
            certificate.configure_cert(context)
        return context


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path)


def secured(papers: Papers, *, client_ca: bool = False, **changed: object) -> ListenerSettings:
    chosen = TlsSettings(cert=papers.folder / "server.pem", client_ca=papers.ca_file if client_ca else None)
    return plain(name="tls", tls=chosen, **changed)


async def test_tls(papers: Papers) -> None:
    async with opened(Gate(secured(papers), terminal(1, LOCAL, require_tls=True))) as gate:
        streams = await soon(dial(gate, context=papers.client()))
        assert await talks(streams)
        assert gate.peers[0].tls
        assert streams[1].get_extra_info("ssl_object").version() == "TLSv1.3"
        await hang_up(streams)
        await until_free(gate)


async def test_a_tls_only_terminal_on_a_plain_listener(papers: Papers) -> None:
    """CN-1."""
    async with opened(Gate(plain(), terminal(1, LOCAL, require_tls=True))) as gate:
        assert await closed_without_a_byte(await dial(gate, first=b"99"))
        assert gate.refused("tls_required") == 1


@pytest.mark.parametrize("kind", HEADERS)
async def test_tls_behind_a_proxy(papers: Papers, kind: str) -> None:
    """T4: where a stream's start_tls hangs."""
    settings = secured(papers, proxy_protocol="require", trusted_proxies=[LOCAL])
    async with opened(Gate(settings, terminal(1, "192.0.2.7"))) as gate:
        streams = await soon(dial(gate, context=papers.client(), first=HEADERS[kind]))
        assert await talks(streams)
        assert str(gate.peers[0].address) == "192.0.2.7"
        await hang_up(streams)


async def test_a_stranger_gets_no_handshake(papers: Papers) -> None:
    """4.2: not one byte of a ServerHello."""
    async with opened(Gate(secured(papers), terminal(1, "192.0.2.1"))) as gate:
        hello = ssl.MemoryBIO()
        outgoing = ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            papers.client().wrap_bio(hello, outgoing, server_hostname="localhost").do_handshake()
        assert await closed_without_a_byte(await dial(gate, first=outgoing.read()))
        assert gate.refused("address") == 1


async def test_no_tls_on_a_tls_listener_frees_its_seat(papers: Papers) -> None:
    async with opened(Gate(secured(papers), terminal(1, LOCAL))) as gate:
        streams = await dial(gate, first=b"9300CNme|COpw|\r" * 3)
        await soon(streams[0].read())
        await hang_up(streams)
        await until_free(gate)
        assert (gate.refused("tls_handshake"), gate.peers) == (1, [])


async def test_a_stalled_handshake_ends(papers: Papers) -> None:
    """F10."""
    gate = Gate(secured(papers), terminal(1, LOCAL))
    gate.gatehouse.limits = gate.gatehouse.limits.model_copy(update={"handshake_timeout": 0.05})
    async with opened(gate):
        streams = await dial(gate)
        await soon(streams[0].read())
        await hang_up(streams)
        await until_free(gate)
        assert gate.refused("tls_handshake") == 1


async def test_tls_1_1_is_refused(papers: Papers) -> None:
    """CN-15."""
    context = tls.build(papers.issue("server"))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION


async def test_a_pinned_client_certificate(papers: Papers) -> None:
    """CN-15: its bearer is that terminal, another kiosk of the same CA is not."""
    mine, other = papers.ca.issue_cert("kiosk-1"), papers.ca.issue_cert("kiosk-2")
    der = ssl.PEM_cert_to_DER_cert(mine.cert_chain_pems[0].bytes().decode())
    row = terminal(1, LOCAL, client_certificate=hashlib.sha256(der).hexdigest())
    async with opened(Gate(secured(papers, client_ca=True), row)) as gate:
        streams = await soon(dial(gate, context=papers.client(mine)))
        assert await talks(streams)
        assert gate.peers[0].admitted.terminal == row
        await hang_up(streams)
        await until_free(gate)
        for context in (papers.client(other), papers.client()):
            assert await closed_without_a_byte(await soon(dial(gate, context=context)))
            await until_free(gate)
        assert (gate.refused("client_certificate"), len(gate.peers)) == (2, 1)


async def test_a_new_certificate_serves_new_connections_and_keeps_old_ones(papers: Papers) -> None:
    async with opened(Gate(secured(papers), terminal(1, LOCAL))) as gate:
        before = await soon(dial(gate, context=papers.client()))
        assert await talks(before)
        gate.listener.context = tls.build(papers.issue("server"))
        after = await soon(dial(gate, context=papers.client()))
        assert await talks(after)
        assert await talks(before)
        shown = [one[1].get_extra_info("ssl_object").getpeercert(True) for one in (before, after)]
        assert shown[0] != shown[1]
        await hang_up(before)
        await hang_up(after)
