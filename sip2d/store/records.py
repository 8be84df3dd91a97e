"""Single rows of any table by the values of their columns, with plain Core, for staff's commands.

Never on the exchange path. A value of None in a condition means IS NULL.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, insert, select, update

from sip2d.store.unit import Unit

Record = dict[str, Any]
"""A row by column name."""


def rows(unit: Unit, table: Table, *order: str, **where: object) -> list[Record]:
    """Every row with these values, ordered by the columns named (by the primary key without any)."""
    by = [table.c[name] for name in order] or list(table.primary_key.columns)
    found = unit.core.execute(select(table).where(*_conditions(table, where)).order_by(*by))
    return [dict(row) for row in found.mappings()]


def one(unit: Unit, table: Table, **where: object) -> Record | None:
    """The first row with these values, locked until the unit ends where it writes; or None."""
    wanted = select(table).where(*_conditions(table, where)).limit(1)
    row = unit.core.execute(wanted.with_for_update() if unit.writes else wanted).mappings().first()
    return None if row is None else dict(row)


def count(unit: Unit, table: Table, **where: object) -> int:
    """How many rows have these values."""
    return len(unit.core.execute(select(*table.primary_key.columns).where(*_conditions(table, where))).all())


def add(unit: Unit, table: Table, **values: object) -> int:
    """Insert a row; its id, or 0 for a table whose key is no number of ours."""
    key = unit.core.execute(insert(table).values(**values)).inserted_primary_key
    return key[0] if key is not None and isinstance(key[0], int) else 0


def change(unit: Unit, table: Table, values: Mapping[str, object], **where: object) -> int:
    """Set these values on every row with those; how many there were."""
    done = unit.core.execute(update(table).where(*_conditions(table, where)).values(**values))
    return int(done.rowcount)


def remove(unit: Unit, table: Table, **where: object) -> int:
    """Delete the rows with these values; how many there were."""
    return int(unit.core.execute(delete(table).where(*_conditions(table, where))).rowcount)


def _conditions(table: Table, where: Mapping[str, object]) -> list[ColumnElement[bool]]:
    return [
        table.c[name].is_(None) if value is None else table.c[name] == value for name, value in where.items()
    ]
