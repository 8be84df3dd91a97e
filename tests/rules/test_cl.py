"""Due dates over the wire: CL-3 with closed days and summer time, CL-4, CL-5, SP-2."""

from datetime import datetime

import msgspec
import pytest

from sip2d.store import tables
from tests.rules.terminal import PARIS, Kiosk
from tests.support.library import add, seconds


def close(kiosk: Kiosk, *days: tuple[int, int, int]) -> None:
    """MAIN is closed all day on these dates (CL-1)."""
    for day in days:
        begins = seconds(datetime(*day, tzinfo=PARIS))
        kiosk.change(
            lambda core, world, at=begins: add(  # type: ignore[misc]  # bound at once
                core, tables.special_closure, institution_id=world.institutions["MAIN"], title="Closed",
                starts_at=at, ends_at=at + 3600,
            )
        )  # fmt: skip


CHRISTMAS = {"DAYS": "20261225", "DATEDUE": "20261226", "CALENDAR": "20261227", "DAYWEEK": "20261226"}


@pytest.mark.parametrize("mode", CHRISTMAS)
def test_cl3_closed_days(kiosk: Kiosk, mode: str) -> None:
    """CL-3's example: the 24th and 25th closed, the computed date is the 25th."""
    close(kiosk, (2026, 12, 24), (2026, 12, 25))
    kiosk.given("rule MAIN BOOK loan_period 4", f"rule MAIN BOOK due_mode {mode}")
    kiosk.set_now(2026, 12, 21)
    assert kiosk.checkout("P1", "I1")["AH"] == f"{CHRISTMAS[mode]}    235959"


def test_cl3_dayweek_keeps_the_weekday_of_a_weekly_loan(kiosk: Kiosk) -> None:
    """Jan 1, or the next open day if that is closed."""
    close(kiosk, (2026, 12, 24), (2026, 12, 25))
    kiosk.given("rule MAIN BOOK loan_period 7", "rule MAIN BOOK due_mode DAYWEEK")
    kiosk.set_now(2026, 12, 18)
    assert kiosk.checkout("P1", "I1")["AH"] == "20270101    235959"
    close(kiosk, (2027, 1, 1))
    assert kiosk.checkout("P1", "I3")["AH"] == "20270102    235959"


PERIODS = {
    "over the start of summer time": ((2026, 3, 28), "DAYS", "1", "20260329    235959"),
    "over its end": ((2026, 10, 24), "DAYS", "1", "20261025    235959"),
    "24 hours over the start are 25 on the clock": ((2026, 3, 28), "HOURS", "24", "20260329    110000"),
    "24 hours over the end are 23 on the clock": ((2026, 10, 24), "HOURS", "24", "20261025    090000"),
    "weeks": ((2026, 3, 9), "WEEKS", "2", "20260323    235959"),
    "months keep the day": ((2026, 3, 9), "MONTHS", "1", "20260409    235959"),
    "months end where they end": ((2026, 1, 31), "MONTHS", "1", "20260228    235959"),
    "minutes": ((2026, 3, 9), "MINUTES", "90", "20260309    113000"),
    "no period": ((2026, 3, 9), "DAYS", "", "20990101    000000"),
}


@pytest.mark.parametrize("case", PERIODS)
def test_cl3_units_and_summer_time(kiosk: Kiosk, case: str) -> None:
    """At 10 o'clock. SP-2: a permanent loan prints 2099."""
    day, unit, period, due = PERIODS[case]
    kiosk.given(f"rule MAIN BOOK loan_unit {unit}", f"rule MAIN BOOK loan_period '{period}'")
    kiosk.set_now(*day)
    assert kiosk.checkout("P1", "I1")["AH"] == due


@pytest.mark.parametrize(
    ("directive", "due"),
    [
        ("rule MAIN BOOK return_before_expiry 1", "20260315    235959"),
        ("rule MAIN BOOK hard_due_on 2026-03-31", "20260331    235959"),
        ("rule MAIN BOOK holdable 1", "20260406    235959"),
    ],
)
def test_cl4_caps(kiosk: Kiosk, directive: str, due: str) -> None:
    """The account's last day caps only where the terms say so."""
    kiosk.given("patron P1 expires_on=2026-03-15", directive)
    assert kiosk.checkout("P1", "I1")["AH"] == due


@pytest.mark.parametrize("zone", ["    ", "   Z"])
def test_cl5_explicit_dates_are_not_moved(kiosk: Kiosk, zone: str) -> None:
    """On a closed day, at any hour; SP-2: blank is local, Z is UTC."""
    close(kiosk, (2026, 12, 25))
    kiosk.given("rule MAIN BOOK due_mode DATEDUE", "loan I3 P1")
    given = f"20261225{zone}031500"
    shown = "20261225    031500" if zone == "    " else "20261225    041500"
    assert kiosk.stored_checkout("P1", "I1", kiosk.stamp, given)["AH"] == shown
    assert kiosk.stored_renew("P1", "I3", given)["AH"] == shown


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("20260309    101500", "Invalid due date."),  # not in the future (BR-16)
        ("20990102    000000", "Invalid due date."),
        ("20261332    235959", "Invalid due date."),
    ],
)
def test_br16_a_renewals_date_that_cannot_be(kiosk: Kiosk, given: str, said: str) -> None:
    kiosk.given("loan I3 P1 due=21")
    answer = kiosk.stored_renew("P1", "I3", given)
    assert (answer.fixed[:6], answer.af, answer["AH"]) == ("300NUN", [said], "20260330    111500")


@pytest.mark.parametrize(
    ("written", "due"),
    [("iso", "2026-04-06 23:59:59"), ("%d/%m/%Y", "06/04/2026"), ("sip", "20260406    235959")],
)
def test_sp2_ah_by_profile(kiosk: Kiosk, written: str, due: str) -> None:
    kiosk.profile = msgspec.structs.replace(kiosk.profile, due_date_format=written)
    assert kiosk.checkout("P1", "I1")["AH"] == due
