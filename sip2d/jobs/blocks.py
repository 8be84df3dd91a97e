"""JB-3, "Users - remove blocks": blocks that have run out are removed (BL-53), suspensions for demerits that
have are looked at again (BL-40); the report tells of each (BL-56).

Blocks past their end do not count any more, whether or not this job ran (BL-11); it writes down that they
ended.
"""

from functools import partial
from typing import Final

from sip2d.desk import demerit
from sip2d.desk.audited import audited
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.policy.suspension import DEMERIT
from sip2d.store import blocks, patrons
from sip2d.store.blocks import Expired
from sip2d.store.unit import Unit

REASON: Final = "EXPIRED"


def remove(run: Run) -> Pieces:
    """All blocks of the institution that have run out by now."""
    after = 0
    find = partial(blocks.expired, institution_id=run.institution.id, now=run.as_of, count=PIECE)
    while rows := (yield read(partial(find, after=after))):
        yield write(partial(_removed, run=run, rows=rows))
        after = rows[-1].id


def _removed(unit: Unit, run: Run, rows: list[Expired]) -> Tally:
    tally = Tally()
    for row in sorted(rows, key=lambda row: row.patron_id):  # locks in one order, whatever the blocks' order
        patrons.by_id(unit, row.patron_id, run.as_of)
        if row.origin == DEMERIT:
            _evaluated(unit, run, row, tally)
        elif _ended(unit, run, row):
            tally.count("removed")
            _tell(tally, row, row.id)
    return tally


def _ended(unit: Unit, run: Run, row: Expired) -> bool:
    """Its being removed is its key (`RMBLOCK|block`): it ends once."""
    desk = run.desk(run.library.branches[row.home_branch_id])
    if not blocks.remove(unit, row.id, now=desk.now, reason=REASON, actor=desk.actor):
        return False
    audited(unit, desk, blocks.AUDITED, row.patron_id, "UNBLOCK", {"block": row.id}, {"reason": REASON})
    return True


def _evaluated(unit: Unit, run: Run, row: Expired, tally: Tally) -> None:
    """A suspension is lifted, or goes on with the next (`DEMERIT_EVAL|block`)."""
    settled = demerit.settle(unit, run.desk(run.library.branches[row.home_branch_id]), row.patron_id)
    for block_id in settled.removed:
        tally.count("removed")
        _tell(tally, row, block_id)
    if settled.block_id is not None:
        tally.count("suspended_again")
        tally.tell(
            user=row.barcode, block=settled.block_id, definition=row.definition, loan=None,
            reason="SUSPENDED_AGAIN",
        )  # fmt: skip


def _tell(tally: Tally, row: Expired, block_id: int) -> None:
    tally.tell(
        user=row.barcode, block=block_id, definition=row.definition, loan=row.item_barcode, reason=REASON
    )


JOB: Final = Job(
    name="remove-blocks",
    code="JB-3",
    title="Remove blocks that have run out, evaluate suspensions for demerits",
    schedule="0 2 * * *",
    per="institution",
    catch_up="last",
    body=remove,
)
