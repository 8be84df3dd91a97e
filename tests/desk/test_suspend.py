"""Overdue blocks and restrictions at the desk: BL-45..BL-57, PT-31, BX-1..BX-15."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from sip2d.desk import suspend
from sip2d.desk.suspend import Suspended
from sip2d.store import loans, tables
from tests.desk.acts import patron_of
from tests.support import penalties
from tests.support.desks import Room
from tests.support.library import seconds
from tests.support.penalties import at, blocks_of, bring_back, configure, lend, loaned, standing

DUE = at("03-02 23:59:59")
R1 = at("03-06 10:00")
HOUR = timedelta(hours=1)


def rule(unit: str, value: int, **more: object) -> dict[str, object]:
    """The circulation rules of an overdue block."""
    return {"overdue_block_unit": unit, "overdue_block_value": value,
            **{f"overdue_block_{name}": value for name, value in more.items()}}  # fmt: skip


FIVE = rule("WHOLE_DAYS", 5)
MAX_10: dict[str, Any] = {"max_value": 10, "max_unit": "DAYS"}
CHAIN = {"maximum_overdue_block_per_block": "false"}
Act = tuple[str, str, str, str | None]
"""Item type, due, returned, and when the block ends that it makes."""
MON = "03-02 23:59:59"
CASES = [
    pytest.param({"BOOK": FIVE}, {}, [("BOOK", MON, "03-06", "03-11")], id="BX-1"),
    pytest.param({"BOOK": rule("WEEKS", 2)}, {}, [("BOOK", MON, "03-06", "03-20")], id="BX-2"),
    pytest.param({"BOOK": rule("MONTHS", 1)}, {}, [("BOOK", MON, "03-06", "04-06")], id="BX-3"),
    pytest.param(
        {"BOOK": rule("MONTHS", 1)}, {}, [("BOOK", "01-30 23:59:59", "01-31", "02-28")], id="BX-3-clip"
    ),
    pytest.param({"BOOK": rule("OPEN_DAYS", 3)}, {}, [("BOOK", MON, "03-06", "03-10")], id="BX-4"),
    pytest.param(
        {"BOOK": rule("DAYS_PER_OVERDUE_DAY", 2)}, {}, [("BOOK", MON, "03-06", "03-12")], id="BX-5"
    ),
    pytest.param(
        {"BOOK": rule("OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 1)}, {}, [("BOOK", MON, "03-09", "03-14")], id="BX-6"
    ),
    pytest.param(
        {"BOOK": rule("WHOLE_DAYS", 5, cumulative="true")}, {},
        [("BOOK", MON, "03-06", "03-11"), ("BOOK", MON, "03-07 12:00", "03-16")], id="BX-7",
    ),
    pytest.param(
        {"BOOK": FIVE}, {}, [("BOOK", MON, "03-06", "03-11"), ("BOOK", MON, "03-07 12:00", "03-12 12:00")],
        id="BX-7-separate",
    ),
    pytest.param(
        {"BOOK": rule("DAYS_PER_OVERDUE_DAY", 2), "DVD": FIVE}, {},
        [("BOOK", MON, "03-03 20:00", None), ("DVD", MON, "03-03 20:00", "03-08 20:00")], id="BX-8",
    ),
    pytest.param(
        {"BOOK": rule("DAYS_PER_OVERDUE_DAY", 2, **MAX_10)}, {}, [("BOOK", MON, "03-12", "03-22")], id="BX-9"
    ),
    pytest.param(
        {"BOOK": rule("WHOLE_DAYS", 8, cumulative="true", **MAX_10),
         "DVD": rule("WHOLE_DAYS", 5, cumulative="true", **MAX_10)},
        CHAIN, [("BOOK", MON, "03-06", "03-14"), ("DVD", MON, "03-07", "03-16")], id="BX-10",
    ),
    pytest.param(
        {"BOOK": rule("WHOLE_DAYS", 8, cumulative="true", **MAX_10),
         "DVD": rule("WHOLE_DAYS", 5, cumulative="true", **MAX_10)},
        {}, [("BOOK", MON, "03-06", "03-14"), ("DVD", MON, "03-07", "03-19")], id="BX-10-per-block",
    ),
    pytest.param(
        {"BOOK": rule("OPEN_DAYS", 3)}, {}, [("BOOK", "04-02 23:59:59", "04-03", "04-08")], id="BX-11"
    ),
    pytest.param(
        {"BOOK": rule("OPEN_DAYS_PER_OPEN_OVERDUE_DAY", 2)}, {},
        [("BOOK", "04-02 23:59:59", "04-09", "04-18")], id="BX-12",
    ),
    pytest.param({}, {}, [("BOOK", MON, "03-06", None)], id="BX-14-by-default"),
    pytest.param({"BOOK": rule("NONE", 5)}, {}, [("BOOK", MON, "03-06", None)], id="BX-14"),
    pytest.param(
        {"BOOK": rule("WHOLE_DAYS", 1)}, {}, [("BOOK", MON, "03-28", "03-29 11:00")], id="BX-15"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "settings", "acts"), CASES)
def test_bl50_a_late_return_blocks(
    room: Room, terms: dict[str, Any], settings: dict[str, str], acts: list[Act]
) -> None:
    """BL-45..BL-53, BL-57: the row, and the note with the end."""
    configure(room, terms=terms, settings=settings)
    expected = []
    for item_type, due, back, ends in acts:
        result = bring_back(room, lend(room, "P1", at(due), type=item_type), at(back))
        if ends is None:
            assert result == Suspended()
            continue
        expected.append(("OVERDUE_RETURN", at(ends)))
        assert result.note is not None
        assert (result.note.scenario, result.note.values["expires_at"]) == ("RETURN_OK_BLOCKED", at(ends))
    assert standing(room, "P1") == expected


def test_bl47_bl50_what_the_block_is(room: Room) -> None:
    """The definition's action 05, its description's text; loan and due date that were missed; in force."""
    configure(room, terms={"BOOK": FIVE})
    bring_back(room, lend(room, "P1", DUE), R1)
    (row,) = blocks_of(room, "P1")
    (loan,) = room.rows(tables.loan)
    wanted = {
        "definition": "OVERDUE", "type": "LOAN", "actions": "LOAN,RENEW,HOLD,ILL", "reason": "Returned late",
        "override": "OPERATOR", "loan_id": loan["id"], "loan_due_at": seconds(DUE), "starts_at": seconds(R1),
        "capped": 0, "removed_at": None,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert penalties.denied(room, R1 + HOUR) == "YYYY"
    assert penalties.denied(room, at("03-11 10:00")) == "    "  # D-21: over at once, no job needed


def test_bl51_a_shortened_block_is_marked(room: Room) -> None:
    configure(room, terms={"BOOK": rule("WHOLE_DAYS", 11, **MAX_10)})
    bring_back(room, lend(room, "P1", DUE), R1)
    assert [row["capped"] for row in blocks_of(room, "P1")] == [1]


def test_bl48_in_time_is_not_late(room: Room) -> None:
    configure(room, terms={"BOOK": FIVE})
    assert bring_back(room, lend(room, "P1", DUE), DUE) == Suspended()
    assert blocks_of(room, "P1") == []


@pytest.mark.parametrize("definitions", [(), ("DEMERIT",)])
def test_bl45_without_a_definition_nobody_is_blocked_and_it_is_told(
    room: Room, definitions: tuple[str, ...]
) -> None:
    configure(room, terms={"BOOK": FIVE}, definitions=definitions)
    result = bring_back(room, lend(room, "P1", DUE), R1)
    assert (result.note, result.detail["errors"]) == (None, ["NO_OVERDUE_DEFINITION"])
    assert blocks_of(room, "P1") == []
    assert len(room.rows(tables.audit_log, entity="institution", action="NO_OVERDUE_DEFINITION")) == 1


def test_bl45_the_definition_has_type_loan(room: Room) -> None:
    """One with the description OVERDUE and another type is not it."""
    configure(room, terms={"BOOK": FIVE}, definitions=("LOAN",))
    with room.unit() as unit:
        unit.core.exec_driver_sql("UPDATE block_definition SET type = 'GENERAL'")
        penalties.bump(unit.core)
    assert bring_back(room, lend(room, "P1", DUE), R1).detail["errors"] == ["NO_OVERDUE_DEFINITION"]


def test_co21_a_return_told_late_counts_from_when_it_happened(room: Room) -> None:
    """SP-22; a block that is over when it is told is written down, but not told any more."""
    configure(room, terms={"BOOK": FIVE})
    first = bring_back(room, lend(room, "P1", DUE), R1, told=at("03-10"))
    assert first.note is not None
    second = bring_back(room, lend(room, "P1", DUE), R1 + HOUR, told=at("03-20"))
    assert second.note is None
    assert [end for _, end in standing(room, "P1")] == [at("03-11"), at("03-11 11:00")]


def test_bl50_undone_returned_again_blocked_again(room: Room) -> None:
    """SP-23, BL-42: and nothing is left of the first block but its row."""
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", DUE)
    bring_back(room, barcode, R1)
    penalties.take_back_the_return(room, barcode, R1 + HOUR / 12)
    assert standing(room, "P1") == []
    assert [row["removed_reason"] for row in blocks_of(room, "P1")] == ["REVERSED"]
    bring_back(room, barcode, R1 + HOUR)
    assert standing(room, "P1") == [("OVERDUE_RETURN", at("03-11 11:00"))]


# -- while the loan is out -------------------------------------------------------------------------------


def _short(room: Room, barcode: str, now: datetime) -> int | None:
    """What the job of every minute does about one loan."""
    with room.unit() as unit:
        at_desk = penalties.desk(unit, now)
        item, patron = loaned(unit, at_desk, barcode)
        assert item.loan is not None
        block_id, error = suspend.overdue_while_out(unit, at_desk, patron, item, item.loan)
        assert error is None
        return block_id


def _renew(room: Room, barcode: str, now: datetime, due_at: datetime) -> dict[str, object]:
    with room.unit() as unit:
        at_desk = penalties.desk(unit, now)
        item, patron = loaned(unit, at_desk, barcode)
        assert item.loan is not None
        assert loans.renew(unit, item.loan.id, due_at)
        return suspend.renewed(unit, at_desk, patron, item, item.loan, now)


def test_bx13_renewed_the_block_of_a_short_loan_ends(room: Room) -> None:
    """BX-13, BL-54, BL-55; the block has no end of its own while the item is out."""
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", at("03-09 14:00"))
    assert _short(room, barcode, at("03-09 14:01")) is not None
    assert standing(room, "P1") == [("SHORT_LOAN", None)]
    assert penalties.denied(room, at("03-20")) == "YYYY"
    _renew(room, barcode, at("03-09 14:30"), at("03-09 18:00"))
    (row,) = blocks_of(room, "P1")
    assert (row["removed_at"], row["removed_reason"]) == (seconds(at("03-09 14:30")), "RENEWED")


def test_bl54_once_a_due_date_whoever_removed_it(room: Room) -> None:
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", at("03-09 14:00"))
    block_id = _short(room, barcode, at("03-09 14:01"))
    with room.unit() as unit:
        unit.core.exec_driver_sql(f"UPDATE user_block SET removed_at = 1 WHERE id = {block_id}")
    assert _short(room, barcode, at("03-09 14:02")) is None
    _renew(room, barcode, at("03-09 14:30"), at("03-09 18:00"))
    assert _short(room, barcode, at("03-09 18:01")) is not None


def test_bx14_none_means_no_block_while_out_either(room: Room) -> None:
    configure(room)
    assert _short(room, lend(room, "P1", at("03-09 14:00")), at("03-09 14:01")) is None


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        pytest.param(FIVE, [("OVERDUE_RETURN", at("03-14 15:00"))], id="replaced"),
        pytest.param(rule("DAYS_PER_OVERDUE_DAY", 1), [], id="removed-when-the-rule-yields-none"),
    ],
)
def test_bl55_on_return_the_block_of_a_short_loan_is_replaced(
    room: Room, terms: dict[str, object], expected: list[tuple[str, datetime]]
) -> None:
    configure(room, terms={"BOOK": terms})
    barcode = lend(room, "P1", at("03-09 14:00"))
    short = _short(room, barcode, at("03-09 14:01"))
    assert bring_back(room, barcode, at("03-09 15:00")).detail["replaced"] == [short]
    assert standing(room, "P1") == expected
    penalties.take_back_the_return(room, barcode, at("03-09 15:01"))
    assert standing(room, "P1") == [("SHORT_LOAN", None)]


def test_bl55_a_return_in_time_that_is_told_late_ends_it_too(room: Room) -> None:
    """SP-22: it was back at 13:55, the kiosk was off-line."""
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", at("03-09 14:00"))
    _short(room, barcode, at("03-09 14:01"))
    assert bring_back(room, barcode, at("03-09 13:55"), told=at("03-09 14:10")).note is None
    assert standing(room, "P1") == []


def test_bl55_pt31_lost_the_block_of_a_short_loan_ends(room: Room) -> None:
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", at("03-09 14:00"))
    _short(room, barcode, at("03-09 14:01"))
    with room.unit() as unit:
        at_desk = penalties.desk(unit, at("03-12"))
        item, _ = loaned(unit, at_desk, barcode)
        assert item.loan is not None
        suspend.lost(unit, at_desk, item.loan.id)
    assert [row["removed_reason"] for row in blocks_of(room, "P1")] == ["LOST"]


@pytest.mark.parametrize("ending", ["renewed", "lost"])
def test_pt31_no_other_block_ends(room: Room, ending: str) -> None:
    """PT-31, BL-55: of blocks of all origins, that of a late renewal of the same loan included, only the one
    of this loan while it was out."""
    configure(room, terms={"BOOK": FIVE, "DVD": FIVE}, settings={"overdue_block_on_renewal": "true"})
    bring_back(room, lend(room, "P1", DUE), at("03-09 09:00"))
    mine = lend(room, "P1", at("03-08"))
    other = lend(room, "P1", at("03-09 14:00"), type="DVD")
    _renew(room, mine, at("03-09 10:00"), at("03-09 14:00"))
    neighbour = lend(room, "P2", at("03-09 14:00"))
    with room.unit() as unit:
        at_desk = penalties.desk(unit, at("03-09 13:00"))
        suspend.restrict(unit, at_desk, patron_of(unit, at_desk, "P1").id)
    ids = [_short(room, barcode, at("03-09 14:01")) for barcode in (mine, other, neighbour)]
    before = {row["id"]: row for row in room.rows(tables.user_block)}
    if ending == "renewed":
        _renew(room, mine, at("03-09 14:30"), at("03-09 18:00"))
    else:
        with room.unit() as unit:
            at_desk = penalties.desk(unit, at("03-09 14:30"))
            item, _ = loaned(unit, at_desk, mine)
            assert item.loan is not None
            suspend.lost(unit, at_desk, item.loan.id)
    changed = {row["id"] for row in room.rows(tables.user_block) if before.get(row["id"], row) != row}
    assert changed == {ids[0]}


@pytest.mark.parametrize(("setting", "blocked"), [("false", False), ("true", True)])
def test_bl54_d26_a_late_renewal_blocks_where_the_library_wants_it(
    room: Room, setting: str, blocked: bool
) -> None:
    configure(room, terms={"BOOK": FIVE}, settings={"overdue_block_on_renewal": setting})
    barcode = lend(room, "P1", DUE)
    detail = _renew(room, barcode, R1, at("03-20 23:59:59"))
    assert standing(room, "P1") == ([("OVERDUE_RETURN", at("03-11"))] if blocked else [])
    if blocked:
        bring_back(room, barcode, at("03-22"))  # BL-50: another due date, an event of its own
        assert len(standing(room, "P1")) == 2
        with room.unit() as unit:
            suspend.undo(unit, penalties.desk(unit, at("03-22 10:01")), detail)
        assert standing(room, "P1") == [("OVERDUE_RETURN", at("03-27"))]


def test_bl54_a_renewal_in_time_does_not_block(room: Room) -> None:
    configure(room, terms={"BOOK": FIVE}, settings={"overdue_block_on_renewal": "true"})
    assert _renew(room, lend(room, "P1", DUE), DUE, at("03-20 23:59:59")) == {}
    assert standing(room, "P1") == []
