"""What the daemon does by the clock goes on, whatever a round comes to."""

import asyncio
import itertools

import pytest
from structlog.testing import capture_logs

from sip2d.daemon.timers import every

ENOUGH = 8


async def test_a_round_that_fails_is_told_when_it_begins_to_and_the_next_one_comes() -> None:
    faults = (None, ValueError("1234"), ValueError("1234"), KeyError("1234"), None, ValueError("1234"), None)
    rounds, done = itertools.count(), asyncio.Event()

    async def look() -> None:
        number = next(rounds)
        if number == ENOUGH:
            done.set()
        fault = faults[number % len(faults)]
        if fault is not None:
            raise fault

    with capture_logs() as told:
        task = asyncio.create_task(every(lambda: 0, look))
        async with asyncio.timeout(20):
            await done.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [one["fault"] for one in told] == ["ValueError", "KeyError", "ValueError", "ValueError"]
    assert {(one["event"], one["round"], one["log_level"]) for one in told} == {
        ("daemon.round_failed", "look", "error")
    }
    assert all(one["where"].startswith("test_timers.py:") for one in told)
    assert "1234" not in str(told), "it may be a patron's"
