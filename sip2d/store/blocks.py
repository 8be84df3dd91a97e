"""User blocks (BL-10, BL-11): stored reasons that deny a patron some actions. A removed one keeps its row."""

from datetime import datetime

from sqlalchemy import bindparam, insert, or_, select, update

from sip2d.policy.facts import BlockFacts
from sip2d.store import audit
from sip2d.store.statement import hot
from sip2d.store.tables import patron, user_block
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

_EFFECTIVE = hot(
    select(*COLUMNS)
    .where(
        user_block.c.patron_id == bindparam("patron_id"),
        user_block.c.removed_at.is_(None),
        or_(user_block.c.expires_at.is_(None), user_block.c.expires_at > bindparam("now")),
    )
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
) -> int:
    """Block a patron; the block's id. ``set_card_lost``: it is why the card is recorded as lost (CO-32)."""
    return unit.insert(
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
    )


def standing(unit: Unit, patron_id: int, definition: str, origin: str) -> list[tuple[int, bool]]:
    """The blocks of one origin not removed yet: id, and whether it set the card to lost."""
    return [(row[0], bool(row[1])) for row in unit.all(_OF_ORIGIN, patron_id, definition, origin)]


def remove(unit: Unit, block_id: int, *, now: datetime, reason: str, actor: str) -> bool:
    """Close a block; False when it was removed before."""
    return unit.run(_REMOVE, block_id, seconds(now), reason, actor) == 1


def set_card_lost(unit: Unit, patron_id: int, lost: bool) -> None:
    """Record the card as lost, or found."""
    unit.run(_CARD, patron_id, int(lost))


def mark(unit: Unit, patron_id: int) -> int:
    """The id of the newest audit row about the patron's blocks, 0 without one: the mark of SP-21."""
    return audit.last(unit, AUDITED, patron_id)
