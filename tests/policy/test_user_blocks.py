"""Stored blocks as rules: BL-5, BL-11..BL-13, D-21, PT-26."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy import flags, rulebook
from sip2d.policy.facts import BlockFacts
from sip2d.policy.rulebook import Question
from sip2d.vocabulary import PatronFlag
from tests.policy import make
from tests.policy.make import NOW

HOUR = timedelta(hours=1)
WORDS = ("LOAN", "RENEW", "HOLD", "ILL")
BLOCKS = st.lists(
    st.builds(
        lambda number, words, origin, start, ends: BlockFacts(
            number, "OVERDUES" if origin == "OVERDUE_NOTICE" else "D",
            "LOAN,RENEW" if origin == "OVERDUE_NOTICE" else ",".join(words),
            "OPERATOR", "Text", origin, NOW - start * HOUR, None if ends is None else NOW + ends * HOUR,
        ),
        st.integers(1, 99),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True),
        st.sampled_from(["MANUAL", "SIP2", "OVERDUE_RETURN", "SHORT_LOAN", "DEMERIT", "OVERDUE_NOTICE"]),
        st.integers(0, 3),
        st.none() | st.integers(-3, 3),
    ),
    max_size=5,
)  # fmt: skip


def naive(blocks: list[BlockFacts]) -> set[str]:
    """What they deny together, as sets of words."""
    denied: set[str] = set()
    for block in blocks:
        lasts = block.expires_at is None or block.expires_at > NOW or block.origin == "DEMERIT"
        if lasts:
            denied |= set(block.actions.split(",")) - {"ILL"}
    return denied


@given(blocks=BLOCKS)
def test_pt26_bl12_the_flags_are_the_union_of_what_is_denied(blocks: list[BlockFacts]) -> None:
    """PT-26, BL-11, BL-12: flags 0, 1 and 2+3, and BL of 64 when loans are denied."""
    facts = make.facts(patron={"blocks": tuple(blocks)})
    reasons = rulebook.reasons(Question.STANDING, facts)
    said = flags.patron_flags(reasons, facts)
    denied = naive(blocks)
    for flag, word in (
        (PatronFlag.LOAN_DENIED, "LOAN"), (PatronFlag.RENEWAL_DENIED, "RENEW"),
        (PatronFlag.RECALL_DENIED, "HOLD"), (PatronFlag.HOLD_DENIED, "HOLD"),
    ):  # fmt: skip
        assert (said[flag] == "Y") is (word in denied)
    assert flags.standing(reasons) is ("LOAN" not in denied)


@pytest.mark.parametrize(
    ("origin", "ends", "scenario"),
    [
        pytest.param("OVERDUE_RETURN", HOUR, "PATRON_SUSPENDED", id="BL-12-end-known"),
        pytest.param("MANUAL", None, "PATRON_BLOCKED", id="BL-12-end-unknown"),
        pytest.param("OVERDUE_RETURN", timedelta(0), None, id="D-21-over"),
        pytest.param("MANUAL", -HOUR, None, id="BL-11-over"),
        pytest.param("DEMERIT", -HOUR, "PATRON_BLOCKED", id="BL-11-not-evaluated-yet"),
    ],
)
def test_bl11_d21_how_long_a_block_counts(origin: str, ends: timedelta | None, scenario: str | None) -> None:
    block = make.block(origin=origin, expires_at=None if ends is None else NOW + ends)
    said = rulebook.reasons(Question.STANDING, make.facts(patron={"blocks": (block,)}))
    assert [reason.scenario for reason in said] == ([] if scenario is None else [scenario])
