"""PT-9, PT-10, PT-11: a file loaded twice, in two parts, or with a crash in the middle is one loaded once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip2d.offline import load
from sip2d.store import tables
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.offline.files import Loader, koc, offcirc
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare
from tests.support.library import add_hold, add_loan

T = TypeVar("T")

LINE = st.builds(
    lambda kind, minute, item, patron: f"{kind} 10:{minute:02} {item} {patron if kind == 'L' else ''}",
    st.sampled_from("LLR"), st.integers(15, 22), st.sampled_from(["I1", "I3", "I-LOST", "I-NO"]),
    st.sampled_from(["P1", "P2", "P-EXPIRED", "P-NOBODY"]),
)  # fmt: skip
FILES = st.lists(LINE, min_size=1, max_size=8)
"""Times need not rise; the few items, patrons and minutes meet each other."""
WRITERS: st.SearchStrategy[Callable[[str], bytes]] = st.sampled_from([offcirc, koc])

PROPERTY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
FACTS = ("loan", "loan_event", "hold", "item", "fee", "ledger_posting", "user_block", "notice", "patron")


@pytest.fixture
def fresh(sqlite_databases: Databases) -> Databases:
    """Databases for the examples of a property."""
    return sqlite_databases


@contextmanager
def place(databases: Databases) -> Iterator[Loader]:
    """A library where P2 has I3 and P1 waits for it, and where somebody loads files."""
    with opened(databases.fresh(prepare)) as room:
        world = room.world
        with room.unit() as unit:
            add_loan(unit.core, world, world.items["I3"], world.patrons["P2"])
            add_hold(unit.core, world, world.patrons["P1"], "T2")
        yield Loader(room)


def end(room: Room) -> dict[str, list[dict[str, object]]]:
    """What a file leaves behind."""
    return {name: room.rows(tables.metadata.tables[name]) for name in FACTS}


def executed(room: Room) -> list[tuple[object, ...]]:
    """What became of the lines."""
    names = ("batch_id", "line_no", "status", "code", "warnings", "loan_event_id")
    return [tuple(row[name] for name in names) for row in room.rows(tables.offline_line)]


def kinds(room: Room) -> list[tuple[object, ...]]:
    """Status and code of every line, in the order of the files; what one says of its neighbour apart."""
    return [
        ("OK", None) if row["code"] == "TIME_GOES_BACK" else (row["status"], row["code"])
        for row in room.rows(tables.offline_line)
    ]


DAY = "L 10:15 I1 P1; R 10:20 I1; L 10:25 I3 P1; L 10:26 I4 P-NOBODY; R 10:27 I5"


def told(room: Room) -> object:
    """Who had what until when, what was noted, what became of each line; without ids, which PostgreSQL does
    not give back."""
    loans = [(row["item_id"], row["patron_id"], row["status"], row["closed_at"])
             for row in room.rows(tables.loan)]  # fmt: skip
    events = [(row["kind"], row["event_at"]) for row in room.rows(tables.loan_event)]
    queue = [
        (row["code"], row["item_barcode"], row["resolved_at"]) for row in room.rows(tables.offline_exception)
    ]
    return loans, events, queue, kinds(room)


@PROPERTY
@given(lines=FILES, write=WRITERS)
def test_pt9_a_file_loaded_again_changes_nothing(
    fresh: Databases, lines: list[str], write: Callable[[str], bytes]
) -> None:
    """OF-40, OF-41: refused as a file; looked at line by line, what was done is a duplicate."""
    with place(fresh) as loader:
        data = write(";".join(lines))
        loader.load(data)
        before, queue = end(loader.room), loader.room.rows(tables.offline_exception)
        loader.load(data)
        again = loader.load(data, force=True)
        assert {status for status, _ in again} <= {"DUPLICATE", "ERROR"}
        assert (end(loader.room), loader.room.rows(tables.offline_exception)) == (before, queue)


@PROPERTY
@given(lines=FILES, data=st.data(), write=WRITERS)
def test_pt10_a_file_in_two_parts_is_the_whole(
    fresh: Databases, lines: list[str], data: st.DataObject, write: Callable[[str], bytes]
) -> None:
    cut = data.draw(st.integers(0, len(lines)))
    content = write(";".join(lines)).splitlines(keepends=True)
    with place(fresh) as loader:
        loader.load(b"".join(content))
        whole, codes = end(loader.room), kinds(loader.room)
    with place(fresh) as loader:
        for part in (content[:cut], content[cut:]):
            if part:
                loader.load(b"".join(part))
        assert (end(loader.room), kinds(loader.room)) == (whole, codes)


class Crash(Exception):
    """The machine is gone."""


class Crashing:
    """The store's own calls; the one numbered ``at`` is lost before its commit, or its answer after it."""

    def __init__(self, store: Store, at: int, committed: bool) -> None:
        self._store = store
        self._left = at
        self._committed = committed

    def call(self, writes: bool, name: str, work: Callable[[Unit], T], lane: int = 0) -> T:
        self._left -= 1
        if self._left:
            return self._store.call(writes, name, work, lane)
        if self._committed:
            self._store.call(writes, name, work, lane)
            raise Crash

        def lost(unit: Unit) -> T:
            work(unit)
            raise Crash

        return self._store.call(writes, name, lost, lane)


@PROPERTY
@given(lines=FILES, data=st.data(), committed=st.booleans())
def test_pt11_a_crash_and_a_resume_are_an_undisturbed_run(
    fresh: Databases, lines: list[str], data: st.DataObject, committed: bool
) -> None:
    """OF-36: wherever it is, also twice; every line is executed once."""
    content = offcirc(";".join(lines))
    with place(fresh) as loader:
        loader.load(content)
        whole, lines_told = end(loader.room), executed(loader.room)
    with place(fresh) as loader:
        session = loader.upload(content)["session"]
        for _ in range(2):
            calls = Crashing(loader.room.store, data.draw(st.integers(1, len(lines) + 1)), committed)
            try:
                loader.apply(session, calls)
            except Crash:
                continue
        loader.apply(session)
        assert (end(loader.room), executed(loader.room)) == (whole, lines_told)
        assert loader.report(session)["status"] == "APPLIED"


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("at", range(1, 7))
def test_pt11_at_every_point_on_both_databases(databases: Databases, at: int, committed: bool) -> None:
    """The same where a sequence does not go back: by what the lines say, and who has what."""
    with place(databases) as loader:
        loader.load(offcirc(DAY))
        whole = told(loader.room)
    with place(databases) as loader:
        session = loader.upload(offcirc(DAY))["session"]
        with pytest.raises(Crash):
            loader.apply(session, Crashing(loader.room.store, at, committed))
        loader.apply(session)
        assert told(loader.room) == whole


@pytest.mark.parametrize("cut", range(6))
def test_pt10_at_every_line_on_both_databases(databases: Databases, cut: int) -> None:
    """Two parts in two sessions; PT-9: and each of them again."""
    content = offcirc(DAY).splitlines(keepends=True)
    with place(databases) as loader:
        loader.load(b"".join(content))
        whole = told(loader.room)
    with place(databases) as loader:
        parts = [b"".join(part) for part in (content[:cut], content[cut:]) if part]
        for part in parts:
            loader.load(part)
        assert told(loader.room) == whole
        before = end(loader.room), loader.room.rows(tables.offline_exception)
        for part in parts:
            loader.load(part)
            loader.load(part, force=True)
        assert (end(loader.room), loader.room.rows(tables.offline_exception)) == before


def test_the_crashes_are_real(fresh: Databases) -> None:
    """A crash before the commit leaves its line pending; after it, executed."""
    for committed, pending in ((False, 2), (True, 1)):
        with place(fresh) as loader:
            session = loader.upload(offcirc("L 10:15 I1 P1; R 10:20 I1"))["session"]
            with pytest.raises(Crash):
                loader.apply(session, Crashing(loader.room.store, 1, committed))
            assert len(loader.room.rows(tables.offline_line, status="PENDING")) == pending


def test_two_who_apply_at_once_execute_each_line_once(fresh: Databases) -> None:
    """The second finds nothing left of a plan that the first has executed."""
    with place(fresh) as loader:
        session = loader.upload(offcirc("L 10:15 I1 P1; R 10:20 I1"))["session"]
        row = loader.room.rows(tables.offline_session)[0]
        planned = loader.do(lambda work: load.plan(work, row))
        loader.apply(session)
        before = end(loader.room)
        load.apply(loader.room.store, loader.staff, planned, lambda: loader.now)
        assert end(loader.room) == before
