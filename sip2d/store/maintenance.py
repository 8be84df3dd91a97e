"""Is the database sound, and a copy of it while it is in use. For `sip2d db check` and `sip2d db backup`."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, text

from sip2d.errors import ConfigurationError
from sip2d.store import migrate
from sip2d.store.engine import SQLITE, fsync_folder, parse_url, sqlite_path

MOST_SHOWN = 5

_LEDGER = {
    "The ledger transaction {} does not sum to zero": """
        SELECT txn_id FROM ledger_posting GROUP BY txn_id HAVING sum(amount_minor) <> 0""",
    "The ledger transaction {} has no lines": """
        SELECT id FROM ledger_txn
        WHERE NOT EXISTS (SELECT 1 FROM ledger_posting WHERE txn_id = ledger_txn.id)""",
    "The balance of fee {} is not the sum of its lines": """
        SELECT fee.id FROM fee LEFT JOIN fee_balance ON fee_balance.fee_id = fee.id
        WHERE coalesce(fee_balance.outstanding_minor, 0) <> coalesce(
            (SELECT sum(amount_minor) FROM ledger_posting WHERE fee_id = fee.id AND account = 'AR'), 0)""",
    "The credit of patron {} is not the sum of its lines": """
        SELECT patron.id FROM patron LEFT JOIN patron_credit ON patron_credit.patron_id = patron.id
        WHERE coalesce(patron_credit.credit_minor, 0) <> -coalesce(
            (SELECT sum(amount_minor) FROM ledger_posting
             WHERE patron_id = patron.id AND account = 'CREDIT'), 0)""",
    "The balance of fee {} belongs to another patron or kind than the fee": """
        SELECT fee.id FROM fee JOIN fee_balance ON fee_balance.fee_id = fee.id
        WHERE fee.patron_id <> fee_balance.patron_id OR fee.kind <> fee_balance.kind""",
}
_LOANS = {
    "The item {} has more than one open loan": """
        SELECT item_id FROM loan WHERE status = 'OPEN' GROUP BY item_id HAVING count(*) > 1""",
    "The open loan {} has an item or a patron that was withdrawn or deleted": """
        SELECT loan.id FROM loan JOIN item ON item.id = loan.item_id JOIN patron ON patron.id = loan.patron_id
        WHERE loan.status = 'OPEN' AND (item.withdrawn = 1 OR patron.deleted_at IS NOT NULL)""",
    "The item {} is on loan and waits on the hold shelf or in transit at once": """
        SELECT item_id FROM loan WHERE status = 'OPEN' AND item_id IN
        (SELECT filled_item_id FROM hold WHERE status IN ('ON_SHELF', 'IN_TRANSIT'))""",
    "The patron {} has more than one active hold on one title": """
        SELECT patron_id FROM hold WHERE status IN ('PENDING', 'ON_SHELF', 'IN_TRANSIT')
        GROUP BY patron_id, title_id HAVING count(*) > 1""",
}


def check(url: str) -> list[str]:
    """What is wrong with the database, a sentence each; [] when it is sound."""
    with migrate.connected(url) as connection:
        findings = _sqlite_findings(connection) if connection.dialect.name == SQLITE else []
        revision = migrate.revision_of(connection)
        if revision is not None:
            connection.exec_driver_sql("BEGIN")
            findings += _broken(connection, _LEDGER) + _broken(connection, _LOANS)
            connection.exec_driver_sql("ROLLBACK")
    return findings + migrate.check(url)


def _sqlite_findings(connection: Connection) -> list[str]:
    answers = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    findings = [f"SQLite's integrity check says: {answer}." for answer in answers if answer != "ok"]
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    return findings + [f"A row of {row[0]} refers to a row of {row[2]} that is not there." for row in broken]


def _broken(connection: Connection, rules: dict[str, str]) -> list[str]:
    findings: list[str] = []
    for sentence, query in rules.items():
        rows = connection.execute(text(query)).scalars().all()
        findings += [f"{sentence.format(row)}." for row in rows[:MOST_SHOWN]]
        if len(rows) > MOST_SHOWN:
            findings.append(f"... and {len(rows) - MOST_SHOWN} more like the last one.")
    return findings


def backup(url: str, target: Path) -> None:
    """A consistent, durable copy at ``target``, made while the database is in use. ConfigurationError,
    OSError.

    An existing target is replaced only once the copy is complete. PostgreSQL needs `pg_dump` beside it.
    """
    making = target.with_name(f"{target.name}.part")
    making.unlink(missing_ok=True)
    try:
        path = sqlite_path(url)
        if path is not None:
            _copy_sqlite(path, making)
        else:
            _dump_postgresql(url, making)
        with making.open("rb+") as file:
            os.fsync(file.fileno())
        making.replace(target)
    finally:
        making.unlink(missing_ok=True)
    fsync_folder(target.resolve().parent)


def _copy_sqlite(path: Path, target: Path) -> None:
    if not path.is_file():
        raise ConfigurationError(f"There is no database at {path}.")
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # personal data: nobody else's
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        # One step: a copy in several starts over with every write to the source. Readers and writers go on
        # (WAL).
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _dump_postgresql(url: str, target: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise ConfigurationError(
            "A PostgreSQL database is backed up with pg_dump, which is not installed here."
        )
    parsed = parse_url(url)
    environment = dict(os.environ)
    if parsed.password:
        environment["PGPASSWORD"] = str(parsed.password)
    plain = parsed.set(drivername="postgresql", password=None).render_as_string()
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    command = [program, "--format=custom", f"--file={target}", f"--dbname={plain}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ConfigurationError(f"pg_dump failed: {lines[0] if lines else done.returncode}.")
