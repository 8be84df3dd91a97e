"""Uploading a file (OF-10, OF-34): told by its content, every line checked, nothing executed yet.

The same file is refused (OF-40); the same line, in whichever file, runs once.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.offline import formats, words
from sip2d.offline.formats import Content, Line
from sip2d.policy.parsing import minor
from sip2d.policy.setting_names import settings_of
from sip2d.store import offline, records, tables
from sip2d.store.library import Branch, Institution
from sip2d.store.records import Record
from sip2d.store.times import maybe_seconds, seconds

AHEAD: Final = timedelta(minutes=5)
"""How far the clock of a desk may be before ours (OF-35)."""
_MOST_DELTA: Final = timedelta(days=3660)


class Request(msgspec.Struct, frozen=True):
    """A file and how to take it. ``clock_delta``: what to add to its times, seconds (OF-33). ``force``:
    look at every line of a file that was loaded before. ``strict``: all lines or none (OF-34).
    ``workstation``: the computer the file is from; it has one file a session (OF-23). ``payments``: load
    those of a Koha file (OF-22).
    """

    file_name: str
    data: bytes
    branch_name: str
    session: str | None = None
    clock_delta: int = 0
    strict: bool = False
    force: bool = False
    format: str | None = None
    workstation: str = ""
    payments: bool = False


def upload(work: Work, request: Request) -> Record:
    """Take a file in; the batch with its session, status, totals and what there is to tell. Refused."""
    branch = find.branch(work, request.branch_name)
    owner = work.library.institutions[branch.institution_id]
    work.require(Act.LOAD_OFFLINE, owner.id, branch.id)
    if abs(request.clock_delta) > _MOST_DELTA.total_seconds():
        raise Refused(f"A clock that is wrong by {request.clock_delta} seconds is not believed.")
    content = formats.read(request.data, branch.zone, request.format)
    if content is None:
        raise Refused(
            f"{request.file_name}: no line is of a known format (OffCirc.dat, Koha .koc, Evergreen, "
            f"{formats.NATIVE})."
        )
    digest = hashlib.sha256(request.data).hexdigest()
    settings = settings_of(owner.settings, owner.decimals)
    before = offline.duplicate(work.unit, branch.id, digest) if settings.offline_dedup else None
    if before is not None and not request.force:
        session = records.one(work.unit, tables.offline_session, id=before["session_id"])
        assert session is not None
        note = f"This file is batch {before['id']} already: nothing was loaded (--force looks at each line)."
        return _rejected(work, branch, session, request, content, digest, "DUPLICATE_FILE", note)
    session = _session(work, owner, branch, request.session)
    named = formats.shown(request.workstation.strip())
    other = offline.of_workstation(work.unit, session["id"], named) if named else None
    if other is not None:
        note = (
            f"The workstation {named!r} has a file in this session already (batch {other['id']}): nothing "
            "was loaded. A later file of the same computer goes into a session of its own."
        )
        return _rejected(work, branch, session, request, content, digest, "SECOND_UPLOAD", note)
    content = _settled(content, owner, request.payments)
    bad = sum(line.error is not None for line in content.lines)
    if request.strict and bad:
        note = f"{bad} of {len(content.lines)} lines cannot be read: nothing was loaded (--strict)."
        return _rejected(work, branch, session, request, content, digest, "MALFORMED", note)
    return _accepted(work, branch, session, request, content, _own_digest(work, branch, digest))


def _settled(content: Content, owner: Institution, payments: bool) -> Content:
    """Payments are lines like others where they are allowed and their amount fits the currency (OF-22)."""

    def line(one: Line) -> Line:
        if one.kind != "P":
            return one
        if not payments:
            return msgspec.structs.replace(one, error="PAYMENT")
        try:
            minor(one.amount, owner.decimals)
        except ValueError:
            return msgspec.structs.replace(one, error="BAD_AMOUNT")
        return one

    return msgspec.structs.replace(content, lines=tuple(line(one) for one in content.lines))


def _own_digest(work: Work, branch: Branch, digest: str) -> str:
    """The file's; a file that is looked at again has a number after it, for the digest itself is taken."""
    own, number = digest, 1
    while offline.duplicate(work.unit, branch.id, own) is not None:
        number += 1
        own = f"{digest}+{number}"
    return own


def line_key(branch_id: int, line: Line) -> str:
    """What makes two lines the same: branch, kind, item, patron, minute; or its uuid (OF-26, OF-40). Two
    payments are the same only if their amounts are."""
    assert line.happened_at is not None
    minute = seconds(line.happened_at) // 60
    subject = line.amount if line.kind == "P" else line.item
    parts = ("uuid", line.uuid) if line.uuid else (line.kind, subject, line.patron, str(minute))
    return hashlib.sha256("\x1f".join((str(branch_id), *parts)).encode()).hexdigest()


def _session(work: Work, owner: Institution, branch: Branch, label: str | None) -> Record:
    """The open session with this label, or a new one."""
    wanted = label or _label(work, owner, branch)
    found = offline.session(work.unit, owner.id, wanted)
    if found is None:
        made = records.add(
            work.unit, tables.offline_session, institution_id=owner.id, label=wanted,
            created_at=seconds(work.now), created_by=work.staff.login,
        )  # fmt: skip
        found = records.one(work.unit, tables.offline_session, id=made)
        assert found is not None
    if found["status"] != "OPEN":
        raise Refused(f"The session {wanted!r} has been applied: upload into another one.")
    return found


def _label(work: Work, owner: Institution, branch: Branch) -> str:
    stem = f"{branch.code}-{work.now.astimezone(branch.zone):%Y%m%d-%H%M%S}"
    label, number = stem, 1
    while offline.session(work.unit, owner.id, label) is not None:
        number += 1
        label = f"{stem}-{number}"
    return label


def _rejected(
    work: Work, branch: Branch, session: Record, request: Request, content: Content, digest: str, code: str,
    note: str,
) -> Record:  # fmt: skip
    """A batch without lines that says why (OF-40)."""
    batch_id = _batch(work, branch, session, request, content, digest, offline.REJECTED)
    return {**_shown(work, session, batch_id), "code": code, "notes": [note]}


def _accepted(
    work: Work, branch: Branch, session: Record, request: Request, content: Content, digest: str
) -> Record:
    batch_id = _batch(work, branch, session, request, content, digest, "VALIDATED")
    owner = work.library.institutions[branch.institution_id]
    delta = timedelta(seconds=request.clock_delta)
    rows = _rows(batch_id, owner, branch, content.lines, delta, work.now)
    offline.add_lines(work.unit, rows)
    for row in rows:
        if row["code"] == words.FUTURE:
            offline.add_exception(
                work.unit, institution_id=branch.institution_id, branch_id=branch.id,
                source=f"file:{batch_id}:{row['line_no']}", code=words.FUTURE, item=row["item_barcode"] or "",
                patron=row["patron_barcode"], happened_at=datetime.fromtimestamp(row["happened_at"], UTC),
                now=work.now,
            )  # fmt: skip
    offline.complete(work.unit, batch_id, work.now)  # a file without one line to execute
    return {**_shown(work, session, batch_id), "code": None, "notes": list(content.notes)}


def _batch(
    work: Work, branch: Branch, session: Record, request: Request, content: Content, digest: str, status: str
) -> int:
    batch_id = records.add(
        work.unit, tables.offline_batch, session_id=session["id"], branch_id=branch.id,
        file_name=formats.shown(request.file_name), format=content.format, sha256=digest,
        workstation=formats.shown(request.workstation.strip()),
        clock_delta_seconds=request.clock_delta, status=status, uploaded_at=seconds(work.now),
        uploaded_by=work.staff.login,
    )  # fmt: skip
    told = {"file": request.file_name, "sha256": digest, "lines": len(content.lines), "status": status}
    work.record("offline_batch", batch_id, "upload", None, told, branch_id=branch.id, library=False)
    return batch_id


def _rows(
    batch_id: int,
    owner: Institution,
    branch: Branch,
    lines: Sequence[Line],
    delta: timedelta,
    now: datetime,
) -> list[Record]:
    rows = []
    before: datetime | None = None
    for line in lines:
        at = None if line.happened_at is None else line.happened_at + delta
        error = words.FUTURE if at is not None and at > now + AHEAD else line.error
        back = at is not None and before is not None and at < before
        row = _row(batch_id, branch.id, line, at, error, (words.TIME_GOES_BACK,) if back else ())
        if line.kind == "P" and error is None:
            row["amount_minor"] = minor(line.amount, owner.decimals)
        rows.append(row)
        before = before if at is None else at
    return rows


def _row(
    batch_id: int, branch_id: int, line: Line, at: datetime | None, error: str | None, warned: tuple[str, ...]
) -> Record:
    return {
        "batch_id": batch_id, "line_no": line.number, "branch_id": branch_id, "raw": line.raw,
        "kind": line.kind or None, "item_barcode": line.item or None, "patron_barcode": line.patron or "",
        "happened_at": maybe_seconds(at), "due_at": maybe_seconds(line.due_at),
        "amount_minor": None,
        "line_key": None if line.happened_at is None else line_key(branch_id, line),
        "status": offline.PENDING if error is None else "ERROR", "code": error,
        "message": "" if error is None else words.sentence(error),
        "warnings": msgspec.json.encode(warned).decode(), "loan_event_id": None, "applied_at": None,
    }  # fmt: skip


def _shown(work: Work, session: Record, batch_id: int) -> Record:
    found = records.one(work.unit, tables.offline_batch, id=batch_id)
    assert found is not None
    return {
        "batch": batch_id, "session": session["label"], "file": found["file_name"],
        "format": found["format"], "status": found["status"], **offline.counts(work.unit, batch_id),
    }  # fmt: skip
