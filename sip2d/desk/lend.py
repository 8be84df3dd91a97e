"""Lending (CO-8, CO-9): policy first, then the fee to be acknowledged, then the due date and the loan.

A loan made off-line has happened already (SP-20): policy is asked only for what it would have said, the other
patron's loan is taken back (CO-3), and what is older than the item's last transaction is noted and left
alone.
"""

from datetime import datetime
from typing import Final

import msgspec

from sip2d.desk import event, fine, found, recall, renew, subjects, suspend
from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Decision, Reason
from sip2d.policy.due import loan_due, permanent
from sip2d.policy.facts import HoldFacts, ItemFacts, Mode, PatronFacts
from sip2d.policy.rulebook import Facts, Question, decide
from sip2d.store import holds, items, loans, patrons
from sip2d.store.unit import Unit

ON_LOAN_ALREADY: Final = Reason(
    code="ITEM_ALREADY_ON_LOAN", denies=Action.LOAN, scenario="ITEM_ALREADY_ON_LOAN"
)
"""The patron has it already, and the terminal may not renew (sip2.md 6.2)."""


def lend(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    item: ItemFacts,
    *,
    renewal_allowed: bool,
    requested_due_at: datetime | None,
    fee_acknowledged: bool,
) -> Outcome:
    """Lend the item to the patron, or renew the loan he has of it.

    ``requested_due_at`` counts for staff and for what was lent off-line, where it is kept as it is (CL-5,
    OF-50). A fee not acknowledged refuses with FEE_REQUIRED and the amount (sip2.md 6.2).
    """
    requested = None if desk.mode is Mode.ONLINE else requested_due_at
    due_at = item.loan.due_at if item.loan is not None and item.loan.patron_id == patron.id else None
    if _applied(unit, desk, patron, item):  # what only comes again is not late
        return Outcome(True, patron=patron, item=item, due_at=due_at or requested,
                       notes=(event.ALREADY_APPLIED,))  # fmt: skip
    if event.came_late(unit, desk, item, "LOAN", patron.id):
        return Outcome(True, patron=patron, item=item, due_at=due_at or requested,
                       bypassed=(event.NEWER_TRANSACTION,))  # fmt: skip
    if due_at is not None:
        if not renewal_allowed and desk.mode is not Mode.NO_BLOCK:
            return Outcome(False, (ON_LOAN_ALREADY,), patron=patron, item=item, due_at=due_at, renewal=True)
        return renew.renew_own(unit, desk, patron, item, requested, fee_acknowledged)
    facts = subjects.facts(desk, patron, item)
    decision = decide(Question.CHECKOUT, facts, desk.mode, desk.override_role)
    if not decision.allowed:
        return Outcome(False, decision.denied, patron=patron, item=item)
    fee_minor = renew.rental(facts)
    if fee_minor and not fee_acknowledged and desk.mode is not Mode.NO_BLOCK:
        return renew.fee_required(patron, item, fee_minor)
    return _lent(unit, desk, facts, item, decision, _due(desk, facts, requested), fee_minor)


def _applied(unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts) -> bool:
    """This very loan came before (PT-9)."""
    if desk.mode is not Mode.NO_BLOCK:
        return False
    return any(loans.happened(unit, item.id, patron.id, kind, desk.event_at) for kind in ("LOAN", "RENEW"))


def _due(desk: Desk, facts: Facts, requested: datetime | None) -> datetime:
    branch = desk.library.branches[facts.branch_id]
    if requested is not None and requested <= permanent(branch.zone):
        return requested
    if facts.terms is None:  # lent off-line although nothing lends it here: like a blank period (CL-3)
        return permanent(branch.zone)
    due_at = loan_due(facts.terms, branch.calendar, desk.event_at, facts.patron.expires_on)
    return due_at if desk.due_floor is None else max(due_at, desk.due_floor)


def _lent(
    unit: Unit,
    desk: Desk,
    facts: Facts,
    item: ItemFacts,
    decision: Decision,
    due_at: datetime,
    fee_minor: int,
) -> Outcome:
    patron = facts.patron
    bypassed = (*decision.bypassed, *event.stale(desk))
    _take_from_other(unit, desk, item)
    back = found.found(unit, desk, item, desk.branch, desk.event_at)
    item = back.item
    loan_id = loans.open_loan(
        unit,
        item_id=item.id,
        patron_id=patron.id,
        branch_id=desk.branch.id,
        policy_branch_id=facts.branch_id,
        loaned_at=desk.event_at,
        due_at=due_at,
        interface=desk.interface,
        rule_snapshot="{}" if facts.terms is None else msgspec.json.encode(facts.terms).decode(),
    )
    hold, conflict = _end_holds(unit, desk, patron, item)
    if conflict is not None:
        bypassed = (*bypassed, event.HOLD_CONFLICT)
    if (item.holding_branch_id, item.transit_to_branch_id) != (desk.branch.id, None):
        items.place(unit, item.id, desk.branch.id, None)
    fee_id = renew.charge(unit, desk, patron, item, loan_id, fee_minor)
    effect = event.write(
        unit, desk, "LOAN", item,
        loan_id=loan_id, patron_id=patron.id, new_due_at=due_at, bypassed=bypassed,
        detail={
            "holding": item.holding_branch_id, "transit": item.transit_to_branch_id,
            "found": back.detail, "fee": fee_id, "acting": event.acting(patron),
            "hold": None if hold is None else holds.state(hold),
            "conflict": None if conflict is None else holds.state(conflict),
        },
    )  # fmt: skip
    return Outcome(
        done=True, patron=patron, item=item, due_at=due_at, bypassed=bypassed, effects=(effect,),
        fee_minor=fee_minor or None, fee_kind="RENTAL" if fee_minor else None,
    )  # fmt: skip


def _take_from_other(unit: Unit, desk: Desk, item: ItemFacts) -> None:
    """The loan of another patron ends when this one began (CO-3, OF-30), with all that a return does."""
    other = item.loan
    borrower = None if other is None else patrons.by_id(unit, other.patron_id, desk.now)
    if other is None or borrower is None:
        return
    fined = fine.NOTHING
    if not item.lost_status:
        fined = fine.settle(unit, desk, borrower.id, item, other, desk.event_at, fine.RETURNED)
    loans.close(unit, other.id, desk.event_at, "IMPLICIT")
    effect = event.write(unit, desk, "RETURN", item, loan_id=other.id, patron_id=other.patron_id,
                         old_due_at=other.due_at,
                         detail={"implicit": True, "fine": fine.detail(fined)})  # fmt: skip
    suspend.returned(unit, desk, borrower, item, other, effect.mark, desk.event_at)
    if suspend.is_restricted(borrower):
        suspend.lift_restriction(unit, desk, borrower.id)


def _end_holds(
    unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts
) -> tuple[HoldFacts | None, HoldFacts | None]:
    """Borrowing fulfils the patron's own hold; another's goes back to the queue (HO-5). Both as they were."""
    kept = item.shelf_hold
    conflict = None
    if kept is not None and kept.patron_id == patron.id:
        holds.close(unit, kept, "FULFILLED", desk.now, item.id)
        return kept, None
    if kept is not None:
        holds.fill(unit, kept, "PENDING", None, None)
        conflict = kept
    if not patron.holds_pending:
        return None, conflict
    for own in holds.active_of(unit, patron.id, item.title_id):
        if own.status == "PENDING" and _fits(own, item):
            holds.close(unit, own, "FULFILLED", desk.now, item.id)
            recall.release(unit, desk, own)
            return own, conflict
    return None, conflict


def _fits(hold: HoldFacts, item: ItemFacts) -> bool:
    """This copy is one that the hold asks for (HO-1)."""
    if hold.scope == "ITEM":
        return hold.item_id == item.id
    return hold.scope == "TITLE" or hold.copy_branch_id == item.home_branch_id
