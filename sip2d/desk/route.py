"""Where a returned item goes (HO-4, HO-8): to the next hold it can fill, home, or back on the shelf; and into
which bin.

`route` acts, `detail` says what an undo must know, `unroute` undoes (HO-11). `sort_bin` only reads.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from sip2d.desk.outcome import Routing
from sip2d.desk.place import Desk
from sip2d.policy.due import shelf_limit
from sip2d.policy.facts import HoldFacts, ItemFacts
from sip2d.policy.terms import Terms
from sip2d.store import holds, items, loans, notices, outbox, patrons
from sip2d.store.library import Branch, Library, SortBinRule
from sip2d.store.times import maybe_seconds
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface

HOLD_READY: Final = "HOLD_READY"
"""The notice to whoever's hold stands on the shelf."""


def route(unit: Unit, desk: Desk, item: ItemFacts, branch: Branch) -> Routing:
    """Send on a copy that is at ``branch``; ``item`` as it was before. Writes where it goes, and the hold it
    fills.
    """
    hold = _keep(unit, desk, item, branch) or _fill_next(unit, desk, item, branch)
    if hold is not None:
        here = hold.pickup_branch_id == branch.id
        items.place(unit, item.id, branch.id, None if here else hold.pickup_branch_id)
        routing = Routing(
            "HOLD_HERE" if here else "HOLD_ELSEWHERE",
            hold.pickup_branch_id,
            hold,
            patrons.by_id(unit, hold.patron_id, desk.now),
        )
    elif branch.id != item.home_branch_id:
        items.place(unit, item.id, branch.id, item.home_branch_id)
        routing = Routing("TRANSIT", item.home_branch_id)
    else:
        if (item.holding_branch_id, item.transit_to_branch_id) != (branch.id, None):
            items.place(unit, item.id, branch.id, None)
        routing = Routing("SHELF")
    chosen, _ = sort_bin(desk.library, branch, item, routing)
    return msgspec.structs.replace(routing, sort_bin=chosen)


def _keep(unit: Unit, desk: Desk, item: ItemFacts, branch: Branch) -> HoldFacts | None:
    """The copy fills a hold already: it stays so, arrives, or is sent to its pickup branch again."""
    hold = item.shelf_hold
    if hold is None or not _usable(item):
        return None
    if hold.pickup_branch_id == branch.id and hold.status == "ON_SHELF":
        _tell(unit, desk, item, branch, hold)  # scanned in again: it may have come in a file (OF-37)
        return hold
    if hold.pickup_branch_id != branch.id and hold.status == "IN_TRANSIT":
        return hold
    holder = patrons.by_id(unit, hold.patron_id, desk.now)
    return None if holder is None else _fill(unit, desk, item, branch, hold, holder.type_id)


def _fill_next(unit: Unit, desk: Desk, item: ItemFacts, branch: Branch) -> HoldFacts | None:
    """The first hold in the queue that this copy can fill takes it (HO-4)."""
    if not _usable(item) or item.queue_length == 0:
        return None
    waiting = holds.candidates(unit, item.id, item.title_id, item.home_branch_id, desk.now)
    for hold, patron_type in waiting:
        if terms_of(desk, item.institution_id, hold.pickup_branch_id, patron_type, item.type_id) is None:
            continue  # nothing lends this copy to this patron there: the hold waits for another one
        filled = _fill(unit, desk, item, branch, hold, patron_type)
        if filled is not None:
            return filled  # else another copy was faster: the next in the queue
    return None


def _fill(
    unit: Unit, desk: Desk, item: ItemFacts, branch: Branch, hold: HoldFacts, patron_type: int
) -> HoldFacts | None:
    if hold.pickup_branch_id != branch.id:
        return holds.fill(unit, hold, "IN_TRANSIT", item.id, None)
    terms = terms_of(desk, item.institution_id, branch.id, patron_type, item.type_id)
    days = terms.hold_shelf_days if terms is not None else None
    limit = shelf_limit(branch.calendar, desk.now, days or desk.settings.hold_shelf_days)
    filled = holds.fill(unit, hold, "ON_SHELF", item.id, limit)
    if filled is not None:
        _tell(unit, desk, item, branch, filled)
    return filled


def _tell(unit: Unit, desk: Desk, item: ItemFacts, branch: Branch, hold: HoldFacts) -> None:
    """The copy is on the shelf: whoever waits for it is told, once a hold (HO-7); of what a file says was
    returned, when it is scanned in again (OF-37)."""
    if desk.interface == Interface.OFFLINE_FILE:
        return
    outbox.queue(
        unit,
        institution_id=branch.institution_id,
        branch_id=branch.id,
        patron_id=hold.patron_id,
        type_=HOLD_READY,
        key=f"{HOLD_READY}|{hold.id}",
        context={
            "title": item.title,
            "author": item.author,
            "barcode": item.barcode,
            "branch": branch.name,
            "pickup_branch": branch.name,
            "shelf_expires_at": maybe_seconds(hold.shelf_expires_at),
        },
        now=desk.now,
    )


def _usable(item: ItemFacts) -> bool:
    return not (item.lost_status or item.withdrawn or item.not_for_loan)


def terms_of(
    desk: Desk, institution_id: int, branch_id: int, patron_type_id: int, item_type_id: int
) -> Terms | None:
    """The terms on which a copy would be lent at a pickup branch; None: not at all (CO-6)."""
    matrix = desk.library.matrices.get(institution_id)
    return None if matrix is None else matrix.terms(branch_id, patron_type_id, item_type_id, desk.now)


def detail(item: ItemFacts, routing: Routing) -> dict[str, object]:
    """What `unroute` needs, fit for JSON: where ``item`` was before it was routed, and how the hold stood."""
    before: dict[str, object] | None = None
    if routing.hold is not None:
        kept = item.shelf_hold is not None and item.shelf_hold.id == routing.hold.id
        waiting = {
            "id": routing.hold.id,
            "status": "PENDING",
            "filled_item_id": None,
            "shelf_expires_at": None,
        }
        before = holds.state(item.shelf_hold) if kept and item.shelf_hold is not None else waiting
    return {"holding": item.holding_branch_id, "transit": item.transit_to_branch_id, "hold": before}


def unroute(unit: Unit, desk: Desk, item: ItemFacts, routed: Mapping[str, Any]) -> None:
    """HO-11: item and hold are again as `detail` wrote them down; a hold that has ended meanwhile stays
    ended.
    """
    before = routed.get("hold")
    if before is not None:
        now = holds.by_id(unit, int(before["id"]))
        if now is not None and now.status in ("PENDING", "ON_SHELF", "IN_TRANSIT"):
            holds.restore(unit, before)
            if before["status"] != "ON_SHELF":
                notices.withdraw(unit, f"{HOLD_READY}|{now.id}")
    items.place(unit, item.id, int(routed["holding"]), routed["transit"])


def send_on(unit: Unit, desk: Desk, item_id: int) -> Routing | None:
    """A copy on the hold shelf is free again: the next hold takes it, or it goes home (HO-6, HO-12).

    Recorded as a ROUTE event, so that no older act of the item can be undone over it. None: no such item.
    """
    item = items.by_id(unit, item_id, desk.now)
    branch = desk.library.branches.get(item.holding_branch_id) if item is not None else None
    if item is None or branch is None:
        return None
    routing = route(unit, desk, item, branch)
    loans.record_event(
        unit,
        kind="ROUTE",
        item_id=item.id,
        loan_id=None,
        patron_id=None,
        event_at=desk.now,
        recorded_at=desk.now,
        branch_id=branch.id,
        interface=desk.interface,
        terminal_id=desk.terminal_id,
        detail=msgspec.json.encode(detail(item, routing)).decode(),
    )
    return routing


class BinReport(msgspec.Struct, frozen=True):
    """One sort bin rule, for `sip2d sortbin test`: its place, its bin, and what did not fit (empty: it
    matched).
    """

    rank: int
    bin: str
    differs: tuple[str, ...]


def sort_bin(
    library: Library, branch: Branch, item: ItemFacts, routing: Routing
) -> tuple[str | None, tuple[BinReport, ...]]:
    """The bin of the first rule of this branch that fits (HO-8), and how each rule up to it fared."""
    reports = []
    for rank, rule in enumerate(library.sort_bins.get(branch.id, ()), start=1):
        report = BinReport(rank, rule.bin, tuple(_differences(rule, item, routing)))
        reports.append(report)
        if not report.differs:
            return rule.bin, tuple(reports)
    return None, tuple(reports)


def _differences(rule: SortBinRule, item: ItemFacts, routing: Routing) -> list[str]:
    differs = []
    if rule.holding_branch_id is not None and rule.holding_branch_id != item.holding_branch_id:
        differs.append("holding branch")
    if rule.item_type_id is not None and rule.item_type_id != item.type_id:
        differs.append("item type")
    if rule.collection_code is not None and rule.collection_code != item.collection_code:
        differs.append("collection code")
    pattern = rule.call_number_pattern
    if pattern is not None and not fnmatchcase(item.call_number.casefold(), pattern.casefold()):
        differs.append("call number")
    if rule.routing is not None and rule.routing != routing.kind:
        differs.append("routing")
    return differs
