"""JB-12: every item and loan as it was at the end of the previous day (BR-25, BR-26)."""

from datetime import datetime, time, timedelta
from functools import partial
from typing import Final

from sip2d.jobs.job import Job, Pieces, Run, write
from sip2d.store import snapshots

ITEMS: Final = 200
"""Items a piece: one statement of some milliseconds."""


def take(run: Run) -> Pieces:
    """The day before `as_of`, in the institution's zone."""
    institution = run.institution
    today = run.as_of.astimezone(institution.zone).date()
    end, day = datetime.combine(today, time(), institution.zone), today - timedelta(days=1)
    write_down = partial(snapshots.take, institution_id=institution.id, day=day, end=end, limit=ITEMS)
    last = 0
    while True:
        part = yield write(partial(write_down, after=last))
        if part is None:
            return
        run.tally.count("items", part.written)
        last = part.last


JOB: Final = Job(
    name="snapshots",
    code="JB-12",
    title="Snapshot of all items and loans of the day before",
    schedule="1 0 * * *",
    per="institution",
    catch_up="last",
    body=take,
)
