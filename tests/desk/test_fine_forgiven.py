"""Fines forgiven, detached and undone (LO-51, BR-12, SP-23), on both databases."""

from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from sip2d.desk import fine
from sip2d.desk.fine import NOTHING, Fined
from sip2d.policy.terms import Terms
from tests.desk.overdue import (
    at,
    at_desk,
    credit,
    dated,
    lent,
    nightly,
    owed,
    paid,
    settle,
    statuses,
)
from tests.support.desks import Room

WINDOW = (at(3, 5), at(3, 20))


@pytest.mark.parametrize("keep", [False, True])
def test_br12_a_renewal_with_penalties_detached(books: Room, keep: bool) -> None:
    """BR-12: no charge; what is unpaid is forgiven, what was paid stays paid; ``--keep-accrued`` keeps it."""
    lent(books)
    first = nightly(books, 3, 4)
    paid(books, 20, at(3, 4, 10))
    dated(books, "fine_amount", "none", *WINDOW)
    if keep:
        dated(books, "detached_keeps_accrued", "true", *WINDOW)
    assert nightly(books, 3, 9) == NOTHING
    fined = settle(books, at(3, 10, 10), fine.RENEWED)
    assert fined.fee_id == first.fee_id
    assert owed(books, first.fee_id) == (30 if keep else 0)
    assert credit(books) == 0
    assert statuses(books, first.fee_id)[-1] == ("RENEWED" if keep else "FORGIVEN")
    assert fined.delta_minor == (0 if keep else -30)


def test_br12_a_return_charges_nothing_but_forgives_nothing(books: Room) -> None:
    lent(books)
    nightly(books, 3, 4)
    dated(books, "fine_amount", "none", *WINDOW)
    fined = settle(books, at(3, 10, 10))
    assert (fined.total_minor, fined.txn_ids) == (50, ())


def test_br12_no_snapshot_revives_it_and_it_comes_back(books: Room) -> None:
    lent(books, rule_snapshot=msgspec.json.encode(Terms(28, fine_amount=Decimal(9))).decode())
    dated(books, "fine_amount", "none", *WINDOW)
    assert settle(books, at(3, 10, 10)) == NOTHING
    assert nightly(books, 3, 20).total_minor == 400


# -- forgiving and undoing -----------------------------------------------------------------------------------


def test_lo51_forgiving_takes_what_is_unpaid_of_every_period(books: Room) -> None:
    """LO-51: paid stays paid; then the fine of the same period is charged anew in full (LO-59)."""
    loan = lent(books)
    first = nightly(books, 3, 6)
    paid(books, 30, at(3, 6, 10))
    txns = at_desk(books, at(3, 6, 11), lambda unit, desk: fine.forgive(unit, desk, loan))
    assert len(txns) == 1
    assert (owed(books, first.fee_id), credit(books)) == (0, 0)
    assert statuses(books, first.fee_id) == ["UNRETURNED", "FORGIVEN"]
    assert at_desk(books, at(3, 6, 12), lambda unit, desk: fine.forgive(unit, desk, loan)) == []
    again = settle(books, at(3, 6, 18))
    assert (again.total_minor, again.delta_minor) == (100, 70)


def _undone(room: Room, fined: Fined, now: datetime) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(fine.detail(fined)))
    at_desk(room, now, lambda unit, desk: fine.undo(unit, desk, kept))


@pytest.mark.parametrize(("until", "total"), [(at(3, 9, 10), 150), (at(3, 4, 10), 50)])
def test_sp23_undoing_a_return_gives_the_fine_back(books: Room, until: datetime, total: int) -> None:
    """SP-23: more or less than accrued, afterwards it is as before, and the next night goes on."""
    lent(books)
    first = nightly(books, 3, 6)
    fined = settle(books, until, now=at(3, 9, 10))
    assert fined.total_minor == total
    _undone(books, fined, at(3, 9, 11))
    assert owed(books, first.fee_id) == 100
    assert statuses(books, first.fee_id)[-1] == "UNRETURNED"
    assert nightly(books, 3, 10).total_minor == 175


def test_sp23_undoing_what_made_the_fee(books: Room) -> None:
    lent(books)
    fined = settle(books, at(3, 6, 10))
    _undone(books, fined, at(3, 6, 11))
    assert (owed(books, fined.fee_id), statuses(books, fined.fee_id)[-1]) == (0, "CANCELLED")
    assert settle(books, at(3, 6, 12)).delta_minor == 100
    _undone(books, NOTHING, at(3, 6, 13))
    at_desk(books, at(3, 6, 13), lambda unit, desk: fine.undo(unit, desk, None))


def test_sp23_undoing_what_forgave(books: Room) -> None:
    lent(books)
    first = nightly(books, 3, 4)
    dated(books, "fine_amount", "none", *WINDOW)
    fined = settle(books, at(3, 10, 10), fine.RENEWED)
    _undone(books, fined, at(3, 10, 11))
    assert (owed(books, first.fee_id), statuses(books, first.fee_id)[-1]) == (50, "UNRETURNED")
