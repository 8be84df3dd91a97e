"""JB-4: BL-54, BX-13, PT-8."""

import msgspec
import pytest

from sip2d.jobs import short_loans
from sip2d.store import tables
from tests.jobs.plans import everything
from tests.support.desks import Room
from tests.support.library import seconds
from tests.support.penalties import at, bump, configure, lend, run, standing

SETTINGS = {"short_loan_overdue_block": "true", "short_loan_overdue_reminder": "1"}
HOURLY = {
    "loan_period": "4", "loan_unit": "HOURS", "overdue_block_unit": "WHOLE_DAYS", "overdue_block_value": "1"
}  # fmt: skip


def notices(room: Room) -> list[object]:
    """The keys queued."""
    return [row["dedup_key"] for row in room.rows(tables.notice)]


def test_bx13_bl54_one_minute_late_blocks_and_reminds(room: Room) -> None:
    """BX-13: due 14:00, reminder 1 minute: nothing at 14:00, all of it at 14:01, once."""
    configure(room, terms={"DVD": HOURLY}, settings=SETTINGS)
    barcode = lend(room, "P1", at("03-09 14:00"), type="DVD")
    lend(room, "P2", at("03-09 14:00"))  # a book is lent for days
    assert run(room, short_loans.JOB, at("03-09 14:00")).counters == {}
    tally = run(room, short_loans.JOB, at("03-09 14:01"))
    assert tally.counters == {"reminded": 1, "blocked": 1}
    assert [(line["user"], line["loan"]) for line in tally.report] == [("P1", barcode)]
    assert standing(room, "P1") == [("SHORT_LOAN", None)]
    assert standing(room, "P2") == []
    (notice,) = room.rows(tables.notice)
    loan = room.rows(tables.loan)[0]
    assert (notice["type"], notice["dedup_key"]) == (
        "SHORT_LOAN_REMINDER", f"SHORT|{loan['id']}|{seconds(at('03-09 14:00'))}",
    )  # fmt: skip
    context = msgspec.json.decode(str(notice["context"]))
    assert context["due_at"] == seconds(at("03-09 14:00"))
    assert [item["barcode"] for item in context["items"]] == [barcode]
    before = everything(room.store)  # PT-8
    for minute in ("14:01", "14:02"):
        assert run(room, short_loans.JOB, at(f"03-09 {minute}")).counters == {}
    assert everything(room.store) == before


def test_bl54_another_due_date_another_reminder(room: Room) -> None:
    configure(room, terms={"DVD": HOURLY}, settings=SETTINGS)
    lend(room, "P1", at("03-09 14:00"), type="DVD")
    run(room, short_loans.JOB, at("03-09 14:01"))
    with room.unit() as unit:
        unit.core.exec_driver_sql(f"UPDATE loan SET due_at = {seconds(at('03-09 18:00'))}")
        unit.core.exec_driver_sql("UPDATE user_block SET removed_at = 1")
    assert run(room, short_loans.JOB, at("03-09 17:00")).counters == {}
    assert run(room, short_loans.JOB, at("03-09 18:30")).counters == {"reminded": 1, "blocked": 1}
    assert len(notices(room)) == 2


@pytest.mark.parametrize(
    ("settings", "terms", "expected"),
    [
        pytest.param({}, HOURLY, {}, id="off-by-default"),
        pytest.param({**SETTINGS, "short_loan_overdue_reminder": "30"}, HOURLY, {}, id="later"),
        pytest.param(SETTINGS, {**HOURLY, "loan_unit": "DAYS"}, {}, id="no-short-loan"),
        pytest.param(
            SETTINGS, {**HOURLY, "loan_unit": "MINUTES"}, {"reminded": 1, "blocked": 1}, id="MINUTES"
        ),
        pytest.param(SETTINGS, {**HOURLY, "overdue_block_unit": "NONE"}, {"reminded": 1}, id="BX-14"),
    ],
)
def test_bl54_when(
    room: Room, settings: dict[str, str], terms: dict[str, str], expected: dict[str, int]
) -> None:
    """BL-54, BX-14."""
    configure(room, terms={"DVD": terms}, settings=settings)
    lend(room, "P1", at("03-09 14:00"), type="DVD")
    assert run(room, short_loans.JOB, at("03-09 14:10")).counters == expected


def test_bl54_a_reminder_of_0_minutes_waits_until_it_is_overdue(room: Room) -> None:
    configure(room, terms={"DVD": HOURLY}, settings={**SETTINGS, "short_loan_overdue_reminder": "0"})
    lend(room, "P1", at("03-09 14:00"), type="DVD")
    assert run(room, short_loans.JOB, at("03-09 14:00")).counters == {}
    assert run(room, short_loans.JOB, at("03-09 14:01")).counters == {"reminded": 1, "blocked": 1}


def test_bl45_without_a_definition_only_the_reminder(room: Room) -> None:
    configure(room, terms={"DVD": HOURLY}, settings=SETTINGS, definitions=())
    lend(room, "P1", at("03-09 14:00"), type="DVD")
    assert run(room, short_loans.JOB, at("03-09 14:01")).counters == {"reminded": 1, "misconfigured": 1}
    assert standing(room, "P1") == []


def test_lost_items_are_left_alone(room: Room) -> None:
    configure(room, terms={"DVD": HOURLY}, settings=SETTINGS)
    lend(room, "P1", at("03-09 14:00"), type="DVD")
    with room.unit() as unit:
        unit.core.exec_driver_sql("UPDATE item SET lost_status = 1, lost_on = '2026-03-09'")
        bump(unit.core)
    assert run(room, short_loans.JOB, at("03-09 14:01")).counters == {}


def test_more_than_a_piece_of_loans(room: Room) -> None:
    """Sixty of them, among sixty that are no short loans for this patron's type."""
    configure(room, terms={"DVD": HOURLY}, settings=SETTINGS)
    with room.unit() as unit:
        unit.core.exec_driver_sql(
            "INSERT INTO circulation_rule (institution_id, patron_type_id, item_type_id, name, value) "
            f"VALUES ({room.world.institutions['MAIN']}, {room.world.patron_types['CHILD']}, "
            f"{room.world.item_types['DVD']}, 'loan_unit', 'DAYS')"
        )
        bump(unit.core)
    for _ in range(60):
        lend(room, "P-CHILD", at("03-09 14:00"), type="DVD")
        lend(room, "P1", at("03-09 14:00"), type="DVD")
    assert run(room, short_loans.JOB, at("03-09 14:01")).counters == {"reminded": 60, "blocked": 60}
    assert {origin for origin, _ in standing(room, "P1")} == {"SHORT_LOAN"}
    assert standing(room, "P-CHILD") == []
