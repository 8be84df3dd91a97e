"""Lists from the nightly snapshot: items on loan at the end of a day (BR-25), or in any status (BR-26)."""

from datetime import date, datetime, timedelta

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import Said, first_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import snapshots
from sip2d.store.library import Institution
from sip2d.store.records import Record

ANY = "ANY"


def listing(
    work: Work,
    as_of: str = "yesterday",
    *,
    branch_name: str | None = None,
    institution_code: str | None = None,
    status: str = snapshots.ON_LOAN,
    item_type: str | None = None,
    due_from: Said | None = None,
    due_before: Said | None = None,
) -> list[Record]:
    """Items as they were, by due date; ``as_of`` is a date, or `yesterday` where the library is."""
    place = None if branch_name is None else find.branch(work, branch_name)
    owner = (
        find.institution(work, institution_code)
        if place is None
        else work.library.institutions[place.institution_id]
    )
    work.require(Act.SEE, owner.id, None if place is None else place.id)
    zone = owner.zone if place is None else place.zone
    day = _day(work, owner, as_of)
    known = snapshots.days(work.unit, owner.id)
    if day.isoformat() not in known:
        have = (
            f"those of {', '.join(known)}" if known else "none yet: the job `snapshots` takes them at night"
        )
        raise Refused(f"There is no snapshot of {day} for {owner.code}; there are {have}.")
    branches = {one.id: one for one in work.library.branches.values() if one.institution_id == owner.id}
    found = snapshots.rows(
        work.unit, day, branches if place is None else [place.id],
        status=None if status.upper() == ANY else status.upper(), item_type_code=item_type,
        due_from=first_of(due_from, zone), due_before=first_of(due_before, zone),
    )  # fmt: skip
    return [
        {
            "patron_barcode": one.patron_barcode,
            "item_barcode": one.item_barcode,
            "due_date": None if one.due_at is None else _local(one.due_at, owner),
            "title": one.title,
            "patron_type": one.patron_type,
            "item_type": one.item_type,
            "status": one.status,
            "branch": branches[one.branch_id].code if one.branch_id in branches else None,
        }
        for one in found
    ]


def _day(work: Work, owner: Institution, text: str) -> date:
    if text == "yesterday":
        return work.now.astimezone(owner.zone).date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no date such as 2026-12-31, nor yesterday.") from None


def _local(at: datetime, owner: Institution) -> str:
    return at.astimezone(owner.zone).strftime("%Y-%m-%d %H:%M")
