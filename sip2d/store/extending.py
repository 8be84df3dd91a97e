"""Open loans to be extended, many at a time (`sip2d loans extend`): in the order they were made, a page at a
time, so that their number does not matter.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import select

from sip2d.store.tables import branch, item, loan, patron
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Unit

PAGE: Final = 2000


class OpenLoan(msgspec.Struct, frozen=True, gc=False):
    """One of them; branches and types as ids. ``branch_id`` is where it was lent, ``policy_branch_id`` whose
    calendar it follows (CO-5).
    """

    id: int
    patron: str
    item: str
    branch_id: int
    policy_branch_id: int
    patron_type_id: int
    item_type_id: int
    due_at: datetime
    recalled: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which; None: all. The instants are the first and the last that a due date may be."""

    institution_id: int
    branch_id: int | None = None
    policy_branches: Collection[int] | None = None
    patron_type_id: int | None = None
    item_type_id: int | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None


def loans(unit: Unit, wanted: Wanted) -> Iterator[OpenLoan]:
    """Every open loan of the institution's items that is so."""
    columns = (
        loan.c.id, patron.c.barcode, item.c.barcode, loan.c.branch_id, loan.c.policy_branch_id,
        patron.c.type_id, item.c.type_id, loan.c.due_at, loan.c.recalled_at,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(item, item.c.id == loan.c.item_id)
        .join(patron, patron.c.id == loan.c.patron_id)
        .where(loan.c.status == "OPEN", item.c.institution_id == wanted.institution_id)
        .order_by(loan.c.id)
        .limit(PAGE)
    )
    for column, value in (
        (loan.c.branch_id, wanted.branch_id), (patron.c.type_id, wanted.patron_type_id),
        (item.c.type_id, wanted.item_type_id),
    ):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    if wanted.policy_branches is not None:
        query = query.where(loan.c.policy_branch_id.in_(list(wanted.policy_branches)))
    if wanted.due_from is not None:
        query = query.where(loan.c.due_at >= seconds(wanted.due_from))
    if wanted.due_until is not None:
        query = query.where(loan.c.due_at <= seconds(wanted.due_until))
    last = 0
    while page := unit.core.execute(query.where(loan.c.id > last)).all():
        for row in page:
            yield OpenLoan(*row[:7], instant(row[7]), row[8] is not None)
        last = page[-1][0]


def followers(unit: Unit, institution_id: int, branch_id: int | None) -> list[int]:
    """The branches that follow a calendar: of a branch that has its own, it alone; of the institution, those
    that have none.
    """
    own = branch.c.uses_own_calendar == 1
    query = select(branch.c.id).where(branch.c.institution_id == institution_id)
    wanted = query.where(~own) if branch_id is None else query.where(own, branch.c.id == branch_id)
    return list(unit.core.scalars(wanted.order_by(branch.c.id)))
