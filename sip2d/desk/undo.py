"""Undoing what a kiosk could not complete (SP-23, HO-11): the last event of the item, at the same branch,
soon after.

`undo_loan` is 09 with BI=Y, `undo_return` 11 with BI=Y. The event stays; a CANCEL event follows it.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec

from sip2d.desk import book, event, fine, found, suspend
from sip2d.desk.outcome import Effect, Outcome
from sip2d.desk.place import Desk
from sip2d.desk.route import unroute
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import ItemFacts, PatronFacts
from sip2d.store import holds, items, loans, patrons
from sip2d.store.loans import Event
from sip2d.store.unit import Unit

NOTHING: Final = Reason(code="CANCEL_NOTHING", denies=Action.NONE, scenario="CANCEL_IMPOSSIBLE")
TOO_LATE: Final = Reason(code="CANCEL_TOO_LATE", denies=Action.NONE, scenario="CANCEL_IMPOSSIBLE")


def undo_loan(unit: Unit, desk: Desk, item: ItemFacts) -> Outcome:
    """Take a loan or a renewal back that the kiosk made last: item, holds and fees are again as before."""
    last = loans.last_event(unit, item.id)
    if (
        last is None
        or last.kind not in ("LOAN", "RENEW")
        or item.loan is None
        or item.loan.id != last.loan_id
    ):
        return Outcome(False, (NOTHING,), item=item)
    if refusal := _refusal(desk, last):
        return Outcome(False, (refusal,), item=item, due_at=item.loan.due_at)
    before: dict[str, Any] = msgspec.json.decode(last.detail)
    borrower = patrons.by_id(unit, item.loan.patron_id, desk.now)
    if last.kind == "LOAN":
        loans.close(unit, item.loan.id, desk.now, "CANCEL")
        _restore_holds(unit, item, before)
        if "holding" in before:
            items.place(unit, item.id, before["holding"], before["transit"])
    elif last.old_due_at is not None:
        loans.unrenew(unit, item.loan.id, last.old_due_at)
    if before.get("fee") is not None:
        book.cancel_fee(unit, desk, before["fee"])
    suspend.undo(unit, desk, before.get("suspended"))
    found.undo(unit, desk, before.get("found"))
    fine.undo(unit, desk, before.get("fine"))
    effect = _cancelled(unit, desk, item, last)
    return Outcome(
        True,
        notes=(event.note("CANCEL_OK"),),
        patron=borrower,
        item=item,
        due_at=last.old_due_at,
        effects=(effect,),
    )


def undo_return(unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts) -> Outcome:
    """Give the patron the loan back that was ended last, due when it was due."""
    last = loans.last_event(unit, item.id)
    if last is None or last.kind != "RETURN" or last.patron_id != patron.id or last.loan_id is None:
        return Outcome(False, (NOTHING,), patron=patron, item=item)
    if refusal := _refusal(desk, last):
        return Outcome(False, (refusal,), patron=patron, item=item)
    before: dict[str, Any] = msgspec.json.decode(last.detail)
    if "holding" in before:
        unroute(unit, desk, item, before)
    loans.reopen(unit, last.loan_id)
    suspend.undo(unit, desk, suspend.traces(last))
    found.undo(unit, desk, before.get("found"))
    fine.undo(unit, desk, before.get("fine"))
    effect = _cancelled(unit, desk, item, last)
    return Outcome(
        True,
        notes=(event.note("CANCEL_OK"),),
        patron=patron,
        item=item,
        due_at=last.old_due_at,
        effects=(effect,),
    )


def _refusal(desk: Desk, last: Event) -> Reason | None:
    """Another branch's act is nobody else's to undo, and an old one stays (SP-23)."""
    if last.branch_id != desk.branch.id:
        return NOTHING
    window = timedelta(minutes=desk.settings.cancel_window_min)
    return TOO_LATE if desk.now - last.recorded_at > window else None


def _restore_holds(unit: Unit, item: ItemFacts, before: dict[str, Any]) -> None:
    """The hold that the loan fulfilled, and the one it pushed back into the queue (HO-11).

    Not where that would contradict what happened since: a new hold of the patron, another copy given to the
    hold.
    """
    hold = before.get("hold")
    if hold is not None:
        ended = holds.by_id(unit, hold["id"])
        if ended is not None and not holds.active_of(unit, ended.patron_id, ended.title_id):
            holds.restore(unit, hold)
    conflict = before.get("conflict")
    if conflict is not None:
        waiting = holds.by_id(unit, conflict["id"])
        if waiting is not None and waiting.status == "PENDING":
            holds.restore(unit, conflict)


def _cancelled(unit: Unit, desk: Desk, item: ItemFacts, last: Event) -> Effect:
    return event.write(
        unit, desk, "CANCEL", item,
        loan_id=last.loan_id, patron_id=last.patron_id, event_at=desk.now, old_due_at=last.new_due_at,
        new_due_at=last.old_due_at, detail={"cancels": last.id},
    )  # fmt: skip
