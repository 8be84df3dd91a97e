"""No statement about patrons, items, loans or the journal reads a whole table: each goes by an index."""

import sqlite3
from pathlib import Path

import pytest

from sip2d.store import items, journal, loans, migrate, patrons
from sip2d.store.statement import Statement


def _statements() -> list[tuple[str, Statement]]:
    found = []
    for module in (patrons, items, loans, journal):
        for name, value in vars(module).items():
            grouped = value.values() if isinstance(value, dict) else (value,)
            found += [(f"{module.__name__}.{name}", one) for one in grouped if isinstance(one, Statement)]
    return found


STATEMENTS = _statements()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "library.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


def _plan(database: Path, statement: Statement) -> list[str]:
    sql, pick = statement.forms["sqlite"]
    params = tuple(1 for _ in statement.names)
    connection = sqlite3.connect(database)
    try:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", pick(params) if pick else params).fetchall()
    finally:
        connection.close()
    return [row[3] for row in plan]


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_every_row_is_found_by_an_index(database: Path, name: str, statement: Statement) -> None:
    # The aggregates of a patron are rows already made, not tables.
    scans = [step for step in _plan(database, statement) if step.startswith("SCAN")]
    assert set(scans) <= {"SCAN loans", "SCAN holds", "SCAN fees", "SCAN CONSTANT ROW"}


PATRON_INFORMATION = (
    *patrons._READ_BY_BARCODE.values(),
    loans._BARCODES["charged"],
    loans._TITLES["charged"],
)


@pytest.mark.parametrize("statement", PATRON_INFORMATION, ids=("patron", "limited", "barcodes", "titles"))
def test_open_loans_are_read_off_their_index_in_its_order(database: Path, statement: Statement) -> None:
    """A patron information costs a third more otherwise: ``ix_loan_open_patron`` counts without the rows,
    and lists without sorting."""
    plan = _plan(database, statement)
    assert any(step.startswith("SEARCH loan USING INDEX ix_loan_open_patron") for step in plan)
    assert not any("TEMP B-TREE" in step for step in plan)


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 20
