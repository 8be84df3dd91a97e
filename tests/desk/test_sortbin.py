"""Sort bins (HO-8): ordered rules, the first that fits wins; pure, so no database."""

import pytest

from sip2d.desk.outcome import Routing
from sip2d.desk.route import sort_bin
from sip2d.policy.facts import ItemFacts
from sip2d.store.library import Branch, Library, SortBinRule
from tests.desk.places import branch, library_with

BRANCH: Branch = branch(1)
ITEM = ItemFacts(
    1, 1, 2, 2, None, 1, 7, "I1", "QA 76.9 .D3", "REF", "", None, 0, None, False, False, False, "00",
    "T", "A", "T1",
)  # fmt: skip
SHELF = Routing("SHELF")


def rule(bin: str, **fits: object) -> SortBinRule:
    """A rule that fits anything but for what is given."""
    fields: dict[str, object] = {
        "holding_branch_id": None,
        "item_type_id": None,
        "call_number_pattern": None,
        "collection_code": None,
        "routing": None,
        **fits,
    }
    return SortBinRule(bin=bin, **fields)  # type: ignore[arg-type]  # a table's values


def library(*rules: SortBinRule) -> Library:
    return library_with({1: rules})


@pytest.mark.parametrize(
    ("fits", "matches"),
    [
        ({}, True),
        ({"holding_branch_id": 2}, True),
        ({"holding_branch_id": 3}, False),
        ({"item_type_id": 7}, True),
        ({"item_type_id": 8}, False),
        ({"collection_code": "REF"}, True),
        ({"collection_code": "KIDS"}, False),
        ({"call_number_pattern": "QA*"}, True),
        ({"call_number_pattern": "qa 76.?*"}, True),
        ({"call_number_pattern": "[A-P]*"}, False),
        ({"call_number_pattern": "QA"}, False),
        ({"routing": "SHELF"}, True),
        ({"routing": "HOLD_HERE"}, False),
        ({"item_type_id": 7, "routing": "TRANSIT"}, False),
    ],
)
def test_ho_8_what_a_rule_asks(fits: dict[str, object], matches: bool) -> None:
    chosen, _ = sort_bin(library(rule("5", **fits)), BRANCH, ITEM, SHELF)
    assert chosen == ("5" if matches else None)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("HOLD_HERE", "1"), ("HOLD_ELSEWHERE", "2"), ("TRANSIT", "2"), ("SHELF", "9")],
)
def test_ho_8_first_match_wins(kind: str, expected: str) -> None:
    rules = library(
        rule("1", routing="HOLD_HERE"),
        rule("2", routing="HOLD_ELSEWHERE"),
        rule("2", routing="TRANSIT"),
        rule("9"),
        rule("never"),
    )
    assert sort_bin(rules, BRANCH, ITEM, Routing(kind))[0] == expected


def test_ho_8_says_which_rule_and_why() -> None:
    chosen, reports = sort_bin(
        library(rule("1", item_type_id=8, routing="TRANSIT"), rule("2"), rule("3")), BRANCH, ITEM, SHELF
    )
    assert chosen == "2"
    assert [(report.rank, report.bin, report.differs) for report in reports] == [
        (1, "1", ("item type", "routing")),
        (2, "2", ()),
    ]


def test_ho_8_without_rules_no_bin() -> None:
    assert sort_bin(library_with({}), BRANCH, ITEM, SHELF) == (None, ())
