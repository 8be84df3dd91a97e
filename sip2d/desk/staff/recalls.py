"""Recalled loans at the counter: the way around a recall (BR-9), done by a person."""

from sip2d.desk.extend_recalled import extend
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import Said, last_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.facts import Mode
from sip2d.store import patrons
from sip2d.store.records import Record


def extend_recalled(
    work: Work,
    item: str,
    due: Said,
    *,
    waive: bool = False,
    fee_acknowledged: bool = False,
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> Record:
    """Cancel the recall, take back, lend again until ``due``, recall again: in one transaction. The role
    overrides what it may (CO-3); to waive the fine of a late return takes the right to waive.
    """
    owner = find.institution(work, institution_code)
    what = counter.item(work, owner, item)
    place = counter.branch_for(work, owner, branch_name, what.holding_branch_id)
    for act in (Act.LEND, Act.MANAGE_HOLDS, *((Act.WAIVE,) if waive else ())):
        work.require(act, owner.id, place.id)
    if what.loan is None:
        raise Refused(f"The item {item!r} is not on loan.")
    if what.loan.recalled_at is None:
        raise Refused(f"The item {item!r} is not recalled: `sip2d loan set {item} --due ...` renews it.")
    before = what.loan
    desk = counter.desk_at(work, place, mode=Mode.STAFF)
    done = extend(
        work.unit, desk, what, last_of(due, place.zone), waive=waive, fee_acknowledged=fee_acknowledged
    )
    if not done.done:
        codes = ", ".join(reason.code for reason in done.reasons)
        raise Refused(f"That may not be done: {codes}. Nothing was changed; `sip2d why` says more.")
    assert done.loan is not None
    work.record(
        "loan", done.loan.id, "recall-extend",
        {"loan": before.id, "due_at": before.due_at.isoformat()},
        {"due_at": done.loan.due_at.isoformat(), "holds": [hold.id for hold in done.holds],
         "waived_minor": done.waived_minor},
        branch_id=place.id, library=False,
    )  # fmt: skip
    who = patrons.by_id(work.unit, done.loan.patron_id, work.now)
    return {
        "loan": done.loan.id,
        "item": what.barcode,
        "patron": who.barcode if who is not None else None,
        "old_due_at": before.due_at.isoformat(),
        "due_at": done.loan.due_at.isoformat(),
        "recalled": done.loan.recalled_at is not None,
        "holds": [hold.id for hold in done.holds],
        "waived_minor": done.waived_minor,
        "currency": owner.currency,
    }
