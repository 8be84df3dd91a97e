"""Items: the row with its title and open loan, and the holds that concern it.

One statement, two where somebody waits for the title. Where rows are locked (PostgreSQL) there is one more:
loan and holds must be read after the item is locked, a joined row keeps the value it had before the wait.
Whoever changes an item's loan holds the item's lock.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update

from sip2d.policy.facts import HoldFacts, ItemFacts, LoanFacts
from sip2d.store import holds
from sip2d.store.patrons import usable
from sip2d.store.statement import Statement, hot
from sip2d.store.tables import hold, item, loan, patron, title
from sip2d.store.times import instant, maybe_instant, seconds
from sip2d.store.unit import Row, Unit

_COLUMNS = (
    item.c.id,
    item.c.institution_id,
    item.c.home_branch_id,
    item.c.holding_branch_id,
    item.c.transit_to_branch_id,
    item.c.title_id,
    item.c.type_id,
    item.c.barcode,
    item.c.call_number,
    item.c.collection_code,
    item.c.properties,
    item.c.price_minor,
    item.c.lost_status,
    item.c.lost_origin,
    item.c.withdrawn,
    item.c.not_for_loan,
    item.c.is_temporary_ill,
    item.c.security_marker,
    title.c.title,
    title.c.author,
    title.c.number,
)


_NOW = bindparam("now", type_=hold.c.placed_at.type)
_SHELF = hold.alias("shelf_hold")
_NEXT = hold.alias("next_hold")
_NEXT_ID = (
    select(hold.c.id)
    .where(holds.fits(item.c.id, item.c.title_id, item.c.home_branch_id), holds.waiting(_NOW))
    .order_by(*holds.queue_order(_NOW))
    .limit(1)
    .correlate(item)
    .scalar_subquery()
)
_QUEUE = (
    select(func.count())
    .select_from(hold)
    .where(
        hold.c.title_id == item.c.title_id,
        hold.c.closed_at.is_(None),  # by the index of open holds
        holds.ACTIVE,
    )
    .correlate(item)
    .scalar_subquery()
)
_LOAN_COLUMNS = (
    loan.c.id,
    loan.c.item_id,
    loan.c.patron_id,
    loan.c.branch_id,
    loan.c.policy_branch_id,
    loan.c.loaned_at,
    loan.c.due_at,
    loan.c.renewal_count,
    loan.c.recalled_at,
)
_IS_LENT = (loan.c.item_id == item.c.id) & (loan.c.status == "OPEN")
_HOLD_NAMES = tuple(column.name for column in holds.COLUMNS)
_QUEUE_PLACE = len(_LOAN_COLUMNS)
# The open loan, and how many wait for the title; most often nobody, and then `_HELD` is not asked: 11 us
# instead of 18 (its 32 columns and its sort cost even when there is no hold).
_ABOUT = hot(
    select(*_LOAN_COLUMNS, _QUEUE)
    .select_from(item)
    .outerjoin(loan, _IS_LENT)
    .where(item.c.id == bindparam("item_id")),
    "item_id",
)
_NEXT_PLACE = len(_HOLD_NAMES)
_LENGTH_PLACE = 2 * _NEXT_PLACE
# The hold this item fills, the next one it could fill, and how many wait: of one moment.
_HELD = hot(
    select(
        *(_SHELF.c[name] for name in _HOLD_NAMES),
        *(_NEXT.c[name] for name in _HOLD_NAMES),
        _QUEUE,
    )
    .select_from(item)
    .outerjoin(
        _SHELF,
        (_SHELF.c.filled_item_id == item.c.id)
        & or_(_SHELF.c.status == "ON_SHELF", _SHELF.c.status == "IN_TRANSIT"),
    )
    .outerjoin(_NEXT, _NEXT.c.id == _NEXT_ID)
    .where(item.c.id == bindparam("item_id")),
    "item_id",
    "now",
)


def _row(*where: ColumnElement[bool], names: tuple[str, ...]) -> dict[bool, Statement]:
    """With `_ABOUT`'s columns (with the patron's 3% of a renewal); or locking the item, and these later."""
    with_title = select(*_COLUMNS).join(title, title.c.id == item.c.title_id).where(*where)
    whole = with_title.add_columns(*_LOAN_COLUMNS, _QUEUE).outerjoin(loan, _IS_LENT)
    return {False: hot(whole, *names), True: hot(with_title.with_for_update(of=item), *names)}


_BY_BARCODE = _row(
    item.c.institution_id == bindparam("institution_id"),
    item.c.barcode == bindparam("barcode"),
    names=("institution_id", "barcode"),
)
_BY_ID = _row(item.c.id == bindparam("item_id"), names=("item_id",))
_ROW = len(_COLUMNS)
_LOANED_COPY = hot(
    select(item.c.id)
    .join(loan, _IS_LENT)
    .join(patron, patron.c.id == loan.c.patron_id)
    .join(title, title.c.id == item.c.title_id)
    .where(
        title.c.institution_id == bindparam("institution_id"),
        title.c.number == bindparam("number"),
        patron.c.institution_id == bindparam("institution_id"),
        patron.c.barcode == bindparam("barcode"),
    )
    .order_by(loan.c.due_at, loan.c.id)
    .limit(1),
    "institution_id",
    "number",
    "barcode",
)
_PLACE = hot(
    update(item)
    .values(holding_branch_id=bindparam("holding"), transit_to_branch_id=bindparam("transit"))
    .where(item.c.id == bindparam("item_id")),
    "item_id",
    "holding",
    "transit",
)
_LOST = hot(
    update(item)
    .values(lost_status=bindparam("status"), lost_on=bindparam("day"), lost_origin=bindparam("origin"))
    .where(item.c.id == bindparam("item_id")),
    "item_id",
    "status",
    "day",
    "origin",
)
_LOST_ON = hot(select(item.c.lost_on).where(item.c.id == bindparam("item_id")), "item_id")


def find(unit: Unit, institution_ids: tuple[int, ...], barcode: str, now: datetime) -> ItemFacts | None:
    """The item with this barcode in the first institution that knows it; locked where ``unit.locks``."""
    wanted = usable(barcode)
    if wanted is None:
        return None
    for institution_id in institution_ids:
        row = unit.one(_BY_BARCODE[unit.locks], institution_id, wanted)
        if row is not None:
            return _facts(unit, row, now)
    return None


def by_id(unit: Unit, item_id: int, now: datetime) -> ItemFacts | None:
    """The item with this id; locked like `find`."""
    row = unit.one(_BY_ID[unit.locks], item_id)
    return None if row is None else _facts(unit, row, now)


def loaned_copy(
    unit: Unit, institution_id: int, patron_barcode: str, number: str, now: datetime
) -> ItemFacts | None:
    """The copy of a title that a patron has on loan, the first due of several; locked like `find`."""
    barcode, wanted = usable(patron_barcode), usable(number)
    if barcode is None or wanted is None:
        return None
    item_id = unit.value(_LOANED_COPY, institution_id, wanted, barcode)
    return None if item_id is None else by_id(unit, item_id, now)


def place(unit: Unit, item_id: int, holding_branch_id: int, transit_to_branch_id: int | None) -> None:
    """Where the item is, and where it is being sent."""
    unit.run(_PLACE, item_id, holding_branch_id, transit_to_branch_id)


def lost_on(unit: Unit, item_id: int) -> str | None:
    """The day an item was recorded as lost, ISO text."""
    day: str | None = unit.value(_LOST_ON, item_id)
    return day


def set_lost(unit: Unit, item_id: int, status: int, day: str | None, origin: str | None) -> None:
    """Record an item as lost (status above 0), or as found (0, None, None)."""
    unit.run(_LOST, item_id, status, day, origin)


def _facts(unit: Unit, row: Row, now: datetime) -> ItemFacts:
    about = unit.one(_ABOUT, row[0]) if unit.locks else row[_ROW:]
    assert about is not None
    shelf_hold = next_hold = None
    queue: int = about[_QUEUE_PLACE]
    if queue:
        held = unit.one(_HELD, row[0], seconds(now))
        assert held is not None
        shelf_hold, next_hold = _hold(held[:_NEXT_PLACE]), _hold(held[_NEXT_PLACE:_LENGTH_PLACE])
        queue = held[_LENGTH_PLACE]
    return ItemFacts(
        *(
            *row[:14],
            row[14] == 1,
            row[15] == 1,
            row[16] == 1,
            *row[17:_ROW],
            None if about[0] is None else loan_facts(about[:_QUEUE_PLACE]),
            shelf_hold,
            next_hold,
            queue,
        )
    )


def loan_facts(row: Row) -> LoanFacts:
    """A row of a loan's columns in the order of `LoanFacts`."""
    return LoanFacts(*(*row[:5], instant(row[5]), instant(row[6]), row[7], maybe_instant(row[8])))


def _hold(row: Row) -> HoldFacts | None:
    return None if row[0] is None else holds.facts(row)
