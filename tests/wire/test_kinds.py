"""Time stamps, money and counts as tables of values (sip2.md 3.7, GN-1, quirks E11)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.wire import kinds

PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260115    101500", "2026-01-15T09:15:00"),
        ("202601150000101500", "2026-01-15T09:15:00"),  # Sierra's zone
        ("20260115ZZZZ101500", "2026-01-15T09:15:00"),  # unknown: local
        ("20260115   J101500", "2026-01-15T09:15:00"),  # J is no zone
        ("20260115   Z101500", "2026-01-15T10:15:00"),
        ("20260115   z101500", "2026-01-15T10:15:00"),
        ("20260115   Q101500", "2026-01-15T14:15:00"),
        ("20260115   A101500", "2026-01-15T09:15:00"),
        ("20260115   K101500", "2026-01-15T00:15:00"),
        ("20260115   M101500", "2026-01-14T22:15:00"),
        ("20260115   Y101500", "2026-01-15T22:15:00"),
        ("20260115101500", "2026-01-15T09:15:00"),
        ("20260329    023000", "2026-03-29T01:00:00"),  # skipped: the first instant that exists
        ("20260329    030000", "2026-03-29T01:00:00"),
        ("20261025    023000", "2026-10-25T00:30:00"),  # came twice: the earlier
    ],
)
def test_an_instant_is_read_in_its_zone(text: str, expected: str) -> None:
    assert kinds.instant(text, PARIS) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " " * 18,
        "0" * 18,
        "20261301    101500",
        "20260230    101500",
        "20260115    250000",
        "YYYYMMDDZZZZHHMMSS",
        "20260115    10150",
        "00010101   M000000",
        "2026０115    101500",
    ],
)
def test_no_date_is_none(text: str) -> None:
    assert kinds.instant(text, PARIS) is None


@given(st.text(max_size=24))
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = kinds.instant(text, NEW_YORK)
    assert found is None or found.tzinfo is UTC


@given(st.integers(86400, 7258118400))
def test_a_stamp_reads_back_outside_the_hour_that_comes_twice(seconds: int) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    text = kinds.stamp(now, PARIS)
    assert len(text) == kinds.STAMP_WIDTH
    assert text[8:12] == "    "
    local = now.astimezone(PARIS)
    if not local.fold:
        assert kinds.instant(text, PARIS) == now


def test_due_text_is_written_as_the_profile_says() -> None:
    due = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
    assert kinds.due_text(due, PARIS, "sip") == "20261130    235900"
    assert kinds.due_text(due, PARIS, "iso") == "2026-11-30 23:59:00"
    assert kinds.due_text(due, PARIS, "%d/%m/%Y") == "30/11/2026"


@pytest.mark.parametrize(
    ("minor", "decimals", "text"),
    [(1250, 2, "12.50"), (0, 2, "0.00"), (5, 2, "0.05"), (-5, 2, "-0.05"), (500, 0, "500"), (1, 3, "0.001")],
)
def test_money_has_a_point_and_its_decimals(minor: int, decimals: int, text: str) -> None:
    assert kinds.money(minor, decimals) == text


@pytest.mark.parametrize(
    ("text", "decimals", "minor"),
    [
        ("12", 2, 1200),
        ("12.5", 2, 1250),
        ("0,01", 2, 1),
        (" 3.10 ", 2, 310),
        (".5", 2, 50),
        ("7.", 2, 700),
        ("1.500", 2, 150),
        ("1.005", 2, None),
        ("500", 0, 500),
        ("5.5", 0, None),
        ("5.0", 0, 5),
        ("-5.00", 2, None),
        ("", 2, None),
        ("x", 2, None),
        ("1.2.3", 2, None),
        ("1e3", 2, None),
        ("9" * 13, 2, None),
        ("1 2", 2, None),
        ("٣", 2, None),
        ("0", 2, 0),
    ],
)
def test_amounts_are_read_or_refused(text: str, decimals: int, minor: int | None) -> None:
    assert kinds.minor_units(text, decimals) == minor


@given(st.integers(0, 10**12 - 1), st.integers(0, 3))
def test_money_reads_back(minor: int, decimals: int) -> None:
    assert kinds.minor_units(kinds.money(minor, decimals), decimals) == minor


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0012", 12),
        ("  12", 12),
        ("12  ", 12),
        ("5", 5),
        ("    ", None),
        ("", None),
        ("-1", None),
        ("²", None),
        (None, None),
    ],
)
def test_counts_need_no_padding(text: str | None, number: int | None) -> None:
    assert kinds.count(text) == number


def test_counts_are_capped_at_what_fits() -> None:
    assert kinds.padded(12345, 4) == "9999"
    assert kinds.padded(-1, 4) == "0000"
    assert kinds.padded(None, 4) == "    "
