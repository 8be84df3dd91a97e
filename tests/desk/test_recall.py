"""Recalls (CO-40): a loan is called back, shortened once, and released when the recall ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from sip2d.desk import hold as acts
from sip2d.desk.outcome import HoldOutcome
from sip2d.policy.facts import LoanFacts
from sip2d.store import epoch
from sip2d.store.tables import circulation_rule, loan_event
from sip2d.store.unit import Unit
from tests.desk.stand import Stand, opened
from tests.support import library
from tests.support.databases import Databases
from tests.support.library import NOW

DAY = timedelta(days=1)


@pytest.fixture
def stand(databases: Databases) -> Iterator[Stand]:
    with opened(databases) as stand:
        yield stand


def rules(stand: Stand, **values: int) -> None:
    with stand.act() as unit:
        for name, value in values.items():
            unit.core.execute(
                insert(circulation_rule).values(
                    institution_id=stand.world.institutions["MAIN"], name=name, value=str(value)
                )
            )
        epoch.bump(unit)


def recall(stand: Stand, unit: Unit, patron: str, item: str | None) -> HoldOutcome:
    return acts.place(
        unit,
        stand.desk(unit),
        stand.patron(unit, patron),
        item=None if item is None else stand.item(unit, item),
        title_number="T1",
        kind="RECALL",
    )


def loan_of(stand: Stand, unit: Unit, item: str) -> LoanFacts:
    loan = stand.item(unit, item).loan
    assert loan is not None
    return loan


def lend(stand: Stand, unit: Unit, item: str, loaned: datetime, due: datetime) -> None:
    library.add_loan(
        unit.core,
        stand.world,
        stand.world.items[item],
        stand.world.patrons["P2"],
        loaned_at=loaned,
        due_at=due,
    )


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, NOW + 21 * DAY),
        ({"recall_period": 5}, datetime(2026, 3, 14, 22, 59, 59, tzinfo=UTC)),
        ({"recall_period": 5, "minimum_guarantee": 14}, datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC)),
        ({"recall_period": 60}, NOW + 21 * DAY),
    ],
)
def test_co_40_shortens_the_loan(stand: Stand, terms: dict[str, int], expected: datetime) -> None:
    """max(loaned_at + minimum_guarantee, now + recall_period) where that is earlier; lent 7 days ago."""
    rules(stand, **terms)
    with stand.act() as unit:
        lend(stand, unit, "I1", NOW - 7 * DAY, NOW + 21 * DAY)
        outcome = recall(stand, unit, "P1", "I1")
        assert outcome.done, outcome.reasons
        loan = loan_of(stand, unit, "I1")
        assert (loan.recalled_at, loan.due_at) == (NOW, expected)
        event = unit.core.execute(
            select(loan_event.c.old_due_at, loan_event.c.new_due_at).where(loan_event.c.kind == "RECALL")
        ).one()
        assert tuple(event) == (int((NOW + 21 * DAY).timestamp()), int(expected.timestamp()))


def test_co_40_of_a_title_calls_back_the_first_due(stand: Stand) -> None:
    with stand.act() as unit:
        lend(stand, unit, "I1", NOW - DAY, NOW + 20 * DAY)
        lend(stand, unit, "I2", NOW - DAY, NOW + 10 * DAY)
        first = recall(stand, unit, "P1", None)
        assert first.hold is not None
        assert first.hold.item_id == stand.world.items["I2"]
        assert loan_of(stand, unit, "I1").recalled_at is None
        second = recall(stand, unit, "P-STAFF", None)
        assert second.hold is not None
        assert second.hold.item_id == stand.world.items["I1"]


def test_co_40_cancelling_releases_the_loan_but_keeps_its_date(stand: Stand) -> None:
    rules(stand, recall_period=5)
    with stand.act() as unit:
        lend(stand, unit, "I1", NOW - 7 * DAY, NOW + 21 * DAY)
        recall(stand, unit, "P1", "I1")
        recall(stand, unit, "P-STAFF", "I1")
        desk = stand.desk(unit)
        shortened = loan_of(stand, unit, "I1").due_at
        assert shortened < NOW + 21 * DAY
        acts.cancel(unit, desk, stand.patron(unit, "P1"), item=None, title_number="T1")
        assert loan_of(stand, unit, "I1").recalled_at is not None, "the other recall stands"
        acts.cancel(unit, desk, stand.patron(unit, "P-STAFF"), item=None, title_number="T1")
        loan = loan_of(stand, unit, "I1")
        assert (loan.recalled_at, loan.due_at) == (None, shortened)


def test_co_40_goes_before_holds(stand: Stand) -> None:
    with stand.act() as unit:
        lend(stand, unit, "I1", NOW - DAY, NOW + DAY)
        library.add_hold(unit.core, stand.world, stand.world.patrons["P-STAFF"], "T1")
        assert recall(stand, unit, "P1", "I1").position == 1
