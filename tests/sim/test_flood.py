"""The flood: bounds, and what it counts (issue 7.3)."""

import contextlib
import io
import json

import pytest

from sip2d.__main__ import main
from sip2d.sim.flood import FloodPlan, NotAllowed, flood, quantile
from sip2d.sim.run import run
from sip2d.wire.frame import split_trailer, verify
from tests.sim.running import running
from tests.support.databases import Databases


@pytest.mark.parametrize(
    "plan",
    [
        FloodPlan(host="192.0.2.1"),
        FloodPlan(host="example.org", allow_remote_host="example.com"),
        FloodPlan(host="::ffff:192.0.2.1"),
        FloodPlan(count=0),
        FloodPlan(seconds=1e6),
        FloodPlan(connections=100_000),
        FloodPlan(window=0),
        FloodPlan(mix={"nonsense": 1.0}),
        FloodPlan(mix={}),
    ],
)
def test_refused(plan: FloodPlan) -> None:
    with pytest.raises(NotAllowed):
        plan.check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine(host: str) -> None:
    FloodPlan(host=host).check()
    FloodPlan(host="192.0.2.1", allow_remote_host="192.0.2.1").check()


def test_mixed_load(sqlite_databases: Databases) -> None:
    """Every kind is answered; each loan is followed by its return, and nothing is refused."""
    with running(sqlite_databases) as port:
        report = run(
            FloodPlan(
                port=port, connections=3, window=2, count=300, seconds=20,
                mix={"status": 1, "patron": 1, "information": 1, "item": 1, "checkout": 1},
                patrons=("P1", "P2", "P-STAFF"), items=("I1", "I3", "I4"), institution="MAIN",
            )
        )  # fmt: skip
    assert report.errors == {}
    assert report.sent == report.answered == 300
    assert set(report.messages) == {"status", "patron", "information", "item", "checkout", "checkin"}
    assert all(one.refused == 0 for one in report.messages.values()), report
    lent, returned = report.messages["checkout"].count, report.messages["checkin"].count
    assert 0 <= lent - returned <= 3
    for one in report.messages.values():
        assert 0 < one.p50 <= one.p90 <= one.p99 <= one.max


def test_renewals_are_no_repeats(sqlite_databases: Databases) -> None:
    """Two renewals are done, the third is refused: not answered from the journal (SP-21)."""
    with running(sqlite_databases) as port:
        plan = FloodPlan(
            port=port, connections=1, count=1, mix={"checkout": 1}, patrons=("P1",), items=("I1",)
        )
        assert run(plan).messages["checkout"].refused == 0
        plan = FloodPlan(port=port, connections=1, count=4, mix={"renew": 1}, loans=(("P1", "I1"),))
        renewed = run(plan).messages["renew"]
    assert (renewed.count, renewed.refused) == (4, 2)


def test_time_bounds_too(sqlite_databases: Databases) -> None:
    with running(sqlite_databases) as port:
        report = run(FloodPlan(port=port, connections=2, seconds=0.3))
        assert 0.3 <= report.seconds < 5
        assert report.sent == report.answered > 10
        paced = run(FloodPlan(port=port, connections=2, seconds=0.5, rate=100))
        assert 30 <= paced.answered <= 51
        assert paced.errors == {}


async def test_nobody_there(unused_tcp_port: int) -> None:
    report = await flood(FloodPlan(port=unused_tcp_port, connections=2, seconds=1))
    assert report.connections == 0
    assert report.errors == {"connect": 2}


def test_frames_have_right_sums() -> None:
    from datetime import UTC, datetime
    from random import Random

    from sip2d.sim.frames import KINDS, Mix, Subjects, ring

    subjects = Subjects(("P1",), ("I1",), (("P1", "I1"),), "MAIN", "")
    frames = ring(
        Mix(dict.fromkeys(KINDS, 1.0), Random(1)),
        subjects,
        0,
        1,
        datetime(2026, 3, 9, tzinfo=UTC),
        checked=True,
    )
    assert {frame.kind for frame in frames} == set(KINDS)
    assert len({frame.data for frame in frames if frame.kind == "renew"}) > 50
    for frame in frames:
        _, trailer = split_trailer(frame.data[:-1])
        assert trailer is not None
        assert verify(trailer)


@pytest.mark.parametrize(("part", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_quantile(part: float, value: float) -> None:
    assert quantile([float(number) for number in range(1, 101)], part) == value
    assert quantile([7.0], part) == 7.0


def test_command(sqlite_databases: Databases) -> None:
    out = io.StringIO()
    with running(sqlite_databases) as port, contextlib.redirect_stdout(out):
        line = ["flood", "--port", str(port), "--connections", "2", "--count", "50", "--format", "json"]
        assert main(line) == 0
    said = json.loads(out.getvalue())
    assert said["answered"] == 50
    assert said["messages"]["status"]["count"] == 50
    assert main(["flood", "--host", "192.0.2.1"]) == 64
    assert main(["flood", "--mix", "status=x"]) == 64
