"""Lending: CO-8, CO-9, SP-20, OF-30, HO-5, PT-1, PT-2, PT-9."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from sip2d.desk.outcome import Outcome
from sip2d.policy.facts import Mode
from sip2d.store import tables
from sip2d.store.unit import Unit
from tests.desk.acts import bypassed, checkin, checkout, codes, notes, renewal
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, RENTAL_MINOR, add_block, add_fee, add_hold, add_loan

END_OF_DAY = datetime(2026, 4, 6, 21, 59, 59, tzinfo=UTC)
"""28 days after NOW, 23:59:59 in Paris (summer time)."""
HOUR = timedelta(hours=1)


def last_loan(room: Room) -> dict[str, object]:
    return room.rows(tables.loan)[-1]


def test_a_loan_leaves_loan_event_and_mark(room: Room) -> None:
    """CO-8, CL-3, SP-21: due at the end of the day, one event, whose id is the effect's mark."""
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I1"))
    assert outcome.done
    assert outcome.due_at == END_OF_DAY
    assert (outcome.reasons, outcome.renewal, outcome.fee_minor) == ((), False, None)
    loan = last_loan(room)
    assert (loan["status"], loan["due_at"], loan["loaned_at"]) == (
        "OPEN", int(END_OF_DAY.timestamp()), int(NOW.timestamp()),
    )  # fmt: skip
    (event,) = room.rows(tables.loan_event)
    assert (event["kind"], event["bypassed"], event["new_due_at"]) == ("LOAN", "[]", loan["due_at"])
    (effect,) = outcome.effects
    assert (effect.kind, effect.id, effect.mark) == ("item", room.world.items["I1"], event["id"])


REFUSED = [
    ("expired account", "P-EXPIRED", "I1", ["PATRON_EXPIRED"]),
    ("card lost", "P-LOST", "I1", ["CARD_LOST"]),
    ("item lost", "P1", "I-LOST", ["ITEM_LOST"]),
    ("not for loan", "P1", "I-NOT-FOR-LOAN", ["ITEM_NOT_FOR_LOAN"]),
    ("withdrawn", "P1", "I-WITHDRAWN", ["ITEM_WITHDRAWN"]),
    ("no rule", "P1", "I-REF", ["NO_RULE"]),
    ("all reasons, the patron's first", "P-EXPIRED", "I-LOST", ["PATRON_EXPIRED", "ITEM_LOST"]),
]


@pytest.mark.parametrize(("case", "patron", "item", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_co8_refusals_change_nothing(
    room: Room, case: str, patron: str, item: str, expected: list[str]
) -> None:
    before = room.snapshot()
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit), patron, item))
    assert (outcome.done, codes(outcome), outcome.effects) == (False, expected, ())
    assert room.snapshot() == before


def test_co8_refuses_what_others_have(room: Room) -> None:
    """On loan to another, kept for another, blocked, limit reached."""
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P2"])
        add_loan(unit.core, world, world.items["I4"], world.patrons["P-CHILD"])
        add_hold(unit.core, world, world.patrons["P2"], "T2", status="ON_SHELF",
                 filled_item_id=world.items["I3"])  # fmt: skip
        add_block(unit.core, world.patrons["P-STAFF"])
    with room.unit() as unit:
        desk = desk_at(unit)
        assert codes(checkout(unit, desk, "P1", "I1")) == ["ITEM_ON_LOAN_OTHER"]
        assert codes(checkout(unit, desk, "P1", "I3")) == ["ITEM_HELD"]
        assert codes(checkout(unit, desk, "P-STAFF", "I5")) == ["BLOCK:MANUAL"]
        assert codes(checkout(unit, desk, "P-CHILD", "I5")) == ["LOAN_LIMIT"]


def test_co9_the_holder_may_be_refused_the_pickup(room: Room) -> None:
    """A reason that denies LOAN denies PICKUP, and the hold stays."""
    world = room.world
    with room.unit() as unit:
        add_block(unit.core, world.patrons["P1"])
        add_hold(unit.core, world, world.patrons["P1"], "T2", status="ON_SHELF",
                 filled_item_id=world.items["I3"])  # fmt: skip
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I3"))
    assert codes(outcome) == ["BLOCK:MANUAL", "HOLD_PICKUP_DENIED"]
    assert room.rows(tables.hold)[0]["status"] == "ON_SHELF"


@pytest.mark.parametrize("status", ["ON_SHELF", "IN_TRANSIT", "PENDING"])
def test_ho5_borrowing_fulfils_the_own_hold(room: Room, status: str) -> None:
    world = room.world
    filled = None if status == "PENDING" else world.items["I3"]
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P1"], "T2", status=status, filled_item_id=filled)
    assert room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I3")).done
    (hold,) = room.rows(tables.hold)
    assert (hold["status"], hold["version"]) == ("FULFILLED", 2)


def test_a_hold_of_another_kind_of_copy_is_not_fulfilled(room: Room) -> None:
    """HO-1: a hold on the copy I2 waits for I2."""
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P1"], "T1", scope="ITEM", item_id=world.items["I2"])
    assert room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I1")).done
    assert room.rows(tables.hold)[0]["status"] == "PENDING"


def test_borrowing_ends_the_journey(room: Room) -> None:
    """An item lent elsewhere is there, and travels no more."""
    world = room.world
    with room.unit() as unit:
        library.add_item(unit.core, world, "I-AWAY", title="T20", branch="NORTH",
                         transit_to_branch_id=world.branches["NORTH"])  # fmt: skip
    assert room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I-AWAY")).done
    item = room.rows(tables.item, barcode="I-AWAY")[0]
    assert (item["holding_branch_id"], item["transit_to_branch_id"]) == (world.branches["CENTRAL"], None)


def test_bo_a_rental_is_acknowledged_first(room: Room) -> None:
    """sip2.md 6.2: refused with the amount; acknowledged it is charged with the loan."""
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I-DVD"))
    assert (outcome.done, codes(outcome)) == (False, ["FEE_REQUIRED"])
    assert (outcome.fee_minor, outcome.fee_kind) == (RENTAL_MINOR, "RENTAL")
    assert room.count(tables.fee) == room.count(tables.loan) == 0
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I-DVD", fee_ok=True))
    assert (outcome.done, outcome.fee_minor, outcome.fee_kind) == (True, RENTAL_MINOR, "RENTAL")
    (fee,) = room.rows(tables.fee)
    assert (fee["kind"], fee["loan_id"]) == ("RENTAL", last_loan(room)["id"])
    assert [row["outstanding_minor"] for row in room.rows(tables.fee_balance)] == [RENTAL_MINOR]


def test_co8_again_is_a_renewal_where_the_terminal_may(room: Room) -> None:
    """sip2.md 6.2: else refused, and it is said that the patron has it."""
    room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I1"))
    later = NOW + timedelta(days=3)
    refused = room.do(lambda unit: checkout(unit, desk_at(unit, now=later), "P1", "I1", renewal=False))
    assert (refused.done, refused.renewal, codes(refused)) == (False, True, ["ITEM_ALREADY_ON_LOAN"])
    assert refused.due_at == END_OF_DAY
    renewed = room.do(lambda unit: checkout(unit, desk_at(unit, now=later), "P1", "I1"))
    assert (renewed.done, renewed.renewal, notes(renewed)) == (True, True, ["RENEWED_OK"])
    assert last_loan(room)["renewal_count"] == 1


def test_online_ignores_a_requested_date_and_staff_does_not(room: Room) -> None:
    """CL-5, SP-20."""
    asked = NOW + timedelta(days=3)
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit), "P1", "I1", due=asked))
    assert outcome.due_at == END_OF_DAY
    outcome = room.do(lambda unit: checkout(unit, desk_at(unit, mode=Mode.STAFF), "P1", "I3", due=asked))
    assert outcome.due_at == asked


def offline(
    unit: Unit, patron: str, item: str, ago: timedelta = HOUR, due: datetime | None = None
) -> Outcome:
    desk = desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - ago)
    return checkout(unit, desk, patron, item, due=due)


BYPASSED = [
    ("P-EXPIRED", "I1", ["PATRON_EXPIRED"]),
    ("P-LOST", "I1", ["CARD_LOST"]),
    ("P1", "I-NOT-FOR-LOAN", ["ITEM_NOT_FOR_LOAN"]),
    ("P1", "I-WITHDRAWN", ["ITEM_WITHDRAWN"]),
    ("P1", "I-REF", ["NO_RULE"]),
    ("P1", "I-LOST", ["ITEM_LOST"]),
    ("P1", "I1", []),
]


@pytest.mark.parametrize(("patron", "item", "expected"), BYPASSED)
def test_sp20_no_block_sets_policy_aside_and_says_so(
    room: Room, patron: str, item: str, expected: list[str]
) -> None:
    """CO-3: lent when it happened, due as promised; the reasons stand on the event and in the audit log."""
    due = NOW + timedelta(days=5)
    outcome = room.do(lambda unit: offline(unit, patron, item, due=due))
    assert (outcome.done, outcome.due_at, bypassed(outcome)) == (True, due, expected)
    loan = last_loan(room)
    assert (loan["loaned_at"], loan["interface"]) == (int((NOW - HOUR).timestamp()), "SIP2_OFFLINE")
    event = room.rows(tables.loan_event)[-1]
    assert json.loads(str(event["bypassed"])) == expected
    assert (event["event_at"], event["recorded_at"]) == (loan["loaned_at"], int(NOW.timestamp()))
    found = ["FIND"] if item == "I-LOST" else []
    audited = [row["action"] for row in room.rows(tables.audit_log)]
    assert audited == ([*found, "BYPASS"] if expected else [])


def test_sp20_without_a_promised_date_it_is_computed_for_the_event(room: Room) -> None:
    """sip2.md 6.1; and like a blank period where nothing lends the item (CL-3)."""
    outcome = room.do(lambda unit: offline(unit, "P1", "I1", timedelta(days=2)))
    assert outcome.due_at == END_OF_DAY - timedelta(days=2)
    outcome = room.do(lambda unit: offline(unit, "P1", "I-REF"))
    assert outcome.due_at == datetime(2098, 12, 31, 23, tzinfo=UTC)


def test_of50_a_promised_date_that_has_passed_is_kept(room: Room) -> None:
    due = NOW - timedelta(minutes=30)
    assert room.do(lambda unit: offline(unit, "P1", "I1", due=due)).due_at == due


def test_of30_a_lost_item_is_found_by_an_offline_loan(room: Room) -> None:
    assert room.do(lambda unit: offline(unit, "P1", "I-LOST")).done
    assert room.rows(tables.item, barcode="I-LOST")[0]["lost_status"] == 0
    assert [row["kind"] for row in room.rows(tables.loan_event)] == ["FOUND", "LOAN"]


def test_co3_another_patrons_loan_is_taken_back(room: Room) -> None:
    """OX-7: at the time of the off-line loan, with an event of its own."""
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P2"])
    outcome = room.do(lambda unit: offline(unit, "P1", "I1"))
    assert (outcome.done, bypassed(outcome)) == (True, ["ITEM_ON_LOAN_OTHER"])
    first, second = room.rows(tables.loan)
    assert (first["status"], first["closed_reason"], first["closed_at"]) == (
        "CLOSED", "IMPLICIT", int((NOW - HOUR).timestamp()),
    )  # fmt: skip
    assert (second["status"], second["patron_id"]) == ("OPEN", world.patrons["P1"])
    assert [row["kind"] for row in room.rows(tables.loan_event)] == ["LOAN", "RETURN", "LOAN"]


def test_ho5_an_offline_loan_of_a_kept_copy_is_a_conflict(room: Room) -> None:
    """The other patron's hold waits again."""
    world = room.world
    with room.unit() as unit:
        add_hold(unit.core, world, world.patrons["P2"], "T2", status="ON_SHELF",
                 filled_item_id=world.items["I3"])  # fmt: skip
    outcome = room.do(lambda unit: offline(unit, "P1", "I3"))
    assert (outcome.done, bypassed(outcome)) == (True, ["ITEM_HELD", "HOLD_CONFLICT"])
    (hold,) = room.rows(tables.hold)
    assert (hold["status"], hold["filled_item_id"]) == ("PENDING", None)


def test_a_newer_transaction_wins(room: Room) -> None:
    """sip2.md 6.1, OX-8: the answer is ok, nothing changes, the audit log knows."""
    world = room.world
    with room.unit() as unit:
        add_loan(unit.core, world, world.items["I1"], world.patrons["P2"], loaned_at=NOW - HOUR)
    before = room.snapshot()
    outcome = room.do(lambda unit: offline(unit, "P1", "I1", 2 * HOUR))
    assert (outcome.done, bypassed(outcome), outcome.effects) == (True, ["NEWER_TRANSACTION"], ())
    assert room.snapshot() == before
    assert [row["action"] for row in room.rows(tables.audit_log)] == ["NEWER_TRANSACTION"]


def test_sp22_a_very_old_transaction_is_done_and_flagged(room: Room) -> None:
    outcome = room.do(lambda unit: offline(unit, "P1", "I1", timedelta(days=31), due=NOW))
    assert (outcome.done, bypassed(outcome)) == (True, ["STALE"])


def test_an_offline_rental_is_charged_without_asking(room: Room) -> None:
    """SP-20: it has happened; the fee is owed."""
    outcome = room.do(lambda unit: offline(unit, "P1", "I-DVD"))
    assert (outcome.done, outcome.fee_minor) == (True, RENTAL_MINOR)


REPLAYS = [
    [("L", "P1", 60)],
    [("L", "P1", 60), ("R", "", 50)],
    [("L", "P1", 60), ("R", "", 60)],
    [("L", "P1", 60), ("R", "", 60), ("L", "P2", 60)],
    [("L", "P1", 60), ("L", "P2", 50), ("R", "", 40), ("L", "P1", 30)],
    [("L", "P1", 60), ("L", "P1", 50), ("N", "P1", 40)],
    [("L", "P1", 60), ("N", "P1", 40), ("R", "", 30), ("L", "P-EXPIRED", 20)],
]


@pytest.mark.parametrize("script", REPLAYS)
def test_pt9_replaying_stored_transactions_changes_nothing(
    room: Room, script: list[tuple[str, str, int]]
) -> None:
    """Any of them again, in order, one by one backwards, and all twice."""

    def play(acts: list[tuple[str, str, int]]) -> None:
        for kind, patron, minutes in acts:
            with room.unit() as unit:
                desk = desk_at(unit, mode=Mode.NO_BLOCK, event_at=NOW - timedelta(minutes=minutes))
                if kind == "L":
                    outcome = checkout(unit, desk, patron, "I1")
                elif kind == "N":
                    outcome = renewal(unit, desk, patron, "I1", due=NOW + timedelta(days=50))
                else:
                    outcome = checkin(unit, desk, "I1")
                assert outcome.done or kind == "N"

    play(script)
    after = room.snapshot()
    play(script)
    play(script[::-1])
    assert room.snapshot() == after


def test_pt2_of_many_at_once_exactly_one_gets_the_item(room: Room) -> None:
    """PT-1: and only one loan is open."""
    barcodes = [f"C{number}" for number in range(8)]
    with room.unit() as unit:
        for barcode in barcodes:
            library.add_patron(unit.core, room.world, barcode)
    outcomes: list[Outcome] = []
    start = threading.Barrier(len(barcodes))

    def borrow(barcode: str) -> None:
        start.wait()
        outcomes.append(room.do(lambda unit: checkout(unit, desk_at(unit), barcode, "I1")))

    threads = [threading.Thread(target=borrow, args=(barcode,)) for barcode in barcodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.done for outcome in outcomes) == [False] * 7 + [True]
    assert {code for outcome in outcomes for code in codes(outcome)} == {"ITEM_ON_LOAN_OTHER"}
    assert room.count(tables.loan) == 1


def test_staff_may_override_a_fee_limit_where_the_role_allows(room: Room) -> None:
    """CO-3, BL-13: a limit yields to an operator, and the event says so."""
    world = room.world
    with room.unit() as unit:
        add_fee(unit.core, world, world.patrons["P1"], 5000)

    def lend_as(role: str | None) -> Outcome:
        return room.do(
            lambda unit: checkout(
                unit, desk_at(unit, mode=Mode.STAFF, role=role, noissuescharge_minor=1000), "P1", "I1"
            )
        )

    assert codes(lend_as(None)) == ["NOISSUESCHARGE"]
    outcome = lend_as("CIRC_DESK_MANAGER")
    assert (outcome.done, bypassed(outcome)) == (True, ["NOISSUESCHARGE"])
