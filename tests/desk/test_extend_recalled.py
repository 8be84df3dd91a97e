"""BR-9: the way around a recall, on both databases: due date, queue, fines; refused, nothing at all."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sip2d.desk import extend_recalled, hold, pay
from sip2d.desk.extend_recalled import Extended
from sip2d.desk.place import Desk
from sip2d.desk.staff import recalls
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Denied, Refused
from sip2d.policy.facts import HoldFacts, Mode
from sip2d.store import holds, tables
from sip2d.store.unit import Unit
from sip2d.vocabulary import StaffRole
from tests.desk.acts import item_of, patron_of, renewal
from tests.desk.overdue import at_desk, lent, rules
from tests.desk.staff.office import BOSS, CLERK, Office
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, seconds

DAY = timedelta(days=1)
WANTED = NOW + 60 * DAY
STUDENT = Staff(3, "student", frozenset({StaffRole.STUDENT_WORKER.value}))


def recall(room: Room, patron: str, title: str, ago: timedelta) -> HoldFacts:
    """A recall of the title's copy on loan, placed so long ago."""

    def act(unit: Unit) -> HoldFacts:
        desk = desk_at(unit, now=NOW - ago)
        done = hold.place(
            unit, desk, patron_of(unit, desk, patron), item=None, title_number=title, kind="RECALL"
        )
        assert done.hold is not None, done.reasons
        return done.hold

    return room.do(act)


def extend(
    room: Room, item: str = "I1", due: datetime = WANTED, *, waive: bool = False, role: str | None = None,
    **settings: Any,
) -> Extended:  # fmt: skip
    def act(unit: Unit, desk: Desk) -> Extended:
        what = item_of(unit, desk, item)
        return extend_recalled.extend(unit, desk, what, due, waive=waive, fee_acknowledged=False)

    return at_desk(room, NOW, act, mode=Mode.STAFF, role=role, **settings)


def queue(room: Room, title: str = "T1") -> list[tuple[object, object, object, object]]:
    """Who waits for a title, the first first: patron, kind, copy, placed when."""
    with room.unit(writes=False) as unit:
        found = [
            (holds.by_id(unit, int(str(row["id"]))), row["patron_id"])
            for row in room.rows(tables.hold, title_id=room.world.titles[title], status="PENDING")
        ]
        waiting = [(holds.position(unit, one, NOW), one, who) for one, who in found if one is not None]
    names = {number: barcode for barcode, number in room.world.patrons.items()}
    order = sorted(waiting, key=lambda each: each[0] or 0)
    return [(names[int(str(who))], one.kind, one.item_id, one.placed_at) for _, one, who in order]


def open_loan(room: Room, item: str = "I1") -> dict[str, object]:
    (row,) = room.rows(tables.loan, item_id=room.world.items[item], status="OPEN")
    return row


def holds_before(room: Room) -> None:
    """A hold that was placed before the recall, by somebody else."""
    with room.unit() as unit:
        library.add_hold(unit.core, room.world, room.world.patrons["P-STAFF"], "T1", placed_at=NOW - 5 * DAY)


def test_br_9_the_loan_is_due_when_staff_said_and_the_queue_is_as_it_was(room: Room) -> None:
    holds_before(room)
    first = lent(room, patron="P2", due=NOW + 21 * DAY)
    placed = recall(room, "P1", "T1", 3 * DAY)
    before = queue(room)
    since = open_loan(room)["recalled_at"]
    done = extend(room)
    assert (done.done, done.reasons) == (True, ())
    loan = open_loan(room)
    assert loan["id"] != first
    assert (loan["patron_id"], loan["due_at"]) == (room.world.patrons["P2"], seconds(WANTED))
    assert (loan["recalled_at"], since) == (since, seconds(NOW - 3 * DAY))
    assert queue(room) == before == [
        ("P1", "RECALL", room.world.items["I1"], NOW - 3 * DAY), ("P-STAFF", "HOLD", None, NOW - 5 * DAY),
    ]  # fmt: skip
    (old,) = room.rows(tables.hold, id=placed.id)
    assert (old["status"], done.holds[0].id != placed.id) == ("CANCELLED", True)
    kinds = [row["kind"] for row in room.rows(tables.loan_event, item_id=room.world.items["I1"])]
    assert kinds == ["LOAN", "RECALL", "RETURN", "LOAN", "RECALL"]
    assert room.rows(tables.notice) == []  # nobody was told that the item waits for him


def test_br_9_the_item_stays_recalled(room: Room) -> None:
    """BR-8: one extension is no licence for the next."""
    lent(room, patron="P2", due=NOW + 21 * DAY)
    recall(room, "P1", "T1", DAY)
    assert extend(room).done
    again = at_desk(
        room, NOW, lambda unit, desk: renewal(unit, desk, "P2", "I1", due=WANTED + DAY),
        mode=Mode.NO_BLOCK, interface="BULK_RENEWAL",
    )  # fmt: skip
    assert [reason.code for reason in again.reasons] == ["ITEM_RECALLED"]
    assert extend(room, due=WANTED + DAY).done


def test_br_9_every_recall_of_the_copy_stands_again_in_its_place(room: Room) -> None:
    lent(room, patron="P2", due=NOW + 21 * DAY)
    recall(room, "P1", "T1", 3 * DAY)
    library_item = room.world.items["I1"]

    def second(unit: Unit) -> None:
        desk = desk_at(unit, now=NOW - 2 * DAY)
        who, what = patron_of(unit, desk, "P-STAFF"), item_of(unit, desk, "I1")
        assert hold.place(unit, desk, who, item=what, title_number=None, kind="RECALL").done

    room.do(second)
    before = queue(room)
    assert [(row[0], row[2]) for row in before] == [("P1", library_item), ("P-STAFF", library_item)]
    assert len(extend(room).holds) == 2
    assert queue(room) == before


@pytest.mark.parametrize(("waive", "owed"), [(False, 150), (True, 0)])
def test_br_9_the_fine_of_the_late_return_may_be_waived(books: Room, waive: bool, owed: int) -> None:
    """Due on Monday 2 March, back on the 9th, 0.25 for each of six open days."""
    lent(books, patron="P2")
    recall(books, "P1", "T1", DAY)
    assert extend(books, waive=waive).done
    balances = books.rows(tables.fee_balance)
    assert sum(int(str(row["outstanding_minor"])) for row in balances) == owed
    kinds = [row["kind"] for row in books.rows(tables.ledger_txn)]
    assert kinds == (["ACCRUE", "WAIVE"] if waive else ["ACCRUE"])
    assert open_loan(books)["due_at"] == seconds(WANTED)


def test_br_9_what_was_paid_stays_paid(books: Room) -> None:
    lent(books, patron="P2")
    recall(books, "P1", "T1", DAY)

    def accrued_and_paid(unit: Unit, desk: Desk) -> None:
        from sip2d.desk import fine

        what = item_of(unit, desk, "I1")
        assert what.loan is not None
        assert fine.accrue(unit, desk, what.loan.patron_id, what, what.loan, NOW - 3 * DAY).total_minor
        assert pay.pay(unit, desk, patron_of(unit, desk, "P2"), amount_minor=50).done

    at_desk(books, NOW, accrued_and_paid)
    assert extend(books, waive=True).done
    assert all(row["outstanding_minor"] == 0 for row in books.rows(tables.fee_balance))
    cash = [row["amount_minor"] for row in books.rows(tables.ledger_posting, account="CASH")]
    assert cash == [50]
    assert books.rows(tables.patron_credit) == []


def blocked(room: Room) -> None:
    with room.unit() as unit:
        library.add_block(unit.core, room.world.patrons["P2"], override="NONE")


def rented(room: Room) -> None:
    rules(room, rental_fee_minor="150")


REFUSALS: list[tuple[str, Callable[[Room], None] | None, datetime]] = [
    ("NB_DUE_DATE_INVALID", None, NOW),
    ("NB_DUE_DATE_INVALID", None, NOW + 99 * 365 * DAY),
    ("BLOCK:MANUAL", blocked, WANTED),
    ("FEE_REQUIRED", rented, WANTED),
]


@pytest.mark.parametrize(("code", "because", "due"), REFUSALS)
def test_br_9_a_refusal_of_any_step_changes_nothing(
    room: Room, code: str, because: Callable[[Room], None] | None, due: datetime
) -> None:
    lent(room, patron="P2", due=NOW + 21 * DAY)
    recall(room, "P1", "T1", DAY)
    if because is not None:
        because(room)
    before, audited = room.snapshot(), room.count(tables.audit_log)
    done = extend(room, due=due)
    assert (done.done, code in [reason.code for reason in done.reasons]) == (False, True), done.reasons
    assert room.snapshot() == before
    assert room.count(tables.audit_log) == audited


def test_br_9_only_what_is_recalled(room: Room) -> None:
    lent(room, patron="P2", due=NOW + 21 * DAY)
    assert [reason.code for reason in extend(room).reasons] == ["ITEM_NOT_RECALLED"]
    office = Office(room, BOSS)
    with pytest.raises(Refused, match="not recalled"):
        office.do(lambda work: recalls.extend_recalled(work, "I1", WANTED, institution_code="MAIN"))
    with pytest.raises(Refused, match="not on loan"):
        office.do(lambda work: recalls.extend_recalled(work, "I3", WANTED, institution_code="MAIN"))


@pytest.mark.parametrize(
    ("staff", "waive", "allowed"),
    [(BOSS, True, True), (CLERK, False, True), (CLERK, True, False), (STUDENT, False, True),
     (Staff(9, "nobody", frozenset()), False, False)],
)  # fmt: skip
def test_br_9_takes_the_roles_of_its_steps_and_is_audited(
    room: Room, staff: Staff, waive: bool, allowed: bool
) -> None:
    lent(room, patron="P2", due=NOW + 21 * DAY)
    recall(room, "P1", "T1", DAY)
    office = Office(room, staff)

    def act() -> dict[str, Any]:
        return office.do(
            lambda work: recalls.extend_recalled(work, "I1", WANTED, waive=waive, institution_code="MAIN")
        )

    if not allowed:
        with pytest.raises(Denied):
            act()
        return
    found = act()
    assert (found["patron"], found["due_at"], found["recalled"]) == ("P2", WANTED.isoformat(), True)
    audited = [row[1:] for row in office.audited if row[0] == staff.login]
    assert audited == [("hold", "CANCEL"), ("hold", "PLACE"), ("loan", "recall-extend")]
    assert {row["interface"] for row in room.rows(tables.loan_event, kind="RETURN")} == {"STAFF"}
