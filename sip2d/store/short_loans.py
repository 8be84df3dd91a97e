"""Short loans that are overdue (BL-54), for the job of every minute."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Text, cast, exists, select

from sip2d.store.tables import branch, item, loan, notice, patron
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

KEY: Final = "SHORT|"


class ShortLoan(msgspec.Struct, frozen=True):
    """A loan that may be due for a reminder, with what its terms depend on."""

    loan_id: int
    item_id: int
    policy_branch_id: int
    patron_type_id: int
    item_type_id: int


def key(loan_id: int, due_at: datetime) -> str:
    """Of the reminder of this loan and due date (GN-5)."""
    return f"{KEY}{loan_id}|{seconds(due_at)}"


def waiting(
    unit: Unit, institution_id: int, item_types: Iterable[int], due: datetime, after: int, count: int
) -> list[ShortLoan]:
    """The next open loans of these types due at ``due`` or before and not reminded of yet, by id; lost items
    have left this way."""
    reminded = KEY + cast(loan.c.id, Text) + "|" + cast(loan.c.due_at, Text)
    rows = unit.core.execute(
        select(loan.c.id, loan.c.item_id, loan.c.policy_branch_id, patron.c.type_id, item.c.type_id)
        .select_from(loan)
        .join(item, item.c.id == loan.c.item_id)
        .join(patron, patron.c.id == loan.c.patron_id)
        .join(branch, branch.c.id == loan.c.policy_branch_id)
        .where(
            loan.c.status == "OPEN",
            loan.c.due_at <= seconds(due),
            loan.c.id > after,
            item.c.type_id.in_(list(item_types)),
            item.c.lost_status == 0,
            branch.c.institution_id == institution_id,
            ~exists().where(notice.c.dedup_key == reminded),
        )
        .order_by(loan.c.id)
        .limit(count)
    )
    return [ShortLoan(*row) for row in rows]
