"""The matrix: specificity (CO-6), effective dates (CO-7), and values that make no sense."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy.terms import (
    RULE_NAMES,
    DueMode,
    HardDue,
    LoanUnit,
    Matrix,
    PreClosing,
    Rule,
    Terms,
    parse_value,
)

AT = datetime.fromtimestamp(1000, UTC)


def test_the_most_specific_value_wins_name_by_name() -> None:
    """CO-6: each place alone, from the most specific to the most general."""
    order = [(1, 2, 3), (1, 2, None), (1, None, 3), (1, None, None),
             (None, 2, 3), (None, 2, None), (None, None, 3), (None, None, None)]  # fmt: skip
    rules = [Rule(*place, "loan_period", str(rank + 1)) for rank, place in enumerate(order)]
    rules.append(Rule(None, None, None, "renewals_allowed", "9"))
    for rank in range(len(order)):
        terms = Matrix(reversed(rules[rank:])).terms(1, 2, 3, AT)
        assert terms is not None
        assert (terms.loan_period, terms.renewals_allowed) == (rank + 1, 9)


def test_nothing_defined_lends_nothing() -> None:
    """CO-6: without a loan period there are no terms; a blank one is a permanent loan (CL-3)."""
    assert Matrix().terms(1, 2, 3, AT) is None
    assert Matrix([Rule(1, None, None, "renewals_allowed", "3")]).terms(1, 2, 3, AT) is None
    assert Matrix([Rule(9, None, None, "loan_period", "3")]).terms(1, 2, 3, AT) is None
    assert Matrix([Rule(None, None, None, "loan_period", "")]).terms(1, 2, 3, AT) == Terms()


@pytest.mark.parametrize(
    ("second", "period"), [(99, None), (100, 7), (199, 7), (200, 21), (299, 21), (300, 7)]
)
def test_effective_dates(second: int, period: int | None) -> None:
    """CO-7: from valid_from up to, not including, valid_to; of two in force the later one."""
    matrix = Matrix(
        [
            Rule(1, None, None, "loan_period", "21", 200, 300),
            Rule(1, None, None, "loan_period", "7", 100),
        ]
    )
    for _ in range(2):  # the answer that is remembered is the same
        terms = matrix.terms(1, 2, 3, datetime.fromtimestamp(second, UTC))
        assert (terms and terms.loan_period) == period


NAMES = {"loan_period": ["1", "2", "3"], "renewals_allowed": ["4", "5"], "loan_unit": ["WEEKS", "HOURS"]}
IDS = st.none() | st.integers(1, 2)
RULES = st.sampled_from(sorted(NAMES)).flatmap(
    lambda name: st.builds(
        Rule,
        IDS,
        IDS,
        IDS,
        st.just(name),
        st.sampled_from(NAMES[name]),
        st.integers(0, 5),
        st.none() | st.integers(6, 9),
    )
)


def _naive(rules: list[Rule], place: tuple[int, int, int], at: int) -> Terms | None:
    """Every row is scored, the best row of each name taken: branch counts 4, patron type 2, item type 1."""
    best: dict[str, tuple[tuple[int, int], Any]] = {}
    for rule in rules:
        keys = (rule.branch_id, rule.patron_type_id, rule.item_type_id)
        if any(key not in (None, asked) for key, asked in zip(keys, place, strict=True)):
            continue
        if not rule.valid_from <= at or (rule.valid_to is not None and at >= rule.valid_to):
            continue
        score = sum(weight for key, weight in zip(keys, (4, 2, 1), strict=True) if key is not None)
        rank = (score, rule.valid_from)
        if rule.name not in best or rank >= best[rule.name][0]:
            best[rule.name] = (rank, parse_value(rule.name, rule.value))
    values = {name: value for name, (_, value) in best.items()}
    return Terms(**values) if "loan_period" in values else None


@given(
    st.lists(RULES, max_size=25),
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.integers(0, 10)), min_size=1
    ),
)
def test_agrees_with_a_naive_matrix(rules: list[Rule], asked: list[tuple[int, int, int, int]]) -> None:
    matrix = Matrix(rules)
    for branch, patron, item, at in asked:
        found = matrix.terms(branch, patron, item, datetime.fromtimestamp(at, UTC))
        assert found == _naive(rules, (branch, patron, item), at)


def test_every_name_is_a_field_and_every_field_a_name() -> None:
    assert set(RULE_NAMES) == {field.name for field in msgspec.structs.fields(Terms)}
    assert all(name.caption for name in RULE_NAMES.values())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("loan_period", " 14 ", 14),
        ("loan_period", "", None),
        ("loan_unit", "weeks", LoanUnit.WEEKS),
        ("due_mode", "DAYWEEK", DueMode.DAYWEEK),
        ("holdable", "no", False),
        ("auto_renew", "1", True),
        ("renewals_allowed", "0", 0),
        ("renewals_allowed", "", None),
        ("hard_due_on", "2026-06-30", date(2026, 6, 30)),
        ("hard_due_on", "", None),
        ("hard_due_compare", "before", HardDue.BEFORE),
        ("pre_closing", "at_closing", PreClosing.AT_CLOSING),
        ("rental_fee_minor", "150", 150),
    ],
)
def test_values(name: str, text: str, value: object) -> None:
    assert parse_value(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("loan_period", "two weeks", "loan_period: 'two weeks' is no whole number."),
        ("loan_period", "0", "loan_period: '0' must lie between 1 and 9999."),
        ("loan_period", "-3", "loan_period: '-3' is no whole number."),
        ("loan_period", "٣", "loan_period: '٣' is no whole number."),
        (
            "loan_unit",
            "FORTNIGHTS",
            "loan_unit: 'FORTNIGHTS' must be one of DAYS, WEEKS, MONTHS, HOURS, MINUTES.",
        ),
        ("holdable", "perhaps", "holdable: 'perhaps' must be true or false."),
        ("hard_due_on", "30/06/2026", "hard_due_on: '30/06/2026' is no date like 2026-12-31."),
        ("loan_perod", "14", "There is no circulation rule 'loan_perod'; did you mean 'loan_period'?"),
        ("zzz", "14", "There is no circulation rule 'zzz'."),
    ],
)
def test_nonsense_is_refused_in_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_value(name, text)
    assert str(caught.value) == sentence


def test_a_row_that_makes_no_sense_counts_as_not_defined() -> None:
    matrix = Matrix(
        [
            Rule(None, None, None, "loan_period", "14"),
            Rule(1, None, None, "loan_period", "many"),
            Rule(1, None, None, "of_a_later_version", "x"),
        ]
    )
    assert matrix.refused == ("loan_period: 'many' is no whole number.",)
    assert matrix.terms(1, 2, 3, AT) == Terms(14)
