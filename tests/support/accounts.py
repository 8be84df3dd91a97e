"""The small library with accounts that have something of everything, and more of them than one statement asks
for at once."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, update

from sip2d.store import epoch, tables
from sip2d.store.executor import Store
from tests.support.desks import prepare
from tests.support.library import (
    NOW,
    World,
    add_block,
    add_fee,
    add_hold,
    add_item,
    add_loan,
    add_patron,
    read,
    seconds,
)
from tests.support.members import add_membership, add_proxy

DAY: Final = timedelta(days=1)
CROWD: Final = tuple(f"C{number:02}" for number in range(70))
"""Patrons with a book each, every third of them late."""
LONGEST: Final = "é" * 80
NOBODYS: Final = ("", " ", "nobody", "p1", "P" * 81, "P1\0", "\0", "P1\udcff", "\udcff", "P-DELETED")
"""Known as nobody's (GN-10)."""
KNOWN_OTHERWISE: Final = ("  P1 ", "P2 ", "ALT-P1", "PROXY-P1")
"""Known, but not by these very characters as barcodes."""


def accounts(url: str) -> None:
    """Fill an empty database."""
    prepare(url)
    with Store.open(url) as store, store.unit("accounts") as unit:
        _fill(unit.core, read(unit.core))
        epoch.bump(unit)


def limit(store: Store) -> None:
    """The patron types of both institutions limit what is on loan by its worth (CO-11)."""
    with store.unit("limit") as unit:
        unit.core.execute(update(tables.patron_type).values(value_limit_minor=50000, lost_limit=7))
        epoch.bump(unit)


def _fill(core: Connection, world: World) -> None:
    _everything(core, world, world.patrons["P1"])
    core.execute(update(tables.patron).where(tables.patron.c.barcode == "P1").values(pin_hash="hash of P1"))
    other = world.patrons["P2"]
    add_loan(core, world, world.items["I2"], other, due_at=NOW + DAY)
    add_hold(core, world, other, "T5")
    add_membership(core, other, "2026-12-31")
    add_membership(core, other, "2025-12-31")
    add_patron(core, world, "P2", type="O-ADULT", institution="OTHER", branch="ANNEX", name="The other")
    add_fee(core, world, world.patrons["P-STAFF"], 30, kind="OVERDUE")
    add_block(core, world.patrons["P-CHILD"], expires_at=seconds(NOW + DAY))
    add_patron(core, world, LONGEST, membership_frozen=1)
    add_proxy(core, world, "PROXY-P1", "P1", "P2")
    for number, barcode in enumerate(CROWD):
        item = add_item(core, world, f"CI{number}", title=f"CT{number % 7}", price_minor=100 + number)
        who = add_patron(core, world, barcode)
        add_loan(core, world, item, who, due_at=NOW + (number % 3 - 1) * DAY)


def _everything(core: Connection, world: World, who: int) -> None:
    """Loans of every standing, holds, fees, a credit, blocks and a membership."""
    add_loan(core, world, world.items["I1"], who)
    add_loan(core, world, world.items["I3"], who, due_at=NOW - DAY, recalled_at=seconds(NOW))
    add_loan(core, world, world.items["I4"], who, due_at=NOW - timedelta(seconds=1))
    add_loan(core, world, world.items["I6"], who, due_at=NOW, recalled_at=seconds(NOW))
    lost = add_loan(core, world, world.items["I-LOST"], who)
    closed = add_loan(core, world, world.items["I5"], who, status="CLOSED", closed_reason="LOST",
                      closed_at=seconds(NOW))  # fmt: skip
    add_hold(core, world, who, "T1")
    add_hold(core, world, who, "T2", status="IN_TRANSIT", filled_item_id=world.items["I2"])
    add_hold(core, world, who, "T3", status="ON_SHELF", filled_item_id=world.items["I-DVD"])
    add_hold(core, world, who, "T4", status="CANCELLED", closed_at=seconds(NOW))
    for kind, amount in {"OVERDUE": 100, "MANUAL": 20, "MEMBERSHIP": 3000, "RENTAL": 4}.items():
        add_fee(core, world, who, amount, kind=kind)
    add_fee(core, world, who, 2000, kind="LOST", loan_id=lost)
    add_fee(core, world, who, 2000, kind="LOST", loan_id=closed)
    core.execute(tables.patron_credit.insert().values(patron_id=who, credit_minor=77))
    add_block(core, who)
    add_block(core, who, removed_at=seconds(NOW))
    add_block(core, who, expires_at=seconds(NOW + DAY))
    add_membership(core, who, "2026-06-30")
