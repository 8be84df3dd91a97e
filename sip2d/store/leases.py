"""Leases: who may run a job now (circulation.md 12). One holder at a time; what was not renewed runs out, and
only then another may take it.

A holder renews in the transactions in which he writes: one that lost its lease meanwhile can write nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from sip2d.store.tables import job_lease
from sip2d.store.times import seconds
from sip2d.store.unit import CONFLICTS, Unit


def acquire(unit: Unit, name: str, holder: str, now: datetime, span: timedelta) -> bool:
    """Take the lease unless another's has not run out yet; nobody is waited for."""
    values = {"holder": holder, "until": seconds(now + span)}
    free = update(job_lease).where(job_lease.c.job == name, job_lease.c.until <= seconds(now))
    if unit.core.execute(free.values(**values)).rowcount:
        return True
    if holder_of(unit, name) is not None:
        return False
    try:
        with unit.attempt():
            unit.core.execute(insert(job_lease).values(job=name, **values))
    except CONFLICTS:  # another was faster
        return False
    return True


def renew(unit: Unit, names: Iterable[str], holder: str, now: datetime, span: timedelta) -> bool:
    """Keep them all for another while. False: at least one of them is another's now."""
    wanted = list(names)
    held = update(job_lease).where(job_lease.c.job.in_(wanted), job_lease.c.holder == holder)
    return unit.core.execute(held.values(until=seconds(now + span))).rowcount == len(wanted)


def release(unit: Unit, name: str, holder: str) -> None:
    """Give it up; another's is left alone."""
    unit.core.execute(delete(job_lease).where(job_lease.c.job == name, job_lease.c.holder == holder))


def holder_of(unit: Unit, name: str) -> str | None:
    """Who has it, or had it last without giving it up."""
    found = unit.core.scalar(select(job_lease.c.holder).where(job_lease.c.job == name))
    return None if found is None else str(found)
