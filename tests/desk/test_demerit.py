"""Demerits at the desk: BL-22, BL-30..BL-42, DX-1..DX-12, PT-28, on both databases."""

import random
from datetime import datetime, timedelta

import pytest

from sip2d.desk import suspend
from sip2d.desk.suspend import Suspended
from sip2d.jobs import blocks as remove_blocks
from sip2d.store import patrons, tables
from tests.support import library, penalties
from tests.support.desks import Room
from tests.support.library import seconds
from tests.support.penalties import (
    DEMERITS,
    at,
    blocks_of,
    bring_back,
    configure,
    lend,
    person,
    remaining,
    run,
    standing,
)

HOUR = timedelta(hours=1)


def late(room: Room, patron: str, back: datetime, *, type: str = "BOOK", recalled: bool = False) -> Suspended:
    """A loan due an hour before comes back."""
    due = back - HOUR
    recalled_at = due - HOUR if recalled else None
    return bring_back(room, lend(room, patron, due, type=type, recalled_at=recalled_at), back)


def points(room: Room) -> list[tuple[object, object]]:
    """Kind and number of each row."""
    return [(row["kind"], row["points"]) for row in room.rows(tables.demerit_point)]


def test_dx1_to_dx4_what_a_return_earns(room: Room) -> None:
    """DX-1, DX-2, DX-3, DX-4, BL-30..BL-32: by group, type and recall; nobody is told of a point."""
    configure(room, settings=DEMERITS)
    person(room, "ALUMNA", "ALUMNI")
    person(room, "STUDENT")
    for patron, type_, recalled in (
        ("ALUMNA", "MANUSCRIPT", False), ("ALUMNA", "MANUSCRIPT", True), ("STUDENT", "MANUSCRIPT", False),
        ("P-STAFF", "DVD", False), ("STUDENT", "BOOK", True),
    ):  # fmt: skip
        result = late(room, patron, at("03-01"), type=type_, recalled=recalled)
        assert result.note is None
    assert points(room) == [("OVERDUE", 1), ("RECALL", 2), ("OVERDUE", 3), ("RECALL", 5)]


def test_bl32_recalled_after_it_was_back_counts_as_not_recalled(room: Room) -> None:
    """SP-22: the return is told after the recall, but happened before."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    barcode = lend(room, "STUDENT", at("03-01"), recalled_at=at("03-03"))
    bring_back(room, barcode, at("03-02"), told=at("03-04"))
    assert points(room) == [("OVERDUE", 3)]
    assert room.rows(tables.demerit_point)[0]["created_at"] == seconds(at("03-02"))


def test_dx12_on_the_second_is_in_time(room: Room) -> None:
    """DX-12, BL-32."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    assert bring_back(room, lend(room, "STUDENT", at("03-01")), at("03-01")) == Suspended()
    assert points(room) == []


def test_bl32_a_renewal_or_a_loss_earns_nothing(room: Room) -> None:
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    barcode = lend(room, "STUDENT", at("03-01"))
    with room.unit() as unit:
        at_desk = penalties.desk(unit, at("03-05"))
        item, patron = penalties.loaned(unit, at_desk, barcode)
        assert item.loan is not None
        assert suspend.renewed(unit, at_desk, patron, item, item.loan, at("03-05")) == {}
        suspend.lost(unit, at_desk, item.loan.id)
    assert points(room) == []


def test_dx5_to_dx9_one_patrons_spring(room: Room) -> None:
    """DX-5, DX-6, DX-7, DX-8, DX-9: BL-20, BL-33, BL-34, BL-40, BL-57 through returns and the night job."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    for day in ("03-01", "03-05", "03-10"):
        assert late(room, "STUDENT", at(day)).note is None
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([], 9)
    note = late(room, "STUDENT", at("03-12")).note
    assert note is not None
    assert (note.scenario, note.values["expires_at"]) == ("RETURN_OK_BLOCKED", at("03-26"))
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([("DEMERIT", at("03-26"))], 2)
    (row,) = blocks_of(room, "STUDENT")
    assert (row["definition"], row["type"], row["actions"], row["reason"], row["note"]) == (
        "DEMERIT", "DEMERIT", "LOAN,RENEW,HOLD", "Late too often", "1,2,3,4",
    )  # fmt: skip
    late(room, "STUDENT", at("03-15"))
    late(room, "STUDENT", at("03-20"), type="MANUSCRIPT", recalled=True)
    assert (len(blocks_of(room, "STUDENT")), remaining(room, "STUDENT")) == (1, 11)
    assert run(room, remove_blocks.JOB, at("03-26 02:00")).counters == {}
    tally = run(room, remove_blocks.JOB, at("03-27 02:00"))
    assert tally.counters == {"removed": 1, "suspended_again": 1}
    assert standing(room, "STUDENT") == [("DEMERIT", at("04-09 11:00"))]
    assert remaining(room, "STUDENT") == 1
    uses = room.rows(tables.demerit_consumption)
    assert [row["used"] for row in uses] == [3, 3, 3, 1, 2, 3, 5]
    run(room, remove_blocks.JOB, at("04-10 02:00"))
    assert standing(room, "STUDENT") == []
    penalties.conserved(room)


@pytest.mark.parametrize(
    ("days", "suspended"),
    [pytest.param((0, 10, 20, 31), False, id="DX-10"), pytest.param((0, 10, 20, 30), True, id="BL-23")],
)
def test_dx10_points_outside_the_window(room: Room, days: tuple[int, ...], suspended: bool) -> None:
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    for day in days:
        late(room, "STUDENT", at("01-01") + timedelta(days=day))
    assert bool(standing(room, "STUDENT")) is suspended


@pytest.mark.parametrize(("mode", "suspended", "left"), [("exceeds", False, 10), ("reaches", True, 0)])
def test_dx11_bl24_exceeds_or_reaches(room: Room, mode: str, suspended: bool, left: int) -> None:
    """DX-11."""
    configure(room, settings={**DEMERITS, "demerit_threshold_mode": mode})
    person(room, "STUDENT")
    for day in ("03-01", "03-02"):
        late(room, "STUDENT", at(day), recalled=True)
    assert (bool(standing(room, "STUDENT")), remaining(room, "STUDENT")) == (suspended, left)


def _guilty(room: Room) -> None:
    """Four late returns, the last one suspends."""
    person(room, "STUDENT")
    for day in ("03-01", "03-05", "03-10", "03-12"):
        late(room, "STUDENT", at(day))


@pytest.mark.parametrize("missing", ["demerit_enable", "demerit_suspension_days"])
def test_bl22_off_or_incomplete_nothing_is_earned(room: Room, missing: str) -> None:
    """Enabled without its numbers is an error that is told; off is off."""
    configure(room, settings={key: value for key, value in DEMERITS.items() if key != missing})
    person(room, "STUDENT")
    result = late(room, "STUDENT", at("03-01"))
    incomplete = missing != "demerit_enable"
    assert result.detail.get("errors") == (["DEMERITS_INCOMPLETE"] if incomplete else None)
    assert len(room.rows(tables.audit_log, action="DEMERITS_INCOMPLETE")) == incomplete
    assert points(room) == []


def test_bl33_without_a_definition_the_points_are_kept(room: Room) -> None:
    """NO_DEMERIT_DEFINITION; once there is one, the next return suspends."""
    world = configure(room, settings=DEMERITS, definitions=("LOAN",))
    _guilty(room)
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([], 12)
    assert late(room, "STUDENT", at("03-13")).detail["errors"] == ["NO_DEMERIT_DEFINITION"]
    assert len(room.rows(tables.audit_log, action="NO_DEMERIT_DEFINITION")) == 2
    with room.unit() as unit:
        penalties.define(unit.core, world, ("DEMERIT",))
        penalties.bump(unit.core)
    late(room, "STUDENT", at("03-14"))
    assert standing(room, "STUDENT") == [("DEMERIT", at("03-28"))]


@pytest.mark.parametrize("as_of", ["03-26", "04-30"])
def test_bl40_evaluated_lazily_when_the_patron_comes(room: Room, as_of: str) -> None:
    """Its end alone does not lift it (BL-11); at most one evaluation a block."""
    configure(room, settings=DEMERITS)
    _guilty(room)
    with room.unit() as unit:
        world, at_desk = library.read(unit.core), penalties.desk(unit, at(as_of))
        patron_id = world.patrons["STUDENT"]
        found = patrons.by_id(unit, patron_id, at(as_of))
        assert found is not None
        assert suspend.ran_out(found, at(as_of))
        assert suspend.evaluate(unit, at_desk, patron_id) == 1
        assert suspend.evaluate(unit, at_desk, patron_id) == 0
        again = patrons.by_id(unit, patron_id, at(as_of))
        assert again is not None
        assert again.blocks == ()
    assert remaining(room, "STUDENT") == 2


def test_bl40_not_before_its_end(room: Room) -> None:
    configure(room, settings=DEMERITS)
    _guilty(room)
    with room.unit() as unit:
        patron_id = library.read(unit.core).patrons["STUDENT"]
        assert suspend.evaluate(unit, penalties.desk(unit, at("03-25")), patron_id) == 0
    assert len(standing(room, "STUDENT")) == 1


def test_bl40_a_return_evaluates_first(room: Room) -> None:
    """The suspension ended before this return: its points are not those of that end."""
    configure(room, settings=DEMERITS)
    _guilty(room)
    late(room, "STUDENT", at("03-20"), recalled=True)
    late(room, "STUDENT", at("03-22"))
    assert remaining(room, "STUDENT") == 10
    late(room, "STUDENT", at("03-27"))
    assert standing(room, "STUDENT") == [("DEMERIT", at("04-10 11:00"))]
    assert [row["starts_at"] for row in blocks_of(room, "STUDENT")] == [
        seconds(at("03-12")), seconds(at("03-27")),
    ]  # fmt: skip


def test_bl40_switched_off_meanwhile_it_ends(room: Room) -> None:
    configure(room, settings=DEMERITS)
    _guilty(room)
    for day in ("03-13", "03-14", "03-15"):
        late(room, "STUDENT", at(day))
    with room.unit() as unit:
        unit.core.exec_driver_sql("UPDATE setting SET value = 'false' WHERE key = 'demerit_enable'")
        penalties.bump(unit.core)
    run(room, remove_blocks.JOB, at("03-27 02:00"))
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([], 11)


def test_bl41_removed_by_hand_the_points_do_not_come_back(room: Room) -> None:
    configure(room, settings=DEMERITS)
    _guilty(room)
    with room.unit() as unit:
        unit.core.exec_driver_sql(f"UPDATE user_block SET removed_at = {seconds(at('03-13'))}")
    assert remaining(room, "STUDENT") == 2
    late(room, "STUDENT", at("03-14"))
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([], 5)


def test_bl42_a_return_taken_back_leaves_no_points(room: Room) -> None:
    """Nothing is deleted: a row against them; taken back twice it counts once."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    barcode = lend(room, "STUDENT", at("03-01"))
    bring_back(room, barcode, at("03-02"))
    penalties.take_back_the_return(room, barcode, at("03-02 10:05"))
    assert (points(room), remaining(room, "STUDENT")) == ([("OVERDUE", 3), ("REVERSAL", -3)], 0)
    assert suspend_undone_again(room, barcode) == [("OVERDUE", 3), ("REVERSAL", -3)]
    penalties.conserved(room)


def suspend_undone_again(room: Room, barcode: str) -> list[tuple[object, object]]:
    with room.unit() as unit:
        unit.core.exec_driver_sql(
            "UPDATE loan SET status = 'CLOSED', closed_at = 1, closed_reason = 'RETURN'"
        )
    penalties.take_back_the_return(room, barcode, at("03-02 10:06"))
    return points(room)


def test_bl42_the_suspension_goes_with_its_points(room: Room) -> None:
    """As if it had not happened: what it had used counts again, so the real return suspends once more."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    for day in ("03-01", "03-05", "03-10"):
        late(room, "STUDENT", at(day))
    barcode = lend(room, "STUDENT", at("03-11"))
    bring_back(room, barcode, at("03-12"))
    penalties.take_back_the_return(room, barcode, at("03-12 10:05"))
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([], 9)
    assert [row["removed_reason"] for row in blocks_of(room, "STUDENT")] == ["REVERSED"]
    penalties.conserved(room)
    bring_back(room, barcode, at("03-12 10:08"))
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == ([("DEMERIT", at("03-26 10:08"))], 2)
    penalties.conserved(room)


def test_bl42_the_suspension_stands_where_other_points_suffice(room: Room) -> None:
    """Six points more than the threshold needs: the same block, of the points that are left."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    late(room, "STUDENT", at("03-01"), recalled=True)
    barcode = lend(room, "STUDENT", at("03-02"))
    late(room, "STUDENT", at("03-02 09:00"))
    bring_back(room, barcode, at("03-04"))
    other = late(room, "STUDENT", at("03-04 11:00"), recalled=True)
    assert other.note is None
    penalties.take_back_the_return(room, barcode, at("03-04 11:05"))
    # 5 + 3 do not suffice at the moment of the return; 5 + 3 + 5 did at 11:00.
    assert standing(room, "STUDENT") == [("DEMERIT", at("03-18 11:00"))]
    assert remaining(room, "STUDENT") == 3
    penalties.conserved(room)


def test_bl42_a_suspension_that_goes_on_is_decided_anew_for_its_own_moment(room: Room) -> None:
    """A return of 03-13 told on 03-26 is used by the suspension that begins there; without it the points that
    waited suffice as well: the same block, of other points."""
    configure(room, settings=DEMERITS)
    _guilty(room)
    for day in ("03-14", "03-15"):
        late(room, "STUDENT", at(day), recalled=True)
    barcode = lend(room, "STUDENT", at("03-12"))
    bring_back(room, barcode, at("03-13"), told=at("03-26 10:05"))
    before = standing(room, "STUDENT")
    assert (before, remaining(room, "STUDENT")) == ([("DEMERIT", at("04-09 11:00"))], 5)
    penalties.take_back_the_return(room, barcode, at("03-26 10:10"))
    assert (standing(room, "STUDENT"), remaining(room, "STUDENT")) == (before, 2)
    penalties.conserved(room)


def test_bl42_points_taken_back_are_not_used(room: Room) -> None:
    """The oldest are taken first, but not those of a return that did not happen."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    barcode = lend(room, "STUDENT", at("03-01"))
    bring_back(room, barcode, at("03-02"))
    penalties.take_back_the_return(room, barcode, at("03-02 10:05"))
    for day in ("03-03", "03-04", "03-05", "03-06"):
        late(room, "STUDENT", at(day))
    (block,) = blocks_of(room, "STUDENT")
    real = [row["id"] for row in room.rows(tables.demerit_point)][2:]
    assert block["note"] == ",".join(str(point) for point in real)


@pytest.mark.parametrize("seed", [1, 2])
def test_pt28_points_are_conserved_in_any_history(room: Room, seed: int) -> None:
    """PT-28: late returns, some told late, some taken back, and a job in some nights; at most one suspension
    at a time, each of exactly ten points."""
    configure(room, settings=DEMERITS)
    for name in ("A", "B"):
        person(room, name)
    chance, moment = random.Random(seed), at("03-01")
    for _ in range(30):
        moment += timedelta(hours=chance.randint(1, 60))
        patron, type_ = chance.choice("AB"), chance.choice(["BOOK", "MANUSCRIPT"])
        barcode = lend(
            room, patron, moment - 3 * HOUR, type=type_, recalled_at=chance.choice([None, moment - 4 * HOUR])
        )
        bring_back(room, barcode, moment - 2 * HOUR, told=chance.choice([None, moment]))
        if chance.random() < 0.2:
            penalties.take_back_the_return(room, barcode, moment + HOUR / 6)
        if chance.random() < 0.3:
            run(room, remove_blocks.JOB, moment + HOUR / 2)
        penalties.conserved(room)
    used: dict[object, int] = {}
    for row in room.rows(tables.demerit_consumption):
        share = row["used"]
        assert isinstance(share, int)
        used[row["block_id"]] = used.get(row["block_id"], 0) + share
    reversed_ = {row["id"] for row in room.rows(tables.user_block, removed_reason="REVERSED")}
    assert used
    assert all(number == (0 if block in reversed_ else 10) for block, number in used.items())
