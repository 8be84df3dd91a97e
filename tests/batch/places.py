"""A library with many loans, a branch set up for bulk renewals, and sheets of those loans."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from sip2d.batch import sheet
from sip2d.batch.journal import Draft, Header
from sip2d.batch.preflight import Server
from sip2d.batch.sheet import Row
from sip2d.daemon.pins import hash_secret
from sip2d.store import migrate, tables
from sip2d.store.executor import Store
from tests.faults.places import rows
from tests.support import library
from tests.support.daemon import Daemon

LOANS = 300
MANY = 2000
PATRONS = 10
ZONE = ZoneInfo("Europe/Paris")
SOURCE = "127.0.2.1"
"""Where the batch comes from: an entry that has to log in."""
USER, PASSWORD = "bulk-test", "correct-horse-battery"  # of a test's library, on loopback

Loan = tuple[str, str]
RECALLED, RETURNED, ELSEWHERE, LOST = 3, 5, 7, 11
"""Loans that must not be renewed: by number."""


def patron(number: int) -> str:
    """Who has the nth item."""
    return f"R{number % PATRONS:04d}"


def item(number: int) -> str:
    """The nth item."""
    return f"0300{number:06d}"


def prepare(url: str) -> None:
    """Fill an empty database. The clock is the real one."""
    _fill(url, LOANS)


def prepare_many(url: str) -> None:
    """The same with ``MANY`` loans."""
    _fill(url, MANY)


def _fill(url: str, loans: int) -> None:
    migrate.upgrade(url)
    now = datetime.now(UTC).replace(microsecond=0)
    with Store.open(url) as store, store.unit("build") as unit:
        world = library.build(unit)
        core = unit.core
        people = [library.add_patron(core, world, patron(each), type="NOLIMIT") for each in range(PATRONS)]
        for number in range(loans):
            values: dict[str, Any] = {"lost_status": 2, "lost_origin": "STAFF"} if number == LOST else {}
            copy = library.add_item(core, world, item(number), title=f"R{number}", **values)
            loan: dict[str, Any] = {
                "loaned_at": now - timedelta(days=20),
                "due_at": now + timedelta(days=number % 7 - 3),
            }
            if number == RETURNED:
                continue
            if number == ELSEWHERE:
                library.add_loan(core, world, copy, world.patrons["P1"], **loan)
            else:
                recalled: dict[str, Any] = {"recalled_at": int(now.timestamp())} if number == RECALLED else {}
                library.add_loan(core, world, copy, people[number % PATRONS], **loan, **recalled)
        library.add(
            core, tables.terminal, name="bulk", branch_id=world.branches["NORTH"], address=SOURCE,
            prefix_length=32, username=USER, password_hash=hash_secret(PASSWORD), purpose="bulk",
            created_at=int(now.timestamp()),
        )  # fmt: skip
        core.execute(insert(tables.staff_account).values(login="boss", roles='["GENERAL_SYS_ADMIN"]'))


def due_text(days: int = 60) -> str:
    """A due date so many days ahead, as a sheet has it."""
    day = (datetime.now(ZONE) + timedelta(days=days)).date()
    return f"{day}T23:59:59"


def write(path: Path, loans: Iterable[Loan], due: str) -> Path:
    """A sheet."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(sheet.COLUMNS)
        writer.writerows((who, what, due) for who, what in loans)
    return path


def all_loans(count: int = LOANS) -> list[Loan]:
    """Every loan, those that cannot be renewed as well."""
    return [(patron(number), item(number)) for number in range(count)]


def journal(path: Path, loans: Iterable[Loan], due: int, zone: str = "Europe/Paris") -> Path:
    """A journal of these loans, not begun."""
    draft = Draft(path, Header(file="sheet.csv", zone=zone, made_at=0))
    for number, (who, what) in enumerate(loans):
        draft.add(Row(number + 2, who, what, due, "text"))
    draft.commit()
    return path


def server(port: int, host: str = "127.0.0.1", **values: object) -> Server:
    """The daemon as the tool reaches it."""
    return Server(host=host, port=port, user=USER, password=PASSWORD, **values)  # type: ignore[arg-type]  # keywords


LOAN_QUERY = """
    SELECT item.barcode, patron.barcode, due_at, renewal_count, closed_at FROM loan
    JOIN item ON item.id = item_id JOIN patron ON patron.id = patron_id ORDER BY loan.id
"""


def loans_of(url: str) -> list[tuple[object, ...]]:
    """Every loan as it stands."""
    return rows(url, LOAN_QUERY)


EVENT_QUERY = """
    SELECT loan_id, item.barcode, patron.barcode, kind, old_due_at, new_due_at, bypassed FROM loan_event
    JOIN item ON item.id = item_id JOIN patron ON patron.id = loan_event.patron_id
    ORDER BY loan_id, loan_event.id
"""


def events_of(url: str) -> list[tuple[object, ...]]:
    """Everything that happened to each loan, in its order."""
    return rows(url, EVENT_QUERY)


@contextmanager
def served(folder: Path, url: str) -> Iterator[Daemon]:
    """The daemon on this database."""
    with Daemon(folder, url) as daemon:
        yield daemon


def row() -> Row:
    """Any row."""
    return Row(2, "p", "i", 1_924_988_399, "2030-12-31T23:59:59")
