"""The derived status (MB-10), the period (MB-3, MB-4) and who is concerned (MB-20, MB-24); PT-23."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.policy import flags
from sip2d.policy.decision import Action
from sip2d.policy.facts import ActingFacts, Facts, Mode
from sip2d.policy.membership import PeriodUnit, Status, expires_on, status, valid_until
from sip2d.policy.rulebook import Question, decide, reasons
from tests.policy.make import PATRON, block, facts, hold

PARIS = ZoneInfo("Europe/Paris")
Q = Question

PERIODS = [
    # MB-4: the rule's own examples first
    ("2026-05-10T10:00", 1, "YEAR", PARIS, "2027-05-10"),
    ("2026-05-10T10:00", 1, "DAY", PARIS, "2026-05-11"),
    ("2026-01-31T10:00", 1, "MONTH", PARIS, "2026-02-28"),
    ("2028-01-31T10:00", 1, "MONTH", PARIS, "2028-02-29"),
    ("2028-02-29T10:00", 1, "YEAR", PARIS, "2029-02-28"),
    ("2028-02-29T10:00", 4, "YEAR", PARIS, "2032-02-29"),
    ("2026-08-31T10:00", 6, "MONTH", PARIS, "2027-02-28"),
    ("2026-12-31T10:00", 2, "WEEK", PARIS, "2027-01-14"),
    # the day it begins is the institution's, not UTC's
    ("2026-05-10T23:30", 1, "DAY", ZoneInfo("America/New_York"), "2026-05-11"),
    ("2026-05-10T00:30", 1, "DAY", ZoneInfo("Pacific/Auckland"), "2026-05-11"),
]


@pytest.mark.parametrize(("begins", "number", "unit", "zone", "ends"), PERIODS)
def test_mb4_the_last_day(begins: str, number: int, unit: str, zone: ZoneInfo, ends: str) -> None:
    """MB-3, MB-4: local date of the activation and the period; month ends are clipped; no closure counts."""
    local = datetime.fromisoformat(begins).replace(tzinfo=zone)
    assert expires_on(local.astimezone(UTC), number, PeriodUnit(unit), zone) == date.fromisoformat(ends)


def test_mb2_a_membership_lasts_a_day_at_least() -> None:
    with pytest.raises(ValueError, match="one day"):
        expires_on(datetime(2026, 5, 10, tzinfo=UTC), 0, PeriodUnit.DAY, PARIS)


def test_mb4_valid_through_the_last_second_of_its_day() -> None:
    """Summer time: 2027-05-10 23:59:59 is +02:00; on the day the clock goes back it is +01:00."""
    assert valid_until(date(2027, 5, 10), PARIS) == datetime(2027, 5, 10, 21, 59, 59, tzinfo=UTC)
    assert valid_until(date(2026, 10, 25), PARIS) == datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)


TODAY = date(2026, 3, 9)
INSTANTS = st.integers(1_000_000_000, 2_800_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
STATUSES = [
    # last day, required, owed -> status (MB-10, top down)
    (None, False, 0, Status.NOT_REQUIRED),
    (None, False, 3000, Status.NOT_REQUIRED),  # an unpaid bill of a policy that went asks nobody (MB-8)
    (None, True, 0, Status.UNKNOWN),
    (None, True, 1, Status.FEE_DUE),
    (TODAY, True, 0, Status.ACTIVE),
    (TODAY, False, 0, Status.ACTIVE),  # even when the policy was removed
    (TODAY, True, 3000, Status.ACTIVE),  # a refund does not end it (D-12)
    (TODAY - timedelta(days=1), True, 0, Status.EXPIRED),
    (TODAY - timedelta(days=1), True, 3000, Status.FEE_DUE),  # the next bill (MB-17)
    (TODAY - timedelta(days=1), False, 0, Status.NOT_REQUIRED),
]


@pytest.mark.parametrize(("last_day", "required", "owed", "wanted"), STATUSES)
def test_mb10_status(last_day: date | None, required: bool, owed: int, wanted: Status) -> None:
    assert status(last_day=last_day, required=required, owed_minor=owed, today=TODAY) is wanted


@given(
    last_day=st.none() | st.dates(date(2000, 1, 1), date(2060, 1, 1)),
    required=st.booleans(),
    owed=st.integers(0, 10_000),
    now=INSTANTS,
    zone=st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]),
)
def test_pt23_total_deterministic_and_active_while_it_lasts(
    last_day: date | None, required: bool, owed: int, now: datetime, zone: str
) -> None:
    """PT-23: ACTIVE exactly while now <= 23:59:59 of the last day, policy or not."""
    where = ZoneInfo(zone)
    today = now.astimezone(where).date()
    found = status(last_day=last_day, required=required, owed_minor=owed, today=today)
    assert found is status(last_day=last_day, required=required, owed_minor=owed, today=today)
    assert found in Status
    assert (found is Status.ACTIVE) == (last_day is not None and now <= valid_until(last_day, where))
    assert required or found.settled


@given(
    now=INSTANTS,
    number=st.integers(1, 100),
    unit=st.sampled_from(PeriodUnit),
)
def test_mb4_it_lasts_a_day_at_least_and_longer_with_the_period(
    now: datetime, number: int, unit: PeriodUnit
) -> None:
    last = expires_on(now, number, unit, PARIS)
    assert last > now.astimezone(PARIS).date()
    assert last < expires_on(now, number + 1, unit, PARIS)


UNSETTLED = [Status.UNKNOWN, Status.FEE_DUE, Status.EXPIRED]


@pytest.mark.parametrize("found", UNSETTLED)
def test_mb20_what_it_denies(found: Status) -> None:
    """MB-20..MB-23, MB-27: loans, renewals and picking up; never holds. MB-29, MB-28: off-line and staff."""
    said = facts(membership=found)
    (reason,) = reasons(Q.STANDING, said)
    assert reason.denies == Action.LOAN | Action.RENEW | Action.PICKUP
    assert reason.code not in [each.code for each in reasons(Q.HOLD, said)]
    for question in (Q.CHECKOUT, Q.RENEW, Q.PICKUP):
        assert decide(question, said, Mode.ONLINE).denied[0] == reason
        for role in ("CIRC_DESK_MANAGER", "CIRC_DESK_OPERATOR", "CIRC_DESK_OPERATOR_LIMITED"):
            assert not [
                each for each in decide(question, said, Mode.STAFF, role).denied if "MEMBERSHIP" in each.code
            ]
        assert [each.code for each in decide(question, said, Mode.NO_BLOCK).bypassed][:1] == [reason.code]


@pytest.mark.parametrize("found", [Status.NOT_REQUIRED, Status.ACTIVE])
def test_mb20_who_is_not_concerned(found: Status) -> None:
    assert reasons(Q.STANDING, facts(membership=found)) == ()


@pytest.mark.parametrize("found", UNSETTLED)
def test_mb24_a_holder_without_membership_may_not_act(found: Status) -> None:
    """The account is in order, the holder's own membership is not."""
    holder = msgspec.structs.replace(
        PATRON, id=2, membership_expires_on=date(2026, 2, 28), membership_owed_minor=7
    )
    said = facts(patron={"acting": ActingFacts("X1", holder)}, holder_membership=found)
    (reason,) = reasons(Q.CHECKOUT, said)
    assert reason.code == f"MEMBERSHIP_{found.value}"
    expected = {Status.EXPIRED: {"expires_at": date(2026, 2, 28)}, Status.FEE_DUE: {"amount": 7}}
    assert reason.values == expected.get(found, {})


def test_co9_a_reason_that_denies_picking_up_alone_denies_the_checkout_of_the_own_hold() -> None:
    """CO-9: what stands on the shelf for the patron is asked with PICKUP; other items are not."""
    patron = {"blocks": (block(actions="PICKUP"),)}
    shelf = {"shelf_hold": hold(patron_id=1, status="ON_SHELF", filled_item_id=5)}
    found = decide(Q.CHECKOUT, facts(patron=patron, item=shelf), Mode.ONLINE)
    assert [each.code for each in found.denied] == ["BLOCK:CONDUCT", "HOLD_PICKUP_DENIED"]
    assert decide(Q.CHECKOUT, facts(patron=patron), Mode.ONLINE).allowed


@pytest.mark.parametrize("found", UNSETTLED)
def test_sp6_sp7_standing_and_flags(found: Status) -> None:
    """SP-6: it ends the standing of 64. SP-7, D-3: 24 shows no flag, unless the institution wants it."""
    said: Facts = facts(membership=found)
    against = reasons(Q.STANDING, said)
    assert not flags.standing(against)
    assert flags.patron_flags(against, said) == "YY" + " " * 12
    assert flags.patron_flags(flags.of_status(against, said), said) == " " * 14
    wanted = facts(membership=found, settings={"membership_flags_in_patron_status": True})
    assert flags.of_status(against, wanted) == against
