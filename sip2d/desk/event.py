"""What an act leaves on an item: its event and mark; and why an act done off-line may leave none."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sip2d.desk.audited import audited
from sip2d.desk.outcome import Effect
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.store import loans
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface


def note(code: str, **values: object) -> Reason:
    """A reason that denies nothing: told on success, or recorded as an exception."""
    return Reason(code=code, denies=Action.NONE, scenario=code, values=values)


STORED: Final = frozenset({Interface.OFFLINE_FILE.value, Interface.SIP2_OFFLINE.value})
"""The interfaces of what happened while the network was away."""

ALREADY_APPLIED: Final = note("ALREADY_APPLIED")
NEWER_TRANSACTION: Final = note("NEWER_TRANSACTION")
HOLD_CONFLICT: Final = note("HOLD_CONFLICT")
SHORTENED: Final = note("SHORTENED")
STALE: Final = note("STALE")


def write(
    unit: Unit,
    desk: Desk,
    kind: str,
    item: ItemFacts,
    *,
    loan_id: int | None,
    patron_id: int | None,
    event_at: datetime | None = None,
    old_due_at: datetime | None = None,
    new_due_at: datetime | None = None,
    bypassed: Iterable[Reason] = (),
    detail: Mapping[str, object] | None = None,
) -> Effect:
    """Record an event of this desk, and in the audit log the reasons it set aside (CO-3); the item's new
    mark.
    """
    codes = [reason.code for reason in bypassed]
    event_id = loans.record_event(
        unit,
        kind=kind,
        item_id=item.id,
        loan_id=loan_id,
        patron_id=patron_id,
        event_at=desk.event_at if event_at is None else event_at,
        recorded_at=desk.now,
        branch_id=desk.branch.id,
        interface=desk.interface,
        terminal_id=desk.terminal_id,
        old_due_at=old_due_at,
        new_due_at=new_due_at,
        bypassed=codes,
        detail="{}" if detail is None else msgspec.json.encode(detail).decode(),
    )
    if codes:
        audited(unit, desk, "item", item.id, "BYPASS", None, {"event": event_id, "reasons": codes})
    return Effect("item", item.id, event_id)


def came_late(unit: Unit, desk: Desk, item: ItemFacts, kind: str, patron_id: int | None) -> bool:
    """Whether something newer happened to the item than this stored transaction, which is then only noted
    (sip2.md 6.1)."""
    newer = overtaking(unit, desk, item, kind)
    if newer is None:
        return False
    audited(
        unit,
        desk,
        "item",
        item.id,
        NEWER_TRANSACTION.code,
        None,
        {"kind": kind, "patron": patron_id, "event_at": int(desk.event_at.timestamp()), "newer": newer.id},
    )
    return True


def overtaking(unit: Unit, desk: Desk, item: ItemFacts, kind: str) -> loans.Event | None:
    """What happened to the item after this stored transaction. What is recorded for the same second is not
    newer: one kiosk's acts follow each other."""
    if desk.mode is not Mode.NO_BLOCK:
        return None
    # A stored return of what is in moves it: one that was routed since stays where it is (PT-9).
    routed = kind == "RETURN" and item.loan is None
    last = loans.last_event(unit, item.id) if routed else loans.last_transaction(unit, item.id)
    if last is None or last.event_at <= desk.event_at or _renewed_meanwhile(desk, item, kind, last):
        return None
    return last


def _renewed_meanwhile(desk: Desk, item: ItemFacts, kind: str, newer: loans.Event) -> bool:
    """A loan that began before a stored return ends with it, even where it was renewed (by a job, say) before
    the return was heard of (OF-32); but not where the patron had the item in hand again (OF-2)."""
    began = item.loan is not None and item.loan.loaned_at <= desk.event_at
    return (kind, newer.kind) == ("RETURN", "RENEW") and began and newer.interface not in STORED


def stale(desk: Desk) -> tuple[Reason, ...]:
    """STALE when the act is older than stored transactions should be: done all the same, but told (SP-22)."""
    if desk.mode is not Mode.NO_BLOCK:
        return ()
    oldest = desk.now - timedelta(days=desk.settings.offline_max_age_days)
    return (STALE,) if desk.event_at < oldest else ()


def acting(patron: PatronFacts) -> str | None:
    """The proxy card that stands for the patron, for the record (MB-24)."""
    return None if patron.acting is None else patron.acting.card
