"""Loans that patrons are to be told about: due on a day (LO-5), overdue (LO-10), just renewed (BR-14).

Selections of jobs, with plain Core, in pages by patron: what is written of a patron goes into one piece.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Select, and_, func, literal, or_, select

from sip2d.store.tables import (
    branch,
    item,
    loan,
    loan_event,
    overdue_notice_sent,
    overdue_trigger,
    patron,
    patron_messaging,
    title,
)
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Unit

# Written into the statement, so that the partial indexes are used.
OPEN: Final = literal("OPEN", literal_execute=True)
RENEW: Final = literal("RENEW", literal_execute=True)


class Told(msgspec.Struct, frozen=True):
    """An open loan, with what a notice says of it."""

    id: int
    patron_id: int
    policy_branch_id: int
    due_at: datetime
    auto_renew: bool
    type_id: int
    home_branch_id: int
    email: str | None
    title: str
    author: str
    barcode: str
    branch: str

    @property
    def row(self) -> dict[str, object]:
        """The loan as a notice lists it."""
        return {
            "title": self.title,
            "author": self.author,
            "barcode": self.barcode,
            "due_at": seconds(self.due_at),
            "branch": self.branch,
        }


_COLUMNS: Final = (
    loan.c.id,
    loan.c.patron_id,
    loan.c.policy_branch_id,
    loan.c.due_at,
    loan.c.auto_renew,
    patron.c.type_id,
    patron.c.home_branch_id,
    patron.c.email,
    title.c.title,
    title.c.author,
    item.c.barcode,
    branch.c.name.label("branch"),
)


def _loans() -> Select[Any]:
    """Open loans of living patrons, of items that are not lost (LO-18)."""
    return (
        select(*_COLUMNS)
        .join(patron, patron.c.id == loan.c.patron_id)
        .join(item, item.c.id == loan.c.item_id)
        .join(title, title.c.id == item.c.title_id)
        .join(branch, branch.c.id == loan.c.branch_id)
        .where(loan.c.status == OPEN, item.c.lost_status == 0, patron.c.deleted_at.is_(None))
        .order_by(loan.c.patron_id, loan.c.id)
    )


def _told(unit: Unit, query: Select[Any]) -> list[Told]:
    return [
        Told(row[0], row[1], row[2], instant(row[3]), bool(row[4]), *row[5:])
        for row in unit.core.execute(query)
    ]


# -- courtesy (LO-5..LO-8) -----------------------------------------------------------------------------------


def days_wanted(unit: Unit, institution_id: int, notice: str) -> list[int]:
    """The days in advance that patrons of an institution asked for themselves."""
    query = (
        select(patron_messaging.c.days_in_advance)
        .join(patron, patron.c.id == patron_messaging.c.patron_id)
        .where(
            patron.c.institution_id == institution_id,
            patron_messaging.c.notice == notice,
            patron_messaging.c.enabled == 1,
        )
        .distinct()
    )
    return [row[0] for row in unit.core.execute(query)]


def patrons_due(
    unit: Unit, institution_id: int, since: datetime, until: datetime, after: int, limit: int
) -> list[tuple[int, int]]:
    """Patrons of an institution with loans due in ``[since, until)``, and how many; by id, after one."""
    query = (
        select(loan.c.patron_id, func.count())
        .join(patron, patron.c.id == loan.c.patron_id)
        .where(
            loan.c.status == OPEN,
            loan.c.patron_id > after,
            patron.c.institution_id == institution_id,
            loan.c.due_at >= seconds(since),
            loan.c.due_at < seconds(until),
        )
        .group_by(loan.c.patron_id)
        .order_by(loan.c.patron_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.core.execute(query)]


def due(unit: Unit, patron_ids: Sequence[int], since: datetime, until: datetime) -> list[Told]:
    """These patrons' loans due in ``[since, until)``."""
    query = _loans().where(
        loan.c.patron_id.in_(patron_ids), loan.c.due_at >= seconds(since), loan.c.due_at < seconds(until)
    )
    return _told(unit, query)


class Wish(msgspec.Struct, frozen=True):
    """What a patron said about a courtesy notice (LO-5)."""

    enabled: bool
    days_in_advance: int
    digest: bool
    transports: str


def wishes(unit: Unit, patron_ids: Sequence[int], notice: str) -> dict[int, Wish]:
    """By patron, of those who said something."""
    columns = patron_messaging.c
    query = select(
        columns.patron_id, columns.enabled, columns.days_in_advance, columns.digest, columns.transports
    ).where(columns.patron_id.in_(patron_ids), columns.notice == notice)
    return {row[0]: Wish(bool(row[1]), row[2], bool(row[3]), row[4]) for row in unit.core.execute(query)}


def of_patron(unit: Unit, patron_id: int) -> list[Told]:
    """All that a patron has on loan: for previews."""
    return _told(unit, _loans().where(loan.c.patron_id == patron_id).limit(50))


# -- overdue (LO-10..LO-21) ----------------------------------------------------------------------------------


class Trigger(msgspec.Struct, frozen=True):
    """One level of overdue notices of a patron type (LO-12); ``transports`` is JSON."""

    level: int
    delay_days: int
    template: str | None
    restricts: bool
    transports: str


def triggers(unit: Unit, institution_id: int, branch_id: int) -> dict[int, list[Trigger]]:
    """The triggers at a branch by patron type, levels in order: its own if it has any, else the
    institution's (LO-13)."""
    columns = overdue_trigger.c
    query = (
        select(
            columns.branch_id, columns.patron_type_id, columns.level, columns.delay_days, columns.template,
            columns.restricts, columns.transports,
        )
        .where(
            columns.institution_id == institution_id,
            or_(columns.branch_id == branch_id, columns.branch_id.is_(None)),
        )
        .order_by(columns.patron_type_id, columns.level)
    )  # fmt: skip
    rows = unit.core.execute(query).all()
    own = any(row[0] is not None for row in rows)
    found: dict[int, list[Trigger]] = {}
    for row in rows:
        if (row[0] is not None) == own:
            found.setdefault(row[1], []).append(Trigger(row[2], row[3], row[4], bool(row[5]), row[6]))
    return found


def patrons_overdue(
    unit: Unit,
    branch_id: int,
    types: Sequence[int],
    before: datetime,
    since: datetime,
    after: int,
    limit: int,
) -> list[tuple[int, int]]:
    """Patrons of these types with loans under a branch's policy due in ``[since, before)``, and how many; by
    id, after one."""
    query = (
        select(loan.c.patron_id, func.count())
        .join(patron, patron.c.id == loan.c.patron_id)
        .where(
            loan.c.status == OPEN,
            loan.c.patron_id > after,
            loan.c.policy_branch_id == branch_id,
            patron.c.type_id.in_(types),
            loan.c.due_at < seconds(before),
            loan.c.due_at >= seconds(since),
        )
        .group_by(loan.c.patron_id)
        .order_by(loan.c.patron_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.core.execute(query)]


def overdue(
    unit: Unit, patron_ids: Sequence[int], before: datetime, branch_id: int | None = None
) -> list[Told]:
    """These patrons' overdue loans: under a branch's policy, or all."""
    query = _loans().where(loan.c.patron_id.in_(patron_ids), loan.c.due_at < seconds(before))
    if branch_id is not None:
        query = query.where(loan.c.policy_branch_id == branch_id)
    return _told(unit, query)


def told_levels(unit: Unit, loans: Sequence[Told]) -> set[tuple[int, int]]:
    """The levels that these loans had a notice of, for the due date they have (LO-19): (loan, level)."""
    sent = overdue_notice_sent.c
    query = (
        select(sent.loan_id, sent.level)
        .join(loan, and_(loan.c.id == sent.loan_id, loan.c.due_at == sent.due_at))
        .where(sent.loan_id.in_([one.id for one in loans]))
    )
    return {(row[0], row[1]) for row in unit.core.execute(query)}


def mark(unit: Unit, loans: Sequence[Told], level: int, notice_id: int) -> None:
    """These loans had this level for the due date they have (LO-19)."""
    unit.core.execute(
        overdue_notice_sent.insert(),
        [
            {"loan_id": one.id, "level": level, "due_at": seconds(one.due_at), "notice_id": notice_id}
            for one in loans
        ],
    )


# -- receipts (BR-14) ----------------------------------------------------------------------------------------


def patrons_renewed(
    unit: Unit, branch_ids: Sequence[int], since: datetime, until: datetime, after: int, limit: int
) -> list[tuple[int, int]]:
    """Patrons with renewals recorded at these branches in ``[since, until)``, and how many; by id, after
    one."""
    query = (
        select(loan_event.c.patron_id, func.count())
        .where(
            loan_event.c.kind == RENEW,
            loan_event.c.recorded_at >= seconds(since),
            loan_event.c.recorded_at < seconds(until),
            loan_event.c.branch_id.in_(branch_ids),
            loan_event.c.patron_id > after,
        )
        .group_by(loan_event.c.patron_id)
        .order_by(loan_event.c.patron_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.core.execute(query)]


def renewed(
    unit: Unit, patron_ids: Sequence[int], branch_ids: Sequence[int], since: datetime, until: datetime
) -> list[Told]:
    """These patrons' loans that were renewed so, and are still due when that renewal said."""
    said = (
        select(loan_event.c.loan_id)
        .where(
            loan_event.c.kind == RENEW,
            loan_event.c.recorded_at >= seconds(since),
            loan_event.c.recorded_at < seconds(until),
            loan_event.c.branch_id.in_(branch_ids),
            loan_event.c.patron_id.in_(patron_ids),
            loan_event.c.loan_id == loan.c.id,
            loan_event.c.new_due_at == loan.c.due_at,
        )
        .exists()
    )
    return _told(unit, _loans().where(loan.c.patron_id.in_(patron_ids), said))
