"""JB-1 and JB-1h: the accrual of the night and of the hour (LO-31, LO-37), on both databases."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from sip2d.jobs import fines
from sip2d.jobs.job import Job
from sip2d.jobs.runner import Outcome, Result, Runner
from sip2d.store import epoch, ledger, tables
from sip2d.store.ledger import Posting
from tests.desk.overdue import at, balanced, close_sundays, lent, rules
from tests.jobs.plans import Clock, library_of
from tests.support.desks import Room
from tests.support.library import add, add_item, add_loan, seconds


@pytest.fixture
def books(room: Room) -> Iterator[Room]:
    """Closed on Sundays, 0.25 a day, fines in production."""
    close_sundays(room)
    rules(room, fine_amount="0.25")
    setting(room, finesMode="production")
    yield room
    balanced(room)


def setting(room: Room, **values: str) -> None:
    with room.unit() as unit:
        for key, value in values.items():
            main = room.world.institutions["MAIN"]
            add(unit.core, tables.setting, scope="INSTITUTION", scope_id=main, key=key, value=value)
        epoch.bump(unit)


def run(
    room: Room, as_of: datetime, job: Job = fines.DAILY, branch: str = "CENTRAL", **options: Any
) -> Result:
    library = library_of(room.store)
    owner = library.branches[room.world.branches[branch]]
    result = Runner(room.store, Clock(as_of), "test").run(library, job, owner, as_of, **options)
    assert (result.outcome, result.error) == (Outcome.DONE, None)
    return result


def forget(room: Room) -> None:
    """Nobody remembers that a job has run: only its records' own keys are left (GN-5)."""
    with room.unit() as unit:
        unit.core.execute(tables.job_run.delete())


def accrued(room: Room) -> dict[object, object]:
    """What is unpaid of the fine of each loan."""
    balance = {row["fee_id"]: row["outstanding_minor"] for row in room.rows(tables.fee_balance)}
    return {row["loan_id"]: balance[row["id"]] for row in room.rows(tables.fee, kind="OVERDUE")}


def test_jb1_every_overdue_loan_of_the_branch_and_no_other(books: Room) -> None:
    """LO-31: open, overdue, not lost, of this policy branch."""
    late = lent(books)
    later = lent(books, "I3", "P2", due=at(3, 4, 23, 59))
    lent(books, "I-LOST")
    lent(books, "I4", due=at(4, 1))
    north = lent(books, "I2", branch="NORTH")
    with books.unit() as unit:
        unit.core.execute(
            tables.loan.update().where(tables.loan.c.id == lent_and_closed(books, unit.core)).values(
                status="CLOSED", closed_at=seconds(at(3, 3)), closed_reason="RETURN"
            )
        )  # fmt: skip
    result = run(books, at(3, 6, 0, 30))
    assert result.tally.counters == {"looked_at": 2, "accrued": 2, "minor": 150}
    assert accrued(books) == {late: 100, later: 50}
    assert run(books, at(3, 6, 0, 30), branch="NORTH").tally.counters["minor"] == 100
    assert accrued(books)[north] == 100


def lent_and_closed(room: Room, core: Any) -> int:
    world = room.world
    return add_loan(core, world, world.items["I5"], world.patrons["P1"], loaned_at=at(2, 2), due_at=at(3, 2))


def test_pt8_the_same_night_again_changes_nothing(books: Room) -> None:
    """PT-8: by a run with another key too."""
    lent(books)
    run(books, at(3, 6, 0, 30))
    before = books.snapshot()
    forget(books)
    assert run(books, at(3, 6, 0, 30)).tally.counters == {"looked_at": 1}
    library = library_of(books.store)
    central = library.branches[books.world.branches["CENTRAL"]]
    runner = Runner(books.store, Clock(at(3, 6, 1)), "other")
    assert runner.run(library, fines.DAILY, central, at(3, 6, 0, 30)).outcome is Outcome.ALREADY
    assert books.snapshot() == before


def test_a_dry_run_posts_nothing_and_tells_what_it_would(books: Room) -> None:
    lent(books)
    assert run(books, at(3, 6, 0, 30), dry_run=True).tally.counters["minor"] == 100
    assert books.count(tables.fee) == 0


def test_fx16_the_night_of_a_closed_day(books: Room) -> None:
    """FX-16: Saturday's 1.25 stand on Sunday; Monday has 1.50."""
    loan = lent(books)
    assert run(books, at(3, 7, 0, 30)).tally.counters["minor"] == 125
    assert run(books, at(3, 8, 0, 30)).tally.counters == {"closed": 1}
    assert accrued(books) == {loan: 125}
    run(books, at(3, 9, 0, 30))
    assert accrued(books) == {loan: 150}


def test_pt15_whichever_nights_were_missed(books: Room) -> None:
    loan = lent(books)
    for day in (3, 4, 11, 20):
        run(books, at(3, day, 0, 30))
    assert accrued(books) == {loan: 400}


def test_lo30_with_fines_off_nothing_is_looked_at(books: Room) -> None:
    lent(books)
    with books.unit() as unit:
        unit.core.execute(tables.setting.update().values(value="off"))
        epoch.bump(unit)
    assert run(books, at(3, 6, 0, 30)).tally.counters == {"fines_off": 1}


def test_what_costs_nothing_and_never_did_is_not_touched(books: Room) -> None:
    """A DVD without a fine is looked at and left; a fee that came down to nothing is taken back."""
    lent(books, "I-DVD")
    assert run(books, at(3, 5, 0, 30)).tally.counters == {}
    loan = lent(books)
    run(books, at(3, 6, 0, 30))
    with books.unit() as unit:
        table = tables.circulation_rule
        unit.core.execute(table.update().where(table.c.name == "fine_amount").values(value="0"))
        epoch.bump(unit)
    assert run(books, at(3, 7, 0, 30)).tally.counters == {"looked_at": 1, "reduced": 1, "minor": -100}
    assert accrued(books) == {loan: 0}


def test_lo37_jb1h_only_loans_by_the_hour(books: Room) -> None:
    """LO-37: each hour; the nightly run leaves them alone, as the hourly one leaves the others."""
    days = lent(books)
    assert run(books, at(3, 3, 15, 5), fines.HOURLY).tally.counters.get("accrued") is None
    rules(books, "REFERENCE", loan_period="4", loan_unit="HOURS", fine_amount="1")
    hours = lent(books, "I-REF", due=at(3, 3, 14))
    counters = run(books, at(3, 3, 16, 5), fines.HOURLY).tally.counters
    assert counters == {"looked_at": 1, "accrued": 1, "minor": 200}
    assert run(books, at(3, 3, 17, 5), fines.HOURLY).tally.counters["minor"] == 100
    assert run(books, at(3, 4, 0, 30)).tally.counters["minor"] == 50
    assert accrued(books) == {hours: 300, days: 50}


def test_more_loans_than_a_piece_and_a_page_hold(books: Room) -> None:
    """Pieces of 50 and pages of 500: every loan once, whoever has it and however many are due at once."""
    world = books.world
    with books.unit() as unit:
        for number in range(560):
            item = add_item(unit.core, world, f"M{number}", title=f"M{number % 7}")
            add_loan(
                unit.core, world, item, world.patrons[("P1", "P2")[number % 2]],
                loaned_at=at(2, 2), due_at=at(3, 2, 23, 59) + timedelta(days=number % 2),
            )  # fmt: skip
    result = run(books, at(3, 5, 0, 30))
    assert result.tally.counters == {"looked_at": 560, "accrued": 560, "minor": 280 * 75 + 280 * 50}
    assert len(accrued(books)) == 560


def test_the_books_of_a_night_are_what_the_ledger_would_post(books: Room) -> None:
    """The oracle of a piece: one transaction a loan, with the lines of `ledger.post`."""
    loan = lent(books)
    run(books, at(3, 6, 0, 30))
    (txn,) = books.rows(tables.ledger_txn)
    assert (txn["kind"], txn["interface"], txn["actor"]) == ("ACCRUE", "CRON", "job:fines")
    (fee,) = books.rows(tables.fee)
    assert (fee["loan_id"], fee["kind"]) == (loan, "OVERDUE")
    with books.unit(writes=False) as unit:
        lines = ledger.lines_of(unit, txn["id"])  # type: ignore[arg-type]  # a row's id
        assert lines == [Posting("AR", 100, fee["id"]), Posting("REV_OVERDUE", -100, fee["id"])]  # type: ignore[arg-type]
    assert [row["action"] for row in books.rows(tables.audit_log)] == ["ACCRUE"]
