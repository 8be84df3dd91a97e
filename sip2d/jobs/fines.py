"""JB-1 and JB-1h: what overdue loans cost so far (LO-31, LO-37). What it does to a loan is `desk.fine`.

A run looks through the overdue loans of one policy branch by due date, reading; only those that may cost
something go into pieces that write, where they are looked at again. Each has the key ``ACCRUE|fee|as_of`` by
its amount: a second run finds nothing left to post (PT-8).
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from sip2d.desk import fine
from sip2d.jobs.job import Job, Pieces, Run, Tally, read, write
from sip2d.policy.fines import is_hourly, rate
from sip2d.policy.setting_names import settings_of
from sip2d.policy.settings import FinesMode
from sip2d.store import fines
from sip2d.store.fines import Candidate
from sip2d.store.library import Branch
from sip2d.store.unit import Unit

LOOKED_AT: Final = 500
"""Loans that one reading piece looks at: some 3 ms."""
AT_ONCE: Final = 25
"""Loans that one writing piece accrues: beside 50 busy kiosks a renewal's p99 is 60 ms, with 50 it is 80."""


def accrue_daily(run: Run) -> Pieces:
    """Loans whose rules count in days."""
    for branch in run.branches:
        yield from _branch(run, branch, hourly=False)


def accrue_hourly(run: Run) -> Pieces:
    """Loans whose rules count in hours; without such a rule nothing is even looked at."""
    for branch in run.branches:
        if _may_be_hourly(run, branch):
            yield from _branch(run, branch, hourly=True)


def _branch(run: Run, branch: Branch, *, hourly: bool) -> Pieces:
    institution = run.library.institutions[branch.institution_id]
    if settings_of(institution.settings, institution.decimals).fines_mode is FinesMode.OFF:
        run.tally.count("fines_off")
        return
    if not branch.calendar.is_open(branch.calendar.local_date(run.as_of)):
        run.tally.count("closed")  # LO-31: exact when what lay in the book drop is taken back
        return
    after: Candidate | None = None
    waiting: list[int] = []
    while rows := (yield read(partial(_look, run=run, branch=branch, after=after))):
        waiting += [row.loan_id for row in rows if _concerns(run, branch, row, hourly)]
        after = rows[-1]
        while len(waiting) >= AT_ONCE:
            yield write(partial(_accrue, run=run, branch=branch, loans=waiting[:AT_ONCE], hourly=hourly))
            waiting = waiting[AT_ONCE:]
    if waiting:
        yield write(partial(_accrue, run=run, branch=branch, loans=waiting, hourly=hourly))


def _look(unit: Unit, *, run: Run, branch: Branch, after: Candidate | None) -> list[Candidate]:
    return fines.candidates(unit, branch.id, run.as_of, after, LOOKED_AT)


def _concerns(run: Run, branch: Branch, row: Candidate, hourly: bool) -> bool:
    """Whether the loan may cost something in this run: not where its rules count in the other unit, where
    penalties are detached, or where it costs nothing and never did. Without rules its own terms decide
    (CO-7), which only the piece that writes reads."""
    matrix = run.library.matrices.get(branch.institution_id)
    terms = (
        None if matrix is None else matrix.terms(branch.id, row.patron_type_id, row.item_type_id, run.as_of)
    )
    if terms is None:
        return True
    if is_hourly(terms) is not hourly or terms.fine_amount is None:
        return False
    return row.fee_id is not None or rate(terms) > 0 or rate(terms, recalled=True) > 0


def _may_be_hourly(run: Run, branch: Branch) -> bool:
    """Whether anything at this branch is lent by the hour, or an old loan may have been."""
    matrix = run.library.matrices.get(branch.institution_id)
    if matrix is None:
        return False
    own = branch.institution_id
    return any(
        terms is None or is_hourly(terms)
        for terms in (
            matrix.terms(branch.id, patron.id, item.id, run.as_of)
            for patron in run.library.patron_types.values()
            if patron.institution_id == own
            for item in run.library.item_types.values()
            if item.institution_id == own
        )
    )


def _accrue(unit: Unit, *, run: Run, branch: Branch, loans: Sequence[int], hourly: bool) -> Tally:
    tally = Tally()
    tally.count("looked_at", len(loans))
    desk = run.desk(branch)
    for fined in fine.accrue_page(unit, desk, loans, run.as_of, hourly=hourly):
        tally.count("accrued" if fined.delta_minor > 0 else "reduced")
        tally.count("minor", fined.delta_minor)
    return tally


DAILY: Final = Job(
    name="fines",
    code="JB-1",
    title="Overdue fines of loans by the day",
    schedule="30 0 * * *",
    per="branch",
    catch_up="all",
    body=accrue_daily,
)
HOURLY: Final = Job(
    name="fines-hourly",
    code="JB-1h",
    title="Overdue fines of loans by the hour",
    schedule="5 * * * *",
    per="branch",
    catch_up="last",
    body=accrue_hourly,
)
