"""JB-8: courtesy notices (LO-5..LO-8), at the tests' own day: Monday 9 March 2026."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from sip2d.jobs.courtesy import JOB
from sip2d.store import epoch
from sip2d.store.tables import item, loan, patron_messaging, setting
from tests.notices.play import outbox_of, play, type_says
from tests.support import library
from tests.support.desks import Room
from tests.support.library import NOW, seconds


def due_on(day: str, clock: str = "23:59:59") -> datetime:
    """Late on a day in Paris."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)


def lent(room: Room, patron: str, *items: str, due: datetime, **values: Any) -> list[int]:
    with room.unit() as unit:
        return [
            library.add_loan(
                unit.core,
                room.world,
                room.world.items[each],
                room.world.patrons[patron],
                due_at=due,
                **values,
            )
            for each in items
        ]


def wants(room: Room, patron: str, notice: str = "PREDUE", **values: object) -> None:
    with room.unit() as unit:
        library.add(
            unit.core, patron_messaging, patron_id=room.world.patrons[patron], notice=notice, **values
        )


def keys(room: Room) -> list[str]:
    return sorted(row.dedup_key for row in outbox_of(room))


@pytest.mark.parametrize("days", [0, 1, 2, 30])
def test_a_notice_is_sent_on_its_exact_day(room: Room, days: int) -> None:
    """LO-5: due_date - today == days_in_advance, 0 to 30."""
    wants(room, "P1", days_in_advance=days)
    loans = {
        near: lent(room, "P1", code, due=due_on((NOW + timedelta(days=near)).date().isoformat()))[0]
        for near, code in ((days - 1, "I1"), (days, "I3"), (days + 1, "I4"))
        if near >= 0
    }
    play(room, JOB, "MAIN")
    day = (NOW + timedelta(days=days)).date().isoformat()
    assert keys(room) == [f"PREDUE|{loans[days]}|{day}"]


def test_the_day_is_the_local_one(room: Room) -> None:
    """GN-1: half past midnight in Paris is still the day before in UTC."""
    wants(room, "P1", days_in_advance=1)
    [near, _] = [lent(room, "P1", code, due=due)[0] for code, due in (
        ("I1", due_on("2026-03-10", "00:30:00")), ("I3", due_on("2026-03-11", "00:30:00")))]  # fmt: skip
    play(room, JOB, "MAIN")
    assert keys(room) == [f"PREDUE|{near}|2026-03-10"]


def test_without_a_preference_nothing_is_sent(room: Room) -> None:
    """LO-5: only where the notice is active; a preference that is off silences the type's."""
    lent(room, "P1", "I1", due=due_on("2026-03-11"))
    play(room, JOB, "MAIN")
    assert keys(room) == []
    type_says(room, "ADULT", messaging='{"PREDUE": {"enabled": true, "days_in_advance": 2}}')
    wants(room, "P1", enabled=0, days_in_advance=2)
    play(room, JOB, "MAIN")
    assert keys(room) == []


def test_the_type_decides_where_the_patron_said_nothing(room: Room) -> None:
    """LO-5: institution default per patron type; the patron's own word wins."""
    type_says(room, "ADULT", messaging='{"PREDUE": {"enabled": true, "days_in_advance": 2, "digest": true}}')
    lent(room, "P1", "I1", due=due_on("2026-03-11"))
    lent(room, "P2", "I3", due=due_on("2026-03-11"))
    lent(room, "P-STAFF", "I4", due=due_on("2026-03-11"))
    wants(room, "P1", days_in_advance=3)
    play(room, JOB, "MAIN")
    assert keys(room) == [f"PREDUEDGST|{room.world.patrons['P2']}|2026-03-11"]


def test_a_type_whose_messaging_is_nonsense_sends_nothing(room: Room) -> None:
    type_says(room, "ADULT", messaging='{"PREDUE": {"days_in_advance": 99}}')
    lent(room, "P1", "I1", due=due_on("2026-03-11"))
    play(room, JOB, "MAIN")
    assert keys(room) == []


def test_a_digest_lists_what_is_due_on_one_day(room: Room) -> None:
    """LO-6: one notice for the same due date, else one an item."""
    wants(room, "P1", days_in_advance=1, digest=1)
    wants(room, "P2", days_in_advance=1)
    lent(room, "P1", "I1", "I3", due=due_on("2026-03-10"))
    lent(room, "P1", "I4", due=due_on("2026-03-11"))
    one, two = lent(room, "P2", "I5", "I6", due=due_on("2026-03-10"))
    play(room, JOB, "MAIN")
    patron = room.world.patrons["P1"]
    assert keys(room) == [
        f"PREDUEDGST|{patron}|2026-03-10", f"PREDUE|{one}|2026-03-10", f"PREDUE|{two}|2026-03-10",
    ]  # fmt: skip
    digest = next(row for row in outbox_of(room) if row.type == "PREDUEDGST")
    assert (digest.titles, digest.template) == (["Title T1", "Title T2"], "PREDUEDGST")
    assert digest.branch_id == room.world.branches["CENTRAL"]


@pytest.mark.parametrize(("digest", "type_"), [(0, "DUE"), (1, "DUEDGST")])
def test_due_today_has_notices_of_its_own(room: Room, digest: int, type_: str) -> None:
    """LO-7."""
    wants(room, "P1", "DUE", digest=digest, days_in_advance=5)
    lent(room, "P1", "I1", due=due_on("2026-03-09"))
    lent(room, "P1", "I3", due=due_on("2026-03-14"))
    play(room, JOB, "MAIN")
    [row] = outbox_of(room)
    assert (row.type, row.titles) == (type_, ["Title T1"])


def test_a_second_run_says_nothing_again_a_renewal_does(room: Room) -> None:
    """LO-8, PT-8: the key is the loan and its due date."""
    wants(room, "P1", days_in_advance=1)
    [one] = lent(room, "P1", "I1", due=due_on("2026-03-10"))
    play(room, JOB, "MAIN")
    assert play(room, JOB, "MAIN").counters == {"known": 1}
    assert len(keys(room)) == 1
    with room.unit() as unit:
        unit.core.execute(update(loan).where(loan.c.id == one).values(due_at=seconds(due_on("2026-03-20"))))
    play(room, JOB, "MAIN", NOW + timedelta(days=10))
    assert keys(room) == [f"PREDUE|{one}|2026-03-10", f"PREDUE|{one}|2026-03-20"]


def test_a_night_that_was_missed_is_not_made_up(room: Room) -> None:
    """LO-8: the day after, nothing is said of the day before; the scheduler does not replay it either."""
    wants(room, "P1", days_in_advance=1)
    lent(room, "P1", "I1", due=due_on("2026-03-10"))
    play(room, JOB, "MAIN", NOW + timedelta(days=1))
    assert keys(room) == []
    assert JOB.catch_up == "today"


def test_a_loan_that_renews_itself_is_left_out_by_setting(room: Room) -> None:
    """LO-8, courtesy_skips_auto_renew."""
    wants(room, "P1", days_in_advance=1)
    lent(room, "P1", "I1", due=due_on("2026-03-10"), auto_renew=1)
    with room.unit() as unit:
        library.add(
            unit.core, setting, scope="INSTITUTION", scope_id=room.world.institutions["MAIN"],
            key="courtesy_skips_auto_renew", value="true",
        )  # fmt: skip
        epoch.bump(unit)
    play(room, JOB, "MAIN")
    assert keys(room) == []


def test_a_lost_item_is_not_told_of(room: Room) -> None:
    wants(room, "P1", days_in_advance=1)
    lent(room, "P1", "I1", due=due_on("2026-03-10"))
    with room.unit() as unit:
        unit.core.execute(update(item).where(item.c.barcode == "I1").values(lost_status=1))
    play(room, JOB, "MAIN")
    assert keys(room) == []


@pytest.mark.parametrize(
    ("transports", "patron", "ways"),
    [
        ('["EMAIL"]', "P1", ["EMAIL"]),
        ('["EMAIL"]', "P2", ["EMAIL"]),  # and becomes UNDELIVERABLE: nobody chose paper
        ('["PRINT"]', "P1", ["PRINT"]),
        ('["EMAIL", "PRINT"]', "P1", ["EMAIL", "PRINT"]),
        ('["EMAIL", "PRINT"]', "P2", ["PRINT"]),
        ('["SMS"]', "P1", ["PRINT"]),
        ('["EMAIL", "SMS"]', "P1", ["EMAIL", "PRINT"]),
    ],
)
def test_the_ways_a_patron_chose(room: Room, transports: str, patron: str, ways: list[str]) -> None:
    """LO-5, LO-17: no SMS gateway, so an SMS is a letter."""
    wants(room, patron, days_in_advance=1, transports=transports)
    lent(room, patron, "I1", due=due_on("2026-03-10"))
    play(room, JOB, "MAIN")
    assert [row.transport for row in outbox_of(room)] == ways


def test_another_institution_s_patrons_are_its_own(room: Room) -> None:
    type_says(room, "O-ADULT", messaging='{"PREDUE": {"enabled": true, "days_in_advance": 1}}')
    with room.unit() as unit:
        library.add_loan(
            unit.core, room.world, room.world.items["O-I1"], room.world.patrons["O1"], branch="ANNEX",
            due_at=datetime(2026, 3, 10, 20, tzinfo=UTC),
        )  # fmt: skip
    play(room, JOB, "MAIN")
    assert keys(room) == []
    play(room, JOB, "OTHER")
    assert len(keys(room)) == 1


def test_many_patrons_are_served_in_bounded_pieces(sqlite_room: Room) -> None:
    room = sqlite_room
    type_says(room, "ADULT", messaging='{"PREDUE": {"enabled": true, "days_in_advance": 1, "digest": true}}')
    with room.unit() as unit:
        for number in range(120):
            who = library.add_patron(unit.core, room.world, f"M{number}")
            for copy in range(2):
                what = library.add_item(unit.core, room.world, f"M{number}-{copy}", title="T1")
                library.add_loan(unit.core, room.world, what, who, due_at=due_on("2026-03-10"))
    assert play(room, JOB, "MAIN").counters == {"queued": 120}
