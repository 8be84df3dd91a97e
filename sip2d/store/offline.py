"""Offline circulation (11.8): sessions, batches, lines, and the queue of exceptions (OF-11, OF-40, OF-51).

Every line that was executed holds its key; the unique index on these keys makes a second upload harmless.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import bindparam, func, insert, or_, select, update

from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.statement import hot
from sip2d.store.tables import loan, offline_batch, offline_exception, offline_line, offline_session, patron
from sip2d.store.times import instant, maybe_instant, maybe_seconds, seconds
from sip2d.store.unit import Unit

PENDING: Final = "PENDING"
REJECTED: Final = "REJECTED"
STATES: Final = ("PENDING", "OK", "WARNING", "ERROR", "DUPLICATE")

_LINE = offline_line.c
_BATCH = offline_batch.c
_THIS = (_LINE.batch_id == bindparam("batch"), _LINE.line_no == bindparam("number"))
_PENDING = hot(
    select(
        _LINE.kind, _LINE.item_barcode, _LINE.patron_barcode, _LINE.happened_at, _LINE.due_at, _LINE.line_key,
        _LINE.branch_id, _LINE.warnings,
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
    kind, item, patron, happened_at, due_at, key, branch_id, warned = row
    times = instant(happened_at), maybe_instant(due_at)
    told = msgspec.json.decode(warned, type=tuple[str, ...])
    return Waiting(kind, item, patron or "", *times, key, branch_id, told)


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
    """Queue an exception for a person (OF-51); None when the very same stands there already (GN-5)."""
    same = {
        "institution_id": institution_id, "branch_id": branch_id, "code": code, "item_barcode": item,
        "patron_barcode": patron, "happened_at": maybe_seconds(happened_at),
    }  # fmt: skip
    if records.one(unit, offline_exception, **same) is not None:
        return None
    return records.add(unit, offline_exception, **same, source=source, created_at=seconds(now), detail=detail)


def exceptions(unit: Unit, institution_id: int, *, resolved: bool, limit: int) -> list[Record]:
    """Oldest first; resolved ones too, if asked for."""
    wanted = select(offline_exception).where(offline_exception.c.institution_id == institution_id)
    if not resolved:
        wanted = wanted.where(offline_exception.c.resolved_at.is_(None))
    found = unit.core.execute(wanted.order_by(offline_exception.c.id).limit(limit))
    return [dict(row) for row in found.mappings()]
