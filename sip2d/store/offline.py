"""Offline circulation (11.8): sessions, batches, lines, and the queue of exceptions (OF-11, OF-40, OF-51).

Every line that was executed holds its key; the unique index on these keys makes a second upload harmless.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import bindparam, func, insert, literal, or_, select, update

from sip2d.spelling import spelt_out
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.statement import hot
from sip2d.store.tables import loan, offline_batch, offline_exception, offline_line, offline_session, patron
from sip2d.store.times import instant, maybe_instant, maybe_seconds, seconds
from sip2d.store.unit import Unit

PENDING: Final = "PENDING"
REJECTED: Final = "REJECTED"
NOT_ON_LOAN: Final = "NOT_ON_LOAN"
"""The exception of a return whose loan nobody has heard of; it may still come."""
STATES: Final = ("PENDING", "OK", "WARNING", "ERROR", "DUPLICATE")

_LINE = offline_line.c
_BATCH = offline_batch.c
_THIS = (_LINE.batch_id == bindparam("batch"), _LINE.line_no == bindparam("number"))
_PENDING = hot(
    select(
        _LINE.kind, _LINE.item_barcode, _LINE.patron_barcode, _LINE.happened_at, _LINE.due_at, _LINE.line_key,
        _LINE.branch_id, _LINE.warnings, _LINE.amount_minor,
    ).where(*_THIS, _LINE.status == PENDING),
    "batch", "number",
)  # fmt: skip
_KNOWN = hot(
    select(_LINE.batch_id, _LINE.line_no)
    .where(
        _LINE.branch_id == bindparam("branch"),
        _LINE.line_key == bindparam("key"),
        or_(_LINE.status == "OK", _LINE.status == "WARNING"),
    )
    .limit(1),
    "branch", "key",
)  # fmt: skip
_FINISH = hot(
    update(offline_line)
    .where(*_THIS)
    .values(
        status=bindparam("state"), code=bindparam("why"), message=bindparam("told"),
        warnings=bindparam("warned"), loan_event_id=bindparam("event"), applied_at=bindparam("now"),
    ),
    "state", "why", "told", "warned", "event", "now", "batch", "number",
)  # fmt: skip
_TAKE = hot(
    update(offline_batch)
    .where(_BATCH.id == bindparam("batch"), or_(_BATCH.status == "VALIDATED", _BATCH.status == "PROCESSING"))
    .values(status="PROCESSING"),
    "batch",
)
_SUPERSEDED = hot(
    insert(loan),
    "item_id", "patron_id", "branch_id", "policy_branch_id", "loaned_at", "due_at", "interface", "status",
    "closed_at", "closed_reason",
)  # fmt: skip
LATE: Final = ("NEWER_LOAN", "NEWER_TRANSACTION", "RETURN_BEFORE_LOAN", NOT_ON_LOAN)
"""The exceptions of a transaction that came in after a later one, or before an earlier one."""
_WHOSE = (
    offline_exception.c.institution_id == bindparam("institution"),
    offline_exception.c.item_barcode == bindparam("item"),
)
_NEXT_RETURN = hot(
    select(offline_exception.c.id, offline_exception.c.happened_at, offline_exception.c.branch_id)
    .where(
        *_WHOSE,
        offline_exception.c.code == NOT_ON_LOAN,
        offline_exception.c.happened_at > bindparam("after"),
    )
    .order_by(offline_exception.c.happened_at)
    .limit(1),
    "institution", "item", "after",
)  # fmt: skip
_NOTED = hot(
    select(offline_exception.c.id)
    .where(
        *_WHOSE,
        offline_exception.c.patron_barcode == bindparam("patron"),
        offline_exception.c.happened_at == bindparam("at"),
        or_(*(offline_exception.c.code == code for code in LATE)),
    )
    .limit(1),
    "institution", "item", "patron", "at",
)  # fmt: skip
_SETTLE = hot(
    update(offline_exception)
    .where(offline_exception.c.id == bindparam("exception"), offline_exception.c.resolved_at.is_(None))
    .values(resolved_at=bindparam("now"), resolved_by=bindparam("by"), note=bindparam("told")),
    "now", "by", "told", "exception",
)  # fmt: skip


class Waiting(msgspec.Struct, frozen=True):
    """A line that is still to be executed."""

    kind: str
    item: str
    patron: str
    happened_at: datetime
    due_at: datetime | None
    key: str
    branch_id: int
    warnings: tuple[str, ...] = ()
    amount_minor: int | None = None


class Place(msgspec.Struct, frozen=True):
    """Where a line stands in the order of a session: batch (in order of upload), number, corrected time."""

    batch_id: int
    number: int
    happened_at: datetime
    pending: bool


# -- lines ---------------------------------------------------------------------------------------------------


def add_lines(unit: Unit, rows: Iterable[Record]) -> None:
    """Add the lines of a batch, each with every column."""
    wanted = list(rows)
    if wanted:
        unit.core.execute(insert(offline_line), wanted)


def take(unit: Unit, batch_id: int) -> bool:
    """The batch is being executed, locked until the unit ends; False when it is no longer to be."""
    return unit.run(_TAKE, batch_id) == 1


def pending(unit: Unit, batch_id: int, number: int) -> Waiting | None:
    """The line, if it has not been executed yet."""
    row = unit.one(_PENDING, batch_id, number)
    if row is None:
        return None
    kind, item, patron, happened_at, due_at, key, branch_id, warned, amount = row
    times = instant(happened_at), maybe_instant(due_at)
    told = msgspec.json.decode(warned, type=tuple[str, ...])
    return Waiting(kind, item or "", patron or "", *times, key, branch_id, told, amount)


def known(unit: Unit, branch_id: int, key: str) -> tuple[int, int] | None:
    """Batch and number of the line that was executed under this key."""
    row = unit.one(_KNOWN, branch_id, key)
    return None if row is None else (row[0], row[1])


def finish(
    unit: Unit,
    batch_id: int,
    number: int,
    *,
    status: str,
    code: str | None,
    message: str,
    warnings: Iterable[str],
    event_id: int | None,
    now: datetime,
) -> None:
    """Say what became of a line."""
    told = msgspec.json.encode(list(warnings)).decode()
    unit.run(_FINISH, status, code, message, told, event_id, seconds(now), batch_id, number)


def places(unit: Unit, session_id: int) -> list[Place]:
    """Every readable line of a session's batches that are not rejected, batch after batch in file order."""
    found = unit.core.execute(
        select(_LINE.batch_id, _LINE.line_no, _LINE.happened_at, _LINE.status == PENDING)
        .join(offline_batch, _BATCH.id == _LINE.batch_id)
        .where(_BATCH.session_id == session_id, _BATCH.status != REJECTED, _LINE.happened_at.is_not(None))
        .order_by(_LINE.batch_id, _LINE.line_no)
    )
    return [Place(row[0], row[1], instant(row[2]), bool(row[3])) for row in found]


def lines(
    unit: Unit, session_id: int, statuses: Iterable[str] = (), limit: int | None = None
) -> list[Record]:
    """The lines of a session's batches, batch after batch; only those in a status, where some are named."""
    wanted = (
        select(offline_line)
        .join(offline_batch, _BATCH.id == _LINE.batch_id)
        .where(_BATCH.session_id == session_id)
        .order_by(_LINE.batch_id, _LINE.line_no)
        .limit(limit)
    )
    names = list(statuses)
    if names:
        wanted = wanted.where(_LINE.status.in_(names))
    return [dict(row) for row in unit.core.execute(wanted).mappings()]


def counts(unit: Unit, batch_id: int) -> dict[str, int]:
    """How many lines are in which status, by its name in lower case."""
    found = unit.core.execute(
        select(_LINE.status, func.count()).where(_LINE.batch_id == batch_id).group_by(_LINE.status)
    )
    by_status = {row[0]: row[1] for row in found}
    return {status.lower(): by_status.get(status, 0) for status in STATES}


def supersede(
    unit: Unit, *, item_id: int, patron_id: int, branch_id: int, at: datetime, ended: datetime, interface: str
) -> int:
    """A row of history: a loan that another one had overtaken before it was recorded (OF-30 case 4)."""
    where = (item_id, patron_id, branch_id, branch_id, seconds(at), seconds(ended))
    return unit.insert(_SUPERSEDED, *where, interface, "CLOSED", seconds(ended), "SUPERSEDED")


# -- sessions and batches ------------------------------------------------------------------------------------


def session(unit: Unit, institution_id: int, label: str) -> Record | None:
    """A session by its label."""
    return records.one(unit, offline_session, institution_id=institution_id, label=label)


def sessions(unit: Unit, institution_id: int, limit: int) -> list[Record]:
    """The newest first."""
    found = unit.core.execute(
        select(offline_session)
        .where(offline_session.c.institution_id == institution_id)
        .order_by(offline_session.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in found.mappings()]


def batches(unit: Unit, session_id: int) -> list[Record]:
    """The files of a session, in the order of their upload."""
    return records.rows(unit, offline_batch, session_id=session_id)


def duplicate(unit: Unit, branch_id: int, digest: str) -> Record | None:
    """The batch that holds this very file, if it was not rejected (OF-40)."""
    found = unit.core.execute(
        select(offline_batch)
        .where(_BATCH.branch_id == branch_id, _BATCH.sha256 == digest, _BATCH.status != REJECTED)
        .limit(1)
    )
    row = found.mappings().first()
    return None if row is None else dict(row)


def of_workstation(unit: Unit, session_id: int, workstation: str) -> Record | None:
    """The batch that a workstation has in a session, if it was not rejected (OF-23)."""
    found = unit.core.execute(
        select(offline_batch)
        .where(_BATCH.session_id == session_id, _BATCH.workstation == workstation, _BATCH.status != REJECTED)
        .limit(1)
    )
    row = found.mappings().first()
    return None if row is None else dict(row)


def complete(unit: Unit, batch_id: int, now: datetime) -> None:
    """Say so of a batch that has nothing left to execute; one that has is left alone."""
    totals = counts(unit, batch_id)
    if totals["pending"]:
        return
    status = "COMPLETED_WITH_ERRORS" if totals["error"] else "COMPLETED"
    unit.core.execute(
        update(offline_batch)
        .where(_BATCH.id == batch_id, _BATCH.status.in_(("VALIDATED", "PROCESSING")))
        .values(status=status, completed_at=seconds(now), totals=msgspec.json.encode(totals).decode())
    )


def cards(unit: Unit, institution_id: int) -> list[int]:
    """The patrons of an institution that are not deleted, by barcode."""
    found = unit.core.execute(
        select(patron.c.id)
        .where(patron.c.institution_id == institution_id, patron.c.deleted_at.is_(None))
        .order_by(patron.c.barcode)
    )
    return [row[0] for row in found]


# -- exceptions ----------------------------------------------------------------------------------------------


def add_exception(
    unit: Unit,
    *,
    institution_id: int,
    branch_id: int,
    source: str,
    code: str,
    item: str,
    patron: str,
    happened_at: datetime | None,
    now: datetime,
    detail: str = "{}",
) -> int | None:
    """Queue an exception for a person (OF-51); None when the very same stands there already (GN-5). Late is
    late: one transaction is that once, whatever it comes after."""
    same = {
        "institution_id": institution_id, "branch_id": branch_id, "item_barcode": spelt_out(item),
        "patron_barcode": spelt_out(patron), "happened_at": maybe_seconds(happened_at),
    }  # fmt: skip
    for row in records.rows(unit, offline_exception, **same):
        if row["code"] == code or (row["code"] in LATE and code in LATE):
            return None
    return records.add(
        unit, offline_exception, **same, code=code, source=source, created_at=seconds(now), detail=detail
    )


def exceptions(
    unit: Unit, institution_id: int, *, resolved: bool, code: str | None, limit: int | None
) -> list[Record]:
    """Oldest first; resolved ones too, if asked for; only of a code, where one is named."""
    wanted = select(offline_exception).where(offline_exception.c.institution_id == institution_id)
    if not resolved:
        wanted = wanted.where(offline_exception.c.resolved_at.is_(None))
    if code is not None:
        wanted = wanted.where(offline_exception.c.code == code)
    found = unit.core.execute(wanted.order_by(offline_exception.c.id).limit(limit))
    return [dict(row) for row in found.mappings()]


class Return(msgspec.Struct, frozen=True):
    """A return that came before its loan: its exception, when and where it happened."""

    id: int
    happened_at: datetime
    branch_id: int


def next_return(unit: Unit, institution_id: int, item: str, after: datetime) -> Return | None:
    """The first return of this item after a moment that found no loan to end, whoever has seen to it."""
    row = unit.one(_NEXT_RETURN, institution_id, item, seconds(after))
    return None if row is None else Return(row[0], instant(row[1]), row[2])


def noted(unit: Unit, institution_id: int, item: str, patron: str, at: datetime) -> bool:
    """Whether this very transaction came before, and was late then (PT-9); a return has no patron."""
    return unit.one(_NOTED, institution_id, item, patron, seconds(at)) is not None


def settle(unit: Unit, exception_id: int, by: str, note: str, now: datetime) -> bool:
    """An exception is resolved; False when it was before, and stays so."""
    return unit.run(_SETTLE, seconds(now), by, note, exception_id) == 1


# -- for metrics ---------------------------------------------------------------------------------------------


class Backlog(msgspec.Struct, frozen=True):
    """What waits for somebody: lines that were uploaded and not executed, by branch; open exceptions, by
    branch and code. Branches by code; those with nothing stand there with 0 lines."""

    pending: dict[str, int]
    exceptions: dict[tuple[str, str], int]


def backlog(unit: Unit) -> Backlog:
    """The backlog of the whole database; two looks at partial indexes."""
    names = {place.id: place.code for place in unit.library.branches.values()}
    pending = dict.fromkeys(names.values(), 0)
    waiting = literal(PENDING, literal_execute=True)  # written out, so that the partial index is used
    for branch_id, count in unit.core.execute(
        select(_LINE.branch_id, func.count()).where(_LINE.status == waiting).group_by(_LINE.branch_id)
    ):
        if branch_id in names:
            pending[names[branch_id]] += count
    asked = offline_exception.c
    exceptions: dict[tuple[str, str], int] = {}
    for branch_id, code, count in unit.core.execute(
        select(asked.branch_id, asked.code, func.count())
        .where(asked.resolved_at.is_(None))
        .group_by(asked.branch_id, asked.code)
    ):
        key = names.get(branch_id, ""), code
        exceptions[key] = exceptions.get(key, 0) + count
    return Backlog(pending, exceptions)
