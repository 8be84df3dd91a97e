"""The fourteen flags one by one, each from its own rule (SP-5), and BL (SP-6)."""

from datetime import date, timedelta
from typing import Any

import pytest

from sip2d.policy.flags import patron_flags, standing
from sip2d.policy.rulebook import Question, reasons
from tests.policy.make import NOW, block, facts

LIMIT = {"noissuescharge_minor": 500}
PAST = date(2020, 1, 1)

FLAGS: list[tuple[str, dict[str, Any], set[int]]] = [
    ("in order", {}, set()),
    ("0 loans denied", {"patron": {"blocks": (block(actions="LOAN"),)}}, {0}),
    ("1 renewals denied", {"patron": {"blocks": (block(actions="RENEW"),)}}, {1}),
    ("2, 3 holds denied", {"patron": {"blocks": (block(actions="HOLD"),)}}, {2, 3}),
    ("all actions", {"patron": {"blocks": (block(actions="LOAN,RENEW,HOLD"),)}}, {0, 1, 2, 3}),
    ("expired", {"patron": {"expires_on": PAST}}, {0, 1, 2, 3}),
    ("4 card lost", {"patron": {"card_lost": True}}, {0, 1, 2, 3, 4}),
    ("restriction", {"patron": {"blocks": (block(definition="OVERDUES"),)}}, {0, 1}),
    ("owes: no renewals", {"patron": {"owed_minor": 1}, "settings": {"fine_no_renewals_minor": 0}}, {1}),
    ("5 at the loan limit", {"patron": {"loans": 3}, "patron_type": {"loan_limit": 3}}, {0, 5}),
    ("below the loan limit", {"patron": {"loans": 2}, "patron_type": {"loan_limit": 3}}, set()),
    ("5 value", {"patron": {"value_minor": 11}, "patron_type": {"value_limit_minor": 10}}, {0, 5}),
    ("6 overdue", {"patron": {"overdue": 1}, "patron_type": {"overdue_limit": 0}}, {0, 6}),
    ("overdue at the limit", {"patron": {"overdue": 1}, "patron_type": {"overdue_limit": 1}}, set()),
    ("8 claims", {"patron": {"claims_returned": 2}, "patron_type": {"claims_limit": 1}}, {0, 8}),
    ("9 lost", {"patron": {"lost": 2}, "patron_type": {"lost_limit": 1}}, {0, 9}),
    (
        "10 and 11 fines",
        {"patron": {"fines_minor": 501, "restricting_minor": 501, "owed_minor": 501}, "settings": LIMIT},
        {0, 10, 11},
    ),
    (
        "11 fees, fines below",
        {"patron": {"fines_minor": 1, "restricting_minor": 501, "owed_minor": 501}, "settings": LIMIT},
        {0, 11},
    ),
    (
        "exactly the limit",
        {"patron": {"fines_minor": 500, "restricting_minor": 500, "owed_minor": 500}, "settings": LIMIT},
        set(),
    ),
    (
        "11 although the limit is for some item types",
        {
            "patron": {"restricting_minor": 501},
            "settings": LIMIT | {"noissuescharge_item_types": frozenset({"DVD"})},
        },
        {11},
    ),
    ("12 recall overdue", {"patron": {"recalled_overdue": 1}}, {12}),
    ("recalled, not overdue", {"patron": {"recalled": 1}}, set()),
    ("13 bills", {"patron": {"owed_minor": 11}, "patron_type": {"bills_limit_minor": 10}}, {0, 13}),
]


def _written(places: set[int]) -> str:
    return "".join("Y" if place in places else " " for place in range(14))


@pytest.mark.parametrize(("said", "places"), [row[1:] for row in FLAGS], ids=[row[0] for row in FLAGS])
def test_flags(said: dict[str, Any], places: set[int]) -> None:
    matter = facts(**said)
    assert patron_flags(reasons(Question.STANDING, matter), matter) == _written(places)


def test_every_flag_but_the_seventh_is_told() -> None:
    """SP-5: too many renewals is a notion of items, never of a patron."""
    assert set().union(*(row[2] for row in FLAGS)) == set(range(14)) - {7}


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ({}, True),
        ({"expires_on": PAST}, False),
        ({"card_lost": True}, False),
        ({"blocks": (block(),)}, False),
        ({"blocks": (block(expires_at=NOW + timedelta(days=1)),)}, False),
        ({"blocks": (block(actions="RENEW,HOLD"),)}, True),
        ({"blocks": (block(definition="OVERDUES"),)}, False),
        ({"loans": 9, "overdue": 9, "restricting_minor": 9, "owed_minor": 9, "claims_returned": 9}, True),
    ],
)
def test_standing(said: dict[str, Any], good: bool) -> None:
    """SP-6, D-29: limits and debts set flags, not BL."""
    limits = {"loan_limit": 1, "overdue_limit": 1, "claims_limit": 1, "bills_limit_minor": 1}
    matter = facts(patron=said, patron_type=limits, settings={"noissuescharge_minor": 0})
    assert standing(reasons(Question.STANDING, matter)) is good
