"""Passwords of terminals and PINs of patrons: argon2id in a small pool, away from the loop (T17;
performance.md 6).

A verified secret is remembered for a short while, in memory, keyed; wrong ones are counted, and a subject
that guesses too often is refused before any work is done (reliability.md F17). The loop's thread only, but
for ``hash_secret``.
"""

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sip2d.errors import StoreBusy

TIME_COST: Final = 2
MEMORY_KIB: Final = 19 * 1024
PARALLELISM: Final = 1
REMEMBERED_FAILURES: Final = 65_536

_hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)


class Subject(msgspec.Struct, frozen=True):
    """Whose secret, asked from where: ``source`` is a terminal's name or a peer's address, ``name`` is
    unique per subject."""

    source: str
    name: str


class PinSettings(msgspec.Struct, frozen=True):
    """See ``[hash]`` of the configuration."""

    workers: int = 2
    queue: int = 64
    cache_seconds: float = 300.0
    cache_size: int = 8192
    failures: int = 5
    failures_anywhere: int = 20
    failure_window: float = 900.0


def hash_secret(secret: str) -> str:
    """The argon2id hash to store; takes about 20 ms, so not on the loop."""
    return _hasher.hash(secret)


def matches(secret: str, stored: str) -> bool:
    """Is it the secret of this hash? About 20 ms; a hash that is none matches nothing."""
    try:
        return _hasher.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False


class Pins:
    """The checks. ``clock`` is monotonic seconds; ``check`` is what a worker runs."""

    def __init__(
        self,
        settings: PinSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        check: Callable[[str, str], bool] = matches,
    ) -> None:
        self.settings = settings or PinSettings()
        self.locked_out = 0
        self._clock = clock
        self._check = check
        self._pool = ThreadPoolExecutor(self.settings.workers, thread_name_prefix="sip2d-pins")
        self._waiting: dict[bytes, asyncio.Future[bool]] = {}
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._failures: OrderedDict[object, tuple[float, int]] = OrderedDict()
        self._key = os.urandom(32)
        self._dummy = hash_secret(os.urandom(16).hex())

    @property
    def waiting(self) -> int:
        """Checks queued or running."""
        return len(self._waiting)

    def cached(self, subject: Subject, secret: str, stored: str | None) -> bool:
        """Was exactly this verified a short while ago? A microsecond; says nothing when False."""
        if stored is None:
            return False
        key = self._digest(subject, secret, stored)
        until = self._known.get(key)
        if until is None:
            return False
        if until <= self._clock():
            del self._known[key]
            return False
        self._known.move_to_end(key)
        return True

    def locked(self, subject: Subject) -> bool:
        """Too many wrong guesses: by this subject from this source, or by this subject anywhere."""
        settings = self.settings
        return (
            self._count(subject) >= settings.failures
            or self._count(subject.name) >= settings.failures_anywhere
        )

    async def verify(self, subject: Subject, secret: str, stored: str | None) -> bool:
        """Is it the secret? ``stored`` None (nobody of that name) costs the same and is False, and so is a
        lockout at once.

        Raises StoreBusy when too many checks wait: nothing is known then, and nothing is counted.
        """
        if self.cached(subject, secret, stored):
            return True
        if self.locked(subject):
            self.locked_out += 1
            return False
        hashed = self._dummy if stored is None else stored
        key = self._digest(subject, secret, hashed)
        future = self._waiting.get(key)
        if future is None:
            future = self._submit(key, subject, secret, hashed, real=stored is not None)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Let the workers go; a check that runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(
        self, key: bytes, subject: Subject, secret: str, hashed: str, *, real: bool
    ) -> "asyncio.Future[bool]":
        if len(self._waiting) >= self.settings.queue:
            raise StoreBusy("too many password checks wait")
        # A guess counts before it is checked, so that a burst of guesses cannot outrun the lockout.
        self._fail(subject)
        self._fail(subject.name)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._waiting[key] = answer
        work = loop.run_in_executor(self._pool, self._check, secret, hashed)

        def done(work: "asyncio.Future[bool]") -> None:
            del self._waiting[key]
            failed = work.cancelled() or work.exception() is not None
            right = not failed and work.result() and real
            if right:
                self._forgive(subject)
                self._forget_one(subject.name)
                self._remember(key)
            if not answer.done():
                answer.set_result(right)

        work.add_done_callback(done)
        return answer

    def _digest(self, subject: Subject, secret: str, stored: str) -> bytes:
        text = "\0".join((subject.name, secret, stored))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()

    def _remember(self, key: bytes) -> None:
        if self.settings.cache_seconds <= 0:
            return
        self._known[key] = self._clock() + self.settings.cache_seconds
        self._known.move_to_end(key)
        if len(self._known) > self.settings.cache_size:
            self._known.popitem(last=False)

    def _count(self, who: object) -> int:
        since, count = self._failures.get(who, (0.0, 0))
        return count if self._clock() - since < self.settings.failure_window else 0

    def _fail(self, who: object) -> None:
        count = self._count(who)
        since = self._failures[who][0] if count else self._clock()
        self._failures[who] = (since, count + 1)
        self._failures.move_to_end(who)
        if len(self._failures) > REMEMBERED_FAILURES:
            self._failures.popitem(last=False)

    def _forgive(self, subject: Subject) -> None:
        """The right secret clears its own source only: a guesser elsewhere stays counted."""
        self._failures.pop(subject, None)

    def _forget_one(self, who: object) -> None:
        if self._count(who):
            since, count = self._failures[who]
            self._failures[who] = (since, count - 1)
