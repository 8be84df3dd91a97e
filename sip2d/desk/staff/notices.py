"""Notices in the outbox, for staff: where each stands and why; tried again, or cancelled."""

from typing import Final

from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import notices, records
from sip2d.store.records import Record
from sip2d.store.tables import notice
from sip2d.store.times import maybe_instant, seconds

ENDED: Final = frozenset({notices.SENT, notices.CANCELLED})
"""What is done with."""


def listing(
    work: Work,
    institution_code: str | None = None,
    *,
    state: str | None = None,
    type_: str | None = None,
    barcode: str | None = None,
    limit: int = 100,
) -> list[Record]:
    """Notices, the newest first; of a state, a type, a patron."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    if state is not None and state.upper() not in notices.STATES:
        raise find.missing("state", state.upper(), notices.STATES)
    sought = notices.Sought(
        institution_id=owner.id,
        states=(state.upper(),) if state else (),
        type=type_.upper() if type_ else None,
        patron_id=counter.patron(work, owner, barcode).id if barcode else None,
        limit=limit,
    )
    return [_shown(work, row) for row in notices.search(work.unit, sought)]


def show(work: Work, notice_id: int) -> Record:
    """One notice with its text, or with what it is to be written from."""
    row = _row(work, notice_id, Act.SEE)
    kept = (
        "id",
        "type",
        "template",
        "transport",
        "state",
        "language",
        "sender",
        "recipient",
        "subject",
        "body",
    )
    text = {key: row[key] for key in kept} | {"context": row["context"], "key": row["dedup_key"]}
    return text | {key: value for key, value in _shown(work, row).items() if key not in text}


def retry(work: Work, notice_id: int) -> Record:
    """Write and send it anew, from now on, with all its tries."""
    row = _row(work, notice_id, Act.MANAGE_NOTICES)
    if row["state"] in ENDED:
        raise Refused(f"The notice {notice_id} is {row['state']}: there is nothing to try again.")
    after = {"state": notices.QUEUED, "attempts": 0, "error": None}
    now = seconds(work.now)
    records.change(work.unit, notice, {**after, "not_before": now, "created_at": now}, id=notice_id)
    before = {key: row[key] for key in (*after, "created_at")}
    work.record("notice", notice_id, "retry", before, after, branch_id=row["branch_id"], library=False)
    return show(work, notice_id)


def cancel(work: Work, notice_id: int) -> Record:
    """Never send it; its key stays taken, so no job queues it again."""
    row = _row(work, notice_id, Act.MANAGE_NOTICES)
    if row["state"] == notices.SENT:
        raise Refused(f"The notice {notice_id} was sent already.")
    if row["state"] != notices.CANCELLED:
        records.change(work.unit, notice, {"state": notices.CANCELLED}, id=notice_id)
        before, after = {"state": row["state"]}, {"state": notices.CANCELLED}
        work.record("notice", notice_id, "cancel", before, after, branch_id=row["branch_id"], library=False)
    return show(work, notice_id)


def _row(work: Work, notice_id: int, act: Act) -> Record:
    row = records.one(work.unit, notice, id=notice_id)
    if row is None:
        raise Refused(f"There is no notice {notice_id}.")
    work.require(act, row["institution_id"], row["branch_id"])
    return row


def _shown(work: Work, row: Record) -> Record:
    place = work.library.branches.get(row["branch_id"] or 0)
    instants = ("created_at", "not_before", "sent_at")
    shown = {
        key: value for key, value in row.items() if key not in (*instants, "branch_id", "institution_id")
    }
    shown |= {key: _iso(row[key]) for key in instants}
    return shown | {"branch": place.code if place else None}


def _iso(at: int | None) -> str | None:
    found = maybe_instant(at)
    return None if found is None else found.isoformat()
