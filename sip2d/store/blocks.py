"""User blocks (BL-10, BL-11): stored reasons that deny a patron some actions. A removed one keeps its row."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, func, insert, null, or_, select, update

from sip2d.policy import suspension
from sip2d.policy.facts import BlockFacts
from sip2d.policy.overdue_block import Running
from sip2d.store import audit
from sip2d.store.statement import hot
from sip2d.store.tables import item, loan, patron, user_block
from sip2d.store.times import instant, maybe_instant, maybe_seconds, seconds
from sip2d.store.unit import Row, Unit

AUDITED = "patron_block"
"""The entity of audit rows about a patron's blocks; their entity id is the patron's."""

COLUMNS = (
    user_block.c.id,
    user_block.c.definition,
    user_block.c.actions,
    user_block.c.override,
    user_block.c.reason,
    user_block.c.origin,
    user_block.c.starts_at,
    user_block.c.expires_at,
)
"""The columns of `BlockFacts`, in its order."""


def in_force(now: ColumnElement[int]) -> ColumnElement[bool]:
    """Neither removed nor run out. A suspension for demerits lasts until its points were looked at again
    (BL-11, BL-40)."""
    return and_(
        user_block.c.removed_at.is_(None),
        or_(
            user_block.c.expires_at.is_(None),
            user_block.c.expires_at > now,
            user_block.c.origin == suspension.DEMERIT,
        ),
    )


_EFFECTIVE = hot(
    select(*COLUMNS)
    .where(user_block.c.patron_id == bindparam("patron_id"), in_force(bindparam("now")))
    .order_by(user_block.c.id),
    "patron_id",
    "now",
)
_INSERT = hot(
    insert(user_block),
    "patron_id",
    "definition",
    "actions",
    "override",
    "reason",
    "origin",
    "starts_at",
    "expires_at",
    "created_by",
    "set_card_lost",
    "type",
    "note",
    "loan_id",
    "loan_due_at",
    "link_id",
    "original_type",
    "network_block",
    "capped",
)
_OF_ORIGIN = hot(
    select(user_block.c.id, user_block.c.set_card_lost)
    .where(
        user_block.c.patron_id == bindparam("patron_id"),
        user_block.c.removed_at.is_(None),
        user_block.c.definition == bindparam("definition_is"),
        user_block.c.origin == bindparam("origin_is"),
    )
    .order_by(user_block.c.id),
    "patron_id",
    "definition_is",
    "origin_is",
)
_REMOVE = hot(
    update(user_block)
    .values(
        removed_at=bindparam("at"),
        removed_reason=bindparam("why"),
        removed_by=bindparam("by"),
    )
    .where(user_block.c.id == bindparam("block_id"), user_block.c.removed_at.is_(None)),
    "block_id",
    "at",
    "why",
    "by",
)
_RESTORE = hot(
    update(user_block)
    .values(removed_at=null(), removed_reason=null(), removed_by=null())
    .where(user_block.c.id == bindparam("block_id"), user_block.c.removed_reason == bindparam("why")),
    "block_id",
    "why",
)
_RUNNING = hot(
    select(user_block.c.starts_at, user_block.c.expires_at)
    .where(
        user_block.c.patron_id == bindparam("patron_id"),
        user_block.c.removed_at.is_(None),
        user_block.c.origin == suspension.OVERDUE_RETURN,
        user_block.c.expires_at > bindparam("at"),
    )
    .order_by(user_block.c.id),
    "patron_id",
    "at",
)
_OF_LOAN = hot(
    select(user_block.c.id, user_block.c.patron_id, user_block.c.origin, user_block.c.loan_due_at)
    .where(user_block.c.loan_id == bindparam("loan_id"), user_block.c.removed_at.is_(None))
    .order_by(user_block.c.id),
    "loan_id",
)
_OF_DUE = hot(
    select(func.max(user_block.c.id)).where(
        user_block.c.patron_id == bindparam("patron_id"),
        user_block.c.loan_id == bindparam("loan_id"),
        user_block.c.loan_due_at == bindparam("due"),
        user_block.c.origin == bindparam("origin_is"),
    ),
    "patron_id",
    "loan_id",
    "due",
    "origin_is",
)
_SOLE = hot(
    select(
        user_block.c.id,
        user_block.c.patron_id,
        patron.c.institution_id,
        user_block.c.starts_at,
        user_block.c.expires_at,
    )
    .join(patron, patron.c.id == user_block.c.patron_id)
    .where(
        user_block.c.patron_id == bindparam("patron_id"),
        user_block.c.removed_at.is_(None),
        user_block.c.origin == bindparam("origin_is"),
    ),
    "patron_id",
    "origin_is",
)
_OVERDUE = hot(
    select(loan.c.id)
    .where(
        loan.c.patron_id == bindparam("patron_id"),
        loan.c.status == "OPEN",
        loan.c.due_at < bindparam("now"),
    )
    .limit(1),
    "patron_id",
    "now",
)
_EXPIRED = hot(
    select(
        user_block.c.id,
        user_block.c.patron_id,
        patron.c.barcode,
        patron.c.home_branch_id,
        user_block.c.definition,
        user_block.c.origin,
        item.c.barcode.label("item_barcode"),
    )
    .join(patron, patron.c.id == user_block.c.patron_id)
    .outerjoin(loan, loan.c.id == user_block.c.loan_id)
    .outerjoin(item, item.c.id == loan.c.item_id)
    .where(
        user_block.c.removed_at.is_(None),
        user_block.c.expires_at <= bindparam("now"),
        user_block.c.id > bindparam("after"),
        patron.c.institution_id == bindparam("institution_id"),
    )
    .order_by(user_block.c.id)
    .limit(bindparam("count")),
    "institution_id",
    "now",
    "after",
    "count",
)
_TOUCH = hot(
    update(patron)
    .values(source_version=patron.c.source_version + 1)
    .where(
        patron.c.id
        == select(user_block.c.patron_id)
        .where(user_block.c.id == bindparam("block_id"), user_block.c.network_block == 1)
        .scalar_subquery()
    ),
    "block_id",
)
_CARD = hot(
    update(patron).values(card_lost=bindparam("lost")).where(patron.c.id == bindparam("patron_id")),
    "patron_id",
    "lost",
)


def effective(unit: Unit, patron_id: int, now: datetime) -> tuple[BlockFacts, ...]:
    """The blocks that count now (BL-11), oldest first."""
    return tuple(facts(row) for row in unit.all(_EFFECTIVE, patron_id, seconds(now)))


def facts(row: Row) -> BlockFacts:
    """A row of `COLUMNS`."""
    id_, definition, actions, override, reason, origin, starts_at, expires_at = row
    return BlockFacts(
        id_,
        definition,
        actions,
        override,
        reason,
        origin,
        instant(starts_at),
        maybe_instant(expires_at),
    )


def insert_block(
    unit: Unit,
    patron_id: int,
    *,
    definition: str,
    actions: str,
    override: str,
    reason: str,
    origin: str,
    starts_at: datetime,
    created_by: str,
    expires_at: datetime | None = None,
    set_card_lost: bool = False,
    type_: str = "USER",
    note: str = "",
    loan_id: int | None = None,
    loan_due_at: datetime | None = None,
    link_id: int | None = None,
    original_type: str | None = None,
    network_block: bool = False,
    capped: bool = False,
) -> int:
    """Block a patron; the block's id. ``set_card_lost``: it is why the card is recorded as lost (CO-32).

    Of a loan and due date there is one block of an origin at a time (BL-50), of OVERDUE_NOTICE and DEMERIT
    one a patron (LO-21, BL-33): a second one raises what `CONFLICTS` names.
    """
    block_id = unit.insert(
        _INSERT,
        patron_id,
        definition,
        actions,
        override,
        reason,
        origin,
        seconds(starts_at),
        maybe_seconds(expires_at),
        created_by,
        int(set_card_lost),
        type_,
        note,
        loan_id,
        maybe_seconds(loan_due_at),
        link_id,
        original_type,
        int(network_block),
        int(capped),
    )
    if network_block:
        _touch(unit, block_id)
    return block_id


def standing(unit: Unit, patron_id: int, definition: str, origin: str) -> list[tuple[int, bool]]:
    """The blocks of one origin not removed yet: id, and whether it set the card to lost."""
    return [(row[0], bool(row[1])) for row in unit.all(_OF_ORIGIN, patron_id, definition, origin)]


def remove(unit: Unit, block_id: int, *, now: datetime, reason: str, actor: str) -> bool:
    """Close a block; False when it was removed before."""
    if unit.run(_REMOVE, block_id, seconds(now), reason, actor) != 1:
        return False
    _touch(unit, block_id)
    return True


def restore(unit: Unit, block_id: int, reason: str) -> bool:
    """Take a removal for this reason back (SP-23); False when there is none."""
    if unit.run(_RESTORE, block_id, reason) != 1:
        return False
    _touch(unit, block_id)
    return True


def _touch(unit: Unit, block_id: int) -> None:
    """A network block came or went: its patron's record has changed, linked accounts are refreshed (BL-61,
    BL-63)."""
    unit.run(_TOUCH, block_id)


class OfLoan(msgspec.Struct, frozen=True):
    """A block that stands because of a loan, and the due date that was missed."""

    id: int
    patron_id: int
    origin: str
    loan_due_at: datetime | None


class Sole(msgspec.Struct, frozen=True):
    """The one restriction, or suspension for demerits, of a patron."""

    id: int
    patron_id: int
    institution_id: int
    starts_at: datetime
    expires_at: datetime | None


class Expired(msgspec.Struct, frozen=True):
    """A block past its end for the night job; ``item_barcode`` of its loan (BL-56)."""

    id: int
    patron_id: int
    barcode: str
    home_branch_id: int
    definition: str
    origin: str
    item_barcode: str | None


def running(unit: Unit, patron_id: int, at: datetime) -> tuple[Running, ...]:
    """The patron's overdue blocks in force then, whose end is known (BL-49, BL-52)."""
    return tuple(
        Running(instant(row[0]), instant(row[1])) for row in unit.all(_RUNNING, patron_id, seconds(at))
    )


def of_loan(unit: Unit, loan_id: int) -> list[OfLoan]:
    """The blocks that stand because of this loan, whatever its due date was then."""
    return [
        OfLoan(id_, patron_id, origin, maybe_instant(due_at))
        for id_, patron_id, origin, due_at in unit.all(_OF_LOAN, loan_id)
    ]


def of_due(unit: Unit, patron_id: int, loan_id: int, due_at: datetime, origin: str) -> int | None:
    """The last block of an origin for this loan and due date, removed or not."""
    block_id: int | None = unit.value(_OF_DUE, patron_id, loan_id, seconds(due_at), origin)
    return block_id


def sole(unit: Unit, patron_id: int, origin: str) -> Sole | None:
    """The standing block of OVERDUE_NOTICE or DEMERIT, of which there is one at most."""
    row = unit.one(_SOLE, patron_id, origin)
    if row is None:
        return None
    id_, of_patron, institution_id, starts_at, expires_at = row
    return Sole(id_, of_patron, institution_id, instant(starts_at), maybe_instant(expires_at))


def any_overdue(unit: Unit, patron_id: int, now: datetime) -> bool:
    """Whether the patron has a loan that is overdue (LO-22)."""
    return unit.one(_OVERDUE, patron_id, seconds(now)) is not None


def expired(unit: Unit, institution_id: int, now: datetime, after: int, count: int) -> list[Expired]:
    """The next blocks of an institution's patrons that have run out and stand, by id (BL-53)."""
    return [Expired(*row) for row in unit.all(_EXPIRED, institution_id, seconds(now), after, count)]


def set_card_lost(unit: Unit, patron_id: int, lost: bool) -> None:
    """Record the card as lost, or found."""
    unit.run(_CARD, patron_id, int(lost))


def mark(unit: Unit, patron_id: int) -> int:
    """The id of the newest audit row about the patron's blocks, 0 without one: the mark of SP-21."""
    return audit.last(unit, AUDITED, patron_id)
