"""Demerits at the desk: points for a late return, the suspension they add up to, what follows it, and all of
it taken back (BL-20..BL-42).

Whoever calls holds the patron's lock. What stops the system - half a configuration, no definition of type
DEMERIT - is audited at the institution; the points stay (BL-22, BL-33).
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from sip2d.desk import owner
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy import suspension
from sip2d.policy.facts import ItemFacts, LoanFacts, PatronFacts
from sip2d.policy.suspension import DEMERIT, Demerits, Point, Suspension
from sip2d.store import blocks, demerits
from sip2d.store.unit import Unit

NO_DEFINITION: Final = "NO_DEMERIT_DEFINITION"
INCOMPLETE: Final = "DEMERITS_INCOMPLETE"


class Earned(msgspec.Struct, frozen=True):
    """What a return earned, the suspension in force that it brought about, and why there is none although
    there should be."""

    points: int = 0
    block_id: int | None = None
    expires_at: datetime | None = None
    error: str | None = None


class Settled(msgspec.Struct, frozen=True):
    """What an evaluation did: the blocks removed, the one that stands instead."""

    removed: tuple[int, ...] = ()
    block_id: int | None = None


NOTHING: Final = Earned()


def earn(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    item: ItemFacts,
    loan: LoanFacts,
    event_id: int,
    at: datetime,
) -> Earned:
    """Points for the return of an overdue loan, and what follows from them (BL-32, BL-33).

    A loan recalled by then counts as one: its due date is the recall's.
    """
    institution, settings = owner.of(desk, patron.institution_id)
    if not settings.demerit_enable:
        return NOTHING
    system = suspension.demerits(settings, institution.zone)
    if system is None:
        _misconfigured(unit, desk, patron.institution_id, INCOMPLETE, patron.id)
        return Earned(error=INCOMPLETE)
    recalled = loan.recalled_at is not None and loan.recalled_at <= at
    table = desk.library.demerit_rules.get(patron.institution_id, ())
    number = suspension.points(table, patron.type_id, item.type_id, recalled=recalled)
    if not number:
        return NOTHING
    kind = demerits.RECALL if recalled else demerits.OVERDUE
    demerits.add(unit, patron.id, loan.id, event_id, kind, number, at)
    settle(unit, desk, patron.id)
    return _award(unit, desk, patron.id, patron.institution_id, system, at, number)


def settle(unit: Unit, desk: Desk, patron_id: int) -> Settled:
    """Look at the points again where the suspension has run out (BL-40): lift it, or go on with the next."""
    standing = blocks.sole(unit, patron_id, DEMERIT)
    if standing is None or standing.expires_at is None or standing.expires_at > desk.now:
        return Settled()
    institution, settings = owner.of(desk, standing.institution_id)
    system = suspension.demerits(settings, institution.zone)
    following: tuple[Suspension, ...] = ()
    if system is not None:
        known = _known(unit, patron_id, system, standing.expires_at)
        following = suspension.evaluate(known, standing.expires_at, desk.now, system).suspensions
    removed = [standing.id]
    blocks.remove(unit, standing.id, now=desk.now, reason="EXPIRED", actor=desk.actor)
    current = None
    for one in following:
        current = _suspend(unit, desk, patron_id, standing.institution_id, one)
        if current is None:
            break
        if one.expires_at <= desk.now:
            blocks.remove(unit, current, now=desk.now, reason="EXPIRED", actor=desk.actor)
            removed.append(current)
            current = None
    audited(
        unit, desk, blocks.AUDITED, patron_id, "DEMERIT_EVAL", {"blocks": removed}, {"block": current},
    )  # fmt: skip
    return Settled(tuple(removed), current)


def reverse(unit: Unit, desk: Desk, event_id: int) -> None:
    """The return of this event is taken back (BL-42): a row against its points; a suspension in force that
    used some of them is decided anew without them, and removed where the others do not suffice."""
    earned = demerits.of_event(unit, event_id)
    if earned is None:
        return
    block_id = demerits.user(unit, earned)
    given_back = () if block_id is None else demerits.give_back(unit, block_id)
    demerits.reverse(unit, earned)
    audited(
        unit, desk, blocks.AUDITED, earned.patron_id, "DEMERITS_REVERSED",
        {"points": earned.points, "block": block_id, "used": given_back}, None,
    )  # fmt: skip
    if block_id is not None:
        _decide_anew(unit, desk, earned.patron_id, block_id)


def _decide_anew(unit: Unit, desk: Desk, patron_id: int, block_id: int) -> None:
    standing = blocks.sole(unit, patron_id, DEMERIT)
    assert standing is not None  # it used points a statement ago
    institution, settings = owner.of(desk, standing.institution_id)
    system = suspension.demerits(settings, institution.zone)
    if system is not None:
        uses = suspension.used(
            _known(unit, patron_id, system, standing.starts_at), standing.starts_at, system
        )
        if uses:
            demerits.consume(unit, block_id, uses)
            return
    blocks.remove(unit, block_id, now=desk.now, reason="REVERSED", actor=desk.actor)
    if system is not None:
        # What waited behind it may suffice by itself, from its own moment on.
        _award(unit, desk, patron_id, standing.institution_id, system, standing.starts_at, 0)


def _award(
    unit: Unit,
    desk: Desk,
    patron_id: int,
    institution_id: int,
    system: Demerits,
    since: datetime,
    number: int,
) -> Earned:
    """Suspend a patron who is not, if the points suffice (BL-33); one told late may have run out already."""
    if blocks.sole(unit, patron_id, DEMERIT) is not None:
        return Earned(number)
    found = suspension.award(_known(unit, patron_id, system, since), since, system)
    if found is None:
        return Earned(number)
    block_id = _suspend(unit, desk, patron_id, institution_id, found)
    if block_id is None:
        return Earned(number, error=NO_DEFINITION)
    if found.expires_at > desk.now:
        return Earned(number, block_id, found.expires_at)
    block_id = settle(unit, desk, patron_id).block_id
    standing = None if block_id is None else blocks.sole(unit, patron_id, DEMERIT)
    return Earned(number, block_id, None if standing is None else standing.expires_at)


def _known(unit: Unit, patron_id: int, system: Demerits, at: datetime) -> tuple[Point, ...]:
    """All points that may count then or later; two days more for the zones' sake."""
    return demerits.of_patron(unit, patron_id, at - timedelta(days=system.history_days + 2))


def _suspend(unit: Unit, desk: Desk, patron_id: int, institution_id: int, found: Suspension) -> int | None:
    """Block and use up; None without a definition of type DEMERIT, and then the points stay."""
    definitions = desk.library.block_definitions.get(institution_id, {})
    definition = next((one for one in definitions.values() if one.type == DEMERIT), None)
    if definition is None:
        _misconfigured(unit, desk, institution_id, NO_DEFINITION, patron_id)
        return None
    block_id = blocks.insert_block(
        unit,
        patron_id,
        definition=definition.code,
        actions=definition.actions,
        override=definition.override,
        reason=definition.text,
        origin=DEMERIT,
        starts_at=found.starts_at,
        expires_at=found.expires_at,
        created_by=desk.actor,
        type_=definition.type,
        note=",".join(str(point_id) for point_id, _ in found.uses),
        network_block=definition.network_block,
    )
    demerits.consume(unit, block_id, found.uses)
    audited(
        unit, desk, blocks.AUDITED, patron_id, "BLOCK", None,
        {
            "block": block_id, "definition": definition.code, "origin": DEMERIT,
            "expires_at": int(found.expires_at.timestamp()), "used": found.uses,
        },
    )  # fmt: skip
    return block_id


def _misconfigured(unit: Unit, desk: Desk, institution_id: int, error: str, patron_id: int) -> None:
    audited(unit, desk, "institution", institution_id, error, None, {"patron": patron_id})
