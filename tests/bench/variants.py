"""The bench's library under two policy sets: everything in force (`policies/full.toml`), or loan periods and
nothing else (`policies/empty.toml`).

Patrons, items and loans are the same in both, every tenth loan overdue. What only a policy makes is only in
the full one: memberships, blocks, demerits, and fines as the night job accrued them.
"""

import sqlite3
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from sip2d.desk.fine import UNRETURNED
from sip2d.desk.staff import block_actions, policyset
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Work
from sip2d.jobs.fines import DAILY
from sip2d.jobs.schedule import instants
from sip2d.policy.fines import amount
from sip2d.policy.setting_names import settings_of
from sip2d.store import job_runs
from sip2d.store.executor import Store
from sip2d.store.library import Branch, Library
from sip2d.store.times import seconds
from sip2d.vocabulary import StaffRole
from tests.bench import dataset

FULL: Final = "full"
EMPTY: Final = "empty"
LATE: Final = 10
"""Every so manyth loan is overdue, ..."""
LATEST: Final = 45
"""... by one to so many days."""
SINCE: Final = timedelta(days=100)
"""For so long the policy set has been in force."""
CLERK: Final = Staff(None, "bench", frozenset({StaffRole.GENERAL_SYS_ADMIN.value}))

_STANDING: Final = """
-- everybody is a member, every third was one the year before as well
INSERT INTO membership (patron_id, policy_id, origin, activated_at, expires_on, created_by)
SELECT patron.id, policy.id, 'STAFF_EXISTING', :now - 500 * 86400,
       date(:now - 135 * 86400, 'unixepoch'), 'bench'
FROM patron, membership_policy AS policy WHERE patron.id % 3 = 0;
INSERT INTO membership (patron_id, policy_id, origin, activated_at, expires_on, created_by)
SELECT patron.id, policy.id, 'STAFF_EXISTING', :now - 100 * 86400,
       date(:now + 265 * 86400, 'unixepoch'), 'bench'
FROM patron, membership_policy AS policy;
-- one in twenty may not renew, one in fifty has a block that ran out since the last night's job, one in ten
-- had one that was lifted
INSERT INTO user_block (patron_id, definition, type, actions, reason, origin, starts_at)
SELECT id, 'CONDUCT', 'USER', 'RENEW', 'Veuillez passer au bureau', 'MANUAL', :now - 5 * 86400
FROM patron WHERE id % 20 = 1;
INSERT INTO user_block (patron_id, definition, type, actions, reason, origin, starts_at, expires_at)
SELECT id, 'LATE', 'LOAN', 'LOAN,RENEW,HOLD', 'Rendu en retard', 'OVERDUE_RETURN', :now - 9 * 86400,
       :now - 3600
FROM patron WHERE id % 50 = 2;
INSERT INTO user_block (patron_id, definition, type, actions, origin, starts_at, removed_at,
                        removed_reason, removed_by)
SELECT id, 'CONDUCT', 'USER', 'LOAN,RENEW,HOLD', 'MANUAL', :now - 90 * 86400, :now - 80 * 86400, '', 'bench'
FROM patron WHERE id % 10 = 3;
-- one in ten brought something back late, and stays below the threshold
INSERT INTO demerit_point (patron_id, loan_id, event_id, kind, points, remaining, created_at)
SELECT patron_id, loan_id, id, 'OVERDUE', 3, 3, :now - 30 * 86400
FROM loan_event WHERE patron_id % 10 = 4;
"""
"""What patrons have under the full set, but for their fines."""


class Late(msgspec.Struct, frozen=True):
    """What one missed due date costs: its instant, and what each night added."""

    due_at: datetime
    nights: tuple[tuple[datetime, int], ...]


def made(name: str, kept: Path, folder: Path, missed: int = 0) -> Path:
    """A library of its own under the policy set `FULL` or `EMPTY`, to write to. The last ``missed`` nights
    are left to the scheduler, which makes them up as soon as it starts."""
    url, path, now = dataset.sqlite_copy(kept, folder, name), folder / f"{name}.db", datetime.now(UTC)
    with Store.open(url) as store:
        with store.unit("bench.policy") as unit:
            work = Work(unit, CLERK, now - SINCE)
            block_actions.add(work, "RENEW", ["RENEW"])
            policyset.apply(work, _document(name), dataset.HOUSE.code)
        library = store.call(False, "bench.library", lambda unit: unit.library)
        branch = _branch(library)
        nights = list(instants(DAILY.schedule, branch.zone, now - timedelta(days=LATEST + 7), now))
        nights = nights[: len(nights) - missed]
        with store.unit("bench.mark") as unit:
            label = job_runs.owner_label(branch, library)
            job_runs.mark_first(unit, DAILY.name, label, nights[-1])
    late = _late(library, branch, nights, now)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        _overdue(connection, late)
        if name == FULL:
            for statement in _STANDING.split(";")[:-1]:
                connection.execute(statement, {"now": seconds(now)})
            _fined(connection, library, branch, late)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    return path


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).with_name("policies") / f"{name}.toml").read_text("utf-8"))


def _branch(library: Library) -> Branch:
    return next(one for one in library.branches.values() if one.code == dataset.KIOSK.branch)


def _late(library: Library, branch: Branch, nights: Sequence[datetime], now: datetime) -> list[Late]:
    """Every missed due date, the last one first; what it costs is asked of the policy."""
    owner = library.institutions[branch.institution_id]
    settings, matrix = settings_of(owner.settings, owner.decimals), library.matrices[owner.id]
    patron_type = next(one.id for one in library.patron_types.values() if one.code == "ADULT")
    item_type = next(one.id for one in library.item_types.values() if one.code == "BOOK")
    terms = matrix.terms(branch.id, patron_type, item_type, now)
    assert terms is not None
    found = []
    for days in range(1, LATEST + 1):
        day = (nights[-1].astimezone(branch.zone) - timedelta(days=days)).date()
        due_at = datetime.combine(day, time(23, 59, 59), branch.zone).astimezone(UTC)
        steps, before = [], 0
        for at in nights:
            if at <= due_at or not branch.calendar.is_open(branch.calendar.local_date(at)):
                continue
            total = amount(terms, settings, branch.calendar, due_at, at, decimals=owner.decimals,
                           price_minor=2000)  # fmt: skip
            if total > before:
                steps.append((at, total - before))
                before = total
        found.append(Late(due_at, tuple(steps)))
    return found


def is_late(item: int) -> bool:
    """Whether the loan of this item is overdue; loans are numbered as their items."""
    return item % LATE == 0


def _loans() -> Iterator[tuple[int, int]]:
    """The overdue loans, each with the place of its due date."""
    return ((loan, loan // LATE % LATEST) for loan in range(LATE, dataset.LOANS + 1, LATE))


def _overdue(connection: sqlite3.Connection, late: Sequence[Late]) -> None:
    """Their loans began earlier; the events, which nothing here reads, are append-only."""
    dates = [(seconds(late[place].due_at), loan) for loan, place in _loans()]
    connection.executemany(
        "UPDATE loan SET loaned_at = ?1 - 28 * 86400, due_at = ?1 WHERE id = ?2",
        dates,
    )


def _fined(connection: sqlite3.Connection, library: Library, branch: Branch, late: Sequence[Late]) -> None:
    """Fees and their ledger, night by night as the job writes them."""
    currency = library.institutions[branch.institution_id].currency
    fees, balances, statuses = [], [], []
    steps: list[tuple[datetime, int, int, int]] = []
    for fee, (loan, place) in enumerate(_loans(), start=1):
        one, patron = late[place], dataset.borrower(loan)
        if not one.nights:
            continue
        first = seconds(one.nights[0][0])
        fees.append((fee, patron, "OVERDUE", loan, loan, seconds(one.due_at), first))
        balances.append((fee, patron, "OVERDUE", sum(minor for _, minor in one.nights)))
        statuses.append((fee, UNRETURNED, first))
        steps += [(at, fee, patron, minor) for at, minor in one.nights]
    steps.sort()
    txns = ((number, seconds(at), "ACCRUE", patron, f"job:{DAILY.name}", "CRON", branch.id)
            for number, (at, _, patron, _) in enumerate(steps, start=1))  # fmt: skip
    postings = (
        (number, line, account, patron, fee, sign * minor, currency)
        for number, (_, fee, patron, minor) in enumerate(steps, start=1)
        for line, account, sign in ((1, "AR", 1), (2, "REV_OVERDUE", -1))
    )
    _many(connection, "fee", "id patron_id kind loan_id item_id loan_due_at created_at", fees)
    _many(connection, "fee_balance", "fee_id patron_id kind outstanding_minor", balances)
    _many(connection, "fee_status", "fee_id status at", statuses)
    _many(connection, "ledger_txn", "id at kind patron_id actor interface branch_id", txns)
    _many(
        connection,
        "ledger_posting",
        "txn_id line_no account patron_id fee_id amount_minor currency",
        postings,
    )


def _many(connection: sqlite3.Connection, table: str, names: str, rows: Any) -> None:
    columns = names.split()
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
