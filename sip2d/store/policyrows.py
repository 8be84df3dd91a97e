"""The rows of a policy set by what a person calls them: ids never leave the database.

A reference is written as the code of what it refers to, an instant as ISO text in UTC, an amount with the
currency's decimals; what is empty is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Column as SqlColumn
from sqlalchemy import ColumnElement, DefaultClause, RowMapping, or_, select

from sip2d.store.policyset import NAMED, Column, Kind, Section
from sip2d.store.records import Record
from sip2d.store.tables import circulation_rule
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Unit


class Names(msgspec.Struct):
    """The codes of one institution's things, both ways; read anew where one was added."""

    unit: Unit
    institution_id: int
    decimals: int
    known: dict[Kind, dict[int, str]] = {}

    def of(self, kind: Kind) -> dict[int, str]:
        """Codes by id."""
        if kind not in self.known:
            table, column = NAMED[kind]
            rows = self.unit.core.execute(
                select(table.c.id, table.c[column]).where(table.c.institution_id == self.institution_id)
            )
            self.known[kind] = {row[0]: row[1] for row in rows}
        return self.known[kind]

    def forget(self) -> None:
        """Something was added or removed."""
        self.known.clear()


def read(section: Section, names: Names, now: datetime) -> list[Record]:
    """The section's rows as a document has them, in the order of their keys; what is not said is left out."""
    rows = names.unit.core.execute(select(section.table).where(_owned(section, names))).mappings()
    found = []
    for row in _in_force(rows, now) if section.table is circulation_rule else rows:
        said = {one.name: _written(one, row[one.column], names) for one in section.columns}
        found.append({name: value for name, value in said.items() if value is not None})
    return sorted(found, key=lambda row: key_of(section, row))


def _in_force(rows: Iterable[RowMapping], now: datetime) -> Iterator[Mapping[str, Any]]:
    """Circulation rules that have not ended. When the oldest in force of a place began is the past's
    business; a newer one beside it (penalties detached for a while, BR-12) is told apart by its beginning.
    """
    seen: set[tuple[Any, ...]] = set()
    for row in sorted(rows, key=lambda row: int(row["valid_from"])):
        if row["valid_to"] is not None and row["valid_to"] <= seconds(now):
            continue
        place = tuple(row[name] for name in ("branch_id", "patron_type_id", "item_type_id", "name"))
        if row["valid_from"] <= seconds(now) and place not in seen:
            seen.add(place)
            yield {**row, "valid_from": None}
        else:
            yield dict(row)


def key_of(section: Section, row: Record) -> tuple[str, ...]:
    """Which row this is: the texts of its key columns."""
    said = (str(row.get(one.name, "")) for one in section.key)
    return tuple(text.zfill(8) if text.isdecimal() else text for text in said)


def canonical(section: Section, row: Record, names: Names) -> Record:
    """A row as `read` would write it, as far as it can be understood: ``12.5`` is ``12.50``."""
    said = {name: value for name, value in row.items() if value is not None and value != ""}
    try:
        values = columns_of(section, said, names)
    except ValueError:
        return said  # it refers to what is to be added first, or is wrong: applying it will tell
    written = {one.name: _written(one, values[one.column], names) for one in section.columns}
    if section.table is circulation_rule and "from" not in said:
        written["from"] = None
    known = {name: value for name, value in written.items() if value is not None}
    return known | {name: value for name, value in said.items() if name not in written}


def missing(section: Section, row: Record) -> list[str]:
    """The columns without which nobody knows which row is meant."""
    columns = section.table.c
    return [
        one.name
        for one in section.key
        if one.name not in row
        and not columns[one.column].nullable
        and columns[one.column].server_default is None
    ]


def columns_of(section: Section, row: Record, names: Names) -> Record:
    """The row as its table has it, for those columns that it says or that may be empty.

    Raises ValueError with the end of a sentence: a reference that nobody has, or a value of another kind.
    """
    values: Record = {}
    for one in section.columns:
        value = row.get(one.name)
        column = section.table.c[one.column]
        values[one.column] = _blank(one, column) if value is None else _meant(one, value, names)
    return values


def place_of(section: Section, row: Record, names: Names) -> Record:
    """The columns that say whose row it is."""
    if section.owner == "setting":
        return {"scope": "INSTITUTION", "scope_id": names.institution_id}
    if section.owner == "branch" or (section.owner == "either" and row.get("branch") is not None):
        return {}
    return {"institution_id": names.institution_id}


def _owned(section: Section, names: Names) -> ColumnElement[bool]:
    table, own = section.table.c, list(names.of(Kind.BRANCH))
    if section.owner == "setting":
        return (table.scope == "INSTITUTION") & (table.scope_id == names.institution_id)
    if section.owner == "branch":
        return table.branch_id.in_(own)
    mine: ColumnElement[bool] = table.institution_id == names.institution_id
    return or_(mine, table.branch_id.in_(own)) if section.owner == "either" else mine


def _written(one: Column, value: Any, names: Names) -> object:
    if value is None or value == "":
        return None
    if one.kind in NAMED:
        return names.of(one.kind).get(value)
    return _WRITERS[one.kind](value, names.decimals)


def _amount(value: int, decimals: int) -> str:
    return f"{Decimal(value).scaleb(-decimals):.{decimals}f}"


def _same(value: Any, _decimals: int) -> object:
    return value


_WRITERS: Final[dict[Kind, Callable[[Any, int], object]]] = {
    Kind.TEXT: _same,
    Kind.NUMBER: _same,
    Kind.FLAG: lambda value, _: bool(value),
    Kind.LIST: lambda value, _: msgspec.json.decode(value) or None,
    Kind.MAP: lambda value, _: msgspec.json.decode(value) or None,
    Kind.AMOUNT: _amount,
    Kind.INSTANT: lambda value, _: instant(value).isoformat(),
}


def _blank(one: Column, column: SqlColumn[Any]) -> object:
    """What a column holds that a document does not mention."""
    if column.nullable:
        return None
    default = column.server_default
    if not isinstance(default, DefaultClause):
        if one.empty:
            return ""
        if one.kind is Kind.TEXT:
            raise ValueError(f"{one.name} is missing")
        return 0
    told = str(default.arg)
    return told if one.kind in (Kind.TEXT, Kind.LIST, Kind.MAP) else int(told)


def _meant(one: Column, value: Any, names: Names) -> object:
    if one.kind in NAMED:
        return _referred(one, value, names)
    try:
        return _READERS[one.kind](value, names.decimals)
    except (ValueError, TypeError, ArithmeticError, AttributeError):
        raise ValueError(f"{one.name}: {value!r} is no {one.kind.value}") from None


def _referred(one: Column, value: Any, names: Names) -> int:
    for id_, code in names.of(one.kind).items():
        if code == value:
            return id_
    raise ValueError(f"there is no {one.kind.value} {value!r}")


def _read_text(value: Any, _decimals: int) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _read_number(value: Any, _decimals: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _read_flag(value: Any, _decimals: int) -> int:
    if not isinstance(value, bool):
        raise TypeError
    return int(value)


def _read_json(kind: type[Any]) -> Callable[[Any, int], str]:
    def read_(value: Any, _decimals: int) -> str:
        if not isinstance(value, kind):
            raise TypeError
        return msgspec.json.encode(value).decode()

    return read_


def _read_amount(value: Any, decimals: int) -> int:
    amount = Decimal(str(value)).scaleb(decimals)
    if amount != amount.to_integral_value() or amount < 0:
        raise ValueError
    return int(amount)


def _read_instant(value: Any, _decimals: int) -> int:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError
    return seconds(at)


_READERS: Final[dict[Kind, Callable[[Any, int], object]]] = {
    Kind.TEXT: _read_text,
    Kind.NUMBER: _read_number,
    Kind.FLAG: _read_flag,
    Kind.LIST: _read_json(list),
    Kind.MAP: _read_json(dict),
    Kind.AMOUNT: _read_amount,
    Kind.INSTANT: _read_instant,
}
