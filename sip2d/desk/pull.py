"""Losing an item from the list of holds to pull (LO-72..LO-74): it was to be fetched for somebody, and is not
there."""

from typing import Any, Final

import msgspec

from sip2d.desk import hold as holding
from sip2d.desk import lose
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy.facts import HoldFacts, ItemFacts
from sip2d.policy.settings import HoldsToPull, LostSource
from sip2d.store import items, outbox, patrons, records
from sip2d.store.tables import patron_messaging
from sip2d.store.unit import Unit

NOTICE: Final = "CANCEL_HOLD_ON_LOST"


class Pulled(msgspec.Struct, frozen=True):
    """What came of it: ``refused`` one sentence, else the notice that was queued, or why none was."""

    refused: str = ""
    notice_id: int | None = None
    warning: str = ""


def lose_held(unit: Unit, desk: Desk, hold: HoldFacts) -> Pulled:
    """Set the copy that this pending hold asks for lost, and cancel the hold; with ``allow_and_notify`` its
    patron is told. A hold on a title names no copy to lose."""
    settings = desk.settings
    if settings.holds_to_pull_lost is HoldsToPull.DO_NOT_ALLOW:
        return Pulled("CanMarkHoldsToPullAsLost does not allow to lose items from this list.")
    value = settings.holds_to_pull_lost_value
    if not value:
        return Pulled("UpdateItemWhenLostFromHoldList says no lost value to set.")
    if hold.item_id is None:
        return Pulled(f"The hold {hold.id} is on a title, not on one item.")
    item = items.by_id(unit, hold.item_id, desk.now)
    if hold.status != "PENDING" or item is None or item.loan is not None:
        return Pulled(f"The hold {hold.id} has no copy to pull.")
    done = lose.lose(unit, desk, item, value=value, source=LostSource.PENDINGRESERVES)
    if not done.done:
        return Pulled(f"The lost value {value} of UpdateItemWhenLostFromHoldList is not in the list.")
    holding.end(unit, desk, hold, "CANCELLED")
    audited(unit, desk, "hold", hold.id, "CANCEL", {"status": hold.status}, {"lost": item.barcode})
    if settings.holds_to_pull_lost is HoldsToPull.ALLOW:
        return Pulled()
    return _tell(unit, desk, hold, item)


def _tell(unit: Unit, desk: Desk, hold: HoldFacts, item: ItemFacts) -> Pulled:
    """LO-74: by e-mail; on paper only to a patron who asked for that."""
    patron = patrons.by_id(unit, hold.patron_id, desk.now)
    wish = records.one(unit, patron_messaging, patron_id=hold.patron_id, notice=NOTICE)
    if patron is None or (wish is not None and not wish["enabled"]):
        return Pulled(warning="The patron wants no such notice.")
    on_paper = wish is not None and "PRINT" in msgspec.json.decode(wish["transports"], type=list[str])
    if not patron.email and not on_paper:
        return Pulled(warning=f"No notice: the patron {patron.barcode} has no e-mail address.")
    pickup = desk.library.branches[hold.pickup_branch_id]
    context: dict[str, Any] = {
        "title": item.title, "author": item.author, "barcode": item.barcode, "pickup_branch": pickup.name,
        "items": [{"title": item.title, "author": item.author, "barcode": item.barcode,
                   "branch": desk.branch.name}],
    }  # fmt: skip
    queued = outbox.queue(
        unit, institution_id=desk.institution.id, branch_id=pickup.id, patron_id=patron.id, type_=NOTICE,
        key=f"CHOL|{hold.id}", context=context, now=desk.now,
        transport=outbox.EMAIL if patron.email else outbox.PRINT,
    )  # fmt: skip
    return Pulled(notice_id=queued)
