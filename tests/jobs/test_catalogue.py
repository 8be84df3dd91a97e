"""The jobs of circulation.md 12, JB-1 to JB-15: each there, when it says, in the order of a night."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sip2d.jobs import catalogue
from sip2d.jobs.catalogue import JOBS
from sip2d.jobs.schedule import instants

EXPECTED = {
    "JB-1": ("30 0 * * *", "branch"),
    "JB-1h": ("5 * * * *", "branch"),
    "JB-2": ("0 1 * * *", "institution"),
    "JB-3": ("0 2 * * *", "institution"),
    "JB-4": ("* * * * *", "institution"),
    "JB-5": ("0 * * * *", "institution"),
    "JB-6": ("5 0 * * *", "institution"),
    "JB-7": ("0 * * * *", "institution"),
    "JB-8": ("0 4 * * *", "institution"),
    "JB-9": ("30 4 * * *", "branch"),
    "JB-10": ("20 0 * * *", "institution"),
    "JB-11": ("30 2 * * *", "institution"),
    "JB-12": ("1 0 * * *", "institution"),
    "JB-13": ("* * * * *", "site"),
    "JB-14": ("10 0 * * *", "site"),
    "JB-15": ("0 5 * * *", "institution"),
}
NIGHT = ["JB-12", "JB-6", "JB-14", "JB-10", "JB-1", "JB-2", "JB-3", "JB-11", "JB-8", "JB-9", "JB-15"]
"""Order matters for one night."""


def test_every_job_at_its_time() -> None:
    assert {job.code: (job.schedule, job.per) for job in JOBS} == EXPECTED
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_the_order_of_a_night() -> None:
    """By the clock, and by the catalogue where the clock says the same (the hour that is leapt over)."""
    nightly = [job for job in JOBS if job.code in NIGHT]
    assert [job.code for job in nightly] == NIGHT
    zone = ZoneInfo("Europe/Paris")
    evening = datetime(2026, 3, 9, 18, tzinfo=zone)
    times = [next(instants(job.schedule, zone, evening, evening + timedelta(days=1))) for job in nightly]
    assert times == sorted(times)


def test_notices_of_days_that_passed_are_not_replayed() -> None:
    """LO-8, LO-20; what moves money is made up night by night (LO-31), losses too: on the day that LO-41
    says, with the fine of that day."""
    by_code = {job.code: job.catch_up for job in JOBS}
    assert (by_code["JB-8"], by_code["JB-9"]) == ("today", "today")
    assert (by_code["JB-1"], by_code["JB-2"]) == ("all", "all")


def test_found_by_name_or_code() -> None:
    assert all(catalogue.find(job.name) is job and catalogue.find(job.code.lower()) is job for job in JOBS)
    assert catalogue.find("hold_shelf") is catalogue.find("hold-shelf")
    assert catalogue.find("no such job") is None


def test_the_caller_s_own_take_the_place_of_theirs() -> None:
    own = catalogue.find("delivery")
    assert own is not None
    mine = type(own)("delivery", "JB-13", "Mine", own.schedule, own.per, own.catch_up, own.body)
    assert [job for job in catalogue.jobs(mine) if job not in JOBS] == [mine]
    assert len(catalogue.jobs(mine)) == len(JOBS)
