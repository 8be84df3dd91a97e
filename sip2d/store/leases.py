"""Leases: who may run a job now (circulation.md 12). One holder at a time; what was not renewed runs out, and
only then another may take it.

A holder renews in the transactions in which he writes: one that lost its lease meanwhile can write nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from sip2d.store.statement import hot
from sip2d.store.tables import job_lease
from sip2d.store.times import seconds
from sip2d.store.unit import CONFLICTS, Unit

_LEASE = job_lease.c
_TAKE = hot(
    update(job_lease)
    .where(_LEASE.job == bindparam("name"), _LEASE.until <= bindparam("now"))
    .values(holder=bindparam("by"), until=bindparam("end")),
    "name", "now", "by", "end",
)  # fmt: skip
_ADD = hot(insert(job_lease), "job", "holder", "until")
_RENEW = hot(
    update(job_lease)
    .where(_LEASE.job == bindparam("name"), _LEASE.holder == bindparam("by"))
    .values(until=bindparam("end")),
    "name", "by", "end",
)  # fmt: skip
_RELEASE = hot(
    delete(job_lease).where(_LEASE.job == bindparam("name"), _LEASE.holder == bindparam("by")), "name", "by"
)
_UNTIL = hot(select(_LEASE.until).where(_LEASE.job == bindparam("name")), "name")
_HOLDER = hot(select(_LEASE.holder).where(_LEASE.job == bindparam("name")), "name")
"""Three or four of these a run, of which every minute has some: 1 us each instead of 200 as Core."""


def acquire(unit: Unit, name: str, holder: str, now: datetime, span: timedelta) -> bool:
    """Take the lease unless another's has not run out yet; nobody is waited for."""
    moment, end = seconds(now), seconds(now + span)
    if unit.run(_TAKE, name, moment, holder, end):
        return True
    if holder_of(unit, name) is not None:
        return False
    try:
        with unit.attempt():
            unit.run(_ADD, name, holder, end)
    except CONFLICTS:  # another was faster
        return False
    return True


def renew(unit: Unit, names: Iterable[str], holder: str, now: datetime, span: timedelta) -> bool:
    """Keep them all for another while. False: at least one of them is another's now."""
    end = seconds(now + span)
    return all(unit.run(_RENEW, name, holder, end) for name in names)


def taken(unit: Unit, name: str, now: datetime) -> bool:
    """Whether somebody has it now."""
    until = unit.value(_UNTIL, name)
    return until is not None and until > seconds(now)


def release(unit: Unit, name: str, holder: str) -> None:
    """Give it up; another's is left alone."""
    unit.run(_RELEASE, name, holder)


def holder_of(unit: Unit, name: str) -> str | None:
    """Who has it, or had it last without giving it up."""
    found = unit.value(_HOLDER, name)
    return None if found is None else str(found)
