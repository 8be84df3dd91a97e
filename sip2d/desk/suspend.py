"""What an overdue loan does to the patron himself: overdue blocks when it comes back or is renewed, blocks
while a short loan is out, the restriction of overdue notices, demerits (circulation.md 9.3, 9.5, LO-21,
LO-22).

Whoever calls holds the patron's lock. A detail says what was done to a loan's due date; `undo` needs no more
of it than the patron, the loan, the due date and the event, which `traces` takes from a recorded event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sip2d.desk import demerit, event, owner
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy.decision import Override, Reason
from sip2d.policy.facts import ItemFacts, LoanFacts, PatronFacts
from sip2d.policy.overdue_block import overdue_block
from sip2d.policy.rules.patron import OVERDUES
from sip2d.policy.settings import LiftRestriction
from sip2d.policy.suspension import (
    DEMERIT,
    OVERDUE_NOTICE,
    OVERDUE_RETURN,
    SHORT_LOAN,
    BlockDefinition,
)
from sip2d.policy.terms import BlockUnit, Terms
from sip2d.store import blocks
from sip2d.store.loans import Event
from sip2d.store.times import seconds
from sip2d.store.unit import CONFLICTS, Unit

DESCRIPTION: Final = "OVERDUE"
TYPE: Final = "LOAN"
"""The description, and the type of a definition using it, that overdue blocks need (BL-45)."""

NO_DEFINITION: Final = "NO_OVERDUE_DEFINITION"
RESTRICTED: Final = "LOAN,RENEW"
"""What the restriction of an overdue notice denies (LO-21)."""


class Suspended(msgspec.Struct, frozen=True):
    """What a return did to the patron: the note for the kiosk, and the detail."""

    note: Reason | None = None
    detail: dict[str, object] = msgspec.field(default_factory=dict)


class _Blocked(msgspec.Struct, frozen=True):
    block_id: int | None = None
    expires_at: datetime | None = None
    error: str | None = None


def returned(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    item: ItemFacts,
    loan: LoanFacts,
    event_id: int,
    at: datetime,
) -> Suspended:
    """After the RETURN event of a loan: demerits and the overdue block of a late one (BL-32, BL-50), which
    takes the place of a block it had while it was out (BL-55).

    ``patron`` is the borrower, ``loan`` as it was, ``at`` when it came back (SP-22).
    """
    replaced = _end_in_loan(unit, desk, patron, loan.id, "RETURNED")
    if at <= loan.due_at:
        return Suspended(detail=_detail(patron.id, loan, event_id, replaced=replaced)) if replaced else _NOT
    earned = demerit.earn(unit, desk, patron, item, loan, event_id, at)
    blocked = _overdue(unit, desk, patron, item, loan, at)
    if not replaced and blocked == _UNBLOCKED and earned == demerit.NOTHING:
        return _NOT
    ends = [end for end in (blocked.expires_at, earned.expires_at) if end is not None and end > desk.now]
    note = event.note("RETURN_OK_BLOCKED", item_title=item.title, expires_at=max(ends)) if ends else None
    errors = [error for error in (earned.error, blocked.error) if error is not None]
    return Suspended(
        note,
        _detail(
            patron.id, loan, event_id, replaced=replaced, block=blocked.block_id, points=earned.points,
            suspension=earned.block_id, errors=errors,
        ),
    )  # fmt: skip


def renewed(
    unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts, loan: LoanFacts, at: datetime
) -> dict[str, object]:
    """A loan is renewed: a block it had while it was out ends (BL-55); a late renewal blocks like a late
    return where the library wants that (BL-54, D-26). The detail for the RENEW event, empty for nothing."""
    replaced = _end_in_loan(unit, desk, patron, loan.id, "RENEWED")
    blocked = _UNBLOCKED
    if at > loan.due_at and owner.of(desk, item.institution_id)[1].overdue_block_on_renewal:
        blocked = _overdue(unit, desk, patron, item, loan, at)
    if not replaced and blocked == _UNBLOCKED:
        return {}
    errors = [] if blocked.error is None else [blocked.error]
    until = None if blocked.expires_at is None else seconds(blocked.expires_at)
    return _detail(
        patron.id, loan, None, replaced=replaced, block=blocked.block_id, until=until, errors=errors
    )


def lost(unit: Unit, desk: Desk, loan_id: int) -> None:
    """The item of a loan is lost: the block it had while it was out ends (BL-55)."""
    for block in blocks.of_loan(unit, loan_id):
        if block.origin == SHORT_LOAN:
            _remove(unit, desk, block.patron_id, block.id, "LOST")


def overdue_while_out(
    unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts, loan: LoanFacts
) -> tuple[int | None, str | None]:
    """Block for a short loan that is still out, until it is back, renewed or lost (BL-54): the block's id, or
    why there is none although the terms want one. Once a due date, whoever removed it since."""
    terms = _terms(desk, patron, item, loan)
    if not _blocking(terms) or blocks.of_due(unit, patron.id, loan.id, loan.due_at, SHORT_LOAN) is not None:
        return None, None
    definition = _definition(unit, desk, patron, loan)
    if definition is None:
        return None, NO_DEFINITION
    return _block(unit, desk, patron.id, loan, definition, SHORT_LOAN, desk.now, None, capped=False), None


def restrict(unit: Unit, desk: Desk, patron_id: int) -> int | None:
    """Restrict a patron with an overdue notice (LO-21); its block's id, None when he is already."""
    if blocks.sole(unit, patron_id, OVERDUE_NOTICE) is not None:
        return None
    try:
        with unit.attempt():
            block_id = blocks.insert_block(
                unit,
                patron_id,
                definition=OVERDUES,
                actions=RESTRICTED,
                override=Override.OPERATOR.value,
                reason="",
                origin=OVERDUE_NOTICE,
                starts_at=desk.now,
                created_by=desk.actor,
                type_=TYPE,
            )
    except CONFLICTS:  # somebody restricted him since we looked
        return None
    audited(unit, desk, blocks.AUDITED, patron_id, "RESTRICT", None, {"block": block_id})
    return block_id


def lift_restriction(unit: Unit, desk: Desk, patron_id: int) -> bool:
    """Lift the restriction of a patron who has no overdue loan left (LO-22); whether it was lifted.

    Called after the loan was returned, renewed or removed.
    """
    standing = blocks.sole(unit, patron_id, OVERDUE_NOTICE)
    if standing is None:
        return False
    _, settings = owner.of(desk, standing.institution_id)
    if settings.lift_restrictions is LiftRestriction.NO or blocks.any_overdue(unit, patron_id, desk.now):
        return False
    return _remove(unit, desk, patron_id, standing.id, "NO_OVERDUE")


def is_restricted(patron: PatronFacts) -> bool:
    """Whether an overdue notice restricted him; from memory, so that nobody else costs a statement."""
    return any(block.origin == OVERDUE_NOTICE for block in patron.blocks)


def ran_out(patron: PatronFacts, now: datetime) -> bool:
    """Whether a suspension for demerits waits to be evaluated (BL-40); costs a patron without blocks
    nothing."""
    return any(
        block.origin == DEMERIT and block.expires_at is not None and block.expires_at <= now
        for block in patron.blocks
    )


def evaluate(unit: Unit, desk: Desk, patron_id: int) -> int:
    """Evaluate a suspension for demerits that has run out (BL-40); how many blocks were removed."""
    return len(demerit.settle(unit, desk, patron_id).removed)


def traces(of: Event) -> dict[str, object]:
    """What `undo` needs to know of a recorded RETURN, whose row was written before its traces were known."""
    if of.loan_id is None or of.patron_id is None or of.old_due_at is None:
        return {}
    return {
        "patron": of.patron_id, "loan": of.loan_id, "due_at": seconds(of.old_due_at), "event": of.id,
        "ended": "RETURNED",
    }  # fmt: skip


def undo(unit: Unit, desk: Desk, detail: Mapping[str, Any] | None) -> None:
    """Take back what `returned` or `renewed` did (BL-42, SP-23): the overdue block ends, the block that a
    short loan had stands again, points get a row against them."""
    if not detail:
        return
    patron_id, loan_id = detail["patron"], detail["loan"]
    due_at = datetime.fromtimestamp(detail["due_at"], UTC)
    for block in blocks.of_loan(unit, loan_id):
        if block.origin == OVERDUE_RETURN and block.loan_due_at == due_at:
            _remove(unit, desk, patron_id, block.id, "REVERSED")
    block_id = blocks.of_due(unit, patron_id, loan_id, due_at, SHORT_LOAN)
    if block_id is not None and blocks.restore(unit, block_id, detail["ended"]):
        audited(
            unit, desk, blocks.AUDITED, patron_id, "BLOCK", None, {"block": block_id, "origin": SHORT_LOAN}
        )
    if detail.get("event") is not None:
        demerit.reverse(unit, desk, detail["event"])


_NOT: Final = Suspended()
_UNBLOCKED: Final = _Blocked()


def _detail(
    patron_id: int, loan: LoanFacts, event_id: int | None, *, replaced: list[int], **made: object
) -> dict[str, object]:
    return {
        "patron": patron_id,
        "loan": loan.id,
        "due_at": seconds(loan.due_at),
        "event": event_id,
        "ended": "RENEWED" if event_id is None else "RETURNED",
        "replaced": replaced,
        **made,
    }


def _terms(desk: Desk, patron: PatronFacts, item: ItemFacts, loan: LoanFacts) -> Terms | None:
    """The loan's own terms, those in force when it happened (CO-7, D-35): as for the fine."""
    matrix = desk.library.matrices.get(item.institution_id)
    if matrix is None:
        return None
    return matrix.terms(loan.policy_branch_id, patron.type_id, item.type_id, desk.event_at)


def _blocking(terms: Terms | None) -> bool:
    """No rule, no block (BL-45)."""
    return (
        terms is not None and terms.overdue_block_unit is not BlockUnit.NONE and terms.overdue_block_value > 0
    )


def _overdue(
    unit: Unit, desk: Desk, patron: PatronFacts, item: ItemFacts, loan: LoanFacts, at: datetime
) -> _Blocked:
    """The overdue block of a loan that came back, or was renewed, at ``at`` (BL-49..BL-52)."""
    terms = _terms(desk, patron, item, loan)
    if terms is None or not _blocking(terms):
        return _UNBLOCKED
    found = overdue_block(
        terms,
        desk.library.branches[loan.policy_branch_id].calendar,
        loan.due_at,
        at,
        blocks.running(unit, patron.id, at),
        per_block=owner.of(desk, item.institution_id)[1].max_overdue_block_per_block,
    )
    if found is None or any(
        block.origin == OVERDUE_RETURN and block.loan_due_at == loan.due_at
        for block in blocks.of_loan(unit, loan.id)
    ):
        return _UNBLOCKED
    definition = _definition(unit, desk, patron, loan)
    if definition is None:
        return _Blocked(error=NO_DEFINITION)
    block_id = _block(
        unit, desk, patron.id, loan, definition, OVERDUE_RETURN, at, found.expires_at, capped=found.capped
    )
    return _Blocked(block_id, found.expires_at)


def for_overdues(definition: BlockDefinition) -> bool:
    """Whether overdue loans block by this definition (BL-45)."""
    return definition.type == TYPE and definition.description_code == DESCRIPTION


def _definition(unit: Unit, desk: Desk, patron: PatronFacts, loan: LoanFacts) -> BlockDefinition | None:
    """The definition of type LOAN with the description OVERDUE (BL-45); audited where it is missing."""
    for definition in desk.library.block_definitions.get(patron.institution_id, {}).values():
        if for_overdues(definition):
            return definition
    audited(
        unit, desk, "institution", patron.institution_id, NO_DEFINITION, None,
        {"patron": patron.id, "loan": loan.id},
    )  # fmt: skip
    return None


def _block(
    unit: Unit,
    desk: Desk,
    patron_id: int,
    loan: LoanFacts,
    definition: BlockDefinition,
    origin: str,
    starts_at: datetime,
    expires_at: datetime | None,
    *,
    capped: bool,
) -> int:
    block_id = blocks.insert_block(
        unit,
        patron_id,
        definition=definition.code,
        actions=definition.actions,
        override=definition.override,
        reason=definition.text,
        origin=origin,
        starts_at=starts_at,
        expires_at=expires_at,
        created_by=desk.actor,
        type_=definition.type,
        loan_id=loan.id,
        loan_due_at=loan.due_at,
        network_block=definition.network_block,
        capped=capped,
    )
    until = None if expires_at is None else seconds(expires_at)
    audited(
        unit, desk, blocks.AUDITED, patron_id, "BLOCK", None,
        {"block": block_id, "origin": origin, "loan": loan.id, "expires_at": until, "capped": capped},
    )  # fmt: skip
    return block_id


def _end_in_loan(unit: Unit, desk: Desk, patron: PatronFacts, loan_id: int, reason: str) -> list[int]:
    """End the block a short loan had while it was out; a patron without one costs nothing."""
    if not any(block.origin == SHORT_LOAN for block in patron.blocks):
        return []
    found = [block.id for block in blocks.of_loan(unit, loan_id) if block.origin == SHORT_LOAN]
    for block_id in found:
        _remove(unit, desk, patron.id, block_id, reason)
    return found


def _remove(unit: Unit, desk: Desk, patron_id: int, block_id: int, reason: str) -> bool:
    if not blocks.remove(unit, block_id, now=desk.now, reason=reason, actor=desk.actor):
        return False
    audited(unit, desk, blocks.AUDITED, patron_id, "UNBLOCK", {"block": block_id}, {"reason": reason})
    return True
