"""BR-19: a bulk renewal and a return of the same item at the same time, on both databases."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from sip2d.desk.outcome import Outcome
from sip2d.policy.facts import Mode
from sip2d.store import tables
from sip2d.store.unit import Unit
from tests.desk.acts import checkin, renewal
from tests.support.daemon import until
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_loan, seconds

DUE = NOW + timedelta(days=60)
Act = Callable[[Unit], Outcome]


def bulk(unit: Unit) -> Outcome:
    return renewal(unit, desk_at(unit, mode=Mode.NO_BLOCK, interface="BULK_RENEWAL"), "P1", "I1", due=DUE)


def back(unit: Unit) -> Outcome:
    return checkin(unit, desk_at(unit), "I1")


def race(room: Room, winner: Act, loser: Act) -> Outcome:
    """What the loser gets: it begins when the winner has the loan and has not committed."""
    found: list[Outcome] = []
    begins = threading.Event()

    def run() -> None:
        begins.set()
        with room.unit() as unit:
            found.append(loser(unit))

    with room.unit() as unit:
        assert winner(unit).done
        thread = threading.Thread(target=run)
        thread.start()
        assert begins.wait(10)
        if unit.locks:  # it must be seen waiting for the row; SQLite's writer cannot even begin
            until(lambda: waits(room))
    thread.join(10)
    assert not thread.is_alive()
    return found[0]


def waits(room: Room) -> bool:
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    with room.unit(writes=False) as unit:
        return bool(unit.core.scalar(text(query)))


@pytest.fixture
def lent(room: Room) -> Room:
    """I1 is on loan to P1."""
    with room.unit() as unit:
        add_loan(unit.core, room.world, room.world.items["I1"], room.world.patrons["P1"])
    return room


def test_br_19_a_return_that_wins_makes_the_row_a_skip(lent: Room) -> None:
    """BR-3, BR-4."""
    outcome = race(lent, back, bulk)
    assert (outcome.done, [reason.code for reason in outcome.reasons]) == (False, ["ITEM_NOT_ON_LOAN"])
    (loan,) = lent.rows(tables.loan)
    assert (loan["status"], loan["renewal_count"]) == ("CLOSED", 0)
    assert [row["kind"] for row in lent.rows(tables.loan_event)] == ["LOAN", "RETURN"]


def test_br_19_a_renewal_that_wins_is_returned(lent: Room) -> None:
    assert race(lent, bulk, back).done
    (loan,) = lent.rows(tables.loan)
    assert (loan["status"], loan["due_at"], loan["renewal_count"]) == ("CLOSED", seconds(DUE), 1)
    assert [row["kind"] for row in lent.rows(tables.loan_event)] == ["LOAN", "RENEW", "RETURN"]


def test_br_19_the_same_row_on_two_lines_is_done_once(lent: Room) -> None:
    """BR-18."""
    assert race(lent, bulk, bulk).done
    (loan,) = lent.rows(tables.loan)
    assert (loan["due_at"], loan["renewal_count"]) == (seconds(DUE), 1)
