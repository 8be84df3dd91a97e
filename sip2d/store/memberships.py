"""Memberships and the bills they cost, as rows that never change (MB-5): a new period is a new row.

A bill keeps what it sold, for the policy may be another one when it is paid. Whoever writes holds the
patron's lock, so nobody has two open bills.
"""

from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Select, and_, bindparam, func, insert, select, update

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
    query = _memberships().where(membership.c.patron_id == patron_id)
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


def billed_between(
    unit: Unit, institution_id: int, after: int, start: datetime, end: datetime, limit: int
) -> list[Bill]:
    """Bills made in [start, end) that were not taken back since, by fee after ``after`` (MB-40)."""
    activated = select(membership.c.id).where(membership.c.fee_id == membership_bill.c.fee_id)
    query = (
        select(*_BILL_COLUMNS)
        .join(patron, patron.c.id == membership_bill.c.patron_id)
        .join(fee_balance, fee_balance.c.fee_id == membership_bill.c.fee_id)
        .where(
            patron.c.institution_id == institution_id,
            patron.c.deleted_at.is_(None),
            membership_bill.c.created_at >= seconds(start),
            membership_bill.c.created_at < seconds(end),
            membership_bill.c.fee_id > after,
            (fee_balance.c.outstanding_minor > 0) | activated.exists(),
        )
        .order_by(membership_bill.c.fee_id)
        .limit(limit)
    )
    return [_bill(tuple(row)) for row in unit.core.execute(query)]


def activated_between(
    unit: Unit, institution_id: int, after: int, start: datetime, end: datetime, limit: int
) -> list[Membership]:
    """Memberships that began in [start, end), by id after ``after`` (MB-40)."""
    query = (
        _memberships()
        .join(patron, patron.c.id == membership.c.patron_id)
        .where(
            patron.c.institution_id == institution_id,
            patron.c.deleted_at.is_(None),
            membership.c.activated_at >= seconds(start),
            membership.c.activated_at < seconds(end),
            membership.c.id > after,
        )
        .order_by(membership.c.id)
        .limit(limit)
    )
    return [_membership(tuple(row)) for row in unit.core.execute(query)]


def ending_on(unit: Unit, type_id: int, last_day: date, after: int, limit: int) -> list[Membership]:
    """The memberships of a patron type that end on a day and are not renewed, by id after ``after``
    (MB-44)."""
    newer = membership.alias("newer")
    renewed = select(newer.c.id).where(
        newer.c.patron_id == membership.c.patron_id, newer.c.expires_on > membership.c.expires_on
    )
    query = (
        _memberships()
        .join(patron, patron.c.id == membership.c.patron_id)
        .where(
            patron.c.type_id == type_id,
            patron.c.deleted_at.is_(None),
            membership.c.expires_on == last_day.isoformat(),
            membership.c.id > after,
            ~renewed.exists(),
        )
        .order_by(membership.c.id)
        .limit(limit)
    )
    return [_membership(tuple(row)) for row in unit.core.execute(query)]


def never_billed(unit: Unit, type_id: int, after: int, limit: int) -> list[int]:
    """Patrons of a type made since its policy was attached, with neither a bill nor a membership: the bill of
    MB-11 is missing. By id after ``after``."""
    billed = select(membership_bill.c.fee_id).where(membership_bill.c.patron_id == patron.c.id)
    member = select(membership.c.id).where(membership.c.patron_id == patron.c.id)
    query = (
        select(patron.c.id)
        .join(patron_type, patron_type.c.id == patron.c.type_id)
        .where(
            patron.c.type_id == type_id,
            patron.c.deleted_at.is_(None),
            patron.c.created_at >= patron_type.c.policy_attached_at,
            patron.c.id > after,
            ~billed.exists(),
            ~member.exists(),
        )
        .order_by(patron.c.id)
        .limit(limit)
    )
    return [int(row[0]) for row in unit.core.execute(query)]


def lapsed(unit: Unit, type_id: int, today: date, after: int, limit: int) -> list[int]:
    """Patrons of a type whose latest membership is over and has not been billed again (D-13), by id after
    ``after``."""
    latest = (
        select(membership.c.patron_id, func.max(membership.c.expires_on).label("expires_on"))
        .group_by(membership.c.patron_id)
        .subquery()
    )
    last = membership.alias("last")
    billed = (
        select(membership_bill.c.fee_id)
        .join(last, last.c.id == membership_bill.c.renews_id)
        .where(last.c.patron_id == patron.c.id, last.c.expires_on == latest.c.expires_on)
    )
    query = (
        select(patron.c.id)
        .join(latest, and_(latest.c.patron_id == patron.c.id, latest.c.expires_on < today.isoformat()))
        .where(
            patron.c.type_id == type_id,
            patron.c.deleted_at.is_(None),
            patron.c.id > after,
            ~billed.exists(),
        )
        .order_by(patron.c.id)
        .limit(limit)
    )
    return [int(row[0]) for row in unit.core.execute(query)]


_MEMBERSHIP_COLUMNS = tuple(membership.c[name] for name in Membership.__struct_fields__)


def _memberships() -> Select[Any]:
    return select(*_MEMBERSHIP_COLUMNS)


def _membership(row: Row) -> Membership:
    id_, patron_id, policy_id, origin, activated_at, expires_on, fee_id = row
    return Membership(
        id_, patron_id, policy_id, origin, instant(activated_at), date.fromisoformat(expires_on), fee_id
    )


def _bill(row: Row) -> Bill:
    fee_id, patron_id, policy_id, amount_minor, period, unit, created_at = row
    return Bill(fee_id, patron_id, policy_id, amount_minor, period, PeriodUnit(unit), instant(created_at))
