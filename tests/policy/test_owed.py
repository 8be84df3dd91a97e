"""What is owed and stops renewals or loans (LO-33, LO-35): strictly more than the limit, blank for none."""

from typing import Any

import pytest

from sip2d.policy.facts import Mode
from sip2d.policy.rulebook import Question, decide
from tests.policy.make import facts

CREDITS = {"fine_no_renewals_includes_credits": True}


@pytest.mark.parametrize(
    ("limit", "patron", "settings", "denied"),
    [
        (500, {"owed_minor": 500}, {}, False),
        (500, {"owed_minor": 501}, {}, True),
        (0, {"owed_minor": 1}, {}, True),
        (None, {"owed_minor": 99_999}, {}, False),
        (500, {"owed_minor": 600, "credit_minor": 100}, {}, True),
        (500, {"owed_minor": 600, "credit_minor": 100}, CREDITS, False),
        (500, {"owed_minor": 601, "credit_minor": 100}, CREDITS, True),
    ],
)
def test_lo33_renewals(
    limit: int | None, patron: dict[str, Any], settings: dict[str, Any], denied: bool
) -> None:
    """LO-33: all that is outstanding, or the balance with OPACFineNoRenewalsIncludeCredits."""
    about = facts(patron=patron, settings={"fine_no_renewals_minor": limit, **settings})
    codes = [reason.code for reason in decide(Question.RENEW, about, Mode.ONLINE).denied]
    assert ("FINE_NO_RENEWALS" in codes) is denied
    assert decide(Question.CHECKOUT, about, Mode.ONLINE).allowed


@pytest.mark.parametrize(
    ("limit", "owed", "denied"), [(500, 500, False), (500, 501, True), (0, 1, True), (None, 99_999, False)]
)
def test_lo35_checkouts(limit: int | None, owed: int, denied: bool) -> None:
    """LO-35 is CO-10, and LO-23: money can restrict; noissuescharge, of the kinds that restrict checkouts."""
    about = facts(patron={"restricting_minor": owed}, settings={"noissuescharge_minor": limit})
    codes = [reason.code for reason in decide(Question.CHECKOUT, about, Mode.ONLINE).denied]
    assert ("NOISSUESCHARGE" in codes) is denied
