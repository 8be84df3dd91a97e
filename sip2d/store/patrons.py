"""Patrons: who asks by barcode gets the row and everything counted about it.

One statement for a patron who owes nothing and is not blocked. Two where rows are locked (PostgreSQL): what
is counted must be read after the lock, a joined row keeps the value it had before the wait.
"""

from datetime import date, datetime
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)

from sip2d.policy.facts import ActingFacts, BlockFacts, PatronFacts
from sip2d.store import blocks
from sip2d.store.statement import Statement, hot
from sip2d.store.tables import (
    fee,
    fee_balance,
    hold,
    item,
    item_type,
    loan,
    membership,
    patron,
    patron_credit,
    patron_identifier,
    proxy_card,
    user_block,
)
from sip2d.store.times import seconds
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
    patron.c.membership_frozen,
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


def _hot_lock(*where: ColumnElement[bool], names: tuple[str, ...]) -> Statement:
    """The row, locked where the database locks rows."""
    return hot(select(*_COLUMNS).where(*where).with_for_update(of=patron), *names)


# A deleted patron is unknown to whoever asks by barcode; his rows stay, and `by_id` still finds him.
_IS_BARCODE = (
    patron.c.institution_id == bindparam("institution_id"),
    patron.c.barcode == bindparam("barcode"),
    patron.c.deleted_at.is_(None),
)
_IS_IDENTIFIER = (
    patron.c.id
    == select(patron_identifier.c.patron_id)
    .where(
        patron_identifier.c.institution_id == bindparam("institution_id"),
        patron_identifier.c.value == bindparam("barcode"),
    )
    .scalar_subquery(),
    patron.c.deleted_at.is_(None),
)
_LOCK_BY_BARCODE = _hot_lock(*_IS_BARCODE, names=("institution_id", "barcode"))
_LOCK_BY_IDENTIFIER = _hot_lock(*_IS_IDENTIFIER, names=("institution_id", "barcode"))
_BY_ID = {
    False: hot(select(*_COLUMNS).where(patron.c.id == bindparam("patron_id")), "patron_id"),
    True: _hot_lock(patron.c.id == bindparam("patron_id"), names=("patron_id",)),
}

_NOW = bindparam("now", type_=loan.c.due_at.type)
_OVERDUE = loan.c.due_at < _NOW
# True of every loan. It makes SQLite walk the index of open loans, which holds what is counted, instead of
# looking each loan up: 1.6 us.
_DUE_SOME_DAY = loan.c.due_at > -(2**62)
_PART: Final = 16
"""Several counts of one table travel in one integer, so many bits each: SQLite has no lateral join, and one
statement instead of four is 20 us instead of 33, and two hand-overs of the interpreter lock instead of
eight."""


def _packed(*conditions: ColumnElement[bool] | None) -> ColumnElement[int]:
    """The counts of rows for which each condition holds (None: all rows), the first in the lowest bits."""
    parts: list[ColumnElement[int]] = [
        literal_column(str(1 << _PART * place), BigInteger)
        if condition is None
        else case((condition, literal_column(str(1 << _PART * place), BigInteger)), else_=0)
        for place, condition in enumerate(conditions)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return cast(func.coalesce(func.sum(total), 0), BigInteger)


_MASK: Final = (1 << _PART) - 1


# A price of 0 counts as none (D-18). The type is looked up only then: coalesce stops at the first value.
_VALUE = func.coalesce(
    func.nullif(item.c.price_minor, 0),
    select(item_type.c.default_replacement_minor)
    .where(item_type.c.id == item.c.type_id)
    .correlate(item)
    .scalar_subquery(),
    0,
)


def _loans(patron_id: ColumnElement[int], limited: bool) -> ColumnElement[Any]:
    """The packed counts of open loans; where something is ``limited`` by them ``3|4150|1``: the counts, what
    the items are worth in minor units, how many of them are lost.

    Text, because the worth has no bound that bits could be cut by. A statement of its own would cost 5 us
    more, and two more hand-overs of the interpreter lock; a second walk of the loans 1.2 us.
    """
    recalled = loan.c.recalled_at.is_not(None)
    counts = _packed(None, _OVERDUE, recalled, _OVERDUE & recalled)
    wanted: Select[Any] = select(counts)
    if limited:
        worth = cast(func.coalesce(func.sum(_VALUE), 0), Text)
        lost = cast(func.count(case((item.c.lost_status > 0, 1))), Text)
        wanted = select(cast(counts, Text) + "|" + worth + "|" + lost).join_from(
            loan, item, item.c.id == loan.c.item_id
        )
    return wanted.where(
        loan.c.patron_id == patron_id, loan.c.status == "OPEN", _DUE_SOME_DAY
    ).scalar_subquery()


def _counted(patron_id: ColumnElement[int], limited: bool) -> tuple[ColumnElement[Any], ...]:
    """Loans, holds, how many fees are open, credit, how many blocks are in force, and the last day of the
    latest membership, each a scalar."""
    return (
        _loans(patron_id, limited),
        select(
            _packed(
                hold.c.status == "ON_SHELF", or_(hold.c.status == "PENDING", hold.c.status == "IN_TRANSIT")
            )
        )
        .where(hold.c.patron_id == patron_id, hold.c.closed_at.is_(None))
        .scalar_subquery(),
        select(func.count())
        .select_from(fee_balance)
        .where(fee_balance.c.patron_id == patron_id, fee_balance.c.outstanding_minor > 0)
        .scalar_subquery(),
        func.coalesce(
            select(patron_credit.c.credit_minor)
            .where(patron_credit.c.patron_id == patron_id)
            .scalar_subquery(),
            0,
        ),
        select(func.count())
        .select_from(user_block)
        .where(user_block.c.patron_id == patron_id, blocks.in_force(_NOW))
        .scalar_subquery(),
        select(func.max(membership.c.expires_on))
        .where(membership.c.patron_id == patron_id)
        .scalar_subquery(),
    )


_ROW: Final = len(_COLUMNS)
BARCODE: Final = _COLUMNS.index(patron.c.barcode)
LOANS: Final = _ROW
"""Places in a row of `hot_reads`: the barcode, and the packed counts of open loans."""
_PATRON = bindparam("patron_id", type_=patron.c.id.type)
_HAS = {limited: hot(select(*_counted(_PATRON, limited)), "patron_id", "now") for limited in (False, True)}


def hot_reads(*where: ColumnElement[bool], names: tuple[str, ...]) -> dict[bool, Statement]:
    """A row and everything counted about it, by whether the institution limits what items on loan are worth,
    or how many are lost."""
    return {
        limited: hot(select(*_COLUMNS, *_counted(patron.c.id, limited)).where(*where), *names, "now")
        for limited in (False, True)
    }


_READ_BY_BARCODE = hot_reads(*_IS_BARCODE, names=("institution_id", "barcode"))
_READ_BY_IDENTIFIER = hot_reads(*_IS_IDENTIFIER, names=("institution_id", "barcode"))


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
_FEES = hot(
    select(
        func.count(case((_IS_LOST & (func.coalesce(_LOAN_STATUS, "CLOSED") == "CLOSED"), 1))),
        func.count(case((_IS_LOST, 1))),
        func.coalesce(func.sum(fee_balance.c.outstanding_minor), 0),
        _owed(fee_balance.c.kind == "OVERDUE"),
        _owed(or_(*(fee_balance.c.kind == kind for kind in RESTRICTING))),
        _owed(fee_balance.c.kind == "MEMBERSHIP"),
    ).where(fee_balance.c.patron_id == _PATRON, fee_balance.c.outstanding_minor > 0),
    "patron_id",
)
"""Lost (loan closed), billed, owed, fines, what restricts borrowing and what memberships cost; asked only
where a fee is open."""
_NO_FEES: Final = (0, 0, 0, 0, 0, 0)


def find(unit: Unit, institution_ids: tuple[int, ...], barcode: str, now: datetime) -> PatronFacts | None:
    """The patron with this barcode or else this other identifier, in the first institution that knows it; or
    else the one for whom a proxy card of this barcode stands (MB-24).

    Locked until the unit ends where ``unit.locks``. A text that no barcode can be is nobody's.
    """
    row = unit.foreseen.get((institution_ids[0], now, barcode))  # by `foresight`
    if row is not None:
        return _facts(unit, row, row[_ROW:], now)
    wanted = usable(barcode)
    if wanted is None:
        return None
    moment = seconds(now)
    for reading, locking in _WAYS:
        for institution_id in institution_ids:
            if unit.locks:
                row = unit.one(locking, institution_id, wanted)
                if row is not None:
                    return _facts(unit, row, _has(unit, row, moment), now)
            else:
                limited = institution_id in unit.library.limited
                row = unit.one(reading[limited], institution_id, wanted, moment)
                if row is not None:
                    return _facts(unit, row, row[_ROW:], now)
    return _by_proxy(unit, institution_ids, wanted, now)


_PROXY = hot(
    select(proxy_card.c.primary_patron_id, proxy_card.c.holder_patron_id, proxy_card.c.expires_on).where(
        proxy_card.c.institution_id == bindparam("institution_id"),
        proxy_card.c.barcode == bindparam("barcode"),
        proxy_card.c.enabled == 1,
    ),
    "institution_id",
    "barcode",
)


def _by_proxy(
    unit: Unit, institution_ids: tuple[int, ...], barcode: str, now: datetime
) -> PatronFacts | None:
    """Who acts with a proxy card in force: the account with all that it has, the PIN and the own membership
    of the holder. The account or the holder deleted: nobody."""
    for institution_id in institution_ids:
        card = unit.one(_PROXY, institution_id, barcode)
        if card is None or _past(unit, institution_id, card[2], now):
            continue
        # Only the account is locked: of its holder nothing is counted that an act of his could change.
        row = unit.one(_BY_ID[False], card[1]) if card[1] is not None else None
        holder = None if row is None else _facts(unit, row, _has(unit, row, seconds(now)), now)
        who = by_id(unit, card[0], now)
        if who is None or who.deleted or (holder is not None and holder.deleted):
            continue
        pin_hash = who.pin_hash if holder is None else holder.pin_hash
        return replace(who, pin_hash=pin_hash, acting=ActingFacts(barcode, holder))
    return None


def _past(unit: Unit, institution_id: int, last_day: str | None, now: datetime) -> bool:
    """Whether a last day has passed, at the institution."""
    if last_day is None:
        return False
    zone = unit.library.institutions[institution_id].zone
    return date.fromisoformat(last_day) < now.astimezone(zone).date()


_WAYS: Final = ((_READ_BY_BARCODE, _LOCK_BY_BARCODE), (_READ_BY_IDENTIFIER, _LOCK_BY_IDENTIFIER))


def by_id(unit: Unit, patron_id: int, now: datetime) -> PatronFacts | None:
    """The patron with this id, deleted or not; locked like `find`."""
    row = unit.one(_BY_ID[unit.writes], patron_id)
    return None if row is None else _facts(unit, row, _has(unit, row, seconds(now)), now)


_CLAIM = hot(
    update(patron)
    .values(claims_returned=patron.c.claims_returned + bindparam("more"))
    .where(patron.c.id == bindparam("patron_id"), patron.c.claims_returned + bindparam("more") >= 0),
    "patron_id",
    "more",
)


def claim(unit: Unit, patron_id: int, more: int) -> None:
    """The patron claims one item more (1) or less (-1) to have returned it (CO-11)."""
    unit.run(_CLAIM, patron_id, more)


def _has(unit: Unit, row: Row, moment: int) -> Row:
    has = unit.one(_HAS[row[1] in unit.library.limited], row[0], moment)
    assert has is not None  # a row of scalars is always there
    return has


def _facts(unit: Unit, row: Row, has: Row, now: datetime) -> PatronFacts:
    """The row, and what `_counted` counted about it; the rest is asked for only where there is any."""
    loans, holds, fees, credit, blocked, member_until = has
    value = lost_on_loan = 0
    if isinstance(loans, str):
        loans, value, lost_on_loan = map(int, loans.split("|"))
    lost, billed, owed, fines, restricting, dues = (unit.one(_FEES, row[0]) if fees else None) or _NO_FEES
    stored: tuple[BlockFacts, ...] = blocks.effective(unit, row[0], now) if blocked else ()
    expires_on = row[11]
    fields = (
        *row[:11],
        None if expires_on is None else date.fromisoformat(expires_on),
        row[12] == 1,
        row[13],
        row[14] is not None,
        loans & _MASK,
        loans >> _PART & _MASK,
        loans >> 2 * _PART & _MASK,
        loans >> 3 * _PART & _MASK,
        value,
        lost_on_loan + lost,
        billed,
        holds & _MASK,
        holds >> _PART,
        owed,
        fines,
        restricting,
        fees,
        credit,
        stored,
        None if member_until is None else date.fromisoformat(member_until),
        dues,
        row[15] == 1,
    )
    return PatronFacts(*fields)
