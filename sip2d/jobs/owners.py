"""For whom jobs run: the site, institutions or branches, and in which zone their night is."""

from zoneinfo import ZoneInfo

from sip2d.jobs.job import Job, Owner
from sip2d.store.library import Library


def owners(job: Job, library: Library) -> list[Owner | None]:
    """All that are in service."""
    if job.per == "site":
        return [None]
    institutions = [one for one in library.institutions.values() if one.enabled]
    if job.per == "institution":
        return [*institutions]
    served = {one.id for one in institutions}
    return [one for one in library.branches.values() if one.enabled and one.institution_id in served]


def zone_of(owner: Owner | None, library: Library) -> ZoneInfo:
    """Local time of the owner; of the site that of its institutions where they agree, else UTC."""
    if owner is not None:
        return owner.zone
    zones = {one.zone for one in library.institutions.values() if one.enabled}
    return zones.pop() if len(zones) == 1 else ZoneInfo("UTC")
