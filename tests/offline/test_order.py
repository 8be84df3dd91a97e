"""2.3: what kiosks and desks stored comes in any order, and again: who has the item in the end had it last
by the clock (OF-30..OF-32, OF-50, SP-20..SP-22, PT-9).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip2d.store import tables
from sip2d.store.executor import Store
from tests.offline.files import Loader, loans, offcirc, queued
from tests.rules.terminal import Kiosk
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare
from tests.support.library import add, add_hold, seconds

DAY_BEGAN = timedelta(hours=6)


class Act(msgspec.Struct, frozen=True):
    """What a kiosk did, so many minutes after the day began."""

    minute: int
    item: str
    patron: str = ""

    @property
    def ago(self) -> timedelta:
        return DAY_BEGAN - timedelta(minutes=self.minute)


class _TakenBack(Exception):
    """Ends an example's transaction."""


@contextmanager
def standing(store: Store) -> Iterator[Kiosk]:
    """A kiosk, on a library that is as it was afterwards."""
    with suppress(_TakenBack), store.unit("kiosk") as unit:
        yield Kiosk(unit)
        raise _TakenBack


def send(kiosk: Kiosk, act: Act) -> str:
    """The stored frame of an act; the first characters of the answer."""
    at = kiosk.at(act.ago)
    said = (
        kiosk.stored_checkout(act.patron, act.item, at) if act.patron else kiosk.stored_checkin(act.item, at)
    )
    return said.fixed[:3]


def holders(kiosk: Kiosk) -> dict[str, str]:
    """Who has what."""
    items = {number: barcode for barcode, number in kiosk.world.items.items()}
    people = {number: barcode for barcode, number in kiosk.world.patrons.items()}
    return {items[row["item_id"]]: people[row["patron_id"]] for row in kiosk.rows(tables.loan, status="OPEN")}


def states(kiosk: Kiosk) -> list[tuple[str, str, int, bool]]:
    """The exceptions: code, item, when, and whether one was resolved."""
    return [
        (row["code"], row["item_barcode"], row["happened_at"], row["resolved_at"] is not None)
        for row in kiosk.rows(tables.offline_exception)
    ]


ACTS = st.lists(
    st.tuples(st.sampled_from(["I1", "I1", "I4"]), st.sampled_from(["P1", "P2", ""])), min_size=1, max_size=6
).map(lambda acts: tuple(Act(10 * (n + 1), item, patron) for n, (item, patron) in enumerate(acts)))
"""A day in its order; an act without a patron is a return."""


def had_last(day: Sequence[Act]) -> dict[str, str]:
    """By the clock."""
    last = {act.item: act.patron for act in sorted(day, key=lambda act: act.minute)}
    return {item: patron for item, patron in last.items() if patron}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data(), day=ACTS)
def test_pt9_any_order_and_again_ends_as_the_clock_says(
    store: Store, data: st.DataObject, day: tuple[Act, ...]
) -> None:
    """2.3: and a kiosk that sends its whole day once more leaves loans and exceptions as they are."""
    order = data.draw(st.permutations(day))
    with standing(store) as kiosk:
        for number, act in enumerate(order):
            assert send(kiosk, act) in ("121", "101")
            for again in data.draw(st.lists(st.sampled_from(order[: number + 1]), max_size=1)):
                send(kiosk, again)
        assert holders(kiosk) == had_last(day)
        before = kiosk.rows(tables.loan), states(kiosk), kiosk.rows(tables.loan_event)
        for act in data.draw(st.permutations(day)):
            assert send(kiosk, act) in ("121", "101")
        assert (kiosk.rows(tables.loan), states(kiosk), kiosk.rows(tables.loan_event)) == before
        assert all(
            row["loaned_at"] <= (row["closed_at"] or row["loaned_at"]) for row in kiosk.rows(tables.loan)
        )


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    """One library for all examples of a test; each takes back what it did."""
    with Store.open(databases.fresh(prepare)) as store:
        yield store


@pytest.fixture
def kiosk(store: Store) -> Iterator[Kiosk]:
    with standing(store) as kiosk:
        yield kiosk


BEFORE, BACK = Act(10, "I1", "P1"), Act(20, "I1")


def test_of32_a_return_before_its_loan_ends_it(kiosk: Kiosk) -> None:
    """The return is an exception until its loan comes; then it is resolved, and the loan has its times."""
    assert send(kiosk, BACK) == "101"
    at = seconds(kiosk.now - BACK.ago)
    assert states(kiosk) == [("NOT_ON_LOAN", "I1", at, False)]
    assert send(kiosk, BEFORE) == "121"
    assert states(kiosk) == [("NOT_ON_LOAN", "I1", at, True)]
    (loan,) = kiosk.rows(tables.loan)
    assert (loan["loaned_at"], loan["closed_at"], loan["closed_reason"]) == (
        seconds(kiosk.now - BEFORE.ago), at, "RETURN",
    )  # fmt: skip
    assert kiosk.rows(tables.offline_exception)[0]["note"].startswith("Its loan of 2026-03-09 03:25")


def test_of32_what_a_person_resolved_stays_his(kiosk: Kiosk) -> None:
    """The return has happened all the same: its loan still ends with it."""
    send(kiosk, BACK)
    kiosk.row(tables.offline_exception, 1, resolved_at=1, resolved_by="clerk", note="in the house")
    send(kiosk, BEFORE)
    assert holders(kiosk) == {}
    assert kiosk.rows(tables.offline_exception)[0]["note"] == "in the house"


def test_of32_a_hold_that_the_return_filled_keeps_the_item(kiosk: Kiosk) -> None:
    """No conflict is told: the loan that came late was over before."""
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons["P2"], "T1"))
    send(kiosk, BACK)
    assert [row["status"] for row in kiosk.rows(tables.hold)] == ["ON_SHELF"]
    send(kiosk, BEFORE)
    assert [row["status"] for row in kiosk.rows(tables.hold)] == ["ON_SHELF"]
    assert [code for code, *_ in states(kiosk)] == ["NOT_ON_LOAN"]
    assert len(kiosk.rows(tables.notice)) == 1


def test_of30_a_loan_overtaken_is_history_until_its_return(kiosk: Kiosk) -> None:
    """OF-30 case 4 of a kiosk: the newer loan stays; the older one ends with the return that was waiting."""
    for act in (BACK, Act(30, "I1", "P2"), BEFORE, BEFORE):
        send(kiosk, act)
    old, new = sorted(kiosk.rows(tables.loan), key=lambda row: int(row["loaned_at"]))
    assert (old["closed_reason"], old["closed_at"]) == ("SUPERSEDED", seconds(kiosk.now - BACK.ago))
    assert (new["status"], holders(kiosk)) == ("OPEN", {"I1": "P2"})
    assert [(code, done) for code, _, _, done in states(kiosk)] == [
        ("NOT_ON_LOAN", True), ("NEWER_LOAN", False),
    ]  # fmt: skip


def test_of31_where_no_loan_ends_by_itself_a_kiosk_s_is_refused_too(kiosk: Kiosk) -> None:
    """OF-31, OF-50: the same routine; 120, and somebody must look."""
    kiosk.change(
        lambda core, world: core.execute(
            tables.setting.insert().values(
                scope="INSTITUTION", scope_id=world.institutions["MAIN"], key="offline_other_patron",
                value="error",
            )
        )
    )  # fmt: skip
    assert [send(kiosk, act) for act in (BEFORE, Act(20, "I1", "P2"))] == ["121", "120"]
    assert holders(kiosk) == {"I1": "P1"}
    assert [code for code, *_ in states(kiosk)] == ["ITEM_ON_LOAN_OTHER"]


def test_of32_a_night_s_renewal_keeps_no_loan_open(kiosk: Kiosk) -> None:
    """OF-32, OF-50: a job renewed it while the return was on its way; a file's is the same."""
    send(kiosk, BEFORE)
    (loan,) = kiosk.rows(tables.loan)
    kiosk.change(
        lambda core, world: add(
            core, tables.loan_event, loan_id=loan["id"], item_id=loan["item_id"], kind="RENEW",
            patron_id=loan["patron_id"], branch_id=loan["branch_id"], event_at=seconds(kiosk.now),
            recorded_at=seconds(kiosk.now), interface="CRON",
        )
    )  # fmt: skip
    send(kiosk, BACK)
    assert (holders(kiosk), states(kiosk)) == ({}, [])


def test_sp21_a_renewal_that_comes_again_after_the_return_is_no_exception(kiosk: Kiosk) -> None:
    """PT-9: it was done in its time."""
    renewal = f"29NY{kiosk.at(Act(15, 'I1').ago)}{kiosk.at(-timedelta(days=9))}AOMAIN|AAP1|ABI1|AC|"
    send(kiosk, BEFORE)
    assert kiosk.said(renewal).fixed[:3] == "301"
    send(kiosk, BACK)
    before = kiosk.rows(tables.loan)
    assert kiosk.said(renewal).fixed[:3] == "301"
    assert (kiosk.rows(tables.loan), states(kiosk)) == (before, [])


# -- files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    with opened(databases.fresh(prepare)) as room:
        yield room


def test_of33_the_desks_of_a_day_in_any_order(room: Room) -> None:
    """The return is in a file that was loaded first; the report says what the loan met."""
    loader = Loader(room)
    assert loader.load(offcirc("R 10:20 I1")) == [("WARNING", "NOT_ON_LOAN")]
    assert loader.load(offcirc("L 10:15 I1 P1")) == [("WARNING", "RETURNED_SINCE")]
    assert loans(room) == [("I1", "P1", "RETURN")]
    assert queued(room) == [("NOT_ON_LOAN", "I1", "")]
    assert [row["resolved_by"] for row in room.rows(tables.offline_exception)] == ["clerk"]


def test_of32_had_again_is_not_returned_by_an_older_line(room: Room) -> None:
    """Lent again to the same patron after the return that comes last: he has it."""
    loader = Loader(room)
    for text in ("L 10:15 I1 P1", "L 10:25 I1 P1"):
        assert loader.load(offcirc(text)) == [("OK", None)]
    assert loader.load(offcirc("R 10:20 I1")) == [("WARNING", "NEWER_TRANSACTION")]
    assert loans(room) == [("I1", "P1", None)]
