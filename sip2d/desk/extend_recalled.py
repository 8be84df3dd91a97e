"""The way around a recall (BR-9): a recalled loan, which nobody may renew, gets the due date that staff wants
all the same. The hold that recalls it ends, the item comes back, goes out again to the same patron, and the
hold stands again where it stood: all of it or nothing.

What a return and a loan do they do here: the fine of a late return (which may be waived), blocks and
demerits, the limits and fees of a loan. The item is sent nowhere between the two, so no other hold gets it.
The recall goes on: the new loan is recalled since the old one was, due when staff said, and not shortened.
"""

from datetime import datetime
from typing import Final

import msgspec

from sip2d.desk import hold as holding
from sip2d.desk import lend, pay, take_back
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.desk.renew import INVALID_DUE_DATE
from sip2d.policy.decision import Action, Reason
from sip2d.policy.due import requested_due_is_valid
from sip2d.policy.facts import HoldFacts, ItemFacts, LoanFacts
from sip2d.store import fines, holds, items, loans, patrons, recalls
from sip2d.store.unit import Unit

NOT_RECALLED: Final = Reason(code="ITEM_NOT_RECALLED", denies=Action.RENEW, scenario="ITEM_NOT_RECALLED")


class Extended(msgspec.Struct, frozen=True):
    """What came of it. ``holds`` are the recalls as they stand again, ``waived_minor`` what was owed for the
    late return and is not any more.
    """

    done: bool
    reasons: tuple[Reason, ...] = ()
    loan: LoanFacts | None = None
    holds: tuple[HoldFacts, ...] = ()
    waived_minor: int = 0


class _Refusal(Exception):
    """Takes back what was done so far."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__()
        self.reasons = reasons


def extend(
    unit: Unit, desk: Desk, item: ItemFacts, due_at: datetime, *, waive: bool, fee_acknowledged: bool
) -> Extended:
    """The four steps, at this desk; ``item`` is locked. A refusal of any of them has changed nothing.

    ``waive``: what is owed for this return is waived, also what accrued in the nights before.
    """
    loan = item.loan
    if loan is None or loan.recalled_at is None:
        return Extended(False, (NOT_RECALLED,))
    if not requested_due_is_valid(due_at, desk.now, desk.branch.zone):
        return Extended(False, (INVALID_DUE_DATE,))
    try:
        with unit.attempt():
            return _steps(unit, desk, item, loan, due_at, waive, fee_acknowledged)
    except _Refusal as refusal:
        return Extended(False, refusal.reasons)


def _steps(
    unit: Unit,
    desk: Desk,
    item: ItemFacts,
    loan: LoanFacts,
    due_at: datetime,
    waive: bool,
    fee_acknowledged: bool,
) -> Extended:
    ended = _cancelled(unit, desk, item)
    back = take_back.take_back(unit, desk, item, return_branch=desk.branch, stays=True)
    if not back.done:
        raise _Refusal(back.reasons)
    waived = _waived(unit, desk, loan) if waive else 0
    patron = patrons.by_id(unit, loan.patron_id, desk.now)  # as the return has left him
    free = items.by_id(unit, item.id, desk.now)
    assert patron is not None
    assert free is not None
    lent = lend.lend(
        unit, desk, patron, free, renewal_allowed=False, requested_due_at=due_at,
        fee_acknowledged=fee_acknowledged,
    )  # fmt: skip
    if not lent.done:
        raise _Refusal(lent.reasons)
    again = items.by_id(unit, item.id, desk.now)
    assert again is not None
    assert again.loan is not None
    placed = tuple(_placed(unit, desk, item, hold) for hold in ended)
    if placed:
        _recalled(unit, desk, again, again.loan, loan)
    final = items.by_id(unit, item.id, desk.now)
    return Extended(True, loan=None if final is None else final.loan, holds=placed, waived_minor=waived)


def _cancelled(unit: Unit, desk: Desk, item: ItemFacts) -> list[HoldFacts]:
    """Step (a): every recall of this copy ends. As they were."""
    ended = []
    for hold in recalls.standing(unit, item.title_id, item.id):
        if holding.end(unit, desk, hold, "CANCELLED") is not None:
            audited(unit, desk, "hold", hold.id, "CANCEL", {"status": hold.status}, {"status": "CANCELLED"})
            ended.append(hold)
    return ended


def _waived(unit: Unit, desk: Desk, loan: LoanFacts) -> int:
    """Step (b) does not charge fines: what this due period cost and is unpaid is waived; how much."""
    standing = fines.standing(unit, loan.patron_id, loan.id, loan.due_at)
    if standing.fee_id is None or standing.outstanding_minor <= 0:
        return 0
    return standing.outstanding_minor if pay.waive(unit, desk, standing.fee_id) is not None else 0


def _placed(unit: Unit, desk: Desk, item: ItemFacts, before: HoldFacts) -> HoldFacts:
    """Step (d): the hold again, placed when it was, so that its place in the queue is the same (HO-3)."""
    wanted = msgspec.structs.replace(before, id=0, version=1)
    placed = holds.insert_hold(unit, item.institution_id, wanted)
    after = {"kind": placed.kind, "placed_at": placed.placed_at.isoformat(), "instead_of": before.id}
    audited(unit, desk, "hold", placed.id, "PLACE", None, after)
    return placed


def _recalled(unit: Unit, desk: Desk, item: ItemFacts, loan: LoanFacts, before: LoanFacts) -> None:
    """The recall stands against the new loan, without shortening it."""
    since = before.recalled_at or desk.now
    recalls.recall(unit, loan.id, since, loan.due_at)
    loans.record_event(
        unit, kind="RECALL", item_id=item.id, loan_id=loan.id, patron_id=loan.patron_id, event_at=desk.now,
        recorded_at=desk.now, branch_id=desk.branch.id, interface=desk.interface,
        terminal_id=desk.terminal_id, old_due_at=loan.due_at, new_due_at=loan.due_at,
    )  # fmt: skip
