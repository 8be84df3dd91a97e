"""JB-9: overdue notices of up to three levels, and the restriction that may come with them (LO-10..LO-21).

A level applies from its day on until the next level's (or, by setting, on its day alone); a loan gets it once
for a due date. A level restricts at the same moment, whether or not a notice can be written (D-15).
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from sip2d.desk import suspend
from sip2d.jobs import letters
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.policy.dunning import Level, days_overdue, level_of
from sip2d.policy.setting_names import settings_of
from sip2d.policy.settings import NoticeCalendar, Settings
from sip2d.store import blocks, notice_loans, notice_templates, outbox, patrons
from sip2d.store.library import Branch
from sip2d.store.notice_loans import Told, Trigger
from sip2d.store.unit import Unit

ODUE: Final = "ODUE"
OLDEST: Final = timedelta(days=400)
"""Loans overdue for longer are beyond every level (90 days), in open days too."""

SHIPPED: Final = frozenset({"ODUE", "ODUE2", "ODUE3"})
"""Templates that are never missing."""


def send(run: Run) -> Pieces:
    """The overdue notices of a branch for one day."""
    place, settings = run.branches[0], _settings(run)
    uses_calendar = settings.notice_calendar is NoticeCalendar.USE
    if uses_calendar and not place.calendar.is_open(place.calendar.local_date(run.as_of)):
        return  # nothing is sent on a closed day (LO-15)
    triggers = yield read(lambda unit: notice_loans.triggers(unit, place.institution_id, place.id))
    kinds = [kind for kind in triggers if _wanted(run, kind)]
    if not kinds:
        return
    after = 0
    while True:
        page = yield read(
            partial(
                notice_loans.patrons_overdue,
                branch_id=place.id,
                types=kinds,
                before=run.as_of,
                since=run.as_of - OLDEST,
                after=after,
                limit=letters.PATRONS,
            )
        )
        if not page:
            return
        after = page[-1][0]
        for piece in letters.pieces(page, PIECE):
            yield write(partial(_tell, run=run, place=place, triggers=triggers, whose=piece))


JOB: Final = Job(
    name="overdue-notices",
    code="JB-9",
    title="Remind patrons of overdue items, and restrict them",
    schedule="30 4 * * *",
    per="branch",
    catch_up="today",
    body=send,
)


def _settings(run: Run) -> Settings:
    return settings_of(run.institution.settings, run.institution.decimals)


def _wanted(run: Run, type_id: int) -> bool:
    """Only patron types that get overdue notices have levels (LO-10b)."""
    kind = run.library.patron_types.get(type_id)
    return kind is not None and kind.overdue_notice_required


def _tell(
    unit: Unit, *, run: Run, place: Branch, triggers: dict[int, list[Trigger]], whose: Sequence[int]
) -> Tally:
    tally, settings = Tally(), _settings(run)
    loans = notice_loans.overdue(unit, whose, run.as_of, place.id)
    done = notice_loans.told_levels(unit, loans)
    by_patron: dict[int, dict[int, list[Told]]] = {}
    for loan in loans:
        levels = [Level(one.level, one.delay_days) for one in triggers.get(loan.type_id, ())]
        days = days_overdue(loan.due_at, run.as_of, place.calendar, settings.notice_calendar)
        level = level_of(days, levels, settings.notice_mode)
        if level is not None and (loan.id, level) not in done:
            by_patron.setdefault(loan.patron_id, {}).setdefault(level, []).append(loan)
    for levels_of in by_patron.values():
        for number, theirs in sorted(levels_of.items()):
            trigger = next(one for one in triggers[theirs[0].type_id] if one.level == number)
            _level(unit, run, place, trigger, theirs, tally)
    return tally


def _level(unit: Unit, run: Run, place: Branch, trigger: Trigger, loans: list[Told], tally: Tally) -> None:
    """One level of one patron: the restriction, and the notice where there is a template (LO-16)."""
    patron_id = loans[0].patron_id
    if trigger.restricts and _restricted(unit, run, place, patron_id):
        tally.count("restricted")
        tally.tell(patron=patron_id, level=trigger.level, restricted=True)
    if trigger.template is None or not _exists(unit, place, trigger.template):
        tally.count("no_template")
        return
    listed = loans
    if _settings(run).notice_lists_all:
        listed = notice_loans.overdue(unit, [patron_id], run.as_of)
    base = f"{ODUE}|{patron_id}|{place.id}|{trigger.level}|{place.calendar.local_date(run.as_of).isoformat()}"
    first: int | None = None
    for number, way in enumerate(letters.ways(trigger.transports, loans[0].email)):
        queued = outbox.queue(
            unit,
            institution_id=place.institution_id,
            branch_id=place.id,
            patron_id=patron_id,
            type_=ODUE,
            template=trigger.template,
            key=letters.key(base, way, number),
            context={"level": trigger.level, "items": [loan.row for loan in listed]},
            now=run.as_of,
            transport=way,
        )
        if queued is not None:
            tally.count(f"level_{trigger.level}")
            first = first or queued
    if first is not None:
        notice_loans.mark(unit, loans, trigger.level, first)


def _restricted(unit: Unit, run: Run, place: Branch, patron_id: int) -> bool:
    """LO-21. The patron is locked first: whoever brought everything back meanwhile is not restricted."""
    if patrons.by_id(unit, patron_id, run.as_of) is None or not blocks.any_overdue(
        unit, patron_id, run.as_of
    ):
        return False
    return suspend.restrict(unit, run.desk(place), patron_id) is not None


def _exists(unit: Unit, place: Branch, code: str) -> bool:
    """Whether a notice of this code could be written here at all (LO-10c)."""
    if code in SHIPPED:
        return True
    return bool(notice_templates.versions(unit, place.institution_id, place.id, [code]))
