"""Rules about the membership that borrowing takes (MB-20..MB-24). Holds, returns and payments take none
(MB-27).

Who acts with a proxy card needs the membership of the account, and where he must have one himself, his own
too (MB-24). Staff may set these reasons aside at their discretion (MB-28).
"""

from typing import Final

from sip2d.policy.decision import Action, Override
from sip2d.policy.facts import Facts, PatronFacts
from sip2d.policy.membership import Status
from sip2d.policy.rule import About, PolicyRule, Word, rule

DENIED: Final = Action.LOAN | Action.RENEW | Action.PICKUP

# An enum's member takes as long to look up as the rest of a silent rule.
_UNKNOWN: Final = Status.UNKNOWN
_EXPIRED: Final = Status.EXPIRED
_FEE_DUE: Final = Status.FEE_DUE
_SEES: Final = (
    "membership",
    "patron.membership_expires_on",
    "patron.membership_owed_minor",
    "holder_membership",
)


@rule(
    code="MEMBERSHIP_UNKNOWN",
    denies=DENIED,
    override=Override.ALL,
    no_block=True,
    about=About.PATRON,
    sees=_SEES,
)
def unknown(facts: Facts) -> Word:
    """A membership is required, and none is on record (MB-12)."""
    if facts.membership is not _UNKNOWN and facts.holder_membership is not _UNKNOWN:
        return None
    return {}


@rule(
    code="MEMBERSHIP_EXPIRED",
    denies=DENIED,
    override=Override.ALL,
    no_block=True,
    about=About.PATRON,
    sees=_SEES,
)
def expired(facts: Facts) -> Word:
    """The last day of the membership has passed (MB-17)."""
    if facts.membership is not _EXPIRED and facts.holder_membership is not _EXPIRED:
        return None
    return {"expires_at": _whose(facts, _EXPIRED).membership_expires_on}


@rule(
    code="MEMBERSHIP_FEE_DUE",
    denies=DENIED,
    override=Override.ALL,
    no_block=True,
    about=About.PATRON,
    sees=_SEES,
)
def fee_due(facts: Facts) -> Word:
    """The membership's bill has not been settled in full (MB-11, MB-15)."""
    if facts.membership is not _FEE_DUE and facts.holder_membership is not _FEE_DUE:
        return None
    return {"amount": _whose(facts, _FEE_DUE).membership_owed_minor}


RULES: Final[tuple[PolicyRule, ...]] = (unknown, expired, fee_due)


def _whose(facts: Facts, found: Status) -> PatronFacts:
    """The account that stands so, or else the holder of the proxy card."""
    acting = facts.patron.acting
    if facts.membership is found or acting is None or acting.holder is None:
        return facts.patron
    return acting.holder
