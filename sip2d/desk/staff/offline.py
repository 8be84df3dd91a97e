"""Offline circulation for a person: sessions and their files, the report, the queue of exceptions, and the
list of cards to refuse while the network is away (OF-11, OF-51)."""

from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.desk import subjects
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.decision import Action
from sip2d.policy.rulebook import Question, decide
from sip2d.store import offline, patrons, records, tables
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.times import instant, seconds

REMINDER: Final = (
    "Delete the file on the desk's computer now: nobody does it for you, and what is sent twice is only "
    "recognised by its lines (OF-12)."
)
_PROBLEMS: Final = ("WARNING", "ERROR", "DUPLICATE")


def sessions(work: Work, institution_code: str | None = None, limit: int = 100) -> list[Record]:
    """The sessions, newest first, each with its files."""
    owner = _seen(work, institution_code)
    return [
        {
            "session": row["label"],
            "status": row["status"],
            "created_at": _shown(row["created_at"], owner.zone),
            "created_by": row["created_by"],
            "files": [_batch(work, each) for each in offline.batches(work.unit, row["id"])],
        }
        for row in offline.sessions(work.unit, owner.id, limit)
    ]


def session(work: Work, label: str, institution_code: str | None = None) -> Record:
    """The row of a session by its label, or by the number of one of its batches. Refused."""
    owner = find.institution(work, institution_code)
    found = offline.session(work.unit, owner.id, label)
    if found is None and label.isascii() and label.isdigit():
        batch = records.one(work.unit, tables.offline_batch, id=int(label[:18]))
        if batch is not None:
            found = records.one(
                work.unit, tables.offline_session, id=batch["session_id"], institution_id=owner.id
            )
    if found is None:
        known = (row["label"] for row in offline.sessions(work.unit, owner.id, 100))
        raise find.missing("session", label, known)
    return found


def report(work: Work, label: str, institution_code: str | None = None, *, every: bool = False) -> Record:
    """What became of a session: its files with their counts, and a line for every warning, error and
    duplicate (OF-11); ``every``: for every line."""
    owner = _seen(work, institution_code)
    found = session(work, label, owner.code)
    rows = offline.lines(work.unit, found["id"], () if every else _PROBLEMS)
    return {
        "session": found["label"],
        "status": found["status"],
        "files": [_batch(work, each) for each in offline.batches(work.unit, found["id"])],
        "lines": [_line(work, row) for row in rows],
    }


def export(work: Work, label: str, institution_code: str | None = None) -> list[Record]:
    """Every line of a session with what became of it, for a file of one's own."""
    return [dict(row) for row in report(work, label, institution_code, every=True)["lines"]]


def exceptions(
    work: Work,
    institution_code: str | None = None,
    *,
    resolved: bool = False,
    code: str | None = None,
    limit: int = 100,
) -> list[Record]:
    """The queue of what a person must look at, oldest first (OF-51); only of a code, where one is named."""
    owner = _seen(work, institution_code)
    rows = offline.exceptions(work.unit, owner.id, resolved=resolved, code=code, limit=limit)
    return [_exception(work, row) for row in rows]


def numbers(work: Work, code: str, institution_code: str | None = None) -> list[int]:
    """The open exceptions of a code that this person may see to. Refused: there are none."""
    owner = find.institution(work, institution_code)
    rows = offline.exceptions(work.unit, owner.id, resolved=False, code=code, limit=None)
    if not rows:
        raise Refused(f"There is no open exception {code!r} in {owner.code}.")
    return [row["id"] for row in rows]


def resolve(work: Work, exception_id: int, note: str, institution_code: str | None = None) -> Record:
    """Say that an exception has been seen to, and how. Refused: no such one, or done before, or no word."""
    owner = find.institution(work, institution_code)
    row = records.one(work.unit, tables.offline_exception, id=exception_id, institution_id=owner.id)
    work.require(Act.LOAD_OFFLINE, owner.id, None if row is None else row["branch_id"])
    if row is None:
        raise Refused(f"There is no exception {exception_id} in {owner.code}.")
    if row["resolved_at"] is not None:
        raise Refused(f"The exception {exception_id} was resolved by {row['resolved_by']!r} already.")
    if not note.strip():
        raise Refused("Say in a word how it was resolved.")
    after = {"resolved_at": seconds(work.now), "resolved_by": work.staff.login, "note": note.strip()}
    records.change(work.unit, tables.offline_exception, after, id=exception_id)
    work.record("offline_exception", exception_id, "resolve", None, {"note": note.strip()},
                branch_id=row["branch_id"], library=False)  # fmt: skip
    return _exception(work, {**row, **after})


def blocklist(work: Work, branch_name: str) -> list[Record]:
    """The cards that may not borrow, each with why: for a desk without network."""
    place = find.branch(work, branch_name)
    work.require(Act.LOAD_OFFLINE, place.institution_id, place.id)
    desk = counter.desk_at(work, place)
    found = []
    for patron_id in offline.cards(work.unit, place.institution_id):
        who = patrons.by_id(work.unit, patron_id, work.now)
        if who is None:
            continue
        said = decide(Question.STANDING, subjects.facts(desk, who, None), desk.mode).denied
        codes = [reason.code for reason in said if Action.LOAN in reason.denies]
        if codes:
            found.append({"barcode": who.barcode, "name": who.name, "reasons": codes})
    return found


def _seen(work: Work, institution_code: str | None) -> Institution:
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    return owner


def _batch(work: Work, row: Record) -> Record:
    place = work.library.branches[row["branch_id"]]
    return {
        "batch": row["id"],
        "branch": place.code,
        "file": row["file_name"],
        "workstation": row["workstation"],
        "format": row["format"],
        "clock_delta": row["clock_delta_seconds"],
        "status": row["status"],
        **offline.counts(work.unit, row["id"]),
        "uploaded_at": _shown(row["uploaded_at"], place.zone),
        "uploaded_by": row["uploaded_by"],
        "completed_at": _shown(row["completed_at"], place.zone),
    }


def _line(work: Work, row: Record) -> Record:
    zone = work.library.branches[row["branch_id"]].zone
    return {
        "batch": row["batch_id"],
        "line": row["line_no"],
        "kind": row["kind"],
        "item": row["item_barcode"],
        "patron": row["patron_barcode"],
        "at": _shown(row["happened_at"], zone),
        "due": _shown(row["due_at"], zone),
        "amount_minor": row["amount_minor"],
        "status": row["status"],
        "code": row["code"],
        "warnings": _decoded(row["warnings"]),
        "message": row["message"],
        "raw": row["raw"],
    }


def _exception(work: Work, row: Record) -> Record:
    place = work.library.branches[row["branch_id"]]
    return {
        "exception": row["id"],
        "state": "OPEN" if row["resolved_at"] is None else "RESOLVED",
        "branch": place.code,
        "source": row["source"],
        "code": row["code"],
        "item": row["item_barcode"],
        "patron": row["patron_barcode"],
        "at": _shown(row["happened_at"], place.zone),
        "noted_at": _shown(row["created_at"], place.zone),
        "resolved_at": _shown(row["resolved_at"], place.zone),
        "resolved_by": row["resolved_by"],
        "note": row["note"],
    }


def _shown(at: int | None, zone: ZoneInfo) -> str | None:
    """A moment as the clock of the desk showed it, with its offset."""
    return None if at is None else instant(at).astimezone(zone).isoformat()


def _decoded(text: str) -> Iterable[Any]:
    found: list[Any] = msgspec.json.decode(text)
    return found
