"""The bench's arithmetic (issue 8.3): what is done with what was measured. No timing is asserted."""

import math
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.offline import formats
from tests.bench import figures, night, offline_day, slow_disk
from tests.bench.dataset import LOANS
from tests.bench.figures import AT_LEAST, AT_MOST, Row, percentile, ratio, row, table, to_json
from tests.bench.generator import WrongAnswerError
from tests.bench.night import Night
from tests.bench.variants import is_late


@pytest.mark.parametrize(
    ("over", "under", "expected"),
    [
        ([4.0], [2.0], 2.0),
        ([1.0, 100.0, 3.0], [1.0, 50.0, 1.0], 2.0),  # 1, 2, 3: not the ratio of the medians (3)
        ([2.0, 4.0], [1.0, 1.0], 3.0),
        ([2.0, 2.0, 200.0], [1.0, 1.0, 1.0], 2.0),  # one busy second decides nothing
    ],
)
def test_ratio_is_the_median_of_the_rounds(over: list[float], under: list[float], expected: float) -> None:
    assert ratio(over, under) == pytest.approx(expected)


def test_ratio_wants_whole_rounds() -> None:
    with pytest.raises(ValueError, match="no round"):
        ratio([], [])
    with pytest.raises(ValueError):
        ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (range(1, 101), 0.99, 99),
        (range(1, 101), 0.5, 50),
        (range(1, 101), 1.0, 100),
        (range(1, 4), 0.5, 2),
        (range(1, 51), 0.99, 50),  # with few values it is the worst
        ([5.0], 0.99, 5.0),
        ([3.0, 1.0, 2.0], 0.01, 1.0),
    ],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_percentile_of_nothing_reaches_no_goal() -> None:
    assert math.isnan(percentile([], 0.99))
    assert not row("nothing", percentile([], 0.99), "ms", AT_MOST, 5).ok


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_percentile_is_the_smallest_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@pytest.mark.parametrize(
    ("value", "compare", "bound", "ok"),
    [
        (0.40, AT_LEAST, 0.40, True),
        (0.3999999, AT_LEAST, 0.40, False),
        (5.0, AT_MOST, 5, True),
        (5.0001, AT_MOST, 5, False),
        (1e9, "", 0, True),
    ],
)
def test_a_goal_is_judged_by_the_exact_value(value: float, compare: str, bound: float, ok: bool) -> None:
    assert row("it", value, "x", compare, bound).ok is ok


def test_results_have_the_five_keys_in_order() -> None:
    rows = [row("a", 0.123456, "x", AT_LEAST, 0.4), row("b", 12345.6, "1/s")]
    assert msgspec.json.decode(to_json(rows)) == [
        {"name": "a", "value": 0.1235, "unit": "x", "goal": ">= 0.4", "ok": False},
        {"name": "b", "value": 12350.0, "unit": "1/s", "goal": "", "ok": True},
    ]
    assert figures.to_json([]) == b"[]\n"


def test_the_table_marks_what_missed_its_goal() -> None:
    shown = table([Row("slow", 9, "ms", "<= 5", False), Row("fast", 1, "ms", "<= 5"), Row("told", 3, "us")])
    slow, fast, told = shown.splitlines()[2:]
    assert slow.endswith("NO")
    assert fast.endswith("yes")
    assert told.endswith("us")


LATE_LOANS = sum(map(is_late, range(1, LOANS + 1)))


def test_one_loan_in_ten_is_overdue() -> None:
    assert LATE_LOANS == LOANS // 10


@pytest.mark.parametrize(
    ("ends", "took"),
    [
        ([(12.0, LATE_LOANS), (32.0, LATE_LOANS)], 20),  # the slower of two
        ([(12.0, LATE_LOANS), (12.25, 0)], 2),  # a closed day costs nothing, and counts for nothing
        ([(10.25, 0), (85.25, LATE_LOANS)], 75),
    ],
)
def test_a_night_is_judged_by_the_slowest(ends: list[tuple[float, int]], took: float) -> None:
    rows = {one.name: one for one in night.judged(10.0, [Night(*end) for end in ends], [0.01] * 99, [0.2])}
    whole = rows["nightly accrual, 150,000 open loans, 10 % overdue"]
    assert (whole.value, whole.ok) == (took, took <= 60)
    assert rows["kiosk p99 during the accrual"].ok
    assert not rows["renew p99 during the accrual"].ok


def test_a_night_that_left_loans_out_is_no_night() -> None:
    with pytest.raises(WrongAnswerError, match="14999 loans"):
        night.judged(0.0, [Night(5.0, LATE_LOANS - 1), Night(5.1, 0)], [0.01], [0.01])


FSYNCS = 25


def test_every_fsync_takes_longer_on_a_slow_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Issue 4, 3.3: the preloaded shim delays fsync and fdatasync; without a compiler that is said."""
    environment = slow_disk.environment(tmp_path)
    if environment is None:
        assert "no C compiler" in capsys.readouterr().err
        return
    program = f"""if True:
        import os, time
        handle = os.open({str(tmp_path / "file")!r}, os.O_CREAT | os.O_WRONLY)
        began = time.monotonic()
        for _ in range({FSYNCS}): os.fsync(handle); os.fdatasync(handle)
        print(time.monotonic() - began)"""
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, stdout=subprocess.PIPE
    )
    assert float(told.stdout) >= 2 * FSYNCS * slow_disk.DELAY_US / 1e6


def test_without_a_compiler_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slow_disk.environment(tmp_path) is None
    assert "no C compiler (cc)" in capsys.readouterr().err


def test_the_offline_day_is_a_day_of_good_lines() -> None:
    """Issue 4, 3.3: 20,000 lines in the order of the clock, no item twice."""
    zone = ZoneInfo("Europe/Paris")
    found = formats.read(offline_day.offcirc(datetime(2026, 3, 9, 9, tzinfo=zone)), zone, None)
    assert found is not None
    assert len(found.lines) == len({line.item for line in found.lines}) == offline_day.LINES
    assert not any(line.error for line in found.lines)
    times = [line.happened_at for line in found.lines if line.happened_at is not None]
    assert times == sorted(times)
    assert len(times) == offline_day.LINES
