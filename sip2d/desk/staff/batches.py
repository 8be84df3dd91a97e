"""What the server wrote down of bulk renewals (BR-21), for a person."""

from datetime import datetime, timedelta

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import batches
from sip2d.store.library import Branch
from sip2d.store.records import Record
from sip2d.store.times import instant, maybe_instant


def listing(
    work: Work,
    institution_code: str | None = None,
    branch_name: str | None = None,
    *,
    days: int | None = None,
    limit: int = 100,
) -> list[Record]:
    """The batches with their totals, the newest first; of the last days, where that is said."""
    place = find.branch(work, branch_name) if branch_name else None
    owner = (
        find.institution(work, institution_code)
        if place is None
        else work.library.institutions[place.institution_id]
    )
    work.require(Act.SEE, owner.id, place.id if place else None)
    since = None if days is None else work.now - timedelta(days=days)
    found = batches.batches(work.unit, owner.id, place.id if place else None, since, limit)
    return [_shown(work, row) for row in found]


def attempts(work: Work, batch_id: int, *, outcome: str | None = None, limit: int = 100) -> list[Record]:
    """The attempts of one batch, in their order."""
    row = batches.batch(work.unit, batch_id)
    place = work.library.branches.get(row["branch_id"]) if row is not None else None
    if row is None or place is None:
        raise Refused(f"There is no batch {batch_id}: `sip2d report batches` lists them.")
    work.require(Act.SEE, place.institution_id, place.id)
    wanted = None if outcome is None else outcome.upper()
    if wanted is not None and wanted not in batches.OUTCOMES:
        raise find.missing("outcome", wanted, batches.OUTCOMES)
    return [
        {
            "number": one["sequence"],
            "patron_barcode": one["patron_barcode"],
            "item_barcode": one["item_barcode"],
            "due_date": _local(maybe_instant(one["due_requested"]), place),
            "outcome": one["outcome"],
            "code": one["code"],
            "message": one["message"],
            "at": instant(one["at"]).isoformat(),
        }
        for one in batches.attempts(work.unit, batch_id, wanted, limit)
    ]


def _shown(work: Work, row: Record) -> Record:
    place = work.library.branches[row["branch_id"]]
    last = maybe_instant(row["last_at"])
    return {
        "id": row["id"],
        "branch": place.code,
        "by": row["label"],
        "terminal": row["terminal_id"] is not None,
        "started_at": instant(row["started_at"]).isoformat(),
        "last_at": None if last is None else last.isoformat(),
        "attempts": row["renewed"] + row["skipped"] + row["failed"],
        "renewed": row["renewed"],
        "skipped": row["skipped"],
        "failed": row["failed"],
    }


def _local(at: datetime | None, place: Branch) -> str | None:
    return None if at is None else at.astimezone(place.zone).replace(tzinfo=None).isoformat()
