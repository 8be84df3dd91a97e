"""Titles and their copies, as whoever places a hold sees them (HO-2)."""

import msgspec
from sqlalchemy import bindparam, case, or_, select

from sip2d.spelling import spelt_out
from sip2d.store.statement import hot
from sip2d.store.tables import hold, item, loan, title
from sip2d.store.unit import Row, Unit

_COPIES = hot(
    select(
        item.c.id,
        item.c.home_branch_id,
        item.c.type_id,
        loan.c.id,
        loan.c.patron_id,
        case((item.c.transit_to_branch_id.is_(None) & hold.c.id.is_(None), 1), else_=0),
    )
    .outerjoin(loan, (loan.c.item_id == item.c.id) & (loan.c.status == "OPEN"))
    .outerjoin(
        hold,
        (hold.c.filled_item_id == item.c.id)
        & or_(hold.c.status == "ON_SHELF", hold.c.status == "IN_TRANSIT"),
    )
    .where(
        item.c.title_id == bindparam("title_id"),
        item.c.withdrawn == 0,
        item.c.not_for_loan == 0,
        item.c.lost_status == 0,
    )
    .order_by(item.c.id),
    "title_id",
)
_ON_LOAN = hot(
    select(loan.c.id)
    .join(item, item.c.id == loan.c.item_id)
    .where(
        loan.c.patron_id == bindparam("patron_id"),
        loan.c.status == "OPEN",
        item.c.title_id == bindparam("title_id"),
    )
    .limit(1),
    "patron_id",
    "title_id",
)
_TITLE = hot(
    select(title.c.id, title.c.title).where(
        title.c.institution_id == bindparam("institution_id"), title.c.number == bindparam("number")
    ),
    "institution_id",
    "number",
)


class Copy(msgspec.Struct, frozen=True, gc=False):
    """A copy of a title that may be lent at all. ``free``: neither travelling nor kept for somebody."""

    item_id: int
    home_branch_id: int
    type_id: int
    loan_id: int | None
    loaned_to: int | None
    free: bool

    @property
    def on_shelf(self) -> bool:
        """It stands on the shelf for whoever comes."""
        return self.free and self.loan_id is None


def copies(unit: Unit, title_id: int) -> list[Copy]:
    """The copies of a title that may be lent: not lost, withdrawn or excluded from lending."""
    rows: list[Row] = [(*row[:5], bool(row[5])) for row in unit.all(_COPIES, title_id)]
    return [Copy(*row) for row in rows]


def has_on_loan(unit: Unit, patron_id: int, title_id: int) -> bool:
    """Whether the patron has a copy of the title on loan."""
    return unit.one(_ON_LOAN, patron_id, title_id) is not None


def find_title(unit: Unit, institution_id: int, number: str) -> tuple[int, str] | None:
    """The id and text of the title of this number (AJ of message 15)."""
    row = unit.one(_TITLE, institution_id, spelt_out(number))
    return None if row is None else (row[0], row[1])
