"""Setting a service up from nothing, by commands alone (issue 4.4, CN-2..CN-12)."""

import getpass

import pytest

from tests.cli.shell import Shell

START = (
    "institution add MAIN --timezone Europe/Paris --currency EUR",
    "branch add NORTH --institution MAIN",
    "branch preset kiosk --branch NORTH",
    "patron-type add ADULT --limit loan_limit=5",
    "item-type add BOOK --media-type 001",
    "rule add loan_period 28 --item-type BOOK",
    "settings set noissuescharge 10.00",
    "patron add P1 --name Anne --type ADULT --branch NORTH",
    "item add I1 --title Tintin --type BOOK --branch NORTH",
)


def test_a_library_is_set_up_by_commands_and_lends(empty: Shell) -> None:
    """Every step is audited; the first makes the owner's account."""
    for line in START:
        before = empty.audited
        empty(line)
        assert empty.audited > before, line
    assert [row["login"] for row in empty("staff list").json] == [getpass.getuser()]
    found = empty("terminal add NORTH-01 --branch NORTH --address 192.0.2.7 --username kiosk", stdin="").json
    assert len(found["password"]) >= 15
    assert empty("terminal test --from 192.0.2.7 --user kiosk").json[0]["serves"] is True
    assert empty("loan add P1 I1").json["item"] == "I1"
    assert empty("patron show P1").json["loans"] == 1
    assert empty("loan return I1").json["routing"] == "SHELF"
    events = empty("loan show 1").json["events"]
    assert [event["kind"] for event in events] == ["LOAN", "RETURN"]


def test_the_first_account_may_be_made_by_name(empty: Shell) -> None:
    """`staff add` on an empty database makes that account alone, and it must be able to make others."""
    refused = empty("staff add alice --role CIRC_ADMIN", code=65)
    assert "GENERAL_SYS_ADMIN" in refused.err
    empty("staff add alice --role GENERAL_SYS_ADMIN")
    assert [row["login"] for row in empty("staff list --as alice").json] == ["alice"]
    denied = empty("staff list", code=77)
    assert "no staff account" in denied.err


def test_somebody_is_always_left_who_may_make_accounts(library: Shell) -> None:
    refused = library("staff disable boss --as boss", code=65)
    assert "Nobody would be left" in refused.err
    assert library("staff show boss --as boss").json["enabled"] is True


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("branch set NORTH --sip2 retries_allowed=1000", "between 0 and 999"),
        ("branch set NORTH --sip2 timeout_seconds=0", "between 1 and 99"),
        ("branch set NORTH --sip2 idle_timeout_seconds=9", "between 10 and 86400"),
        ("branch set NORTH --sip2 send_personal_data=perhaps", "true or false"),
        ("branch set NORTH --sip2 retrys_allowed=3", "did you mean 'retries_allowed'"),
        ("branch set NORTH --sip2 library_name=A|B", "no |"),
        ("message set CHECKIN=ENABLED_NO_AUTH --branch NORTH", "no patron password"),
        ("message set RENEWS=ENABLED --branch NORTH", "did you mean 'RENEW'"),
        ("message set RENEW=MAYBE --branch NORTH", "no support level"),
        ("institution add X --timezone Mars/Phobos --currency EUR", "no time zone"),
        ("institution add X --timezone UTC --currency EURO", "no currency"),
        ("settings set circ_control SOMEWHERE --institution MAIN", "must be one of"),
        ("settings set circ_contrl PICKUP --institution MAIN", "did you mean 'circ_control'"),
        ("rule add loan_period long --institution MAIN", "no whole number"),
        ("rule add loan_period 28 --item-type BOOK --institution MAIN", "`sip2d rule set"),
        ("patron add P1 --name N --type ADULT --branch NORTH --institution MAIN", "is or was a patron"),
        ("patron add P9 --name N --type NOBODY --branch NORTH --institution MAIN", "no patron type"),
        ("patron remove P2 --institution MAIN", "1 loans"),
        ("item add I1 --title T --type BOOK --branch NORTH --institution MAIN", "already"),
        ("fee waive 1 --amount 5.01 --institution MAIN", "not owed"),
        ("fee pay P1 0 --institution MAIN", "more than nothing"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(sqlite_library: Shell, line: str, said: str) -> None:
    """Exit code 65, and nothing is changed."""
    before = (sqlite_library.audited, sqlite_library.epoch)
    refused = sqlite_library(f"{line} --as boss", code=65)
    assert said in refused.err
    assert refused.out == ""
    assert (sqlite_library.audited, sqlite_library.epoch) == before


BULK = {"RENEW": "ENABLED_NO_AUTH", "LOGIN": "ENABLED", "OFFLINE_MODE": "ENABLED", "SC_STATUS": "ENABLED",
        "RESEND": "ENABLED"}  # fmt: skip


def test_the_bulk_renewal_preset_is_exactly_that_of_cn_5(library: Shell) -> None:
    """And nothing else: on a fresh branch the other messages stay disabled."""
    library("branch add BULK --institution MAIN --as boss")
    found = library("branch preset bulk-renewal --branch BULK --as boss").json
    assert (found["retries_allowed"], found["timeout_seconds"], found["idle_timeout_seconds"]) == (3, 15, 15)
    assert found["sip2"] == "CONFIGURED"
    assert {key: level for key, level in found["messages"].items() if level != "DISABLED"} == BULK


def test_the_bulk_renewal_preset_leaves_other_settings_alone(sqlite_library: Shell) -> None:
    before = sqlite_library("branch show NORTH --as boss").json
    after = sqlite_library("branch preset bulk-renewal --branch NORTH --as boss").json
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"idle_timeout_seconds", "preset"}
    assert after["messages"]["CHECKOUT"] == "ENABLED_NO_AUTH"


def test_the_verifier_preset_answers_23_and_63_only(sqlite_library: Shell) -> None:
    found = sqlite_library("branch preset verifier --branch NORTH --as boss").json
    served = {key for key, level in found["messages"].items() if level != "DISABLED"}
    assert served == {"PATRON_STATUS", "PATRON_INFO", "LOGIN", "SC_STATUS", "RESEND"}
    assert found["valid_patron"] == "record"


def test_the_kiosk_preset_enables_everything(sqlite_library: Shell) -> None:
    found = sqlite_library("branch preset kiosk --branch NORTH --as boss").json
    assert set(found["messages"].values()) == {"ENABLED"}


def test_a_site_wide_setting_is_said_to_be_one(sqlite_library: Shell) -> None:
    """GN-9, LO-2: a warning and an audit row of its own where an institution has several branches."""
    told = sqlite_library("settings set noissuescharge 5 --institution MAIN --as boss")
    assert "all 2 branches" in told.err
    assert sqlite_library.rows("SELECT action FROM audit_log ORDER BY id DESC LIMIT 1") == [
        ("site_wide_change",)
    ]


def test_a_rule_changes_from_now_on_and_keeps_its_past(library: Shell) -> None:
    """CO-7: effective-dated."""
    (rule,) = [
        row
        for row in library("rule list --institution MAIN --as boss").json
        if (row["name"], row["item_type"]) == ("loan_period", "BOOK")
    ]
    new = library(f"rule set {rule['id']} 14 --as boss").json
    past = {row["id"]: row for row in library("rule list --institution MAIN --past --as boss").json}
    assert past[rule["id"]]["value"] == "28"
    assert past[rule["id"]]["valid_to"] == new["valid_from"]
    assert (new["value"], new["valid_to"]) == ("14", None)
    library(f"rule remove {new['id']} --as boss")
