"""A patron against whom nothing stands, told at a glance: nearly everybody, nearly always.

The rules are the truth. This is what they come to where everything they count is zero; a property holds it
to them.
"""

from typing import Final

from sip2d.policy.facts import Facts
from sip2d.policy.membership import Status

# An enum's member takes as long to look up as three other looks.
_NONE_NEEDED: Final = Status.NOT_REQUIRED
_CURRENT: Final = Status.ACTIVE


def in_order(facts: Facts) -> bool:
    """Whether no rule about the patron speaks, as far as a glance can tell: 0.4 us, where asking them takes
    1.2. False says nothing: ask them."""
    who, kind, terms = facts.patron, facts.patron_type, facts.terms
    if (
        who.card_lost
        or who.blocks
        or who.owed_minor
        or who.restricting_minor
        or who.overdue
        or who.recalled_overdue
        or who.claims_returned
        or who.lost
        or _worth_too_much(facts)
    ):
        return False
    loans, limit, expires = who.loans, kind.loan_limit, who.expires_on
    return (
        (limit is None or loans < limit)
        and (terms is None or terms.loan_limit is None or loans < terms.loan_limit)
        and (expires is None or expires >= facts.today)
        and (facts.membership is _NONE_NEEDED or facts.membership is _CURRENT)
        and (facts.holder_membership is _NONE_NEEDED or facts.holder_membership is _CURRENT)
    )


def _worth_too_much(facts: Facts) -> bool:
    limit, item = facts.patron_type.value_limit_minor, facts.item
    if limit is None:
        return False
    return facts.patron.value_minor + ((item.price_minor or 0) if item is not None else 0) > limit
