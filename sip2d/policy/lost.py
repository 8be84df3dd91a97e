"""Loss: when an item is lost, what that costs, and what its return gives back (circulation.md 8.5, 8.6)."""

from datetime import date, datetime, timedelta

import msgspec

from sip2d.policy.calendar import Calendar
from sip2d.policy.facts import ItemTypeFacts
from sip2d.policy.settings import LostSource, Settings
from sip2d.policy.terms import LostReturn


class LostValue(msgspec.Struct, frozen=True):
    """An authorised lost status (LO-48); 0 is not lost and has no row."""

    institution_id: int
    code: int
    description: str
    is_auto: bool
    claims_returned: bool
    blocks_checkin: bool


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What a loss costs its borrower, minor units; 0 is no charge."""

    replacement_minor: int
    processing_minor: int


class Charged(msgspec.Struct, frozen=True, gc=False):
    """What became of a replacement charge so far, minor units.

    ``kept`` is charged and not refunded; ``given_up`` was waived, forgiven or written off; ``outstanding`` is
    unpaid; ``paid_lately`` was paid within the age that is refunded (None: all of it may be).
    """

    kept: int
    given_up: int
    outstanding: int
    paid_lately: int | None = None


class Refund(msgspec.Struct, frozen=True, gc=False):
    """What a return gives back: taken off what is unpaid, and credited; minor units."""

    settled: int
    credited: int

    @property
    def total(self) -> int:
        """Both."""
        return self.settled + self.credited


# -- becoming lost (LO-40..LO-46) ----------------------------------------------------------------------------


def is_configured(settings: Settings) -> bool:
    """Whether the automation runs at all: it knows its days and its value (LO-40)."""
    return settings.long_overdue_days is not None and settings.long_overdue_lost_value is not None


def leaves_alone(settings: Settings, lost_status: int) -> bool:
    """Items in a listed status are skipped; those that have the target's already, always (LO-44)."""
    return lost_status == settings.long_overdue_lost_value or lost_status in settings.long_overdue_skip


def concerns(settings: Settings, patron_type: str, item_type: str, branch: str) -> bool:
    """Whether the automation is about loans like this one, by codes (LO-46).

    Settings that both include and exclude are the caller's to refuse (`contradictions`).
    """
    return (
        _passes(patron_type, settings.long_overdue_patron_types, settings.long_overdue_skip_patron_types)
        and _passes(item_type, settings.long_overdue_item_types, settings.long_overdue_skip_item_types)
        and _passes(branch, settings.long_overdue_branches, settings.long_overdue_skip_branches)
    )


def _passes(code: str, only: frozenset[str], never: frozenset[str]) -> bool:
    return (not only or code in only) and code not in never


def is_long_overdue(settings: Settings, calendar: Calendar, due_at: datetime, at: datetime) -> bool:
    """On day N+1 overdue and later: open days unless the setting says calendar days (LO-41, D-17).

    Loans overdue for more than LongOverdueMaxDays calendar days are left as they are (LO-45).
    """
    limit = settings.long_overdue_days
    if limit is None or at <= due_at:
        return False
    age = (calendar.local_date(at) - calendar.local_date(due_at)).days
    if not limit < age <= settings.long_overdue_max_days:  # open days are never more than calendar days
        return False
    return not settings.long_overdue_uses_calendar or calendar.open_days(due_at, at) > limit


# -- what it costs (LO-43, LO-52) ----------------------------------------------------------------------------


def is_charged(settings: Settings, value: LostValue, source: LostSource) -> bool:
    """Whether setting this value charges: iff it is the charge value (LO-43).

    Where no charge value is configured the job charges nothing; what a person declares lost by hand is
    charged then, but for a claim that the item was returned.
    """
    charging = settings.long_overdue_charge_value
    if charging is not None:
        return value.code == charging
    by_hand = source not in (LostSource.CRONJOB, LostSource.CLAIM_RETURNED)
    return by_hand and not value.claims_returned


def cost(settings: Settings, kind: ItemTypeFacts, price_minor: int | None) -> Cost:
    """The item's own price, else its type's, and the type's processing fee (LO-52); a price of 0 is none
    (D-18)."""
    replacement = price_minor or 0
    if not replacement and settings.use_default_replacement_cost:
        replacement = kind.default_replacement_minor or 0
    if not settings.charge_replacement_when_lost:
        replacement = 0
    return Cost(replacement, kind.processing_fee_minor or 0)


# -- what its return gives back (LO-56..LO-61) ---------------------------------------------------------------


def is_too_old(settings: Settings, lost_on: date | None, on: date) -> bool:
    """Whether the loss is more days ago than money moves for (LO-61); at exactly N it still does (D-20)."""
    limit = settings.no_refund_age_days
    return limit is not None and lost_on is not None and (on - lost_on).days > limit


def paid_since(settings: Settings, on: date) -> date | None:
    """The first day whose payments are refunded (NoRefundOnLostFinesPaidAge, LO-61); None: all are."""
    limit = settings.no_refund_paid_age_days
    return None if limit is None else on - timedelta(days=limit)


def refund(policy: LostReturn, charged: Charged) -> Refund:
    """The replacement charge but for what was given up: first off what is unpaid, the rest as credit (LO-57).

    ``keep`` gives nothing back, ``refund_unpaid`` only takes off what is unpaid (LO-56).
    """
    if policy is LostReturn.KEEP:
        return Refund(0, 0)
    whole = max(charged.kept - charged.given_up, 0)
    settled = min(charged.outstanding, whole)
    if policy is LostReturn.REFUND_UNPAID:
        return Refund(settled, 0)
    paid = whole - settled
    return Refund(settled, paid if charged.paid_lately is None else min(paid, charged.paid_lately))


def charged_again(cost_minor: int, kept_minor: int) -> int:
    """What a loan that is lost once more owes besides what its one charge still holds (LO-52)."""
    return max(cost_minor - kept_minor, 0)
