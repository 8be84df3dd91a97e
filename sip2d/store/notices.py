"""Notices on their way from the outbox to the patron: what is due, and how each fares (circulation.md 11.8).

QUEUED is not written yet; PENDING is written and waits to be sent; HELD_NO_SENDER waits for an address of
ours (LO-10); SENT, FAILED, UNDELIVERABLE, NO_TEMPLATE and CANCELLED are ends.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, delete, func, null, or_, select, text, update

from sip2d.store.statement import hot
from sip2d.store.tables import notice, patron
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

QUEUED: Final = "QUEUED"
PENDING: Final = "PENDING"
HELD: Final = "HELD_NO_SENDER"
SENT: Final = "SENT"
FAILED: Final = "FAILED"
UNDELIVERABLE: Final = "UNDELIVERABLE"
NO_TEMPLATE: Final = "NO_TEMPLATE"
CANCELLED: Final = "CANCELLED"
OPEN: Final = (QUEUED, PENDING, HELD)
IS_OPEN: Final = text("notice.state IN ('QUEUED', 'PENDING', 'HELD_NO_SENDER')")
"""As the partial index says it."""
STATES: Final = (*OPEN, SENT, FAILED, UNDELIVERABLE, NO_TEMPLATE, CANCELLED)

_WITHDRAW = hot(
    delete(notice).where(notice.c.dedup_key == bindparam("key"), notice.c.state == "QUEUED"), "key"
)
_WRITE = hot(
    update(notice)
    .where(
        notice.c.id == bindparam("notice_id"), or_(notice.c.state == QUEUED, notice.c.state == HELD)
    )
    .values(
        state=PENDING, transport=bindparam("way"), language=bindparam("spoken"), sender=bindparam("from"),
        recipient=bindparam("to"), subject=bindparam("about"), body=bindparam("text"),
        not_before=bindparam("now"), error=null(),
    ),
    "way", "spoken", "from", "to", "about", "text", "now", "notice_id",
)  # fmt: skip


class Waiting(msgspec.Struct, frozen=True):
    """A notice to be written, with its patron (fields of his None when the notice has none)."""

    id: int
    institution_id: int
    branch_id: int | None
    type: str
    template: str
    transport: str
    context: str
    dedup_key: str
    created_at: int
    patron_id: int | None
    barcode: str | None
    name: str | None
    email: str | None
    address: str | None
    language: str | None
    deleted_at: int | None


class Letter(msgspec.Struct, frozen=True):
    """A written notice: what is sent."""

    id: int
    institution_id: int
    branch_id: int | None
    type: str
    transport: str
    dedup_key: str
    sender: str | None
    recipient: str
    subject: str
    body: str
    attempts: int
    created_at: int
    name: str | None


class Place(msgspec.Struct, frozen=True):
    """Where mail can be sent from: the branches and the institutions that have an address (LO-11)."""

    branches: frozenset[int]
    institutions: frozenset[int]


def waiting(unit: Unit, now: datetime, after: int, limit: int, senders: Place) -> list[Waiting]:
    """Notices to be written that are due, by id: the queued, and the held ones whose sender has an address
    by now."""
    _, *theirs = Waiting.__struct_fields__[9:]
    query = (
        select(
            *(notice.c[name] for name in Waiting.__struct_fields__[:10]), *(patron.c[name] for name in theirs)
        )
        .outerjoin(patron, patron.c.id == notice.c.patron_id)
        .where(
            notice.c.id > after,
            notice.c.not_before <= seconds(now),
            or_(notice.c.state == QUEUED, and_(notice.c.state == HELD, _sendable(senders))),
            IS_OPEN,
        )
        .order_by(notice.c.id)
        .limit(limit)
    )
    return [Waiting(*row) for row in unit.core.execute(query)]


def _sendable(senders: Place) -> ColumnElement[bool]:
    return or_(
        notice.c.branch_id.in_(senders.branches),
        and_(notice.c.branch_id.is_(None), notice.c.institution_id.in_(senders.institutions)),
    )


def write(
    unit: Unit,
    notice_id: int,
    *,
    transport: str,
    language: str,
    sender: str | None,
    recipient: str,
    subject: str,
    body: str,
    now: datetime,
) -> None:
    """The notice is written: it waits to be sent, from now on."""
    unit.run(
        _WRITE, transport, language, sender, recipient, subject, body, seconds(now), notice_id,
    )  # fmt: skip


def end(unit: Unit, notice_id: int, state: str, error: str | None) -> None:
    """It does not go on, for now (HELD_NO_SENDER) or at all; ``error`` says why."""
    unit.core.execute(
        update(notice)
        .where(notice.c.id == notice_id, notice.c.state.in_(OPEN))
        .values(state=state, error=error)
    )


def claim(unit: Unit, now: datetime, until: datetime, transport: str, limit: int) -> list[Letter]:
    """Written notices that are due, the oldest first. They are nobody else's until ``until``: who dies with
    them in hand loses none."""
    ids = (
        select(notice.c.id)
        .where(
            notice.c.state == PENDING,
            IS_OPEN,
            notice.c.transport == transport,
            notice.c.not_before <= seconds(now),
        )
        .order_by(notice.c.not_before, notice.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [row[0] for row in unit.core.execute(ids)]
    unit.core.execute(update(notice).where(notice.c.id.in_(taken)).values(not_before=seconds(until)))
    columns = [notice.c[name] for name in Letter.__struct_fields__[:-1]]
    query = (
        select(*columns, patron.c.name)
        .outerjoin(patron, patron.c.id == notice.c.patron_id)
        .where(notice.c.id.in_(taken))
        .order_by(notice.c.id)
    )
    return [Letter(*tuple(row)) for row in unit.core.execute(query)]


def sent(unit: Unit, ids: Collection[int], now: datetime) -> None:
    """They are out of our hands."""
    unit.core.execute(
        update(notice)
        .where(notice.c.id.in_(ids), notice.c.state == PENDING)
        .values(state=SENT, sent_at=seconds(now), attempts=notice.c.attempts + 1, error=None)
    )


def again(unit: Unit, notice_id: int, not_before: datetime, error: str | None, *, attempted: bool) -> None:
    """It was not sent: another time. ``attempted``: it counts as a try."""
    values: dict[str, object] = {
        "not_before": seconds(not_before),
        "attempts": notice.c.attempts + int(attempted),
    }
    if error is not None:
        values["error"] = error
    unit.core.execute(
        update(notice).where(notice.c.id == notice_id, notice.c.state == PENDING).values(**values)
    )


def fail(unit: Unit, notice_id: int, error: str) -> None:
    """It could not be sent, and nobody tries again."""
    unit.core.execute(
        update(notice)
        .where(notice.c.id == notice_id, notice.c.state == PENDING)
        .values(state=FAILED, attempts=notice.c.attempts + 1, error=error)
    )


def known(unit: Unit, key: str) -> bool:
    """Whether something was queued under this key."""
    return unit.core.scalar(select(notice.c.id).where(notice.c.dedup_key == key)) is not None


def withdraw(unit: Unit, key: str) -> bool:
    """Take back a notice that nobody has written yet, as if it had never been queued (HO-11)."""
    return unit.run(_WITHDRAW, key) > 0


def counts(unit: Unit) -> dict[str, int]:
    """How many notices are open, by state: for metrics. Ends are not counted: they grow for ever."""
    query = select(notice.c.state, func.count()).where(IS_OPEN).group_by(notice.c.state)
    return dict.fromkeys(OPEN, 0) | {row[0]: row[1] for row in unit.core.execute(query)}


class Sought(msgspec.Struct, frozen=True):
    """Which notices a person wants to see."""

    institution_id: int
    states: Sequence[str] = ()
    type: str | None = None
    patron_id: int | None = None
    limit: int = 100


_LISTED: Final = (
    "id", "type", "template", "transport", "state", "recipient", "subject", "attempts", "not_before",
    "created_at", "sent_at", "error", "branch_id",
)  # fmt: skip


def search(unit: Unit, sought: Sought) -> list[dict[str, object]]:
    """Notices, the newest first."""
    query = (
        select(*(notice.c[name] for name in _LISTED), patron.c.barcode.label("patron"))
        .outerjoin(patron, patron.c.id == notice.c.patron_id)
        .where(notice.c.institution_id == sought.institution_id)
        .order_by(notice.c.id.desc())
        .limit(sought.limit)
    )
    if sought.states:
        query = query.where(notice.c.state.in_(sought.states))
    if sought.type:
        query = query.where(notice.c.type == sought.type)
    if sought.patron_id is not None:
        query = query.where(notice.c.patron_id == sought.patron_id)
    return [dict(row) for row in unit.core.execute(query).mappings()]
