"""The library that these daemons serve: the small one, with kiosks that log in and much to lend."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, text

from sip2d.daemon.pins import hash_secret
from sip2d.store import migrate, tables
from sip2d.store.engine import open_engine
from sip2d.store.executor import Store
from tests.support import library

LOADS = 5
"""So many kiosks work at once in the load tests; each has patrons and items of its own."""
ITEMS = 8
OWED_MINOR = 5_000_000

CENTRAL = "127.0.0.1"
"""Where the kiosk of branch CENTRAL stands, which needs no login."""
DESKS = "127.0.1."
"""Where terminals stand that have to log in: ``desk-1`` ... at .1 ..., all of branch CENTRAL."""
PASSWORD = "swordfish"  # of a test's library, on loopback


def load_patron(kiosk: int) -> str:
    """Who borrows at a kiosk of the load tests."""
    return f"LOAD-{kiosk}"


def load_payer(kiosk: int) -> str:
    """Who pays there."""
    return f"PAY-{kiosk}"


def load_item(kiosk: int, number: int) -> str:
    """What is lent there."""
    return f"LOAD-{kiosk}-{number}"


def prepare(url: str) -> None:
    """Fill an empty database."""
    migrate.upgrade(url)
    with Store.open(url) as store, store.unit("build") as unit:
        world = library.build(unit)
        core = unit.core
        for kiosk in range(LOADS):
            library.add_patron(core, world, load_patron(kiosk), type="NOLIMIT")
            payer = library.add_patron(core, world, load_payer(kiosk), type="NOLIMIT")
            library.add_fee(core, world, payer, OWED_MINOR)
            for number in range(ITEMS):
                barcode = load_item(kiosk, number)
                library.add_item(core, world, barcode, title=barcode)
        password = hash_secret(PASSWORD)
        now = int(datetime.now(UTC).timestamp())
        for number in (1, 2, 3):
            library.add(
                core, tables.terminal, name=f"desk-{number}", branch_id=world.branches["CENTRAL"],
                address=f"{DESKS}{number}", prefix_length=32, username=f"user-{number}",
                password_hash=password, created_at=now,
            )  # fmt: skip
        core.execute(insert(tables.staff_account).values(login="boss", roles='["GENERAL_SYS_ADMIN"]'))


def rows(url: str, query: str, **values: object) -> list[tuple[Any, ...]]:
    """What stands in the database now, asked on a connection of its own."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]
    finally:
        engine.dispose()


def change(url: str, *statements: str) -> None:
    """Change the database behind everybody's back, in one transaction."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            for statement in statements:
                connection.execute(text(statement))
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


EFFECTS = (
    "loan loan_event hold item patron fee fee_balance ledger_txn ledger_posting user_block audit_log journal"
).split()
"""The tables that an exchange could change."""


def snapshot(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row that an exchange could change: equal snapshots mean that nothing was done."""
    engine: Engine = open_engine(url)
    try:
        with engine.connect() as connection:
            found = {}
            for name in EFFECTS:
                table = tables.metadata.tables[name]
                wanted = select(table).order_by(*table.primary_key.columns)
                found[name] = [tuple(row) for row in connection.execute(wanted)]
            return found
    finally:
        engine.dispose()


def soon(days: float) -> int:
    """Epoch seconds so many days from now."""
    return int((datetime.now(UTC) + timedelta(days=days)).timestamp())
