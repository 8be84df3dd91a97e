"""Finding a lost item (LO-49, LO-55..LO-65): its status goes, and money moves as the policy of a branch says.

What a find did is kept as a mapping fit for an event's detail; `undo` takes it back (SP-23).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from sip2d.desk import book, event, fine, lose, settled
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy import lost
from sip2d.policy.decision import Reason
from sip2d.policy.facts import ItemFacts, LoanFacts
from sip2d.policy.settings import RefundControl
from sip2d.policy.terms import LostReturn
from sip2d.store import fines, items, ledger, losses, patrons
from sip2d.store.ledger import Posting
from sip2d.store.library import Branch
from sip2d.store.losses import Charge, Loss
from sip2d.store.unit import Unit


class Found(msgspec.Struct, frozen=True):
    """The item as it is now, what the kiosk tells, and what `undo` needs (None: it was not lost)."""

    item: ItemFacts
    note: Reason | None = None
    detail: dict[str, Any] | None = None


def found(unit: Unit, desk: Desk, item: ItemFacts, return_branch: Branch, at: datetime) -> Found:
    """A lost item is there again (LO-63). What its replacement cost is given back, and the overdue fine is
    charged anew or restored (LO-56..LO-60); not for a loss too long ago (LO-61). Also when the loan was
    ended at the loss: then it is that loan's money (LO-64, LO-65)."""
    if not item.lost_status:
        return Found(item)
    return _found(unit, desk, item, return_branch, at, overdue=True)


def renewed(unit: Unit, desk: Desk, item: ItemFacts, loan: LoanFacts) -> Found:
    """An item lost by the automation whose loan is renewed (LO-49, D-7): the charge goes back by the policy
    of this desk's branch. The fine is the renewal's own matter (CO-14)."""
    if not item.lost_status:
        return Found(item)
    return _found(unit, desk, msgspec.structs.replace(item, loan=loan), desk.branch, desk.event_at,
                  overdue=False)  # fmt: skip


def undo(unit: Unit, desk: Desk, detail: Mapping[str, Any] | None) -> None:
    """The item is lost again as it was, and what the find gave or charged is taken back, last first.

    A credit that has been paid out or spent by hand meanwhile stays with the patron (`book.reverse`).
    """
    item = None if detail is None else items.by_id(unit, detail["item"], desk.now)
    if detail is None or item is None:
        return
    for txn_id in reversed(detail["spent"]):
        book.reverse(unit, desk, txn_id)
    if detail["fine"] is not None:
        fine.undo(unit, desk, detail["fine"])
    forgiven = fine.forgive(unit, desk, detail["loan"]) if detail["restored"] else detail["forgiven"]
    for txn_id in reversed(detail["refunds"]):
        book.reverse(unit, desk, txn_id)
    if detail["fee"] is not None:
        fines.set_status(unit, detail["fee"], detail["status"] or "LOST", desk.now)
    status, day, origin = detail["before"]
    lose.claim(unit, desk, item, detail["patron"], status)
    items.set_lost(unit, item.id, status, day, origin)
    event.write(
        unit, desk, "LOST", item, loan_id=detail["loan"], patron_id=detail["patron"], event_at=desk.now,
        detail={"again": True, "value": status, "forgiven": forgiven},
    )  # fmt: skip


def _found(unit: Unit, desk: Desk, item: ItemFacts, branch: Branch, at: datetime, *, overdue: bool) -> Found:
    desk = lose.owners(desk, item)
    loss = losses.last(unit, item.id)
    loan = _loan(item, loss)
    day = items.lost_on(unit, item.id)
    items.set_lost(unit, item.id, 0, None, None)
    lose.claim(unit, desk, item, None if loan is None else loan.patron_id, 0)
    was = {"lost_status": item.lost_status, "lost_on": day}
    audited(unit, desk, "item", item.id, "FIND", was, {"lost_status": 0})
    detail: dict[str, Any] = {
        "item": item.id, "before": [item.lost_status, day, item.lost_origin],
        "loan": None if loan is None else loan.id, "patron": None if loan is None else loan.patron_id,
        "forgiven": [] if loss is None else loss.detail.get("forgiven", []),
        "fee": None, "status": None, "refunds": [], "restored": False, "fine": None, "spent": [],
    }  # fmt: skip
    refunded = _settle(unit, desk, item, loan, branch, at, overdue, day, detail)
    event.write(unit, desk, "FOUND", item, loan_id=detail["loan"], patron_id=detail["patron"], detail=detail)
    here = msgspec.structs.replace(item, lost_status=0, lost_origin=None)
    note = event.note("RETURN_OK_FEE_REFUNDED", amount=refunded) if refunded else None
    return Found(here, note, detail)


def _loan(item: ItemFacts, loss: Loss | None) -> LoanFacts | None:
    """The loan that the item was lost on: the open one, else the one that the loss ended."""
    if item.loan is not None:
        return item.loan
    return None if loss is None else loss.loan


def _settle(
    unit: Unit,
    desk: Desk,
    item: ItemFacts,
    loan: LoanFacts | None,
    branch: Branch,
    at: datetime,
    overdue: bool,
    lost_on: str | None,
    detail: dict[str, Any],
) -> int:
    """Move the money and note it in ``detail``; what was refunded."""
    charge = losses.charge_of(unit, item.id)
    types = {
        one: found.type_id
        for one in sorted({each.patron_id for each in (charge, loan) if each is not None})
        if (found := patrons.by_id(unit, one, desk.now)) is not None  # locked, in one order
    }
    if charge is not None:
        detail |= {"fee": charge.fee_id, "status": charge.status}
        fines.set_status(unit, charge.fee_id, "FOUND", desk.now)
    today = at.astimezone(branch.zone).date()
    owner = charge or loan
    since = None if lost_on is None else date.fromisoformat(lost_on)
    if owner is None or lost.is_too_old(desk.settings, since, today):
        return 0
    policy = _policy(desk, item, branch, types.get(owner.patron_id, 0), at)
    refunded = 0
    if charge is not None:
        refunded = _refund(unit, desk, policy, charge, branch, today, detail)
    if overdue and loan is not None and (charge is None or charge.patron_id == loan.patron_id):
        _overdue(unit, desk, policy, item, loan, at, detail)
    if refunded and desk.settings.auto_reconcile and charge is not None:
        spent = book.spend_credit(unit, desk, charge.patron_id)
        detail["spent"] = [] if spent is None else [spent]
        settled.by(unit, desk, charge.patron_id, spent)
    return refunded


def _policy(desk: Desk, item: ItemFacts, branch: Branch, patron_type_id: int, at: datetime) -> LostReturn:
    """LO-55. A branch of another institution has no rules for the item; then the item's home branch has."""
    branches = desk.library.branches
    chosen = {
        RefundControl.CHECKINLIBRARY: branch,
        RefundControl.ITEMHOMEBRANCH: branches[item.home_branch_id],
        RefundControl.ITEMHOLDINGBRANCH: branches[item.holding_branch_id],
    }[desk.settings.refund_control]
    if chosen.institution_id != item.institution_id:
        chosen = branches[item.home_branch_id]
    matrix = desk.library.matrices.get(item.institution_id)
    if matrix is None:
        return LostReturn.REFUND
    value = matrix.value("lost_return_policy", chosen.id, patron_type_id, item.type_id, at)
    return value if isinstance(value, LostReturn) else LostReturn.REFUND


def _refund(
    unit: Unit,
    desk: Desk,
    policy: LostReturn,
    charge: Charge,
    branch: Branch,
    today: date,
    detail: dict[str, Any],
) -> int:
    """LO-57: to the patron who was charged (LO-64), never the processing fee (LO-58)."""
    so_far = losses.charged(unit, charge.fee_id, lost.paid_since(desk.settings, today), branch.zone)
    given = lost.refund(policy, so_far)
    if not given.total:
        return 0
    lines = [Posting("REV_LOST", given.total, charge.fee_id)]
    if given.settled:
        lines.append(Posting("AR", -given.settled, charge.fee_id))
    if given.credited:
        lines.append(Posting("CREDIT", -given.credited, charge.fee_id))
    detail["refunds"] = [book.post(unit, desk, charge.patron_id, "REFUND", lines)]
    return given.total


def _overdue(
    unit: Unit,
    desk: Desk,
    policy: LostReturn,
    item: ItemFacts,
    loan: LoanFacts,
    at: datetime,
    detail: dict[str, Any],
) -> None:
    """`charge`: overdue all the time until now (LO-59); `restore`: what the loss forgave is owed again
    (LO-60)."""
    if policy is LostReturn.CHARGE:
        # Whatever CalculateFinesOnReturn says of returns that were not lost.
        settings = msgspec.structs.replace(desk.settings, fines_on_return=True)
        counted = msgspec.structs.replace(desk, settings=settings)
        detail["fine"] = fine.detail(
            fine.settle(unit, counted, loan.patron_id, item, loan, at, fine.RETURNED)
        )
    elif policy is LostReturn.RESTORE:
        for txn_id in detail["forgiven"]:
            if book.reverse(unit, desk, txn_id) is not None:
                detail["restored"] = True
                for line in ledger.lines_of(unit, txn_id):
                    if line.account == "AR" and line.fee_id is not None:
                        fines.set_status(unit, line.fee_id, fine.RETURNED, desk.now)
