"""The settings of an institution, typed (circulation.md 16). They stand as text in rows; `setting_names`
makes them values, once.
"""

import enum

import msgspec


class CircControl(enum.StrEnum):
    """Whose circulation rules, calendar and prices apply (CO-5)."""

    PICKUP = "PICKUP"
    PATRON_HOME = "PATRON_HOME"
    ITEM_HOME = "ITEM_HOME"


class FinesMode(enum.StrEnum):
    """Whether overdue fines are computed at all (LO-30)."""

    OFF = "OFF"
    PRODUCTION = "PRODUCTION"


class HoursCalendar(enum.StrEnum):
    """What hourly fines leave out where closed days are not charged (LO-27)."""

    SKIP_DATES = "SKIP_DATES"
    OPENING_HOURS = "OPENING_HOURS"


class MaxFineScope(enum.StrEnum):
    """What MaxFine limits (LO-29, D-16)."""

    PER_LOAN = "PER_LOAN"
    PATRON_TOTAL = "PATRON_TOTAL"


class Allow(enum.StrEnum):
    """OPACFineNoRenewalsBlockAutoRenew (LO-34)."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"


class LostSource(enum.StrEnum):
    """The place where an item's lost status was set (LO-70)."""

    MOREDETAIL = "MOREDETAIL"
    BATCHMOD = "BATCHMOD"
    PENDINGRESERVES = "PENDINGRESERVES"
    CRONJOB = "CRONJOB"
    ADDITEM = "ADDITEM"
    ONPAYMENT = "ONPAYMENT"
    CLAIM_RETURNED = "CLAIM_RETURNED"


class HoldsToPull(enum.StrEnum):
    """CanMarkHoldsToPullAsLost (LO-72)."""

    DO_NOT_ALLOW = "DO_NOT_ALLOW"
    ALLOW = "ALLOW"
    ALLOW_AND_NOTIFY = "ALLOW_AND_NOTIFY"


class RefundControl(enum.StrEnum):
    """Whose lost_return_policy applies to a lost item that comes back (LO-55)."""

    CHECKINLIBRARY = "CHECKINLIBRARY"
    ITEMHOMEBRANCH = "ITEMHOMEBRANCH"
    ITEMHOLDINGBRANCH = "ITEMHOLDINGBRANCH"


class NoticeCalendar(enum.StrEnum):
    """Whether days overdue are counted in open days for notices (LO-15)."""

    IGNORE = "IGNORE"
    USE = "USE"


class NoticeMode(enum.StrEnum):
    """When a level of overdue notices applies: from its day on, or on that day alone (LO-15)."""

    RANGE = "RANGE"
    EXACT_DAY = "EXACT_DAY"


class LiftRestriction(enum.StrEnum):
    """AutoRemoveOverduesRestrictions (LO-22)."""

    NO = "NO"
    WHEN_NO_OVERDUE = "WHEN_NO_OVERDUE"


class ThresholdMode(enum.StrEnum):
    """How demerit points meet their threshold (BL-24)."""

    EXCEEDS = "EXCEEDS"
    REACHES = "REACHES"


class PolicyRemoved(enum.StrEnum):
    """What happens to the unsettled when a membership policy is removed (MB-8, D-10)."""

    KEEP_BLOCKED = "KEEP_BLOCKED"
    UNBLOCK = "UNBLOCK"


class OtherPatron(enum.StrEnum):
    """What a loan made off-line does to the older loan of another patron (OF-31)."""

    AUTO_RETURN = "AUTO_RETURN"
    ERROR = "ERROR"


class Settings(msgspec.Struct, frozen=True):
    """What the rules ask of an institution's settings. Money in minor units; None switches a limit off.

    ``refused`` holds one sentence for each stored value that makes no sense; its default applies.
    """

    circ_control: CircControl = CircControl.PICKUP
    noissuescharge_minor: int | None = None
    noissuescharge_item_types: frozenset[str] = frozenset()
    fine_no_renewals_minor: int | None = None
    fine_no_renewals_includes_credits: bool = False
    fine_no_renewals_auto: Allow = Allow.ALLOW
    allow_renew_if_other_items: bool = False
    allow_past_renewal_due_date: bool = False
    block_return_of_lost: bool = False
    accept_credit: bool = False
    offline_max_age_days: int = 30
    offline_other_patron: OtherPatron = OtherPatron.AUTO_RETURN
    offline_dedup: bool = True
    cancel_window_min: int = 10
    hold_shelf_days: int = 7
    hold_reminder_days: int | None = None
    # fines
    fines_mode: FinesMode = FinesMode.OFF
    fines_on_return: bool = True
    fines_on_closed_days: bool = False
    fines_include_grace: bool = True
    hours_calendar: HoursCalendar = HoursCalendar.SKIP_DATES
    max_fine_minor: int | None = None
    max_fine_scope: MaxFineScope = MaxFineScope.PER_LOAN
    # lost items
    use_default_replacement_cost: bool = True
    forgive_fine_when_lost: bool = False
    charge_replacement_when_lost: bool = True
    long_overdue_days: int | None = None
    long_overdue_lost_value: int | None = None
    long_overdue_charge_value: int | None = None
    long_overdue_skip: frozenset[int] = frozenset()
    long_overdue_uses_calendar: bool = True
    long_overdue_max_days: int = 366
    long_overdue_patron_types: frozenset[str] = frozenset()
    long_overdue_skip_patron_types: frozenset[str] = frozenset()
    long_overdue_item_types: frozenset[str] = frozenset()
    long_overdue_skip_item_types: frozenset[str] = frozenset()
    long_overdue_branches: frozenset[str] = frozenset()
    long_overdue_skip_branches: frozenset[str] = frozenset()
    lost_ends_loan: frozenset[LostSource] = frozenset()
    holds_to_pull_lost: HoldsToPull = HoldsToPull.DO_NOT_ALLOW
    holds_to_pull_lost_value: int | None = None
    lost_property: str = ""
    refund_control: RefundControl = RefundControl.CHECKINLIBRARY
    no_refund_age_days: int | None = None
    no_refund_paid_age_days: int | None = None
    auto_reconcile: bool = True
    # notices and restrictions
    notice_calendar: NoticeCalendar = NoticeCalendar.IGNORE
    notice_mode: NoticeMode = NoticeMode.RANGE
    notice_lists_all: bool = False
    courtesy_skips_auto_renew: bool = False
    lift_restrictions: LiftRestriction = LiftRestriction.WHEN_NO_OVERDUE
    # demerits and overdue blocks
    demerit_enable: bool = False
    demerit_history_days: int | None = None
    demerit_maximum_threshold: int | None = None
    demerit_suspension_days: int | None = None
    demerit_threshold_mode: ThresholdMode = ThresholdMode.EXCEEDS
    max_overdue_block_per_block: bool = True
    short_loan_overdue_block: bool = False
    short_loan_overdue_reminder_min: int = 0
    overdue_block_on_renewal: bool = False
    # memberships
    auto_bill_on_expiry: bool = False
    on_policy_removed: PolicyRemoved = PolicyRemoved.KEEP_BLOCKED
    membership_flags_in_patron_status: bool = False
    refused: tuple[str, ...] = ()
