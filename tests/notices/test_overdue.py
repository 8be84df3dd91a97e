"""JB-9: overdue notices and restrictions (LO-10..LO-21), at Monday 9 March 2026, 10:15 in Paris."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from sip2d.desk import suspend
from sip2d.jobs.overdue import JOB
from sip2d.store import epoch
from sip2d.store.tables import (
    calendar_exception,
    item,
    loan,
    notice_template,
    overdue_notice_sent,
    overdue_trigger,
    patron,
    setting,
    user_block,
)
from tests.notices.play import TEXTS, addressed, deliver, only, outbox_of, play, type_says
from tests.notices.test_courtesy import lent
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, seconds


@pytest.fixture
def ready(room: Room) -> Room:
    """Adults get overdue notices: level 1 from the third day, 2 from the tenth, 3 from the twentieth."""
    type_says(room, "ADULT", overdue_notice_required=1)
    for level, delay in ((1, 3), (2, 10), (3, 20)):
        trigger(room, level, delay)
    return room


def trigger(room: Room, level: int, delay: int, branch: str | None = None, **values: object) -> None:
    row: dict[str, object] = {
        "institution_id": room.world.institutions["MAIN"],
        "branch_id": None if branch is None else room.world.branches[branch],
        "patron_type_id": room.world.patron_types["ADULT"],
        "template": "ODUE",
    }
    with room.unit() as unit:
        library.add(unit.core, overdue_trigger, level=level, delay_days=delay, **{**row, **values})


def overdue_by(days: int) -> datetime:
    """A due instant so many local days ago."""
    return datetime(2026, 3, 9, 22, 59, 59, tzinfo=UTC) - timedelta(days=days)


def late(room: Room, days: int, *items: str, patron: str = "P1", **values: Any) -> list[int]:
    due = overdue_by(days)
    return lent(room, patron, *items or ("I1",), due=due, loaned_at=due - timedelta(days=28), **values)


def says(room: Room, name: str, value: str) -> None:
    with room.unit() as unit:
        library.add(
            unit.core, setting, scope="INSTITUTION", scope_id=room.world.institutions["MAIN"], key=name,
            value=value,
        )  # fmt: skip
        epoch.bump(unit)


def run(room: Room, branch: str = "CENTRAL", as_of: datetime = NOW) -> dict[str, int]:
    return play(room, JOB, branch, as_of).counters


def levels(room: Room) -> list[int]:
    return [msgspec.json.decode(row.context)["level"] for row in outbox_of(room)]


def restricted(room: Room) -> int:
    return len(room.rows(user_block, definition="OVERDUES", removed_at=None))


@pytest.mark.parametrize(
    ("days", "level"),
    [(0, None), (2, None), (3, 1), (9, 1), (10, 2), (19, 2), (20, 3), (90, 3), (91, None)],
)
def test_a_level_applies_from_its_delay_to_the_next_one(ready: Room, days: int, level: int | None) -> None:
    """LO-12, LO-15: delay_i <= days_overdue <= delay_{i+1} - 1; the last for 90 days."""
    late(ready, days)
    run(ready)
    assert levels(ready) == ([] if level is None else [level])


@pytest.mark.parametrize(
    ("days", "level"), [(2, None), (3, 1), (4, None), (9, None), (10, 2), (20, 3), (21, None)]
)
def test_on_the_exact_day_alone_by_setting(ready: Room, days: int, level: int | None) -> None:
    """LO-15, LO-20: in this mode a missed day is not made up."""
    says(ready, "overdue_notice_mode", "exact_day")
    late(ready, days)
    run(ready)
    assert levels(ready) == ([] if level is None else [level])


def test_fewer_levels_than_three(room: Room) -> None:
    """LO-12: with one level it applies for 90 days."""
    type_says(room, "ADULT", overdue_notice_required=1)
    trigger(room, 1, 3)
    late(room, 60)
    run(room)
    assert levels(room) == [1]


def test_a_patron_type_without_the_flag_gets_nothing(ready: Room) -> None:
    """LO-10b."""
    type_says(ready, "ADULT", overdue_notice_required=0)
    late(ready, 5)
    assert run(ready) == {}
    assert outbox_of(ready) == []


def test_without_a_trigger_nothing_is_sent(room: Room) -> None:
    """LO-3, LO-10d: 400 days overdue, nothing happens."""
    type_says(room, "ADULT", overdue_notice_required=1)
    late(room, 400)
    assert run(room) == {}
    assert (outbox_of(room), restricted(room)) == ([], 0)


def test_without_an_address_of_ours_it_is_held(ready: Room) -> None:
    """LO-10a: generated, in state HELD_NO_SENDER."""
    from sip2d.notices.post import Post

    late(ready, 5)
    run(ready)
    deliver(ready, Post(lambda: TEXTS))
    assert only(ready).state == "HELD_NO_SENDER"


@pytest.mark.parametrize(("branch", "level"), [("CENTRAL", 2), ("NORTH", 1)])
def test_a_branch_with_triggers_of_its_own_uses_only_those(ready: Room, branch: str, level: int) -> None:
    """LO-13: even for a patron type that has none there."""
    trigger(ready, 2, 4, "CENTRAL")
    late(ready, 5, "I1", branch="CENTRAL")
    late(ready, 5, "I2", branch="NORTH", patron="P2")
    type_says(ready, "NOLIMIT", overdue_notice_required=1)
    trigger(ready, 1, 3, patron_type_id=ready.world.patron_types["NOLIMIT"])
    late(ready, 5, "I3", branch="CENTRAL", patron="P-STAFF")
    run(ready, branch)
    assert levels(ready) == [level]


def test_the_branch_is_in_the_key_and_writes_the_notice(ready: Room) -> None:
    """LO-19: ODUE|patron|branch|level|run_date."""
    late(ready, 5, "I2", branch="NORTH")
    run(ready, "NORTH")
    row, north = only(ready), ready.world.branches["NORTH"]
    assert row.dedup_key == f"ODUE|{ready.world.patrons['P1']}|{north}|1|2026-03-09"
    assert (row.type, row.template, row.branch_id) == ("ODUE", "ODUE", north)


def test_a_level_has_the_template_that_was_chosen(ready: Room) -> None:
    """LO-14: any code; here one of the library's own."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(template="LETTER1"))
        library.add(
            unit.core, notice_template, institution_id=ready.world.institutions["MAIN"], code="LETTER1",
            language="en", transport="EMAIL", subject="{{ count }}",
        )  # fmt: skip
    late(ready, 5)
    run(ready)
    assert (only(ready).type, only(ready).template) == ("ODUE", "LETTER1")


@pytest.mark.parametrize("template", [None, "NOWHERE"])
def test_without_a_template_there_is_no_notice_but_the_restriction(ready: Room, template: str | None) -> None:
    """LO-10c, LO-16, D-15; a template that appears later is still used (LO-20)."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(template=template, restricts=1))
    late(ready, 5)
    assert run(ready) == {"restricted": 1, "no_template": 1}
    assert (outbox_of(ready), restricted(ready)) == ([], 1)
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(template="ODUE"))
    assert run(ready, as_of=NOW + timedelta(days=1)) == {"level_1": 1}


@pytest.mark.parametrize(
    ("transports", "person", "ways"),
    [
        ('["EMAIL"]', "P1", ["EMAIL"]),
        ('["EMAIL"]', "P2", ["PRINT"]),
        ('["SMS"]', "P1", ["PRINT"]),
        ('["EMAIL", "SMS"]', "P1", ["EMAIL", "PRINT"]),
        ('["EMAIL", "SMS"]', "P2", ["PRINT"]),
        ('["EMAIL", "SMS", "PRINT"]', "P2", ["PRINT"]),
        ('["PRINT"]', "P1", ["PRINT"]),
    ],
)
def test_what_cannot_be_mailed_is_printed_once(
    ready: Room, transports: str, person: str, ways: list[str]
) -> None:
    """LO-17: at most one print a patron, level and run."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(transports=transports))
    late(ready, 5, patron=person)
    run(ready)
    rows = outbox_of(ready)
    assert [row.transport for row in rows] == ways
    assert len({row.dedup_key for row in rows}) == len(rows)


def test_one_notice_lists_all_items_of_the_level(ready: Room) -> None:
    """LO-17: those of another level have a notice of their own."""
    late(ready, 5, "I1", "I3")
    late(ready, 4, "I4")
    late(ready, 12, "I5")
    run(ready)
    assert [(row.titles, level) for row, level in zip(outbox_of(ready), levels(ready), strict=True)] == [
        (["Title T1", "Title T2", "Title T3"], 1), (["Title T4"], 2),
    ]  # fmt: skip


def test_all_overdue_items_by_setting(ready: Room) -> None:
    """LO-17, list_all: another branch's and another day's too; still one notice a level."""
    says(ready, "overdue_notice_lists_all", "true")
    late(ready, 5, "I1")
    late(ready, 1, "I3")
    late(ready, 2, "I2", branch="NORTH")
    run(ready)
    assert only(ready).titles == ["Title T1", "Title T1", "Title T2"]


def test_lost_items_are_left_out(ready: Room) -> None:
    """LO-18."""
    late(ready, 5, "I1", "I3")
    with ready.unit() as unit:
        unit.core.execute(update(item).where(item.c.barcode == "I1").values(lost_status=2))
    run(ready)
    assert only(ready).titles == ["Title T2"]


def test_a_loan_gets_a_level_once_for_a_due_date(ready: Room) -> None:
    """LO-19, PT-8: not on the same day, not on the next; again when it was renewed and is late again."""
    [one] = late(ready, 5)
    assert run(ready) == {"level_1": 1}
    assert run(ready) == {}
    assert run(ready, as_of=NOW + timedelta(days=1)) == {}
    assert run(ready, as_of=NOW + timedelta(days=5)) == {"level_2": 1}
    later = NOW + timedelta(days=10)
    with ready.unit() as unit:
        due = seconds(later - timedelta(days=4))
        unit.core.execute(update(loan).where(loan.c.id == one).values(due_at=due))
    assert run(ready, as_of=later) == {"level_1": 1}
    marks = ready.rows(overdue_notice_sent, loan_id=one)
    assert sorted((row["level"], row["notice_id"] is not None) for row in marks) == [
        (1, True), (1, True), (2, True),
    ]  # fmt: skip


def test_a_second_item_of_the_next_night_is_told_alone(ready: Room) -> None:
    """LO-19: the first has had its level."""
    late(ready, 5, "I1")
    late(ready, 2, "I3")
    run(ready)
    run(ready, as_of=NOW + timedelta(days=1))
    assert [row.titles for row in outbox_of(ready)] == [["Title T1"], ["Title T2"]]


def test_a_missed_night_is_caught_up_in_range_mode(ready: Room) -> None:
    """LO-15, LO-20."""
    late(ready, 7)
    assert run(ready) == {"level_1": 1}
    assert JOB.catch_up == "today"


def test_the_restriction_comes_with_the_notice_once(ready: Room) -> None:
    """LO-21: at most one, whoever many loans reach a level that restricts."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).where(overdue_trigger.c.level > 1).values(restricts=1))
    late(ready, 5, "I1")
    run(ready)
    assert restricted(ready) == 0
    late(ready, 12, "I3")
    late(ready, 25, "I4")
    assert run(ready) == {"level_2": 1, "level_3": 1, "restricted": 1}
    [block] = ready.rows(user_block)
    assert (block["definition"], block["origin"], block["actions"]) == (
        "OVERDUES", "OVERDUE_NOTICE", "LOAN,RENEW",
    )  # fmt: skip
    assert block["created_by"] == "job:overdue-notices"


def test_the_restriction_does_not_need_that_a_notice_can_be_sent(ready: Room) -> None:
    """LO-15, LO-21: held for want of a sender, or printed, all the same."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(restricts=1))
        unit.core.execute(update(patron).values(email=None))
    late(ready, 5)
    run(ready)
    assert restricted(ready) == 1


def test_a_restriction_lifted_by_staff_is_not_set_again_by_the_same_level(ready: Room) -> None:
    """LO-19, LO-22: the next level may."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(restricts=1))
    late(ready, 5)
    run(ready)
    with ready.unit() as unit:
        unit.core.execute(update(user_block).values(removed_at=seconds(NOW)))
    run(ready, as_of=NOW + timedelta(days=1))
    assert restricted(ready) == 0
    run(ready, as_of=NOW + timedelta(days=5))
    assert restricted(ready) == 1


def test_a_restriction_ends_with_the_last_overdue_loan(ready: Room) -> None:
    """LO-22: what the job has set, `lift_restriction` takes away, and not before."""
    with ready.unit() as unit:
        unit.core.execute(update(overdue_trigger).values(restricts=1))
    [one] = late(ready, 5)
    run(ready)
    who = ready.world.patrons["P1"]
    assert not ready.do(lambda unit: suspend.lift_restriction(unit, desk_at(unit), who))
    with ready.unit() as unit:
        closed = {"status": "CLOSED", "closed_at": seconds(NOW), "closed_reason": "RETURN"}
        unit.core.execute(update(loan).where(loan.c.id == one).values(**closed))
    assert ready.do(lambda unit: suspend.lift_restriction(unit, desk_at(unit), who))
    assert restricted(ready) == 0


def test_open_days_count_and_a_closed_day_sends_nothing_by_setting(ready: Room) -> None:
    """LO-15, OverdueNoticeCalendar=use."""
    says(ready, "OverdueNoticeCalendar", "use")
    late(ready, 4)  # due on the 5th; the 6th and 7th are closed: two open days
    with ready.unit() as unit:
        for day in ("2026-03-06", "2026-03-07"):
            closed(unit.core, ready, day)
    assert run(ready) == {}
    with ready.unit() as unit:
        closed(unit.core, ready, "2026-03-10")
    assert run(ready, as_of=NOW + timedelta(days=1)) == {}
    assert run(ready, as_of=NOW + timedelta(days=2)) == {"level_1": 1}


def test_a_closed_day_sends_nothing_though_a_level_applies(ready: Room) -> None:
    """LO-15: the next open day does."""
    says(ready, "OverdueNoticeCalendar", "use")
    late(ready, 6)
    with ready.unit() as unit:
        closed(unit.core, ready, "2026-03-09")
    assert run(ready) == {}
    assert run(ready, as_of=NOW + timedelta(days=1)) == {"level_1": 1}


def closed(core: Any, room: Room, day: str) -> None:
    library.add(core, calendar_exception, institution_id=room.world.institutions["MAIN"], day_on=day, open=0)
    epoch_bump(core)


def epoch_bump(core: Any) -> None:
    from sip2d.store.tables import library_epoch

    core.execute(update(library_epoch).values(epoch=library_epoch.c.epoch + 1))


def test_a_loan_that_came_back_is_not_told_of(ready: Room) -> None:
    [one] = late(ready, 5)
    with ready.unit() as unit:
        closed_loan = {"status": "CLOSED", "closed_at": seconds(NOW), "closed_reason": "RETURN"}
        unit.core.execute(update(loan).where(loan.c.id == one).values(**closed_loan))
    assert run(ready) == {}


def test_a_notice_is_mailed_in_the_patron_s_language(ready: Room) -> None:
    """LO-10, LO-11, end to end."""
    from sip2d.notices.post import Post
    from tests.notices.servers import Inbox, served

    addressed(ready)
    with ready.unit() as unit:
        unit.core.execute(update(patron).where(patron.c.barcode == "P1").values(language="fr"))
    late(ready, 5, "I1", "I3")
    run(ready)
    inbox = Inbox()
    with served(inbox) as relay:
        deliver(ready, Post(lambda: TEXTS, relay))
    [mail] = inbox.mails
    assert mail["Subject"] == "En retard : 2 documents"
    assert "à rendre le mercredi 4 mars 2026" in mail.get_content()
