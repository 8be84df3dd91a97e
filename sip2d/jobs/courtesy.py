"""JB-8: courtesy notices, before items are due and on the day (LO-5..LO-8).

A notice is sent on its exact day: a night that was missed is not made up, for afterwards it is of no use.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

import msgspec

from sip2d.jobs import letters
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.policy.messaging import NOTICES, OFF, Preference, defaults
from sip2d.policy.setting_names import settings_of
from sip2d.store import notice_loans, outbox
from sip2d.store.notice_loans import Told
from sip2d.store.unit import Unit

_MARGIN: Final = timedelta(hours=26)
"""How far the zones of branches are apart at most."""


def send(run: Run) -> Pieces:
    """The courtesy notices of an institution for one day."""
    for notice in NOTICES:
        wanted = yield read(partial(_days, run=run, notice=notice))
        for days in wanted:
            yield from _of_a_day(run, notice, days)


JOB: Final = Job(
    name="courtesy-notices",
    code="JB-8",
    title="Tell patrons what is due soon",
    schedule="0 4 * * *",
    per="institution",
    catch_up="today",
    body=send,
)


def _days(unit: Unit, *, run: Run, notice: str) -> list[int]:
    """The days in advance that anybody wants, by his type or by himself."""
    if notice == "DUE":
        return [0]
    own = notice_loans.days_wanted(unit, run.institution.id, notice)
    types = (_default(run, kind, notice) for kind in run.library.patron_types)
    return sorted({*own, *(one.days_in_advance for one in types if one.enabled)})


def _default(run: Run, type_id: int, notice: str) -> Preference:
    kind = run.library.patron_types[type_id]
    if kind.institution_id != run.institution.id:
        return OFF
    try:
        return defaults(kind.messaging).get(notice, OFF)
    except ValueError:
        return OFF  # `check` tells


def _of_a_day(run: Run, notice: str, days: int) -> Pieces:
    """What is due ``days`` after today, wherever it was lent."""
    day = run.as_of.astimezone(run.institution.zone).date() + timedelta(days=days)
    noon = datetime.combine(day, time(12), UTC)
    span = (noon - _MARGIN, noon + _MARGIN)
    after = 0
    while True:
        page = yield read(
            partial(
                notice_loans.patrons_due,
                institution_id=run.institution.id,
                since=span[0],
                until=span[1],
                after=after,
                limit=letters.PATRONS,
            )
        )
        if not page:
            return
        after = page[-1][0]
        for patrons in letters.pieces(page, PIECE):
            yield write(
                partial(_tell, run=run, notice=notice, days=days, day=day, patrons=patrons, span=span)
            )


def _tell(
    unit: Unit,
    *,
    run: Run,
    notice: str,
    days: int,
    day: date,
    patrons: Sequence[int],
    span: tuple[datetime, datetime],
) -> Tally:
    tally = Tally()
    said = notice_loans.wishes(unit, patrons, notice)
    by_patron: dict[int, list[Told]] = {}
    skips = settings_of(run.institution.settings, run.institution.decimals).courtesy_skips_auto_renew
    for loan in notice_loans.due(unit, patrons, *span):
        zone = run.library.branches[loan.policy_branch_id].zone
        if loan.due_at.astimezone(zone).date() == day and not (skips and loan.auto_renew):
            by_patron.setdefault(loan.patron_id, []).append(loan)
    for patron_id, loans in by_patron.items():
        wish = said.get(patron_id)
        if wish is None:
            chosen = _default(run, loans[0].type_id, notice)
        else:
            ways = tuple(msgspec.json.decode(wish.transports, type=list[str]))
            chosen = Preference(wish.enabled, wish.days_in_advance, wish.digest, ways)
        if not chosen.enabled or (notice == "PREDUE" and chosen.days_in_advance != days):
            continue
        for group in [loans] if chosen.digest else [[loan] for loan in loans]:
            _queue(unit, run, notice, chosen, day, group, tally)
    return tally


def _queue(
    unit: Unit, run: Run, notice: str, chosen: Preference, day: date, loans: list[Told], tally: Tally
) -> None:
    """One notice: of one loan (key by the loan) or of all of a due date (key by the patron) (LO-6, LO-8)."""
    first = loans[0]
    type_ = f"{notice}DGST" if chosen.digest else notice
    base = f"{type_}|{first.patron_id if chosen.digest else first.id}|{day.isoformat()}"
    places = {loan.policy_branch_id for loan in loans}
    ways = _ways(chosen, first)
    for number, way in enumerate(ways):
        queued = outbox.queue(
            unit,
            institution_id=run.institution.id,
            branch_id=places.pop() if len(places) == 1 else first.home_branch_id,
            patron_id=first.patron_id,
            type_=type_,
            key=letters.key(base, way, number),
            context={"items": [loan.row for loan in loans], "due_at": first.row["due_at"]},
            now=run.as_of,
            transport=way,
        )
        tally.count("queued" if queued is not None else "known")


def _ways(chosen: Preference, loan: Told) -> list[str]:
    """A courtesy goes by mail or not at all, unless letters were chosen; an SMS becomes a letter."""
    if chosen.transports == (outbox.EMAIL,):
        return [outbox.EMAIL]
    return letters.ways(chosen.transports, loan.email)
