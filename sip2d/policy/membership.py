"""Memberships: a paid right to use the loan services (circulation.md 7).

A status is derived, never stored (MB-10): from the last day of what was paid for, from what is unpaid, and
from whether anybody asks for a membership at all.
"""

import enum
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.policy.calendar import DAY_END, local_instant
from sip2d.policy.due import months_later


class PeriodUnit(enum.StrEnum):
    """What a membership's period is counted in (MB-2)."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


LONGEST: Final = {
    PeriodUnit.DAY: 36_500,
    PeriodUnit.WEEK: 5_200,
    PeriodUnit.MONTH: 1_200,
    PeriodUnit.YEAR: 100,
}
"""A hundred years: more is a slip of the pen."""


class MembershipPolicy(msgspec.Struct, frozen=True):
    """What a membership costs and how long it lasts (MB-2).

    Templates are codes; without one no notice of that kind is sent (MB-45).
    """

    id: int
    institution_id: int
    name: str
    fee_minor: int
    bill_reason: str
    period: int
    period_unit: PeriodUnit
    reminder_days: tuple[int, ...]
    bill_template: str | None
    confirmation_template: str | None
    reminder_template: str | None
    enabled: bool


class Status(enum.Enum):
    """How a patron stands with his membership (MB-10)."""

    NOT_REQUIRED = "NOT_REQUIRED"
    UNKNOWN = "UNKNOWN"
    FEE_DUE = "FEE_DUE"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"

    @property
    def settled(self) -> bool:
        """Whether nothing stands against borrowing (MB-20)."""
        return self in _SETTLED


_SETTLED: Final = frozenset({Status.NOT_REQUIRED, Status.ACTIVE})


def status(*, last_day: date | None, required: bool, owed_minor: int, today: date) -> Status:
    """The status on a local date of the patron's institution (MB-10).

    ``last_day`` is the latest of his memberships, ``required``: his type has a policy, or he was left blocked
    when it was removed (MB-8); ``owed_minor`` what he owes in membership fees.
    """
    if last_day is not None and today <= last_day:
        return Status.ACTIVE
    if not required:
        return Status.NOT_REQUIRED
    if owed_minor > 0:
        return Status.FEE_DUE
    return Status.UNKNOWN if last_day is None else Status.EXPIRED


def expires_on(activation: datetime, period: int, unit: PeriodUnit, zone: tzinfo) -> date:
    """The last day of a membership that begins at this instant: the local date and the period, closures or
    not; months end where the month does (MB-3, MB-4).

    Raises:
        ValueError: the period is shorter than a day (MB-2).
    """
    if period < 1:
        raise ValueError("a membership lasts one day at least")
    day = activation.astimezone(zone).date()
    match unit:
        case PeriodUnit.DAY:
            return day + timedelta(days=period)
        case PeriodUnit.WEEK:
            return day + timedelta(weeks=period)
        case PeriodUnit.MONTH:
            return months_later(day, period)
        case PeriodUnit.YEAR:
            return months_later(day, 12 * period)


def valid_until(last_day: date, zone: ZoneInfo) -> datetime:
    """23:59:59 of the last day, as an instant (MB-4)."""
    return local_instant(last_day, DAY_END, zone)
