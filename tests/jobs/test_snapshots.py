"""JB-12: the snapshot of the day before, and `report loans` (BR-25, BR-26)."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sip2d.jobs.snapshots import JOB
from sip2d.store import snapshots, tables
from sip2d.store.times import seconds
from sip2d.store.unit import Unit
from tests.jobs.nights import again, dry, night
from tests.support.desks import Room
from tests.support.library import add, add_hold, add_loan

PARIS = ZoneInfo("Europe/Paris")
NIGHT = datetime(2026, 3, 10, 0, 1, tzinfo=PARIS).astimezone(UTC)
MIDNIGHT = datetime(2026, 3, 10, tzinfo=PARIS)
DAY = date(2026, 3, 9)
DUE = datetime(2026, 3, 20, 22, 59, 59, tzinfo=UTC)


def lend(room: Room, item: str, patron: str = "P1", **values: object) -> int:
    ids = room.world
    options = {"due_at": DUE, **values}
    return room.do(lambda unit: add_loan(unit.core, ids, ids.items[item], ids.patrons[patron], **options))  # type: ignore[arg-type]  # columns by name


def taken(room: Room) -> dict[str, tuple[object, object, object]]:
    """Status, patron and due date by item barcode."""
    items = {number: barcode for barcode, number in room.world.items.items()}
    return {
        items[int(str(row["item_id"]))]: (row["status"], row["patron_id"], row["due_at"])
        for row in room.rows(tables.item_status_snapshot)
    }


def test_every_item_of_the_institution_with_its_status(room: Room) -> None:
    """BR-26."""
    ids = room.world
    lend(room, "I1")
    room.do(lambda unit: add_hold(
        unit.core, ids, ids.patrons["P2"], "T2", status="ON_SHELF", filled_item_id=ids.items["I3"],
        shelf_expires_at=seconds(NIGHT),
    ))  # fmt: skip
    room.do(lambda unit: _send(unit, ids.items["I4"], ids.branches["NORTH"]))
    assert night(room, JOB, NIGHT).tally.counters == {"items": 11}
    found = taken(room)
    assert found["I1"] == ("ON_LOAN", ids.patrons["P1"], seconds(DUE))
    statuses = {barcode: row[0] for barcode, row in found.items()}
    assert statuses == {
        "I1": "ON_LOAN", "I2": "AVAILABLE", "I3": "ON_HOLD_SHELF", "I4": "IN_TRANSIT", "I5": "AVAILABLE",
        "I6": "AVAILABLE", "I-DVD": "AVAILABLE", "I-REF": "AVAILABLE", "I-NOT-FOR-LOAN": "NOT_FOR_LOAN",
        "I-WITHDRAWN": "WITHDRAWN", "I-LOST": "LOST",
    }  # fmt: skip
    assert {row["as_of"] for row in room.rows(tables.item_status_snapshot)} == {"2026-03-09"}


def _send(unit: Unit, item: int, to: int) -> None:
    table = tables.item
    unit.core.execute(table.update().where(table.c.id == item).values(transit_to_branch_id=to))


def test_loans_are_as_they_were_at_the_end_of_the_day(room: Room) -> None:
    """BR-25: what was lent, returned or renewed after midnight is not in it, however late it is taken."""
    ids = room.world
    early, late = MIDNIGHT - timedelta(seconds=1), MIDNIGHT + timedelta(seconds=30)
    ended = {"status": "CLOSED", "closed_reason": "RETURN"}
    lend(room, "I1", loaned_at=early)
    lend(room, "I2", loaned_at=late)
    lend(room, "I3", loaned_at=early - timedelta(days=3), closed_at=seconds(early), **ended)
    lend(room, "I4", loaned_at=early - timedelta(days=3), closed_at=seconds(late), **ended)
    renewed = lend(room, "I5", loaned_at=early, due_at=DUE + timedelta(days=28))
    passed_on = lend(room, "I6", loaned_at=early, closed_at=seconds(late), **ended)
    lend(room, "I6", "P2", loaned_at=late + timedelta(seconds=5))
    for number, days in enumerate((0, 14)):
        room.do(partial(_renewal, room=room, loan=renewed, at=seconds(late) + number, days=days))
    night(room, JOB, NIGHT + timedelta(hours=9))
    found = taken(room)
    assert found["I1"][0] == "ON_LOAN"
    assert found["I2"][0] == "AVAILABLE"
    assert found["I3"][0] == "AVAILABLE"
    assert found["I4"][0] == "ON_LOAN"
    assert found["I5"] == ("ON_LOAN", ids.patrons["P1"], seconds(DUE))
    assert found["I6"][:2] == ("ON_LOAN", ids.patrons["P1"])
    assert [row["loan_id"] for row in room.rows(tables.item_status_snapshot, item_id=ids.items["I6"])] == [
        passed_on
    ]


def _renewal(unit: Unit, *, room: Room, loan: int, at: int, days: int) -> None:
    add(
        unit.core, tables.loan_event, loan_id=loan, item_id=room.world.items["I5"], kind="RENEW",
        patron_id=room.world.patrons["P1"], branch_id=room.world.branches["CENTRAL"], interface="STAFF",
        event_at=at, recorded_at=at, old_due_at=seconds(DUE + timedelta(days=days)),
        new_due_at=seconds(DUE + timedelta(days=days + 14)),
    )  # fmt: skip


def test_a_second_run_changes_nothing(room: Room) -> None:
    """PT-8: nor when loans moved since, for the day is written down."""
    lend(room, "I1")
    night(room, JOB, NIGHT)
    lend(room, "I2")
    again(room, JOB, NIGHT)


def test_dry(room: Room) -> None:
    assert dry(room, JOB, NIGHT).tally.counters == {"items": 11}


def test_lists_by_branch_type_status_and_due_date(room: Room) -> None:
    """BR-25's columns, BR-26's filters."""
    ids = room.world
    lend(room, "I1")
    lend(room, "I-DVD", "P2", branch="NORTH", due_at=DUE - timedelta(days=1))
    night(room, JOB, NIGHT)
    both = [ids.branches["CENTRAL"], ids.branches["NORTH"]]

    def barcodes(branches: list[int], day: date = DAY, **only: object) -> list[str]:
        return room.do(
            lambda unit: [one.item_barcode for one in snapshots.rows(unit, day, branches, **only)]  # type: ignore[arg-type]  # filters by name
        )

    assert barcodes(both) == ["I1", "I-DVD"]
    assert barcodes(both[1:]) == ["I-DVD"]
    assert barcodes(both, item_type_code="BOOK") == ["I1"]
    assert barcodes(both, due_from=DUE) == ["I1"]
    assert barcodes(both, due_before=DUE) == ["I-DVD"]
    assert barcodes(both, status="LOST") == ["I-LOST"]
    assert len(barcodes(both, status=None)) == 11
    assert barcodes(both, DAY + timedelta(days=1)) == []
    assert room.do(lambda unit: snapshots.days(unit, ids.institutions["MAIN"])) == ["2026-03-09"]
    assert room.do(lambda unit: snapshots.days(unit, ids.institutions["OTHER"])) == []
    [first] = room.do(lambda unit: snapshots.rows(unit, DAY, both[:1]))
    assert (first.patron_barcode, first.due_at, first.title, first.patron_type, first.item_type) == (
        "P1", DUE, "Title T1", "ADULT", "BOOK",
    )  # fmt: skip
