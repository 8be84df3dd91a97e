"""What each mode and each role sets aside: all rows of CO-3 that exist here, and BL-7."""

from typing import Any

import msgspec
import pytest

from sip2d.policy.decision import Override
from sip2d.policy.facts import Mode
from sip2d.policy.rulebook import Question, decide, may_override
from sip2d.vocabulary import StaffRole
from tests.policy.make import NOW, block, facts, hold, loan

MANAGER, OPERATOR, LIMITED = (
    StaffRole.CIRC_DESK_MANAGER,
    StaffRole.CIRC_DESK_OPERATOR,
    StaffRole.CIRC_DESK_OPERATOR_LIMITED,
)
C, R, H = Question.CHECKOUT, Question.RENEW, Question.HOLD

# question, what differs, may a no-block transaction; the least of the desk's roles that may, None for nobody
MASKS: list[tuple[str, Question, dict[str, Any], bool, StaffRole | None]] = [
    ("loan to another, renewal", R, {"item": {"loan": loan(patron_id=2)}}, False, None),
    ("not on loan, renewal", R, {}, False, None),
    ("recalled", R, {"item": {"loan": loan(recalled_at=NOW)}}, False, None),
    ("on loan to another", C, {"item": {"loan": loan(patron_id=2)}}, True, None),
    ("declared lost, renewal", R, {"item": {"loan": loan(), "lost_status": 1}}, False, None),
    ("lost, checkout", C, {"item": {"lost_status": 1}}, True, OPERATOR),
    ("card lost", C, {"patron": {"card_lost": True}}, True, OPERATOR),
    ("account expired", C, {"patron": {"expires_on": NOW.date().replace(year=2020)}}, True, OPERATOR),
    ("block for all", C, {"patron": {"blocks": (block(override="ALL"),)}}, True, LIMITED),
    ("block for operators", C, {"patron": {"blocks": (block(override="OPERATOR"),)}}, True, OPERATOR),
    ("block for managers", C, {"patron": {"blocks": (block(override="CIRCDESK"),)}}, True, MANAGER),
    ("block for nobody", C, {"patron": {"blocks": (block(override="NONE"),)}}, True, None),
    ("restriction", C, {"patron": {"blocks": (block(definition="OVERDUES"),)}}, True, OPERATOR),
    (
        "fines",
        C,
        {"patron": {"restricting_minor": 1}, "settings": {"noissuescharge_minor": 0}},
        True,
        OPERATOR,
    ),
    (
        "fines, renewal",
        R,
        {
            "item": {"loan": loan()},
            "patron": {"owed_minor": 1},
            "settings": {"fine_no_renewals_minor": 0},
        },
        True,
        OPERATOR,
    ),
    ("loan limit", C, {"patron_type": {"loan_limit": 0}}, True, OPERATOR),
    ("renewal count", R, {"item": {"loan": loan()}, "terms": {"renewals_allowed": 0}}, True, OPERATOR),
    ("too soon", R, {"item": {"loan": loan()}, "terms": {"no_renewal_before": 1}}, True, OPERATOR),
    ("held for another", C, {"item": {"shelf_hold": hold()}}, True, OPERATOR),
    ("wanted by another", R, {"item": {"loan": loan(), "next_hold": hold()}}, True, OPERATOR),
    ("not for loan", C, {"item": {"not_for_loan": True}}, True, MANAGER),
    ("withdrawn", C, {"item": {"withdrawn": True}}, True, MANAGER),
    (
        "hold limit",
        H,
        {"item": {"loan": loan(patron_id=2)}, "patron_type": {"hold_limit": 0}},
        False,
        OPERATOR,
    ),
]
DESK = (LIMITED, OPERATOR, MANAGER)


@pytest.mark.parametrize(
    ("question", "said", "no_block", "least"), [row[1:] for row in MASKS], ids=[r[0] for r in MASKS]
)
def test_masks(question: Question, said: dict[str, Any], no_block: bool, least: StaffRole | None) -> None:
    """CO-3, GN-6: one function decides, and modes only set aside. On line nothing is, whatever role."""
    matter = facts(**said)
    online = decide(question, matter, Mode.ONLINE, MANAGER)
    assert len(online.denied) == 1
    assert online.bypassed == ()
    stored = decide(question, matter, Mode.NO_BLOCK)
    assert stored.allowed is no_block
    assert stored.denied + stored.bypassed == online.denied
    for role in DESK:
        may = least is not None and DESK.index(role) >= DESK.index(least)
        assert decide(question, matter, Mode.STAFF, role).allowed is may, role
    assert not decide(question, matter, Mode.STAFF).allowed


def test_no_rule_is_set_aside_by_no_block_only() -> None:
    matter = msgspec.structs.replace(facts(), terms=None)
    assert [reason.code for reason in decide(C, matter, Mode.NO_BLOCK).bypassed] == ["NO_RULE"]
    assert not decide(C, matter, Mode.STAFF, MANAGER).allowed


def test_one_reason_that_stands_is_enough() -> None:
    """BL-13: an override works only when every reason may be overridden by the role."""
    found = decide(
        C, facts(patron={"card_lost": True, "blocks": (block(override="NONE"),)}), Mode.STAFF, OPERATOR
    )
    assert [reason.code for reason in found.denied] == ["BLOCK:CONDUCT"]
    assert [reason.code for reason in found.bypassed] == ["CARD_LOST"]


@pytest.mark.parametrize("role", [*StaffRole, "NOBODY", None])
@pytest.mark.parametrize("override", list(Override))
def test_who_may_override(override: Override, role: str | None) -> None:
    """BL-7: the table, role by role; administrators configure and do not override."""
    allowed = {
        Override.ALL: {MANAGER, OPERATOR, LIMITED},
        Override.NONE: set(),
        Override.CIRCDESK: {MANAGER},
        Override.OPERATOR: {MANAGER, OPERATOR},
    }
    assert may_override(override, role) is (role in allowed[override])
