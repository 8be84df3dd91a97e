"""Patrons: one row by barcode, then all counts and money in one statement, then blocks where there are any.

Two statements for a patron without blocks. The second is one of its own, because on PostgreSQL what is
counted must be read after the row is locked: a joined row keeps the value it had before the wait.
"""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select

from sip2d.policy.facts import BlockFacts, PatronFacts
from sip2d.store import blocks
from sip2d.store.statement import Statement, hot
from sip2d.store.tables import (
    fee,
    fee_balance,
    hold,
    item,
    item_type,
    loan,
    patron,
    patron_credit,
    patron_identifier,
    user_block,
)
from sip2d.store.unit import Row, Unit

LONGEST_BARCODE = 80
"""GN-10; the tables check it."""

RESTRICTING = ("OVERDUE", "LOST", "PROCESSING", "MANUAL", "RENTAL")
"""The kinds of fee that count against borrowing (CO-10); a membership fee has its own rule."""

_COLUMNS = (
    patron.c.id,
    patron.c.institution_id,
    patron.c.home_branch_id,
    patron.c.type_id,
    patron.c.barcode,
    patron.c.name,
    patron.c.email,
    patron.c.phone,
    patron.c.address,
    patron.c.language,
    patron.c.pin_hash,
    patron.c.expires_on,
    patron.c.card_lost,
    patron.c.claims_returned,
    patron.c.deleted_at,
)


def usable(barcode: str) -> str | None:
    """The barcode without blanks around it (GN-10); None when no row can have it."""
    barcode = barcode.strip(" ")
    if not 0 < len(barcode) <= LONGEST_BARCODE or "\0" in barcode:
        return None
    if not barcode.isascii():
        try:
            barcode.encode()
        except UnicodeEncodeError:  # a lone surrogate: a byte that was no UTF-8
            return None
    return barcode


def _row(*where: ColumnElement[bool]) -> tuple[Select[tuple[object, ...]], Select[tuple[object, ...]]]:
    """Plain, and locking the row where the database locks rows."""
    plain = select(*_COLUMNS).where(*where)
    return plain, plain.with_for_update(of=patron)


def _hot_row(*where: ColumnElement[bool], names: tuple[str, ...]) -> dict[bool, Statement]:
    plain, locking = _row(*where)
    return {False: hot(plain, *names), True: hot(locking, *names)}


# A deleted patron is unknown to whoever asks by barcode; his rows stay, and `by_id` still finds him.
_BY_BARCODE = _hot_row(
    patron.c.institution_id == bindparam("institution_id"),
    patron.c.barcode == bindparam("barcode"),
    patron.c.deleted_at.is_(None),
    names=("institution_id", "barcode"),
)
_BY_IDENTIFIER = _hot_row(
    patron.c.id
    == select(patron_identifier.c.patron_id)
    .where(
        patron_identifier.c.institution_id == bindparam("institution_id"),
        patron_identifier.c.value == bindparam("barcode"),
    )
    .scalar_subquery(),
    patron.c.deleted_at.is_(None),
    names=("institution_id", "barcode"),
)
_BY_ID = _hot_row(patron.c.id == bindparam("patron_id"), names=("patron_id",))

_PATRON = bindparam("patron_id", type_=patron.c.id.type)
_NOW = bindparam("now", type_=loan.c.due_at.type)
_OVERDUE = loan.c.due_at < _NOW
# A price of 0 counts as none (D-18).
_VALUE = func.coalesce(func.nullif(item.c.price_minor, 0), item_type.c.default_replacement_minor, 0)
_LOANS = (
    select(
        func.count().label("loans"),
        func.count(case((_OVERDUE, 1))).label("overdue"),
        func.count(loan.c.recalled_at).label("recalled"),
        func.count(case((_OVERDUE & loan.c.recalled_at.is_not(None), 1))).label("recalled_overdue"),
        func.coalesce(func.sum(_VALUE), 0).label("value"),
        func.count(case((item.c.lost_status > 0, 1))).label("lost"),
    )
    .select_from(loan)
    .join(item, item.c.id == loan.c.item_id)
    .join(item_type, item_type.c.id == item.c.type_id)
    .where(loan.c.patron_id == _PATRON, loan.c.status == "OPEN")
    .subquery("loans")
)
_HOLDS = (
    select(
        func.count(case((hold.c.status == "ON_SHELF", 1))).label("ready"),
        func.count(case((or_(hold.c.status == "PENDING", hold.c.status == "IN_TRANSIT"), 1))).label(
            "pending"
        ),
    )
    .where(hold.c.patron_id == _PATRON, hold.c.closed_at.is_(None))
    .subquery("holds")
)


def _owed(of: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((of, fee_balance.c.outstanding_minor))), 0)


# A lost item whose loan was closed is still attributed to the patron as long as he owes for it.
_LOAN_STATUS = (
    select(loan.c.status)
    .join(fee, fee.c.loan_id == loan.c.id)
    .where(fee.c.id == fee_balance.c.fee_id)
    .correlate(fee_balance)
    .scalar_subquery()
)
_IS_LOST = fee_balance.c.kind == "LOST"
_FEES = (
    select(
        func.count(case((_IS_LOST & (func.coalesce(_LOAN_STATUS, "CLOSED") == "CLOSED"), 1))).label("lost"),
        func.count(case((_IS_LOST, 1))).label("billed"),
        func.coalesce(func.sum(fee_balance.c.outstanding_minor), 0).label("owed"),
        _owed(fee_balance.c.kind == "OVERDUE").label("fines"),
        _owed(or_(*(fee_balance.c.kind == kind for kind in RESTRICTING))).label("restricting"),
        func.count().label("fees"),
    )
    .where(fee_balance.c.patron_id == _PATRON, fee_balance.c.outstanding_minor > 0)
    .subquery("fees")
)
_CREDIT = select(patron_credit.c.credit_minor).where(patron_credit.c.patron_id == _PATRON).scalar_subquery()
_BLOCKED = (
    select(func.count())
    .select_from(user_block)
    .where(user_block.c.patron_id == _PATRON, user_block.c.removed_at.is_(None))
    .scalar_subquery()
)
# The counts and money of `PatronFacts` in its order, then how many blocks are not removed.
_HAS = hot(
    select(
        _LOANS.c.loans,
        _LOANS.c.overdue,
        _LOANS.c.recalled,
        _LOANS.c.recalled_overdue,
        _LOANS.c.value,
        _LOANS.c.lost + _FEES.c.lost,
        _FEES.c.billed,
        _HOLDS.c.ready,
        _HOLDS.c.pending,
        _FEES.c.owed,
        _FEES.c.fines,
        _FEES.c.restricting,
        _FEES.c.fees,
        func.coalesce(_CREDIT, 0),
        _BLOCKED,
    ).join_from(_LOANS, _HOLDS, _HOLDS.c.ready >= 0).join(_FEES, _FEES.c.billed >= 0),
    "patron_id",
    "now",
)  # fmt: skip


def find(unit: Unit, institution_ids: tuple[int, ...], barcode: str, now: datetime) -> PatronFacts | None:
    """The patron with this barcode or else this other identifier, in the first institution that knows it.

    Locked until the unit ends where ``unit.writes``. A text that no barcode can be is nobody's.
    """
    wanted = usable(barcode)
    if wanted is None:
        return None
    for statements in (_BY_BARCODE, _BY_IDENTIFIER):
        for institution_id in institution_ids:
            row = unit.one(statements[unit.writes], institution_id, wanted)
            if row is not None:
                return _facts(unit, row, now)
    return None


def by_id(unit: Unit, patron_id: int, now: datetime) -> PatronFacts | None:
    """The patron with this id, deleted or not; locked like `find`."""
    row = unit.one(_BY_ID[unit.writes], patron_id)
    return None if row is None else _facts(unit, row, now)


def _facts(unit: Unit, row: Row, now: datetime) -> PatronFacts:
    has = unit.one(_HAS, row[0], int(now.timestamp()))
    assert has is not None  # a row of aggregates is always there
    stored: tuple[BlockFacts, ...] = blocks.effective(unit, row[0], now) if has[14] else ()
    expires_on = row[11]
    return PatronFacts(
        *(
            *row[:11],
            None if expires_on is None else date.fromisoformat(expires_on),
            row[12] == 1,
            row[13],
            row[14] is not None,
            *has[:14],
            stored,
        )
    )
