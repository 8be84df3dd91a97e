"""Finding what is broken, and copying a database that is in use."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from sip2d.errors import ConfigurationError
from sip2d.store import maintenance, migrate
from sip2d.store.executor import Store
from tests.store.seed import seeded, upgraded
from tests.store.test_executor import Answers, _add
from tests.support.databases import Databases
from tests.support.postgres import wheel_bin


def test_a_sound_database(databases: Databases) -> None:
    assert maintenance.check(databases.fresh(seeded)) == []


def test_an_empty_database_is_not_current(database_url: str) -> None:
    assert maintenance.check(database_url) == ["The database is at revision none, the newest is 0002."]


DEFECTS = {
    "does not sum to zero": (
        "INSERT INTO ledger_txn (at, kind, patron_id, actor, interface, branch_id)"
        " SELECT 1, 'CHARGE', id, 'x', 'STAFF', home_branch_id FROM patron LIMIT 1",
        "INSERT INTO ledger_posting (txn_id, line_no, account, patron_id, amount_minor, currency)"
        " SELECT max(id), 1, 'CASH', max(patron_id), 5, 'EUR' FROM ledger_txn",
    ),
    "has no lines": (
        "INSERT INTO ledger_txn (at, kind, patron_id, actor, interface, branch_id)"
        " SELECT 1, 'CHARGE', id, 'x', 'STAFF', home_branch_id FROM patron LIMIT 1",
    ),
    "balance of fee": (
        "INSERT INTO fee (patron_id, kind, created_at) SELECT id, 'MANUAL', 1 FROM patron LIMIT 1",
        "INSERT INTO fee_balance (fee_id, patron_id, kind, outstanding_minor)"
        " SELECT max(id), max(patron_id), 'MANUAL', 5 FROM fee",
    ),
    "credit of patron": (
        "DELETE FROM patron_credit",
        "INSERT INTO patron_credit (patron_id, credit_minor) SELECT min(id), 5 FROM patron",
    ),
    "withdrawn or deleted": (
        "INSERT INTO loan (item_id, patron_id, branch_id, policy_branch_id, loaned_at, due_at, interface)"
        " SELECT max(item.id), max(patron.id), max(home_branch_id), max(home_branch_id), 1, 2, 'SIP2'"
        " FROM (SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM loan)) AS item, patron",
        "UPDATE item SET withdrawn = 1 WHERE id IN (SELECT item_id FROM loan WHERE loaned_at = 1)",
    ),
}


@pytest.mark.parametrize("said", sorted(DEFECTS))
def test_a_defect_is_found(databases: Databases, said: str) -> None:
    url = databases.fresh(seeded)
    with migrate.connected(url) as connection:
        if databases.kind == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")  # past the triggers
        for statement in DEFECTS[said]:
            connection.execute(text(statement))
    findings = maintenance.check(url)
    assert any(said in finding for finding in findings), findings


def test_a_row_without_its_parent_is_found(sqlite_databases: Databases) -> None:
    url = sqlite_databases.fresh(seeded)
    with migrate.connected(url) as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("DELETE FROM patron_type")
    assert any("refers to a row" in finding for finding in maintenance.check(url))


def test_a_backup_under_load(sqlite_databases: Databases, tmp_path: Path) -> None:
    """Complete for what was acknowledged before it, sound, private, and in place of the last one."""
    url = sqlite_databases.fresh(upgraded)
    target = tmp_path / "copy.db"
    target.write_text("the last one")
    with Store.open(url) as store:
        before, after = Answers(50), Answers(300)
        for number in range(50):
            store.submit(True, "add", _add(f"before {number}"), before.done)
        before.wait()

        def load() -> None:
            for number in range(300):
                store.submit(True, "add", _add(f"after {number}"), after.done)

        thread = threading.Thread(target=load)
        thread.start()
        maintenance.backup(url, target)
        thread.join()
        after.wait()
    assert maintenance.check(f"sqlite:///{target}") == []
    with closing(sqlite3.connect(target)) as copy:
        codes = [
            row[0] for row in copy.execute("SELECT code FROM circulation_group WHERE code LIKE 'before%'")
        ]
    assert len(codes) == 50
    assert target.stat().st_mode & 0o077 == 0
    assert not target.with_name("copy.db.part").exists()


def test_nothing_to_back_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError):
        maintenance.backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy.db")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="pg_dump"):
        maintenance.backup("postgresql://x@/y?host=/nowhere", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_postgresql_is_dumped(postgres: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(wheel_bin()), prepend=":")
    target = tmp_path / "copy.dump"
    maintenance.backup(postgres.fresh(seeded), target)
    assert target.read_bytes().startswith(b"PGDMP")
    with pytest.raises(ConfigurationError, match="pg_dump failed"):
        maintenance.backup("postgresql://x:secret@/y?host=/nowhere", target)
    assert target.read_bytes().startswith(b"PGDMP")
