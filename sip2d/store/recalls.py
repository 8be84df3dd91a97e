"""The loan side of a recall (CO-40): which loan is called back, since when, and its new due date."""

from datetime import datetime

from sqlalchemy import bindparam, null, select, update

from sip2d.policy.facts import HoldFacts
from sip2d.store import holds
from sip2d.store.statement import hot
from sip2d.store.tables import hold, item, loan
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

_DUE_FIRST = hot(
    select(item.c.id)
    .join(loan, loan.c.item_id == item.c.id)
    .where(item.c.title_id == bindparam("title_id"), loan.c.status == "OPEN", loan.c.recalled_at.is_(None))
    .order_by(loan.c.due_at, loan.c.id)
    .limit(1),
    "title_id",
)
_RECALL = hot(
    update(loan)
    .values(recalled_at=bindparam("at"), due_at=bindparam("new_due"))
    .where(loan.c.id == bindparam("loan_id"), loan.c.status == "OPEN"),
    "loan_id",
    "at",
    "new_due",
)
_CLEAR = hot(
    update(loan)
    .values(recalled_at=null())
    .where(loan.c.item_id == bindparam("of_item"), loan.c.status == "OPEN"),
    "of_item",
)
_STANDING = hot(
    select(*holds.COLUMNS)
    .where(
        hold.c.title_id == bindparam("title_id"),
        hold.c.item_id == bindparam("of_item"),
        hold.c.kind == "RECALL",
        hold.c.status == "PENDING",
    )
    .order_by(hold.c.placed_at, hold.c.id),
    "title_id",
    "of_item",
)


def recallable(unit: Unit, title_id: int) -> int | None:
    """The item of the title's first due loan that is not recalled yet."""
    item_id: int | None = unit.value(_DUE_FIRST, title_id)
    return item_id


def recall(unit: Unit, loan_id: int, at: datetime, due_at: datetime) -> bool:
    """Mark a loan as recalled, due at ``due_at``; False when it is no longer open."""
    return unit.run(_RECALL, loan_id, seconds(at), seconds(due_at)) == 1


def clear(unit: Unit, item_id: int) -> bool:
    """The item's open loan is no longer recalled; its due date stays. False when it is not on loan."""
    return unit.run(_CLEAR, item_id) == 1


def standing(unit: Unit, title_id: int, item_id: int) -> list[HoldFacts]:
    """The recalls of this copy that are pending, the first placed first."""
    return [holds.facts(row) for row in unit.all(_STANDING, title_id, item_id)]
