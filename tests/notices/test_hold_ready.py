"""HO-7: whoever waits is told when the copy stands on the shelf, once a hold."""

import msgspec

from sip2d.desk.place import Desk
from sip2d.store.unit import Unit
from tests.desk import acts
from tests.notices.play import TEXTS, addressed, deliver, only, outbox_of
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW


def held(room: Room, pickup: str = "CENTRAL", patron: str = "P2") -> int:
    with room.unit() as unit:
        return library.add_hold(unit.core, room.world, room.world.patrons[patron], "T1", pickup=pickup)


def lent(room: Room, item: str = "I1") -> None:
    with room.unit() as unit:
        library.add_loan(unit.core, room.world, room.world.items[item], room.world.patrons["P1"])


def back(room: Room, item: str = "I1", branch: str = "CENTRAL") -> None:
    def work(unit: Unit) -> None:
        desk: Desk = desk_at(unit, branch)
        assert acts.checkin(unit, desk, item).done

    room.do(work)


def test_a_copy_on_the_shelf_is_told_of(room: Room) -> None:
    """HO-7: key HOLD_READY|hold."""
    hold = held(room)
    lent(room)
    back(room)
    row = only(room)
    assert (row.type, row.dedup_key) == ("HOLD_READY", f"HOLD_READY|{hold}")
    told = msgspec.json.decode(row.context)
    assert (told["title"], told["barcode"], told["pickup_branch"]) == ("Title T1", "I1", "Central")
    assert told["shelf_expires_at"] > NOW.timestamp()


def test_a_copy_on_its_way_is_told_of_when_it_arrives(room: Room) -> None:
    """HO-7: at the pickup branch, not before."""
    held(room, "NORTH")
    lent(room)
    back(room)
    assert outbox_of(room) == []
    back(room, branch="NORTH")
    assert only(room).type == "HOLD_READY"
    back(room, branch="NORTH")
    assert len(outbox_of(room)) == 1


def test_a_return_that_was_undone_takes_the_notice_back(room: Room) -> None:
    """HO-11: and the next return tells again."""
    held(room)
    lent(room)
    back(room)
    room.do(lambda unit: acts.cancel_checkin(unit, desk_at(unit), "P1", "I1"))
    assert outbox_of(room) == []
    back(room)
    assert only(room).state == "QUEUED"


def test_it_is_written_with_the_shelf_limit(room: Room) -> None:
    from sip2d.notices.post import Post

    addressed(room)
    held(room, patron="P1")
    with room.unit() as unit:
        library.add_loan(unit.core, room.world, room.world.items["I1"], room.world.patrons["P2"])
    back(room)
    deliver(room, Post(lambda: TEXTS))
    assert only(room).subject == "Ready for you: Title T1"
    assert "Central, until Monday 16 March 2026" in (only(room).body or "")
