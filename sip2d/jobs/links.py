"""JB-15: accounts whose source has changed get their copies of its network blocks anew (BL-61, BL-65)."""

from functools import partial
from typing import Final

from sip2d.desk import link
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.store import links
from sip2d.store.links import Link
from sip2d.store.unit import Unit


def refresh(run: Run) -> Pieces:
    """All links to accounts of the institution, once a version of the source (``LINK|link|version``)."""
    after = 0
    find = partial(links.changed, institution_id=run.institution.id, count=PIECE)
    while rows := (yield read(partial(find, after=after))):
        yield write(partial(_refreshed, run=run, rows=rows))
        after = rows[-1].id


def _refreshed(unit: Unit, run: Run, rows: list[Link]) -> Tally:
    tally = Tally()
    link.lock(unit, run.desk(run.library.branches[rows[0].target_branch_id]), rows)
    for row in rows:
        desk = run.desk(run.library.branches[row.target_branch_id])
        done = link.refresh(unit, desk, row.id)
        tally.count("refreshed" if done.error is None else "no_definition")
        tally.count("copied", done.copied)
        tally.tell(
            user=row.target_barcode, source=row.source_barcode, link=row.id, version=row.source_version,
            removed=done.removed, copied=done.copied, reason=done.error or link.REFRESH,
        )  # fmt: skip
    return tally


JOB: Final = Job(
    name="refresh-links",
    code="JB-15",
    title="Refresh linked accounts whose source has changed",
    schedule="0 5 * * *",
    per="institution",
    catch_up="last",
    body=refresh,
)
