"""What was done while the network was away: lent and taken back when it happened (OF-30..OF-32, OF-50), from
a file or from a kiosk's memory, in whatever order it comes in and however often.

Who has the item in the end is who had it last by the clock. A return that comes before its loan waits in the
queue of exceptions (NOT_ON_LOAN), and ends the loan when that one comes.
"""

from datetime import datetime
from typing import Final

import msgspec

from sip2d.desk import event, subjects
from sip2d.desk import lend as lending
from sip2d.desk import take_back as taking
from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import ItemFacts, LoanFacts, PatronFacts
from sip2d.policy.settings import OtherPatron
from sip2d.store import loans, offline
from sip2d.store.library import Branch
from sip2d.store.unit import Unit

NEWER_LOAN: Final = event.note("NEWER_LOAN")
IMPLICIT_RETURN: Final = event.note("IMPLICIT_RETURN")
RETURNED_SINCE: Final = event.note("RETURNED_SINCE")
RETURN_BEFORE_LOAN: Final = event.note("RETURN_BEFORE_LOAN")
NOT_ON_LOAN: Final = event.note("NOT_ON_LOAN")
ON_LOAN_OTHER: Final = Reason(code="ITEM_ON_LOAN_OTHER", denies=Action.LOAN, scenario="ITEM_ON_LOAN_OTHER")
"""Refused where the library wants no loan ended by another one (``offline_other_patron``)."""

EXCEPTIONAL: Final = frozenset(
    {"NEWER_LOAN", "NEWER_TRANSACTION", "RETURN_BEFORE_LOAN", "NOT_ON_LOAN", "HOLD_CONFLICT", "STALE"}
)
"""What a person must look at although the transaction was accepted (OF-51); a refused one is told always."""


def lend(
    unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts, *, requested_due_at: datetime | None
) -> Outcome:
    """The cases of OF-30 by what the item's open loan is; ``desk.event_at`` is when it was lent."""
    loan = item.loan
    if _noted(unit, desk, item, patron.barcode):
        return Outcome(
            True, patron=patron, item=item, due_at=requested_due_at, notes=(event.ALREADY_APPLIED,)
        )
    if loan is not None and loan.loaned_at > desk.event_at:
        return _overtaken(unit, desk, patron, item, loan, requested_due_at)
    other = loan is not None and loan.patron_id != patron.id
    if other and desk.settings.offline_other_patron is OtherPatron.ERROR:
        return Outcome(False, (ON_LOAN_OTHER,), patron=patron, item=item)
    outcome = lending.lend(
        unit, desk, patron, item,
        renewal_allowed=True, requested_due_at=requested_due_at, fee_acknowledged=True,
    )  # fmt: skip
    if not outcome.effects:
        return outcome
    if other:
        outcome = _with(outcome, IMPLICIT_RETURN)
    return _returned_since(unit, desk, item, outcome)


def take_back(unit: Unit, desk: Desk, item: ItemFacts, *, return_branch: Branch) -> Outcome:
    """OF-32: what is not on loan is routed, and noted; a loan that began later stays open."""
    loan = item.loan
    if loans.returned(unit, item.id, desk.event_at) or _noted(unit, desk, item, ""):
        return Outcome(True, item=item, notes=(event.ALREADY_APPLIED,))
    if loan is not None and loan.loaned_at > desk.event_at:
        return Outcome(True, item=item, bypassed=(RETURN_BEFORE_LOAN,))
    outcome = taking.take_back(unit, desk, item, return_branch=return_branch)
    if not outcome.done or loan is not None:
        return outcome
    if any(note.code == "ITEM_NOT_ON_LOAN" for note in outcome.notes):
        return _with(outcome, NOT_ON_LOAN)
    last = loans.last_transaction(unit, item.id)
    if event.NEWER_TRANSACTION in outcome.bypassed and (last is None or last.event_at <= desk.event_at):
        # It was routed since, which says nothing of who had it: its loan may still come.
        return msgspec.structs.replace(outcome, bypassed=(NOT_ON_LOAN,))
    return outcome


def _overtaken(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    item: ItemFacts,
    loan: LoanFacts,
    promised: datetime | None,
) -> Outcome:
    """OF-30 case 4: a newer loan stays as it is; this one is history."""
    if any(loans.happened(unit, item.id, patron.id, kind, desk.event_at) for kind in ("LOAN", "RENEW")):
        return Outcome(True, patron=patron, item=item, due_at=promised, notes=(event.ALREADY_APPLIED,))
    back = offline.next_return(unit, desk.institution.id, item.barcode, desk.event_at)
    ended = loan.loaned_at
    if back is not None and back.happened_at < ended:
        ended = back.happened_at
        offline.settle(unit, back.id, desk.actor, _found(desk.event_at), desk.now)
    offline.supersede(
        unit, item_id=item.id, patron_id=patron.id, branch_id=desk.branch.id, at=desk.event_at,
        ended=ended, interface=desk.interface,
    )  # fmt: skip
    return Outcome(True, patron=patron, item=item, due_at=promised, bypassed=(NEWER_LOAN,))


def _noted(unit: Unit, desk: Desk, item: ItemFacts, patron: str) -> bool:
    """It came before, was late then, and is queued for a person: whatever has happened since, once is
    enough."""
    return offline.noted(unit, desk.institution.id, item.barcode, patron, desk.event_at)


def _returned_since(unit: Unit, desk: Desk, item: ItemFacts, outcome: Outcome) -> Outcome:
    """Its return came first: the loan ends when that one happened, where that one happened."""
    back = offline.next_return(unit, desk.institution.id, item.barcode, desk.event_at)
    branch = None if back is None else desk.library.branches.get(back.branch_id)
    if back is None or branch is None:
        return outcome
    then = msgspec.structs.replace(desk, event_at=back.happened_at)
    lent = subjects.item(unit, then, item.barcode)
    assert lent is not None  # it was lent a moment ago
    done = taking.take_back(unit, then, lent, return_branch=branch)
    if not done.effects:
        return outcome
    offline.settle(unit, back.id, desk.actor, _found(desk.event_at), desk.now)
    # The hold that the loan sent back to the queue gets the item all the same.
    kept = tuple(one for one in outcome.bypassed if one is not event.HOLD_CONFLICT)
    effects = (*outcome.effects, *done.effects)
    return _with(msgspec.structs.replace(outcome, bypassed=kept, effects=effects), RETURNED_SINCE)


def _found(at: datetime) -> str:
    return f"Its loan of {at:%Y-%m-%d %H:%M:%S} UTC came after it, and ended with it."


def _with(outcome: Outcome, *first: Reason) -> Outcome:
    return msgspec.structs.replace(outcome, bypassed=(*first, *outcome.bypassed))
