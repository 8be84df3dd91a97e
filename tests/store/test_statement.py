"""Every hot read statement gives the same rows compiled as through Core, on both databases."""

import importlib
import pkgutil
from typing import Any, cast

import pytest
from sqlalchemy import Column, Executable, Table, bindparam, func, insert, select, text, update
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter

import sip2d.store
from sip2d.store import tables as t
from sip2d.store.executor import Store
from sip2d.store.statement import DIALECTS, REGISTRY, Statement, hot
from sip2d.store.unit import CONFLICTS, Unit
from tests.store.seed import seeded
from tests.support.databases import Databases

for module in pkgutil.iter_modules(sip2d.store.__path__):
    importlib.import_module(f"sip2d.store.{module.name}")

HOT = [statement for statement in REGISTRY if statement.reads]
ROOM = t.loan.c
DEFAULTS: dict[type, Any] = {int: 1, str: "1", bytes: b"1"}


@pytest.fixture
def store(databases: Databases) -> Store:
    return Store.open(databases.fresh(seeded))


def _samples(statement: Statement, unit: Unit) -> tuple[Any, ...]:
    """A value for each parameter: one that stands in the column it is compared with."""
    values: dict[str, Any] = {}
    for element in visitors.iterate(statement.core):
        if isinstance(element, BinaryExpression):
            sides = (element.left, element.right)
            binds = [side for side in sides if isinstance(side, BindParameter)]
            columns = [side for side in sides if isinstance(side, Column)]
            if binds and columns and isinstance(columns[0].table, Table):
                sample = unit.core.execute(select(func.min(columns[0]))).scalar_one()
                values[binds[0].key] = (
                    DEFAULTS.get(binds[0].type.python_type, 1) if sample is None else sample
                )
        elif isinstance(element, BindParameter):
            values.setdefault(element.key, DEFAULTS.get(element.type.python_type, 1))
    return tuple(values[name] for name in statement.names)


def _both_ways(unit: Unit, statement: Statement) -> tuple[list[Any], list[Any]]:
    given = _samples(statement, unit)
    named = dict(zip(statement.names, given, strict=True))
    return unit.all(statement, *given), [
        tuple(row) for row in unit.core.execute(cast(Executable, statement.core), named)
    ]


def test_there_are_hot_statements() -> None:
    assert HOT


def test_compiled_is_core_row_for_row(store: Store) -> None:
    with store.unit("compare") as unit:
        for statement in HOT:
            compiled, core = _both_ways(unit, statement)
            assert compiled == core, statement
            assert [[type(v) for v in row] for row in compiled] == [[type(v) for v in row] for row in core]
            kinds = {type(value) for row in compiled for value in row}
            assert kinds <= {int, str, bytes, type(None)}, statement


def test_columns_need_no_decorator() -> None:
    for statement in HOT:
        for dialect in DIALECTS.values():
            for column in statement.compiled(dialect)._result_columns:
                kind = column.type.dialect_impl(dialect)
                assert kind.result_processor(dialect, None) is None, (statement, column)


LATE = hot(
    select(ROOM.id, ROOM.status).where(
        ROOM.due_at < bindparam("before"), ROOM.status == "OPEN", ROOM.patron_id == bindparam("patron")
    ),
    "patron",
    "before",
)
TWICE = hot(select(func.count()).where(ROOM.due_at > bindparam("x"), ROOM.loaned_at < bindparam("x")), "x")
ADD = hot(insert(t.circulation_group), "code")
RENAME = hot(
    update(t.circulation_group).where(t.circulation_group.c.id == bindparam("group")).values(code="fixed"),
    "group",
)


def test_values_inside_are_literals_and_order_is_ours() -> None:
    """A partial index is only used when the statement says 'OPEN' itself."""
    sql, pick = LATE.forms["sqlite"]
    assert "'OPEN'" in sql
    assert pick is not None
    assert pick((7, 99)) == (99, 7)
    sql, pick = TWICE.forms["postgresql"]
    assert pick is not None
    assert pick((5,)) == (5, 5)


def test_writing(store: Store) -> None:
    with store.unit("write") as unit:
        first = unit.insert(ADD, "one-more")
        second = unit.insert(ADD, "two-more")
        assert second > first
        assert unit.run(RENAME, first) == 1
        assert unit.run(RENAME, 10**9) == 0
        assert unit.run(ADD, "three") == 1
    count = hot(select(func.sum(t.circulation_group.c.id)))
    with store.unit("sum", writes=False) as unit:
        assert type(unit.value(count)) is int
        assert unit.one(LATE, -1, 0) is None
        assert unit.value(LATE, -1, 0) is None


def _twice(unit: Unit) -> None:
    with unit.attempt():
        unit.insert(ADD, "gone")
        unit.insert(ADD, "kept")


def test_an_attempt_is_undone_alone(store: Store) -> None:
    with store.unit("attempt") as unit:
        unit.insert(ADD, "kept")
        with pytest.raises(CONFLICTS):
            _twice(unit)
        codes = unit.core.execute(text("SELECT code FROM circulation_group")).scalars().all()
    assert "kept" in codes
    assert "gone" not in codes


def test_a_list_or_a_nameless_parameter_is_refused() -> None:
    wrong = [
        hot(select(ROOM.id).where(ROOM.id.in_(bindparam("ids", expanding=True))), "ids"),
        hot(select(ROOM.id).where(ROOM.id == bindparam("id"))),
        hot(select(ROOM.id), "id"),
    ]
    for statement in wrong:
        REGISTRY.remove(statement)
        with pytest.raises(ValueError):
            _ = statement.forms["sqlite"]
