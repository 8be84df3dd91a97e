"""Which loans `loans extend` takes, and until when (issue 4, 1.4), on both databases; MAIN is in Paris."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sip2d.desk.staff import branches, calendars, closures, extend
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.extend import EXCLUDED, NOT_LATER, STILL_PAST, UNSENDABLE, Asked, Chosen, Preview
from sip2d.desk.staff.work import Denied, Refused, Work
from sip2d.store import tables
from sip2d.vocabulary import StaffRole
from tests.desk.staff.office import BOSS, CLERK, Office
from tests.support import library
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare
from tests.support.library import NOW, seconds

PARIS = ZoneInfo("Europe/Paris")
MANAGER = Staff(4, "manager", frozenset({StaffRole.CIRC_DESK_MANAGER.value}))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


LOANS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "I1": ("P1", "CENTRAL", "2026-03-05T23:59:59", {}),  # overdue
    "I2": ("P2", "NORTH", "2026-03-20T23:59:59", {}),
    "I3": ("P-CHILD", "CENTRAL", "2026-03-25T23:59:59", {}),
    "I4": ("P1", "CENTRAL", "2026-03-27T14:30:00", {}),  # by the hour
    "I-DVD": ("P2", "CENTRAL", "2026-04-10T23:59:59", {"recalled_at": seconds(NOW)}),
    "I5": ("P1", "NORTH", "2026-05-01T23:59:59", {}),
}
"""Item: patron, branch, due (local), more."""


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    with opened(databases.fresh(prepare)) as room:
        with room.unit() as unit:
            for item, (patron, branch, due, more) in LOANS.items():
                library.add_loan(
                    unit.core, room.world, room.world.items[item], room.world.patrons[patron], branch=branch,
                    loaned_at=NOW - timedelta(days=20), due_at=local(due), **more,
                )  # fmt: skip
            library.add_loan(
                unit.core, room.world, room.world.items["O-I1"], room.world.patrons["O1"], branch="ANNEX"
            )
        yield room


@pytest.fixture
def office(room: Room) -> Office:
    return Office(room, BOSS)


def chosen(
    office: Office, excluded: Callable[[str, str], bool] = lambda patron, item: False, **asked: Any
) -> tuple[dict[str, datetime], Preview]:
    """The new due dates by item, and the preview."""
    found: list[Chosen] = []
    wanted = Asked(institution="MAIN", **asked)
    preview = office.see(lambda work: extend.choose(work, wanted, found.append, excluded=excluded))
    assert preview.loans == len(found)
    return {one.item: one.new_due_at for one in found}, preview


SELECTIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "I1 I2 I3 I4 I-DVD I5"),
    ({"branch": "NORTH"}, "I2 I5"),
    ({"patron_type": "CHILD"}, "I3"),
    ({"item_type": "DVD"}, "I-DVD"),
    ({"item_type": "BOOK", "branch": "CENTRAL"}, "I1 I3 I4"),
    ({"due_from": "2026-03-20", "due_until": "2026-03-25"}, "I2 I3"),
    ({"due_until": "2026-03-24"}, "I1 I2"),
    ({"due_from": "2026-03-27T14:30:00"}, "I4 I-DVD I5"),
    ({"due_from": "2026-03-27T13:30:01Z"}, "I-DVD I5"),
    ({"patron_type": "NOLIMIT"}, ""),
]


@pytest.mark.parametrize(("asked", "items"), SELECTIONS, ids=[str(row[0]) for row in SELECTIONS])
def test_which_loans(office: Office, asked: dict[str, Any], items: str) -> None:
    """Days are local, both ends are in; the other institution's loan never is."""
    found, _ = chosen(office, days=100, **asked)
    assert list(found) == items.split()


def test_so_many_days_keep_the_local_time(office: Office) -> None:
    """Over the clock change of 29 March; what would be overdue all the same is left out and told."""
    found, preview = chosen(office, days=4)
    assert found == {
        "I2": local("2026-03-24T23:59:59"), "I3": local("2026-03-29T23:59:59"),
        "I4": local("2026-03-31T14:30:00"), "I-DVD": local("2026-04-14T23:59:59"),
        "I5": local("2026-05-05T23:59:59"), "I1": local("2026-03-09T23:59:59"),
    }  # fmt: skip
    assert (preview.recalled, dict(preview.left_out)) == (1, {})
    assert (preview.earliest, preview.latest) == (found["I1"], found["I5"])
    found, preview = chosen(office, days=3)
    assert "I1" not in found
    assert dict(preview.left_out) == {STILL_PAST: 1}


def test_to_a_date_is_its_end_and_shortens_nothing(office: Office) -> None:
    found, preview = chosen(office, to="2026-04-30")
    assert set(found.values()) == {local("2026-04-30T23:59:59")}
    assert sorted(found) == ["I-DVD", "I1", "I2", "I3", "I4"]
    assert dict(preview.left_out) == {NOT_LATER: 1}
    found, _ = chosen(office, to="2026-04-30T12:00")
    assert set(found.values()) == {local("2026-04-30T12:00:00")}
    found, _ = chosen(office, to="2026-04-30T12:00:00+00:00")
    assert set(found.values()) == {datetime(2026, 4, 30, 12, tzinfo=UTC)}


def test_a_closure_moves_what_is_due_within_it_to_the_first_open_day(office: Office) -> None:
    """All day from 25 to 27 March, the weekend follows; the time of day is kept."""
    office.do(lambda work: calendars.set_hours(work, [("sat", "closed"), ("sun", "closed")], "MAIN"))
    closure = office.do(
        lambda work: closures.add_closure(work, "2026-03-25", "2026-03-27", institution_code="MAIN")
    )
    found, _ = chosen(office, closure=closure["id"])
    assert found == {"I3": local("2026-03-30T23:59:59"), "I4": local("2026-03-30T14:30:00")}
    assert chosen(office, closure=closure["id"], to="2026-04-02")[0] == {
        "I3": local("2026-04-02T23:59:59"), "I4": local("2026-04-02T23:59:59")
    }  # fmt: skip
    assert chosen(office, closure=closure["id"], branch="NORTH")[0] == {}


def test_a_closure_of_some_hours_takes_what_is_due_in_them(office: Office) -> None:
    closure = office.do(
        lambda work: closures.add_closure(
            work, "2026-03-27T14:00", "2026-03-27T16:00", institution_code="MAIN"
        )
    )
    assert chosen(office, closure=closure["id"])[0] == {"I4": local("2026-03-28T14:30:00")}


def test_a_closure_of_every_year_takes_its_day(office: Office) -> None:
    closure = office.do(lambda work: closures.add_closure(work, "05-01", institution_code="MAIN"))
    assert chosen(office, closure=closure["id"])[0] == {"I5": local("2026-05-02T23:59:59")}


def test_a_closure_concerns_the_branches_that_follow_the_calendar(office: Office) -> None:
    """NORTH has one of its own: the institution's closure is not its, and its own is nobody else's."""
    office.do(lambda work: calendars.own(work, "NORTH"))
    whole = office.do(
        lambda work: closures.add_closure(work, "2026-03-01", "2026-05-01", institution_code="MAIN")
    )
    north = office.do(
        lambda work: closures.add_closure(work, "2026-03-01", "2026-05-01", branch_name="NORTH")
    )
    assert sorted(chosen(office, closure=whole["id"])[0]) == ["I-DVD", "I1", "I3", "I4"]
    assert sorted(chosen(office, closure=north["id"])[0]) == ["I2", "I5"]


def test_what_is_left_out_is_counted(office: Office) -> None:
    with office.room.unit() as unit:
        patron = library.add_patron(unit.core, office.room.world, "A|B")
        item = library.add_item(unit.core, office.room.world, "X1", title="T1")
        library.add_loan(unit.core, office.room.world, item, patron)
    found, preview = chosen(office, lambda patron, item: patron == "P1", days=30)
    assert sorted(found) == ["I-DVD", "I2", "I3"]
    assert dict(preview.left_out) == {EXCLUDED: 3, UNSENDABLE: 1}
    assert preview.by_branch == {"CENTRAL": 2, "NORTH": 1}
    assert preview.by_item_type == {"BOOK": 2, "DVD": 1}
    assert preview.by_patron_type == {"ADULT": 2, "CHILD": 1}


def test_closed_days_are_told(office: Office) -> None:
    office.do(
        lambda work: closures.add_exception(work, date(2026, 4, 30), open=False, institution_code="MAIN")
    )
    assert chosen(office, to="2026-04-30")[1].closed == 5


def test_many_loans_come_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = chosen(office, days=100)[0]
    monkeypatch.setattr("sip2d.store.extending.PAGE", 2)
    assert chosen(office, days=100)[0] == everything


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "Say until when"),
        ({"to": "2026-04-30", "days": 3}, "Say until when"),
        ({"days": 0}, "--days lies between"),
        ({"to": "tomorrow"}, "no date such as"),
        ({"to": "2099-06-01"}, "2099-01-01"),
        ({"closure": 99}, "has no closure 99"),
        ({"days": 1, "patron_type": "ADULTS"}, "did you mean 'ADULT'"),
        ({"days": 1, "branch": "ANNEX"}, "is not of MAIN"),
    ],
)
def test_what_makes_no_sense_is_refused(office: Office, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        chosen(office, **asked)


def test_it_takes_a_manager_and_stays_within_his_branches(room: Room) -> None:
    """BR-2: policies are bypassed, so it is not everybody's (GN-8)."""
    assert len(chosen(Office(room, MANAGER), days=9)[0]) == 6
    with pytest.raises(Denied):
        chosen(Office(room, CLERK), days=9)
    north = room.world.branches["NORTH"]
    main = room.world.institutions["MAIN"]
    office = Office(room, Staff(5, "north", MANAGER.roles, main, frozenset({north})))
    assert list(chosen(office, days=9, branch="NORTH")[0]) == ["I2", "I5"]
    with pytest.raises(Denied):
        chosen(office, days=9, branch="CENTRAL")
    with pytest.raises(Refused, match="Say which branch"):
        chosen(office, days=9)


def test_where_it_is_recorded_and_that_it_is_audited(office: Office) -> None:
    """BR-15, GN-7."""

    def start(record_at: str | None = None, **asked: Any) -> str:
        return office.see(
            lambda work: extend.prepare(work, Asked(institution="MAIN", days=1, **asked), record_at).branch
        )

    assert (start(), start(branch="NORTH"), start("NORTH")) == ("MAIN/CENTRAL", "MAIN/NORTH", "MAIN/NORTH")
    north = office.room.world.branches["NORTH"]
    office.do(lambda work: branches.save_sip2(work, north, {"renewal_branch": True}))
    assert start() == "MAIN/NORTH"

    def begin(work: Work) -> extend.Start:
        return extend.begin(work, Asked(institution="MAIN", days=1), 6)

    assert office.do(begin).login == "boss"
    assert office.audited[-1] == ("boss", "loans", "extend")
    assert '"loans":6' in str(office.room.rows(tables.audit_log)[-1]["after"])
