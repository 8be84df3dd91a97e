"""JB-11: holds whose shelf limit or "not needed after" has passed expire, and their copy goes to the next
hold or home (HO-6); who has still some days is reminded, where the library wants it (HO-7).
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Final

from sip2d.desk import hold as holds_desk
from sip2d.desk.place import Desk
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.policy.setting_names import settings_of
from sip2d.store import outbox, shelf
from sip2d.store.library import Branch
from sip2d.store.shelf import Kept
from sip2d.store.times import maybe_seconds
from sip2d.store.unit import Unit

EXPIRED: Final = "HOLD_EXPIRED"
REMINDER: Final = "HOLD_REMINDER"


def tidy(run: Run) -> Pieces:
    """Of the institution, branch by branch: first what is over, then what is near."""
    owner = run.institution
    over = yield read(lambda unit: shelf.expired(unit, owner.id, run.as_of))
    for branch, ids in _pieces(run, over):
        yield write(partial(_expired, run=run, branch=branch, ids=ids))
    days = settings_of(owner.settings, owner.decimals).hold_reminder_days
    if days is None:
        return
    for place in run.branches:
        before = _days_later(run.as_of, place, days + 1)
        near = yield read(partial(shelf.expiring, institution_id=owner.id, at=run.as_of, before=before))
        for branch, ids in _pieces(run, [pair for pair in near if pair[0] == place.id]):
            yield write(partial(_reminded, run=run, branch=branch, before=before, ids=ids))


def _pieces(run: Run, found: list[tuple[int, int]]) -> Iterator[tuple[Branch, list[int]]]:
    """A branch with some of its holds, one after the other."""
    for branch_id, pairs in groupby(found, key=itemgetter(0)):
        ids = [hold_id for _, hold_id in pairs]
        for start in range(0, len(ids), PIECE):
            yield run.library.branches[branch_id], ids[start : start + PIECE]


def _expired(unit: Unit, run: Run, branch: Branch, ids: list[int]) -> Tally:
    """End each hold that is still over. Its state is its key (`HOLDX|hold`): it ends once."""
    tally, desk = Tally(), run.desk(branch)
    for hold_id in ids:
        kept = shelf.still_expired(unit, hold_id, run.as_of)
        if kept is None or holds_desk.end(unit, desk, kept.hold, "EXPIRED") is None:
            continue
        tally.count("expired")
        if _tell(unit, desk, kept, EXPIRED, f"HOLDX|{hold_id}"):
            tally.count("told")
    return tally


def _reminded(unit: Unit, run: Run, branch: Branch, before: datetime, ids: list[int]) -> Tally:
    """Once for every shelf limit."""
    tally, desk = Tally(), run.desk(branch)
    for hold_id in ids:
        kept = shelf.still_expiring(unit, hold_id, run.as_of, before)
        if kept is None:
            continue
        key = f"HOLD_REMINDER|{hold_id}|{maybe_seconds(kept.hold.shelf_expires_at)}"
        if _tell(unit, desk, kept, REMINDER, key):
            tally.count("reminded")
    return tally


def _tell(unit: Unit, desk: Desk, kept: Kept, type_: str, key: str) -> bool:
    """Queue the notice; False: it was queued before."""
    hold = kept.hold
    pickup = desk.library.branches[hold.pickup_branch_id]
    queued = outbox.queue(
        unit,
        institution_id=kept.institution_id,
        branch_id=pickup.id,
        patron_id=hold.patron_id,
        type_=type_,
        key=key,
        now=desk.now,
        context={
            "items": [
                {"title": kept.title, "author": kept.author, "barcode": kept.barcode or "",
                 "branch": pickup.name}
            ],
            "pickup_branch": pickup.name,
            "shelf_expires_at": maybe_seconds(hold.shelf_expires_at),
            "expires_at": maybe_seconds(hold.expires_at),
        },
    )  # fmt: skip
    return queued is not None


def _days_later(at: datetime, branch: Branch, days: int) -> datetime:
    """Local midnight at the beginning of the day so many days later."""
    day = at.astimezone(branch.zone).date() + timedelta(days=days)
    return datetime.combine(day, time(), branch.zone)


JOB: Final = Job(
    name="hold-shelf",
    code="JB-11",
    title="Expire holds on the shelf, remind of those that are near",
    schedule="30 2 * * *",
    per="institution",
    catch_up="last",
    body=tidy,
)
