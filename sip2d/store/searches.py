"""Lists for a person's eyes, with plain Core: a few columns of many rows, joined; never on the exchange
path.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from sip2d.store.records import Record
from sip2d.store.tables import fee, fee_balance, hold, item, loan, loan_event, patron, title, user_block
from sip2d.store.unit import Unit


def _all(unit: Unit, query: Select[Any]) -> list[Record]:
    return [dict(row) for row in unit.core.execute(query).mappings()]


def _like(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return func.lower(column).contains(text.lower(), autoescape=True)


def patrons(unit: Unit, institution_id: int, text: str, limit: int, moment: int) -> list[Record]:
    """Patrons not deleted whose barcode is, or whose name contains, the text; branch and type as ids, blocks
    in force at the moment (epoch seconds) as a number (BL-14).
    """
    loans = (
        select(func.count())
        .select_from(loan)
        .where(loan.c.patron_id == patron.c.id, loan.c.status == "OPEN")
        .scalar_subquery()
    )
    blocked = (
        select(func.count())
        .select_from(user_block)
        .where(
            user_block.c.patron_id == patron.c.id,
            user_block.c.removed_at.is_(None),
            or_(
                user_block.c.expires_at.is_(None),
                user_block.c.expires_at > moment,
                user_block.c.origin == "DEMERIT",
            ),
        )
        .scalar_subquery()
    )
    query = (
        select(
            patron.c.barcode,
            patron.c.name,
            patron.c.home_branch_id.label("branch"),
            patron.c.type_id.label("type"),
            patron.c.expires_on,
            loans.label("loans"),
            blocked.label("blocked"),
        )
        .where(patron.c.institution_id == institution_id, patron.c.deleted_at.is_(None))
        .order_by(patron.c.barcode)
        .limit(limit)
    )
    if text:
        query = query.where(or_(patron.c.barcode == text, _like(patron.c.name, text)))
    return _all(unit, query)


def items(unit: Unit, institution_id: int, text: str, limit: int) -> list[Record]:
    """Items whose barcode is, or whose title contains, the text; branch and type as ids, the open loan's due
    date.
    """
    query = (
        select(
            item.c.barcode,
            title.c.title,
            title.c.author,
            item.c.holding_branch_id.label("branch"),
            item.c.type_id.label("type"),
            item.c.call_number,
            loan.c.due_at,
        )
        .join(title, title.c.id == item.c.title_id)
        .outerjoin(loan, (loan.c.item_id == item.c.id) & (loan.c.status == "OPEN"))
        .where(item.c.institution_id == institution_id)
        .order_by(item.c.barcode)
        .limit(limit)
    )
    if text:
        query = query.where(or_(item.c.barcode == text, _like(title.c.title, text)))
    return _all(unit, query)


def loans(
    unit: Unit,
    institution_id: int,
    *,
    patron_id: int | None = None,
    item_id: int | None = None,
    loan_id: int | None = None,
    closed: bool = False,
    overdue_at: int | None = None,
    limit: int = 100,
) -> list[Record]:
    """Loans of an institution's items, those due first first."""
    query = (
        select(
            loan.c.id,
            patron.c.barcode.label("patron"),
            item.c.barcode.label("item"),
            title.c.title,
            loan.c.loaned_at,
            loan.c.due_at,
            loan.c.renewal_count,
            loan.c.recalled_at,
            loan.c.status,
            loan.c.closed_at,
            loan.c.closed_reason,
            loan.c.interface,
        )
        .join(patron, patron.c.id == loan.c.patron_id)
        .join(item, item.c.id == loan.c.item_id)
        .join(title, title.c.id == item.c.title_id)
        .where(item.c.institution_id == institution_id)
        .order_by(loan.c.due_at, loan.c.id)
        .limit(limit)
    )
    if not closed:
        query = query.where(loan.c.status == "OPEN")
    for column, value in ((loan.c.patron_id, patron_id), (loan.c.item_id, item_id), (loan.c.id, loan_id)):
        if value is not None:
            query = query.where(column == value)
    if overdue_at is not None:
        query = query.where(loan.c.due_at < overdue_at)
    return _all(unit, query)


def loan_events(unit: Unit, loan_id: int) -> list[Record]:
    """What happened to a loan, in order."""
    columns = (
        "kind",
        "event_at",
        "recorded_at",
        "branch_id",
        "interface",
        "old_due_at",
        "new_due_at",
        "bypassed",
    )
    query = select(*(loan_event.c[name] for name in columns)).where(loan_event.c.loan_id == loan_id)
    return _all(unit, query.order_by(loan_event.c.id))


def holds(
    unit: Unit,
    institution_id: int,
    *,
    patron_id: int | None = None,
    hold_id: int | None = None,
    closed: bool = False,
    limit: int = 100,
) -> list[Record]:
    """Holds of an institution, as placed; the pickup branch as an id."""
    query = (
        select(
            hold.c.id,
            patron.c.barcode.label("patron"),
            title.c.number.label("title_number"),
            title.c.title,
            item.c.barcode.label("item"),
            hold.c.kind,
            hold.c.status,
            hold.c.pickup_branch_id.label("pickup"),
            hold.c.placed_at,
            hold.c.priority,
            hold.c.shelf_expires_at,
            hold.c.expires_at,
            hold.c.closed_at,
        )
        .join(patron, patron.c.id == hold.c.patron_id)
        .join(title, title.c.id == hold.c.title_id)
        .outerjoin(item, item.c.id == func.coalesce(hold.c.filled_item_id, hold.c.item_id))
        .where(hold.c.institution_id == institution_id)
        .order_by(hold.c.placed_at, hold.c.id)
        .limit(limit)
    )
    if not closed:
        query = query.where(hold.c.closed_at.is_(None))
    for column, value in ((hold.c.patron_id, patron_id), (hold.c.id, hold_id)):
        if value is not None:
            query = query.where(column == value)
    return _all(unit, query)


def fees(
    unit: Unit,
    institution_id: int,
    *,
    patron_id: int | None = None,
    fee_id: int | None = None,
    kind: str | None = None,
    paid: bool = False,
    limit: int = 100,
) -> list[Record]:
    """Fees of an institution's patrons, oldest first; settled ones on request."""
    query = (
        select(
            fee.c.id,
            patron.c.barcode.label("patron"),
            fee.c.kind,
            fee_balance.c.outstanding_minor,
            fee.c.reason,
            item.c.barcode.label("item"),
            fee.c.created_at,
        )
        .join(fee_balance, fee_balance.c.fee_id == fee.c.id)
        .join(patron, patron.c.id == fee.c.patron_id)
        .outerjoin(item, item.c.id == fee.c.item_id)
        .where(patron.c.institution_id == institution_id)
        .order_by(fee.c.created_at, fee.c.id)
        .limit(limit)
    )
    if not paid:
        query = query.where(fee_balance.c.outstanding_minor > 0)
    for column, value in ((fee.c.patron_id, patron_id), (fee.c.id, fee_id)):
        if value is not None:
            query = query.where(column == value)
    if kind is not None:
        query = query.where(fee.c.kind == kind)
    return _all(unit, query)


def known_barcodes(unit: Unit, what: str, institution_id: int) -> dict[str, int]:
    """Every ``patron`` or ``item`` of an institution: id by barcode, for imports."""
    table = {"patron": patron, "item": item}[what]
    query = select(table.c.barcode, table.c.id).where(table.c.institution_id == institution_id)
    return {row[0]: row[1] for row in unit.core.execute(query)}
