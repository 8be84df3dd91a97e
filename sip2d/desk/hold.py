"""Holds at the desk: place, change, cancel (HO-1..HO-3, HO-12); recalls are placed here too."""

from datetime import datetime
from typing import Final

import msgspec

from sip2d.desk import recall, route, subjects
from sip2d.desk.audited import audited
from sip2d.desk.outcome import Effect, HoldOutcome
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import HoldFacts, ItemFacts, PatronFacts
from sip2d.policy.rulebook import Facts, Question, decide
from sip2d.store import holds, titles
from sip2d.store.library import Branch
from sip2d.store.titles import Copy
from sip2d.store.unit import Unit
from sip2d.vocabulary import HoldType


def _refusal(code: str) -> Reason:
    return Reason(code=code, denies=Action.HOLD, scenario=code)


ITEM_UNKNOWN: Final = _refusal("ITEM_UNKNOWN")
TITLE_UNKNOWN: Final = _refusal("TITLE_UNKNOWN")
ITEM_NOT_ON_LOAN: Final = _refusal("ITEM_NOT_ON_LOAN")
HOLD_UNKNOWN: Final = _refusal("HOLD_UNKNOWN")
PICKUP_UNKNOWN: Final = _refusal("HOLD_PICKUP_UNKNOWN")
PICKUP_FIXED: Final = _refusal("HOLD_PICKUP_FIXED")

SCOPES: Final = {HoldType.SPECIFIC_COPY.value: "ITEM", HoldType.ANY_COPY_AT_BRANCH.value: "BRANCH"}
"""BY of message 15 (HO-1); every other value, and none, is any copy of the title."""


class Target(msgspec.Struct, frozen=True):
    """The title a request is about, and the item it named."""

    institution_id: int
    title_id: int
    title: str
    item: ItemFacts | None


def find_target(unit: Unit, desk: Desk, item: ItemFacts | None, title_number: str | None) -> Target | None:
    """AB, else AJ as a title number, decides (HO-3)."""
    if item is not None:
        return Target(item.institution_id, item.title_id, item.title, item)
    number = (title_number or "").strip()
    found = titles.find_title(unit, desk.institution.id, number) if number and "\0" not in number else None
    return None if found is None else Target(desk.institution.id, *found, None)


def place(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    *,
    item: ItemFacts | None,
    title_number: str | None,
    hold_type: str | None = None,
    pickup_code: str | None = None,
    expires_at: datetime | None = None,
    kind: str = "HOLD",
    starts_at: datetime | None = None,
    priority: int = 0,
) -> HoldOutcome:
    """HO-2. A pickup branch that is none becomes the patron's home branch; "not needed after" in the past is
    none.

    ``kind`` HOLD, RECALL (of a copy on loan, CO-40) or SCHEDULE (from ``starts_at`` on).
    """
    target = find_target(unit, desk, item, title_number)
    if target is None:
        return _unknown(None, title_number)
    pickup = find_pickup(desk, pickup_code) or desk.library.branches[patron.home_branch_id]
    scope = SCOPES.get(hold_type or "", "TITLE")
    if scope == "ITEM" and target.item is None:
        return HoldOutcome(done=False, reasons=(ITEM_UNKNOWN,), title=target.title)
    copy_branch = None if scope != "BRANCH" else target.item.home_branch_id if target.item else pickup.id
    copies = _wanted(titles.copies(unit, target.title_id), scope, target.item, copy_branch)
    facts = _facts(unit, desk, patron, target, scope, pickup, copies)
    decision = decide(Question.HOLD, facts, desk.mode, desk.override_role)
    available = facts.copies_available > 0
    recalled = recall.target(unit, desk, target.title_id, target.item) if kind == "RECALL" else None
    reasons = decision.denied
    if kind == "RECALL" and recalled is None:
        reasons = (*reasons, ITEM_NOT_ON_LOAN)
    if reasons:
        return HoldOutcome(done=False, reasons=reasons, available=available, title=target.title)
    bound = target.item if scope == "ITEM" else recalled
    wanted = HoldFacts(
        0, patron.id, target.title_id, bound.id if bound else None, kind, scope, pickup.id, copy_branch,
        desk.now.replace(microsecond=0), priority, "PENDING", None, None, _future(expires_at, desk),
        starts_at, 1,
    )  # fmt: skip
    placed = holds.insert_hold(unit, target.institution_id, wanted)
    if recalled is not None:
        recall.call_back(unit, desk, recalled)
    return _done(unit, desk, "PLACE", None, placed, target.title, available)


def _wanted(copies: list[Copy], scope: str, item: ItemFacts | None, branch_id: int | None) -> list[Copy]:
    if scope == "ITEM":
        return [copy for copy in copies if item is not None and copy.item_id == item.id]
    if scope == "BRANCH":
        return [copy for copy in copies if copy.home_branch_id == branch_id]
    return copies


def _facts(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    target: Target,
    scope: str,
    pickup: Branch,
    copies: list[Copy],
) -> Facts:
    """What policy must know of the title. The item counts as itself only where this very copy is wanted."""

    def holdable(copy: Copy) -> bool:
        terms = route.terms_of(desk, target.institution_id, pickup.id, patron.type_id, copy.type_id)
        return terms is not None and terms.holdable

    return msgspec.structs.replace(
        subjects.facts(desk, patron, target.item if scope == "ITEM" else None),
        already_held=bool(holds.active_of(unit, patron.id, target.title_id)),
        already_on_loan=titles.has_on_loan(unit, patron.id, target.title_id),
        copies_available=sum(copy.on_shelf for copy in copies),
        available_hold_allowed=desk.branch.sip2.available_hold_allowed,
        holdable=any(holdable(copy) for copy in copies),
    )


def _future(expires_at: datetime | None, desk: Desk) -> datetime | None:
    return expires_at if expires_at is not None and expires_at > desk.now else None


def change(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    *,
    item: ItemFacts | None,
    title_number: str | None,
    pickup_code: str | None = None,
    expires_at: datetime | None = None,
) -> HoldOutcome:
    """Another pickup branch or "not needed after", the place in the queue kept (HO-3); what is not given
    stays.

    A hold on the shelf keeps its pickup branch (HO-12).
    """
    target = find_target(unit, desk, item, title_number)
    hold = _own(unit, patron, target)
    if target is None or hold is None:
        return _unknown(target, title_number)
    pickup = desk.library.branches.get(hold.pickup_branch_id)
    if pickup_code is not None:
        pickup = find_pickup(desk, pickup_code)
    if pickup is None:
        return HoldOutcome(done=False, reasons=(PICKUP_UNKNOWN,), hold=hold, title=target.title)
    if hold.status == "ON_SHELF" and pickup.id != hold.pickup_branch_id:
        return HoldOutcome(done=False, reasons=(PICKUP_FIXED,), hold=hold, title=target.title)
    until = _future(expires_at, desk) or hold.expires_at
    changed = holds.change(unit, hold, pickup.id, until)
    if changed is None:
        return _unknown(target, title_number)
    copies = titles.copies(unit, target.title_id)
    return _done(unit, desk, "CHANGE", hold, changed, target.title, any(copy.on_shelf for copy in copies))


def cancel(
    unit: Unit, desk: Desk, patron: PatronFacts, *, item: ItemFacts | None, title_number: str | None
) -> HoldOutcome:
    """End the patron's newest hold on this title (HO-3). A copy kept for it goes to the next hold or home
    (HO-12).
    """
    target = find_target(unit, desk, item, title_number)
    hold = _own(unit, patron, target)
    if target is None or hold is None:
        return _unknown(target, title_number)
    cancelled = end(unit, desk, hold, "CANCELLED")
    if cancelled is None:
        return _unknown(target, title_number)
    return _done(unit, desk, "CANCEL", hold, cancelled, target.title, False)


def end(unit: Unit, desk: Desk, hold: HoldFacts, status: str) -> HoldFacts | None:
    """CANCELLED or EXPIRED (HO-6): close the hold, send its copy on, release what it recalled. None: ended
    already.

    A copy on its way travels on and is routed where it arrives.
    """
    ended = holds.close(unit, hold, status, desk.now)
    if ended is None:
        return None
    recall.release(unit, desk, hold)
    if hold.status == "ON_SHELF" and hold.filled_item_id is not None:
        route.send_on(unit, desk, hold.filled_item_id)
    return ended


def find_pickup(desk: Desk, code: str | None) -> Branch | None:
    """The branch of this institution that BS names."""
    wanted = (code or "").strip()
    for branch in desk.library.branches.values():
        if branch.code == wanted and branch.institution_id == desk.institution.id and branch.enabled:
            return branch
    return None


def _own(unit: Unit, patron: PatronFacts, target: Target | None) -> HoldFacts | None:
    matching = [] if target is None else holds.active_of(unit, patron.id, target.title_id)
    return matching[0] if matching else None


def _unknown(target: Target | None, title_number: str | None) -> HoldOutcome:
    if target is None:
        return HoldOutcome(done=False, reasons=(TITLE_UNKNOWN if title_number else ITEM_UNKNOWN,))
    return HoldOutcome(done=False, reasons=(HOLD_UNKNOWN,), title=target.title)


def _done(
    unit: Unit,
    desk: Desk,
    action: str,
    before: HoldFacts | None,
    after: HoldFacts,
    title: str,
    available: bool,
) -> HoldOutcome:
    audited(unit, desk, "hold", after.id, action, None if before is None else _shown(before), _shown(after))
    return HoldOutcome(
        True, (), after, holds.position(unit, after, desk.now), available, title,
        (Effect("hold", after.id, after.version),),
    )  # fmt: skip


def _shown(hold: HoldFacts) -> dict[str, object]:
    return {
        "kind": hold.kind,
        "scope": hold.scope,
        "status": hold.status,
        "pickup_branch": hold.pickup_branch_id,
        "expires_at": None if hold.expires_at is None else hold.expires_at.isoformat(),
        "item": hold.filled_item_id or hold.item_id,
    }
