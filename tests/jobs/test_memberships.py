"""JB-5 and JB-6: hourly notices (MB-40..MB-45), missing and due bills (MB-11, MB-17), reminders (MB-44);
PT-8."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sip2d.desk import book, membership, pay
from sip2d.jobs import membership_expiry, membership_notices
from sip2d.jobs.job import Job, Run, Tally
from sip2d.policy.settings import Settings
from sip2d.store import epoch, patrons, tables
from sip2d.store.unit import Unit
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_patron, seconds
from tests.support.members import add_membership, add_policy

HOUR = timedelta(hours=1)
TEN = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
"""10:00 in Paris; NOW is a quarter past."""
NIGHT = datetime(2026, 3, 8, 23, 5, tzinfo=UTC)
"""00:05 of 9 March in Paris."""


def run(room: Room, job: Job, as_of: datetime, institution: str = "MAIN") -> dict[str, int]:
    """The job's pieces, each in a transaction of its own; what was counted."""
    with room.unit(writes=False) as unit:
        books = unit.library
    owner = books.institutions[room.world.institutions[institution]]
    about = Run(job.name, owner, books, as_of)
    body, answer = job.body(about), None
    while True:
        try:
            piece = body.send(answer)
        except StopIteration:
            return about.tally.counters
        with room.unit(writes=piece.writes) as unit:
            answer = piece.work(unit)
        if isinstance(answer, Tally):
            about.tally.add(answer)


def opened_with(room: Room, **policy: Any) -> None:
    """ADULT takes a membership."""

    def make(unit: Unit) -> None:
        add_policy(unit.core, room.world, **policy)
        epoch.bump(unit)

    room.do(make)


def notices(room: Room) -> list[tuple[str, str, dict[str, Any]]]:
    """Type, key and values of what was queued."""
    return [
        (str(row["type"]), str(row["dedup_key"]), json.loads(str(row["context"])))
        for row in room.rows(tables.notice)
    ]


def bill(unit: Unit, room: Room, barcode: str, at: datetime = NOW) -> int:
    """A bill made at this moment."""
    done = membership.update_new(unit, desk_at(unit, now=at), room.world.patrons[barcode])
    assert done.fee_id is not None
    return done.fee_id


def pay_it(unit: Unit, room: Room, barcode: str, at: datetime = NOW) -> None:
    """The bill is paid in full."""
    desk = desk_at(unit, now=at)
    who = patrons.by_id(unit, room.world.patrons[barcode], at)
    assert who is not None
    pay.pay(unit, desk, who, amount_minor=3000)


def test_mb40_the_hour_before(room: Room) -> None:
    """MB-40, MB-42: 10:15 is told at 11:00, not at 10:00, and not again at 12:00 or when the job runs twice;
    amount and period of the bill, by mail."""
    opened_with(room)
    with room.unit() as unit:
        fee = bill(unit, room, "P1")
    assert run(room, membership_notices.JOB, TEN) == {}
    assert run(room, membership_notices.JOB, TEN + HOUR) == {"queued": 1}
    assert run(room, membership_notices.JOB, TEN + HOUR) == {"known": 1}
    assert run(room, membership_notices.JOB, TEN + 2 * HOUR) == {}
    p1 = room.world.patrons["P1"]
    context = {"amount_minor": 3000, "period": 1, "period_unit": "YEAR"}
    assert notices(room) == [("MEMBERSHIP_BILL", f"MEMB|MEMBERSHIP_BILL|{p1}|{fee}", context)]
    (row,) = room.rows(tables.notice)
    assert (row["transport"], row["state"], row["branch_id"]) == (
        "EMAIL", "QUEUED", room.world.branches["CENTRAL"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "told"), [(TEN, True), (TEN + HOUR - timedelta(seconds=1), True), (TEN + HOUR, False)]
)
def test_mb40_the_window_is_a_clock_hour(room: Room, at: datetime, told: bool) -> None:
    """MB-40: from the full hour on, up to the next; wherever in the hour the job begins."""
    opened_with(room)
    with room.unit() as unit:
        bill(unit, room, "P1", at)
    assert run(room, membership_notices.JOB, TEN + HOUR + timedelta(minutes=7)).get("queued", 0) == told


def test_mb43_confirmation(room: Room) -> None:
    """MB-43, D-14, D-9: what was billed, however it was paid; nothing for "existing", 0 where it is free."""
    opened_with(room)
    with room.unit() as unit:
        bill(unit, room, "P1", NOW - 5 * HOUR)
        pay_it(unit, room, "P1")
        done = membership.update_existing(
            unit, desk_at(unit), room.world.patrons["P2"], datetime(2026, 12, 31, tzinfo=UTC).date()
        )
        assert done.done
        unit.core.execute(tables.membership_policy.update().values(fee_minor=0))
        epoch.bump(unit)
    with room.unit() as unit:
        assert membership.update_new(unit, desk_at(unit), room.world.patrons["P-LOST"]).done
    assert run(room, membership_notices.JOB, TEN + HOUR) == {"queued": 3}
    assert [(type_, context) for type_, _key, context in notices(room)] == [
        ("MEMBERSHIP_CONFIRMATION", {"amount_minor": 3000, "expires_on": "2027-03-09"}),
        ("MEMBERSHIP_CONFIRMATION", {"amount_minor": None, "expires_on": "2026-12-31"}),
        ("MEMBERSHIP_CONFIRMATION", {"amount_minor": 0, "expires_on": "2027-03-09"}),
    ]


def test_mb45_without_a_template_no_notice(room: Room) -> None:
    opened_with(room, bill_template=None, confirmation_template=None, reminder_template=None)
    with room.unit() as unit:
        bill(unit, room, "P1")
        pay_it(unit, room, "P1")
        add_membership(unit.core, room.world.patrons["P2"], "2026-03-16")
    assert run(room, membership_notices.JOB, TEN + HOUR) == {"no_template": 2}
    assert run(room, membership_expiry.JOB, NIGHT) == {}
    assert notices(room) == []


def test_mb41_another_version_of_the_template(room: Room) -> None:
    """MB-41: the policy names which."""
    opened_with(room, bill_template="ALUMNI_BILL")
    with room.unit() as unit:
        bill(unit, room, "P1")
    run(room, membership_notices.JOB, TEN + HOUR)
    assert room.rows(tables.notice)[0]["template"] == "ALUMNI_BILL"


def test_mb40_a_bill_that_was_taken_back_is_not_told(room: Room) -> None:
    opened_with(room)
    with room.unit() as unit:
        book.cancel_fee(unit, desk_at(unit), bill(unit, room, "P1"))
    assert run(room, membership_notices.JOB, TEN + HOUR) == {}


@pytest.mark.parametrize(
    ("last_day", "told"),
    [("2026-04-08", [30]), ("2026-03-16", [7]), ("2026-03-17", []), ("2026-03-09", []), ("2026-03-01", [])],
)
def test_mb44_reminders(room: Room, last_day: str, told: list[int]) -> None:
    """MB-44: the days before that the policy names; picked at night, sent with the next full hour; once."""
    opened_with(room)
    member = room.do(lambda unit: add_membership(unit.core, room.world.patrons["P1"], last_day))
    assert run(room, membership_expiry.JOB, NIGHT) == ({"reminded": 1} if told else {})
    assert run(room, membership_expiry.JOB, NIGHT) == ({"known": 1} if told else {})
    assert notices(room) == [
        ("MEMBERSHIP_REMINDER", f"MEMB_EXP|{member}|{days}", {"expires_on": last_day, "days": days})
        for days in told
    ]
    for row in room.rows(tables.notice):
        assert row["not_before"] == seconds(datetime(2026, 3, 9, 0, 0, tzinfo=UTC))


def test_mb44_no_reminder_of_what_is_renewed(room: Room) -> None:
    """A later membership is there already; nor of a type that takes none any more."""
    opened_with(room)
    with room.unit() as unit:
        add_membership(unit.core, room.world.patrons["P1"], "2026-03-16")
        add_membership(unit.core, room.world.patrons["P1"], "2027-03-16")
        add_membership(unit.core, room.world.patrons["P-STAFF"], "2026-03-16")
    assert run(room, membership_expiry.JOB, NIGHT) == {}


def test_mb11_a_missing_bill_is_made(room: Room) -> None:
    """MB-11: of who came since the policy did; MB-12: not of who was there before."""
    opened_with(room)

    def arrive(unit: Unit) -> int:
        made = add_patron(unit.core, library.read(unit.core), "N1")
        of = tables.patron.c.id == made
        unit.core.execute(tables.patron.update().where(of).values(created_at=seconds(NOW)))
        return made

    new = room.do(arrive)
    assert run(room, membership_expiry.JOB, NIGHT + timedelta(days=1)) == {"missing_billed": 1}
    assert run(room, membership_expiry.JOB, NIGHT + timedelta(days=1)) == {}
    assert [row["patron_id"] for row in room.rows(tables.fee)] == [new]
    (txn,) = room.rows(tables.ledger_txn)
    assert (txn["interface"], txn["actor"]) == ("CRON", "job:membership-expiry")


def setting(room: Room, key: str, value: str) -> None:
    """A setting of MAIN."""

    def save(unit: Unit) -> None:
        library.add(
            unit.core, tables.setting, scope="INSTITUTION", scope_id=room.world.institutions["MAIN"], key=key,
            value=value,
        )  # fmt: skip
        epoch.bump(unit)

    room.do(save)


def test_d13_the_next_bill_is_staff_s_unless_it_is_wanted(room: Room) -> None:
    """MB-17, D-13: auto_bill_on_expiry; the night after the last day, once for a membership even when that
    bill is taken back."""
    opened_with(room, reminder_days="[]")
    assert not Settings().auto_bill_on_expiry
    with room.unit() as unit:
        add_membership(unit.core, room.world.patrons["P1"], "2026-03-08")
        add_membership(unit.core, room.world.patrons["P2"], "2026-03-09")
    assert run(room, membership_expiry.JOB, NIGHT) == {}
    setting(room, "auto_bill_on_expiry", "true")
    assert run(room, membership_expiry.JOB, NIGHT) == {"lapsed_billed": 1}
    assert run(room, membership_expiry.JOB, NIGHT) == {}
    (fee,) = room.rows(tables.fee)
    assert fee["patron_id"] == room.world.patrons["P1"]
    with room.unit() as unit:
        who = patrons.by_id(unit, room.world.patrons["P1"], NOW)
        assert who is not None
        assert who.membership_owed_minor == 3000
        book.cancel_fee(unit, desk_at(unit), int(str(fee["id"])))
    assert run(room, membership_expiry.JOB, NIGHT) == {}
    assert run(room, membership_expiry.JOB, NIGHT + timedelta(days=1)) == {"lapsed_billed": 1}


def test_jb5_jb6_have_their_place(room: Room) -> None:
    """Their codes and schedules (section 12); an institution without policies costs nothing."""
    jobs = (membership_notices.JOB, membership_expiry.JOB)
    assert [(job.code, job.schedule) for job in jobs] == [("JB-5", "0 * * * *"), ("JB-6", "5 0 * * *")]
    assert [run(room, job, NIGHT, "OTHER") for job in jobs] == [{}, {}]
