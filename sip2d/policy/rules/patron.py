"""Rules about the patron: the card, the account, stored blocks, limits (CO-2, CO-11, BL-11..BL-15)."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from sip2d.policy.decision import Action, Override, Reason
from sip2d.policy.facts import BlockFacts, Facts
from sip2d.policy.rule import ALL, About, Word, rule
from sip2d.policy.suspension import DEMERIT

OVERDUES: Final = "OVERDUES"
"""The definition of the block that an overdue notice sets (LO-21); it has a text of its own."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@rule(
    code="CARD_LOST",
    denies=ALL,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.card_lost",),
)
def card_lost(facts: Facts) -> Word:
    """The card was reported lost."""
    return {} if facts.patron.card_lost else None


@rule(
    code="PATRON_EXPIRED",
    denies=ALL,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.expires_on", "today"),
)
def account_expired(facts: Facts) -> Word:
    """The last day of the account has passed."""
    expires = facts.patron.expires_on
    return {"expires_at": expires} if expires is not None and expires < facts.today else None


@rule(
    code="BLOCK",
    scenario="PATRON_BLOCKED",
    denies=ALL,
    no_block=True,
    about=About.PATRON,
    sees=("patron.blocks", "now"),
)
def user_blocks(facts: Facts) -> Word:
    """A stored block is in force: one reason each, with the block's own actions and override (BL-11..BL-13).

    Suspensions, whose end is known, come first, the longest of them before the others.
    """
    if not facts.patron.blocks:
        return None
    blocks = [
        block for block in facts.patron.blocks if block.definition != OVERDUES and _in_force(block, facts.now)
    ]
    blocks.sort(key=_latest_end, reverse=True)
    return tuple(_reason(block, facts.now) for block in blocks) or None


@rule(
    code="OVERDUES",
    scenario="OVERDUE_RESTRICTION",
    denies=Action.LOAN | Action.RENEW,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.blocks", "now"),
)
def overdue_restriction(facts: Facts) -> Word:
    """A restriction for overdue items is in force (LO-21)."""
    for block in facts.patron.blocks:
        if block.definition == OVERDUES and _in_force(block, facts.now):
            return {"expires_at": block.expires_at}
    return None


@rule(
    code="LOAN_LIMIT",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.loans", "patron_type.loan_limit", "terms.loan_limit"),
)
def loan_limit(facts: Facts) -> Word:
    """One more loan would exceed the limit of the patron type or of the circulation rules (CO-11)."""
    loans, limit, terms = facts.patron.loans, facts.patron_type.loan_limit, facts.terms
    if limit is not None and loans >= limit:
        return {"count": loans, "limit": limit}
    if terms is not None and terms.loan_limit is not None and loans >= terms.loan_limit:
        return {"count": loans, "limit": terms.loan_limit}
    return None


@rule(
    code="VALUE_LIMIT",
    scenario="LOAN_LIMIT",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.value_minor", "item.price_minor", "patron_type.value_limit_minor"),
)
def value_limit(facts: Facts) -> Word:
    """The value of what is on loan exceeds the patron type's limit, or would with this item (CO-11)."""
    limit = facts.patron_type.value_limit_minor
    if limit is None:
        return None
    value = facts.patron.value_minor
    if facts.item is not None:
        value += facts.item.price_minor or 0
    return {"amount": value, "limit_minor": limit} if value > limit else None


@rule(
    code="OVERDUE_LIMIT",
    scenario="PATRON_BLOCKED",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.overdue", "patron_type.overdue_limit"),
)
def overdue_limit(facts: Facts) -> Word:
    """More loans are overdue than the patron type allows (CO-11, BL-15)."""
    count, limit = facts.patron.overdue, facts.patron_type.overdue_limit
    return None if limit is None or count <= limit else _above("OVERDUE_LIMIT", count, limit)


@rule(
    code="RECALL_LIMIT",
    scenario="PATRON_BLOCKED",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.recalled_overdue", "patron_type.recalled_overdue_limit"),
)
def recalled_overdue_limit(facts: Facts) -> Word:
    """More recalled loans are overdue than the patron type allows (BL-15)."""
    count, limit = facts.patron.recalled_overdue, facts.patron_type.recalled_overdue_limit
    return None if limit is None or count <= limit else _above("RECALL_LIMIT", count, limit)


@rule(
    code="CLAIMS_LIMIT",
    scenario="PATRON_BLOCKED",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.claims_returned", "patron_type.claims_limit"),
)
def claims_limit(facts: Facts) -> Word:
    """More items are claimed returned than the patron type allows (CO-11)."""
    count, limit = facts.patron.claims_returned, facts.patron_type.claims_limit
    return None if limit is None or count <= limit else _above("CLAIMS_LIMIT", count, limit)


@rule(
    code="LOST_LIMIT",
    scenario="PATRON_BLOCKED",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.lost", "patron_type.lost_limit"),
)
def lost_limit(facts: Facts) -> Word:
    """More items are lost than the patron type allows (CO-11)."""
    count, limit = facts.patron.lost, facts.patron_type.lost_limit
    return None if limit is None or count <= limit else _above("LOST_LIMIT", count, limit)


@rule(
    code="LOAN_LIMIT",
    denies=Action.RENEW,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=(
        "patron_type.limits_block_renewal",
        "patron.loans",
        "patron.overdue",
        "patron.recalled_overdue",
        "patron.claims_returned",
        "patron.lost",
    ),
)
def limits_block_renewal(facts: Facts) -> Word:
    """A limit of the patron type is exceeded already, and the type's limits block renewals too (CO-11)."""
    who, kind = facts.patron, facts.patron_type
    if not kind.limits_block_renewal:
        return None
    # Asked of every patron of such a type: each limit by itself is 0.3 us, a loop over them 0.8.
    if kind.loan_limit is not None and who.loans > kind.loan_limit:
        return _exceeded("LOAN_LIMIT", "LOAN_LIMIT")
    if kind.overdue_limit is not None and who.overdue > kind.overdue_limit:
        return _exceeded("OVERDUE_LIMIT")
    if kind.recalled_overdue_limit is not None and who.recalled_overdue > kind.recalled_overdue_limit:
        return _exceeded("RECALL_LIMIT")
    if kind.claims_limit is not None and who.claims_returned > kind.claims_limit:
        return _exceeded("CLAIMS_LIMIT")
    if kind.lost_limit is not None and who.lost > kind.lost_limit:
        return _exceeded("LOST_LIMIT")
    if kind.bills_limit_minor is not None and who.owed_minor > kind.bills_limit_minor:
        return _exceeded("BILLED_LIMIT")
    return None


def _exceeded(code: str, scenario: str = "PATRON_BLOCKED") -> Word:
    return (Reason(code, Action.RENEW, scenario, Override.OPERATOR, True, values={"reason": code}),)


def _above(code: str, count: int, limit: int) -> Word:
    return {"reason": code, "count": count, "limit": limit}


def _in_force(block: BlockFacts, now: datetime) -> bool:
    """A block past its end is none, whether or not a job removed it (BL-11, D-21); but one for demerits lasts
    until its points were looked at again (BL-40)."""
    if block.starts_at > now:
        return False
    return block.expires_at is None or block.expires_at > now or block.origin == DEMERIT


def _latest_end(block: BlockFacts) -> datetime:
    return _NEVER if block.expires_at is None else block.expires_at


def _reason(block: BlockFacts, now: datetime) -> Reason:
    ends = block.expires_at is not None and block.expires_at > now
    return Reason(
        code=f"BLOCK:{block.definition}",
        denies=actions(block.actions),
        scenario="PATRON_SUSPENDED" if ends else "PATRON_BLOCKED",
        override=Override[block.override],
        bypassed_by_no_block=True,
        expires_at=block.expires_at,
        source=f"user_block {block.id}",
        values={"reason": block.reason or block.definition, "expires_at": block.expires_at},
    )


@lru_cache(maxsize=64)
def actions(text: str) -> Action:
    """``LOAN,RENEW`` as actions; words for what is no act of ours (ILL) deny nothing here (BL-5)."""
    denied = Action.NONE
    for word in text.split(","):
        denied |= Action.__members__.get(word.strip(), Action.NONE)
    return denied
