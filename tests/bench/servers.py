"""The servers that are measured, run as ``python -m tests.bench.servers KIND CORE SETTINGS``.

``sip2d`` is the daemon as it ships; ``echo`` a bare uvloop protocol that answers any bytes with so many;
``pysip2`` another server on the same event loop with handlers that answer from memory.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import anyio
import pysip2
import uvloop

import sip2d.compose
from sip2d import collector
from sip2d.compose import compose
from sip2d.config import load
from sip2d.daemon import logs
from sip2d.daemon.lifecycle import Daemon, main
from sip2d.store.executor import Store
from tests.bench import dataset
from tests.bench.processes import pin_to

LOOPBACK = "127.0.0.1"


def say(**ports: int) -> None:
    """To whoever started us: we listen."""
    print(json.dumps(ports), flush=True)


class Echo(asyncio.Protocol):
    """The limit of the event loop: one read, one write."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(self._reply)


def echo(size: int) -> None:
    """Answers of ``size`` bytes."""
    reply = b"9" * (size - 1) + b"\r"

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Echo(reply), LOOPBACK, 0)
        say(plain=server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


def other() -> None:
    """pysip2 with a static patron."""
    app = pysip2.SIP2Server(
        institution_id=dataset.HOUSE.code, library_name=dataset.HOUSE.name, terminal_location="CENTRE"
    )

    @app.route(pysip2.PATRON_INFORMATION)
    async def patron_information(
        request: pysip2.PatronInformationRequest,
        context: pysip2.RequestContext[pysip2.PatronInformationRequest, pysip2.PatronInformationResponse],
    ) -> pysip2.PatronInformationResponse:
        return pysip2.PatronInformationResponse(
            patron_status=" " * 14,
            language="001",
            transaction_date=context.now_18(),
            hold_items_count="0000",
            overdue_items_count="0000",
            charged_items_count="0002",
            fine_items_count="0000",
            recall_items_count="0000",
            unavailable_holds_count="0000",
            institution_id=request.institution_id,
            patron_identifier=request.patron_identifier,
            personal_name="Nom17, Prenom3",
            hold_items_limit="0010",
            overdue_items_limit="0005",
            charged_items_limit="0020",
            valid_patron="Y",
            currency_type="EUR",
            fee_amount="0.00",
            fee_limit="20.00",
            charged_items=("31990000000017", "31990000100017"),
            home_address="17 rue de la Gare, 00000 Valmont",
            email_address="p17@example.org",
            home_phone_number="+33 1 55 000017",
        )

    async def serve() -> None:
        async with app.start(LOOPBACK, 0) as port:
            say(plain=port)
            await anyio.sleep_forever()

    anyio.run(serve, backend_options={"use_uvloop": True})


class CommitEach(Store):
    """The store as it would be without group commit."""

    @classmethod
    def open(cls, url: str, **options: Any) -> Store:
        return Store.open(url, **options, group=1)


def daemon(url: str, folder: str, cert: str, key: str, group: bool = True) -> None:
    """sip2d on free ports, plain and TLS, with its access log on disk."""
    tls = {"cert": cert, "key": key}
    chosen = load(
        None,
        {
            "listeners": [
                {"name": "plain", "host": LOOPBACK, "port": 0},
                {"name": "tls", "host": LOOPBACK, "port": 0, "tls": tls},
            ],
            "database": {"url": url},
            "admin": {"host": LOOPBACK, "port": 0},
            "limits": {"connections": 8192, "per_address": 8192},
            "logging": {"access": str(Path(folder) / "access.log"), "level": "error"},
        },
    )
    logs.configure(chosen.logging)
    if not group:
        vars(sip2d.compose)["Store"] = CommitEach

    def up(running: Daemon) -> None:
        collector.once_started()
        say(**{one.settings.name: one.port for one in running.listeners})

    sys.exit(main(lambda: compose(chosen), up))


KINDS: dict[str, Callable[..., None]] = {"echo": echo, "pysip2": other, "sip2d": daemon}

if __name__ == "__main__":
    pin_to(int(sys.argv[2]))
    KINDS[sys.argv[1]](**json.loads(sys.argv[3]))
