"""`sip2d settings`: what makes no sense is refused with the reason; presets (circulation.md 16, GN-9)."""

import pytest

from tests.cli.shell import Shell

WRONG = (
    ("finesMode sometimes", "must be one of OFF, PRODUCTION"),
    ("DefaultLongOverdueDays soon", "is no whole number"),
    ("MaxFine 1.005", "has more than 2 decimals"),
    ("MarkLostItemsAsReturned cronjob,attic", "must be one of MOREDETAIL"),
    ("UpdateItemWhenLostFromHoldList withdrawn:1", "like 1 or lost_status: 1"),
    ("DefaultLongOverdueSkipLostStatuses two", "is no list of lost values"),
    ("finesMod production", "did you mean 'finesMode'"),
    ("demerit_enable true", "demerit_enable needs demerit_history_days"),
)


@pytest.mark.parametrize(("said", "why"), WRONG, ids=[said for said, _ in WRONG])
def test_a_value_that_makes_no_sense_is_refused_with_the_reason(
    sqlite_library: Shell, said: str, why: str
) -> None:
    told = sqlite_library(f"settings set {said} --institution MAIN --as boss", code=65)
    assert why in told.err
    assert sqlite_library.rows("SELECT count(*) FROM setting WHERE key <> 'noissuescharge'") == [(0,)]


def test_lo_46_include_and_exclude_are_not_given_both(sqlite_library: Shell) -> None:
    sqlite_library("settings set LongOverdueItemTypes BOOK --institution MAIN --as boss")
    told = sqlite_library("settings set LongOverdueSkipItemTypes DVD --institution MAIN --as boss", code=65)
    assert "exclude each other (LO-46)" in told.err


def test_bl_22_demerits_are_enabled_when_the_rest_is_said(sqlite_library: Shell) -> None:
    for name, value in (("history_days", 30), ("maximum_threshold", 10), ("suspension_days", 14)):
        sqlite_library(f"settings set demerit_{name} {value} --institution MAIN --as boss")
    sqlite_library("settings set demerit_enable true --institution MAIN --as boss")
    told = sqlite_library(
        "settings set demerit_history_days", "", "--institution", "MAIN", "--as", "boss", code=65
    )
    assert "demerit_enable needs demerit_history_days (BL-22)" in told.err


def test_lost_item_automation_is_one_command(library: Shell) -> None:
    """S3 from end to end; applied twice it changes nothing the second time."""
    library("patron-type set ADULT --overdue-notices --institution MAIN --as boss")
    done = library("settings preset lost-item-automation --institution MAIN --as boss").json
    assert {one["name"]: one["after"] for one in done if one["what"] == "setting"} == {
        "finesMode": "production", "CalculateFinesOnReturn": "true", "DefaultLongOverdueDays": "30",
        "DefaultLongOverdueLostValue": "1", "DefaultLongOverdueChargeValue": "1",
        "DefaultLongOverdueSkipLostStatuses": "", "MarkLostItemsAsReturned": "CRONJOB",
    }  # fmt: skip
    assert [one["name"] for one in done if one["what"] == "trigger"] == ["ADULT 1", "ADULT 2", "ADULT 3"]
    assert library("settings preset lost-item-automation --institution MAIN --as boss").json == []


def test_lo_10_the_automation_says_when_nobody_gets_its_notices(sqlite_library: Shell) -> None:
    """Without --overdue-notices no patron type has triggers: that is no silence to be found out later."""
    told = sqlite_library("settings preset lost-item-automation --institution MAIN --as boss")
    assert "no trigger was made" in told.err
    sqlite_library("patron-type set ADULT --overdue-notices --institution MAIN --as boss")
    told = sqlite_library("settings preset lost-item-automation --institution MAIN --as boss")
    assert "no trigger was made" not in told.err
    assert "ADULT 1" in [one["name"] for one in told.json]


def test_d_33_of_two_names_of_a_setting_the_last_one_counts(sqlite_library: Shell) -> None:
    """D-33: a value under the seed's name does not lie beside the proper one without effect."""
    for name in ("nopretnumeriquecharge", "noissuescharge"):
        sqlite_library(f"settings set {name} 35 --institution MAIN --as boss")
        assert sqlite_library.rows(
            "SELECT key, value FROM setting WHERE key IN ('noissuescharge', 'nopretnumeriquecharge')"
        ) == [(name, "35")]


def test_the_automation_leaves_the_other_lost_values_alone(library: Shell) -> None:
    """LO-44: every other code is skipped."""
    for code in (2, 5):
        library.change(
            f"INSERT INTO lost_value (institution_id, code, description) VALUES (1, {code}, 'Other')"
        )
    library("settings preset lost-item-automation --institution MAIN --as boss")
    found = library("settings show DefaultLongOverdueSkipLostStatuses --institution MAIN --as boss").json
    assert found["value"] == "2,5"


def test_lo_45_nothing_is_lost_beyond_the_most_days(sqlite_library: Shell) -> None:
    told = sqlite_library("settings set DefaultLongOverdueDays 400 --institution MAIN --as boss", code=65)
    assert "must lie below LongOverdueMaxDays" in told.err


@pytest.mark.parametrize(
    ("name", "default"),
    [("finesMode", "off"), ("CalculateFinesOnReturn", "true"), ("MaxFine", ""), ("cancel_window_min", "10"),
     ("MarkLostItemsAsReturned", "")],
)  # fmt: skip
def test_a_setting_says_its_default(sqlite_library: Shell, name: str, default: str) -> None:
    assert sqlite_library(f"settings show {name} --institution MAIN --as boss").json["default"] == default
