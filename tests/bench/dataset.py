"""The library of the bench: 100,000 patrons, 300,000 items, 150,000 open loans, one PIN for everybody.

Made in bulk, once; kept below ``.bench`` and copied for each server, so that every run starts alike.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from sip2d.daemon.pins import hash_secret
from sip2d.demo import plan, seed
from sip2d.store import epoch, migrate
from sip2d.store.executor import Store

VERSION: Final = 8
"""Another number makes everybody's kept data anew."""
FRESH_DAYS: Final = 7
"""Kept data older than this is made anew: its loans must not come due."""

PATRONS: Final = 100_000
ITEMS: Final = 300_000
LOANS: Final = 150_000
TITLES: Final = ITEMS // 3
HOUSE: Final = plan.HOUSES[0]
KIOSK: Final = plan.KIOSKS[0]
PIN: Final = plan.PIN

Rows = Iterator[tuple[Any, ...]]


class Bulk(msgspec.Struct, frozen=True):
    """Rows of one table; its ids are numbered from 1 by the database."""

    table: str
    columns: tuple[str, ...]
    rows: Rows


def patron_barcode(number: int) -> str:
    """Of patron 1..PATRONS."""
    return plan.patron_barcode(HOUSE, number)


def item_barcode(number: int) -> str:
    """Of item 1..ITEMS; the first LOANS of them are on loan."""
    return plan.item_barcode(HOUSE, number)


def borrower(item: int) -> int:
    """Who has this item on loan: everybody has one or two."""
    return item * 7919 % PATRONS + 1


def fill(url: str, now: datetime) -> list[Bulk]:
    """Migrates the empty database and writes the organisation; the bulk is left to whoever knows the
    driver."""
    migrate.upgrade(url)
    secrets = {kiosk.password: hash_secret(kiosk.password) for kiosk in plan.KIOSKS}
    with Store.open(url) as store, store.unit("bench.seed") as unit:
        made = seed.organisation(unit, HOUSE, now)
        seed.terminals(unit, HOUSE, made, secrets, now)
        epoch.bump(unit)
    return _bulks(made, now)


def _bulks(made: seed.Made, now: datetime) -> list[Bulk]:
    owner, home = made.institution, made.branches[KIOSK.branch]
    adult, book = made.patron_types["ADULT"], made.item_types["BOOK"]
    pin, second, day = hash_secret(PIN), int(now.timestamp()), 86_400
    expires = (now + timedelta(days=900)).date().isoformat()
    lent, due = second - 10 * day, second + 18 * day
    patrons = (
        (owner, home, adult, patron_barcode(n), f"Nom{n % 5003}, Prenom{n % 211}", f"p{n}@example.org",
         f"+33 1 55 {n % 10**6:06d}", f"{n % 300} rue de la Gare, 00000 Valmont", "fr", pin, expires, lent)
        for n in range(1, PATRONS + 1)
    )  # fmt: skip
    titles = (
        (owner, f"T{n}", f"Un titre assez long, volume {n}", "Auteur, Une") for n in range(1, TITLES + 1)
    )
    items = (
        (owner, home, home, (n - 1) // 3 + 1, book, item_barcode(n), "843 HUG", "ADULTE", 2000, "02")
        for n in range(1, ITEMS + 1)
    )
    loans = ((n, borrower(n), home, home, lent, due, "SIP2") for n in range(1, LOANS + 1))
    events = (
        (n, n, borrower(n), "LOAN", lent, lent, home, "SIP2", due) for n in range(1, LOANS + 1)
    )  # fmt: skip
    columns = {
        "patron": "institution_id home_branch_id type_id barcode name email phone address language pin_hash "
                  "expires_on created_at",
        "title": "institution_id number title author",
        "item": "institution_id home_branch_id holding_branch_id title_id type_id barcode call_number "
                "collection_code price_minor security_marker",
        "loan": "item_id patron_id branch_id policy_branch_id loaned_at due_at interface",
        "loan_event": "loan_id item_id patron_id kind event_at recorded_at branch_id interface new_due_at",
    }  # fmt: skip
    rows = {"patron": patrons, "title": titles, "item": items, "loan": loans, "loan_event": events}
    return [Bulk(name, tuple(columns[name].split()), rows[name]) for name in columns]


def sqlite_file(folder: Path) -> Path:
    """The kept SQLite file, made when it is missing or old. Nobody writes to it: copy it."""
    kept = folder / f"library-{VERSION}.db"
    if kept.exists() and fresh(kept):
        return kept
    draft = folder / "library.making"
    for leftover in folder.glob(f"{draft.name}*"):
        leftover.unlink()
    bulks = fill(f"sqlite:///{draft}", datetime.now(UTC))
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA foreign_keys=OFF")  # they hold by construction
        connection.execute("BEGIN")
        for bulk in bulks:
            names, marks = ", ".join(bulk.columns), ", ".join("?" * len(bulk.columns))
            connection.executemany(f'INSERT INTO "{bulk.table}" ({names}) VALUES ({marks})', bulk.rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    draft.rename(kept)
    return kept


def sqlite_copy(kept: Path, folder: Path, name: str) -> str:
    """The URL of a copy to write to."""
    path = folder / f"{name}.db"
    for leftover in folder.glob(f"{name}.db*"):
        leftover.unlink()
    shutil.copyfile(kept, path)
    return f"sqlite:///{path}"


def fill_postgresql(url: str, conninfo: str) -> None:
    """Fills an empty database of a cluster, with COPY."""
    bulks = fill(url, datetime.now(UTC))
    with psycopg.connect(conninfo, autocommit=True) as connection, connection.cursor() as cursor:
        for bulk in bulks:
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(bulk.table), sql.SQL(", ").join(map(sql.Identifier, bulk.columns))
            )
            with cursor.copy(statement) as copy:
                for row in bulk.rows:
                    copy.write_row(row)
        cursor.execute("VACUUM ANALYZE")


def fresh(kept: Path) -> bool:
    """Whether kept data is young enough."""
    return time.time() - kept.stat().st_mtime < FRESH_DAYS * 86_400
