"""JB-11: holds that nobody came for (HO-6, HO-7)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from sip2d.jobs.hold_shelf import JOB
from sip2d.store import epoch, tables
from sip2d.store.times import seconds
from sip2d.store.unit import Unit
from tests.jobs.nights import again, dry, night
from tests.support.desks import Room
from tests.support.library import NOW, add, add_hold, add_item

PARIS = ZoneInfo("Europe/Paris")
NIGHT = datetime(2026, 3, 10, 2, 30, tzinfo=PARIS).astimezone(UTC)
LAST_EVENING = datetime(2026, 3, 9, 23, 59, 59, tzinfo=PARIS)


def kept(room: Room, patron: str = "P1", item: str = "I3", title: str = "T2", **values: Any) -> int:
    """A hold whose copy waits on the shelf at CENTRAL until last evening."""
    values = {"shelf_expires_at": seconds(LAST_EVENING), **values}
    ids = room.world
    return room.do(lambda unit: add_hold(
        unit.core, ids, ids.patrons[patron], title, status="ON_SHELF", filled_item_id=ids.items[item],
        **values,
    ))  # fmt: skip


def waiting(room: Room, patron: str, title: str = "T2", **values: Any) -> int:
    ids = room.world
    return room.do(lambda unit: add_hold(unit.core, ids, ids.patrons[patron], title, **values))


def state(room: Room, hold: int) -> tuple[object, object]:
    [row] = room.rows(tables.hold, id=hold)
    return row["status"], row["filled_item_id"]


def notices(room: Room) -> list[tuple[object, object]]:
    return [(row["type"], row["dedup_key"]) for row in room.rows(tables.notice)]


def setting(room: Room, key: str, value: str) -> None:
    def work(unit: Unit) -> None:
        main = room.world.institutions["MAIN"]
        add(unit.core, tables.setting, scope="INSTITUTION", scope_id=main, key=key, value=value)
        epoch.bump(unit)

    room.do(work)


def test_past_its_shelf_limit_it_expires_and_the_patron_is_told(room: Room) -> None:
    """HO-6, HO-7: EXPIRED, key `HOLDX|hold`; the copy is free."""
    hold = kept(room)
    result = night(room, JOB, NIGHT)
    assert result.tally.counters == {"expired": 1, "told": 1}
    assert state(room, hold) == ("EXPIRED", None)
    [notice] = room.rows(tables.notice)
    assert (notice["type"], notice["dedup_key"]) == ("HOLD_EXPIRED", f"HOLDX|{hold}")
    assert (notice["patron_id"], notice["branch_id"]) == (
        room.world.patrons["P1"],
        room.world.branches["CENTRAL"],
    )
    assert msgspec.json.decode(str(notice["context"])) == {
        "items": [{"title": "Title T2", "author": "Author", "barcode": "I3", "branch": "Central"}],
        "pickup_branch": "Central",
        "shelf_expires_at": seconds(LAST_EVENING),
        "expires_at": None,
    }
    [event] = room.rows(tables.loan_event, kind="ROUTE")
    assert (event["interface"], event["item_id"]) == ("CRON", room.world.items["I3"])
    [audited] = room.rows(tables.audit_log, entity="hold") or [{}]
    assert audited.get("actor", "job:hold-shelf") == "job:hold-shelf"


def test_the_copy_goes_to_the_next_hold(room: Room) -> None:
    """HO-6: to the shelf of the same branch, or on its way to another."""
    first, second = kept(room), waiting(room, "P2")
    other, away = kept(room, item="I4", title="T3"), waiting(room, "P2", "T3", pickup="NORTH")
    night(room, JOB, NIGHT)
    assert (state(room, first)[0], state(room, other)[0]) == ("EXPIRED", "EXPIRED")
    assert state(room, second) == ("ON_SHELF", room.world.items["I3"])
    assert state(room, away) == ("IN_TRANSIT", room.world.items["I4"])


def test_the_copy_goes_home(room: Room) -> None:
    """HO-6: a copy of NORTH that waited at CENTRAL."""
    ids = room.world
    item = room.do(lambda unit: add_item(
        unit.core, ids, "I-NORTH", title="T20", branch="NORTH", holding_branch_id=ids.branches["CENTRAL"]
    ))  # fmt: skip
    room.do(lambda unit: add_hold(
        unit.core, ids, ids.patrons["P1"], "T20", status="ON_SHELF", filled_item_id=item,
        shelf_expires_at=seconds(LAST_EVENING),
    ))  # fmt: skip
    night(room, JOB, NIGHT)
    [row] = room.rows(tables.item, id=item)
    assert row["transit_to_branch_id"] == ids.branches["NORTH"]


def test_not_needed_after_ends_a_hold_in_the_queue(room: Room) -> None:
    """HO-6: BW has passed; nothing is moved."""
    hold = waiting(room, "P1", expires_at=seconds(NIGHT) - 1)
    later = waiting(room, "P2", expires_at=seconds(NIGHT) + 1)
    assert night(room, JOB, NIGHT).tally.counters == {"expired": 1, "told": 1}
    assert (state(room, hold)[0], state(room, later)[0]) == ("EXPIRED", "PENDING")
    assert room.rows(tables.loan_event, kind="ROUTE") == []


def test_until_its_last_second_it_waits(room: Room) -> None:
    hold = kept(room, shelf_expires_at=seconds(NIGHT))
    assert night(room, JOB, NIGHT).tally.counters == {}
    assert state(room, hold)[0] == "ON_SHELF"


REMINDED = {
    ("1", "2026-03-11T23:59:59"): True,
    ("1", "2026-03-12T00:00:00"): False,
    ("2", "2026-03-12T23:59:59"): True,
    ("2", "2026-03-13T00:00:00"): False,
    ("2", "2026-03-10T23:59:59"): True,
    ("", "2026-03-10T23:59:59"): False,
}


@pytest.mark.parametrize("case", REMINDED, ids=" ".join)
def test_reminded_some_days_before(room: Room, case: tuple[str, str]) -> None:
    """HO-7, setting hold_reminder_days: by local dates; also who was missed, while he still can come."""
    days, limit = case
    if days:
        setting(room, "hold_reminder_days", days)
    at = seconds(datetime.fromisoformat(limit).replace(tzinfo=PARIS))
    hold = kept(room, shelf_expires_at=at)
    night(room, JOB, NIGHT)
    assert notices(room) == ([("HOLD_REMINDER", f"HOLD_REMINDER|{hold}|{at}")] if REMINDED[case] else [])
    night(room, JOB, NIGHT + timedelta(days=1))
    assert len([one for one in notices(room) if one[0] == "HOLD_REMINDER"]) <= 1 + (case[0] != "")


def test_reminded_once(room: Room) -> None:
    setting(room, "hold_reminder_days", "5")
    kept(room, shelf_expires_at=seconds(NIGHT + timedelta(days=3)))
    for day in range(3):
        night(room, JOB, NIGHT + timedelta(days=day))
    assert [one[0] for one in notices(room)] == ["HOLD_REMINDER"]


def test_a_second_run_changes_nothing(room: Room) -> None:
    """PT-8."""
    setting(room, "hold_reminder_days", "5")
    kept(room)
    waiting(room, "P2")
    kept(room, item="I4", title="T3", shelf_expires_at=seconds(NIGHT + timedelta(days=3)))
    night(room, JOB, NIGHT)
    again(room, JOB, NIGHT)


def test_dry(room: Room) -> None:
    kept(room)
    assert dry(room, JOB, NIGHT).tally.counters == {"expired": 1, "told": 1}


def test_more_than_a_piece_holds(room: Room) -> None:
    """Piece after piece, by id; nobody is skipped."""
    ids = room.world

    def fill(unit: Unit) -> None:
        for number in range(120):
            add_hold(
                unit.core,
                ids,
                ids.patrons["P-STAFF"],
                f"X{number}",
                expires_at=seconds(NOW - timedelta(days=1)),
            )

    room.do(fill)
    assert night(room, JOB, NIGHT).tally.counters == {"expired": 120, "told": 120}
