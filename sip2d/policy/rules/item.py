"""Rules about the item that is to be lent or whose loan is to be renewed (CO-8, CO-12)."""

from sip2d.policy.decision import Action, Override
from sip2d.policy.facts import Facts
from sip2d.policy.rule import Word, rule

BY_JOB = "CRON"
"""The origin of a loss that the overdue automation set by itself; any other was declared by a person."""


@rule(
    code="ITEM_ON_LOAN_OTHER",
    denies=Action.LOAN,
    no_block=True,
    sees=("item.loan.patron_id", "patron.id"),
)
def on_loan_to_another(facts: Facts) -> Word:
    """The item is on loan to another patron; a loan made off-line takes it back first (CO-3)."""
    item = facts.item
    if item is None or item.loan is None or item.loan.patron_id == facts.patron.id:
        return None
    return {"item_title": item.title}


@rule(
    code="ITEM_LOST",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    sees=("item.lost_status",),
)
def lost(facts: Facts) -> Word:
    """The item is recorded as lost."""
    item = facts.item
    return {"item_title": item.title} if item is not None and item.lost_status else None


@rule(code="ITEM_LOST", denies=Action.RENEW, sees=("item.lost_status", "item.lost_origin"))
def declared_lost(facts: Facts) -> Word:
    """The item was declared lost by a person: no road renews its loan (CO-3)."""
    item = facts.item
    if item is None or not item.lost_status or item.lost_origin == BY_JOB:
        return None
    return {"item_title": item.title}


@rule(
    code="ITEM_NOT_FOR_LOAN",
    denies=Action.LOAN,
    override=Override.CIRCDESK,
    no_block=True,
    sees=("item.not_for_loan",),
)
def not_for_loan(facts: Facts) -> Word:
    """The item may not be borrowed."""
    item = facts.item
    return {"item_title": item.title} if item is not None and item.not_for_loan else None


@rule(
    code="ITEM_WITHDRAWN",
    denies=Action.LOAN,
    override=Override.CIRCDESK,
    no_block=True,
    sees=("item.withdrawn",),
)
def withdrawn(facts: Facts) -> Word:
    """The item is withdrawn from the collection."""
    item = facts.item
    return {"item_title": item.title} if item is not None and item.withdrawn else None


@rule(code="NO_RULE", denies=Action.LOAN | Action.RENEW, no_block=True, sees=("terms",))
def no_terms(facts: Facts) -> Word:
    """No circulation rule defines a loan period for this branch, patron type and item type (CO-6)."""
    if facts.item is None or facts.terms is not None:
        return None
    return {"item_title": facts.item.title}
