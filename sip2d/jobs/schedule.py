"""When a job is due: cron text in the local time of its owner, safe at both changes of the clock.

A fixed time that the clock leaps over (02:30 in the gap) runs at the end of the leap, one that comes twice
runs at its first; what runs every hour or minute runs in every hour that there is.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Final

from cronsim import CronSim

MOST: Final = 400
"""So many missed periods are made up at most, the newest: more than a year of nights."""


def instants(schedule: str, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The scheduled instants (UTC) later than ``after`` and not later than ``until``, in order."""
    for at in _forward(schedule, zone, after):
        if at > until:
            return
        yield at


def next_after(schedule: str, zone: tzinfo, after: datetime) -> datetime:
    """The first scheduled instant (UTC) later than ``after``. StopIteration: a date that never comes."""
    return next(_forward(schedule, zone, after))


def missed(schedule: str, zone: tzinfo, after: datetime, until: datetime, catch_up: str) -> list[datetime]:
    """The instants of ``(after, until]`` that are to be run, by the rule of `Job.catch_up`."""
    if catch_up == "all":
        # from the end, so that a year of minutes is not counted through
        found = list(islice(_backward(schedule, zone, after, until), MOST))
        return found[::-1]
    newest = next(_backward(schedule, zone, after, until), None)
    if newest is None:
        return []
    passed = newest.astimezone(zone).date() < until.astimezone(zone).date()
    return [] if catch_up == "today" and passed else [newest]


def period(schedule: str, zone: tzinfo, at: datetime) -> str:
    """What a run of this moment is for: the local date, hour or minute, by how often the job runs. It makes
    the run's key; hours and minutes carry their offset, for those that come twice a year.
    """
    local = at.astimezone(zone)
    minute, hour = schedule.split()[:2]
    if not minute.isdigit():
        return local.strftime("%Y-%m-%dT%H:%M%z")
    return local.strftime("%Y-%m-%d" if hour.isdigit() else "%Y-%m-%dT%H%z")


def _forward(schedule: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Strictly later than ``after``: counted in local time, the hour that comes twice is met again."""
    for at in CronSim(schedule, after.astimezone(zone)):
        instant = at.astimezone(UTC)
        if instant > after:
            yield instant


def _backward(schedule: str, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The same from the end, as far as ``after``."""
    if not any(field.startswith("*") for field in schedule.split()[:2]):  # counted in local time, as above
        yield from reversed(list(instants(schedule, zone, after, until)))
        return
    start = until.astimezone(zone).replace(microsecond=1)  # a fraction of a second lets `until` itself count
    for at in CronSim(schedule, start, reverse=True):
        instant = at.astimezone(UTC)
        if instant <= after:
            return
        yield instant
