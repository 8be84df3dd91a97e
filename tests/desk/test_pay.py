"""Payments (CO-30): what is settled, what is refused, and that a repeated key pays once (GN-5)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sip2d.desk import book
from sip2d.desk import pay as money
from sip2d.desk.outcome import Effect, PaymentOutcome
from sip2d.store import ledger
from sip2d.store.unit import Unit
from tests.desk.stand import Stand, opened
from tests.support import library
from tests.support.databases import Databases
from tests.support.library import NOW


@pytest.fixture
def stand(databases: Databases) -> Iterator[Stand]:
    with opened(databases) as stand:
        yield stand


def owe(stand: Stand, unit: Unit) -> dict[str, int]:
    """P1 owes, oldest first: LOST 5.00, OVERDUE 2.00, RENTAL 1.50."""
    return {
        kind: library.add_fee(
            unit.core,
            stand.world,
            stand.world.patrons["P1"],
            amount,
            kind=kind,
            created_at=NOW - timedelta(days=days),
        )
        for kind, amount, days in (("RENTAL", 150, 1), ("LOST", 500, 9), ("OVERDUE", 200, 5))
    }


def left(stand: Stand, unit: Unit) -> dict[str, int]:
    return {fee.kind: fee.outstanding_minor for fee in ledger.outstanding(unit, stand.world.patrons["P1"])}


def paid(stand: Stand, unit: Unit, amount: int | None, **how: object) -> PaymentOutcome:
    desk = stand.desk(unit, accept_credit=how.pop("accept_credit", False))
    return money.pay(unit, desk, stand.patron(unit, "P1"), amount_minor=amount, **how)  # type: ignore[arg-type]  # a table's values


ALL = {"LOST": 500, "OVERDUE": 200, "RENTAL": 150}


@pytest.mark.parametrize(
    ("amount", "how", "remains"),
    [
        (100, {}, {"LOST": 400, "OVERDUE": 200, "RENTAL": 150}),
        (600, {}, {"OVERDUE": 100, "RENTAL": 150}),
        (850, {}, {}),
        (150, {"fee_type": "04"}, {"LOST": 500, "OVERDUE": 50, "RENTAL": 150}),
        (150, {"fee_type": "06"}, {"LOST": 500, "OVERDUE": 200}),
        (500, {"fee_type": "07"}, {"OVERDUE": 200, "RENTAL": 150}),
        (100, {"fee_type": "42"}, {"LOST": 400, "OVERDUE": 200, "RENTAL": 150}),
        (100, {"currency": "EUR"}, {"LOST": 400, "OVERDUE": 200, "RENTAL": 150}),
        (100, {"payment_type": "06", "write_off": True}, {"LOST": 400, "OVERDUE": 200, "RENTAL": 150}),
    ],
)
def test_co_30_oldest_first_unless_narrowed(
    stand: Stand, amount: int, how: dict[str, object], remains: dict[str, int]
) -> None:
    with stand.act() as unit:
        owe(stand, unit)
        outcome = paid(stand, unit, amount, **how)
        assert outcome.done, outcome.reasons
        assert (outcome.paid_minor, outcome.credit_minor) == (amount, 0)
        assert left(stand, unit) == remains
        assert outcome.transaction_id is not None
        assert outcome.effects == (Effect("ledger", stand.world.patrons["P1"], outcome.transaction_id),)
        assert ledger.last_txn(unit, stand.world.patrons["P1"]) == outcome.transaction_id
        account = ledger.lines_of(unit, outcome.transaction_id)[0].account
        assert account == ("WRITTEN_OFF" if how.get("write_off") else "CASH")
        assert stand.patron(unit, "P1").owed_minor == sum(remains.values())


@pytest.mark.parametrize(
    ("amount", "how", "reason"),
    [
        (None, {}, "PAYMENT_AMOUNT_INVALID"),
        (0, {}, "PAYMENT_AMOUNT_INVALID"),
        (-500, {}, "PAYMENT_AMOUNT_INVALID"),
        (10**15, {"accept_credit": True}, "PAYMENT_AMOUNT_INVALID"),
        (100, {"currency": "USD"}, "PAYMENT_CURRENCY_WRONG"),
        (100, {"fee_id": "999999"}, "PAYMENT_FEE_UNKNOWN"),
        (100, {"fee_id": "x" * 90}, "PAYMENT_FEE_UNKNOWN"),
        (851, {}, "PAYMENT_TOO_MUCH"),
        (201, {"fee_type": "04"}, "PAYMENT_TOO_MUCH"),
        (851, {"accept_credit": True, "refuse_overpayment": True}, "PAYMENT_TOO_MUCH"),
        (851, {"accept_credit": True, "write_off": True}, "PAYMENT_TOO_MUCH"),
    ],
)
def test_co_30_refused_payments_book_nothing(
    stand: Stand, amount: int | None, how: dict[str, object], reason: str
) -> None:
    with stand.act() as unit:
        owe(stand, unit)
        before = ledger.last_txn(unit, stand.world.patrons["P1"])
        outcome = paid(stand, unit, amount, **how)
        assert not outcome.done
        assert [each.code for each in outcome.reasons] == [reason]
        assert left(stand, unit) == ALL
        assert ledger.last_txn(unit, stand.world.patrons["P1"]) == before


def test_co_30_paying_too_much_is_told_with_what_is_owed(stand: Stand) -> None:
    with stand.act() as unit:
        assert [each.code for each in paid(stand, unit, 1).reasons] == ["PAYMENT_NOTHING_OWED"]
        owe(stand, unit)
        (reason,) = paid(stand, unit, 851).reasons
        assert reason.values == {"limit_minor": 850}


def test_co_30_a_fee_id_pays_that_fee_only(stand: Stand) -> None:
    with stand.act() as unit:
        fees = owe(stand, unit)
        assert paid(stand, unit, 50, fee_id=f" {fees['RENTAL']} ", fee_type="04").done
        assert left(stand, unit) == {**ALL, "RENTAL": 100}


def test_co_30_another_patrons_fee_is_unknown(stand: Stand) -> None:
    with stand.act() as unit:
        owe(stand, unit)
        other = library.add_fee(unit.core, stand.world, stand.world.patrons["P2"], 100)
        assert [each.code for each in paid(stand, unit, 100, fee_id=str(other)).reasons] == [
            "PAYMENT_FEE_UNKNOWN"
        ]


def test_co_30_overpayment_becomes_credit_where_it_may(stand: Stand) -> None:
    with stand.act() as unit:
        patron = stand.world.patrons["P1"]
        owe(stand, unit)
        outcome = paid(stand, unit, 1000, accept_credit=True)
        assert (outcome.paid_minor, outcome.credit_minor) == (850, 150)
        assert ledger.credit(unit, patron) == stand.patron(unit, "P1").credit_minor == 150
        library.add_fee(unit.core, stand.world, patron, 100)
        assert book.spend_credit(unit, stand.desk(unit), patron) is not None
        assert (left(stand, unit), ledger.credit(unit, patron)) == ({}, 50)
        assert money.refund_credit(unit, stand.desk(unit), patron, 51) is None
        assert money.refund_credit(unit, stand.desk(unit), patron, 50) is not None
        assert ledger.credit(unit, patron) == 0


def test_gn_5_the_same_key_pays_once(stand: Stand) -> None:
    with stand.act() as unit:
        owe(stand, unit)
        first = paid(stand, unit, 100, payment_key="kiosk:7")
        again = paid(stand, unit, 100, payment_key="kiosk:7")
        assert again == first
        assert left(stand, unit)["LOST"] == 400
        other = paid(stand, unit, 200, payment_key="kiosk:7")
        assert other.done, "an SC that counts from 1 again means another payment"
        assert left(stand, unit)["LOST"] == 200
        assert paid(stand, unit, 100).transaction_id != paid(stand, unit, 100).transaction_id


def test_gn_5_a_recorded_overpayment_is_told_again_whole(stand: Stand) -> None:
    with stand.act() as unit:
        owe(stand, unit)
        first = paid(stand, unit, 900, payment_key="k", accept_credit=True)
        again = paid(stand, unit, 900, payment_key="k", accept_credit=False)
        assert (again.done, again.paid_minor, again.credit_minor) == (True, 850, 50)
        assert again.transaction_id == first.transaction_id


def test_raising_and_taking_back_a_fee(stand: Stand) -> None:
    """SP-23: what an act charged goes with it; what was paid of it stays the patron's, as credit."""
    with stand.act() as unit:
        desk, patron = stand.desk(unit), stand.world.patrons["P1"]
        fee = book.raise_fee(unit, desk, patron, "RENTAL", 150, "DVD", None, stand.world.items["I-DVD"])
        (row,) = ledger.outstanding(unit, patron)
        assert (row.fee_id, row.kind, row.outstanding_minor, row.title, row.reason, row.barcode) == (
            fee, "RENTAL", 150, "Title T6", "DVD", "I-DVD",
        )  # fmt: skip
        assert paid(stand, unit, 100).done
        assert book.cancel_fee(unit, desk, fee)
        assert (left(stand, unit), ledger.credit(unit, patron)) == ({}, 100)
        assert not book.cancel_fee(unit, desk, fee), "once"


@pytest.mark.parametrize("amount", [0, -1])
def test_a_fee_is_at_least_one_minor_unit(stand: Stand, amount: int) -> None:
    with stand.act() as unit, pytest.raises(ValueError, match="at least one"):
        book.raise_fee(unit, stand.desk(unit), stand.world.patrons["P1"], "MANUAL", amount)


def test_waiving(stand: Stand) -> None:
    with stand.act() as unit:
        fee = owe(stand, unit)["OVERDUE"]
        desk = stand.desk(unit)
        assert money.waive(unit, desk, fee, 201) is None
        assert money.waive(unit, desk, fee, 50) is not None
        assert left(stand, unit)["OVERDUE"] == 150
        assert money.waive(unit, desk, fee) is not None
        assert money.waive(unit, desk, fee) is None
        assert money.waive(unit, desk, 999_999) is None
        assert "OVERDUE" not in left(stand, unit)


def test_reversing_a_payment_once(stand: Stand) -> None:
    with stand.act() as unit:
        owe(stand, unit)
        desk, txn = stand.desk(unit), paid(stand, unit, 600).transaction_id
        assert txn is not None
        void = book.reverse(unit, desk, txn)
        assert void is not None
        assert left(stand, unit) == ALL
        assert book.reverse(unit, desk, txn) is None
        assert book.reverse(unit, desk, void) is None
        assert book.reverse(unit, desk, 999_999) is None
        assert [(line.account, -line.amount_minor, line.fee_id) for line in ledger.lines_of(unit, void)] == [
            (line.account, line.amount_minor, line.fee_id) for line in ledger.lines_of(unit, txn)
        ]


def test_an_overpayment_whose_credit_is_spent_is_not_reversed(stand: Stand) -> None:
    with stand.act() as unit:
        desk, patron = stand.desk(unit), stand.world.patrons["P1"]
        txn = paid(stand, unit, 100, accept_credit=True).transaction_id
        assert txn is not None
        money.refund_credit(unit, desk, patron, 60)
        assert book.reverse(unit, desk, txn) is None
        assert ledger.credit(unit, patron) == 40
