"""JB-10: loans that fall due today are renewed by themselves, under every rule of a renewal at a kiosk
(CO-13). One that is refused is counted by its reason and reported.
"""

from datetime import datetime, time, timedelta
from functools import partial
from typing import Final

import msgspec

from sip2d.desk import renew
from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.jobs.job import Job, Pieces, Run, Tally, read, write
from sip2d.policy.facts import ItemFacts, Mode
from sip2d.policy.settings import Allow
from sip2d.store import auto_renewals, items, patrons
from sip2d.store.auto_renewals import DueLoan
from sip2d.store.library import Branch
from sip2d.store.unit import Unit

LOOKED_AT: Final = 500
"""Loans that one reading piece looks at."""

REFUSALS: Final = {"FINE_NO_RENEWALS": "auto_too_much_owing"}
"""What a reason is called in the report where it has a name of its own there (LO-34)."""


def auto_renew(run: Run) -> Pieces:
    """Each loan has the key ``AUTOREN|loan|due_at``: a due date is renewed once by this job, and a loan once
    a day, however often it runs (PT-8)."""
    for branch in run.branches:
        yield from _branch(run, branch)


def _branch(run: Run, branch: Branch) -> Pieces:
    since, until = _today(run.as_of, branch)
    after: DueLoan | None = None
    while rows := (yield read(partial(_look, branch=branch, since=since, until=until, after=after))):
        after = rows[-1]
        for row in rows:
            if _wanted(run, branch, row):
                # One loan a piece: with the next item locked after this patron, a kiosk could wait for ever.
                yield write(partial(_renew, run=run, branch=branch, row=row))


def _today(as_of: datetime, branch: Branch) -> tuple[datetime, datetime]:
    """From now to the end of the local date: what is overdue is renewed by nobody but its patron."""
    tomorrow = branch.calendar.local_date(as_of) + timedelta(days=1)
    return as_of, branch.calendar.at(tomorrow, time(0))


def _look(
    unit: Unit, *, branch: Branch, since: datetime, until: datetime, after: DueLoan | None
) -> list[DueLoan]:
    return auto_renewals.due(unit, branch.id, since, until, after, LOOKED_AT)


def _wanted(run: Run, branch: Branch, row: DueLoan) -> bool:
    matrix = run.library.matrices.get(branch.institution_id)
    terms = (
        None if matrix is None else matrix.terms(branch.id, row.patron_type_id, row.item_type_id, run.as_of)
    )
    return row.auto_renew or (terms is not None and terms.auto_renew)


def _renew(unit: Unit, *, run: Run, branch: Branch, row: DueLoan) -> Tally:
    tally = Tally()
    desk = _desk(run, branch)
    midnight = branch.calendar.at(branch.calendar.local_date(run.as_of), time(0))
    item = items.by_id(unit, row.item_id, run.as_of)
    if item is None or not _still(item, row) or auto_renewals.done(unit, row, midnight):
        return tally
    outcome = _one(unit, desk, item)
    if outcome is not None:
        _count(tally, item, outcome)
    return tally


def _desk(run: Run, branch: Branch) -> Desk:
    """Online, as a kiosk would; what is owed stops automatic renewals only where LO-34 says so."""
    desk = msgspec.structs.replace(run.desk(branch), mode=Mode.ONLINE)
    if desk.settings.fine_no_renewals_auto is Allow.ALLOW:
        settings = msgspec.structs.replace(desk.settings, fine_no_renewals_minor=None)
        desk = msgspec.structs.replace(desk, settings=settings)
    return desk


def _still(item: ItemFacts, row: DueLoan) -> bool:
    """Neither returned nor renewed since the job looked."""
    return item.loan is not None and (item.loan.id, item.loan.due_at) == (row.loan_id, row.due_at)


def _one(unit: Unit, desk: Desk, item: ItemFacts) -> Outcome | None:
    assert item.loan is not None  # `_still`
    patron = patrons.by_id(unit, item.loan.patron_id, desk.now)
    if patron is None:
        return None
    # A renewal that costs something is the patron's to accept: FEE_REQUIRED refuses it.
    return renew.renew(
        unit, desk, patron, item, third_party=False, requested_due_at=None, fee_acknowledged=False
    )


def _count(tally: Tally, item: ItemFacts, outcome: Outcome) -> None:
    assert item.loan is not None
    if outcome.done:
        tally.count("renewed")
        return
    reason = next((reason.code for reason in outcome.reasons), "refused")
    word = REFUSALS.get(reason, reason)
    tally.count("refused")
    tally.count(word)
    tally.tell(
        loan=item.loan.id, item=item.barcode, patron=outcome.patron.barcode if outcome.patron else None,
        due_at=item.loan.due_at.isoformat(), refused=word,
        reasons=[reason.code for reason in outcome.reasons],
    )  # fmt: skip


JOB: Final = Job(
    name="auto-renew",
    code="JB-10",
    title="Automatic renewals of what is due today",
    schedule="20 0 * * *",
    per="institution",
    catch_up="all",
    body=auto_renew,
)
