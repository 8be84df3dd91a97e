"""Instants as the tables hold them: whole epoch seconds, UTC."""

import functools
from datetime import UTC, datetime


@functools.lru_cache(maxsize=4096)
def instant(seconds: int) -> datetime:
    """The aware UTC datetime of a stored number: most loans end at the end of some day."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe_instant(seconds: int | None) -> datetime | None:
    """The same where the column may be NULL."""
    return None if seconds is None else instant(seconds)


@functools.lru_cache(maxsize=4096)
def seconds(at: datetime) -> int:
    """What to store for an instant: half the time for one that was asked before, as the moment of an act is
    five times."""
    return int(at.timestamp())


def maybe_seconds(at: datetime | None) -> int | None:
    """The same where the column may be NULL."""
    return None if at is None else seconds(at)
