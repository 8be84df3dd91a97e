"""A patron's blocks by staff's hand (BL-3, BL-10, BL-14, BL-41)."""

import functools
from datetime import timedelta

import pytest

from sip2d.desk.staff import blocks, patrons
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Denied, Refused
from sip2d.store import tables
from sip2d.vocabulary import StaffRole
from tests.desk.staff.blocking import block, define, describe, lift, seen
from tests.desk.staff.office import CLERK, Office
from tests.support import penalties
from tests.support.desks import Room
from tests.support.library import NOW, add_block, seconds

LIMITED = Staff(5, "limited", frozenset({StaffRole.CIRC_DESK_OPERATOR_LIMITED.value}))


@pytest.fixture
def office(room: Room) -> Office:
    """DAMAGE has the definitions D and E, in this order; LOUD, the default, has F."""
    office = Office(room)
    describe(office, "DAMAGE", "Damaged a book")
    describe(office, "LOUD", "Loud", default=True)
    describe(office, "EMPTY")
    define(office, "D", type_="GENERAL", override="CIRCDESK", network_block=True)
    define(office, "E", action="01")
    define(office, "F", description="LOUD", action="03")
    return office


def test_bl10_by_definition(office: Office) -> None:
    """BL-10, BL-14: what it is, who made it, until when."""
    made = block(office, note=" Page 7 ", until="2026-03-31")
    assert made == {
        "id": made["id"], "type": "GENERAL", "definition": "D", "description": "Damaged a book",
        "denies": "LOAN,RENEW", "override": "CIRCDESK", "origin": "MANUAL", "created": NOW.isoformat(),
        "created_by": "boss", "expires": "2026-03-31T21:59:59+00:00", "note": "Page 7", "loan": None,
        "item": None, "original_type": None, "state": "IN_FORCE", "removed": None, "removed_reason": None,
        "removed_by": None,
    }  # fmt: skip
    assert seen(office) == [made]
    assert office.room.rows(tables.user_block)[0]["network_block"] == 1
    assert office.audited[-1] == ("boss", "patron_block", "BLOCK")


def test_bl10_by_description_the_first_definition_that_has_it(office: Office) -> None:
    """With neither, the default description's."""
    assert block(office, description="DAMAGE")["definition"] == "D"
    assert block(office, description=None)["definition"] == "F"
    for said, why in (
        ({"description": "EMPTY"}, "No block definition of MAIN has the description EMPTY"),
        ({"description": "NONE"}, "no block description 'NONE'"),
        ({"definition": "G"}, "no block definition 'G'"),
        ({"definition": "D", "description": "LOUD"}, "not both"),
    ):
        with pytest.raises(Refused, match=why):
            block(office, **said)


@pytest.mark.parametrize(
    ("until", "expires"),
    [
        (None, None),
        ("", None),
        ("9999", None),
        ("9999-12-31", None),
        ("2026-03-09", "2026-03-09T22:59:59+00:00"),
        ("2026-03-29", "2026-03-29T21:59:59+00:00"),
        ("2026-03-09T12:00", "2026-03-09T11:00:00+00:00"),
        ("2026-03-09T12:00:00+00:00", "2026-03-09T12:00:00+00:00"),
    ],
)
def test_bl10_until(office: Office, until: str | None, expires: str | None) -> None:
    """9999 is no end; a date is its last second in the institution's zone."""
    assert block(office, until=until)["expires"] == expires


@pytest.mark.parametrize("until", ["2026-03-08", "2026-03-09T10:15", "tomorrow", "2026-13-01"])
def test_bl10_until_that_is_none(office: Office, until: str) -> None:
    with pytest.raises(Refused):
        block(office, until=until)
    assert seen(office) == []


def test_bl14_those_in_force_and_all(office: Office) -> None:
    """An open one, a removed one, one that has run out; each with its loan."""
    removed = block(office)["id"]
    lift(office, removed, reason="Paid for it")
    block(office)
    room = office.room
    loan = penalties.lend(room, "P1", NOW - timedelta(days=3))
    with room.unit() as unit:
        lent = room.rows(tables.loan)[-1]["id"]
        add_block(
            unit.core, room.world.patrons["P1"], origin="OVERDUE_RETURN", type="LOAN", loan_id=lent,
            loan_due_at=1, expires_at=seconds(NOW),
        )  # fmt: skip
    assert [row["state"] for row in seen(office)] == ["IN_FORCE"]
    every = seen(office, ended=True)
    assert [(row["state"], row["removed_reason"], row["removed_by"], row["item"]) for row in every] == [
        ("REMOVED", "Paid for it", "boss", None),
        ("IN_FORCE", None, None, None),
        ("EXPIRED", None, None, loan),
    ]  # fmt: skip


def test_bl14_lists_and_the_record_mark_who_is_blocked(office: Office) -> None:
    """Not whose blocks have run out or are removed."""
    block(office)
    block(office, "P2", until="2026-03-09T10:16")
    lift(office, block(office, "P-CHILD")["id"], "P-CHILD")
    rows = office.see(lambda work: patrons.listing(work, "MAIN"))
    assert {row["barcode"] for row in rows if row["blocked"]} == {"P1", "P2"}
    shown = {
        code: office.see(functools.partial(patrons.show, barcode=code, institution_code="MAIN"))
        for code in ("P1", "P-CHILD")
    }
    assert (shown["P1"]["blocked"], shown["P1"]["blocks"]) == (True, ["Damaged a book"])
    assert shown["P-CHILD"]["blocked"] is False
    with office.room.unit() as unit:
        unit.core.exec_driver_sql(f"UPDATE user_block SET expires_at = {seconds(NOW)}")
    rows = office.see(lambda work: patrons.listing(work, "MAIN"))
    assert not any(row["blocked"] for row in rows)


def test_bl10_lifted_once_and_only_from_whom_it_blocks(office: Office) -> None:
    made = block(office)["id"]
    with pytest.raises(Refused, match="no block"):
        lift(office, made, "P2")
    lifted = lift(office, made)
    assert (lifted["state"], lifted["removed_reason"]) == ("REMOVED", "STAFF")
    assert office.audited[-1] == ("boss", "patron_block", "UNBLOCK")
    with pytest.raises(Refused, match="removed already"):
        lift(office, made)


def test_co32_the_loss_of_a_card_goes_with_its_block(office: Office) -> None:
    """CO-31, CO-32: as when the kiosk enables the card again."""
    with office.room.unit() as unit:
        who = office.room.world.patrons["P1"]
        made = add_block(unit.core, who, origin="SIP2", set_card_lost=1)
        unit.core.exec_driver_sql(f"UPDATE patron SET card_lost = 1 WHERE id = {who}")
    lift(office, made)
    assert office.room.rows(tables.patron, id=who)[0]["card_lost"] == 0


def test_bl41_demerits_stay_used(room: Room) -> None:
    """BL-41: the suspension is lifted, what it used up is not given back."""
    penalties.configure(room, settings=penalties.DEMERITS)
    patron = penalties.person(room, "U1")
    for _ in range(4):
        penalties.bring_back(
            room, penalties.lend(room, patron, NOW - timedelta(days=2)), NOW - timedelta(hours=1)
        )
    office = Office(room)
    (suspended,) = seen(office, patron)
    assert suspended["type"] == "DEMERIT"
    points = room.rows(tables.demerit_point)
    assert sum(int(str(row["remaining"])) for row in points) == 2
    lift(office, suspended["id"], patron)
    assert seen(office, patron) == []
    assert room.rows(tables.demerit_point) == points


def test_bl3_blocks_are_the_institutions(office: Office) -> None:
    """BL-3: a definition is of an institution, for all its branches, and of no other."""
    with pytest.raises(Refused, match="no block definition 'D'"):
        block(office, "O1", "OTHER")


def test_who_may_block(room: Room, office: Office) -> None:
    """An operator; not one with limited rights."""
    made = block(Office(room, CLERK))["id"]
    for act in (
        lambda work: blocks.block(work, "P1", definition="D", institution_code="MAIN"),
        lambda work: blocks.unblock(work, "P1", made, institution_code="MAIN"),
    ):
        with pytest.raises(Denied):
            Office(room, LIMITED).do(act)
