"""Renewing (CO-12, CO-14), one loan or all of a patron's, and the bulk renewal's way of it (BR-2..BR-18)."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.desk import book, event, fine, found, subjects, suspend
from sip2d.desk.outcome import Effect, Outcome, RenewAllOutcome
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Decision, Reason
from sip2d.policy.due import permanent, renewal_due, requested_due_is_valid
from sip2d.policy.facts import ItemFacts, LoanFacts, Mode, PatronFacts
from sip2d.policy.rulebook import Facts, Question, decide
from sip2d.policy.rules.item import BY_JOB
from sip2d.store import items, loans, patrons, titles
from sip2d.store.times import instant
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface

FEE_REQUIRED: Final = Reason(code="FEE_REQUIRED", denies=Action.LOAN | Action.RENEW, scenario="FEE_REQUIRED")
INVALID_DUE_DATE: Final = Reason(
    code="NB_DUE_DATE_INVALID", denies=Action.RENEW, scenario="NB_DUE_DATE_INVALID"
)

RENEWED_OVERDUE: Final = event.note("RENEWED_OVERDUE")


def renew(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    item: ItemFacts,
    *,
    third_party: bool,
    requested_due_at: datetime | None,
    fee_acknowledged: bool,
) -> Outcome:
    """Renew the patron's loan of this item; with ``third_party`` also another's, but never off-line (BR-3).

    ``requested_due_at`` counts for staff and no-block renewals and is taken as it is (CL-5, BR-16).
    """
    requested = None if desk.mode is Mode.ONLINE else requested_due_at
    if desk.interface != Interface.BULK_RENEWAL and event.overtaking(unit, desk, item, "RENEW"):
        due_at = item.loan.due_at if item.loan is not None else requested
        if loans.happened(unit, item.id, patron.id, "RENEW", desk.event_at):  # it only comes again
            return Outcome(True, patron=patron, item=item, due_at=due_at, notes=(event.ALREADY_APPLIED,))
        event.came_late(unit, desk, item, "RENEW", patron.id)
        return Outcome(True, patron=patron, item=item, due_at=due_at, bypassed=(event.NEWER_TRANSACTION,))
    borrower = patron
    other = item.loan is not None and item.loan.patron_id != patron.id
    if other and third_party and desk.mode is not Mode.NO_BLOCK:
        assert item.loan is not None
        borrower = patrons.by_id(unit, item.loan.patron_id, desk.now) or patron
    facts, decision = _decide(unit, desk, borrower, item)
    if not decision.allowed:
        return _refused(borrower, item, decision.denied)
    loan = item.loan
    assert loan is not None  # rule not_on_loan denies otherwise, whatever the mode
    if _applied(unit, desk, loan, requested):
        return Outcome(
            True, notes=(_renewed_until(loan.due_at), event.ALREADY_APPLIED), patron=borrower, item=item,
            due_at=loan.due_at, renewal=True,
        )  # fmt: skip
    if requested is not None and not _valid(desk, facts, loan, requested):
        return _refused(borrower, item, (INVALID_DUE_DATE,))
    return _renewed(unit, desk, facts, loan, decision, requested, fee_acknowledged)


def renew_own(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    item: ItemFacts,
    requested: datetime | None,
    fee_acknowledged: bool,
) -> Outcome:
    """Checkout of what this patron has already (CO-8, OF-30): a past date off-line is kept (OF-50)."""
    facts, decision = _decide(unit, desk, patron, item)
    if not decision.allowed:
        return _refused(patron, item, decision.denied)
    loan = item.loan
    assert loan is not None  # the caller looked
    if requested is not None and not loan.loaned_at < requested <= permanent(_zone(desk, facts)):
        requested = None
    return _renewed(unit, desk, facts, loan, decision, requested, fee_acknowledged)


def renew_all(unit: Unit, desk: Desk, patron: PatronFacts, *, fee_acknowledged: bool) -> RenewAllOutcome:
    """Renew every loan that may be renewed, first due first; ``reasons`` are the patron's own."""
    own = decide(Question.RENEW, subjects.facts(desk, patron, None), desk.mode, desk.override_role)
    rows = loans.of_patron(unit, patron.id, desk.now, "charged")
    # Locks in one order, by id, whatever the order of renewing: two of these never wait for each other.
    locked = {
        item_id: items.by_id(unit, item_id, desk.now) for item_id in sorted(row.item_id for row in rows)
    }
    renewed: list[Outcome] = []
    unrenewed: list[Outcome] = []
    effects: list[Effect] = []
    for row in rows:
        item = locked[row.item_id]
        if item is None or item.loan is None or item.loan.patron_id != patron.id:
            continue  # returned while we waited for its lock
        outcome = renew_own(unit, desk, patron, item, None, fee_acknowledged)
        (renewed if outcome.done else unrenewed).append(outcome)
        effects.extend(outcome.effects)
    return RenewAllOutcome(own.denied, tuple(renewed), tuple(unrenewed), tuple(effects))


def rental(facts: Facts) -> int:
    """What the terms ask for a loan or its renewal, minor units; 0 when it is free."""
    return 0 if facts.terms is None else facts.terms.rental_fee_minor


def charge(
    unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts, loan_id: int, fee_minor: int
) -> int | None:
    """The patron owes the rental of a loan; the fee's id, None when it is free."""
    if not fee_minor:
        return None
    return book.raise_fee(unit, desk, patron.id, "RENTAL", fee_minor, item.title, loan_id, item.id)


def fee_required(patron: PatronFacts, item: ItemFacts, fee_minor: int) -> Outcome:
    """Refused until the fee is acknowledged (BO, sip2.md 6.2)."""
    due_at = item.loan.due_at if item.loan is not None else None
    reason = msgspec.structs.replace(FEE_REQUIRED, values={"amount": fee_minor, "item_title": item.title})
    return Outcome(
        False, (reason,), patron=patron, item=item, due_at=due_at, renewal=due_at is not None,
        fee_minor=fee_minor, fee_kind="RENTAL",
    )  # fmt: skip


def _decide(unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts) -> tuple[Facts, Decision]:
    facts = subjects.facts(desk, patron, item)
    if facts.settings.allow_renew_if_other_items and item.next_hold is not None:
        free = sum(copy.on_shelf for copy in titles.copies(unit, item.title_id))
        facts = msgspec.structs.replace(facts, copies_available=free)
    return facts, decide(Question.RENEW, facts, desk.mode, desk.override_role)


def _refused(patron: PatronFacts, item: ItemFacts, reasons: tuple[Reason, ...]) -> Outcome:
    own = item.loan is not None and item.loan.patron_id == patron.id
    due_at = item.loan.due_at if own and item.loan is not None else None
    return Outcome(False, reasons, patron=patron, item=item, due_at=due_at, renewal=own)


def _applied(unit: Unit, desk: Desk, loan: LoanFacts, requested: datetime | None) -> bool:
    """BR-18: the loan has this due date already; without one, this second's renewal is recorded (PT-9)."""
    if desk.mode is not Mode.NO_BLOCK:
        return False
    if requested is not None:
        return requested == loan.due_at
    return loans.happened(unit, loan.item_id, loan.patron_id, "RENEW", desk.event_at)


def _valid(desk: Desk, facts: Facts, loan: LoanFacts, requested: datetime) -> bool:
    """BR-16; and no loan ends before it began."""
    past = facts.settings.allow_past_renewal_due_date
    in_range = requested_due_is_valid(requested, desk.now, _zone(desk, facts), allow_past=past)
    return in_range and requested > loan.loaned_at


def _zone(desk: Desk, facts: Facts) -> ZoneInfo:
    return desk.library.branches[facts.branch_id].zone


def _renewed_until(due_at: datetime) -> Reason:
    return event.note("RENEWED_OK", due_at=due_at)


def _due(desk: Desk, facts: Facts, loan: LoanFacts) -> datetime:
    if facts.terms is None:  # off-line, and nothing lends it here any more: the loan stays as it is
        return loan.due_at
    calendar = desk.library.branches[facts.branch_id].calendar
    due_at = renewal_due(facts.terms, calendar, loan.due_at, desk.event_at, facts.patron.expires_on)
    return due_at if desk.due_floor is None else max(due_at, desk.due_floor)


def _renewed(
    unit: Unit,
    desk: Desk,
    facts: Facts,
    loan: LoanFacts,
    decision: Decision,
    requested: datetime | None,
    fee_acknowledged: bool,
) -> Outcome:
    """CO-14: due date, count, event. A no-block renewal costs no rental: policy is set aside (BR-2)."""
    patron, item = facts.patron, facts.item
    assert item is not None
    fee_minor = 0 if desk.mode is Mode.NO_BLOCK else rental(facts)
    if fee_minor and not fee_acknowledged:
        return fee_required(patron, item, fee_minor)
    due_at = _due(desk, facts, loan) if requested is None else requested
    bypassed = (*decision.bypassed, *event.stale(desk))
    if due_at < loan.due_at:
        bypassed = (*bypassed, event.SHORTENED)
    if not loans.renew(unit, loan.id, due_at):
        return _refused(patron, item, (event.note("ITEM_NOT_ON_LOAN", item_title=item.title),))
    # The order of CO-14; what is not overdue and not lost costs no statement here.
    fined = fine.settle(unit, desk, patron.id, item, loan, desk.event_at, fine.RENEWED)
    back = found.Found(item)
    if item.lost_status and item.lost_origin == BY_JOB:  # overdue for long, but not lost (LO-49)
        back = found.renewed(unit, desk, item, loan)
    suspended = suspend.renewed(unit, desk, patron, item, loan, desk.event_at)
    if suspend.is_restricted(patron):
        suspend.lift_restriction(unit, desk, patron.id)
    fee_id = charge(unit, desk, patron, item, loan.id, fee_minor)
    effect = event.write(
        unit, desk, "RENEW", item,
        loan_id=loan.id, patron_id=patron.id, old_due_at=loan.due_at, new_due_at=due_at, bypassed=bypassed,
        detail={
            "fee": fee_id, "fine": fine.detail(fined), "found": back.detail, "suspended": suspended,
            "acting": event.acting(patron),
        },
    )  # fmt: skip
    item = back.item
    told: tuple[Reason, ...] = (RENEWED_OVERDUE,) if fined.total_minor else ()
    if isinstance(until := suspended.get("until"), int):  # a late renewal that blocks says so (BR-11)
        told = (*told, event.note("PATRON_SUSPENDED", expires_at=instant(until)))
    # One fee fits into the answer: the rental that was agreed to, else the fine (BR-11).
    kind, amount = ("RENTAL", fee_minor) if fee_minor else ("OVERDUE", max(fined.total_minor, 0))
    return Outcome(
        done=True, notes=(*told, _renewed_until(due_at)), bypassed=bypassed, patron=patron, item=item,
        due_at=due_at, renewal=True, fee_minor=amount or None, fee_kind=kind if amount else None,
        effects=(effect,),
    )  # fmt: skip
