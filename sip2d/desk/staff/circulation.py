"""Loans, holds and fees at the counter: the desk's own acts, done by a person (interface STAFF, mode
STAFF).
"""

from collections.abc import Iterable
from typing import Final

from sip2d.desk import book, hold, lend, pay, renew, take_back
from sip2d.desk.place import Desk
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import Said, last_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.decision import Reason
from sip2d.policy.facts import HoldFacts, ItemFacts, Mode, PatronFacts
from sip2d.policy.parsing import minor
from sip2d.store import holds as stored_holds
from sip2d.store import ledger, patrons, searches
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.times import maybe_instant, seconds

FEE_KINDS: Final = ("MANUAL", "OVERDUE", "LOST", "PROCESSING", "MEMBERSHIP", "RENTAL")

# -- loans ---------------------------------------------------------------------------------------------------


def loans(
    work: Work,
    institution_code: str | None = None,
    *,
    patron: str | None = None,
    item: str | None = None,
    closed: bool = False,
    overdue: bool = False,
    limit: int = 100,
) -> list[Record]:
    """Loans of the institution's items, those due first first."""
    owner = _seen(work, institution_code)
    rows = searches.loans(
        work.unit,
        owner.id,
        patron_id=counter.patron(work, owner, patron).id if patron else None,
        item_id=counter.item(work, owner, item).id if item else None,
        closed=closed,
        overdue_at=seconds(work.now) if overdue else None,
        limit=limit,
    )
    return [_times(row) for row in rows]


def loan(work: Work, loan_id: int, institution_code: str | None = None) -> Record:
    """One loan with everything that happened to it."""
    owner = _seen(work, institution_code)
    found = searches.loans(work.unit, owner.id, loan_id=loan_id, closed=True)
    if not found:
        raise Refused(f"There is no loan {loan_id} in {owner.code}.")
    events = []
    for event in searches.loan_events(work.unit, loan_id):
        place = work.library.branches[event.pop("branch_id")]
        events.append({**_times(event), "branch": place.code})
    return {**_times(found[0]), "events": events}


def lend_item(
    work: Work,
    patron: str,
    item: str,
    *,
    institution_code: str | None = None,
    branch_name: str | None = None,
    due: Said | None = None,
    fee_acknowledged: bool = False,
) -> Record:
    """Lend. The role overrides the reasons that its class may (CO-3)."""
    owner, desk, what, who = _subjects(work, institution_code, branch_name, patron, item, Act.LEND)
    done = lend.lend(
        work.unit,
        desk,
        who,
        what,
        renewal_allowed=False,
        requested_due_at=last_of(due, desk.branch.zone),
        fee_acknowledged=fee_acknowledged,
    )
    _demand(done.done, done.reasons)
    return loans(work, owner.code, item=what.barcode)[0]


def renew_item(
    work: Work,
    item: str,
    *,
    institution_code: str | None = None,
    branch_name: str | None = None,
    due: Said | None = None,
    fee_acknowledged: bool = False,
) -> Record:
    """Renew a loan for whoever has it, to a date or by the rules."""
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, item)
    if what.loan is None:
        raise Refused(f"The item {item!r} is not on loan.")
    desk = _desk(work, owner, branch_name, Act.LEND)
    who = patrons.by_id(work.unit, what.loan.patron_id, work.now)
    assert who is not None
    done = renew.renew(
        work.unit,
        desk,
        who,
        what,
        third_party=True,
        requested_due_at=last_of(due, desk.branch.zone),
        fee_acknowledged=fee_acknowledged,
    )
    _demand(done.done, done.reasons)
    return loans(work, owner.code, item=what.barcode)[0]


def return_item(
    work: Work, item: str, *, institution_code: str | None = None, branch_name: str | None = None
) -> Record:
    """Take an item back, and say where it goes."""
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, item)
    desk = _desk(work, owner, branch_name, Act.LEND)
    done = take_back.take_back(work.unit, desk, what, return_branch=desk.branch)
    _demand(done.done, done.reasons)
    routing = done.routing
    goes = work.library.branches.get(routing.destination_branch_id or 0) if routing else None
    return {
        "item": what.barcode,
        "title": what.title,
        "routing": routing.kind if routing else None,
        "destination": goes.code if goes else None,
        "sort_bin": routing.sort_bin if routing else None,
        "notes": [note.code for note in done.notes],
    }


# -- holds ---------------------------------------------------------------------------------------------------


def holds(
    work: Work,
    institution_code: str | None = None,
    *,
    patron: str | None = None,
    closed: bool = False,
    limit: int = 100,
) -> list[Record]:
    """Holds of the institution, as placed."""
    owner = _seen(work, institution_code)
    patron_id = counter.patron(work, owner, patron).id if patron else None
    rows = searches.holds(work.unit, owner.id, patron_id=patron_id, closed=closed, limit=limit)
    return [_hold(work, row) for row in rows]


def hold_of(work: Work, hold_id: int, institution_code: str | None = None) -> Record:
    """One hold, with its place in the queue."""
    owner = _seen(work, institution_code)
    found = searches.holds(work.unit, owner.id, hold_id=hold_id, closed=True)
    facts = stored_holds.by_id(work.unit, hold_id)
    if not found or facts is None:
        raise Refused(f"There is no hold {hold_id} in {owner.code}.")
    return {**_hold(work, found[0]), "position": stored_holds.position(work.unit, facts, work.now)}


def place_hold(
    work: Work,
    patron: str,
    *,
    item: str | None = None,
    title_number: str | None = None,
    pickup: str | None = None,
    not_needed_after: Said | None = None,
    institution_code: str | None = None,
) -> Record:
    """Place a hold on a title, or on the very item named without a title number (HO-2)."""
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, item) if item else None
    who = counter.patron(work, owner, patron)
    desk = _desk(work, owner, pickup, Act.MANAGE_HOLDS, home=who.home_branch_id)
    done = hold.place(
        work.unit, desk, who, item=what, title_number=title_number, hold_type="3" if what else "2",
        pickup_code=desk.branch.code, expires_at=last_of(not_needed_after, desk.branch.zone),
    )  # fmt: skip
    _demand(done.done, done.reasons)
    assert done.hold is not None
    return hold_of(work, done.hold.id, owner.code)


def change_hold(
    work: Work,
    hold_id: int,
    *,
    pickup: str | None = None,
    not_needed_after: Said | None = None,
    institution_code: str | None = None,
) -> Record:
    """Another pickup branch or "not needed after" (HO-3)."""
    owner, desk, _, who, number = _own_hold(work, hold_id, institution_code)
    place = counter.branch_for(work, owner, pickup) if pickup else None
    done = hold.change(
        work.unit, desk, who, item=None, title_number=number,
        pickup_code=place.code if place else None, expires_at=last_of(not_needed_after, desk.branch.zone),
    )  # fmt: skip
    _demand(done.done, done.reasons)
    return hold_of(work, hold_id, owner.code)


def cancel_hold(work: Work, hold_id: int, institution_code: str | None = None) -> Record:
    """Cancel a hold; a copy kept for it goes on (HO-12)."""
    owner, desk, _, who, number = _own_hold(work, hold_id, institution_code)
    done = hold.cancel(work.unit, desk, who, item=None, title_number=number)
    _demand(done.done, done.reasons)
    return hold_of(work, hold_id, owner.code)


def _own_hold(
    work: Work, hold_id: int, institution_code: str | None
) -> tuple[Institution, Desk, HoldFacts, PatronFacts, str]:
    """The hold is the patron's only active one on its title (a partial unique index says so)."""
    owner = find.institution(work, institution_code)
    row = hold_of(work, hold_id, owner.code)
    facts = stored_holds.by_id(work.unit, hold_id)
    if facts is None or row["closed_at"] is not None:
        raise Refused(f"The hold {hold_id} has ended already ({row['status'].lower()}).")
    who = patrons.by_id(work.unit, facts.patron_id, work.now)
    assert who is not None
    home = work.library.branches[facts.pickup_branch_id]
    desk = _desk(work, owner, None, Act.MANAGE_HOLDS, home=home.id)
    return owner, desk, facts, who, row["title_number"]


# -- fees ----------------------------------------------------------------------------------------------------


def fees(
    work: Work,
    institution_code: str | None = None,
    *,
    patron: str | None = None,
    paid: bool = False,
    limit: int = 100,
) -> list[Record]:
    """Fees of the institution's patrons, oldest first; amounts in minor units."""
    owner = _seen(work, institution_code)
    patron_id = counter.patron(work, owner, patron).id if patron else None
    rows = searches.fees(work.unit, owner.id, patron_id=patron_id, paid=paid, limit=limit)
    return [{**_times(row), "currency": owner.currency} for row in rows]


def fee_of(work: Work, fee_id: int, institution_code: str | None = None) -> Record:
    """One fee."""
    owner = _seen(work, institution_code)
    found = searches.fees(work.unit, owner.id, fee_id=fee_id, paid=True)
    if not found:
        raise Refused(f"There is no fee {fee_id} in {owner.code}.")
    return {**_times(found[0]), "currency": owner.currency}


def add_fee(
    work: Work,
    patron: str,
    amount: str,
    *,
    kind: str = "MANUAL",
    reason: str = "",
    item: str | None = None,
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> Record:
    """Raise a fee; the amount as a person writes it."""
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, item) if item else None
    who = counter.patron(work, owner, patron)
    desk = _desk(work, owner, branch_name, Act.TAKE_PAYMENT, home=who.home_branch_id)
    if kind.upper() not in FEE_KINDS:
        raise find.missing("kind of fee", kind.upper(), FEE_KINDS)
    made = book.raise_fee(
        work.unit, desk, who.id, kind.upper(), _minor(owner, amount), reason, None, what.id if what else None
    )
    return fee_of(work, made, owner.code)


def waive_fee(
    work: Work, fee_id: int, *, amount: str | None = None, institution_code: str | None = None
) -> Record:
    """Let the patron off a fee, whole or in part."""
    owner = find.institution(work, institution_code)
    desk = _debtor(work, owner, fee_id, Act.WAIVE)
    given = None if amount is None else _minor(owner, amount)
    if pay.waive(work.unit, desk, fee_id, given) is None:
        raise Refused(f"So much is not owed on the fee {fee_id}.")
    return fee_of(work, fee_id, owner.code)


def pay_fees(
    work: Work,
    patron: str,
    amount: str,
    *,
    fee_id: int | None = None,
    payment_type: str = "00",
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> Record:
    """Take a payment for one fee, or for all of them, oldest first."""
    owner = find.institution(work, institution_code)
    who = counter.patron(work, owner, patron)
    desk = _desk(work, owner, branch_name, Act.TAKE_PAYMENT, home=who.home_branch_id)
    done = pay.pay(
        work.unit, desk, who, amount_minor=_minor(owner, amount),
        fee_id=None if fee_id is None else str(fee_id), payment_type=payment_type,
    )  # fmt: skip
    _demand(done.done, done.reasons)
    left = sum(fee.outstanding_minor for fee in ledger.outstanding(work.unit, who.id))
    return {
        "patron": who.barcode, "transaction": done.transaction_id, "paid_minor": done.paid_minor,
        "credit_minor": done.credit_minor, "owed_minor": left, "currency": owner.currency,
    }  # fmt: skip


def _debtor(work: Work, owner: Institution, fee_id: int, act: Act) -> Desk:
    who = counter.patron(work, owner, fee_of(work, fee_id, owner.code)["patron"])
    return _desk(work, owner, None, act, home=who.home_branch_id)


def _minor(owner: Institution, amount: str) -> int:
    try:
        found = minor(amount.strip(), owner.decimals)
    except ValueError as error:
        raise Refused(f"{amount!r} {error}.") from None
    if not found:
        raise Refused("An amount is more than nothing.")
    return found


# -- shared --------------------------------------------------------------------------------------------------


def _seen(work: Work, institution_code: str | None) -> Institution:
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return owner


def _desk(
    work: Work, owner: Institution, branch_name: str | None, act: Act, *, home: int | None = None
) -> Desk:
    place = counter.branch_for(work, owner, branch_name, home)
    work.require(act, owner.id, place.id)
    return counter.desk_at(work, place, mode=Mode.STAFF)


def _subjects(
    work: Work, institution_code: str | None, branch_name: str | None, patron: str, item: str, act: Act
) -> tuple[Institution, Desk, ItemFacts, PatronFacts]:
    """The item is locked before the patron: every act does it in this order."""
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, item)
    who = counter.patron(work, owner, patron)
    return owner, _desk(work, owner, branch_name, act, home=what.holding_branch_id), what, who


def _demand(done: bool, reasons: Iterable[Reason]) -> None:
    if not done:
        codes = ", ".join(reason.code for reason in reasons)
        raise Refused(f"That may not be done: {codes}. `sip2d why` says more.")


_INSTANTS: Final = frozenset(
    {
        "loaned_at", "due_at", "recalled_at", "closed_at", "event_at", "recorded_at", "old_due_at",
        "new_due_at",
        "placed_at", "shelf_expires_at", "expires_at", "created_at",
    }
)  # fmt: skip


def _times(row: Record) -> Record:
    """Instants as ISO text."""
    shown = dict(row)
    for key in _INSTANTS & row.keys():
        at = maybe_instant(row[key])
        shown[key] = None if at is None else at.isoformat()
    return shown


def _hold(work: Work, row: Record) -> Record:
    return {**_times(row), "pickup": work.library.branches[row["pickup"]].code}
