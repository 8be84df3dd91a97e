"""Restrictions, and blocks as the messages meet them: LO-21, LO-22, BL-11, BL-12, BL-57, SP-23."""

from datetime import datetime, timedelta

import msgspec
import pytest

from sip2d.desk import suspend
from sip2d.policy.facts import Mode
from sip2d.store import patrons, tables
from tests.desk.acts import cancel_checkin, checkin, checkout, patron_of, renewal
from tests.support import penalties
from tests.support.desks import Room
from tests.support.library import add, seconds
from tests.support.penalties import at, blocks_of, bring_back, configure, lend, standing

DUE = at("03-02 23:59:59")
R1 = at("03-06 10:00")
HOUR = timedelta(hours=1)
FIVE = {"overdue_block_unit": "WHOLE_DAYS", "overdue_block_value": 5}


def _restrict(room: Room, now: datetime) -> int | None:
    with room.unit() as unit:
        at_desk = penalties.desk(unit, now)
        return suspend.restrict(unit, at_desk, patron_of(unit, at_desk, "P1").id)


def _lift(room: Room, now: datetime) -> bool:
    with room.unit() as unit:
        at_desk = penalties.desk(unit, now)
        return suspend.lift_restriction(unit, at_desk, patron_of(unit, at_desk, "P1").id)


def test_lo21_a_restriction_denies_loans_and_renewals_once(room: Room) -> None:
    """LO-21: flags 0 and 1, at most one a patron."""
    configure(room)
    assert _restrict(room, R1) is not None
    assert _restrict(room, R1 + HOUR) is None
    (row,) = blocks_of(room, "P1")
    assert (row["definition"], row["origin"], row["expires_at"]) == ("OVERDUES", "OVERDUE_NOTICE", None)
    assert penalties.denied(room, R1 + HOUR) == "YY  "


@pytest.mark.parametrize(
    ("setting", "late", "lifted"),
    [("when_no_overdue", [], True), ("when_no_overdue", [DUE], False), ("no", [], False)],
)
def test_lo22_it_is_lifted_when_nothing_is_overdue_any_more(
    room: Room, setting: str, late: list[datetime], lifted: bool
) -> None:
    configure(room, settings={"AutoRemoveOverduesRestrictions": setting})
    _restrict(room, R1)
    for due in (*late, at("05-02")):
        lend(room, "P1", due)
    assert _lift(room, R1 + HOUR) is lifted
    assert (standing(room, "P1") == []) is lifted
    assert _lift(room, R1 + HOUR) is False


def test_lo22_nobody_is_lifted_from_a_block_of_another_kind(room: Room) -> None:
    configure(room, terms={"BOOK": FIVE})
    bring_back(room, lend(room, "P1", DUE), R1)
    assert _lift(room, R1 + HOUR) is False
    assert len(standing(room, "P1")) == 1


def test_bl11_effective_reads_what_counts(room: Room) -> None:
    """Removed and expired ones do not, a suspension for demerits does until it is evaluated."""
    configure(room)
    with room.unit() as unit:
        at_desk = penalties.desk(unit, R1)
        who = patron_of(unit, at_desk, "P1")
        for origin, end, removed in (
            ("MANUAL", None, None), ("OVERDUE_RETURN", R1, None), ("DEMERIT", R1, None),
            ("SIP2", None, R1), ("NETWORK", R1 + HOUR, None),
        ):  # fmt: skip
            add(
                unit.core, tables.user_block, patron_id=who.id, definition=origin, actions="LOAN",
                origin=origin, starts_at=seconds(DUE), expires_at=None if end is None else seconds(end),
                removed_at=None if removed is None else seconds(removed),
            )  # fmt: skip
        found = patrons.by_id(unit, who.id, R1)
        assert found is not None
        assert [block.origin for block in found.blocks] == ["MANUAL", "DEMERIT", "NETWORK"]
        assert suspend.ran_out(found, R1)
        assert not suspend.ran_out(who, R1)


# -- through the messages --------------------------------------------------------------------------------


def test_bl57_the_kiosk_is_told_and_an_undone_return_blocks_nobody(room: Room) -> None:
    """09 late: ok, RETURN_OK_BLOCKED with the end; 11 with BI=Y: nothing of it is left (SP-23)."""
    configure(room, terms={"BOOK": FIVE}, settings=penalties.DEMERITS)
    penalties.person(room, "STUDENT")
    barcode = lend(room, "STUDENT", DUE)
    with room.unit() as unit:
        outcome = checkin(unit, penalties.desk(unit, R1), barcode)
    (told,) = (note for note in outcome.notes if note.code == "RETURN_OK_BLOCKED")
    assert (outcome.done, told.values["expires_at"]) == (True, at("03-11"))
    assert standing(room, "STUDENT") == [("OVERDUE_RETURN", at("03-11"))]
    assert penalties.remaining(room, "STUDENT") == 3
    with room.unit() as unit:
        assert cancel_checkin(unit, penalties.desk(unit, R1 + HOUR / 12), "STUDENT", barcode).done
    assert (standing(room, "STUDENT"), penalties.remaining(room, "STUDENT")) == ([], 0)


@pytest.mark.parametrize("how", ["return", "renewal"])
def test_lo22_the_last_overdue_loan_lifts_the_restriction(room: Room, how: str) -> None:
    """LO-22: by a return, by a renewal of staff; not while another is overdue."""
    configure(room)
    barcodes = [lend(room, "P1", DUE) for _ in range(2)]
    _restrict(room, R1)
    for barcode, left in zip(barcodes, (1, 0), strict=True):
        with room.unit() as unit:
            at_desk = penalties.desk(unit, R1 + HOUR)
            if how == "return":
                assert checkin(unit, at_desk, barcode).done
            else:
                staff = msgspec.structs.replace(at_desk, mode=Mode.STAFF, override_role="CIRC_DESK_MANAGER")
                assert renewal(unit, staff, "P1", barcode).done
        assert len(standing(room, "P1")) == left


def test_bl11_bl12_a_blocked_patron_is_denied_but_may_return(room: Room) -> None:
    """11, 29 and 15 are denied with the end of the suspension, 09 never is."""
    configure(room, terms={"BOOK": FIVE})
    barcode = lend(room, "P1", at("03-20"))
    bring_back(room, lend(room, "P1", DUE), R1)
    with room.unit() as unit:
        at_desk = penalties.desk(unit, R1 + HOUR)
        for outcome in (checkout(unit, at_desk, "P1", "I1"), renewal(unit, at_desk, "P1", barcode)):
            assert (outcome.done, [reason.scenario for reason in outcome.reasons]) == (
                False, ["PATRON_SUSPENDED"],
            )  # fmt: skip
            assert outcome.reasons[0].expires_at == at("03-11")
        assert checkin(unit, at_desk, barcode).done
