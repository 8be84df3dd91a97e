"""A date as a person types it is a day where the library is (Paris), in every command that takes one."""

import pytest

from sip2d.cli import exits
from tests.cli.shell import Shell

MAIN = "--institution MAIN --as boss"


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ("2030-06-30", "2030-06-30T21:59:59+00:00"),
        ("2030-01-31", "2030-01-31T22:59:59+00:00"),
        ("2030-06-30T12:00", "2030-06-30T10:00:00+00:00"),
        ("2030-06-30T12:00:00Z", "2030-06-30T12:00:00+00:00"),
    ],
)
def test_a_loan_is_due_at_the_end_of_a_day(library: Shell, said: str, due: str) -> None:
    """CL-3: as day loans are by the rules; lent, renewed and set."""
    assert library(f"loan add P1 I3 --due {said} {MAIN}").json["due_at"] == due
    for renewed in ("renew", "set"):
        library(f"loan return I3 {MAIN}")
        library(f"loan add P1 I3 {MAIN}")
        assert library(f"loan {renewed} I3 --due {said} {MAIN}").json["due_at"] == due


def test_a_hold_is_wanted_on_all_of_its_last_day(library: Shell) -> None:
    made = library(f"hold add P1 --title-number T3 --not-needed-after 2030-06-30 {MAIN}").json
    assert made["expires_at"] == "2030-06-30T21:59:59+00:00"
    changed = library(f"hold set {made['id']} --not-needed-after 2030-07-31T12:00 {MAIN}").json
    assert changed["expires_at"] == "2030-07-31T10:00:00+00:00"


def test_a_rule_is_in_force_from_the_first_to_the_last_day(library: Shell) -> None:
    """CO-7: the next one begins where it ends."""
    first = library(f"rule add renewals_allowed 9 --from 2030-06-01 --to 2030-06-30 {MAIN}").json
    assert first["valid_from"] == "2030-05-31T22:00:00+00:00"
    assert first["valid_to"] == "2030-06-30T22:00:00+00:00"
    second = library(f"rule add renewals_allowed 8 --from 2030-07-01 {MAIN}").json
    assert second["valid_from"] == first["valid_to"]


def test_penalties_come_back_when_the_last_day_without_is_over(library: Shell) -> None:
    """BR-12."""
    rows = library(f"rule detach-penalties --from 2030-06-01 --until 2030-06-30 {MAIN}").json
    spans = {(row["valid_from"], row["valid_to"]) for row in rows}
    assert spans == {("2030-05-31T22:00:00+00:00", "2030-06-30T22:00:00+00:00")}


@pytest.mark.parametrize(
    "line",
    [
        "loan add P1 I3 --due soon",
        "hold add P1 --title-number T3 --not-needed-after 31.12.2030",
        "rule add renewals_allowed 9 --from never",
        "rule detach-penalties --until never",
        "recall extend --item I5 --due tomorrow",
        "report loans --due-from 2030-13-01",
        "jobs run snapshots --as-of yesterday",
    ],
)
def test_what_is_no_date_is_told_before_anything_is_asked(sqlite_library: Shell, line: str) -> None:
    said = sqlite_library(f"{line} {MAIN}", code=exits.USAGE).err
    assert "is no instant such as 2026-12-31, 2026-12-31T12:00" in said
