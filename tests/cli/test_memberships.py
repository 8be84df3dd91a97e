"""Memberships from the shell, from the policy to the reader's card (MB-2..MB-24)."""

import pytest

from tests.cli.shell import Shell

HERE = "--institution MAIN --as boss"


def test_a_membership_s_life(library: Shell) -> None:
    """MB-2, MB-6, MB-8, MB-11, MB-13..MB-18: every command once, on both databases."""
    made = library(
        f"membership-policy add YEARLY --fee 30.00 --bill-reason Subscription --reminder-days 30,7 {HERE}",
        "--period", "1 year", "--bill-template", "MEMBERSHIP_BILL",
    ).json  # fmt: skip
    assert (made["fee_minor"], made["period_unit"], made["reminder_days"]) == (3000, "YEAR", [30, 7])
    library(f"membership-policy set YEARLY --fee 20.00 {HERE}")
    library(f"patron-type set ADULT --membership-policy YEARLY {HERE}")
    assert library(f"membership-policy show YEARLY {HERE}").json["patron_types"] == ["ADULT"]
    assert library(f"membership show P1 {HERE}").json["membership"] == "UNKNOWN"
    library(f"membership update P1 --existing 2999-12-31 {HERE}")
    shown = library(f"patron show P1 {HERE}").json
    assert shown["membership_status"] == "The membership expires on 2999-12-31 23:59:59."
    assert "The membership expires on" in library(f"patron show P1 {HERE}", form="table").out
    found = library(f"membership update P2 --new {HERE}").json
    assert (found["membership"], found["membership_owed_minor"]) == ("FEE_DUE", 2000)
    (fee,) = library(f"report bills --reason MEMBERSHIP --outstanding {HERE}").json
    library(f"fee waive {fee['id']} {HERE}")
    assert library(f"membership show P2 {HERE}").json["membership"] == "ACTIVE"
    assert library(f"membership renew P2 {HERE}").json["membership"] == "ACTIVE"
    added = f"patron add N1 --name N --type ADULT --branch NORTH {HERE}"
    assert library(added).json["membership"] == "FEE_DUE"
    library(f"patron-type set ADULT {HERE}", "--membership-policy", "")
    assert library(f"membership show N1 {HERE}").json["frozen"]
    library(f"membership release N1 {HERE}")
    assert not library(f"membership-policy remove YEARLY {HERE}").json["enabled"]
    states = {row["patron"]: row["membership"] for row in library(f"membership list {HERE}").json}
    assert states["P1"] == "ACTIVE"


def test_proxy_cards(sqlite_library: Shell) -> None:
    """MB-24."""
    sqlite_library(f"proxy add X1 --patron P1 --holder P2 {HERE}")
    changed = sqlite_library(f"proxy set X1 --disabled --expires-on 2999-01-01 {HERE}").json
    assert (changed["enabled"], changed["expires_on"]) == (False, "2999-01-01")
    assert [row["barcode"] for row in sqlite_library(f"proxy list --patron P1 {HERE}").json] == ["X1"]
    sqlite_library(f"proxy remove X1 {HERE}")
    assert sqlite_library(f"proxy list {HERE}").json == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("membership update P1", "either --existing DATE or --new"),
        ("membership update P1 --new", "MEMBERSHIP_NOT_UNKNOWN"),
        ("membership renew P1", "MEMBERSHIP_NOT_REQUIRED"),
        ("membership release P1", "MEMBERSHIP_NOT_FROZEN"),
        ("membership-policy add X --fee 1 --period 0days", "one day"),
        ("membership list --status GONE", "membership status"),
        ("report bills --reason MEMBERSHIPS", "did you mean 'MEMBERSHIP'"),
        ("patron-type set ADULT --membership-policy NONE", "membership policy 'NONE'"),
        ("proxy add P2 --patron P1", "patron 'P2'"),
    ],
)
def test_what_may_not_be_is_said(sqlite_library: Shell, line: str, said: str) -> None:
    """Exit code 65 and a sentence; nothing is changed."""
    audited = sqlite_library.audited
    assert said in sqlite_library(f"{line} {HERE}", code=65).err
    assert sqlite_library.audited == audited
