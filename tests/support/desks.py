"""Desks to stand at in tests: a store with the small library in it, and acts of circulation one line long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Table, func, select

from sip2d.desk.place import Desk
from sip2d.policy.facts import Mode
from sip2d.policy.settings import Settings
from sip2d.store import migrate, tables
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.support import library
from tests.support.library import NOW, World

Value = TypeVar("Value")

INTERFACES = {Mode.ONLINE: "SIP2", Mode.NO_BLOCK: "SIP2_OFFLINE", Mode.STAFF: "STAFF"}


def prepare(url: str) -> None:
    """Fill an empty database with the newest schema and the small library."""
    migrate.upgrade(url)
    with Store.open(url) as store, store.unit("build") as unit:
        library.build(unit)


def desk_at(
    unit: Unit,
    branch: str = "CENTRAL",
    *,
    now: datetime = NOW,
    mode: Mode = Mode.ONLINE,
    event_at: datetime | None = None,
    group: bool = False,
    role: str | None = None,
    interface: str | None = None,
    **settings: Any,
) -> Desk:
    """The kiosk of a branch; ``settings`` are fields of `Settings` that differ from the defaults."""
    place = next(place for place in unit.library.branches.values() if place.code == branch)
    terminal = next(one for one in unit.library.terminals if one.branch_id == place.id)
    return Desk(
        library=unit.library,
        institution=unit.library.institutions[place.institution_id],
        branch=place,
        settings=msgspec.structs.replace(Settings(), **settings),
        mode=mode,
        interface=interface or INTERFACES[mode],
        actor=terminal.name,
        now=now,
        event_at=event_at or now,
        terminal_id=terminal.id,
        override_role=role,
        group_resolution=group,
    )


class Room(msgspec.Struct, frozen=True):
    """A store and the ids of what is in it."""

    store: Store
    world: World

    @contextmanager
    def unit(self, *, writes: bool = True) -> Iterator[Unit]:
        """One transaction."""
        with self.store.unit("test", writes=writes) as unit:
            yield unit

    def do(self, act: Callable[[Unit], Value]) -> Value:
        """One act in a transaction of its own."""
        with self.unit() as unit:
            return act(unit)

    def rows(self, table: Table, **equal: object) -> list[dict[str, object]]:
        """The rows of a table, oldest first."""
        wanted = select(table).order_by(*table.primary_key.columns)
        for name, value in equal.items():
            wanted = wanted.where(table.c[name] == value)
        with self.unit(writes=False) as unit:
            return [dict(row) for row in unit.core.execute(wanted).mappings()]

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        with self.unit(writes=False) as unit:
            return int(unit.core.scalar(select(func.count()).select_from(table)) or 0)

    def snapshot(self) -> dict[str, list[dict[str, object]]]:
        """Everything a repeated act must leave as it is (PT-9): loans, holds, items, ledger, blocks."""
        names = ("loan", "loan_event", "hold", "item", "fee", "fee_balance", "ledger_txn", "ledger_posting",
                 "user_block")  # fmt: skip
        return {name: self.rows(tables.metadata.tables[name]) for name in names}


@contextmanager
def opened(url: str) -> Iterator[Room]:
    """A room on a database that `prepare` filled."""
    with Store.open(url) as store:
        with store.unit("read", writes=False) as unit:
            world = library.read(unit.core)
        yield Room(store, world)
