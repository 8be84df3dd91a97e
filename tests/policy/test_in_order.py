"""A glance never contradicts the rules (CO-2, CO-9..CO-11, BL-11..BL-15, LO-33, MB-20..MB-24)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy.facts import Facts
from sip2d.policy.in_order import in_order
from sip2d.policy.membership import Status
from sip2d.policy.rule import About
from sip2d.policy.rulebook import RULES, Question, explain, reasons
from tests.policy.make import TODAY, block, facts, loan

YESTERDAY = TODAY - timedelta(days=1)
FEW = st.integers(0, 3)
LIMIT = st.none() | FEW
STATUS = st.sampled_from(Status)
PATRON: dict[str, st.SearchStrategy[Any]] = {
    "expires_on": st.sampled_from([None, YESTERDAY, TODAY]), "card_lost": st.booleans(), "loans": FEW,
    "claims_returned": FEW, "overdue": FEW, "recalled": FEW, "recalled_overdue": FEW, "value_minor": FEW,
    "lost": FEW, "billed": FEW, "owed_minor": FEW, "fines_minor": FEW, "restricting_minor": FEW,
    "fee_count": FEW, "credit_minor": FEW, "blocks": st.sampled_from([(), (block(),)]),
}  # fmt: skip
TYPE = st.fixed_dictionaries({
    "loan_limit": LIMIT, "overdue_limit": LIMIT, "recalled_overdue_limit": LIMIT, "claims_limit": LIMIT,
    "lost_limit": LIMIT, "bills_limit_minor": LIMIT, "limits_block_renewal": st.booleans(),
    "value_limit_minor": st.sampled_from([None, None, 2, 2002]),
})  # fmt: skip
SETTINGS = st.fixed_dictionaries({
    "noissuescharge_minor": LIMIT, "fine_no_renewals_minor": LIMIT,
    "fine_no_renewals_includes_credits": st.booleans(),
})  # fmt: skip


@st.composite
def matters(draw: st.DrawFn) -> Facts:
    """A patron with no more than three things to tell of him, who wants something or is only looked at."""
    told = draw(st.lists(st.sampled_from(sorted(PATRON)), max_size=3, unique=True))
    matter = facts(
        patron={name: draw(PATRON[name]) for name in told},
        patron_type=draw(TYPE),
        settings=draw(SETTINGS),
        terms={"loan_limit": draw(LIMIT)},
        item={"loan": draw(st.none() | st.just(loan()))},
        membership=draw(st.just(Status.NOT_REQUIRED) | STATUS),
        holder_membership=draw(st.just(Status.NOT_REQUIRED) | STATUS),
    )
    if draw(st.booleans()):
        return msgspec.structs.replace(matter, item=None, item_type=None, terms=None)
    return matter


@given(matters())
def test_of_a_patron_in_order_no_rule_about_him_speaks(matter: Facts) -> None:
    spoken = [rule.code for rule in RULES if rule.about is About.PATRON and rule.speak(matter) is not None]
    assert not (spoken and in_order(matter))


@given(matters(), st.sampled_from(Question))
def test_what_stands_against_an_act_is_what_all_its_rules_say(matter: Facts, question: Question) -> None:
    """`explain` asks every rule, `reasons` looks first."""
    if matter.item is None:
        question = Question.STANDING
    explained = [reason for report in explain(question, matter) for reason in report.reasons]
    assert reasons(question, matter) == tuple(one for one in explained if one.code != "HOLD_PICKUP_DENIED")


@pytest.mark.parametrize(
    ("told", "limit"),
    [
        ({"card_lost": True}, {}),
        ({"expires_on": YESTERDAY}, {}),
        ({"blocks": (block(),)}, {}),
        ({"loans": 1}, {"loan_limit": 1}),
        ({"overdue": 1}, {"overdue_limit": 0}),
        ({"recalled_overdue": 1}, {"recalled_overdue_limit": 0}),
        ({"claims_returned": 1}, {"claims_limit": 0}),
        ({"lost": 1}, {"lost_limit": 0}),
        ({"owed_minor": 1}, {"bills_limit_minor": 0}),
        ({"restricting_minor": 1}, {}),
        ({"value_minor": 1}, {"value_limit_minor": 2000}),  # the item is worth 2000
    ],
    ids=lambda told: "-".join(told) or "any",
)
def test_a_glance_sees_each_thing_that_may_stand_against_a_patron(
    told: dict[str, Any], limit: dict[str, int]
) -> None:
    against = facts(patron=told, patron_type=limit, settings={"noissuescharge_minor": 0})
    assert reasons(Question.CHECKOUT, against)
    assert not in_order(against)


def test_who_has_nothing_but_loans_below_his_limits_is_in_order() -> None:
    free = facts(
        patron={"loans": 2, "expires_on": TODAY}, patron_type={"loan_limit": 3}, terms={"loan_limit": 3}
    )
    assert in_order(free)
    assert in_order(msgspec.structs.replace(free, membership=Status.ACTIVE))
    assert in_order(facts(patron_type={"value_limit_minor": 2000}))
    assert in_order(
        facts(patron={"value_minor": 5}, patron_type={"value_limit_minor": 5}, item={"price_minor": None})
    )
    assert not in_order(msgspec.structs.replace(free, membership=Status.FEE_DUE))
    assert not in_order(msgspec.structs.replace(free, holder_membership=Status.UNKNOWN))
    assert not in_order(facts(patron={"loans": 2}, terms={"loan_limit": 2}))
