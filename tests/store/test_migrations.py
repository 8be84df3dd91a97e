"""Both databases upgrade from empty, go back to nothing, and agree with `tables.py` (issue 5.1)."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from sip2d.errors import ConfigurationError
from sip2d.store import migrate
from sip2d.store.executor import Store
from sip2d.store.unit import CONFLICTS, Unit
from tests.store.seed import seeded
from tests.support import library
from tests.support.databases import Databases


def _tables(url: str) -> list[str]:
    with migrate.connected(url) as connection:
        return inspect(connection).get_table_names()


def test_upgrade_check_and_downgrade(database_url: str) -> None:
    assert not migrate.is_current(database_url)
    with pytest.raises(ConfigurationError, match="db upgrade"):
        migrate.require_current(database_url)
    migrate.upgrade(database_url)
    migrate.upgrade(database_url)
    assert migrate.is_current(database_url)
    migrate.require_current(database_url)
    assert migrate.check(database_url) == []
    migrate.downgrade(database_url, "base")
    assert _tables(database_url) == []
    assert "revision none" in migrate.check(database_url)[0]


def test_debians_postgresql_too(debian_postgres_url: str) -> None:
    migrate.upgrade(debian_postgres_url)
    assert migrate.check(debian_postgres_url) == []


def test_a_difference_is_seen(database_url: str) -> None:
    migrate.upgrade(database_url)
    with migrate.connected(database_url) as connection:
        connection.exec_driver_sql("ALTER TABLE branch ADD COLUMN colour TEXT")
        connection.exec_driver_sql("DROP INDEX ix_loan_open_due")
    said = " ".join(migrate.check(database_url))
    assert "colour" in said
    assert "ix_loan_open_due" in said


def test_a_migration_that_fails_leaves_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T2: on SQLite too."""
    for name in ("env.py", "script.py.mako"):
        (tmp_path / name).write_text((migrate.scripts() / name).read_text())
    (tmp_path / "versions").mkdir()
    for file in (migrate.scripts() / "versions").glob("*.py"):
        (tmp_path / "versions" / file.name).write_text(file.read_text())
    (tmp_path / "versions" / "9999_bad.py").write_text(
        "from alembic import op\nrevision = '9999'\ndown_revision = '0002'\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (id INTEGER)')\n    op.execute('nonsense')\n"
    )
    monkeypatch.setattr(migrate, "scripts", lambda: tmp_path)
    with pytest.raises(Exception, match="nonsense"):
        migrate.upgrade(database_url)
    assert _tables(database_url) == []


LEDGER_TXN = (
    "INSERT INTO ledger_txn (at, kind, patron_id, actor, interface, branch_id)"
    " SELECT 1, 'CHARGE', id, 'x', 'STAFF', home_branch_id FROM patron LIMIT 1"
)
POSTING = (
    "INSERT INTO ledger_posting (txn_id, line_no, account, patron_id, amount_minor, currency)"
    " SELECT id, {line}, 'CASH', patron_id, {amount}, 'EUR' FROM ledger_txn"
)
ROWS = {
    "ledger_txn": LEDGER_TXN,
    "fee": "INSERT INTO fee (patron_id, kind, created_at) SELECT id, 'MANUAL', 1 FROM patron LIMIT 1",
    "loan_event": (
        "INSERT INTO loan_event (item_id, kind, event_at, recorded_at, branch_id, interface)"
        " SELECT id, 'ROUTE', 1, 1, home_branch_id, 'SIP2' FROM item LIMIT 1"
    ),
    "audit_log": "INSERT INTO audit_log (at, actor, entity, entity_id, action) SELECT 1, 'x', 'x', '1', 'x'",
}
CHANGED = {"ledger_txn": "actor", "fee": "reason", "loan_event": "interface", "audit_log": "actor"}


@pytest.fixture
def store(databases: Databases) -> Store:
    return Store.open(databases.fresh(seeded))


def _refused(store: Store, *statements: str) -> str:
    def act() -> None:
        with store.unit("refused") as unit:
            for statement in statements:
                unit.core.execute(text(statement))

    with pytest.raises(CONFLICTS) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize("table", sorted(ROWS))
def test_append_only(store: Store, table: str) -> None:
    assert "append-only" in _refused(store, ROWS[table], f"UPDATE {table} SET {CHANGED[table]} = 'y'")
    assert "append-only" in _refused(store, ROWS[table], f"DELETE FROM {table}")


def test_postings_are_append_only_and_balanced(store: Store) -> None:
    lines = (POSTING.format(line=1, amount=5), POSTING.format(line=2, amount=-5))
    with store.unit("balanced") as unit:
        for statement in (LEDGER_TXN, *lines):
            unit.core.execute(text(statement))
    assert "append-only" in _refused(store, "UPDATE ledger_posting SET amount_minor = 6")
    assert "append-only" in _refused(store, "DELETE FROM ledger_posting")


def test_postgresql_refuses_an_unbalanced_transaction(postgres: Databases) -> None:
    store = Store.open(postgres.fresh(seeded))
    assert "sum to zero" in _refused(store, LEDGER_TXN, POSTING.format(line=1, amount=5))


def _terminal(core: Connection, name: str, username: str | None, address: str = "10.9.9.9") -> int:
    secret = None if username is None else "x"
    statement = text(
        "INSERT INTO terminal (name, branch_id, address, prefix_length, username, password_hash, created_at)"
        " SELECT :name, min(id), :address, 32, :username, :secret, 1 FROM branch RETURNING id"
    )
    values = {"name": name, "address": address, "username": username, "secret": secret}
    return int(core.execute(statement, values).scalar_one())


@pytest.mark.parametrize(("first", "second"), [(None, "u"), ("u", None), (None, None)])
def test_a_terminal_without_a_user_name_is_alone(store: Store, first: str | None, second: str | None) -> None:
    """CN-6b."""
    with store.unit("first") as unit:
        kept = _terminal(unit.core, "one", first)
    with pytest.raises(CONFLICTS), store.unit("second") as unit:
        _terminal(unit.core, "two", second)
    with store.unit("removed") as unit:
        unit.core.execute(text("UPDATE terminal SET removed_at = 2 WHERE id = :id"), {"id": kept})
        _terminal(unit.core, "two", second)
    with pytest.raises(CONFLICTS), store.unit("back again") as unit:
        unit.core.execute(text("UPDATE terminal SET removed_at = NULL WHERE id = :id"), {"id": kept})


def test_terminals_with_user_names_share_an_address_that_never_changes(store: Store) -> None:
    """CN-6a, CN-6b."""
    with store.unit("two") as unit:
        _terminal(unit.core, "one", "u")
        _terminal(unit.core, "two", "v")
        unit.core.execute(text("UPDATE terminal SET prefix_length = 32, enabled = 0 WHERE name = 'one'"))
    assert "never changes" in _refused(store, "UPDATE terminal SET address = '10.9.9.8' WHERE name = 'one'")
    assert "never changes" in _refused(store, "UPDATE terminal SET prefix_length = 24 WHERE name = 'one'")
    assert _refused(store, "UPDATE terminal SET username = NULL, password_hash = NULL WHERE name = 'one'")


def test_the_first_epoch(store: Store) -> None:
    def epoch(unit: Unit) -> int:
        return unit.library.epoch

    with store.unit("read", writes=False) as unit:
        assert epoch(unit) >= 1
        assert library.read(unit.core).branches


BLOCKED = (
    "INSERT INTO block_description (institution_id, code, text, enabled)"
    " SELECT min(id), 'LATE', 'Late too often', 1 FROM institution",
    "INSERT INTO block_definition (institution_id, code, description_id, action_code, type, network_block)"
    " SELECT institution_id, 'LATE', id, '01', 'DEMERIT', 0 FROM block_description",
    "INSERT INTO user_block (patron_id, definition, actions, origin, starts_at, set_card_lost,"
    " network_block, capped) SELECT min(patron.id), 'LATE', 'LOAN', 'DEMERIT', 1, 0, 0, 0 FROM patron"
    " JOIN block_definition ON block_definition.institution_id = patron.institution_id",
)
RETYPE = "UPDATE block_definition SET type = '{}'"


def test_bl6_a_type_that_means_something_is_frozen(store: Store) -> None:
    """BL-6: no definition gets or loses the type DEMERIT or CONSORTIAL while blocks stand because of it."""
    with store.unit("blocked") as unit:
        for statement in BLOCKED:
            unit.core.execute(text(statement))
    assert "stays while" in _refused(store, RETYPE.format("USER"))
    with store.unit("removed") as unit:
        unit.core.execute(text("UPDATE user_block SET removed_at = 2, removed_by = 'x'"))
        unit.core.execute(text(RETYPE.format("USER")))
        unit.core.execute(text("UPDATE user_block SET removed_at = NULL, removed_by = NULL"))
        unit.core.execute(text(RETYPE.format("LOAN")))  # these two only inform
    assert "stays while" in _refused(store, RETYPE.format("CONSORTIAL"))
