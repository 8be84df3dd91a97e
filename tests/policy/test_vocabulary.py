"""The standard's code sets (sip2.md 2.3-2.8, SP-4, SP-11, CN-5)."""

import pytest

from sip2d.vocabulary import (
    LANGUAGES,
    AlertType,
    CirculationStatus,
    FeeType,
    HoldType,
    MediaType,
    MessageKey,
    PatronFlag,
    Support,
)


def test_bx_order() -> None:
    """SP-4."""
    ordered = sorted((key for key in MessageKey if key.bit is not None), key=lambda key: key.bit or 0)
    assert [key.bit for key in ordered] == list(range(16))
    assert [key.code for key in ordered] == ("23 11 09 01 99 97 93 63 35 37 17 19 25 15 29 65".split())


@pytest.mark.parametrize(
    "name", ["CHECKIN", "SC_STATUS", "RESEND", "LOGIN", "ITEM_INFO", "ITEM_STATUS_UPDATE", "OFFLINE_MODE"]
)
def test_messages_without_a_pin_are_on_or_off(name: str) -> None:
    """CN-5."""
    assert MessageKey[name].levels == (Support.DISABLED, Support.ENABLED)


def test_messages_with_a_pin_take_all_levels() -> None:
    assert MessageKey.RENEW.levels == tuple(Support)


def test_codes() -> None:
    assert FeeType("04") is FeeType.OVERDUE
    assert [code.value for code in FeeType] == [f"{number:02}" for number in range(1, 10)]
    assert [code.value for code in MediaType] == [f"{number:03}" for number in range(11)]
    assert [code.value for code in CirculationStatus] == [f"{number:02}" for number in range(1, 14)]
    assert (HoldType.ANY_COPY, AlertType.HOLD_ELSEWHERE, CirculationStatus.ON_HOLD_SHELF) == ("2", "02", "08")
    assert AlertType.TRANSIT.caption == "send to another branch"
    assert f"{AlertType.OTHER}" == "99"
    assert [flag.value for flag in PatronFlag] == list(range(14))
    assert sorted(LANGUAGES) == [f"{number:03}" for number in range(28)]
