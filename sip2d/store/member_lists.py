"""Lists about memberships and proxy cards for a person's eyes, with plain Core."""

from collections.abc import Iterator

from sqlalchemy import func, or_, select

from sip2d.store.records import Record
from sip2d.store.tables import fee_balance, membership, patron, patron_type, proxy_card
from sip2d.store.unit import Unit


def members(unit: Unit, institution_id: int) -> Iterator[Record]:
    """Every patron who has or had a membership, or of whom one is asked, by barcode: with what his status
    follows from (MB-10)."""
    last = (
        select(func.max(membership.c.expires_on))
        .where(membership.c.patron_id == patron.c.id)
        .scalar_subquery()
    )
    owed = (
        select(func.coalesce(func.sum(fee_balance.c.outstanding_minor), 0))
        .where(fee_balance.c.patron_id == patron.c.id, fee_balance.c.kind == "MEMBERSHIP")
        .scalar_subquery()
    )
    asked = or_(patron_type.c.membership_policy_id.is_not(None), patron.c.membership_frozen == 1)
    query = (
        select(
            patron.c.barcode.label("patron"),
            patron.c.name,
            patron_type.c.code.label("type"),
            asked.label("required"),
            last.label("expires_on"),
            owed.label("owed_minor"),
        )
        .join(patron_type, patron_type.c.id == patron.c.type_id)
        .where(
            patron.c.institution_id == institution_id,
            patron.c.deleted_at.is_(None),
            asked | last.is_not(None),
        )
        .order_by(patron.c.barcode)
    )
    for row in unit.core.execute(query).mappings():
        yield dict(row)


def proxies(
    unit: Unit, institution_id: int, *, patron_id: int | None = None, barcode: str | None = None
) -> list[Record]:
    """Proxy cards by barcode: whose account, who holds it."""
    primary, holder = patron.alias("account"), patron.alias("holder")
    query = (
        select(
            proxy_card.c.barcode,
            primary.c.barcode.label("patron"),
            primary.c.name.label("name"),
            holder.c.barcode.label("holder"),
            proxy_card.c.enabled,
            proxy_card.c.expires_on,
        )
        .join(primary, primary.c.id == proxy_card.c.primary_patron_id)
        .outerjoin(holder, holder.c.id == proxy_card.c.holder_patron_id)
        .where(proxy_card.c.institution_id == institution_id)
        .order_by(proxy_card.c.barcode)
    )
    for column, value in ((proxy_card.c.primary_patron_id, patron_id), (proxy_card.c.barcode, barcode)):
        if value is not None:
            query = query.where(column == value)
    return [dict(row) for row in unit.core.execute(query).mappings()]
