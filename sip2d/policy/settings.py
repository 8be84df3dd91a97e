"""Settings of an institution, typed (circulation.md 16). They stand as text in rows; here they become values
once.

A setting that policy does not know may belong to another room and is left alone by ``Settings.of``;
``parse_setting``, which staff's commands ask before they write a row, refuses it.
"""

import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sip2d.policy.parsing import choice, minor, number, truth, unknown, words


class CircControl(enum.StrEnum):
    """Whose circulation rules, calendar and prices apply (CO-5)."""

    PICKUP = "PICKUP"
    PATRON_HOME = "PATRON_HOME"
    ITEM_HOME = "ITEM_HOME"


class Settings(msgspec.Struct, frozen=True):
    """What the rules ask of an institution's settings. Money in minor units; None switches a limit off.

    ``refused`` holds one sentence for each stored value that makes no sense; its default applies.
    """

    circ_control: CircControl = CircControl.PICKUP
    noissuescharge_minor: int | None = None
    noissuescharge_item_types: frozenset[str] = frozenset()
    fine_no_renewals_minor: int | None = None
    allow_renew_if_other_items: bool = False
    allow_past_renewal_due_date: bool = False
    block_return_of_lost: bool = False
    accept_credit: bool = False
    offline_max_age_days: int = 30
    cancel_window_min: int = 10
    hold_shelf_days: int = 7
    refused: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, str], decimals: int = 2) -> "Settings":
        """The typed view of stored values; ``decimals`` is the currency's exponent. Kept for equal values."""
        return _typed(frozenset(values.items()), decimals)


class Setting(msgspec.Struct, frozen=True):
    """A setting's name in rows and commands, the field it fills, and how it is read."""

    field: str
    caption: str
    parse: Callable[[str, int], Any]


def _plain(parse: Callable[[str], Any]) -> Callable[[str, int], Any]:
    return lambda text, _decimals: parse(text)


_AMOUNT_LIMIT: Final = "Checkout is denied when more is owed; blank: no limit (CO-10)"

SETTINGS: Final[dict[str, Setting]] = {
    "circ_control": Setting("circ_control", "Whose rules apply (CO-5)", _plain(choice(CircControl))),
    "noissuescharge": Setting("noissuescharge_minor", _AMOUNT_LIMIT, minor),
    "nopretnumeriquecharge": Setting("noissuescharge_minor", "Another name of noissuescharge (D-33)", minor),
    "noissuescharge_item_types": Setting(
        "noissuescharge_item_types",
        "Item types that noissuescharge is limited to; blank: all (CO-10)",
        _plain(words),
    ),
    "OPACFineNoRenewals": Setting(
        "fine_no_renewals_minor", "Renewal is denied when more is owed; blank: no limit (LO-33)", minor
    ),
    "allow_renew_if_other_items": Setting(
        "allow_renew_if_other_items",
        "A loan may be renewed although others wait, while enough other copies stand on the shelf (CO-12)",
        _plain(truth),
    ),
    "allow_past_renewal_due_date": Setting(
        "allow_past_renewal_due_date",
        "A due date sent with a renewal may lie in the past (BR-16)",
        _plain(truth),
    ),
    "block_return_of_lost": Setting(
        "block_return_of_lost", "A lost item is not taken back at a kiosk (CO-20)", _plain(truth)
    ),
    "accept_credit": Setting(
        "accept_credit", "What is paid too much becomes a credit (CO-30)", _plain(truth)
    ),
    "offline_max_age_days": Setting(
        "offline_max_age_days", "How old a stored transaction may be (SP-22)", _plain(number(0, 3650))
    ),
    "cancel_window_min": Setting(
        "cancel_window_min",
        "How long an act may be undone by BI, in minutes (SP-23)",
        _plain(number(0, 1440)),
    ),
    "hold_shelf_days": Setting(
        "hold_shelf_days", "How many open days a hold waits on the shelf (HO-4)", _plain(number(1, 365))
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


@functools.lru_cache(maxsize=256)
def _typed(values: frozenset[tuple[str, str]], decimals: int) -> Settings:
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
    return Settings(**fields, refused=tuple(sorted(refused)))
