"""Losing an item (LO-50..LO-54, LO-70, LO-71): its status, what its borrower owes for it, and what becomes of
the loan.

`lose` is the one way an item becomes lost, for the overdue automation and for persons alike; `found` is its
way back. What a loss did stands in the detail of its LOST event.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from sip2d.desk import book, event, fine, owner, suspend
from sip2d.desk.audited import audited
from sip2d.desk.outcome import Effect, Outcome
from sip2d.desk.place import Desk
from sip2d.policy import lost
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import ItemFacts, LoanFacts, PatronFacts
from sip2d.policy.lost import LostValue
from sip2d.policy.rules.item import BY_JOB
from sip2d.policy.settings import LostSource
from sip2d.store import fines, holds, items, loans, losses, patrons
from sip2d.store.ledger import Posting
from sip2d.store.unit import Unit

VALUE_UNKNOWN: Final = Reason(code="LOST_VALUE_UNKNOWN", denies=Action.NONE, scenario="ITEM_LOST")


def lose(unit: Unit, desk: Desk, item: ItemFacts, *, value: int, source: LostSource) -> Outcome:
    """Set an item's lost status from a place of LO-70, with all that follows (LO-50, LO-54).

    In this order: status and day; the fine of its loan settled at this moment, and forgiven where the setting
    says so (LO-51); the charges (LO-52); the copy taken off hold shelf and transport; the loan ended where
    the place is one of MarkLostItemsAsReturned; its overdue block and restriction lifted. An item in this
    status from such a place already stays as it is. Refused for a value that is not in the list (LO-48).
    """
    known = desk.library.lost_values.get(item.institution_id, {}).get(value)
    if known is None:
        return Outcome(False, (VALUE_UNKNOWN,), item=item)
    desk = owners(desk, item)
    origin = BY_JOB if source is LostSource.CRONJOB else source.value
    if (item.lost_status, item.lost_origin) == (value, origin):
        return Outcome(True, item=item, notes=(event.ALREADY_APPLIED,))
    before = items.lost_on(unit, item.id)
    day = before if item.lost_status == value and before else _today(desk)
    items.set_lost(unit, item.id, value, day, origin)
    claim(unit, desk, item, _borrower(unit, item), value)
    now_lost = msgspec.structs.replace(item, lost_status=value, lost_origin=origin)
    audited(
        unit, desk, "item", item.id, "LOSE", {"lost_status": item.lost_status, "lost_on": before},
        {"lost_status": value, "lost_on": day, "source": source.value},
    )  # fmt: skip
    detail: dict[str, object] = {"value": value, "was": [item.lost_status, before, item.lost_origin]}
    loan = item.loan
    borrower = None if loan is None else patrons.by_id(unit, loan.patron_id, desk.now)
    if loan is not None and borrower is not None:
        detail |= _bill(unit, desk, borrower, item, loan, known, source)
    _free(unit, item)
    removed = loan is not None and source in desk.settings.lost_ends_loan
    effect = _lost_event(unit, desk, item, loan, source, removed, detail)
    if removed:
        now_lost = msgspec.structs.replace(now_lost, loan=None)
    return Outcome(True, patron=borrower, item=now_lost, effects=(effect,))


def refusal(desk: Desk, item: ItemFacts) -> Reason | None:
    """Why a lost item is not taken back at a kiosk: the setting (LO-63), or its lost value says so
    (LO-48)."""
    if not item.lost_status:
        return None
    value = desk.library.lost_values.get(item.institution_id, {}).get(item.lost_status)
    if not owners(desk, item).settings.block_return_of_lost and not (
        value is not None and value.blocks_checkin
    ):
        return None
    return Reason("ITEM_LOST", Action.NONE, "ITEM_LOST", values={"item_title": item.title})


def paid(unit: Unit, desk: Desk, patron_id: int, fee_ids: Iterable[int]) -> int:
    """End the loans of lost items whose replacement these payments settled, where ``onpayment`` is a place of
    MarkLostItemsAsReturned (LO-70f); how many. What was only waived was not paid."""
    ended = 0
    for fee_id in fee_ids:
        settled = losses.paid_loan(unit, fee_id, patron_id)
        item = None if settled is None else items.by_id(unit, settled[1], desk.now)
        if item is None or item.loan is None or item.loan.patron_id != patron_id:
            continue
        charged = losses.charged(unit, fee_id)
        if charged.kept <= charged.given_up:
            continue
        here = owners(desk, item)
        if LostSource.ONPAYMENT in here.settings.lost_ends_loan:
            _lost_event(unit, here, item, item.loan, LostSource.ONPAYMENT, True, {"fee": fee_id})
            ended += 1
    return ended


def owners(desk: Desk, item: ItemFacts) -> Desk:
    """The same desk with the settings and the currency of the item's owner, whose money it is (CN-10)."""
    if item.institution_id == desk.institution.id:
        return desk
    institution, settings = owner.of(desk, item.institution_id)
    return msgspec.structs.replace(desk, institution=institution, settings=settings)


def claim(unit: Unit, desk: Desk, item: ItemFacts, patron_id: int | None, value: int) -> None:
    """Count what a patron claims to have returned, which has a limit (CO-11): the item's status becomes
    ``value``, 0 for found."""
    more = _is_claim(desk, item, value) - _is_claim(desk, item, item.lost_status)
    if more and patron_id is not None:
        patrons.claim(unit, patron_id, more)


def _is_claim(desk: Desk, item: ItemFacts, status: int) -> bool:
    known = desk.library.lost_values.get(item.institution_id, {}).get(status)
    return known is not None and known.claims_returned


def _borrower(unit: Unit, item: ItemFacts) -> int | None:
    """Of the open loan, else of the one that an earlier loss ended."""
    if item.loan is not None:
        return item.loan.patron_id
    earlier = losses.last(unit, item.id) if item.lost_status else None
    return None if earlier is None or earlier.loan is None else earlier.loan.patron_id


def _today(desk: Desk) -> str:
    return desk.event_at.astimezone(desk.branch.zone).date().isoformat()


def _bill(
    unit: Unit,
    desk: Desk,
    borrower: PatronFacts,
    item: ItemFacts,
    loan: LoanFacts,
    value: LostValue,
    source: LostSource,
) -> dict[str, object]:
    """LO-50 (4), (5). The fine of an item that was lost before is final already."""
    settings = desk.settings
    if not item.lost_status:
        fine.settle(unit, desk, borrower.id, item, loan, desk.event_at, "LOST")
    forgiven = fine.forgive(unit, desk, loan.id) if settings.forgive_fine_when_lost else []
    fees: list[int] = []
    if lost.is_charged(settings, value, source):
        cost = lost.cost(settings, desk.library.item_types[item.type_id], item.price_minor)
        for kind, amount in (("LOST", cost.replacement_minor), ("PROCESSING", cost.processing_minor)):
            fee_id = _charge(unit, desk, borrower, item, loan, kind, amount)
            fees += [] if fee_id is None else [fee_id]
    return {"forgiven": forgiven, "fees": fees}


def _charge(
    unit: Unit, desk: Desk, borrower: PatronFacts, item: ItemFacts, loan: LoanFacts, kind: str, amount: int
) -> int | None:
    """One fee of a kind for each loan (LO-52): lost once more, it is charged up to the cost again, but the
    processing fee, which is never given back, only once."""
    known = losses.fee_of_loan(unit, loan, kind)
    if known is None:
        if not amount:
            return None
        return book.raise_fee(unit, desk, borrower.id, kind, amount, item.title, loan.id, item.id)
    owed = 0 if kind == "PROCESSING" else lost.charged_again(amount, losses.charged(unit, known).kept)
    if kind == "LOST":
        fines.set_status(unit, known, "LOST", desk.now)
    if owed:
        lines = (Posting("AR", owed, known), Posting(f"REV_{kind}", -owed, known))
        book.post(unit, desk, borrower.id, "CHARGE", lines)
    return known


def _free(unit: Unit, item: ItemFacts) -> None:
    """LO-50 (8): who waited for this very copy waits on in his place, and nothing is on its way."""
    if item.shelf_hold is not None:
        holds.fill(unit, item.shelf_hold, "PENDING", None, None)
    if item.transit_to_branch_id is not None:
        items.place(unit, item.id, item.holding_branch_id, None)


def _lost_event(
    unit: Unit,
    desk: Desk,
    item: ItemFacts,
    loan: LoanFacts | None,
    source: LostSource,
    removed: bool,
    detail: dict[str, object],
) -> Effect:
    """LO-50 (6), (7), LO-71. Whoever finds the item must know whose loan it was lost on, and what was
    forgiven for it at any time."""
    earlier = losses.last(unit, item.id)
    about = loan
    if about is None and earlier is not None and item.lost_status:
        about = earlier.loan
    if earlier is not None and about is not None and earlier.loan is not None and earlier.loan.id == about.id:
        kept = earlier.detail.get("forgiven", [])
        now = detail.get("forgiven", [])
        assert isinstance(now, list)
        detail = {**detail, "forgiven": [*kept, *now]}
    if removed and loan is not None:
        loans.close(unit, loan.id, desk.event_at, "LOST")
    effect = event.write(
        unit, desk, "LOST", item,
        loan_id=None if about is None else about.id, patron_id=None if about is None else about.patron_id,
        old_due_at=None if about is None else about.due_at,
        detail={"source": source.value, "removed": removed, **detail},
    )  # fmt: skip
    if loan is not None:
        suspend.lost(unit, desk, loan.id)
        if removed:
            suspend.lift_restriction(unit, desk, loan.patron_id)
    return effect
