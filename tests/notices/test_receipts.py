"""JB-7: due-date receipts of the previous clock hour (BR-14)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from sip2d.jobs.receipts import JOB
from sip2d.store import epoch
from sip2d.store.tables import branch_sip2, loan, loan_event
from tests.notices.play import only, outbox_of, play
from tests.notices.test_courtesy import lent
from tests.support import library
from tests.support.desks import Room
from tests.support.library import seconds

TEN = datetime(2026, 3, 9, 10, tzinfo=UTC)
DUE = datetime(2026, 4, 6, 21, 59, 59, tzinfo=UTC)


@pytest.fixture
def enabled(room: Room) -> Room:
    """CENTRAL sends receipts, NORTH does not."""
    with room.unit() as unit:
        central = room.world.branches["CENTRAL"]
        unit.core.execute(
            update(branch_sip2).where(branch_sip2.c.branch_id == central).values(due_receipt_enabled=1)
        )
        epoch.bump(unit)
    return room


def renewed(
    room: Room,
    loan_id: int,
    item: str,
    patron: str,
    at: datetime,
    due: datetime = DUE,
    branch: str = "CENTRAL",
) -> None:
    with room.unit() as unit:
        unit.core.execute(update(loan).where(loan.c.id == loan_id).values(due_at=seconds(due)))
        library.add(
            unit.core, loan_event, loan_id=loan_id, item_id=room.world.items[item],
            patron_id=room.world.patrons[patron], kind="RENEW", branch_id=room.world.branches[branch],
            event_at=seconds(at), recorded_at=seconds(at), new_due_at=seconds(due), interface="SIP2",
        )  # fmt: skip


def test_renewals_of_the_hour_are_one_digest_a_patron(enabled: Room) -> None:
    """BR-14: key DUE_RECEIPT|patron|hour_start."""
    one, two = lent(enabled, "P1", "I1", "I3", due=DUE - timedelta(days=28))
    [three] = lent(enabled, "P2", "I4", due=DUE - timedelta(days=28))
    renewed(enabled, one, "I1", "P1", TEN - timedelta(hours=1))
    renewed(enabled, two, "I3", "P1", TEN - timedelta(seconds=1), DUE - timedelta(days=1))
    renewed(enabled, three, "I4", "P2", TEN - timedelta(minutes=30))
    assert play(enabled, JOB, "MAIN", TEN).counters == {"queued": 2}
    rows = outbox_of(enabled)
    people = enabled.world.patrons
    assert [(row.type, row.dedup_key) for row in rows] == [
        ("DUE_RECEIPT", f"DUE_RECEIPT|{people['P1']}|2026-03-09T09"),
        ("DUE_RECEIPT", f"DUE_RECEIPT|{people['P2']}|2026-03-09T09"),
    ]
    assert rows[0].titles == ["Title T1", "Title T2"]


@pytest.mark.parametrize("at", [TEN - timedelta(hours=1, seconds=1), TEN, TEN + timedelta(minutes=1)])
def test_other_hours_have_receipts_of_their_own(enabled: Room, at: datetime) -> None:
    """BR-14: the previous clock hour, whenever in this one the job runs."""
    [one] = lent(enabled, "P1", "I1", due=DUE)
    renewed(enabled, one, "I1", "P1", at)
    play(enabled, JOB, "MAIN", TEN + timedelta(minutes=7))
    assert outbox_of(enabled) == []


def test_a_branch_that_sends_no_receipts_sends_none(enabled: Room) -> None:
    """BR-14: no configuration, no notice."""
    [one] = lent(enabled, "P1", "I2", due=DUE, branch="NORTH")
    renewed(enabled, one, "I2", "P1", TEN - timedelta(minutes=5), branch="NORTH")
    play(enabled, JOB, "MAIN", TEN)
    assert outbox_of(enabled) == []


def test_a_second_run_adds_nothing(enabled: Room) -> None:
    """PT-8."""
    [one] = lent(enabled, "P1", "I1", due=DUE)
    renewed(enabled, one, "I1", "P1", TEN - timedelta(minutes=5))
    play(enabled, JOB, "MAIN", TEN)
    assert play(enabled, JOB, "MAIN", TEN).counters == {"known": 1}
    assert only(enabled).titles == ["Title T1"]


def test_a_renewal_that_was_undone_is_not_confirmed(enabled: Room) -> None:
    """The loan is due when it was before."""
    [one] = lent(enabled, "P1", "I1", due=DUE)
    renewed(enabled, one, "I1", "P1", TEN - timedelta(minutes=5))
    with enabled.unit() as unit:
        before = seconds(DUE - timedelta(days=28))
        unit.core.execute(update(loan).where(loan.c.id == one).values(due_at=before))
    play(enabled, JOB, "MAIN", TEN)
    assert outbox_of(enabled) == []


def test_only_the_date_that_holds_is_confirmed(enabled: Room) -> None:
    """Renewed twice in the hour: told once, with the last date. Renewed and returned: not told."""
    one, two = lent(enabled, "P1", "I1", "I3", due=DUE)
    renewed(enabled, one, "I1", "P1", TEN - timedelta(minutes=50), DUE - timedelta(days=9))
    renewed(enabled, one, "I1", "P1", TEN - timedelta(minutes=5), DUE)
    renewed(enabled, two, "I3", "P1", TEN - timedelta(minutes=5))
    with enabled.unit() as unit:
        closed = {"status": "CLOSED", "closed_at": seconds(TEN), "closed_reason": "RETURN"}
        unit.core.execute(update(loan).where(loan.c.id == two).values(**closed))
    play(enabled, JOB, "MAIN", TEN)
    assert only(enabled).titles == ["Title T1"]
    assert f'"due_at":{seconds(DUE)}' in only(enabled).context


@pytest.mark.parametrize(("interface", "told"), [("OFFLINE_FILE", 1), ("SIP2_OFFLINE", 0), ("SIP2", 0)])
def test_of38_what_a_file_lent_is_confirmed_too(enabled: Room, interface: str, told: int) -> None:
    """OF-38: nobody could tell its due date at the desk; by the hour in which it was loaded."""
    [one] = lent(enabled, "P1", "I1", due=DUE)
    with enabled.unit() as unit:
        library.add(
            unit.core, loan_event, loan_id=one, item_id=enabled.world.items["I1"],
            patron_id=enabled.world.patrons["P1"], kind="LOAN", branch_id=enabled.world.branches["CENTRAL"],
            event_at=seconds(TEN - timedelta(days=3)), recorded_at=seconds(TEN - timedelta(minutes=5)),
            new_due_at=seconds(DUE), interface=interface,
        )  # fmt: skip
    assert play(enabled, JOB, "MAIN", TEN).counters.get("queued", 0) == told
    assert len(outbox_of(enabled)) == told
