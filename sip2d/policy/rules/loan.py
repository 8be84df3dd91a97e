"""Rules about the loan that is to be renewed (CO-12)."""

from datetime import timedelta

from sip2d.policy.decision import Action, Override
from sip2d.policy.facts import Facts
from sip2d.policy.rule import Word, rule


@rule(code="ITEM_NOT_ON_LOAN", denies=Action.RENEW, sees=("item.loan",))
def not_on_loan(facts: Facts) -> Word:
    """The item is not on loan at all."""
    item = facts.item
    return {"item_title": item.title} if item is not None and item.loan is None else None


@rule(code="ITEM_NOT_ON_LOAN_TO_PATRON", denies=Action.RENEW, sees=("item.loan.patron_id", "patron.id"))
def not_on_loan_to_patron(facts: Facts) -> Word:
    """The item is on loan to another patron."""
    item = facts.item
    if item is None or item.loan is None or item.loan.patron_id == facts.patron.id:
        return None
    return {"item_title": item.title}


@rule(code="ITEM_RECALLED", denies=Action.RENEW, sees=("item.loan.recalled_at",))
def recalled(facts: Facts) -> Word:
    """The loan is recalled: no road renews it (CO-40, BR-8)."""
    item = facts.item
    if item is None or item.loan is None or item.loan.recalled_at is None:
        return None
    return {"item_title": item.title}


@rule(
    code="RENEW_LIMIT",
    denies=Action.RENEW,
    override=Override.OPERATOR,
    no_block=True,
    sees=("item.loan.renewal_count", "terms.renewals_allowed"),
)
def renewed_often_enough(facts: Facts) -> Word:
    """The loan was renewed as often as the terms allow."""
    item, terms = facts.item, facts.terms
    if item is None or item.loan is None or terms is None or terms.renewals_allowed is None:
        return None
    if item.loan.renewal_count < terms.renewals_allowed:
        return None
    return {"count": item.loan.renewal_count, "limit": terms.renewals_allowed}


@rule(
    code="RENEW_TOO_SOON",
    denies=Action.RENEW,
    override=Override.OPERATOR,
    no_block=True,
    sees=("item.loan.due_at", "terms.no_renewal_before", "today"),
)
def too_soon(facts: Facts) -> Word:
    """The due date is further away than the terms allow a renewal; counted in local days (GN-1)."""
    item, terms = facts.item, facts.terms
    if item is None or item.loan is None or terms is None or terms.no_renewal_before is None:
        return None
    due_on = item.loan.due_at.astimezone(facts.zone).date()
    if facts.today >= due_on - timedelta(days=terms.no_renewal_before):
        return None
    return {"due_at": item.loan.due_at, "count": terms.no_renewal_before}
