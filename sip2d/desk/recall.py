"""Recalls (CO-40): a hold of kind RECALL calls a loan back and may shorten it; while it stands nobody renews
it.
"""

from datetime import datetime

from sip2d.desk.place import Desk
from sip2d.policy.due import recall_due
from sip2d.policy.facts import HoldFacts, ItemFacts, LoanFacts
from sip2d.store import holds, items, loans, patrons, recalls
from sip2d.store.unit import Unit


def target(unit: Unit, desk: Desk, title_id: int, item: ItemFacts | None) -> ItemFacts | None:
    """The copy on loan that a recall calls back, locked: this one, or the title's first due one not recalled
    yet.
    """
    if item is None:
        item_id = recalls.recallable(unit, title_id)
        item = None if item_id is None else items.by_id(unit, item_id, desk.now)
    return item if item is not None and item.loan is not None else None


def call_back(unit: Unit, desk: Desk, item: ItemFacts) -> datetime | None:
    """Mark the item's loan as recalled, shortened where its terms say so; its due date, None when not on
    loan.
    """
    loan = item.loan
    if loan is None:
        return None
    due_at = _due(unit, desk, item, loan)
    recalls.recall(unit, loan.id, desk.now, due_at)
    loans.record_event(
        unit,
        kind="RECALL",
        item_id=item.id,
        loan_id=loan.id,
        patron_id=loan.patron_id,
        event_at=desk.now,
        recorded_at=desk.now,
        branch_id=desk.branch.id,
        interface=desk.interface,
        terminal_id=desk.terminal_id,
        old_due_at=loan.due_at,
        new_due_at=due_at,
    )
    return due_at


def release(unit: Unit, desk: Desk, hold: HoldFacts) -> None:
    """A recall has ended: its loan is not recalled any more, unless another recall of the copy stands.

    The shortened due date stays (CO-40).
    """
    if hold.kind != "RECALL" or hold.item_id is None:
        return
    item = items.by_id(unit, hold.item_id, desk.now)  # whoever changes an item's loan holds the item's lock
    if item is not None and holds.recalls_of_copy(unit, hold.title_id, item.id) == 0:
        recalls.clear(unit, item.id)


def _due(unit: Unit, desk: Desk, item: ItemFacts, loan: LoanFacts) -> datetime:
    branch = desk.library.branches[loan.policy_branch_id]
    borrower = patrons.by_id(unit, loan.patron_id, desk.now)
    matrix = desk.library.matrices.get(item.institution_id)
    if borrower is None or matrix is None:
        return loan.due_at
    terms = matrix.terms(branch.id, borrower.type_id, item.type_id, desk.now)
    if terms is None:
        return loan.due_at
    return recall_due(terms, branch.calendar, loan.loaned_at, loan.due_at, desk.now)
