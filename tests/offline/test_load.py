"""Loading: OX-1..OX-8, OF-10..OF-12, OF-21, OF-30..OF-37, OF-40..OF-42, OF-51, D-28."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sip2d.desk.staff import offline as desk
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Denied, Refused
from sip2d.offline import load
from sip2d.store import epoch, offline, tables
from sip2d.store.offline import Place
from sip2d.store.unit import Unit
from sip2d.vocabulary import StaffRole
from tests.desk.acts import checkin
from tests.offline.files import (
    CLERK,
    NOON,
    Loader,
    at,
    given,
    koc,
    loans,
    native,
    offcirc,
    queued,
)
from tests.support import library, members
from tests.support.desks import Room, desk_at
from tests.support.library import NOW, add_hold, add_loan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OLD = "L 10:15 I1 P1; R 10:20 I1; L 10:25 I1 P2"

Setup = Callable[[Room, Unit], object]


def lent(patron: str, item: str = "I1", loaned_at: datetime = NOW - DAY) -> Setup:
    def act(room: Room, unit: Unit) -> object:
        world = room.world
        return add_loan(unit.core, world, world.items[item], world.patrons[patron], loaned_at=loaned_at)

    return act


def membership_expired(room: Room, unit: Unit) -> None:
    members.add_policy(unit.core, room.world)
    members.add_membership(unit.core, room.world.patrons["P1"], "2026-03-01")
    epoch.bump(unit)


def setting(name: str, value: str) -> Setup:
    def act(room: Room, unit: Unit) -> None:
        main = room.world.institutions["MAIN"]
        library.add(unit.core, tables.setting, scope="INSTITUTION", scope_id=main, key=name, value=value)
        epoch.bump(unit)

    return act


def kept_for(patron: str) -> Setup:
    def act(room: Room, unit: Unit) -> object:
        world = room.world
        return add_hold(unit.core, world, world.patrons[patron], "T2", status="ON_SHELF",
                        filled_item_id=world.items["I3"])  # fmt: skip

    return act


def nothing(room: Room, unit: Unit) -> None:
    """As the library is."""


CASES: dict[str, tuple[Setup, str, list[tuple[str, str | None]], list[tuple[str, str, str | None]]]] = {
    "OX-1": (nothing, OLD, [("OK", None)] * 3, [("I1", "P1", "RETURN"), ("I1", "P2", None)]),
    "OX-4": (
        membership_expired, "L 10:15 I1 P1", [("WARNING", "MEMBERSHIP_EXPIRED")], [("I1", "P1", None)],
    ),
    "OX-5": (nothing, "L 02-01T10:15 I1 P1", [("WARNING", "STALE")], [("I1", "P1", None)]),
    "OX-6": (nothing, "R 10:15 I1", [("WARNING", "NOT_ON_LOAN")], []),
    "OX-7": (
        lent("P2"), "L 10:15 I1 P1", [("WARNING", "IMPLICIT_RETURN")],
        [("I1", "P2", "IMPLICIT"), ("I1", "P1", None)],
    ),
    "OX-8": (
        lent("P2", loaned_at=NOW + HOUR), "L 10:15 I1 P1", [("WARNING", "NEWER_LOAN")],
        [("I1", "P2", None), ("I1", "P1", "SUPERSEDED")],
    ),
    "OF-30 case 2: his own is renewed": (lent("P1"), "L 10:15 I1 P1", [("OK", None)], [("I1", "P1", None)]),
    "OF-30 case 2: in the same minute it is the same": (
        lent("P1", loaned_at=NOW + timedelta(seconds=30)), "L 10:15 I1 P1", [("DUPLICATE", "DUPLICATE")],
        [("I1", "P1", None)],
    ),
    "OF-30 case 5: nobody": (nothing, "L 10:15 I1 P-NOBODY", [("ERROR", "PATRON_UNKNOWN")], []),
    "OF-30 case 5: nothing": (nothing, "L 10:15 I-NO P1; R 10:16 I-NO", [("ERROR", "ITEM_UNKNOWN")] * 2, []),
    "OF-30 case 5: another identifier": (nothing, "L 10:15 I1 ALT-P1", [("OK", None)], [("I1", "P1", None)]),
    "OF-30 case 6: a lost item is found": (
        nothing, "L 10:15 I-LOST P1", [("WARNING", "ITEM_LOST")], [("I-LOST", "P1", None)],
    ),
    "OF-30 case 6: kept for another": (
        kept_for("P2"), "L 10:15 I3 P1", [("WARNING", "ITEM_HELD")], [("I3", "P1", None)],
    ),
    "OF-31 where it is an error": (
        lambda room, unit: (lent("P2")(room, unit), setting("offline_other_patron", "error")(room, unit)),
        "L 10:15 I1 P1", [("ERROR", "ITEM_ON_LOAN_OTHER")], [("I1", "P2", None)],
    ),
    "OF-32 the loan is newer": (
        lent("P1", loaned_at=NOW + HOUR), "R 10:15 I1", [("WARNING", "RETURN_BEFORE_LOAN")],
        [("I1", "P1", None)],
    ),
    "OF-35 the future": (nothing, "L 12:06 I1 P1", [("ERROR", "FUTURE")], []),
    "OF-35 a clock that is a little ahead": (nothing, "L 12:05 I1 P1", [("OK", None)], [("I1", "P1", None)]),
    "OF-33 lines go in the order of the file": (
        nothing, "L 10:15 I1 P1; L 10:10 I4 P1", [("OK", None), ("WARNING", "TIME_GOES_BACK")],
        [("I1", "P1", None), ("I4", "P1", None)],
    ),
    "OF-33 a return older than its loan": (
        nothing, "L 10:15 I1 P1; R 10:10 I1", [("OK", None), ("WARNING", "RETURN_BEFORE_LOAN")],
        [("I1", "P1", None)],
    ),
    "OF-40 the same line twice": (
        nothing, "L 10:15 I1 P1; L 10:15 I1 P1", [("OK", None), ("DUPLICATE", "DUPLICATE")],
        [("I1", "P1", None)],
    ),
    "OF-42 lent, returned and lent within a minute": (
        nothing, "L 10:15 I1 P1; R 10:15 I1; L 10:15 I1 P1",
        [("OK", None), ("OK", None), ("DUPLICATE", "DUPLICATE")], [("I1", "P1", "RETURN")],
    ),
    "within a minute to another": (
        nothing, "L 10:15 I1 P1; R 10:15 I1; L 10:15 I1 P2", [("OK", None)] * 3,
        [("I1", "P1", "RETURN"), ("I1", "P2", None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_ox_a_file_is_executed_line_by_line(room: Room, loader: Loader, case: str) -> None:
    """OX-1, OX-4..OX-8; OF-21, OF-30..OF-35, OF-40..OF-42. A review says so before, and changes nothing."""
    setup, text, lines, left = CASES[case]
    given(room, lambda unit: setup(room, unit))
    batch = loader.upload(offcirc(text))
    before = room.snapshot()
    told = [(one.result.status, one.result.code) for one in loader.review(batch["session"])]
    assert room.snapshot() == before
    loader.apply(batch["session"])
    assert loader.lines(batch["batch"]) == lines
    assert loans(room) == left
    assert told == [line for line in lines if line[1] != "FUTURE"]
    errors = sum(status == "ERROR" for status, _ in lines)
    (row,) = room.rows(tables.offline_batch)
    assert row["status"] == ("COMPLETED_WITH_ERRORS" if errors else "COMPLETED")
    assert {event["interface"] for event in room.rows(tables.loan_event)} <= {"STAFF", "OFFLINE_FILE"}


def test_ox1_times_are_those_of_the_lines(room: Room, loader: Loader) -> None:
    """OX-1, OF-30, OF-32: lent and closed when it happened; recorded, as receipts want it (OF-38), now."""
    loader.load(offcirc(OLD))
    first, second = room.rows(tables.loan)
    assert (first["loaned_at"], first["closed_at"], second["loaned_at"]) == (
        at("10:15"), at("10:20"), at("10:25"),
    )  # fmt: skip
    assert {row["recorded_at"] for row in room.rows(tables.loan_event)} == {int(NOON.timestamp())}
    assert [row["loan_event_id"] for row in room.rows(tables.offline_line)] == [
        row["id"] for row in room.rows(tables.loan_event)
    ]


def test_ox2_the_same_file_again_is_refused(room: Room, loader: Loader) -> None:
    """OX-2, OF-40: REJECTED, nothing executed; with --force every line is looked at, and is a duplicate."""
    loader.load(offcirc(OLD))
    before = room.snapshot()
    again = loader.upload(offcirc(OLD))
    assert (again["status"], again["code"], again["pending"]) == ("REJECTED", "DUPLICATE_FILE", 0)
    for _ in range(2):
        assert loader.load(offcirc(OLD), force=True) == [("DUPLICATE", "DUPLICATE")] * 3
    assert room.snapshot() == before


def test_ox3_a_file_that_has_grown(room: Room, loader: Loader) -> None:
    """OX-3: what was loaded is a duplicate, the new line runs."""
    loader.load(offcirc(OLD))
    assert loader.load(offcirc(f"{OLD}; R 10:30 I1")) == [("DUPLICATE", "DUPLICATE")] * 3 + [("OK", None)]
    assert loans(room) == [("I1", "P1", "RETURN"), ("I1", "P2", "RETURN")]


DUE = [
    ("OX-5: lifted to the upload", offcirc("L 02-01T10:15 I1 P1"), at("12:00")),
    ("D-28: a date given is kept", native("L 02-01T10:15 I1 P1", due="2026-02-15T10:00:00Z"),
     int(datetime(2026, 2, 15, 10, tzinfo=UTC).timestamp())),
    ("OF-21: computed from the time of the line", offcirc("L 03-08T10:15 I1 P1"),
     int(datetime(2026, 4, 5, 21, 59, 59, tzinfo=UTC).timestamp())),
]  # fmt: skip


@pytest.mark.parametrize(("case", "data", "due"), DUE, ids=[row[0] for row in DUE])
def test_of21_due_dates(room: Room, case: str, data: bytes, due: int) -> None:
    """OX-5, OF-21, D-28; also where the file is applied a day after its upload."""
    loader = Loader(room)
    batch = loader.upload(data)
    Loader(room, now=NOON + DAY).apply(batch["session"])
    assert room.rows(tables.loan)[0]["due_at"] == due


def test_of21_a_renewal_is_lifted_too(room: Room, loader: Loader) -> None:
    world = room.world
    given(room, lambda unit: add_loan(unit.core, world, world.items["I1"], world.patrons["P1"],
                                      loaned_at=NOW - 60 * DAY, due_at=NOW - 50 * DAY))  # fmt: skip
    loader.load(offcirc("L 01-15T10:15 I1 P1"))
    (loan,) = room.rows(tables.loan)
    assert (loan["renewal_count"], loan["due_at"]) == (1, at("12:00"))


def test_of31_the_implicit_return_is_marked(room: Room, loader: Loader) -> None:
    """OF-31, OX-7: at the time of the line, and told in the report."""
    given(room, lambda unit: lent("P2")(room, unit))
    batch = loader.upload(offcirc("L 10:15 I1 P1"))
    loader.apply(batch["session"])
    (event,) = room.rows(tables.loan_event, kind="RETURN")
    assert (json.loads(str(event["detail"]))["implicit"], event["event_at"]) == (True, at("10:15"))
    (line,) = loader.report(batch["session"])["lines"]
    assert (line["code"], line["warnings"]) == ("IMPLICIT_RETURN", ["IMPLICIT_RETURN"])


def test_of32_a_loan_that_a_job_renewed_meanwhile_still_ends(room: Room, loader: Loader) -> None:
    """It began before the return: a renewal of the night between does not keep it open."""

    def act(unit: Unit) -> None:
        loan = add_loan(unit.core, room.world, room.world.items["I1"], room.world.patrons["P1"])
        library.add(
            unit.core, tables.loan_event, loan_id=loan, item_id=room.world.items["I1"], kind="RENEW",
            patron_id=room.world.patrons["P1"], branch_id=room.world.branches["CENTRAL"],
            event_at=at("11:00"), recorded_at=at("11:00"), interface="CRON",
        )  # fmt: skip

    given(room, act)
    assert loader.load(offcirc("R 10:15 I1")) == [("OK", None)]
    assert loans(room) == [("I1", "P1", "RETURN")]


def test_of33_the_files_of_a_session_are_one_day(room: Room, loader: Loader) -> None:
    """Merged by time; the clock of the second desk was an hour behind."""
    first = loader.upload(offcirc("L 10:15 I1 P1; L 10:25 I1 P2"), session="cut")
    second = loader.upload(offcirc("R 09:20 I1; R 09:30 I1"), session="cut", clock_delta=3600)
    loader.apply("cut")
    assert loader.lines(first["batch"]) + loader.lines(second["batch"]) == [("OK", None)] * 4
    assert [(row["kind"], row["event_at"]) for row in room.rows(tables.loan_event)] == [
        ("LOAN", at("10:15")), ("RETURN", at("10:20")), ("LOAN", at("10:25")), ("RETURN", at("10:30")),
    ]  # fmt: skip
    with pytest.raises(Refused, match="applied"):
        loader.upload(offcirc("R 10:35 I1"), session="cut")


def test_of33_the_order_of_a_merge() -> None:
    """By time, file, line; a line that goes back in time waits for those before it in its file."""

    def place(batch: int, number: int, minute: int) -> Place:
        return Place(batch, number, NOW + timedelta(minutes=minute), True)

    files = [place(1, 1, 5), place(1, 2, 3), place(1, 3, 6), place(2, 1, 4), place(2, 2, 5), place(2, 3, 5)]
    assert [(one.batch_id, one.number) for one in load.merged(files)] == [
        (2, 1), (1, 1), (1, 2), (2, 2), (2, 3), (1, 3),
    ]  # fmt: skip


def test_of34_one_bad_line_and_strictness(room: Room, loader: Loader) -> None:
    """OF-20, OF-34: the others run; --strict runs none."""
    data = offcirc("L 10:15 I1 P1") + b"202613091015RI1\n" + offcirc("R 10:20 I1")
    strict = loader.upload(data, strict=True)
    assert (strict["status"], strict["code"], room.count(tables.offline_line)) == ("REJECTED", "MALFORMED", 0)
    assert loader.load(data) == [("OK", None), ("ERROR", "BAD_DATE"), ("OK", None)]
    assert queued(room) == []


def test_of37_only_a_further_scan_tells_who_waits(room: Room, loader: Loader) -> None:
    """The copy fills the hold, nobody is told; scanned in again he is, once."""
    world = room.world
    given(room, lambda unit: (lent("P1", "I3")(room, unit),
                              add_hold(unit.core, world, world.patrons["P2"], "T2")))  # fmt: skip
    loader.load(offcirc("R 10:15 I3"))
    (hold,) = room.rows(tables.hold)
    assert (hold["status"], room.count(tables.notice)) == ("ON_SHELF", 0)
    for _ in range(2):
        room.do(lambda unit: checkin(unit, desk_at(unit, now=NOON), "I3"))
        assert [row["type"] for row in room.rows(tables.notice)] == ["HOLD_READY"]


EXCEPTIONS = [
    ("OX-8", lent("P2", loaned_at=NOW + HOUR), "L 10:15 I1 P1", [("NEWER_LOAN", "I1", "P1")]),
    ("nobody", nothing, "L 10:15 I1 P-NOBODY", [("PATRON_UNKNOWN", "I1", "P-NOBODY")]),
    ("nothing", nothing, "R 10:15 I-NO", [("ITEM_UNKNOWN", "I-NO", "")]),
    ("kept", kept_for("P2"), "L 10:15 I3 P1", [("HOLD_CONFLICT", "I3", "P1")]),
    ("old", nothing, "L 02-01T10:15 I1 P1", [("STALE", "I1", "P1")]),
    ("future", nothing, "L 12:06 I1 P1", [("FUTURE", "I1", "P1")]),
    ("in the house", nothing, "R 10:15 I1", [("NOT_ON_LOAN", "I1", "")]),
    ("newer", lent("P1", loaned_at=NOW + HOUR), "R 10:15 I1", [("RETURN_BEFORE_LOAN", "I1", "")]),
    ("in order", nothing, OLD, []),
]


@pytest.mark.parametrize(("case", "setup", "text", "told"), EXCEPTIONS, ids=[row[0] for row in EXCEPTIONS])
def test_of51_exceptions_are_queued_once_and_resolved(
    room: Room, loader: Loader, case: str, setup: Setup, text: str, told: list[tuple[str, str, str]]
) -> None:
    """A second look at the same file adds none; a person resolves each with a note, once."""
    given(room, lambda unit: setup(room, unit))
    loader.load(offcirc(text))
    loader.load(offcirc(text), force=True)
    assert queued(room) == told
    for row in loader.do(lambda work: desk.exceptions(work, "MAIN")):
        with pytest.raises(Refused, match="Say in a word"):
            loader.resolve(row["exception"], " ")
        done = loader.resolve(row["exception"], "called")
        assert (done["resolved_by"], done["note"]) == ("clerk", "called")
        with pytest.raises(Refused, match="already"):
            loader.resolve(row["exception"], "again")
    assert loader.do(lambda work: desk.exceptions(work, "MAIN")) == []
    assert len(loader.do(lambda work: desk.exceptions(work, "MAIN", resolved=True))) == len(told)


def test_of10_only_an_operator_of_the_branch_loads(room: Room) -> None:
    """GN-8: upload, apply and resolve."""
    main, north = room.world.institutions["MAIN"], room.world.branches["NORTH"]
    reader = Staff(3, "student", frozenset({StaffRole.STUDENT_WORKER.value}), main)
    stranger = Staff(4, "north", CLERK.roles, main, frozenset({north}))
    batch = Loader(room).upload(offcirc("L 10:15 I1 P-NOBODY"))
    for staff in (reader, stranger):
        loader = Loader(room, staff)
        with pytest.raises(Denied):
            loader.upload(offcirc(OLD))
        with pytest.raises(Denied):
            loader.apply(batch["session"])
    Loader(room).apply(batch["session"])
    with pytest.raises(Denied):
        Loader(room, stranger).resolve(1, "no")
    assert Loader(room, stranger).upload(offcirc(OLD), branch="NORTH")["status"] == "VALIDATED"


def test_of10_what_is_no_file_is_refused(room: Room, loader: Loader) -> None:
    with pytest.raises(Refused, match="no line is of a known format"):
        loader.upload(b"hello\n")
    with pytest.raises(Refused, match="not believed"):
        loader.upload(offcirc(OLD), clock_delta=10**10)
    assert room.count(tables.offline_batch) == 0


def test_of11_the_report_counts_and_lists_the_problems(room: Room, loader: Loader) -> None:
    """OF-11, GN-7: with the line as it stood in the file; upload and apply are audited."""
    data = koc(f"{OLD}; L 10:30 I4 P-NOBODY; R 10:31 I5")
    batch = loader.upload(data)
    assert (batch["format"], batch["pending"]) == ("koc", 5)
    loader.apply(batch["session"])
    told = loader.report(batch["session"])
    (file,) = told["files"]
    assert [file[name] for name in ("ok", "warning", "error", "duplicate", "pending")] == [3, 1, 1, 0, 0]
    assert (told["status"], file["status"]) == ("APPLIED", "COMPLETED_WITH_ERRORS")
    assert [(line["line"], line["code"]) for line in told["lines"]] == [
        (5, "PATRON_UNKNOWN"), (6, "NOT_ON_LOAN"),
    ]  # fmt: skip
    assert "P-NOBODY" in told["lines"][0]["raw"]
    assert len(loader.do(lambda work: desk.export(work, str(batch["batch"]), "MAIN"))) == 5
    actions = [(row["entity"], row["action"]) for row in room.rows(tables.audit_log)]
    assert ("offline_batch", "upload") in actions
    assert ("offline_session", "apply") in actions


def test_the_backlog_is_what_waits_for_somebody(room: Room, loader: Loader) -> None:
    """3.4: lines to be executed, and open exceptions; by branch, those with nothing too."""

    def backlog() -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        found = room.do(offline.backlog)
        return found.pending, found.exceptions

    session = loader.upload(offcirc("L 10:15 I1 P-NOBODY; L 10:16 I4 P-NOBODY; R 10:17 I5"))["session"]
    others = {code: 0 for code in backlog()[0] if code != "CENTRAL"}
    assert others
    assert backlog() == ({**others, "CENTRAL": 3}, {})
    loader.apply(session)
    assert backlog() == (
        {**others, "CENTRAL": 0}, {("CENTRAL", "PATRON_UNKNOWN"): 2, ("CENTRAL", "NOT_ON_LOAN"): 1},
    )  # fmt: skip
    for row in loader.do(lambda work: desk.exceptions(work, "MAIN")):
        loader.resolve(row["exception"], "seen")
    assert backlog()[1] == {}


def test_the_block_list_names_who_may_not_borrow(loader: Loader) -> None:
    """2.1: with the reasons, for a desk without network."""
    found = {
        row["barcode"]: row["reasons"] for row in loader.do(lambda work: desk.blocklist(work, "CENTRAL"))
    }
    assert found == {"P-EXPIRED": ["PATRON_EXPIRED"], "P-LOST": ["CARD_LOST"]}
