"""Overdue loans in the small library: rules of a fine, the calendar of the worked examples, and the books."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, select

from sip2d.desk import fine, pay
from sip2d.desk.fine import Fined
from sip2d.desk.place import Desk
from sip2d.policy.settings import FinesMode
from sip2d.store import epoch, tables
from sip2d.store.unit import Unit
from tests.desk.acts import item_of, patron_of
from tests.support.desks import Room, desk_at
from tests.support.library import add, add_loan, seconds

Value = TypeVar("Value")

PARIS = ZoneInfo("Europe/Paris")


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A local time in Paris in 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


DUE = at(3, 2, 23, 59)
"""Monday 2 March 2026, as in the worked examples."""


def rules(room: Room, item_type: str = "BOOK", **values: str) -> None:
    """Circulation rules of MAIN for an item type."""
    with room.unit() as unit:
        for name, value in values.items():
            add(
                unit.core,
                tables.circulation_rule,
                institution_id=room.world.institutions["MAIN"],
                item_type_id=room.world.item_types[item_type],
                name=name,
                value=value,
            )
        epoch.bump(unit)


def without_rules(room: Room, item_type: str = "BOOK") -> None:
    """Nothing lends the item type any more."""
    table = tables.circulation_rule
    with room.unit() as unit:
        unit.core.execute(delete(table).where(table.c.item_type_id == room.world.item_types[item_type]))
        epoch.bump(unit)


def close_sundays(room: Room) -> None:
    """MAIN is closed on Sundays, as in the worked examples."""
    table = tables.opening_interval
    with room.unit() as unit:
        unit.core.execute(delete(table).where(table.c.weekday == 6))
        epoch.bump(unit)


def close(room: Room, first: datetime, last: datetime) -> None:
    """A special closure of MAIN."""
    with room.unit() as unit:
        unit.core.execute(
            insert(tables.special_closure).values(
                institution_id=room.world.institutions["MAIN"],
                starts_at=seconds(first),
                ends_at=seconds(last),
                month=0,
                day=0,
            )
        )
        epoch.bump(unit)


def lent(room: Room, item: str = "I1", patron: str = "P1", due: datetime = DUE, **values: Any) -> int:
    """A loan that is due then; its id."""
    world = room.world
    with room.unit() as unit:
        return add_loan(
            unit.core, world, world.items[item], world.patrons[patron],
            loaned_at=at(2, 2, 10), due_at=due, **values,
        )  # fmt: skip


def at_desk(room: Room, now: datetime, act: Callable[[Unit, Desk], Value], **values: Any) -> Value:
    """One act at CENTRAL at this time; ``values`` are of `desk_at`, fines in production."""
    values.setdefault("fines_mode", FinesMode.PRODUCTION)
    return room.do(lambda unit: act(unit, desk_at(unit, now=now, **values)))


def night(room: Room, as_of: datetime, item: str = "I1", **values: Any) -> Fined:
    """The accrual of one loan."""

    def act(unit: Unit, desk: Desk) -> Fined:
        what = item_of(unit, desk, item)
        assert what.loan is not None
        return fine.accrue(unit, desk, what.loan.patron_id, what, what.loan, as_of)

    return at_desk(room, as_of, act, **values)


def settle(
    room: Room, until: datetime, status: str = fine.RETURNED, item: str = "I1", *,
    now: datetime | None = None, **values: Any,
) -> Fined:  # fmt: skip
    """The last word on the fine of an item's loan; the loan itself stays as it is."""

    def act(unit: Unit, desk: Desk) -> Fined:
        what = item_of(unit, desk, item)
        assert what.loan is not None
        return fine.settle(unit, desk, what.loan.patron_id, what, what.loan, until, status)

    return at_desk(room, now or until, act, **values)


def nightly(room: Room, month: int, day: int, **values: Any) -> Fined:
    """The accrual of I1's loan at 00:30 of this date."""
    return night(room, at(month, day, 0, 30), **values)


def paid(room: Room, amount: int, now: datetime) -> None:
    """P1 pays so much."""
    outcome = at_desk(
        room, now, lambda unit, desk: pay.pay(unit, desk, patron_of(unit, desk, "P1"), amount_minor=amount)
    )
    assert outcome.done


def waived(room: Room, fee_id: int | None, amount: int, now: datetime) -> None:
    """Staff lets the patron off."""
    assert fee_id is not None
    assert at_desk(room, now, lambda unit, desk: pay.waive(unit, desk, fee_id, amount)) is not None


def dated(room: Room, name: str, value: str, first: datetime, last: datetime | None = None) -> None:
    """A circulation rule for books that is in force for a time."""
    with room.unit() as unit:
        unit.core.execute(
            tables.circulation_rule.insert().values(
                institution_id=room.world.institutions["MAIN"], item_type_id=room.world.item_types["BOOK"],
                name=name, value=value, valid_from=seconds(first),
                valid_to=None if last is None else seconds(last),
            )
        )  # fmt: skip
        epoch.bump(unit)


def statuses(room: Room, fee_id: int | None) -> list[object]:
    """What a fee's status was, oldest first."""
    return [row["status"] for row in room.rows(tables.fee_status) if row["fee_id"] == fee_id]


def owed(room: Room, fee_id: int | None) -> object:
    """What is unpaid of a fee."""
    (row,) = room.rows(tables.fee_balance, fee_id=fee_id)
    return row["outstanding_minor"]


def credit(room: Room, patron: str = "P1") -> object:
    """The patron's credit."""
    rows = room.rows(tables.patron_credit, patron_id=room.world.patrons[patron])
    return rows[0]["credit_minor"] if rows else 0


def balanced(room: Room) -> None:
    """PT-3: every transaction adds up to zero, and the balances are what the postings say."""
    line = tables.ledger_posting.c
    with room.unit(writes=False) as unit:
        sums = select(line.txn_id, func.sum(line.amount_minor)).group_by(line.txn_id)
        assert all(total == 0 for _, total in unit.core.execute(sums))
        due = (
            select(line.fee_id, func.sum(line.amount_minor)).where(line.account == "AR").group_by(line.fee_id)
        )
        receivable = {row[0]: int(row[1]) for row in unit.core.execute(due)}
        given = select(line.patron_id, -func.sum(line.amount_minor)).where(line.account == "CREDIT")
        credits = {row[0]: int(row[1]) for row in unit.core.execute(given.group_by(line.patron_id))}
    balances = {row["fee_id"]: row["outstanding_minor"] for row in room.rows(tables.fee_balance)}
    assert balances == {fee: receivable.get(fee, 0) for fee in balances}
    assert {row["patron_id"]: row["credit_minor"] for row in room.rows(tables.patron_credit)} == credits
