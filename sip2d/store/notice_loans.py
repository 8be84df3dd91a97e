"""Loans that patrons are to be told about: due on a day (LO-5), overdue (LO-10), just renewed (BR-14).

Selections of jobs, with plain Core, in pages by patron: what is written of a patron goes into one piece.
The statements are built once: built anew each time they cost a quiet night most of its time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, Select, and_, bindparam, func, literal, or_, select

from sip2d.store.statement import hot
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
OFFLINE_FILE: Final = literal("OFFLINE_FILE", literal_execute=True)


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


_IDS: Final[BindParameter[int]] = bindparam("ids", expanding=True)
_LOANS: Final = (
    # Open loans of living patrons, of items that are not lost (LO-18).
    select(*_COLUMNS)
    .join(patron, patron.c.id == loan.c.patron_id)
    .join(item, item.c.id == loan.c.item_id)
    .join(title, title.c.id == item.c.title_id)
    .join(branch, branch.c.id == loan.c.branch_id)
    .where(loan.c.status == OPEN, item.c.lost_status == 0, patron.c.deleted_at.is_(None))
    .order_by(loan.c.patron_id, loan.c.id)
)
_THEIRS: Final = _LOANS.where(loan.c.patron_id.in_(_IDS))


def _told(unit: Unit, query: Select[Any], **values: object) -> list[Told]:
    return [
        Told(row[0], row[1], row[2], instant(row[3]), bool(row[4]), *row[5:])
        for row in unit.core.execute(query, values)
    ]


# -- courtesy (LO-5..LO-8) -----------------------------------------------------------------------------------

_DAYS_WANTED: Final = hot(
    select(patron_messaging.c.days_in_advance)
    .join(patron, patron.c.id == patron_messaging.c.patron_id)
    .where(
        patron.c.institution_id == bindparam("institution_id"),
        patron_messaging.c.notice == bindparam("notice"),
        patron_messaging.c.enabled == 1,
    )
    .distinct(),
    "institution_id", "notice",
)  # fmt: skip
_PATRONS_DUE: Final = hot(
    select(loan.c.patron_id, func.count())
    .join(patron, patron.c.id == loan.c.patron_id)
    .where(
        loan.c.status == "OPEN",
        loan.c.patron_id > bindparam("after"),
        patron.c.institution_id == bindparam("institution_id"),
        loan.c.due_at >= bindparam("since"),
        loan.c.due_at < bindparam("until"),
    )
    .group_by(loan.c.patron_id)
    .order_by(loan.c.patron_id)
    .limit(bindparam("most")),
    "institution_id", "since", "until", "after", "most",
)  # fmt: skip
_DUE: Final = _THEIRS.where(loan.c.due_at >= bindparam("since"), loan.c.due_at < bindparam("until"))
_WISH = patron_messaging.c
_WISHES: Final = select(
    _WISH.patron_id, _WISH.enabled, _WISH.days_in_advance, _WISH.digest, _WISH.transports
).where(_WISH.patron_id.in_(_IDS), _WISH.notice == bindparam("notice"))


def days_wanted(unit: Unit, institution_id: int, notice: str) -> list[int]:
    """The days in advance that patrons of an institution asked for themselves."""
    return [row[0] for row in unit.all(_DAYS_WANTED, institution_id, notice)]


def patrons_due(
    unit: Unit, institution_id: int, since: datetime, until: datetime, after: int, limit: int
) -> list[tuple[int, int]]:
    """Patrons of an institution with loans due in ``[since, until)``, and how many; by id, after one."""
    return [
        (row[0], row[1])
        for row in unit.all(_PATRONS_DUE, institution_id, seconds(since), seconds(until), after, limit)
    ]


def due(unit: Unit, patron_ids: Sequence[int], since: datetime, until: datetime) -> list[Told]:
    """These patrons' loans due in ``[since, until)``."""
    return _told(unit, _DUE, ids=patron_ids, since=seconds(since), until=seconds(until))


class Wish(msgspec.Struct, frozen=True):
    """What a patron said about a courtesy notice (LO-5)."""

    enabled: bool
    days_in_advance: int
    digest: bool
    transports: str


def wishes(unit: Unit, patron_ids: Sequence[int], notice: str) -> dict[int, Wish]:
    """By patron, of those who said something."""
    rows = unit.core.execute(_WISHES, {"ids": patron_ids, "notice": notice})
    return {row[0]: Wish(bool(row[1]), row[2], bool(row[3]), row[4]) for row in rows}


def of_patron(unit: Unit, patron_id: int) -> list[Told]:
    """All that a patron has on loan: for previews."""
    return _told(unit, _THEIRS.limit(50), ids=[patron_id])


# -- overdue (LO-10..LO-21) ----------------------------------------------------------------------------------

_TRIGGER = overdue_trigger.c
_TRIGGERS: Final = hot(
    select(
        _TRIGGER.branch_id, _TRIGGER.patron_type_id, _TRIGGER.level, _TRIGGER.delay_days, _TRIGGER.template,
        _TRIGGER.restricts, _TRIGGER.transports,
    )
    .where(
        _TRIGGER.institution_id == bindparam("institution_id"),
        or_(_TRIGGER.branch_id == bindparam("branch_id"), _TRIGGER.branch_id.is_(None)),
    )
    .order_by(_TRIGGER.patron_type_id, _TRIGGER.level),
    "institution_id", "branch_id",
)  # fmt: skip
_PATRONS_OVERDUE: Final = (
    select(loan.c.patron_id, func.count())
    .join(patron, patron.c.id == loan.c.patron_id)
    .where(
        loan.c.status == OPEN,
        loan.c.patron_id > bindparam("after"),
        loan.c.policy_branch_id == bindparam("branch"),
        patron.c.type_id.in_(bindparam("types", expanding=True)),
        loan.c.due_at < bindparam("before"),
        loan.c.due_at >= bindparam("since"),
    )
    .group_by(loan.c.patron_id)
    .order_by(loan.c.patron_id)
    .limit(bindparam("most"))
)
_OVERDUE: Final = _THEIRS.where(loan.c.due_at < bindparam("before"))
_OVERDUE_AT: Final = _OVERDUE.where(loan.c.policy_branch_id == bindparam("place"))
_SENT = overdue_notice_sent.c
_TOLD_LEVELS: Final = (
    select(_SENT.loan_id, _SENT.level)
    .join(loan, and_(loan.c.id == _SENT.loan_id, loan.c.due_at == _SENT.due_at))
    .where(_SENT.loan_id.in_(_IDS))
)


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
    rows = unit.all(_TRIGGERS, institution_id, branch_id)
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
    values = {
        "branch": branch_id, "types": types, "before": seconds(before), "since": seconds(since),
        "after": after, "most": limit,
    }  # fmt: skip
    return [(row[0], row[1]) for row in unit.core.execute(_PATRONS_OVERDUE, values)]


def overdue(
    unit: Unit, patron_ids: Sequence[int], before: datetime, branch_id: int | None = None
) -> list[Told]:
    """These patrons' overdue loans: under a branch's policy, or all."""
    if branch_id is None:
        return _told(unit, _OVERDUE, ids=patron_ids, before=seconds(before))
    return _told(unit, _OVERDUE_AT, ids=patron_ids, before=seconds(before), place=branch_id)


def told_levels(unit: Unit, loans: Sequence[Told]) -> set[tuple[int, int]]:
    """The levels that these loans had a notice of, for the due date they have (LO-19): (loan, level)."""
    rows = unit.core.execute(_TOLD_LEVELS, {"ids": [one.id for one in loans]})
    return {(row[0], row[1]) for row in rows}


def mark(unit: Unit, loans: Sequence[Told], level: int, notice_id: int) -> None:
    """These loans had this level for the due date they have (LO-19)."""
    unit.core.execute(
        overdue_notice_sent.insert(),
        [
            {"loan_id": one.id, "level": level, "due_at": seconds(one.due_at), "notice_id": notice_id}
            for one in loans
        ],
    )


# -- receipts (BR-14, OF-38) ---------------------------------------------------------------------------------

_RENEWALS = (
    or_(loan_event.c.kind == RENEW, loan_event.c.interface == OFFLINE_FILE),
    loan_event.c.new_due_at.is_not(None),  # no return
    loan_event.c.recorded_at >= bindparam("since"),
    loan_event.c.recorded_at < bindparam("until"),
    loan_event.c.branch_id.in_(bindparam("places", expanding=True)),
)
_PATRONS_RENEWED: Final = (
    select(loan_event.c.patron_id, func.count())
    .where(*_RENEWALS, loan_event.c.patron_id > bindparam("after"))
    .group_by(loan_event.c.patron_id)
    .order_by(loan_event.c.patron_id)
    .limit(bindparam("most"))
)
_RENEWED: Final = _THEIRS.where(
    select(loan_event.c.loan_id)
    .where(
        *_RENEWALS,
        loan_event.c.patron_id == loan.c.patron_id,
        loan_event.c.loan_id == loan.c.id,
        loan_event.c.new_due_at == loan.c.due_at,
    )
    .exists()
)


def patrons_renewed(
    unit: Unit, branch_ids: Sequence[int], since: datetime, until: datetime, after: int, limit: int
) -> list[tuple[int, int]]:
    """Patrons with renewals, or loans of offline files, recorded at these branches in ``[since, until)``, and
    how many; by id, after one."""
    values = {
        "since": seconds(since), "until": seconds(until), "places": branch_ids, "after": after, "most": limit,
    }  # fmt: skip
    return [(row[0], row[1]) for row in unit.core.execute(_PATRONS_RENEWED, values)]


def renewed(
    unit: Unit, patron_ids: Sequence[int], branch_ids: Sequence[int], since: datetime, until: datetime
) -> list[Told]:
    """These patrons' loans that were renewed or loaded so, and are still due when that said."""
    return _told(
        unit, _RENEWED, ids=patron_ids, since=seconds(since), until=seconds(until), places=branch_ids
    )
