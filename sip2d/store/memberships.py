"""Memberships and the bills they cost, as rows that never change (MB-5): a new period is a new row.

A bill keeps what it sold, for the policy may be another one when it is paid. Whoever writes holds the
patron's lock, so nobody has two open bills.
"""

from datetime import date, datetime
from typing import Final

import msgspec
from sqlalchemy import and_, bindparam, func, insert, select, update

from sip2d.policy.membership import MembershipPolicy, PeriodUnit
from sip2d.store.statement import hot
from sip2d.store.tables import fee_balance, membership, membership_bill, patron, patron_type
from sip2d.store.times import instant, seconds
from sip2d.store.unit import Row, Unit

BILL: Final = "BILL"
STAFF_EXISTING: Final = "STAFF_EXISTING"


class Membership(msgspec.Struct, frozen=True, gc=False):
    """A period of membership; `fee_id` is its bill, where it had one."""

    id: int
    patron_id: int
    policy_id: int | None
    origin: str
    activated_at: datetime
    expires_on: date
    fee_id: int | None


class Bill(msgspec.Struct, frozen=True, gc=False):
    """What a bill sold."""

    fee_id: int
    patron_id: int
    policy_id: int
    amount_minor: int
    period: int
    period_unit: PeriodUnit
    created_at: datetime


_INSERT = hot(
    insert(membership),
    "patron_id",
    "policy_id",
    "origin",
    "activated_at",
    "expires_on",
    "fee_id",
    "created_by",
)
_INSERT_BILL = hot(
    insert(membership_bill),
    "fee_id",
    "patron_id",
    "policy_id",
    "amount_minor",
    "period",
    "period_unit",
    "renews_id",
    "created_at",
)
_LATEST = hot(
    select(membership.c.id)
    .where(membership.c.patron_id == bindparam("patron_id"))
    .order_by(membership.c.expires_on.desc(), membership.c.id.desc())
    .limit(1),
    "patron_id",
)
_ACTIVATED = hot(select(membership.c.id).where(membership.c.fee_id == bindparam("fee_id")), "fee_id")
_BILL_COLUMNS = tuple(membership_bill.c[name] for name in Bill.__struct_fields__)
_BILL = hot(select(*_BILL_COLUMNS).where(membership_bill.c.fee_id == bindparam("fee_id")), "fee_id")
_FEE = hot(
    select(fee_balance.c.outstanding_minor, fee_balance.c.patron_id).where(
        fee_balance.c.fee_id == bindparam("fee_id"), fee_balance.c.kind == "MEMBERSHIP"
    ),
    "fee_id",
)
_FREEZE = hot(
    update(patron).where(patron.c.id == bindparam("of_patron")).values(membership_frozen=bindparam("frozen")),
    "frozen",
    "of_patron",
)


def add(
    unit: Unit,
    patron_id: int,
    *,
    origin: str,
    activated_at: datetime,
    expires_on: date,
    policy_id: int | None,
    fee_id: int | None = None,
    created_by: str,
) -> int:
    """Record a membership that begins; its id."""
    return unit.insert(
        _INSERT,
        patron_id,
        policy_id,
        origin,
        seconds(activated_at),
        expires_on.isoformat(),
        fee_id,
        created_by,
    )


def add_bill(unit: Unit, fee_id: int, patron_id: int, policy: MembershipPolicy, now: datetime) -> None:
    """Record what a fee just raised sells, and which membership it follows."""
    unit.run(
        _INSERT_BILL,
        fee_id,
        patron_id,
        policy.id,
        policy.fee_minor,
        policy.period,
        policy.period_unit.value,
        unit.value(_LATEST, patron_id),
        seconds(now),
    )


def bill_of(unit: Unit, fee_id: int) -> Bill | None:
    """What a fee sold; None for a fee that was not raised by a policy."""
    row = unit.one(_BILL, fee_id)
    return None if row is None else _bill(row)


def settled_fee(unit: Unit, fee_id: int, patron_id: int) -> bool:
    """Whether this is a membership fee of the patron on which nothing is owed, and that no membership came of
    yet (MB-15)."""
    return unit.one(_FEE, fee_id) == (0, patron_id) and unit.one(_ACTIVATED, fee_id) is None


def set_frozen(unit: Unit, patron_id: int, frozen: bool) -> None:
    """Whether the patron stays blocked although no policy asks him any more (MB-8)."""
    unit.run(_FREEZE, int(frozen), patron_id)


# -- staff and jobs, with plain Core -------------------------------------------------------------------------


def history(unit: Unit, patron_id: int) -> list[Membership]:
    """All memberships of a patron, the latest first."""
    query = select(*_MEMBERSHIP_COLUMNS).where(membership.c.patron_id == patron_id)
    rows = unit.core.execute(query.order_by(membership.c.expires_on.desc(), membership.c.id.desc()))
    return [_membership(tuple(row)) for row in rows]


def freeze_type(unit: Unit, type_id: int, today: date) -> int:
    """The policy of a patron type goes: whoever has no membership now stays blocked (MB-10); how many."""
    active = select(membership.c.id).where(
        membership.c.patron_id == patron.c.id, membership.c.expires_on >= today.isoformat()
    )
    done = unit.core.execute(
        update(patron)
        .where(patron.c.type_id == type_id, patron.c.deleted_at.is_(None), ~active.exists())
        .values(membership_frozen=1)
    )
    return int(done.rowcount)


def thaw_type(unit: Unit, type_id: int) -> int:
    """A policy is attached: from now on it says who is asked (MB-10); how many were frozen."""
    done = unit.core.execute(
        update(patron)
        .where(patron.c.type_id == type_id, patron.c.membership_frozen == 1)
        .values(membership_frozen=0)
    )
    return int(done.rowcount)


_MEMBERSHIP_COLUMNS = tuple(membership.c[name] for name in Membership.__struct_fields__)
_NEWER = membership.alias("newer")
_LAST = membership.alias("last")
_LAST_DAY = (
    select(membership.c.patron_id, func.max(membership.c.expires_on).label("expires_on"))
    .group_by(membership.c.patron_id)
    .subquery()
)
_LIVING = patron.c.deleted_at.is_(None)
_OF_TYPE = (patron.c.type_id == bindparam("type_id"), _LIVING)
_BILLED_BETWEEN = hot(
    select(*_BILL_COLUMNS)
    .join(patron, patron.c.id == membership_bill.c.patron_id)
    .join(fee_balance, fee_balance.c.fee_id == membership_bill.c.fee_id)
    .where(
        patron.c.institution_id == bindparam("institution_id"),
        _LIVING,
        membership_bill.c.created_at >= bindparam("start"),
        membership_bill.c.created_at < bindparam("end"),
        membership_bill.c.fee_id > bindparam("after"),
        (fee_balance.c.outstanding_minor > 0)
        | select(membership.c.id).where(membership.c.fee_id == membership_bill.c.fee_id).exists(),
    )
    .order_by(membership_bill.c.fee_id)
    .limit(bindparam("most")),
    "institution_id", "start", "end", "after", "most",
)  # fmt: skip
_ACTIVATED_BETWEEN = hot(
    select(*_MEMBERSHIP_COLUMNS)
    .join(patron, patron.c.id == membership.c.patron_id)
    .where(
        patron.c.institution_id == bindparam("institution_id"),
        _LIVING,
        membership.c.activated_at >= bindparam("start"),
        membership.c.activated_at < bindparam("end"),
        membership.c.id > bindparam("after"),
    )
    .order_by(membership.c.id)
    .limit(bindparam("most")),
    "institution_id", "start", "end", "after", "most",
)  # fmt: skip
_ENDING_ON = hot(
    select(*_MEMBERSHIP_COLUMNS)
    .join(patron, patron.c.id == membership.c.patron_id)
    .where(
        *_OF_TYPE,
        membership.c.expires_on == bindparam("last_day"),
        membership.c.id > bindparam("after"),
        ~select(_NEWER.c.id)
        .where(_NEWER.c.patron_id == membership.c.patron_id, _NEWER.c.expires_on > membership.c.expires_on)
        .exists(),
    )
    .order_by(membership.c.id)
    .limit(bindparam("most")),
    "type_id", "last_day", "after", "most",
)  # fmt: skip
_NEVER_BILLED = hot(
    select(patron.c.id)
    .join(patron_type, patron_type.c.id == patron.c.type_id)
    .where(
        *_OF_TYPE,
        patron.c.created_at >= patron_type.c.policy_attached_at,
        patron.c.id > bindparam("after"),
        ~select(membership_bill.c.fee_id).where(membership_bill.c.patron_id == patron.c.id).exists(),
        ~select(membership.c.id).where(membership.c.patron_id == patron.c.id).exists(),
    )
    .order_by(patron.c.id)
    .limit(bindparam("most")),
    "type_id", "after", "most",
)  # fmt: skip
_LAPSED = hot(
    select(patron.c.id)
    .join(
        _LAST_DAY, and_(_LAST_DAY.c.patron_id == patron.c.id, _LAST_DAY.c.expires_on < bindparam("today"))
    )
    .where(
        *_OF_TYPE,
        patron.c.id > bindparam("after"),
        ~select(membership_bill.c.fee_id)
        .join(_LAST, _LAST.c.id == membership_bill.c.renews_id)
        .where(_LAST.c.patron_id == patron.c.id, _LAST.c.expires_on == _LAST_DAY.c.expires_on)
        .exists(),
    )
    .order_by(patron.c.id)
    .limit(bindparam("most")),
    "type_id", "today", "after", "most",
)  # fmt: skip
"""The selections of jobs, several an hour (MB-40) and a night."""


def billed_between(
    unit: Unit, institution_id: int, after: int, start: datetime, end: datetime, limit: int
) -> list[Bill]:
    """Bills made in [start, end) that were not taken back since, by fee after ``after`` (MB-40)."""
    rows = unit.all(_BILLED_BETWEEN, institution_id, seconds(start), seconds(end), after, limit)
    return [_bill(row) for row in rows]


def activated_between(
    unit: Unit, institution_id: int, after: int, start: datetime, end: datetime, limit: int
) -> list[Membership]:
    """Memberships that began in [start, end), by id after ``after`` (MB-40)."""
    rows = unit.all(_ACTIVATED_BETWEEN, institution_id, seconds(start), seconds(end), after, limit)
    return [_membership(row) for row in rows]


def ending_on(unit: Unit, type_id: int, last_day: date, after: int, limit: int) -> list[Membership]:
    """The memberships of a patron type that end on a day and are not renewed, by id after ``after``
    (MB-44)."""
    return [_membership(row) for row in unit.all(_ENDING_ON, type_id, last_day.isoformat(), after, limit)]


def never_billed(unit: Unit, type_id: int, after: int, limit: int) -> list[int]:
    """Patrons of a type made since its policy was attached, with neither a bill nor a membership: the bill of
    MB-11 is missing. By id after ``after``."""
    return [int(row[0]) for row in unit.all(_NEVER_BILLED, type_id, after, limit)]


def lapsed(unit: Unit, type_id: int, today: date, after: int, limit: int) -> list[int]:
    """Patrons of a type whose latest membership is over and has not been billed again (D-13), by id after
    ``after``."""
    return [int(row[0]) for row in unit.all(_LAPSED, type_id, today.isoformat(), after, limit)]


def _membership(row: Row) -> Membership:
    id_, patron_id, policy_id, origin, activated_at, expires_on, fee_id = row
    return Membership(
        id_, patron_id, policy_id, origin, instant(activated_at), date.fromisoformat(expires_on), fee_id
    )


def _bill(row: Row) -> Bill:
    fee_id, patron_id, policy_id, amount_minor, period, unit, created_at = row
    return Bill(fee_id, patron_id, policy_id, amount_minor, period, PeriodUnit(unit), instant(created_at))
