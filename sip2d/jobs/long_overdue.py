"""JB-2: loans overdue for long become losses (LO-40..LO-50). What it does to a loan is `desk.lose`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sip2d.desk import lose
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.policy import lost
from sip2d.policy.contradictions import contradictions
from sip2d.policy.setting_names import settings_of
from sip2d.policy.settings import LostSource, Settings
from sip2d.store import items, losses
from sip2d.store.library import Institution
from sip2d.store.losses import Candidate
from sip2d.store.unit import Unit


def long_overdue(run: Run) -> Pieces:
    """Each loan has the key ``LONGOVERDUE|loan|value`` by its state: what carries the value is not selected
    again."""
    for owner in run.institutions:
        settings = settings_of(owner.settings, owner.decimals)
        if _ready(run, owner, settings):
            yield from _of(run, owner, settings)


def _of(run: Run, owner: Institution, settings: Settings) -> Pieces:
    after = (0, 0)
    while rows := (yield read(partial(_page, run=run, owner=owner, settings=settings, after=after))):
        for row in rows:
            if _is_due(run, settings, row):
                # One loan a piece: with the next item locked after this patron, a kiosk could wait for ever.
                yield write(partial(_lose, run=run, settings=settings, row=row))
        after = (int(rows[-1].due_at.timestamp()), rows[-1].loan_id)


def _ready(run: Run, owner: Institution, settings: Settings) -> bool:
    """LO-40: not configured is nothing to do; LO-46: configured both ways is an error that is reported."""
    if not lost.is_configured(settings):
        run.tally.count("not_configured")
        return False
    wrong = [sentence for sentence in contradictions(settings) if "(LO-46)" in sentence]
    if settings.long_overdue_lost_value not in run.library.lost_values.get(owner.id, {}):
        wrong.append(f"DefaultLongOverdueLostValue {settings.long_overdue_lost_value} is no lost value.")
    for sentence in wrong:
        run.tally.count("misconfigured")
        run.tally.tell(institution=owner.code, error=sentence)
    return not wrong


def _page(
    unit: Unit, *, run: Run, owner: Institution, settings: Settings, after: tuple[int, int]
) -> Sequence[Candidate]:
    """A day more on either side than the span asks for: local dates are decided by `_is_due`."""
    days, value = settings.long_overdue_days, settings.long_overdue_lost_value
    assert days is not None  # `_ready` asked
    assert value is not None
    return losses.overdue(
        unit, owner.id,
        due_from=_back(run.as_of, settings.long_overdue_max_days + 2), due_until=_back(run.as_of, days - 1),
        lost={value, *settings.long_overdue_skip}, after=after, limit=PIECE,
    )  # fmt: skip


def _back(at: datetime, days: int) -> datetime:
    return at - timedelta(days=days)


def _is_due(run: Run, settings: Settings, row: Candidate) -> bool:
    library = run.library
    branch = library.branches[row.policy_branch_id]
    return lost.concerns(
        settings,
        library.patron_types[row.patron_type_id].code,
        library.item_types[row.item_type_id].code,
        branch.code,
    ) and lost.is_long_overdue(settings, branch.calendar, row.due_at, run.as_of)


def _lose(unit: Unit, *, run: Run, settings: Settings, row: Candidate) -> Tally:
    """LO-50: locked, asked once more, and lost."""
    tally = Tally()
    value = settings.long_overdue_lost_value
    assert value is not None
    item = items.by_id(unit, row.item_id, run.as_of)
    same = item is not None and item.loan is not None and item.loan.id == row.loan_id
    if item is None or item.loan is None or not same or item.loan.due_at != row.due_at:
        return tally  # returned or renewed meanwhile
    if lost.leaves_alone(settings, item.lost_status):
        return tally
    desk = run.desk(run.library.branches[item.loan.policy_branch_id])
    done = lose.lose(unit, desk, item, value=value, source=LostSource.CRONJOB)
    if not done.done:
        return tally
    tally.count("lost")
    if done.item is not None and done.item.loan is None:
        tally.count("loans_ended")
    tally.tell(
        item=item.barcode, loan=row.loan_id, patron=done.patron.barcode if done.patron else None,
        due_at=row.due_at.isoformat(), value=value, was=item.lost_status,
    )  # fmt: skip
    return tally


LONG_OVERDUE = Job(
    name="long-overdue",
    code="JB-2",
    title="Long overdue items become lost",
    schedule="0 1 * * *",
    per="institution",
    catch_up="all",
    body=long_overdue,
)
