"""All jobs, in the order of a night (circulation.md 12): yesterday is written down before anything moves,
renewals come before accrual, accrual before loss, and all of it before the notices that tell of it.
"""

from typing import Final

from sip2d.jobs import (
    auto_renew,
    blocks,
    courtesy,
    delivery,
    fines,
    hold_shelf,
    housekeeping,
    links,
    long_overdue,
    membership_expiry,
    membership_notices,
    overdue,
    receipts,
    short_loans,
    snapshots,
)
from sip2d.jobs.job import Job

JOBS: Final[tuple[Job, ...]] = (
    snapshots.JOB,
    membership_expiry.JOB,
    housekeeping.JOB,
    auto_renew.JOB,
    fines.DAILY,
    long_overdue.LONG_OVERDUE,
    blocks.JOB,
    hold_shelf.JOB,
    courtesy.JOB,
    overdue.JOB,
    links.JOB,
    # by the hour and the minute: what they tell of is done before
    fines.HOURLY,
    short_loans.JOB,
    membership_notices.JOB,
    receipts.JOB,
    delivery.JOB,
)


def jobs(*own: Job) -> tuple[Job, ...]:
    """All of them, with some made by the caller in the place of those of the same name (a delivery that has a
    post office).
    """
    made = {job.name: job for job in own}
    return tuple(made.get(job.name, job) for job in JOBS)


def find(name: str, among: tuple[Job, ...] = JOBS) -> Job | None:
    """By name or by code (`JB-11`)."""
    wanted = _plain(name)
    return next((job for job in among if wanted in (_plain(job.name), _plain(job.code))), None)


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")
