"""Rules about what the patron owes. Comparisons are strict: owing just the limit is allowed (CO-10,
LO-33)."""

from sip2d.policy.decision import Action, Override
from sip2d.policy.facts import Facts
from sip2d.policy.rule import About, Word, rule


@rule(
    code="NOISSUESCHARGE",
    scenario="FINES_LIMIT",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=(
        "patron.restricting_minor",
        "settings.noissuescharge_minor",
        "settings.noissuescharge_item_types",
        "item_type.code",
    ),
)
def owes_too_much(facts: Facts) -> Word:
    """More is owed, of the kinds that restrict checkouts, than noissuescharge; for the item types it is
    limited to (CO-10)."""
    limit = facts.settings.noissuescharge_minor
    owed = facts.patron.restricting_minor
    if limit is None or owed <= limit:
        return None
    kinds = facts.settings.noissuescharge_item_types
    if kinds and (facts.item_type is None or facts.item_type.code not in kinds):
        return None
    return {"amount": owed, "limit_minor": limit}


@rule(
    code="FINE_NO_RENEWALS",
    scenario="FINES_NO_RENEWAL",
    denies=Action.RENEW,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=(
        "patron.owed_minor",
        "patron.credit_minor",
        "settings.fine_no_renewals_minor",
        "settings.fine_no_renewals_includes_credits",
    ),
)
def owes_too_much_to_renew(facts: Facts) -> Word:
    """More is owed than OPACFineNoRenewals; credits are taken off where the setting says so (LO-33)."""
    limit = facts.settings.fine_no_renewals_minor
    owed = facts.patron.owed_minor
    if facts.settings.fine_no_renewals_includes_credits:
        owed -= facts.patron.credit_minor
    return {"amount": owed, "limit_minor": limit} if limit is not None and owed > limit else None


@rule(
    code="BILLED_LIMIT",
    scenario="PATRON_BLOCKED",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    about=About.PATRON,
    sees=("patron.owed_minor", "patron_type.bills_limit_minor"),
)
def bills_limit(facts: Facts) -> Word:
    """More bills are outstanding than the patron type allows (CO-11)."""
    limit = facts.patron_type.bills_limit_minor
    owed = facts.patron.owed_minor
    if limit is None or owed <= limit:
        return None
    return {"reason": "BILLED_LIMIT", "amount": owed, "limit_minor": limit}
