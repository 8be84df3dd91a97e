"""What an act answers. Refusals are values: ``done`` is False and ``reasons`` says why, most severe first."""

from datetime import datetime

import msgspec

from sip2d.policy.decision import Reason
from sip2d.policy.facts import HoldFacts, ItemFacts, PatronFacts


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What an act changed, for SP-21(b): the mark of the subject after it.

    ``kind`` and ``mark``: ``item`` - the last ``loan_event.id`` of the item; ``hold`` - ``hold.version``;
    ``ledger`` - the last ``ledger_txn.id`` of
    the patron; ``block`` - the last ``audit_log.id`` of the patron's blocks.
    """

    kind: str
    id: int
    mark: int


class Routing(msgspec.Struct, frozen=True):
    """Where a returned item goes. ``kind``: HOLD_HERE, HOLD_ELSEWHERE, TRANSIT or SHELF (HO-4, HO-8)."""

    kind: str
    destination_branch_id: int | None = None
    hold: HoldFacts | None = None
    hold_patron: PatronFacts | None = None
    sort_bin: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """The result of lending, renewing, taking back or undoing.

    ``notes`` are reasons told on success (RENEWED_OK, RETURN_OK_HELD ...); ``bypassed`` what the mode set
    aside, recorded with the event (CO-3).
    ``renewal`` says that the item was on loan to this patron already. ``fee_minor`` is a fee raised by the
    act, or (refused) the one to be acknowledged.
    """

    done: bool
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    bypassed: tuple[Reason, ...] = ()
    patron: PatronFacts | None = None
    item: ItemFacts | None = None
    due_at: datetime | None = None
    renewal: bool = False
    fee_minor: int | None = None
    fee_kind: str | None = None
    routing: Routing | None = None
    effects: tuple[Effect, ...] = ()


class HoldOutcome(msgspec.Struct, frozen=True):
    """The result of placing, changing or cancelling a hold. ``position`` is 1-based; ``available`` = a copy
    stands on the shelf."""

    done: bool
    reasons: tuple[Reason, ...] = ()
    hold: HoldFacts | None = None
    position: int | None = None
    available: bool = False
    title: str = ""
    effects: tuple[Effect, ...] = ()


class RenewAllOutcome(msgspec.Struct, frozen=True):
    """The result of renewing every loan: one ``Outcome`` each, in the order of their due dates."""

    reasons: tuple[Reason, ...] = ()
    renewed: tuple[Outcome, ...] = ()
    unrenewed: tuple[Outcome, ...] = ()
    effects: tuple[Effect, ...] = ()


class PaymentOutcome(msgspec.Struct, frozen=True):
    """The result of a payment. ``transaction_id`` is ours (``ledger_txn.id``), ``paid_minor`` what was
    allocated, ``credit_minor`` the rest."""

    done: bool
    reasons: tuple[Reason, ...] = ()
    transaction_id: int | None = None
    paid_minor: int = 0
    credit_minor: int = 0
    effects: tuple[Effect, ...] = ()


class CardOutcome(msgspec.Struct, frozen=True):
    """The result of blocking or enabling a card."""

    done: bool
    reasons: tuple[Reason, ...] = ()
    effects: tuple[Effect, ...] = ()
