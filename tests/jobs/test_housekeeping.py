"""JB-14: terminals past their date (CN-12), and what nobody can ask for any more."""

from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from sip2d.jobs import housekeeping
from sip2d.jobs.housekeeping import JOB
from sip2d.store import job_runs, tables
from sip2d.store.times import seconds
from sip2d.store.unit import Unit
from tests.jobs.nights import again, dry, night
from tests.support.desks import Room
from tests.support.library import NOW, add

NIGHT = datetime(2026, 3, 10, 0, 10, tzinfo=UTC)


def terminal(room: Room, name: str, **values: object) -> None:
    room.do(lambda unit: add(
        unit.core, tables.terminal, name=name, branch_id=room.world.branches["CENTRAL"], address="192.0.2.1",
        prefix_length=32, username=name, password_hash="x", created_at=seconds(NOW), **values,
    ))  # fmt: skip


def enabled(room: Room) -> dict[object, object]:
    return {row["name"]: row["enabled"] for row in room.rows(tables.terminal)}


def test_terminals_past_their_date_are_disabled(room: Room) -> None:
    """CN-12: audited, taken up by every daemon; those of the future and of no date stay."""
    terminal(room, "past", expires_at=seconds(NIGHT))
    terminal(room, "future", expires_at=seconds(NIGHT) + 1)
    terminal(room, "disabled", expires_at=seconds(NIGHT) - 9, enabled=0)
    [before] = room.rows(tables.library_epoch)
    result = night(room, JOB, NIGHT)
    assert {name: value for name, value in enabled(room).items() if not str(name).startswith("kiosk")} == {
        "past": 0, "future": 1, "disabled": 0,
    }  # fmt: skip
    assert result.tally.counters == {"terminals_disabled": 1}
    assert result.tally.report[0]["terminal"] == "past"
    [after] = room.rows(tables.library_epoch)
    assert int(str(after["epoch"])) == int(str(before["epoch"])) + 1
    [row] = room.rows(tables.audit_log, entity="terminal", action="disable")
    assert (row["actor"], row["before"], row["after"]) == (
        "job:housekeeping",
        '{"enabled":1}',
        '{"enabled":0}',
    )
    again(room, JOB, NIGHT)


def journal_row(unit: Unit, at: datetime, room: Room) -> None:
    add(
        unit.core, tables.journal, branch_id=room.world.branches["CENTRAL"], message="11",
        transaction_date="", digest=b"d", recorded_at=seconds(at), exchange_id=str(at).encode(), answer=b"",
        effects="[]",
    )  # fmt: skip


def session(unit: Unit, at: datetime, room: Room) -> None:
    add(
        unit.core,
        tables.session_log,
        peer="p",
        opened_at=seconds(at),
        closed_at=seconds(at),
        close_reason="E",
    )


def refusal(unit: Unit, at: datetime, room: Room) -> None:
    add(unit.core, tables.refused_address, address=str(at), reason="r", first_at=0, last_at=seconds(at))


def lease(unit: Unit, at: datetime, room: Room) -> None:
    add(unit.core, tables.job_lease, job=str(at), holder="h", until=seconds(at))


def snapshot(unit: Unit, at: datetime, room: Room) -> None:
    add(
        unit.core, tables.item_status_snapshot, as_of=at.date().isoformat(), item_id=room.world.items["I1"],
        status="AVAILABLE", branch_id=room.world.branches["CENTRAL"],
    )  # fmt: skip


def idle(unit: Unit, at: datetime, room: Room) -> None:
    add(
        unit.core, tables.job_run, job="minutely", owner="MAIN", as_of=seconds(at), key=f"minutely|MAIN|{at}",
        started_at=seconds(at), ended_at=seconds(at), status="DONE",
    )  # fmt: skip


def busy(unit: Unit, at: datetime, room: Room) -> None:
    add(
        unit.core, tables.job_run, job="nightly", owner="MAIN", as_of=seconds(at), key=f"nightly|MAIN|{at}",
        started_at=seconds(at), ended_at=seconds(at), status="DONE", counters='{"done":1}',
    )  # fmt: skip


KEPT = {
    "journal": (journal_row, timedelta(days=30) + housekeeping.JOURNAL_SLACK),
    "session_log": (session, housekeeping.SESSIONS),
    "refused_address": (refusal, housekeeping.REFUSALS),
    "job_lease": (lease, housekeeping.LEASES),
    "item_status_snapshot": (snapshot, housekeeping.SNAPSHOTS),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_grows_is_pruned(room: Room, name: str) -> None:
    """Older than it may be asked for goes, the rest stays."""
    write, span = KEPT[name]
    for days in (-2, -1, 1, 2):
        room.do(partial(write, at=NIGHT - span + timedelta(days=days), room=room))
    night(room, JOB, NIGHT)
    assert room.count(tables.metadata.tables[name]) == 2
    again(room, JOB, NIGHT)


def test_runs_that_did_nothing_go_soon_the_others_later_the_newest_never(room: Room) -> None:
    """What was missed is counted from the newest: it must stay, however long ago."""
    for days in (1, 3, 10, 500):
        at = NIGHT - timedelta(days=days)
        for write in (idle, busy):
            room.do(partial(write, at=at, room=room))
    old = NIGHT - timedelta(days=900)
    room.do(lambda unit: job_runs.mark_first(unit, "never run", "MAIN", old))
    night(room, JOB, NIGHT)
    left = [(row["job"], (NIGHT - datetime.fromtimestamp(int(str(row["as_of"])), UTC)).days)
            for row in room.rows(tables.job_run)]  # fmt: skip
    assert sorted(left) == [("housekeeping", 0), ("minutely", 1), ("never run", 900), ("nightly", 1),
                            ("nightly", 3), ("nightly", 10)]  # fmt: skip


def test_a_few_rows_at_a_time(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "ROWS", 3)
    for number in range(8):
        room.do(partial(session, at=NIGHT - timedelta(days=500 + number), room=room))
    assert night(room, JOB, NIGHT).tally.counters == {"sessions": 8}
    assert room.count(tables.session_log) == 0


def test_dry(room: Room) -> None:
    terminal(room, "past", expires_at=seconds(NIGHT))
    room.do(lambda unit: session(unit, NIGHT - timedelta(days=500), room))
    assert dry(room, JOB, NIGHT).tally.counters == {"terminals_disabled": 1, "sessions": 1}


def test_the_site_s_night_is_that_of_its_institutions_where_they_agree(room: Room) -> None:
    from sip2d.jobs.owners import zone_of
    from tests.jobs.plans import library_of

    assert zone_of(None, library_of(room.store)).key == "UTC"
    other = room.world.institutions["OTHER"]

    def close(unit: Unit) -> None:
        table = tables.institution
        unit.core.execute(table.update().where(table.c.id == other).values(enabled=0))
        epochs = tables.library_epoch
        unit.core.execute(epochs.update().values(epoch=epochs.c.epoch + 1))

    room.do(close)
    assert zone_of(None, library_of(room.store)) == ZoneInfo("Europe/Paris")
