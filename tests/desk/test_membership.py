"""Bills, activation and what follows from them (MB-3..MB-17, D-9..D-13); PT-23, PT-25."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from sip2d.desk import book, membership, pay, subjects
from sip2d.desk.place import Desk
from sip2d.policy.facts import PatronFacts
from sip2d.policy.membership import Status
from sip2d.policy.settings import PolicyRemoved
from sip2d.store import epoch, ledger, patrons, tables
from sip2d.store.executor import Store
from sip2d.store.unit import CONFLICTS, Unit
from tests.support import library
from tests.support.databases import SqliteDatabases, postgres_databases
from tests.support.desks import Room, desk_at, prepare
from tests.support.library import NOW, World
from tests.support.members import add_membership, add_policy

DAY = timedelta(days=1)
LATER = NOW + timedelta(days=3)


def opened_with(room: Room, **policy: Any) -> None:
    """ADULT takes a membership."""

    def make(unit: Unit) -> None:
        add_policy(unit.core, room.world, **policy)
        epoch.bump(unit)

    room.do(make)


def status_of(unit: Unit, patron: int, at: datetime = NOW) -> Status:
    """How he stands."""
    return subjects.membership(unit.library, who(unit, patron), at)


def who(unit: Unit, patron: int) -> PatronFacts:
    """His facts."""
    found = patrons.by_id(unit, patron, NOW)
    assert found is not None
    return found


def paid(unit: Unit, desk: Desk, patron: int, amount: int) -> int:
    """A payment; its transaction."""
    done = pay.pay(unit, desk, who(unit, patron), amount_minor=amount)
    assert done.transaction_id is not None
    return done.transaction_id


def test_mb11_a_new_patron_gets_a_bill(room: Room) -> None:
    """MB-11, MB-19: kind MEMBERSHIP, the policy's reason and amount, no item and no loan; once."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        desk = desk_at(unit)
        fee = membership.patron_added(unit, desk, p1)
        assert membership.patron_added(unit, desk, p1) is None
        assert status_of(unit, p1) is Status.FEE_DUE
    (row,) = room.rows(tables.fee)
    assert (row["id"], row["kind"], row["reason"]) == (fee, "MEMBERSHIP", "Membership")
    assert (row["loan_id"], row["item_id"]) == (None, None)
    (bill,) = room.rows(tables.membership_bill)
    assert (bill["amount_minor"], bill["period"], bill["period_unit"]) == (3000, 1, "YEAR")


def test_mb1_nobody_is_billed_without_a_policy(room: Room) -> None:
    with room.unit() as unit:
        assert membership.patron_added(unit, desk_at(unit), room.world.patrons["P1"]) is None
    assert room.rows(tables.fee) == []


def test_d11_a_changed_type_bills_unless_a_membership_is_active(room: Room) -> None:
    opened_with(room)
    p1, p2 = room.world.patrons["P1"], room.world.patrons["P2"]
    with room.unit() as unit:
        add_membership(unit.core, p1, "2026-03-09")
        assert membership.type_changed(unit, desk_at(unit), p1) is None
        assert membership.type_changed(unit, desk_at(unit), p2) is not None


def test_mb15_activation_is_the_moment_the_bill_came_to_nothing(room: Room) -> None:
    """MB-3, MB-15: part by part, by payment and waiver; from the last part on, for a year."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        fee = membership.patron_added(unit, desk_at(unit), p1)
        assert fee is not None
        paid(unit, desk_at(unit), p1, 2000)
        assert status_of(unit, p1) is Status.FEE_DUE
        assert pay.waive(unit, desk_at(unit, now=LATER), fee, 999) is not None
        assert status_of(unit, p1) is Status.FEE_DUE
        assert pay.waive(unit, desk_at(unit, now=LATER), fee, 1) is not None
        assert status_of(unit, p1) is Status.ACTIVE
    (row,) = room.rows(tables.membership)
    assert (row["origin"], row["fee_id"], row["expires_on"]) == ("BILL", fee, "2027-03-12")
    assert row["activated_at"] == int(LATER.timestamp())


def test_mb3_what_was_sold_counts_not_what_is_sold_now(room: Room) -> None:
    """A policy that was changed, or that went, after the bill."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    room.do(lambda unit: membership.patron_added(unit, desk_at(unit), p1))

    def change(unit: Unit) -> None:
        unit.core.execute(tables.membership_policy.update().values(period=2, period_unit="DAY"))
        gone = {"membership_policy_id": None, "policy_attached_at": None}
        unit.core.execute(tables.patron_type.update().values(gone))
        epoch.bump(unit)

    room.do(change)
    with room.unit() as unit:
        paid(unit, desk_at(unit), p1, 3000)
    assert [row["expires_on"] for row in room.rows(tables.membership)] == ["2027-03-09"]


def test_mb15_a_fee_raised_by_hand_buys_by_today_s_policy(room: Room) -> None:
    """And a membership fee of a type that takes none buys nothing."""
    p1, staff = room.world.patrons["P1"], room.world.patrons["P-STAFF"]
    opened_with(room, period=6, period_unit="MONTH")
    with room.unit() as unit:
        for patron in (p1, staff):
            book.raise_fee(unit, desk_at(unit), patron, "MEMBERSHIP", 500)
            paid(unit, desk_at(unit), patron, 500)
    rows = room.rows(tables.membership)
    assert [(row["patron_id"], row["expires_on"]) for row in rows] == [(p1, "2026-09-09")]


def test_mb15_other_fees_activate_nothing(room: Room) -> None:
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        book.raise_fee(unit, desk_at(unit), p1, "MANUAL", 500)
        paid(unit, desk_at(unit), p1, 500)
        assert status_of(unit, p1) is Status.UNKNOWN


def test_d9_what_costs_nothing_is_active_at_once(room: Room) -> None:
    opened_with(room, fee_minor=0)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        assert membership.patron_added(unit, desk_at(unit), p1) is None
        assert status_of(unit, p1) is Status.ACTIVE
    assert room.rows(tables.fee) == []
    assert room.rows(tables.membership)[0]["expires_on"] == "2027-03-09"


def test_d12_a_refund_brings_the_debt_back_and_takes_nothing(room: Room) -> None:
    """D-12: the membership stays; when it is over the debt stands in the way, and buys no second one."""
    opened_with(room)
    p1, over = room.world.patrons["P1"], datetime(2027, 3, 10, 9, 0, tzinfo=UTC)
    with room.unit() as unit:
        desk = desk_at(unit)
        membership.patron_added(unit, desk, p1)
        txn = paid(unit, desk, p1, 3000)
        assert book.reverse(unit, desk, txn) is not None
        assert who(unit, p1).membership_owed_minor == 3000
        assert status_of(unit, p1) is Status.ACTIVE
        assert status_of(unit, p1, over) is Status.FEE_DUE
        assert membership.renew(unit, desk_at(unit, now=over), p1) is membership.BILL_OPEN
        paid(unit, desk_at(unit, now=over), p1, 3000)
        assert status_of(unit, p1, over) is Status.EXPIRED
    assert len(room.rows(tables.membership)) == 1


def test_mb15_a_bill_taken_back_activates_nothing(room: Room) -> None:
    """Cancelled is neither paid nor waived."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        fee = membership.patron_added(unit, desk_at(unit), p1)
        assert fee is not None
        assert book.cancel_fee(unit, desk_at(unit), fee)
        assert status_of(unit, p1) is Status.UNKNOWN


def test_mb13_existing(room: Room) -> None:
    """MB-13: a day to come, no bill; today is none; never twice (MB-5)."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        desk = desk_at(unit)
        assert membership.update_existing(unit, desk, p1, date(2026, 3, 9)) is membership.NOT_IN_FUTURE
        assert membership.update_existing(unit, desk, p1, date(2026, 3, 10)).done
        assert status_of(unit, p1) is Status.ACTIVE
        assert membership.update_existing(unit, desk, p1, date(2027, 3, 10)) is membership.NOT_UNKNOWN
    (row,) = room.rows(tables.membership)
    assert (row["origin"], row["expires_on"], row["fee_id"]) == ("STAFF_EXISTING", "2026-03-10", None)
    assert room.rows(tables.fee) == []


def test_mb14_new(room: Room) -> None:
    """MB-14: the bill of the attached policy; no second one."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        done = membership.update_new(unit, desk_at(unit), p1)
        assert done.fee_id is not None
        assert status_of(unit, p1) is Status.FEE_DUE
        assert membership.update_new(unit, desk_at(unit), p1) is membership.BILL_OPEN
        assert membership.renew(unit, desk_at(unit), p1) is membership.BILL_OPEN
        assert [each.outstanding_minor for each in ledger.outstanding(unit, p1)] == [3000]


def test_mb17_a_lapsed_member_is_renewed_and_the_old_day_stays_shown(room: Room) -> None:
    """MB-17: EXPIRED until staff make the next bill; then FEE_DUE with the old day (S2:91)."""
    opened_with(room)
    p1, p2 = room.world.patrons["P1"], room.world.patrons["P2"]
    with room.unit() as unit:
        add_membership(unit.core, p1, "2026-02-28")
        desk = desk_at(unit)
        assert status_of(unit, p1) is Status.EXPIRED
        assert membership.update_new(unit, desk, p1) is membership.NOT_UNKNOWN
        assert membership.renew(unit, desk, p1).done
        assert status_of(unit, p1) is Status.FEE_DUE
        assert who(unit, p1).membership_expires_on == date(2026, 2, 28)
        assert membership.renew(unit, desk, p2) is membership.NONE_TO_RENEW
        paid(unit, desk, p1, 3000)
        assert who(unit, p1).membership_expires_on == date(2027, 3, 9)
    assert [row["expires_on"] for row in room.rows(tables.membership)] == ["2026-02-28", "2027-03-09"]


def test_mb7_only_the_home_institution_updates(room: Room) -> None:
    """MB-7: staff of another institution of the group, for each act."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    with room.unit() as unit:
        away = desk_at(unit, "ANNEX", group=True)
        for act in (membership.update_new, membership.renew, membership.release):
            assert act(unit, away, p1) is membership.NOT_HOME_INSTITUTION
        done = membership.update_existing(unit, away, p1, date(2027, 1, 1))
        assert done is membership.NOT_HOME_INSTITUTION


def detach(unit: Unit, kind: int, **values: Any) -> int:
    """The policy of a patron type goes, as staff's command does it."""
    changed = membership.policy_removed(unit, desk_at(unit, **values), kind)
    unit.core.execute(
        tables.patron_type.update()
        .where(tables.patron_type.c.id == kind)
        .values(membership_policy_id=None, policy_attached_at=None)
    )
    epoch.bump(unit)
    return changed


def test_mb8_a_removed_policy_leaves_the_unsettled_blocked(room: Room) -> None:
    """MB-8, MB-10, D-10: stamped is who has no membership at that moment; a bill is not cancelled; release,
    payment and a new policy free."""
    opened_with(room)
    world = room.world
    active, lapsed, owing, unknown = (world.patrons[code] for code in ("P1", "P2", "P-EXPIRED", "P-LOST"))
    kind = world.patron_types["ADULT"]
    with room.unit() as unit:
        add_membership(unit.core, active, "2026-03-09")
        add_membership(unit.core, lapsed, "2026-03-08")
        assert membership.update_new(unit, desk_at(unit), owing).done
    room.do(lambda unit: detach(unit, kind))
    with room.unit() as unit:
        found = [status_of(unit, each) for each in (active, lapsed, owing, unknown)]
        assert found == [Status.ACTIVE, Status.EXPIRED, Status.FEE_DUE, Status.UNKNOWN]
        assert status_of(unit, active, NOW + DAY) is Status.NOT_REQUIRED  # at his expiry
        assert membership.release(unit, desk_at(unit), lapsed).done
        assert membership.release(unit, desk_at(unit), lapsed) is membership.NOT_FROZEN
        assert status_of(unit, lapsed) is Status.NOT_REQUIRED
        paid(unit, desk_at(unit), owing, 3000)
        assert (status_of(unit, owing), who(unit, owing).membership_frozen) == (Status.ACTIVE, False)
        assert membership.update_new(unit, desk_at(unit), unknown) is membership.NO_POLICY
        assert membership.policy_attached(unit, kind) == 1
        assert not who(unit, unknown).membership_frozen


def test_d10_unblock(room: Room) -> None:
    """on_policy_removed=unblock: nobody stays blocked, and the bill stays all the same."""
    opened_with(room)
    p1 = room.world.patrons["P1"]
    room.do(lambda unit: membership.update_new(unit, desk_at(unit), p1))
    kind = room.world.patron_types["ADULT"]
    assert room.do(lambda unit: detach(unit, kind, on_policy_removed=PolicyRemoved.UNBLOCK)) == 0
    with room.unit() as unit:
        assert status_of(unit, p1) is Status.NOT_REQUIRED
        assert who(unit, p1).membership_owed_minor == 3000


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE membership SET expires_on = '2030-01-01'",
        "UPDATE membership SET activated_at = 1",
        "DELETE FROM membership",
        "UPDATE membership_bill SET period = 9",
    ],
)
def test_mb5_a_last_day_never_changes(room: Room, statement: str) -> None:
    """MB-5, PT-23: by nobody; the database refuses."""
    opened_with(room)
    with room.unit() as unit:
        add_membership(unit.core, room.world.patrons["P1"], "2026-03-10")
        membership.update_new(unit, desk_at(unit), room.world.patrons["P2"])
    with pytest.raises(CONFLICTS), room.unit() as unit:
        unit.core.execute(text(statement))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pt25(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path
) -> Iterator[tuple[Store, World]]:
    """A library whose adults take a membership; each example takes back what it did."""
    if request.param == "sqlite":
        databases = SqliteDatabases(tmp_path_factory.mktemp("pt25"), sqlite_templates)
        yield from _library(databases.fresh(prepare))
        return
    with postgres_databases(request.getfixturevalue("postgres_cluster")) as postgres:
        yield from _library(postgres.fresh(prepare))


def _library(url: str) -> Iterator[tuple[Store, World]]:
    with Store.open(url) as store:
        with store.unit("policy") as unit:
            world = library.read(unit.core)
            add_policy(unit.core, world)
            epoch.bump(unit)
        yield store, world


STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "waive", "write off"]), st.integers(1, 1600)), min_size=1, max_size=8
)


class _TakenBack(Exception):
    """Ends an example's transaction."""


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_pt25_activation_is_exactly_at_nothing(
    pt25: tuple[Store, World], steps: list[tuple[str, int]]
) -> None:
    """PT-25: after each part of any mix the membership is there exactly when nothing is owed."""
    store, world = pt25
    p1 = world.patrons["P1"]
    with suppress(_TakenBack), store.unit("example") as unit:
        fee = membership.patron_added(unit, desk_at(unit), p1)
        assert fee is not None
        for number, (way, amount) in enumerate(steps):
            desk = desk_at(unit, now=NOW + number * DAY)
            left = who(unit, p1).membership_owed_minor
            if not left:
                break
            part = min(amount, left)
            if way == "waive":
                pay.waive(unit, desk, fee, part)
            else:
                pay.pay(unit, desk, who(unit, p1), amount_minor=part, write_off=way == "write off")
            rows = list(unit.core.execute(text("SELECT activated_at FROM membership")))
            assert rows == ([(int(desk.now.timestamp()),)] if part == left else [])
        raise _TakenBack
