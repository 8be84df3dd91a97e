"""What a person says of a moment, as a table: in Paris, in winter and in summer, and where a day has no
midnight."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sip2d.desk.staff.said import after, first_of, last_of
from sip2d.desk.staff.work import Refused

PARIS = ZoneInfo("Europe/Paris")
BEIRUT = ZoneInfo("Asia/Beirut")
ASKED: tuple[Callable[[str, ZoneInfo], datetime], ...] = (first_of, last_of, after)


@pytest.mark.parametrize(
    ("said", "zone", "first", "last", "over"),
    [
        ("2026-12-31", PARIS, "2026-12-30T23:00:00", "2026-12-31T22:59:59", "2026-12-31T23:00:00"),
        ("20260701", PARIS, "2026-06-30T22:00:00", "2026-07-01T21:59:59", "2026-07-01T22:00:00"),
        ("2026-03-29", PARIS, "2026-03-28T23:00:00", "2026-03-29T21:59:59", "2026-03-29T22:00:00"),
        ("2026-03-29", BEIRUT, "2026-03-28T22:00:00", "2026-03-29T20:59:59", "2026-03-29T21:00:00"),
        ("2024-02-29", PARIS, "2024-02-28T23:00:00", "2024-02-29T22:59:59", "2024-02-29T23:00:00"),
    ],
)
def test_a_date_is_a_whole_day_where_the_library_is(
    said: str, zone: ZoneInfo, first: str, last: str, over: str
) -> None:
    found = [asked(said, zone).isoformat() for asked in ASKED]
    assert found == [f"{one}+00:00" for one in (first, last, over)]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    ("said", "instant"),
    [
        ("2026-12-31T12:00", "2026-12-31T11:00:00"),
        ("2026-07-01 12:00:30.5", "2026-07-01T10:00:30"),
        ("2026-03-29T02:30", "2026-03-29T01:00:00"),
        ("2026-12-31T12:00+05:00", "2026-12-31T07:00:00"),
        ("2026-12-31T12:00Z", "2026-12-31T12:00:00"),
    ],
)
def test_a_time_is_the_same_for_all(
    asked: Callable[[str, ZoneInfo], datetime], said: str, instant: str
) -> None:
    assert asked(said, PARIS).isoformat() == f"{instant}+00:00"


@pytest.mark.parametrize("said", ["", "soon", "2026-02-30", "2026-12-31T25:00", "9999-12-31T23:59-12:00"])
def test_what_is_none_is_refused(said: str) -> None:
    for asked in ASKED:
        with pytest.raises(Refused, match="is no date such as"):
            asked(said, PARIS)


def test_an_instant_and_nothing_stay_what_they_are() -> None:
    at = datetime(2026, 12, 31, tzinfo=UTC)
    assert [first_of(at, PARIS), last_of(at, PARIS), after(at, PARIS)] == [at] * 3
    assert [first_of(None, PARIS), last_of(None, PARIS), after(None, PARIS)] == [None] * 3
