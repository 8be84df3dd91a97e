"""Passwords and PINs: off the loop, bounded, remembered, guessed in vain (T17, reliability.md F17)."""

import asyncio
import threading

import pytest

from sip2d.daemon.pins import Pins, PinSettings, Subject, hash_secret, matches
from sip2d.errors import StoreBusy

ME = Subject("kiosk", "patron:1")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Checks:
    """Instead of argon2: the stored text is the secret. Counts, and waits while held."""

    def __init__(self) -> None:
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, secret: str, stored: str) -> bool:
        self.gate.wait(10)
        self.count += 1
        return secret == stored


def pins(checks: Checks, clock: Clock, **settings: float) -> Pins:
    return Pins(PinSettings(**settings), clock=clock, check=checks)  # type: ignore[arg-type]  # ints among floats


def test_argon2id_with_the_parameters_of_owasp() -> None:
    stored = hash_secret("1234")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert matches("1234", stored)
    assert not matches("1235", stored)
    assert not matches("1234", "no hash")


async def test_the_real_hash_leaves_the_loop_alone() -> None:
    """T17: inline it stalls the loop for all the others."""
    checker = Pins()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    assert await checker.verify(ME, "1234", hash_secret("1234"))
    task.cancel()
    checker.close()
    assert turns > 20


async def test_right_and_wrong_and_nobody() -> None:
    checks = Checks()
    checker = pins(checks, Clock())
    assert await checker.verify(ME, "1", "1")
    assert not await checker.verify(ME, "2", "1")
    assert not await checker.verify(ME, "1", None)
    assert checks.count == 3  # the unknown one cost as much
    checker.close()


async def test_a_right_one_is_remembered_for_five_minutes() -> None:
    checks, clock = Checks(), Clock()
    checker = pins(checks, clock, cache_size=2)
    assert not checker.cached(ME, "1", "1")
    await checker.verify(ME, "1", "1")
    clock.now += 299.9
    assert checker.cached(ME, "1", "1")
    assert checker.cached(Subject("elsewhere", ME.name), "1", "1")
    for other in (("1", "changed hash"), ("2", "1"), ("1", None)):
        assert not checker.cached(ME, *other)
    assert not checker.cached(Subject("kiosk", "patron:2"), "1", "1")
    assert await checker.verify(ME, "1", "1")
    assert checks.count == 1
    clock.now += 0.2
    assert not checker.cached(ME, "1", "1")
    for name in "abc":
        await checker.verify(Subject("kiosk", name), "1", "1")
    assert [checker.cached(Subject("kiosk", name), "1", "1") for name in "abc"] == [False, True, True]
    checker.close()


async def test_fifty_kiosks_after_a_power_cut_cost_one_hash() -> None:
    checks = Checks()
    checker = pins(checks, Clock(), failures_anywhere=5)
    found = await asyncio.gather(*(checker.verify(Subject(f"k{n}", "u"), "1", "1") for n in range(50)))
    assert all(found)
    assert checks.count == 1
    checker.close()


async def test_guessing_is_refused_before_any_work() -> None:
    checks, clock = Checks(), Clock()
    checker = pins(checks, clock, failures=3, failures_anywhere=5, failure_window=60)
    for guess in "abc":
        assert not await checker.verify(ME, guess, "1")
    assert not await checker.verify(ME, "1", "1")  # even the right one: the guesser learns nothing
    assert (checks.count, checker.locked_out) == (3, 1)
    elsewhere = Subject("other kiosk", ME.name)
    assert await checker.verify(elsewhere, "1", "1")  # the patron himself is not locked out by one kiosk
    assert checker.cached(ME, "1", "1")
    for guess in "de":
        assert not await checker.verify(elsewhere, guess, "1")
    assert checker.locked(Subject("third", ME.name))
    assert not checker.locked(Subject("kiosk", "patron:2"))
    clock.now += 61
    assert not checker.locked(ME)
    checker.close()


async def test_a_burst_cannot_outrun_the_lockout() -> None:
    checks = Checks()
    checks.gate.clear()
    checker = pins(checks, Clock(), failures=3)
    burst = [asyncio.ensure_future(checker.verify(ME, str(guess), "x")) for guess in range(20)]
    await asyncio.sleep(0)
    checks.gate.set()
    assert not any(await asyncio.gather(*burst))
    assert checks.count == 3
    checker.close()


async def test_a_full_queue_is_busy_and_no_wrong_guess() -> None:
    checks = Checks()
    checks.gate.clear()
    checker = pins(checks, Clock(), queue=2, failures=1)
    waiting = [asyncio.ensure_future(checker.verify(Subject("k", str(n)), "1", "1")) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreBusy):
        await checker.verify(ME, "1", "1")
    assert not checker.locked(ME)
    checks.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert checker.waiting == 0
    checker.close()


async def test_a_caller_who_leaves_takes_nothing_along() -> None:
    checks = Checks()
    checks.gate.clear()
    checker = pins(checks, Clock())
    leaving = asyncio.ensure_future(checker.verify(ME, "1", "1"))
    staying = asyncio.ensure_future(checker.verify(ME, "1", "1"))
    await asyncio.sleep(0)
    leaving.cancel()
    checks.gate.set()
    assert await staying
    checker.close()


def test_nothing_of_a_secret_is_kept() -> None:
    checker = Pins()
    assert "1234" not in repr(vars(checker))
    checker.close()
