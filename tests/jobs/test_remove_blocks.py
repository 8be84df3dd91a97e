"""JB-3: BL-40, BL-53, BL-56, PT-8."""

from sip2d.jobs import blocks
from sip2d.store import tables
from tests.jobs.plans import everything
from tests.support.desks import Room
from tests.support.library import add, seconds
from tests.support.penalties import (
    DEMERITS,
    at,
    blocks_of,
    bring_back,
    configure,
    lend,
    person,
    run,
    standing,
)

FIVE = {"overdue_block_unit": "WHOLE_DAYS", "overdue_block_value": 5}


def _block(room: Room, patron: str, origin: str, ends: str | None) -> int:
    with room.unit() as unit:
        return add(
            unit.core, tables.user_block, patron_id=room.world.patrons[patron], definition=origin,
            actions="LOAN", origin=origin, starts_at=seconds(at("03-01")),
            expires_at=None if ends is None else seconds(at(ends)),
        )  # fmt: skip


def test_bl53_bl56_what_has_run_out_is_removed_and_told(room: Room) -> None:
    """User, block, loan, reason (BL-56); the rest stays, another institution's too."""
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", at("03-05"))
    bring_back(room, barcode, at("03-06"))
    bring_back(room, lend(room, "P2", at("03-06")), at("03-07"))
    endless, manual = _block(room, "P1", "MANUAL", None), _block(room, "P2", "MANUAL", "03-11")
    foreign = _block(room, "O1", "MANUAL", "03-11")
    tally = run(room, blocks.JOB, at("03-11 10:00"))
    (overdue,) = (row["id"] for row in blocks_of(room, "P1", origin="OVERDUE_RETURN"))
    assert tally.report == [
        {"user": "P1", "block": overdue, "definition": "OVERDUE", "loan": barcode, "reason": "EXPIRED"},
        {"user": "P2", "block": manual, "definition": "MANUAL", "loan": None, "reason": "EXPIRED"},
    ]
    assert tally.counters == {"removed": 2}
    assert [row["id"] for row in blocks_of(room, "P1", removed_at=None)] == [endless]
    assert standing(room, "P2") == [("OVERDUE_RETURN", at("03-12"))]
    assert room.rows(tables.user_block, id=foreign)[0]["removed_at"] is None
    (removed,) = room.rows(tables.user_block, id=overdue)
    assert (removed["removed_at"], removed["removed_reason"], removed["removed_by"]) == (
        seconds(at("03-11")), "EXPIRED", "job:remove-blocks",
    )  # fmt: skip


def test_pt8_a_second_run_changes_nothing(room: Room) -> None:
    configure(room, terms={"BOOK": FIVE}, settings=DEMERITS)
    person(room, "STUDENT")
    for day in ("03-01", "03-05", "03-10", "03-12", "03-14", "03-15", "03-16"):
        bring_back(room, lend(room, "STUDENT", at(f"{day} 09:00")), at(day))
    run(room, blocks.JOB, at("03-27 02:00"))
    before = everything(room.store)
    assert run(room, blocks.JOB, at("03-27 02:00")).counters == {}
    assert everything(room.store) == before


def test_more_than_a_piece_of_blocks(room: Room) -> None:
    """A hundred and twenty blocks, in pieces of fifty."""
    for _ in range(120):
        _block(room, "P1", "MANUAL", "03-02")
    assert run(room, blocks.JOB, at("03-03")).counters == {"removed": 120}
    assert standing(room, "P1") == []


def test_bl40_a_late_night_decides_as_punctual_ones_would(room: Room) -> None:
    """Two ends in one run, each told; points earned since do not count for them."""
    configure(room, settings=DEMERITS)
    person(room, "STUDENT")
    for day in ("03-01", "03-05", "03-10", "03-12", "03-14", "03-15", "03-16"):
        bring_back(room, lend(room, "STUDENT", at(f"{day} 09:00")), at(day))
    tally = run(room, blocks.JOB, at("06-01 02:00"))
    assert [line["reason"] for line in tally.report] == ["EXPIRED", "EXPIRED"]
    assert [(row["starts_at"], row["expires_at"]) for row in blocks_of(room, "STUDENT")] == [
        (seconds(at("03-12")), seconds(at("03-26"))),
        (seconds(at("03-26")), seconds(at("04-09 11:00"))),
    ]
    assert standing(room, "STUDENT") == []
