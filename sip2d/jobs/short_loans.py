"""JB-4: a loan for hours or minutes that is overdue and still out blocks its patron and reminds him (BL-54),
where the library wants it. Once a loan and due date: the reminder's key is the record's (`SHORT|loan|due`).
"""

from datetime import timedelta
from functools import partial
from itertools import product
from typing import Final

from sip2d.desk import suspend
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.policy.facts import ItemFacts, LoanFacts
from sip2d.policy.setting_names import settings_of
from sip2d.policy.terms import LoanUnit
from sip2d.store import items, outbox, patrons, short_loans
from sip2d.store.short_loans import ShortLoan
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

NOTICE: Final = "SHORT_LOAN_REMINDER"
_SHORT: Final = (LoanUnit.HOURS, LoanUnit.MINUTES)
_OVERDUE: Final = timedelta(seconds=1)
"""What is due this second is not overdue yet (LO-3)."""


def remind(run: Run) -> Pieces:
    """The loans of the institution that are overdue for so many minutes."""
    institution = run.institution
    settings = settings_of(institution.settings, institution.decimals)
    types = _types(run) if settings.short_loan_overdue_block else set()
    if not types:
        return
    late = max(timedelta(minutes=settings.short_loan_overdue_reminder_min), _OVERDUE)
    find = partial(
        short_loans.waiting,
        institution_id=institution.id,
        item_types=types,
        due=run.as_of - late,
        count=PIECE,
    )
    after = 0
    while rows := (yield read(partial(find, after=after))):
        for row in rows:
            if is_short(run, row):
                # One loan a piece: with the next item locked after this patron, a kiosk could wait for ever.
                yield write(partial(_reminded, run=run, row=row))
        after = rows[-1].loan_id


def is_short(run: Run, row: ShortLoan) -> bool:
    """Whether the loan's terms count in hours or minutes."""
    return _hourly(run, row.policy_branch_id, row.patron_type_id, row.item_type_id)


def _types(run: Run) -> set[int]:
    """The item types that are lent for hours or minutes to anybody anywhere: most libraries have none, and
    then nothing is asked of the database every minute."""
    owner, library = run.institution.id, run.library
    branches = [branch.id for branch in run.branches]
    patron_types = [kind.id for kind in library.patron_types.values() if kind.institution_id == owner]
    item_types = [kind.id for kind in library.item_types.values() if kind.institution_id == owner]
    return {key[2] for key in product(branches, patron_types, item_types) if _hourly(run, *key)}


def _hourly(run: Run, branch_id: int, patron_type_id: int, item_type_id: int) -> bool:
    matrix = run.library.matrices.get(run.institution.id)
    terms = None if matrix is None else matrix.terms(branch_id, patron_type_id, item_type_id, run.as_of)
    return terms is not None and terms.loan_unit in _SHORT


def _reminded(unit: Unit, run: Run, row: ShortLoan) -> Tally:
    tally = Tally()
    item = items.by_id(unit, row.item_id, run.as_of)
    loan = None if item is None else item.loan
    # Neither returned nor renewed while we waited for its lock.
    if item is not None and loan is not None and loan.id == row.loan_id and loan.due_at < run.as_of:
        _remind(unit, run, item, loan, tally)
    return tally


def _remind(unit: Unit, run: Run, item: ItemFacts, loan: LoanFacts, tally: Tally) -> None:
    patron = patrons.by_id(unit, loan.patron_id, run.as_of)
    assert patron is not None  # a loan has one
    desk = run.desk(run.library.branches[loan.policy_branch_id])
    told = outbox.queue(
        unit,
        institution_id=patron.institution_id,
        branch_id=loan.branch_id,
        patron_id=patron.id,
        type_=NOTICE,
        key=short_loans.key(loan.id, loan.due_at),
        now=desk.now,
        context={
            "items": [
                {"title": item.title, "author": item.author, "barcode": item.barcode,
                 "due_at": seconds(loan.due_at), "branch": run.library.branches[loan.branch_id].name}
            ],
            "due_at": seconds(loan.due_at),
        },
    )  # fmt: skip
    if told is None:
        return
    tally.count("reminded")
    block_id, error = suspend.overdue_while_out(unit, desk, patron, item, loan)
    if error is not None:
        tally.count("misconfigured")
    if block_id is not None:
        tally.count("blocked")
        tally.tell(user=patron.barcode, block=block_id, loan=item.barcode, reason="SHORT_LOAN")


JOB: Final = Job(
    name="short-loans",
    code="JB-4",
    title="Block and remind patrons whose loans for hours are overdue",
    schedule="* * * * *",
    per="institution",
    catch_up="last",
    body=remind,
)
