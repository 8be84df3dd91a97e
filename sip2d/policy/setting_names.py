"""What each setting is called in rows and commands, what it means, which field of `Settings` it fills and how
its text is read (circulation.md 16).

A setting that policy does not know may belong to another room and is left alone; ``parse_setting``, which
staff's commands ask before they write a row, refuses it.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sip2d.policy import settings as kinds
from sip2d.policy.parsing import choice, minor, number, number_or_none, truth, unknown, words

Parse = Callable[[str, int], Any]


class Setting(msgspec.Struct, frozen=True):
    """The field it fills, its caption, and how it is read. ``site_wide``: one of the seed's preferences,
    which change the behaviour of every campus of the institution (GN-9)."""

    field: str
    caption: str
    parse: Parse
    site_wide: bool = True


def _plain(parse: Callable[[str], Any]) -> Parse:
    return lambda text, _decimals: parse(text)


def _codes(text: str) -> frozenset[int]:
    """Lost values joined by commas."""
    try:
        return frozenset(int(word) for word in words(text))
    except ValueError:
        raise ValueError("is no list of lost values like 1,2") from None


def _sources(text: str) -> frozenset[kinds.LostSource]:
    one = choice(kinds.LostSource)
    return frozenset(one(word) for word in words(text))


def _item_update(text: str) -> int | None:
    """``lost_status: 1`` as the seed writes it, or the bare value (LO-73)."""
    found = re.fullmatch(r"(?:lost_status\s*[:=]\s*)?([0-9]{1,6})?", text)
    if found is None:
        raise ValueError("must be a lost value, like 1 or lost_status: 1")
    return None if found[1] is None else int(found[1])


def _property(text: str) -> str:
    """A name, or blank."""
    if not re.fullmatch(r"(?:[A-Za-z][A-Za-z0-9_-]{0,39})?", text):
        raise ValueError("must be the name of a property, like lost_status")
    return text


_TRUTH: Final = _plain(truth)
_WORDS: Final = _plain(words)
_DAYS: Final = _plain(number_or_none(0, 36_500))
_LOST_VALUE: Final = _plain(number_or_none(1, 999_999))
_AMOUNT_LIMIT: Final = "Checkout is denied when more is owed; blank: no limit (CO-10)"


def _own(field: str, caption: str, parse: Parse) -> Setting:
    return Setting(field, caption, parse, site_wide=False)


SETTINGS: Final[dict[str, Setting]] = {
    "circ_control": _own("circ_control", "Whose rules apply (CO-5)", _plain(choice(kinds.CircControl))),
    "noissuescharge": Setting("noissuescharge_minor", _AMOUNT_LIMIT, minor),
    "nopretnumeriquecharge": Setting("noissuescharge_minor", "Another name of noissuescharge (D-33)", minor),
    "noissuescharge_item_types": Setting(
        "noissuescharge_item_types",
        "Item types that noissuescharge is limited to; blank: all (CO-10)",
        _WORDS,
    ),
    "OPACFineNoRenewals": Setting(
        "fine_no_renewals_minor", "Renewal is denied when more is owed; blank: no limit (LO-33)", minor
    ),
    "OPACFineNoRenewalsIncludeCredits": Setting(
        "fine_no_renewals_includes_credits",
        "OPACFineNoRenewals looks at the balance, credits included (LO-33)",
        _TRUTH,
    ),
    "OPACFineNoRenewalsBlockAutoRenew": Setting(
        "fine_no_renewals_auto",
        "Whether OPACFineNoRenewals stops automatic renewals too (LO-34)",
        _plain(choice(kinds.Allow)),
    ),
    "allow_renew_if_other_items": _own(
        "allow_renew_if_other_items",
        "A loan may be renewed although others wait, while enough other copies stand on the shelf (CO-12)",
        _TRUTH,
    ),
    "allow_past_renewal_due_date": _own(
        "allow_past_renewal_due_date", "A due date sent with a renewal may lie in the past (BR-16)", _TRUTH
    ),
    "block_return_of_lost": Setting(
        "block_return_of_lost", "A lost item is not taken back at a kiosk (CO-20)", _TRUTH
    ),
    "accept_credit": _own("accept_credit", "What is paid too much becomes a credit (CO-30)", _TRUTH),
    "offline_max_age_days": _own(
        "offline_max_age_days", "How old a stored transaction may be (SP-22)", _plain(number(0, 3650))
    ),
    "offline_other_patron": _own(
        "offline_other_patron",
        "What a loan made off-line does to another patron's older loan (OF-31)",
        _plain(choice(kinds.OtherPatron)),
    ),
    "offline_dedup": _own(
        "offline_dedup",
        "An offline file is refused the second time; off: it is looked at line by line again (OF-40)",
        _TRUTH,
    ),
    "cancel_window_min": _own(
        "cancel_window_min",
        "How long an act may be undone by BI, in minutes (SP-23)",
        _plain(number(0, 1440)),
    ),
    "hold_shelf_days": _own(
        "hold_shelf_days", "How many open days a hold waits on the shelf (HO-4)", _plain(number(1, 365))
    ),
    "hold_reminder_days": _own(
        "hold_reminder_days",
        "A reminder so many days before the shelf limit; blank: none (HO-7)",
        _plain(number_or_none(1, 60)),
    ),
    "finesMode": Setting(
        "fines_mode",
        "Whether overdue fines are computed: off or production (LO-30)",
        _plain(choice(kinds.FinesMode)),
    ),
    "CalculateFinesOnReturn": Setting(
        "fines_on_return", "The fine is computed anew when an item comes back (LO-30)", _TRUTH
    ),
    "ChargeFinesOnClosedDays": Setting("fines_on_closed_days", "Closed days count for fines (LO-32)", _TRUTH),
    "FinesIncludeGracePeriod": Setting(
        "fines_include_grace", "Once grace is over it is charged too (LO-28)", _TRUTH
    ),
    "hours_calendar": Setting(
        "hours_calendar",
        "What hourly fines leave out where closed days do not count (LO-27)",
        _plain(choice(kinds.HoursCalendar)),
    ),
    "MaxFine": Setting("max_fine_minor", "The most a fine comes to; blank: no limit (LO-29)", minor),
    "max_fine_scope": Setting(
        "max_fine_scope",
        "MaxFine limits each loan, or all fines of a patron (LO-29)",
        _plain(choice(kinds.MaxFineScope)),
    ),
    "useDefaultReplacementCost": Setting(
        "use_default_replacement_cost", "An item without a price costs what its type costs (LO-52)", _TRUTH
    ),
    "WhenLostForgiveFine": Setting(
        "forgive_fine_when_lost", "A loss takes back the loan's unpaid overdue fines (LO-51)", _TRUTH
    ),
    "WhenLostChargeReplacementFee": Setting(
        "charge_replacement_when_lost", "A loss charges the replacement (LO-52)", _TRUTH
    ),
    "DefaultLongOverdueDays": Setting(
        "long_overdue_days",
        "Lost on the day after so many days overdue; blank: never (LO-41)",
        _plain(number_or_none(1, 3650)),
    ),
    "DefaultLongOverdueLostValue": Setting(
        "long_overdue_lost_value", "The lost value that the automation sets (LO-42)", _LOST_VALUE
    ),
    "DefaultLongOverdueChargeValue": Setting(
        "long_overdue_charge_value", "The lost value whose setting charges (LO-43)", _LOST_VALUE
    ),
    "DefaultLongOverdueSkipLostStatuses": Setting(
        "long_overdue_skip", "Lost values that the automation leaves alone (LO-44)", _plain(_codes)
    ),
    "LongOverdueUsesCalendar": Setting(
        "long_overdue_uses_calendar", "The automation counts open days (LO-41, D-17)", _TRUTH
    ),
    "LongOverdueMaxDays": Setting(
        "long_overdue_max_days",
        "Loans overdue for longer are left alone, in calendar days (LO-45)",
        _plain(number(1, 36_500)),
    ),
    "LongOverduePatronCategories": Setting(
        "long_overdue_patron_types", "Only loans of these patron types are lost (LO-46)", _WORDS
    ),
    "LongOverdueSkipPatronCategories": Setting(
        "long_overdue_skip_patron_types", "Loans of these patron types are not lost (LO-46)", _WORDS
    ),
    "LongOverdueItemTypes": Setting(
        "long_overdue_item_types", "Only items of these types are lost (LO-46)", _WORDS
    ),
    "LongOverdueSkipItemTypes": Setting(
        "long_overdue_skip_item_types", "Items of these types are not lost (LO-46)", _WORDS
    ),
    "LongOverdueBranches": Setting(
        "long_overdue_branches", "Only loans of these branches are lost (LO-46)", _WORDS
    ),
    "LongOverdueSkipBranches": Setting(
        "long_overdue_skip_branches", "Loans of these branches are not lost (LO-46)", _WORDS
    ),
    "MarkLostItemsAsReturned": Setting(
        "lost_ends_loan",
        "Places where setting an item lost ends its loan, joined by commas (LO-70)",
        _plain(_sources),
    ),
    "CanMarkHoldsToPullAsLost": Setting(
        "holds_to_pull_lost",
        "Whether the list of holds to pull may declare items lost (LO-72)",
        _plain(choice(kinds.HoldsToPull)),
    ),
    "UpdateItemWhenLostFromHoldList": Setting(
        "holds_to_pull_lost_value", "The lost value that list sets (LO-73)", _plain(_item_update)
    ),
    "item_lost_property": _own(
        "lost_property",
        "The property of message 19 that sets an item's lost value, like lost_status; blank: none (LO-54)",
        _plain(_property),
    ),
    "RefundLostOnReturnControl": Setting(
        "refund_control", "Whose lost_return_policy applies (LO-55)", _plain(choice(kinds.RefundControl))
    ),
    "NoRefundOnLostReturnedItemsAge": Setting(
        "no_refund_age_days", "No refund when the item was lost for more days; blank: no limit (LO-61)", _DAYS
    ),
    "NoRefundOnLostFinesPaidAge": Setting(
        "no_refund_paid_age_days", "No refund of what was paid more days ago; blank: no limit (LO-61)", _DAYS
    ),
    "AccountAutoReconcile": Setting(
        "auto_reconcile", "A refund settles the patron's other debts (LO-57)", _TRUTH
    ),
    "OverdueNoticeCalendar": Setting(
        "notice_calendar",
        "Whether notices count open days: ignore or use (LO-15)",
        _plain(choice(kinds.NoticeCalendar)),
    ),
    "overdue_notice_mode": _own(
        "notice_mode",
        "A notice's level applies from its day on, or on that day alone (LO-15)",
        _plain(choice(kinds.NoticeMode)),
    ),
    "overdue_notice_lists_all": _own(
        "notice_lists_all", "A notice lists all overdue items of the patron (LO-17)", _TRUTH
    ),
    "courtesy_skips_auto_renew": _own(
        "courtesy_skips_auto_renew", "No courtesy notice for a loan that renews itself (LO-8)", _TRUTH
    ),
    "AutoRemoveOverduesRestrictions": Setting(
        "lift_restrictions",
        "When a restriction for overdue items ends: no, or when_no_overdue (LO-22)",
        _plain(choice(kinds.LiftRestriction)),
    ),
    "demerit_enable": _own("demerit_enable", "Late returns earn demerit points (BL-22)", _TRUTH),
    "demerit_history_days": _own(
        "demerit_history_days",
        "Points count for so many days (BL-22, BL-23)",
        _plain(number_or_none(1, 3650)),
    ),
    "demerit_maximum_threshold": _own(
        "demerit_maximum_threshold", "So many points are allowed (BL-22)", _plain(number_or_none(1, 99_999))
    ),
    "demerit_suspension_days": _own(
        "demerit_suspension_days", "A suspension lasts so many days (BL-22)", _plain(number_or_none(1, 3650))
    ),
    "demerit_threshold_mode": _own(
        "demerit_threshold_mode",
        "Points suspend when they exceed, or reach the threshold (BL-24)",
        _plain(choice(kinds.ThresholdMode)),
    ),
    "maximum_overdue_block_per_block": _own(
        "max_overdue_block_per_block",
        "The longest overdue block is one of each block, not of a chain (BL-52)",
        _TRUTH,
    ),
    "short_loan_overdue_block": _own(
        "short_loan_overdue_block", "Short loans block while they are overdue (BL-54)", _TRUTH
    ),
    "short_loan_overdue_reminder": _own(
        "short_loan_overdue_reminder_min",
        "Minutes after the due time until then (BL-54)",
        _plain(number(0, 1440)),
    ),
    "overdue_block_on_renewal": _own(
        "overdue_block_on_renewal", "Renewing an overdue loan blocks like a late return (BL-54, D-26)", _TRUTH
    ),
    "auto_bill_on_expiry": _own(
        "auto_bill_on_expiry", "A membership that ends is billed anew at once (MB-17)", _TRUTH
    ),
    "on_policy_removed": _own(
        "on_policy_removed",
        "Unsettled patrons of a removed membership policy stay blocked, or not (MB-8)",
        _plain(choice(kinds.PolicyRemoved)),
    ),
    "membership_flags_in_patron_status": _own(
        "membership_flags_in_patron_status", "Membership shows in the flags of message 24 too (SP-7)", _TRUTH
    ),
}
"""Every setting that policy reads."""


def parse_setting(name: str, text: str, decimals: int = 2) -> object:
    """The value of a setting as a person wrote it.

    Raises:
        ValueError: one sentence: the name is unknown (with the nearest known one), or the text makes no
        sense.
    """
    setting = SETTINGS.get(name)
    if setting is None:
        raise unknown("setting", name, SETTINGS)
    try:
        return setting.parse(text.strip(), decimals)
    except ValueError as error:
        raise ValueError(f"{name}: {text.strip()!r} {error}.") from None


def settings_of(values: Mapping[str, str], decimals: int = 2) -> kinds.Settings:
    """The typed view of stored values; ``decimals`` is the currency's exponent. Kept for equal values."""
    return _typed(frozenset(values.items()), decimals)


@functools.lru_cache(maxsize=256)
def _typed(values: frozenset[tuple[str, str]], decimals: int) -> kinds.Settings:
    fields: dict[str, Any] = {}
    refused: list[str] = []
    # The alias comes first in the order of names reversed, so that the proper name wins when both stand.
    for name, text in sorted(values, reverse=True):
        if name not in SETTINGS:
            continue
        try:
            fields[SETTINGS[name].field] = parse_setting(name, text, decimals)
        except ValueError as error:
            refused.append(str(error))
    return kinds.Settings(**fields, refused=tuple(sorted(refused)))
