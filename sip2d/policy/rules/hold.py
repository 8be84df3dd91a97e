"""Rules about holds: those of others on an item, and one to be placed (CO-9, CO-12, HO-2, HO-5)."""

from sip2d.policy.decision import Action, Override, Reason
from sip2d.policy.facts import Facts
from sip2d.policy.rule import Word, rule


@rule(
    code="ITEM_HELD",
    denies=Action.LOAN,
    override=Override.OPERATOR,
    no_block=True,
    sees=("item.shelf_hold.patron_id", "patron.id"),
)
def held_for_another(facts: Facts) -> Word:
    """The item is kept for another patron's hold, on the shelf or on its way there (HO-5)."""
    item = facts.item
    if item is None or item.shelf_hold is None or item.shelf_hold.patron_id == facts.patron.id:
        return None
    return {"item_title": item.title}


@rule(
    code="ITEM_HELD",
    denies=Action.RENEW,
    override=Override.OPERATOR,
    no_block=True,
    sees=(
        "item.next_hold.patron_id",
        "item.next_hold.scope",
        "item.queue_length",
        "copies_available",
        "settings.allow_renew_if_other_items",
    ),
)
def wanted_by_another(facts: Facts) -> Word:
    """Another patron waits for the item, and no other copies on the shelf are enough for all who wait
    (CO-12)."""
    item = facts.item
    if item is None or item.next_hold is None or item.next_hold.patron_id == facts.patron.id:
        return None
    if (
        facts.settings.allow_renew_if_other_items
        and item.next_hold.scope == "TITLE"
        and facts.copies_available >= max(item.queue_length, 1)
    ):
        return None
    return {"item_title": item.title}


@rule(
    code="HOLD_DUPLICATE",
    denies=Action.HOLD,
    sees=("already_held", "already_on_loan"),
)
def held_already(facts: Facts) -> Word:
    """The patron holds the title already, or has it on loan (HO-2)."""
    if not facts.already_held and not facts.already_on_loan:
        return None
    return {} if facts.item is None else {"item_title": facts.item.title}


@rule(
    code="HOLD_LIMIT",
    denies=Action.HOLD,
    override=Override.OPERATOR,
    sees=("patron.holds_ready", "patron.holds_pending", "patron_type.hold_limit"),
)
def hold_limit(facts: Facts) -> Word:
    """One more hold would exceed the patron type's limit (HO-2)."""
    limit = facts.patron_type.hold_limit
    holds = facts.patron.holds_ready + facts.patron.holds_pending
    return {"count": holds, "limit": limit} if limit is not None and holds >= limit else None


@rule(
    code="NOT_HOLDABLE",
    denies=Action.HOLD,
    override=Override.OPERATOR,
    sees=("holdable", "terms.holdable", "item.withdrawn", "item.lost_status", "item.not_for_loan"),
)
def not_holdable(facts: Facts) -> Word:
    """No copy may be held: the terms forbid it, or the item is withdrawn, lost or not for loan (HO-2)."""
    item, terms = facts.item, facts.terms
    refused = not facts.holdable or (terms is not None and not terms.holdable)
    if item is not None:
        refused = refused or bool(item.withdrawn or item.lost_status or item.not_for_loan)
    if not refused:
        return None
    return {} if item is None else {"item_title": item.title}


@rule(
    code="HOLD_AVAILABLE",
    denies=Action.HOLD,
    override=Override.OPERATOR,
    sees=("available_hold_allowed", "copies_available", "item.loan", "item.shelf_hold"),
)
def stands_on_the_shelf(facts: Facts) -> Word:
    """A copy stands on the shelf, and this branch takes no holds on available items (CN-4)."""
    if facts.available_hold_allowed:
        return None
    item = facts.item
    if item is None:
        return {} if facts.copies_available > 0 else None
    away = item.loan is not None or item.shelf_hold is not None or item.transit_to_branch_id is not None
    return None if away else {"item_title": item.title}


def comes_for_it(facts: Facts) -> bool:
    """The item is kept for this very patron (CO-9)."""
    item = facts.item
    return item is not None and item.shelf_hold is not None and item.shelf_hold.patron_id == facts.patron.id


def pickup_denied(facts: Facts, standing: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The patron comes for his own hold, but his standing denies LOAN or PICKUP (CO-9).

    The one rule that follows from others: ``standing`` are the patron's own reasons that the mode did not
    set aside.
    """
    item = facts.item
    if item is None or not comes_for_it(facts):
        return ()
    if not any(reason.denies & (Action.LOAN | Action.PICKUP) for reason in standing):
        return ()
    return (
        Reason("HOLD_PICKUP_DENIED", Action.LOAN | Action.PICKUP, "HOLD_PICKUP_DENIED",
               values={"item_title": item.title}),
    )  # fmt: skip
