"""The record of bulk renewals (BR-21): a batch is one login of a terminal that renews in bulk, a line of it
is one attempt. Nobody decides on it.
"""

from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import bindparam, case, func, insert, or_, select

from sip2d.spelling import spelt_out
from sip2d.store.records import Record
from sip2d.store.statement import hot
from sip2d.store.tables import branch, renewal_batch, renewal_batch_item
from sip2d.store.times import maybe_seconds, seconds
from sip2d.store.unit import CONFLICTS, Unit

OUTCOMES: Final = ("RENEWED", "SKIPPED", "FAILED")
LONGEST: Final = 255
"""Characters of a text that are kept: what was asked for may be anything."""

_BATCH, _ITEM = renewal_batch.c, renewal_batch_item.c
_BEGIN: Final = hot(insert(renewal_batch), "id", "terminal_id", "branch_id", "label", "started_at")
_LAST: Final = hot(
    select(
        select(func.coalesce(func.max(_ITEM.sequence), 0))
        .where(_ITEM.batch_id == _BATCH.id)
        .scalar_subquery()
    ).where(_BATCH.id == bindparam("batch")),
    "batch",
)
"""The number of a batch's last attempt; no row where the batch does not stand yet."""
_ADD: Final = hot(
    insert(renewal_batch_item),
    "batch_id", "sequence", "patron_barcode", "item_barcode", "due_requested", "outcome", "code", "message",
    "at",
)  # fmt: skip


class Batch(msgspec.Struct, frozen=True):
    """Whose session it is. ``id`` is made up with the session, so that its first attempt can write it down
    without a look whether it stands already; ``terminal_id`` None: staff, in the process of their command.
    """

    id: int
    terminal_id: int | None
    branch_id: int
    label: str
    started_at: datetime


class Attempt(msgspec.Struct, frozen=True):
    """One attempt; ``outcome`` is RENEWED, SKIPPED or FAILED, barcodes and message are as they were said."""

    patron: str
    item: str
    due_requested: datetime | None
    outcome: str
    code: str
    message: str
    at: datetime


def note(unit: Unit, batch: Batch, attempt: Attempt) -> None:
    """Have it written down: one row, besides the batch's own with its first one. Totals are counted by who
    reads them, and a group's attempts are written together: 20 us of a renewal's 190 became 6.

    The attempts of a session follow each other; those of two batches never wait for each other.
    """
    unit.later(_write_down, (batch, attempt))


def _write_down(unit: Unit, noted: list[tuple[Batch, Attempt]]) -> None:
    numbers: dict[int, int | None] = {}
    for batch, attempt in noted:
        if batch.id not in numbers:
            numbers[batch.id] = _last(unit, batch)
        last = numbers[batch.id]
        if last is None:
            continue
        numbers[batch.id] = last + 1
        unit.run(
            _ADD, batch.id, last + 1, _kept(attempt.patron), _kept(attempt.item),
            maybe_seconds(attempt.due_requested), attempt.outcome, attempt.code, _kept(attempt.message),
            seconds(attempt.at),
        )  # fmt: skip


def _last(unit: Unit, batch: Batch) -> int | None:
    """The number of its last attempt; None: it cannot be written, which is never a reason for a renewal to
    fail."""
    last = unit.value(_LAST, batch.id)
    if last is not None:
        return int(last)
    with suppress(*CONFLICTS), unit.attempt():
        unit.run(_BEGIN, batch.id, batch.terminal_id, batch.branch_id, batch.label, seconds(batch.started_at))
        return 0
    return None


def _kept(text: str) -> str:
    return spelt_out(text[:LONGEST])[:LONGEST]


def batches(
    unit: Unit, institution_id: int, branch_id: int | None, since: datetime | None, limit: int
) -> list[Record]:
    """The batches of an institution's branches with their totals and their last moment, the newest first."""
    totals = (func.count(case((_ITEM.outcome == outcome, 1))).label(outcome.lower()) for outcome in OUTCOMES)
    last = func.max(_ITEM.at)
    wanted = (
        select(renewal_batch, *totals, last.label("last_at"))
        .join(branch, branch.c.id == _BATCH.branch_id)
        .outerjoin(renewal_batch_item, _ITEM.batch_id == _BATCH.id)
        .where(branch.c.institution_id == institution_id)
        .group_by(*renewal_batch.columns)
        .order_by(_BATCH.started_at.desc(), _BATCH.id.desc())
        .limit(limit)
    )
    if branch_id is not None:
        wanted = wanted.where(_BATCH.branch_id == branch_id)
    if since is not None:
        wanted = wanted.having(or_(_BATCH.started_at >= seconds(since), last >= seconds(since)))
    return [dict(row) for row in unit.core.execute(wanted).mappings()]


def batch(unit: Unit, batch_id: int) -> Record | None:
    """One of them."""
    row = unit.core.execute(select(renewal_batch).where(_BATCH.id == batch_id)).mappings().first()
    return None if row is None else dict(row)


def attempts(unit: Unit, batch_id: int, outcome: str | None, limit: int) -> list[Record]:
    """The attempts of a batch in their order; only those that came out so, where that is said."""
    wanted = (
        select(renewal_batch_item).where(_ITEM.batch_id == batch_id).order_by(_ITEM.sequence).limit(limit)
    )
    if outcome is not None:
        wanted = wanted.where(_ITEM.outcome == outcome)
    return [dict(row) for row in unit.core.execute(wanted).mappings()]
