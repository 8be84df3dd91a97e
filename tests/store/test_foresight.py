"""What is asked for several at once is what each would be told alone; both databases."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from sip2d.policy.facts import PatronFacts
from sip2d.store import foresight, loans, patrons, several, tables
from sip2d.store.unit import Unit
from tests.support.accounts import CROWD, DAY, KNOWN_OTHERWISE, LONGEST, NOBODYS, accounts, limit
from tests.support.databases import Databases
from tests.support.desks import Room, opened
from tests.support.library import NOW

LATER = NOW + 30 * DAY
BY_BARCODE = ("P1", "P2", "P-EXPIRED", "P-CHILD", "P-LOST", "P-STAFF", LONGEST, *CROWD)


@given(st.lists(st.integers(), max_size=3 * several.SIZES[-1]))
def test_every_value_is_in_its_place_and_only_the_last_is_repeated(values: list[int]) -> None:
    found: list[int] = []
    for size, part in several.parts(values):
        assert size in several.SIZES
        assert len(part) == size
        mine = values[len(found) : len(found) + size]
        assert part == mine + mine[-1:] * (size - len(mine))
        assert not any(len(mine) <= smaller < size for smaller in several.SIZES)
        found += mine
    assert found == values


def test_of_nothing_there_are_no_parts() -> None:
    assert list(several.parts([])) == []


def test_a_part_has_as_many_values_as_its_statement_parameters() -> None:
    column = tables.patron.c.barcode
    for size in several.SIZES:
        names = several.names(size)
        assert len(set(names)) == size
        assert tuple(bind.key for bind in several.binds(column, size)) == names


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    with opened(databases.fresh(accounts)) as room:
        yield room


def main(room: Room) -> int:
    return room.world.institutions["MAIN"]


def told(
    unit: Unit, institutions: tuple[int, ...], barcodes: list[str], now: datetime = NOW
) -> dict[str, PatronFacts | None]:
    """What `find` says of each."""
    return {barcode: patrons.find(unit, institutions, barcode, now) for barcode in barcodes}


@pytest.mark.parametrize("limited", [False, True], ids=["unlimited", "limited"])
def test_the_facts_are_those_that_each_is_told_alone(room: Room, limited: bool) -> None:
    """GN-10, SP-10, CO-11: known, unknown and impossible barcodes, twice, and more than one statement asks
    for; what could be foreseen was, nothing else."""
    if limited:
        limit(room.store)
    barcodes = [*NOBODYS, *BY_BARCODE, *KNOWN_OTHERWISE, "O1", *BY_BARCODE[:5], "P1"]
    here = (main(room),)
    with room.unit(writes=False) as unit:
        assert (here[0] in unit.library.limited) is limited
        alone = told(unit, here, barcodes)
    with room.unit(writes=False) as unit:
        foresight.patrons(unit, here[0], barcodes, NOW)
        foreseen = set(unit.foreseen)
        assert told(unit, here, barcodes) == alone
    assert foreseen == {(here[0], NOW, barcode) for barcode in BY_BARCODE}
    known = {barcode: facts for barcode, facts in alone.items() if facts is not None}
    assert set(known) == {*BY_BARCODE, *KNOWN_OTHERWISE}
    assert all(known[barcode].barcode == barcode for barcode in BY_BARCODE)
    assert (known["P1"].loans, known["P1"].value_minor) == (5, 4 * 2000 + 3000 if limited else 0)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 17, 64, 65])
def test_any_number_of_patrons_is_foreseen(room: Room, count: int) -> None:
    barcodes = list(CROWD[:count])
    with room.unit(writes=False) as unit:
        alone = told(unit, (main(room),), barcodes)
    with room.unit(writes=False) as unit:
        lending = foresight.patrons(unit, main(room), iter(barcodes), NOW)
        assert len(unit.foreseen) == len(lending) == count
        assert told(unit, (main(room),), barcodes) == alone


@pytest.mark.parametrize("limited", [False, True], ids=["unlimited", "limited"])
def test_only_who_has_something_on_loan_is_told_to_lend(room: Room, limited: bool) -> None:
    """Of others no list of loans is asked for."""
    if limited:
        limit(room.store)
    with room.unit(writes=False) as unit:
        lending = foresight.patrons(unit, main(room), ["P-STAFF", "nobody", "P1"], NOW)
    assert lending == {"P1": room.world.patrons["P1"]}


def test_foreseen_for_one_moment_is_not_for_another(room: Room) -> None:
    """What is overdue, blocked or billed changes with the moment."""
    barcodes, here = ["P1", "P2", "P-CHILD", "nobody"], (main(room),)
    with room.unit(writes=False) as unit:
        now, later = told(unit, here, barcodes), told(unit, here, barcodes, LATER)
    assert all(now[barcode] != later[barcode] for barcode in barcodes[:3])
    with room.unit(writes=False) as unit:
        foresight.patrons(unit, here[0], barcodes, NOW)
        assert told(unit, here, barcodes, LATER) == later
        foresight.patrons(unit, here[0], barcodes, LATER)
        assert told(unit, here, barcodes) == now
        assert told(unit, here, barcodes, LATER) == later


def test_foreseen_is_used_for_its_moment_and_institution_alone(room: Room) -> None:
    """Seen by a row under a barcode that nobody has."""
    here, there = main(room), room.world.institutions["OTHER"]
    with room.unit(writes=False) as unit:
        facts = patrons.find(unit, (here,), "P1", NOW)
        foresight.patrons(unit, here, ["P1"], NOW)
        unit.foreseen[here, NOW, "nobody"] = unit.foreseen[here, NOW, "P1"]
        assert patrons.find(unit, (here,), "nobody", NOW) == facts is not None
        assert patrons.find(unit, (here,), "nobody", LATER) is None
        assert patrons.find(unit, (there,), "nobody", NOW) is None


def test_cn10_foreseen_here_is_not_taken_for_a_patron_of_the_group(room: Room) -> None:
    """Two institutions have a P2: whose kiosk asks gets his own."""
    here, there = main(room), room.world.institutions["OTHER"]
    for institutions in ((here, there), (there, here)):
        with room.unit(writes=False) as unit:
            alone = told(unit, institutions, ["P2", "P1", "O1"])
        with room.unit(writes=False) as unit:
            foresight.patrons(unit, here, ["P2", "P1", "O1"], NOW)
            assert told(unit, institutions, ["P2", "P1", "O1"]) == alone
        found = alone["P2"]
        assert found is not None
        assert found.institution_id == institutions[0]


@pytest.mark.parametrize("by_title", [False, True], ids=["barcodes", "titles"])
def test_the_names_on_loan_are_those_that_each_is_told_alone(room: Room, by_title: bool) -> None:
    """sip2.md 2.5: in their order, of more patrons than one statement asks for, some of them twice or without
    loans; neither another list nor another kind of name."""
    with room.unit(writes=False) as unit:
        here = (main(room),)
        ids = [facts.id for facts in told(unit, here, [*BY_BARCODE, "P1", "C00"]).values() if facts]
        ids += ids[:3]
        alone = names(unit, ids)
    with room.unit(writes=False) as unit:
        foresight.loan_names(unit, ids, by_title=by_title)
        assert set(unit.foreseen) == {("charged", by_title, patron) for patron in ids}
        assert names(unit, ids) == alone
    assert len(ids) > several.SIZES[-1]
    assert len(alone["charged", by_title, room.world.patrons["P1"]]) == 5
    assert alone["charged", by_title, room.world.patrons["P-STAFF"]] == []
    assert alone["charged", False, ids[0]] != alone["charged", True, ids[0]]
    assert alone["charged", by_title, ids[0]] != alone["overdue", by_title, ids[0]]


def names(unit: Unit, ids: list[int]) -> dict[tuple[str, bool, int], list[str]]:
    """Every list of each, by barcode and by title."""
    return {
        (which, by_title, patron): loans.names_of_patron(unit, patron, NOW, which, by_title=by_title)
        for which in ("charged", "overdue", "recalled")
        for by_title in (False, True)
        for patron in ids
    }


def test_what_is_foreseen_ends_with_its_unit(room: Room) -> None:
    """The next transaction sees what was changed meanwhile, and one that writes begins with nothing."""
    here = (main(room),)
    with room.unit(writes=False) as unit:
        foresight.patrons(unit, here[0], ["P1"], NOW)
        before = patrons.find(unit, here, "P1", NOW)
    with room.unit() as unit:
        assert unit.foreseen == {}
        unit.core.execute(update(tables.patron).where(tables.patron.c.barcode == "P1").values(name="Another"))
        after = patrons.find(unit, here, "P1", NOW)
        assert unit.foreseen == {}
    assert before is not None
    assert after is not None
    assert (before.name, after.name) == ("Anne Dupont", "Another")
    with room.unit(writes=False) as unit:
        assert unit.foreseen == {}
        assert patrons.find(unit, here, "P1", NOW) == after
