"""Settings of an institution: defaults, typed values, nonsense (circulation.md 16)."""

import msgspec
import pytest

from sip2d.policy.setting_names import SETTINGS, parse_setting, settings_of
from sip2d.policy.settings import CircControl, Settings


def test_defaults() -> None:
    """Section 16: blank limits are off, ages and windows as listed."""
    found = settings_of({})
    assert found == Settings()
    assert (found.circ_control, found.noissuescharge_minor, found.fine_no_renewals_minor) == (
        "PICKUP",
        None,
        None,
    )
    assert (found.offline_max_age_days, found.cancel_window_min, found.hold_shelf_days) == (30, 10, 7)


@pytest.mark.parametrize(
    ("name", "text", "decimals", "value"),
    [
        ("circ_control", "item_home", 2, CircControl.ITEM_HOME),
        ("noissuescharge", "5", 2, 500),
        ("noissuescharge", "5,50", 2, 550),
        ("noissuescharge", "0", 2, 0),
        ("noissuescharge", "", 2, None),
        ("noissuescharge", "500", 0, 500),
        ("nopretnumeriquecharge", "1.5", 3, 1500),
        ("noissuescharge_item_types", "DVD, GAME,", 2, frozenset({"DVD", "GAME"})),
        ("OPACFineNoRenewals", "10.00", 2, 1000),
        ("accept_credit", "yes", 2, True),
        ("hold_shelf_days", "3", 2, 3),
    ],
)
def test_values(name: str, text: str, decimals: int, value: object) -> None:
    assert parse_setting(name, text, decimals) == value
    assert getattr(settings_of({name: text}, decimals), SETTINGS[name].field) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("noissuescharge", "five", "noissuescharge: 'five' is no amount like 12.50."),
        ("noissuescharge", "-1", "noissuescharge: '-1' is no amount like 12.50."),
        ("noissuescharge", "NaN", "noissuescharge: 'NaN' is no amount like 12.50."),
        ("noissuescharge", "1e99", "noissuescharge: '1e99' is no amount like 12.50."),
        ("noissuescharge", "1.005", "noissuescharge: '1.005' has more than 2 decimals."),
        ("hold_shelf_days", "0", "hold_shelf_days: '0' must lie between 1 and 365."),
        ("circ_control", "SESSION", "circ_control: 'SESSION' must be one of PICKUP, PATRON_HOME, ITEM_HOME."),
        (
            "opacfinenorenewal",
            "1",
            "There is no setting 'opacfinenorenewal'; did you mean 'OPACFineNoRenewals'?",
        ),
    ],
)
def test_nonsense_is_refused_in_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_setting(name, text)
    assert str(caught.value) == sentence


def test_stored_nonsense_leaves_the_default_and_is_told() -> None:
    found = settings_of({"hold_shelf_days": "many", "cancel_window_min": "5", "of_another_room": "?"})
    assert (found.hold_shelf_days, found.cancel_window_min) == (7, 5)
    assert found.refused == ("hold_shelf_days: 'many' is no whole number.",)


def test_the_proper_name_wins_over_its_alias() -> None:
    """D-33."""
    assert settings_of({"nopretnumeriquecharge": "1", "noissuescharge": "2"}).noissuescharge_minor == 200


def test_every_setting_fills_a_field() -> None:
    fields = {field.name for field in msgspec.structs.fields(Settings)} - {"refused"}
    assert {setting.field for setting in SETTINGS.values()} == fields
