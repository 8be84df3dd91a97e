"""Memberships: a paid right to use the loan services (circulation.md 7)."""

import enum

import msgspec


class PeriodUnit(enum.StrEnum):
    """What a membership's period is counted in (MB-2)."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


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
