"""JB-7: due-date receipts: what was renewed in the last clock hour, or loaded from an offline file, one
notice a patron (BR-14, OF-38)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sip2d.jobs import letters
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.store import notice_loans, outbox
from sip2d.store.notice_loans import Told
from sip2d.store.unit import Unit

RECEIPT: Final = "DUE_RECEIPT"
_HOUR: Final = timedelta(hours=1)


def send(run: Run) -> Pieces:
    """The receipts of an institution for the clock hour that has just ended."""
    places = [place.id for place in run.branches if place.sip2.due_receipt_enabled]
    if not places:
        return  # no configuration, no notice
    hour = run.as_of.replace(minute=0, second=0, microsecond=0)
    after = 0
    while True:
        page = yield read(
            partial(
                notice_loans.patrons_renewed,
                branch_ids=places,
                since=hour - _HOUR,
                until=hour,
                after=after,
                limit=letters.PATRONS,
            )
        )
        if not page:
            return
        after = page[-1][0]
        for patrons in letters.pieces(page, PIECE):
            yield write(partial(_tell, run=run, places=places, hour=hour - _HOUR, patrons=patrons))


JOB: Final = Job(
    name="due-receipts",
    code="JB-7",
    title="Confirm the due dates of what was renewed in the last hour",
    schedule="0 * * * *",
    per="institution",
    catch_up="today",
    body=send,
)


def _tell(unit: Unit, *, run: Run, places: list[int], hour: datetime, patrons: Sequence[int]) -> Tally:
    tally = Tally()
    by_patron: dict[int, list[Told]] = {}
    for loan in notice_loans.renewed(unit, patrons, places, hour, hour + _HOUR):
        by_patron.setdefault(loan.patron_id, []).append(loan)
    for patron_id, loans in by_patron.items():
        queued = outbox.queue(
            unit,
            institution_id=run.institution.id,
            branch_id=loans[0].home_branch_id,
            patron_id=patron_id,
            type_=RECEIPT,
            key=f"{RECEIPT}|{patron_id}|{hour:%Y-%m-%dT%H}",
            context={"items": [loan.row for loan in sorted(loans, key=lambda loan: loan.due_at)]},
            now=run.as_of,
        )
        tally.count("queued" if queued is not None else "known")
    return tally
