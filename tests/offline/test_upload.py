"""What may be chosen when a file is uploaded: payments, the workstation, whether it is known; OF-22, OF-23,
OF-25, OF-35, OF-40."""

import pytest

from sip2d.store import tables
from tests.offline.files import Loader, evergreen, given, koc, loans, native, offcirc, queued
from tests.offline.test_load import OLD, setting
from tests.support import library
from tests.support.desks import Room

PAYMENT = b"2026-03-09 10:15:00 1\tpayment\tP1\t2.50\n"
PAID = [
    ("settles what is owed", 250, [("OK", None)], [("P1", 0)]),
    ("in part", 400, [("OK", None)], [("P1", 150)]),
    ("not more than is owed", 100, [("ERROR", "PAYMENT_TOO_MUCH")], [("P1", 100)]),
    ("nothing is owed", None, [("ERROR", "PAYMENT_NOTHING_OWED")], []),
]


@pytest.mark.parametrize(("case", "owed", "lines", "left"), PAID, ids=[row[0] for row in PAID])
def test_of22_payments_are_booked_where_that_is_allowed(
    room: Room,
    loader: Loader,
    case: str,
    owed: int | None,
    lines: list[tuple[str, str | None]],
    left: list[tuple[str, int]],
) -> None:
    """OF-2, OF-22: a line that is told without --allow-payments, and nothing else; with it money is booked
    once; what cannot be is an exception, for somebody has the money."""
    if owed is not None:
        given(room, lambda unit: library.add_fee(unit.core, room.world, room.world.patrons["P1"], owed))
    data = koc("R 10:10 I1") + PAYMENT
    assert loader.load(data)[1:] == [("ERROR", "PAYMENT")]
    for _ in range(2):
        found = loader.load(data, force=True, payments=True)[1:]
        balances = [row["outstanding_minor"] for row in room.rows(tables.fee_balance)]
        assert balances == [minor for _, minor in left]
        assert found == lines
        lines = [("DUPLICATE", "DUPLICATE")] if lines == [("OK", None)] else lines
    told = [code for code, _, patron in queued(room) if patron == "P1"]
    assert told == [code for status, code in lines if status == "ERROR"]


def test_of35_a_payment_of_tomorrow_is_an_error(room: Room, loader: Loader) -> None:
    data = koc("") + PAYMENT.replace(b"10:15", b"12:15")
    assert loader.load(data, payments=True) == [("ERROR", "FUTURE")]
    assert queued(room) == [("FUTURE", "", "P1")]


@pytest.mark.parametrize("amount", [b"1.005", b"0.001"])
def test_of22_an_amount_that_the_currency_has_not_is_an_error(loader: Loader, amount: bytes) -> None:
    data = koc("") + PAYMENT.replace(b"2.50", amount)
    assert loader.load(data, payments=True) == [("ERROR", "BAD_AMOUNT")]


def test_of23_a_workstation_has_one_file_a_session(room: Room, loader: Loader) -> None:
    """OF-23: a second one is refused; another workstation's, or in another session, is not."""
    first = loader.upload(evergreen("L 10:15 I1 P1"), session="cut", workstation="desk-1")
    again = loader.upload(evergreen("R 10:20 I1"), session="cut", workstation=" desk-1 ")
    assert (first["status"], again["status"], again["code"]) == ("VALIDATED", "REJECTED", "SECOND_UPLOAD")
    assert f"batch {first['batch']}" in again["notes"][0]
    assert (
        loader.upload(evergreen("R 10:21 I1"), session="cut", workstation="desk-2")["status"] == "VALIDATED"
    )
    assert (
        loader.upload(evergreen("R 10:22 I1"), session="new", workstation="desk-1")["status"] == "VALIDATED"
    )
    assert loader.upload(evergreen("R 10:23 I1"), session="cut")["status"] == "VALIDATED"
    assert [row["workstation"] for row in room.rows(tables.offline_batch)][:2] == ["desk-1", "desk-1"]


def test_of25_what_failed_can_be_sent_again(room: Room, loader: Loader) -> None:
    """OF-25: awaiting, then uploaded or failed; a failed line is tried again when its cause is gone."""
    data = native("L 10:15 I1 P-NEW; R 10:20 I4")
    batch = loader.upload(data)
    assert loader.lines(batch["batch"]) == [("PENDING", None)] * 2
    loader.apply(batch["session"])
    assert loader.lines(batch["batch"]) == [("ERROR", "PATRON_UNKNOWN"), ("WARNING", "NOT_ON_LOAN")]
    given(room, lambda unit: library.add(
        unit.core, tables.patron_identifier, institution_id=room.world.institutions["MAIN"],
        patron_id=room.world.patrons["P1"], value="P-NEW", kind="CARD",
    ))  # fmt: skip
    assert loader.load(data, force=True) == [("OK", None), ("DUPLICATE", "DUPLICATE")]
    assert loans(room) == [("I1", "P1", None)]


def test_of40_a_library_may_do_without(room: Room, loader: Loader) -> None:
    """OF-40: ``offline_dedup`` off: no file is refused; what a line did it still does once (OF-41)."""
    given(room, lambda unit: setting("offline_dedup", "false")(room, unit))
    assert loader.load(offcirc(OLD)) == [("OK", None)] * 3
    for _ in range(2):
        assert loader.load(offcirc(OLD)) == [("DUPLICATE", "DUPLICATE")] * 3
    assert len(loans(room)) == 2
