"""Blocks as staff configure and read them, with plain Core: whom a definition blocks now, and what changes
for them when it does (BL-4); all blocks of a patron (BL-14).
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, func, select, update

from sip2d.store.records import Record
from sip2d.store.tables import item, loan, patron, user_block
from sip2d.store.unit import Unit

_LISTED = (
    "id", "type", "definition", "reason", "actions", "override", "origin", "note", "starts_at", "created_by",
    "expires_at", "original_type", "removed_at", "removed_reason", "removed_by",
)  # fmt: skip


def of_patron(unit: Unit, patron_id: int) -> list[Record]:
    """All blocks a patron ever had, oldest first, each with the item of the loan it is for."""
    query = (
        select(*(user_block.c[name] for name in _LISTED), user_block.c.loan_id, item.c.barcode.label("item"))
        .outerjoin(loan, loan.c.id == user_block.c.loan_id)
        .outerjoin(item, item.c.id == loan.c.item_id)
        .where(user_block.c.patron_id == patron_id)
        .order_by(user_block.c.id)
    )
    return [dict(row) for row in unit.core.execute(query).mappings()]


def standing(unit: Unit, institution_id: int, code: str) -> int:
    """How many blocks of a definition are not removed."""
    query = select(func.count()).select_from(user_block).where(_standing(institution_id, code))
    return int(unit.core.scalar(query) or 0)


def restate(unit: Unit, institution_id: int, code: str, values: Mapping[str, object]) -> int:
    """Give these values to every block of a definition that is not removed; how many there are."""
    done = unit.core.execute(update(user_block).where(_standing(institution_id, code)).values(**values))
    return int(done.rowcount)


def reword(unit: Unit, institution_id: int, code: str, old: str, new: str) -> None:
    """The same for the text: of those that have the old one."""
    unit.core.execute(
        update(user_block)
        .where(_standing(institution_id, code), user_block.c.reason == old)
        .values(reason=new)
    )


def touch(unit: Unit, institution_id: int, code: str) -> None:
    """The record of everybody blocked by a definition has changed: linked accounts are refreshed (BL-61)."""
    holders = select(user_block.c.patron_id).where(_standing(institution_id, code))
    unit.core.execute(
        update(patron).where(patron.c.id.in_(holders)).values(source_version=patron.c.source_version + 1)
    )


def _standing(institution_id: int, code: str) -> ColumnElement[bool]:
    own = select(patron.c.id).where(patron.c.institution_id == institution_id)
    return (
        (user_block.c.definition == code)
        & user_block.c.removed_at.is_(None)
        & user_block.c.patron_id.in_(own)
    )
