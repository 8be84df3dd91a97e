"""The whole daemon as `serve` puts it together, on the loop of a test: settings, `compose`, `start`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, select

from sip2d import config
from sip2d.compose import compose, prepare_database
from sip2d.daemon.lifecycle import Daemon
from sip2d.daemon.pins import hash_secret
from sip2d.store import migrate, tables
from sip2d.store.executor import Store
from tests.support import library
from tests.support.databases import Databases
from tests.support.kiosk import Address, Closed, Kiosk, seal

T = TypeVar("T")
LOOPBACK = "127.0.0.1"
STATUS = "9900302.00"
ITEM = "1720260309    101500AOMAIN|ABI1|AC|"
REQUEST = seal(STATUS, 0)

Terminal = Mapping[str, object]


def furnish(url: str) -> None:
    """An empty database becomes the small library."""
    migrate.upgrade(url)
    with Store.open(url) as store, store.unit("furnish") as unit:
        library.build(unit)


def terminal(name: str, network: str, branch: str = "CENTRAL", **columns: object) -> Terminal:
    """A row for kiosks of a network; with ``username`` its ``password`` is given in clear."""
    place = ip_network(network)
    secret = columns.pop("password", None)
    return {
        "name": name, "branch": branch, "address": str(place.network_address),
        "prefix_length": place.prefixlen, "created_at": library.seconds(library.NOW),
        "password_hash": hash_secret(secret) if isinstance(secret, str) else None, **columns,
    }  # fmt: skip


class Assembled:
    """A daemon that runs."""

    def __init__(self, daemon: Daemon, url: str) -> None:
        self.daemon = daemon
        self._url = url

    def address(self, listener: str) -> Address:
        """Where a listener listens."""
        return LOOPBACK, next(one.port for one in self.daemon.listeners if one.settings.name == listener)

    @property
    def admin_port(self) -> int:
        """Where /readyz is."""
        assert self.daemon.admin is not None
        return self.daemon.admin.port

    def refusals(self) -> dict[str, int]:
        """Connections turned away so far, by reason."""
        found = self.daemon.metrics.refused.collect()
        return {
            sample.labels["reason"]: int(sample.value)
            for metric in found
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.value
        }

    async def turned_away(self) -> dict[str, str]:
        """What ``terminal refused`` would show: addresses with the reason (CN-7)."""
        await self.daemon.poll()
        return {row["address"]: row["reason"] for row in await self.rows(tables.refused_address)}

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """What stands in a table."""

        def look() -> list[dict[str, Any]]:
            with Store.open(self._url) as store, store.unit("look", writes=False) as unit:
                return [dict(row) for row in unit.core.execute(select(table)).mappings()]

        return await asyncio.to_thread(look)

    async def all_gone(self, kiosks: int = 0) -> None:
        """Until only so many connections are left, none of them at the gate."""
        gatehouse, admission = self.daemon.gatehouse, self.daemon.admission
        await soon(lambda: admission.open == kiosks and not gatehouse.pending)


@contextlib.asynccontextmanager
async def assembled(
    folder: Path,
    databases: Databases,
    listeners: Sequence[Mapping[str, object]],
    terminals: Sequence[Terminal],
    **sections: Mapping[str, object],
) -> AsyncIterator[Assembled]:
    """A daemon on a fresh library with these terminals besides its own (127.0.0.1 to .3); every listener on a
    free port of loopback."""
    url = databases.fresh(furnish)
    _add(url, terminals)
    file = folder / "sip2d.toml"
    file.touch()
    settings = config.load(
        file,
        {
            "listeners": [{"port": 0, **one} for one in listeners],
            "database": {"url": url},
            "admin": {"port": 0},
            "logging": {"access": "off"},
            **sections,
        },
    )
    await asyncio.to_thread(prepare_database, settings)
    daemon = await compose(settings)
    await daemon.start()
    try:
        yield Assembled(daemon, url)
    finally:
        await daemon.stop(0)


def _add(url: str, terminals: Sequence[Terminal]) -> None:
    with Store.open(url) as store, store.unit("terminals") as unit:
        branches = library.read(unit.core).branches
        for one in terminals:
            columns: dict[str, Any] = {**one, "branch_id": branches[str(one["branch"])]}
            del columns["branch"]
            library.add(unit.core, tables.terminal, **columns)


async def soon(look: Callable[[], bool]) -> None:
    """Until it is so; for what tells nobody when it changes."""
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)


def served(kiosk: Kiosk) -> str:
    """A status and an item, from memory and from the database; the institution that answered."""
    status = kiosk.ask(STATUS)
    assert status.code == "98", status.text
    assert kiosk.ask(ITEM).code == "18"
    return status["AO"]


def unheard(kiosk: Kiosk, first: bytes = REQUEST) -> bytes:
    """What a kiosk that is turned away hears before the end, though it speaks first."""
    with contextlib.suppress(Closed):
        kiosk.send_raw(first)
    return kiosk.ended()
