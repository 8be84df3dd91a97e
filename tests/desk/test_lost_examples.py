"""The worked examples of lost items that come back: RX-1..RX-13, each with the loan kept at the loss and with
the loan removed (LO-64, LO-65)."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from sip2d.desk import pay as money
from sip2d.store import patrons, tables
from sip2d.store.unit import Unit
from tests.desk.losing import BACK, LOST, House, at, house
from tests.support.databases import Databases

Step = Callable[[House], None]
NOON = at(date(2026, 4, 20), 12)


@pytest.fixture
def place(databases: Databases) -> Iterator[House]:
    with house(databases) as place:
        yield place


def pays(amount: int, kind: str | None = None, *, write_off: bool = False) -> Step:
    """The patron pays, or the library writes off, between loss and return."""

    def step(place: House) -> None:
        fee = None if kind is None else str(place.fee(kind))

        def work(unit: Unit) -> bool:
            who = patrons.by_id(unit, place.world.patrons["P1"], NOON)
            assert who is not None
            desk = place.desk(unit, NOON)
            return money.pay(unit, desk, who, amount_minor=amount, fee_id=fee, write_off=write_off).done

        assert place.room.do(work)

    return step


def waives(kind: str) -> Step:
    def step(place: House) -> None:
        done = place.room.do(lambda unit: money.waive(unit, place.desk(unit, NOON), place.fee(kind)))
        assert done is not None

    return step


EXAMPLES: list[tuple[str, bool, str, tuple[Step, ...], date, dict[str, int], int]] = [
    ("RX-1", True, "refund", (), BACK, {"PROCESSING": 500}, 500),
    ("RX-2", False, "refund", (), BACK, {"OVERDUE": 775, "PROCESSING": 500}, 1275),
    ("RX-3", True, "charge", (), BACK, {"OVERDUE": 1400, "PROCESSING": 500}, 1900),
    ("RX-4", False, "charge", (), BACK, {"OVERDUE": 1400, "PROCESSING": 500}, 1900),
    ("RX-5", True, "restore", (), BACK, {"OVERDUE": 775, "PROCESSING": 500}, 1275),
    ("RX-6", True, "keep", (), BACK, {"LOST": 4000, "PROCESSING": 500}, 4500),
    ("RX-7", True, "refund", (pays(4500),), BACK, {"PROCESSING": 500}, -4000),
    (
        "RX-8", True, "refund",
        (pays(1500, "LOST"), pays(1000, "LOST", write_off=True), waives("PROCESSING")),
        BACK, {"LOST": 1000, "PROCESSING": 500}, -1500,
    ),
    ("RX-9", True, "refund", (), date(2026, 8, 6), {"LOST": 4000, "PROCESSING": 500}, 4500),
    ("RX-10", True, "charge", (), BACK, {"OVERDUE": 1000, "PROCESSING": 500}, 1500),
    ("RX-11", False, "restore", (), BACK, {"OVERDUE": 775, "PROCESSING": 500}, 1275),
    ("RX-12", True, "refund_unpaid", (pays(4000, "LOST"),), BACK, {"LOST": 4000, "PROCESSING": 500}, 500),
]  # fmt: skip


@pytest.mark.parametrize("removed", [False, True], ids=["loan kept", "loan removed"])
@pytest.mark.parametrize(
    ("name", "forgive", "policy", "steps", "back", "fees", "balance"),
    EXAMPLES,
    ids=[row[0] for row in EXAMPLES],
)
def test_lost_and_returned(
    place: House,
    removed: bool,
    name: str,
    forgive: bool,
    policy: str,
    steps: tuple[Step, ...],
    back: date,
    fees: dict[str, int],
    balance: int,
) -> None:
    place.configure(
        {
            "WhenLostForgiveFine": str(forgive).lower(),
            "MarkLostItemsAsReturned": "cronjob" if removed else "",
            "NoRefundOnLostReturnedItemsAge": "90",
        },
        {"lost_return_policy": policy, **({"fine_cap": "10"} if name == "RX-10" else {})},
    )
    assert "lost" not in place.tally(at(date(2026, 4, 7), 1)).counters  # LO-41: not before
    place.accrue("I6", at(date(2026, 4, 8), 0, 30))
    assert place.tally(at(LOST, 1)).counters["lost"] == 1
    charged = {"LOST": 4000, "PROCESSING": 500, **({} if forgive else {"OVERDUE": 775})}
    assert place.fees() == charged
    assert place.loan()["status"] == ("CLOSED" if removed else "OPEN")
    for step in steps:
        step(place)
    place.bring_back("I6", at(back))
    assert place.fees() == fees
    assert place.balance() == balance
    state = place.state()
    assert (state["lost_status"], state["lost_on"], state["lost_origin"]) == (0, None, None)


@pytest.mark.parametrize(("policy", "owed"), [("charge", 610), ("restore", 310)])
@pytest.mark.parametrize("forgive", [True, False], ids=["forgiven", "kept"])
def test_the_seeds_two_months(place: House, policy: str, owed: int, forgive: bool) -> None:
    """RX-13: a month of 0.10 a day, lost, and back a month later; no price, no processing fee."""
    place.configure(
        {
            "WhenLostForgiveFine": str(forgive).lower(),
            "ChargeFinesOnClosedDays": "true",
            "LongOverdueUsesCalendar": "false",
        },
        {"lost_return_policy": policy},
    )
    for row in place.room.rows(tables.circulation_rule, name="fine_amount"):
        place.set(tables.circulation_rule, int(str(row["id"])), value="0.10")
    place.set(tables.item, place.world.items["I6"], price_minor=0)
    place.set(tables.item_type, place.world.item_types["BOOK"], processing_fee_minor=None)
    assert "lost" not in place.tally(at(date(2026, 4, 1), 1)).counters
    assert place.tally(at(date(2026, 4, 2), 1)).counters["lost"] == 1
    assert place.fees() == ({} if forgive else {"OVERDUE": 310})
    place.bring_back("I6", at(date(2026, 5, 2)))
    assert place.fees() == {"OVERDUE": owed}
    assert place.balance() == owed
