"""The session that a staff command opens in its own process: what it offers, and that it leaves room for a
daemon beside it.
"""

import asyncio
import threading
import time

import pytest

from sip2d.client.connection import Connection
from sip2d.daemon.inside import Place, _Polite, inside
from sip2d.wire.messages import AcsStatus, Checkout, CheckoutResponse, Renew, RenewResponse, ScStatus
from tests.faults.places import rows
from tests.support.databases import Databases
from tests.support.desks import prepare

NOW = "20260309    101500"
BRANCH = 2  # NORTH
PLACE = Place(BRANCH, "boss")


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.fresh(prepare)


async def test_it_renews_and_does_nothing_else(url: str) -> None:
    """CN-5: the preset for bulk renewals, whatever the branch offers to kiosks; no login, no terminal."""
    async with inside(url, PLACE) as connect:
        line = await connect(Connection)
        assert isinstance(line, Connection)
        status = (await line.ask(ScStatus("0", 999, "2.00"))).response
        assert isinstance(status, AcsStatus)
        assert (status.institution_id, status.terminal_location) == ("MAIN", "NORTH")
        assert (status.online, status.offline_ok, status.supported_messages) == (
            True,
            True,
            "NNNNYYYNNNNNNNYN",
        )
        lent = (await line.ask(Checkout(False, False, NOW, "", "MAIN", "P1", "I1", "", None))).response
        assert isinstance(lent, CheckoutResponse)
        assert (lent.ok, lent.screen_messages) == (False, ("Function not available on this terminal.",))
        renew = Renew(False, True, NOW, "20300101   Z000000", "MAIN", "P1", None, "I1", terminal_password="")
        renewed = (await line.ask(renew)).response
        assert isinstance(renewed, RenewResponse)
        assert (renewed.ok, renewed.screen_messages) == (False, ("Item is not on loan.",))
        await line.close()
    assert rows(url, "SELECT count(*) FROM loan") == [(0,)]
    assert rows(url, "SELECT label, terminal_id, branch_id FROM renewal_batch") == [("boss", None, BRANCH)]
    assert rows(url, "SELECT outcome FROM renewal_batch_item") == [("SKIPPED",)]


async def test_a_line_after_another(url: str) -> None:
    """The runner opens a new one when it lost the first; each is a session of its own (BR-21)."""
    renew = Renew(False, True, NOW, "20300101   Z000000", "MAIN", "P1", None, "I1", terminal_password="")
    async with inside(url, PLACE) as connect:
        for _ in range(3):
            line = await connect(Connection)
            assert isinstance(line, Connection)
            await line.ask(renew)
            await line.close()
    assert rows(url, "SELECT count(*) FROM renewal_batch") == [(3,)]


async def test_the_branch_is_gone(url: str) -> None:
    with pytest.raises(KeyError):
        async with inside(url, Place(99, "boss")):
            pass


async def test_it_rests_as_long_as_it_worked() -> None:
    """A daemon beside it gets SQLite's lock; without a rest a kiosk waited for seconds."""
    told: list[str] = []
    polite = _Polite(asyncio.get_running_loop())
    threading.Event().wait(0.03)
    began = time.monotonic()
    await asyncio.to_thread(polite, lambda: told.append("answers"))
    assert time.monotonic() - began >= 0.029
    assert told == ["answers"]
