"""Renewing: CO-12, CO-14, BR-2..BR-10, BR-16, BR-18, CL-5, PT-5, PT-32, PT-33."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sip2d.desk.outcome import Outcome
from sip2d.policy.facts import Mode
from sip2d.store import tables
from sip2d.store.unit import Unit
from tests.desk.acts import bypassed, codes, notes, renew_all, renewal
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, RENTAL_MINOR, add_block, add_hold, add_item, add_loan, seconds

DAY = timedelta(days=1)


def lent(room: Room, item: str = "I1", patron: str = "P1", **values: Any) -> int:
    world = room.world
    with room.unit() as unit:
        return add_loan(unit.core, world, world.items[item], world.patrons[patron], **values)


def bulk(room: Room, due: datetime, patron: str = "P1", item: str = "I1", **settings: Any) -> Outcome:
    """A row of a bulk renewal (BR-5)."""

    def act(unit: Unit) -> Outcome:
        desk = desk_at(unit, mode=Mode.NO_BLOCK, interface="BULK_RENEWAL", **settings)
        return renewal(unit, desk, patron, item, due=due)

    return room.do(act)


def online(room: Room, patron: str = "P1", item: str = "I1", **asked: Any) -> Outcome:
    return room.do(lambda unit: renewal(unit, desk_at(unit), patron, item, **asked))


def test_co14_a_renewal_moves_the_date_and_counts(room: Room) -> None:
    """From the old due date, one event with both dates, and the patron is told the new one."""
    loan = lent(room, due_at=NOW + 2 * DAY)
    outcome = online(room)
    expected = datetime(2026, 4, 8, 21, 59, 59, tzinfo=UTC)
    assert (outcome.done, outcome.renewal, outcome.due_at) == (True, True, expected)
    assert notes(outcome) == ["RENEWED_OK"]
    assert outcome.notes[0].values == {"due_at": expected}
    (row,) = room.rows(tables.loan)
    assert (row["id"], row["due_at"], row["renewal_count"]) == (loan, seconds(expected), 1)
    event = room.rows(tables.loan_event)[-1]
    assert (event["kind"], event["old_due_at"], event["new_due_at"]) == (
        "RENEW", seconds(NOW + 2 * DAY), seconds(expected),
    )  # fmt: skip
    assert outcome.effects[0].mark == event["id"]


REFUSED = [
    ("not on loan", None, {}, ["ITEM_NOT_ON_LOAN"]),
    ("another's loan", "P2", {}, ["ITEM_NOT_ON_LOAN_TO_PATRON"]),
    ("recalled", "P1", {"recalled_at": seconds(NOW)}, ["ITEM_RECALLED"]),
    ("often enough", "P1", {"renewal_count": 2}, ["RENEW_LIMIT"]),
]


@pytest.mark.parametrize(("case", "borrower", "loan", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_co12_refusals_change_nothing(
    room: Room, case: str, borrower: str | None, loan: dict[str, Any], expected: list[str]
) -> None:
    if borrower is not None:
        lent(room, patron=borrower, **loan)
    before = room.snapshot()
    outcome = online(room)
    assert (outcome.done, codes(outcome)) == (False, expected)
    assert outcome.renewal is (borrower == "P1")
    assert room.snapshot() == before


def test_co12_others_wait_and_blocks(room: Room) -> None:
    lent(room)
    lent(room, "I3", "P-EXPIRED")
    lent(room, "I4", "P2")
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P2"], "T1")
        add_block(unit.core, world.patrons["P2"])
    assert codes(online(room)) == ["ITEM_HELD"]
    assert codes(online(room, "P-EXPIRED", "I3")) == ["PATRON_EXPIRED"]
    assert codes(online(room, "P2", "I4")) == ["BLOCK:MANUAL"]
    # I2, the other copy of T1, stands on the shelf for whoever waits
    outcome = room.do(lambda unit: renewal(unit, desk_at(unit, allow_renew_if_other_items=True), "P1", "I1"))
    assert outcome.done


def test_third_party_renews_for_the_borrower_only_when_allowed(room: Room) -> None:
    """sip2.md 6.4; never off-line (BR-3). The borrower's standing counts."""
    lent(room, patron="P2")
    assert codes(online(room)) == ["ITEM_NOT_ON_LOAN_TO_PATRON"]
    outcome = online(room, third_party=True)
    assert outcome.done
    assert outcome.patron is not None
    assert outcome.patron.barcode == "P2"
    outcome = room.do(
        lambda unit: renewal(unit, desk_at(unit, mode=Mode.NO_BLOCK), "P1", "I1", third_party=True)
    )
    assert codes(outcome) == ["ITEM_NOT_ON_LOAN_TO_PATRON"]


def test_bo_a_renewed_rental_is_acknowledged_first(room: Room) -> None:
    lent(room, "I-DVD")
    outcome = online(room, item="I-DVD")
    assert (outcome.done, codes(outcome), outcome.fee_minor) == (False, ["FEE_REQUIRED"], RENTAL_MINOR)
    assert outcome.due_at == NOW + 21 * DAY
    assert online(room, item="I-DVD", fee_ok=True).fee_minor == RENTAL_MINOR
    assert room.count(tables.fee) == 1


BULK_DONE = [
    ("BR-2 any date", {}, timedelta(days=1000), []),
    ("BR-6 often enough", {"renewal_count": 9}, timedelta(days=60), ["RENEW_LIMIT"]),
    ("BR-10 overdue", {"due_at": NOW - 100 * DAY, "loaned_at": NOW - 200 * DAY}, timedelta(days=60), []),
    ("BR-16 shorter", {}, timedelta(days=1), ["SHORTENED"]),
]


@pytest.mark.parametrize(("case", "loan", "later", "expected"), BULK_DONE, ids=[row[0] for row in BULK_DONE])
def test_bulk_renewals_are_done(
    room: Room, case: str, loan: dict[str, Any], later: timedelta, expected: list[str]
) -> None:
    """PT-32: the loan is due when the row says, to the second; CL-5."""
    lent(room, **loan)
    outcome = bulk(room, NOW + later)
    assert (outcome.done, outcome.due_at, bypassed(outcome)) == (True, NOW + later, expected)
    (row,) = room.rows(tables.loan)
    assert row["due_at"] == seconds(NOW + later)
    assert row["renewal_count"] == loan.get("renewal_count", 0) + 1
    assert room.rows(tables.loan_event)[-1]["interface"] == "BULK_RENEWAL"


BULK_SKIPPED = [
    ("BR-3 not on loan", None, {}, DAY, "ITEM_NOT_ON_LOAN"),
    ("BR-4 lent to another", "P2", {}, DAY, "ITEM_NOT_ON_LOAN_TO_PATRON"),
    ("BR-8 recalled", "P1", {"recalled_at": seconds(NOW)}, DAY, "ITEM_RECALLED"),
    ("BR-16 past", "P1", {}, timedelta(seconds=-1), "NB_DUE_DATE_INVALID"),
    ("BR-16 now", "P1", {}, timedelta(0), "NB_DUE_DATE_INVALID"),
    ("BR-16 after 2099-01-01", "P1", {}, timedelta(days=40000), "NB_DUE_DATE_INVALID"),
]


@pytest.mark.parametrize(
    ("case", "borrower", "loan", "later", "expected"), BULK_SKIPPED, ids=[row[0] for row in BULK_SKIPPED]
)
def test_bulk_renewals_are_skipped(
    room: Room, case: str, borrower: str | None, loan: dict[str, Any], later: timedelta, expected: str
) -> None:
    """PT-33: loan and item are as before."""
    if borrower is not None:
        lent(room, patron=borrower, **loan)
    before = room.snapshot()
    outcome = bulk(room, NOW + later)
    assert (outcome.done, codes(outcome), outcome.effects) == (False, [expected], ())
    assert room.snapshot() == before


def test_br7_a_hold_is_told_and_its_queue_untouched(room: Room) -> None:
    lent(room)
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P2"], "T1")
    holds = room.rows(tables.hold)
    outcome = bulk(room, NOW + 60 * DAY)
    assert (outcome.done, bypassed(outcome)) == (True, ["ITEM_HELD"])
    assert room.rows(tables.hold) == holds


def test_br10_lost_by_the_job_is_renewed_and_found_declared_lost_is_not(room: Room) -> None:
    """CO-14 (2), D-7."""
    world = room.world
    with room.unit() as unit:
        for origin in ("CRON", "STAFF"):
            item = add_item(unit.core, world, f"I-{origin}", title=f"T-{origin}", lost_status=1,
                            lost_on="2026-03-01", lost_origin=origin)  # fmt: skip
            add_loan(unit.core, world, item, world.patrons["P1"])
    assert bulk(room, NOW + 60 * DAY, item="I-CRON").done
    assert codes(bulk(room, NOW + 60 * DAY, item="I-STAFF")) == ["ITEM_LOST"]
    lost = {row["barcode"]: row["lost_status"] for row in room.rows(tables.item)}
    assert (lost["I-CRON"], lost["I-STAFF"]) == (0, 1)


def test_br16_a_past_date_where_the_setting_allows_it(room: Room) -> None:
    lent(room)
    assert bulk(room, NOW - DAY, allow_past_renewal_due_date=True).due_at == NOW - DAY
    assert codes(bulk(room, NOW - 8 * DAY, allow_past_renewal_due_date=True)) == ["NB_DUE_DATE_INVALID"]


def test_br18_the_same_row_again_is_done_without_an_event(room: Room) -> None:
    """D-8; another date is another renewal."""
    lent(room)
    assert bulk(room, NOW + 60 * DAY).done
    before = room.snapshot()
    again = bulk(room, NOW + 60 * DAY)
    assert (again.done, again.due_at) == (True, NOW + 60 * DAY)
    assert notes(again) == ["RENEWED_OK", "ALREADY_APPLIED"]
    assert again.effects == ()
    assert room.snapshot() == before
    assert bulk(room, NOW + 61 * DAY).done
    assert room.rows(tables.loan)[0]["renewal_count"] == 2


def test_a_bulk_client_with_a_slow_clock_is_served(room: Room) -> None:
    """BR-2: its date is given, whatever its clock says; a kiosk's old renewal gives way (sip2.md 6.1)."""
    lent(room, loaned_at=NOW - timedelta(minutes=5))

    def renewed(interface: str) -> Outcome:
        return room.do(
            lambda unit: renewal(
                unit,
                desk_at(unit, mode=Mode.NO_BLOCK, interface=interface, event_at=NOW - timedelta(minutes=10)),
                "P1",
                "I1",
                due=NOW + 60 * DAY,
            )
        )

    assert bypassed(renewed("SIP2_OFFLINE")) == ["NEWER_TRANSACTION"]
    assert room.rows(tables.loan)[0]["renewal_count"] == 0
    assert renewed("BULK_RENEWAL").due_at == NOW + 60 * DAY


def test_renew_all_tells_every_loan(room: Room) -> None:
    """sip2.md 6.5: first due first; each with its own reasons, one event and one effect a renewal."""
    lent(room, "I1", due_at=NOW + 3 * DAY)
    lent(room, "I3", due_at=NOW + 1 * DAY, renewal_count=2)
    lent(room, "I4", due_at=NOW + 2 * DAY)
    lent(room, "I-DVD", due_at=NOW + 4 * DAY)
    outcome = room.do(lambda unit: renew_all(unit, desk_at(unit), "P1"))
    assert outcome.reasons == ()
    assert [one.item.barcode for one in outcome.renewed if one.item] == ["I4", "I1"]
    assert [(one.item.barcode, codes(one)) for one in outcome.unrenewed if one.item] == [
        ("I3", ["RENEW_LIMIT"]),
        ("I-DVD", ["FEE_REQUIRED"]),
    ]
    assert len(outcome.effects) == 2


def test_renew_all_of_a_blocked_patron_says_why_once(room: Room) -> None:
    lent(room, "I1", "P-EXPIRED")
    outcome = room.do(lambda unit: renew_all(unit, desk_at(unit), "P-EXPIRED"))
    assert [reason.code for reason in outcome.reasons] == ["PATRON_EXPIRED"]
    assert (outcome.renewed, len(outcome.unrenewed)) == ((), 1)


def test_renew_all_over_hundreds_of_loans_counts_right(room: Room) -> None:
    """sip2.md 6.5: the counts are those of the loans."""
    world = room.world
    with room.unit() as unit:
        staff = world.patrons["P-STAFF"]
        for number in range(300):
            item = library.add_item(unit.core, world, f"N{number}", title="T-MANY")
            add_loan(unit.core, world, item, staff, renewal_count=2 if number % 3 == 0 else 0)
    outcome = room.do(lambda unit: renew_all(unit, desk_at(unit), "P-STAFF"))
    assert (len(outcome.renewed), len(outcome.unrenewed), len(outcome.effects)) == (200, 100, 200)
    assert sum(row["kind"] == "RENEW" for row in room.rows(tables.loan_event)) == 200
