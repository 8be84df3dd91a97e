"""JB-15: linked accounts whose source has changed (BL-61, BL-65); PT-8."""

from datetime import UTC, datetime

import pytest

from sip2d.desk.staff import block_definitions, block_descriptions, blocks, links
from sip2d.jobs.links import JOB
from sip2d.store import tables
from tests.desk.staff.blocking import block, define, describe
from tests.desk.staff.office import Office
from tests.jobs.nights import again, dry, night
from tests.support.desks import Room

FIVE = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
"""05:00 in New York, where OTHER is."""


@pytest.fixture
def office(room: Room) -> Office:
    """O1 at OTHER is linked to P1 at MAIN."""
    office = Office(room)
    describe(office, "DAMAGE")
    define(office, "D", network_block=True)
    describe(office, "CONSORTIA", "Consortial block", "OTHER")
    define(office, "C", "OTHER", description="CONSORTIA", type_="CONSORTIAL")
    office.do(lambda work: links.add(work, "O1", "MAIN", "P1", copies=True, institution_code="OTHER"))
    return office


def test_jb15_bl61_bl65_once_a_version_of_the_source(room: Room, office: Office) -> None:
    """A run without a change does nothing; the institution of the target does it; the report tells of it."""
    assert night(room, JOB, FIVE, "OTHER").tally.counters == {}
    block(office)
    assert night(room, JOB, FIVE.replace(day=11), "MAIN").tally.counters == {}
    dry(room, JOB, FIVE)
    tally = night(room, JOB, FIVE.replace(day=11), "OTHER").tally
    assert tally.counters == {"refreshed": 1, "copied": 1}
    assert tally.report == [
        {
            "user": "O1",
            "source": "P1",
            "link": 1,
            "version": 2,
            "removed": 0,
            "copied": 1,
            "reason": "REFRESH",
        }
    ]
    (copy,) = room.rows(tables.user_block, origin="NETWORK")
    assert copy["created_by"] == "job:refresh-links"
    again(room, JOB, FIVE.replace(day=12))
    assert night(room, JOB, FIVE.replace(day=12), "OTHER").tally.counters == {}


def test_bl64_without_the_definition_it_is_told_and_tried_again(room: Room, office: Office) -> None:
    """BL-64: a configuration error, audited at the institution; the copies stay until it is mended."""
    made = block(office)["id"]
    night(room, JOB, FIVE, "OTHER")
    office.do(
        lambda work: block_descriptions.change(work, "CONSORTIA", new_code="X", institution_code="OTHER")
    )
    block(office)
    for day in (11, 12):
        tally = night(room, JOB, FIVE.replace(day=day), "OTHER").tally
        assert tally.counters == {"no_definition": 1, "copied": 0}
        assert tally.report[0]["reason"] == "NO_CONSORTIAL_DEFINITION"
    assert ("job:refresh-links", "institution", "NO_CONSORTIAL_DEFINITION") in office.audited
    assert len(room.rows(tables.user_block, origin="NETWORK", removed_at=None)) == 1
    office.do(
        lambda work: block_descriptions.change(work, "X", new_code="CONSORTIA", institution_code="OTHER")
    )
    office.do(lambda work: blocks.unblock(work, "P1", made, institution_code="MAIN"))
    assert night(room, JOB, FIVE.replace(day=13), "OTHER").tally.counters == {"refreshed": 1, "copied": 1}
    assert len(room.rows(tables.user_block, origin="NETWORK", removed_at=None)) == 1


def test_bl61_a_definition_that_is_copied_now(room: Room, office: Office) -> None:
    """BL-8, BL-63: its flag is turned on, and who is blocked by it changes."""
    define(office, "L")
    block(office, definition="L")
    assert night(room, JOB, FIVE, "OTHER").tally.counters == {}
    office.do(
        lambda work: block_definitions.save(work, "L", new=False, network_block=True, institution_code="MAIN")
    )
    assert night(room, JOB, FIVE.replace(day=11), "OTHER").tally.counters == {"refreshed": 1, "copied": 1}
