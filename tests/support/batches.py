"""One batch: what waits while a thread of the store is busy is served together."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from sip2d.store.executor import Store
from sip2d.store.transact import Ahead, Job, Task
from sip2d.store.unit import Unit

WAIT = 20.0
"""Seconds; far more than any of it takes."""


def hold(store: Store, writes: bool) -> threading.Event:
    """Occupy the thread of lane 0 until the event is set: what is submitted meanwhile is one group."""
    go, running = threading.Event(), threading.Event()

    def wait(_unit: Unit) -> None:
        running.set()
        assert go.wait(WAIT)

    store.submit(writes, "hold", wait, lambda _value, _fault: None)
    assert running.wait(WAIT)
    return go


@contextmanager
def busy(store: Store, writes: bool = False) -> Iterator[None]:
    """It is occupied until the end of this."""
    go = hold(store, writes)
    try:
        yield
    finally:
        go.set()


class Told(msgspec.Struct):
    """What became of a job."""

    value: Any = None
    fault: BaseException | None = None


class Answers:
    """Hears of so many jobs, by their numbers; each is told once."""

    def __init__(self, expected: int) -> None:
        self._all = threading.Event()
        self._expected = expected
        self.told: dict[int, Told] = {}
        if not expected:
            self._all.set()

    def tell(self, number: int, value: Any, fault: BaseException | None) -> None:
        """A job is done."""
        assert number not in self.told
        self.told[number] = Told(value, fault)
        if len(self.told) == self._expected:
            self._all.set()

    def wait(self) -> list[Told]:
        """All, in the order of their numbers."""
        assert self._all.wait(WAIT)
        return [self.told[number] for number in range(self._expected)]


class Asked(msgspec.Struct, frozen=True):
    """A job of a test: what it does, and what is asked for ahead of it."""

    work: Any
    ahead: Ahead | None = None


def together(store: Store, asked: Sequence[Asked], *, writes: bool = False) -> list[Told]:
    """What became of these, served as one batch."""
    answers = Answers(len(asked))
    with busy(store, writes):
        for number, one in enumerate(asked):
            store.send(writes, _task(answers, number, one))
    return answers.wait()


def _task(answers: Answers, number: int, one: Asked) -> Job:
    def done(value: Any, fault: BaseException | None) -> None:
        answers.tell(number, value, fault)

    return Task(f"unit {number % 3}", one.work, done, one.ahead)
