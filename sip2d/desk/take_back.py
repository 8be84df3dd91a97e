"""Taking back (CO-20): a return is always accepted, whatever stands against the patron."""

from sip2d.desk import event, fine, found, lose, suspend
from sip2d.desk.outcome import Effect, Outcome, Routing
from sip2d.desk.place import Desk
from sip2d.desk.route import detail, route
from sip2d.policy.decision import Reason
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.store import loans, patrons
from sip2d.store.library import Branch
from sip2d.store.unit import Unit


def take_back(
    unit: Unit, desk: Desk, item: ItemFacts, *, return_branch: Branch, stays: bool = False
) -> Outcome:
    """End the item's loan, if it has one, and send the item on from ``return_branch``.

    What is not on loan is routed all the same, with the note ITEM_NOT_ON_LOAN. A lost item is refused only
    where ``block_return_of_lost`` or its lost value says so (LO-63). An older return than the item's last
    transaction changes nothing. ``stays``: it is lent again at once, so it is sent nowhere and no hold gets
    it (BR-9).
    """
    if event.came_late(unit, desk, item, "RETURN", None):
        return Outcome(True, item=item, bypassed=(event.NEWER_TRANSACTION,))
    if desk.mode is Mode.NO_BLOCK and loans.returned(unit, item.id, desk.event_at):
        return Outcome(True, item=item, notes=(event.ALREADY_APPLIED,))
    if (refused := lose.refusal(desk, item)) is not None:
        return Outcome(False, (refused,), item=item)
    loan = item.loan
    borrower = None if loan is None else patrons.by_id(unit, loan.patron_id, desk.now)
    # The order of CO-20: the fine, the loss, the loan, its event, demerits and overdue block; then the shelf.
    fined = fine.NOTHING
    if loan is not None and not item.lost_status:
        fined = fine.settle(unit, desk, loan.patron_id, item, loan, desk.event_at, fine.RETURNED)
    back = found.found(unit, desk, item, return_branch, desk.event_at)
    if loan is not None:
        loans.close(unit, loan.id, desk.event_at, "RETURN")
    routing = Routing("SHELF") if stays else route(unit, desk, back.item, return_branch)
    undoing = {**detail(back.item, routing), "fine": fine.detail(fined), "found": back.detail}
    effects = _recorded(unit, desk, item, routing, return_branch, undoing)
    suspended = _suspended(unit, desk, borrower, item, effects)
    # A lost item's loan may have ended with its loss (LO-64): it comes back from that one.
    lent = back.detail is not None and back.detail["loan"] is not None
    said = tuple(note for note in (suspended, back.note) if note is not None)
    return Outcome(
        done=True, notes=(*said, *_notes(desk, item, routing, lent)), bypassed=event.stale(desk),
        patron=borrower, item=back.item, routing=routing, effects=effects,
    )  # fmt: skip


def _suspended(
    unit: Unit, desk: Desk, borrower: PatronFacts | None, item: ItemFacts, effects: tuple[Effect, ...]
) -> Reason | None:
    """What a late return does to the borrower (BL-32, BL-50), and his restriction, which may be over
    (LO-22)."""
    if item.loan is None or borrower is None:
        return None
    done = suspend.returned(unit, desk, borrower, item, item.loan, effects[0].mark, desk.event_at)
    if suspend.is_restricted(borrower):
        suspend.lift_restriction(unit, desk, borrower.id)
    return done.note


def _recorded(
    unit: Unit, desk: Desk, item: ItemFacts, routing: Routing, branch: Branch, undoing: dict[str, object]
) -> tuple[Effect, ...]:
    """A RETURN of the loan; else a ROUTE where the item or a hold has moved; else nothing happened."""
    loan = item.loan
    if loan is not None:
        return (
            event.write(unit, desk, "RETURN", item, loan_id=loan.id, patron_id=loan.patron_id,
                        old_due_at=loan.due_at, bypassed=event.stale(desk), detail=undoing),
        )  # fmt: skip
    away = routing.destination_branch_id if routing.kind in ("HOLD_ELSEWHERE", "TRANSIT") else None
    stays = (item.holding_branch_id, item.transit_to_branch_id) == (branch.id, away)
    if stays and routing.hold == item.shelf_hold and not item.lost_status:
        return ()
    return (
        event.write(
            unit, desk, "ROUTE", item, loan_id=None, patron_id=None, event_at=desk.now, detail=undoing
        ),
    )


def _notes(desk: Desk, item: ItemFacts, routing: Routing, lent: bool) -> tuple[Reason, ...]:
    """What the kiosk tells, the item's own message last (CO-20, SP-9)."""
    notes: list[Reason] = []
    if item.loan is None and not lent:
        notes.append(event.note("ITEM_NOT_ON_LOAN", item_title=item.title))
    place = desk.library.branches.get(routing.destination_branch_id or 0)
    name = "" if place is None else place.name
    if routing.kind in ("HOLD_HERE", "HOLD_ELSEWHERE"):
        notes.append(event.note("RETURN_OK_HELD", item_title=item.title, branch=name))
    elif routing.kind == "TRANSIT":
        notes.append(event.note("RETURN_OK_TRANSFER", item_title=item.title, branch=name))
    message = desk.library.item_types[item.type_id].checkin_message
    if message:
        notes.append(event.note("ITEMTYPE_CHECKIN_MESSAGE", reason=message))
    return tuple(notes)
