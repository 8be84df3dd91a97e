"""Lost items by staff's hand: declare one lost, find one again (LO-54), and the list of holds to pull
(LO-72)."""

from typing import Final

from sip2d.desk import found, lose, pull
from sip2d.desk.place import Desk
from sip2d.desk.staff import counter, find, items
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.facts import ItemFacts, Mode
from sip2d.policy.settings import LostSource
from sip2d.store import holds, ledger, pulls
from sip2d.store.library import Institution
from sip2d.store.records import Record

SOURCES: Final = (
    LostSource.MOREDETAIL, LostSource.BATCHMOD, LostSource.ADDITEM, LostSource.CLAIM_RETURNED,
)  # fmt: skip
"""The places of LO-70 where a person sets an item lost; the others have their own ways."""


def lose_item(
    work: Work,
    barcode: str,
    value: int,
    *,
    source: str = LostSource.MOREDETAIL,
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> Record:
    """Declare an item lost, as from ``source`` (LO-54, LO-70)."""
    owner = find.institution(work, institution_code)
    wanted = source.upper()
    if wanted not in SOURCES:
        raise find.missing("place to set an item lost", wanted, SOURCES)
    what = counter.item(work, owner, barcode)
    desk = _desk(work, owner, what, branch_name)
    done = lose.lose(work.unit, desk, what, value=value, source=LostSource(wanted))
    if not done.done:
        raise _unknown(work, owner, value)
    return {**_shown(work, owner, barcode), **_owes(work, done.patron.id if done.patron else None)}


def find_item(
    work: Work, barcode: str, *, institution_code: str | None = None, branch_name: str | None = None
) -> Record:
    """A lost item is there again, but is not being returned at a desk: it stays where it is, and a loan that
    is still open goes on (its fine with it)."""
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, barcode)
    if not what.lost_status:
        raise Refused(f"The item {barcode!r} is not lost.")
    desk = _desk(work, owner, what, branch_name)
    if what.loan is not None:
        done = found.renewed(work.unit, desk, what, what.loan)
    else:
        done = found.found(work.unit, desk, what, desk.branch, work.now)
    notes = [] if done.note is None else [done.note.code]
    return {**_shown(work, owner, barcode), "notes": notes}


def to_pull(
    work: Work, *, institution_code: str | None = None, branch_name: str | None = None
) -> list[Record]:
    """The pending holds that a copy on a branch's shelf can fill; of every branch without one named."""
    owner = find.institution(work, institution_code)
    places = (
        [one for one in work.library.branches.values() if one.institution_id == owner.id]
        if branch_name is None
        else [counter.branch_for(work, owner, branch_name)]
    )
    work.require(Act.SEE, owner.id, places[0].id if branch_name is not None else None)
    return [
        {
            "hold": row["hold"], "branch": place.code, "item": row["item"], "call_number": row["call_number"],
            "title": row["title"], "author": row["author"], "patron": row["patron"],
            "pickup": work.library.branches[row["pickup"]].code, "on_item": row["item_id"] is not None,
        }
        for place in places
        for row in pulls.to_pull(work.unit, owner.id, place.id, work.now)
    ]  # fmt: skip


def lose_hold(work: Work, hold_id: int, *, institution_code: str | None = None) -> tuple[Record, str]:
    """Set the copy of a hold to pull lost and cancel the hold (LO-72); and a warning where its patron cannot
    be told."""
    owner = find.institution(work, institution_code)
    hold = holds.by_id(work.unit, hold_id)
    pickup = None if hold is None else work.library.branches.get(hold.pickup_branch_id)
    if hold is None or pickup is None or pickup.institution_id != owner.id:
        raise Refused(f"There is no hold {hold_id} in {owner.code}.")
    for act in (Act.MANAGE_HOLDS, Act.EDIT_ITEMS):
        work.require(act, owner.id, pickup.id)
    done = pull.lose_held(work.unit, counter.desk_at(work, pickup, mode=Mode.STAFF), hold)
    if done.refused:
        raise Refused(done.refused)
    return {"hold": hold_id, "status": "CANCELLED", "notice": done.notice_id}, done.warning


def _desk(work: Work, owner: Institution, what: ItemFacts, branch_name: str | None) -> Desk:
    """A desk at the branch named, else where the item's loan is looked after, or the item is."""
    home = what.loan.policy_branch_id if what.loan else what.holding_branch_id
    place = counter.branch_for(work, owner, branch_name, home)
    work.require(Act.EDIT_ITEMS, owner.id, place.id)
    return counter.desk_at(work, place, mode=Mode.STAFF)


def _unknown(work: Work, owner: Institution, value: int) -> Refused:
    known = ", ".join(str(code) for code in work.library.lost_values.get(owner.id, {}))
    return Refused(f"There is no lost value {value} in {owner.code}; there is {known or 'none yet'}.")


def _shown(work: Work, owner: Institution, barcode: str) -> Record:
    return items.show(work, barcode, owner.code)


def _owes(work: Work, patron_id: int | None) -> Record:
    if patron_id is None:
        return {}
    return {
        "patron_owes_minor": sum(fee.outstanding_minor for fee in ledger.outstanding(work.unit, patron_id))
    }
