"""The rulebook: which rules there are, in which order they speak, and what follows from what they say (CO-2,
CO-3, CO-9).

All rules that concern a question speak; none stops the others, because the fourteen flags of a patron and
the log want them all.
"""

import enum
from datetime import datetime
from typing import Final

import msgspec

from sip2d.policy.decision import Action, Decision, Override, Reason
from sip2d.policy.facts import Facts as Facts
from sip2d.policy.facts import Mode
from sip2d.policy.in_order import in_order
from sip2d.policy.rule import About, PolicyRule, captioned
from sip2d.policy.rule import Question as Question
from sip2d.policy.rules import hold, item, ledger, loan, membership, patron
from sip2d.vocabulary import StaffRole

RULES: Final[tuple[PolicyRule, ...]] = (
    patron.card_lost,
    patron.account_expired,
    *membership.RULES,
    patron.user_blocks,
    patron.overdue_restriction,
    ledger.owes_too_much,
    ledger.owes_too_much_to_renew,
    patron.loan_limit,
    patron.value_limit,
    patron.overdue_limit,
    patron.recalled_overdue_limit,
    patron.claims_limit,
    patron.lost_limit,
    ledger.bills_limit,
    patron.limits_block_renewal,
    item.on_loan_to_another,
    loan.not_on_loan,
    loan.not_on_loan_to_patron,
    loan.recalled,
    hold.held_for_another,
    hold.wanted_by_another,
    item.lost,
    item.declared_lost,
    item.not_for_loan,
    item.withdrawn,
    item.no_terms,
    loan.renewed_often_enough,
    loan.too_soon,
    hold.not_holdable,
    hold.held_already,
    hold.hold_limit,
    hold.stands_on_the_shelf,
)
"""Every rule, most severe first (CO-2): the card and the account, the membership, blocks, money, limits, then
the item and the act."""

ASKED: Final[dict[Question, Action]] = {
    Question.CHECKOUT: Action.LOAN,
    Question.RENEW: Action.RENEW,
    Question.HOLD: Action.HOLD,
    Question.PICKUP: Action.LOAN | Action.PICKUP,
    Question.STANDING: Action.LOAN | Action.RENEW | Action.HOLD | Action.PICKUP,
}
"""What is asked for by each question; PICKUP and STANDING ask about the patron alone."""

_OWN: Final = frozenset({Question.PICKUP, Question.STANDING})


def asked(question: Question, facts: Facts) -> Action:
    """What this question asks for. To check out an item that is kept for the patron is to pick up his hold
    (CO-9)."""
    wanted = ASKED[question]
    if question is Question.CHECKOUT and hold.comes_for_it(facts):
        wanted |= Action.PICKUP
    return wanted


def _concerned(question: Question) -> tuple[PolicyRule, ...]:
    wanted = ASKED[question] | (Action.PICKUP if question is Question.CHECKOUT else Action.NONE)
    return tuple(
        rule
        for rule in RULES
        if rule.denies & wanted and (question not in _OWN or rule.about is About.PATRON)
    )


_CONCERNED: Final = {question: _concerned(question) for question in Question}
_SPEAKERS: Final = {question: tuple(rule.speak for rule in rules) for question, rules in _CONCERNED.items()}
_OF_THE_ACT: Final = {
    question: tuple(rule.speak for rule in rules if rule.about is About.ACT)
    for question, rules in _CONCERNED.items()
}

_OVERRIDERS: Final[dict[Override, frozenset[str]]] = {
    Override.NONE: frozenset(),
    Override.CIRCDESK: frozenset({StaffRole.CIRC_DESK_MANAGER}),
    Override.OPERATOR: frozenset({StaffRole.CIRC_DESK_MANAGER, StaffRole.CIRC_DESK_OPERATOR}),
    Override.ALL: frozenset(
        {StaffRole.CIRC_DESK_MANAGER, StaffRole.CIRC_DESK_OPERATOR, StaffRole.CIRC_DESK_OPERATOR_LIMITED}
    ),
}


def may_override(override: Override, role: str | None) -> bool:
    """Whether staff with this role (GN-8) may set aside a reason of this class (BL-7)."""
    return role is not None and role in _OVERRIDERS[override]


def reasons(question: Question, facts: Facts) -> tuple[Reason, ...]:
    """Everything the rules say against what is asked, most severe first; no mode is applied.

    Patron information asks STANDING of every patron it shows: a patron in order costs 0.5 us.
    """
    for speak in (_OF_THE_ACT if in_order(facts) else _SPEAKERS)[question]:
        if speak(facts) is not None:
            break
    else:
        return ()
    said: list[Reason] = []  # somebody speaks, and nearly nobody does: all are asked anew, for reasons
    for rule in _CONCERNED[question]:
        said += rule.reasons(rule.speak(facts))
    # Bits: an enum's `value` is a descriptor of 0.4 us, and & of two members 1 us.
    wanted = asked(question, facts)._value_
    return tuple([reason for reason in said if reason.denies._value_ & wanted])


def decide(question: Question, facts: Facts, mode: Mode, override_role: str | None = None) -> Decision:
    """May this be done? Reasons that ``mode`` sets aside are listed apart (CO-3).

    A role sets reasons aside only in mode STAFF, where a person answers for it; a kiosk with
    ``auto_override`` passes STAFF too (BL-13).
    """
    said = reasons(question, facts)
    if not said:
        return NOTHING_AGAINST
    denied: list[Reason] = []
    bypassed: list[Reason] = []
    for reason in said:
        (bypassed if _set_aside(reason, mode, override_role) else denied).append(reason)
    if question is Question.CHECKOUT and denied:
        own = tuple(reason for reason in denied if _is_patrons(reason))
        denied[len(own) : len(own)] = hold.pickup_denied(facts, own)
    return Decision(tuple(denied), tuple(bypassed))


NOTHING_AGAINST: Final = Decision()

_PATRON_CODES: Final = frozenset(rule.code for rule in RULES if rule.about is About.PATRON)


def _is_patrons(reason: Reason) -> bool:
    return reason.code in _PATRON_CODES or reason.code.startswith("BLOCK:")


def _set_aside(reason: Reason, mode: Mode, role: str | None) -> bool:
    match mode:
        case Mode.ONLINE:
            return False
        case Mode.NO_BLOCK:
            return reason.bypassed_by_no_block
        case Mode.STAFF:
            return may_override(reason.override, role)


class RuleReport(msgspec.Struct, frozen=True):
    """One rule of an explanation: its code and caption, the facts it saw, what it said (``nothing against
    it``, or what it denies and why)."""

    rule: str
    caption: str
    saw: str
    said: str
    reasons: tuple[Reason, ...] = ()


def explain(question: Question, facts: Facts) -> tuple[RuleReport, ...]:
    """Every rule that concerns the question, in order, with what it saw and said; for a person (``sip2d
    why``)."""
    reports = []
    own: list[Reason] = []
    wanted = asked(question, facts)
    for rule in _CONCERNED[question]:
        said = tuple(reason for reason in rule.reasons(rule.speak(facts)) if reason.denies & wanted)
        saw = ", ".join(f"{path} {_shown(facts, path)}" for path in rule.sees)
        reports.append(RuleReport(rule.code, rule.caption, saw, _said(said), said))
        own += said if rule.about is About.PATRON else ()
    if question is Question.CHECKOUT:
        said = hold.pickup_denied(facts, tuple(own))
        saw = f"item.shelf_hold.patron_id {_shown(facts, 'item.shelf_hold.patron_id')}"
        caption = captioned(hold.pickup_denied)
        reports.append(RuleReport("HOLD_PICKUP_DENIED", caption, saw, _said(said), said))
    return tuple(reports)


def _said(said: tuple[Reason, ...]) -> str:
    if not said:
        return "nothing against it"
    return "; ".join(
        f"{reason.code} denies {', '.join(action.name or '' for action in reason.denies)}" for reason in said
    )


def _shown(facts: Facts, path: str) -> str:
    value: object = facts
    for name in path.split("."):
        value = getattr(value, name, None)
        if value is None:
            return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(facts.zone):%Y-%m-%d %H:%M}"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(getattr(each, "definition", str(each)) for each in value)) or "none"
    return "yes" if isinstance(value, msgspec.Struct) else str(value)
