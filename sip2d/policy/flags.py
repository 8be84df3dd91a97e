"""What the wire says of a patron's standing: the fourteen flags and BL (SP-5, SP-6)."""

from typing import Final

from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import Facts
from sip2d.policy.rules import membership
from sip2d.vocabulary import PatronFlag

# Bits, not members: every & of two flags of an enum is 1 us, and a blocked patron would need eight.
_BY_ACTION: Final[tuple[tuple[int, PatronFlag], ...]] = (
    (Action.LOAN.value, PatronFlag.LOAN_DENIED),
    (Action.RENEW.value, PatronFlag.RENEWAL_DENIED),
    (Action.HOLD.value, PatronFlag.RECALL_DENIED),
    (Action.HOLD.value, PatronFlag.HOLD_DENIED),
)
_LOAN: Final = Action.LOAN.value
_BY_CODE: Final[dict[str, PatronFlag]] = {
    "CARD_LOST": PatronFlag.CARD_LOST,
    "LOAN_LIMIT": PatronFlag.TOO_MANY_LOANS,
    "VALUE_LIMIT": PatronFlag.TOO_MANY_LOANS,
    "OVERDUE_LIMIT": PatronFlag.TOO_MANY_OVERDUE,
    "CLAIMS_LIMIT": PatronFlag.TOO_MANY_CLAIMS,
    "LOST_LIMIT": PatronFlag.TOO_MANY_LOST,
    "BILLED_LIMIT": PatronFlag.TOO_MANY_BILLED,
}
_NO_FLAG: Final = " " * len(PatronFlag)

MEMBERSHIP: Final = frozenset(rule.code for rule in membership.RULES)
"""The codes of what a membership denies (SP-7)."""

_ENDS_STANDING: Final = frozenset({"CARD_LOST", "PATRON_EXPIRED", "OVERDUES"}) | MEMBERSHIP


def patron_flags(reasons: tuple[Reason, ...], facts: Facts) -> str:
    """The 14 characters, ``Y`` or blank, from what the rules said to STANDING and, for money and recalls,
    the facts (SP-5)."""
    patron, limit = facts.patron, facts.settings.noissuescharge_minor
    fines = limit is not None and patron.fines_minor > limit
    fees = limit is not None and patron.restricting_minor > limit
    if not reasons and not fines and not fees and not patron.recalled_overdue:
        return _NO_FLAG
    flags = [" "] * len(PatronFlag)
    denied = 0
    for reason in reasons:
        denied |= reason.denies._value_
        flag = _BY_CODE.get(reason.code)
        if flag is not None:
            flags[flag] = "Y"
    for action, flag in _BY_ACTION:
        if denied & action:
            flags[flag] = "Y"
    if fines:
        flags[PatronFlag.EXCESSIVE_FINES] = "Y"
    if fees:
        flags[PatronFlag.EXCESSIVE_FEES] = "Y"
    if patron.recalled_overdue:
        flags[PatronFlag.RECALL_OVERDUE] = "Y"
    return "".join(flags)


def of_status(reasons: tuple[Reason, ...], facts: Facts) -> tuple[Reason, ...]:
    """The reasons that set flags in 24 and 26: an unsettled membership does not, for the card is as valid as
    before, unless the institution wants it (SP-7, D-3)."""
    if not reasons or facts.settings.membership_flags_in_patron_status:
        return reasons
    return tuple(reason for reason in reasons if reason.code not in MEMBERSHIP)


def standing(reasons: tuple[Reason, ...]) -> bool:
    """BL of 64: whether the patron is in good standing. Limits and debts do not end it (SP-6, D-29)."""
    return not any(
        reason.code in _ENDS_STANDING or (reason.code.startswith("BLOCK:") and reason.denies._value_ & _LOAN)
        for reason in reasons
    )
