"""The ledger itself: double entry, append-only (GN-4), and re-derivable balances (PT-3, PT-4)."""

import contextlib
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from sqlalchemy import Table, delete, func, select, update

from sip2d.desk import book
from sip2d.desk import pay as money
from sip2d.store import ledger
from sip2d.store.ledger import Entry, LedgerError, Posting
from sip2d.store.tables import audit_log, fee_balance, ledger_posting, ledger_txn, patron_credit
from sip2d.store.unit import CONFLICTS, Unit
from tests.desk.stand import Stand, opened
from tests.support import library
from tests.support.databases import Databases
from tests.support.library import NOW


@pytest.fixture
def stand(databases: Databases) -> Iterator[Stand]:
    with opened(databases) as stand:
        yield stand


class Undone(Exception):
    """Ends an example; its unit rolls back."""


AMOUNTS = st.integers(1, 500)
STEPS = st.one_of(
    st.tuples(st.just("fee"), st.sampled_from(["OVERDUE", "MANUAL", "RENTAL"]), AMOUNTS),
    st.tuples(st.just("pay"), st.booleans(), AMOUNTS),
    st.tuples(st.just("write off"), st.just(None), AMOUNTS),
    st.tuples(st.just("waive"), st.integers(0, 5), AMOUNTS),
    st.tuples(st.just("reverse"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("refund"), st.just(None), AMOUNTS),
    st.tuples(st.just("spend"), st.just(None), st.just(0)),
)


def step(stand: Stand, unit: Unit, what: str, which: object, amount: int, fees: list[int]) -> None:
    desk, patron = stand.desk(unit, accept_credit=which is True), stand.patron(unit, "P1")
    if what == "fee":
        fees.append(book.raise_fee(unit, desk, patron.id, str(which), amount))
    elif what in ("pay", "write off"):
        money.pay(unit, desk, patron, amount_minor=amount, write_off=what == "write off")
    elif what == "waive" and fees:
        money.waive(unit, desk, fees[int(str(which)) % len(fees)], amount)
    elif what == "reverse":
        txns = unit.core.scalars(select(ledger_txn.c.id).order_by(ledger_txn.c.id)).all()
        if txns:
            book.reverse(unit, desk, txns[int(str(which)) % len(txns)])
    elif what == "refund":
        money.refund_credit(unit, desk, patron.id, amount)
    elif what == "spend":
        book.spend_credit(unit, desk, patron.id)


def proved(stand: Stand, unit: Unit) -> None:
    """Every sum of PT-3, from the postings alone."""
    core, patron = unit.core, stand.world.patrons["P1"]
    total = func.sum(ledger_posting.c.amount_minor)
    assert core.execute(select(total).group_by(ledger_posting.c.txn_id).having(total != 0)).all() == []
    receivable = dict(
        core.execute(
            select(ledger_posting.c.fee_id, total)
            .where(ledger_posting.c.account == "AR")
            .group_by(ledger_posting.c.fee_id)
        ).all()
    )  # fmt: skip
    kept = dict(core.execute(select(fee_balance.c.fee_id, fee_balance.c.outstanding_minor)).all())
    assert {fee: int(owed) for fee, owed in receivable.items()} == kept
    assert min(kept.values(), default=0) >= 0
    credit = core.scalar(select(total).where(ledger_posting.c.account == "CREDIT")) or 0
    assert ledger.credit(unit, patron) == -credit >= 0
    facts = stand.patron(unit, "P1")
    assert facts.owed_minor == sum(kept.values())
    assert facts.owed_minor == sum(fee.outstanding_minor for fee in ledger.outstanding(unit, patron))
    assert facts.fee_count == len(ledger.outstanding(unit, patron))


def test_pt_3_balances_follow_from_the_postings(stand: Stand) -> None:
    @settings(max_examples=15)
    @given(steps=st.lists(STEPS, max_size=12))
    def run(steps: list[tuple[str, object, int]]) -> None:
        with contextlib.suppress(Undone), stand.act() as unit:
            fees: list[int] = []
            for what, which, amount in steps:
                step(stand, unit, what, which, amount, fees)
                proved(stand, unit)
            raise Undone

    run()


def entry(stand: Stand, kind: str = "CHARGE") -> Entry:
    return Entry(
        kind=kind,
        at=NOW,
        patron_id=stand.world.patrons["P1"],
        actor="test",
        interface="STAFF",
        branch_id=stand.world.branches["CENTRAL"],
        currency="EUR",
    )


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Posting("CASH", 1)],
        [Posting("CASH", 2), Posting("CREDIT", -1)],
        [Posting("CREDIT", 1), Posting("CASH", -1)],
        [Posting("AR", 1), Posting("CASH", -1)],
        [Posting("AR", 1, 999_999), Posting("CASH", -1)],
    ],
)
def test_what_no_ledger_may_hold(stand: Stand, lines: list[Posting]) -> None:
    """Nothing, an open sum, credit below zero, a receivable without a fee."""
    with stand.act() as unit, pytest.raises(LedgerError):
        ledger.post(unit, entry(stand), lines)


def test_a_fee_is_never_paid_below_zero_nor_by_anothers_transaction(stand: Stand) -> None:
    with stand.act() as unit:
        mine = library.add_fee(unit.core, stand.world, stand.world.patrons["P1"], 100)
        other = library.add_fee(unit.core, stand.world, stand.world.patrons["P2"], 100)
        for fee, amount in ((mine, 101), (other, 50)):
            with pytest.raises(LedgerError):
                ledger.post(unit, entry(stand, "PAY"), [Posting("CASH", amount), Posting("AR", -amount, fee)])


@pytest.mark.parametrize(
    ("table", "column"),
    [(ledger_txn, "actor"), (ledger_posting, "account"), (audit_log, "actor")],
    ids=["ledger_txn", "ledger_posting", "audit_log"],
)
@pytest.mark.parametrize("act", ["update", "delete"])
def test_gn_4_pt_4_rows_never_change(stand: Stand, table: Table, column: str, act: str) -> None:
    with stand.act() as unit:
        book.raise_fee(unit, stand.desk(unit), stand.world.patrons["P1"], "MANUAL", 100)
    statement = update(table).values({column: "other"}) if act == "update" else delete(table)
    with pytest.raises(CONFLICTS), stand.act() as unit:
        unit.core.execute(statement)


def test_gn_7_money_leaves_an_audit_row(stand: Stand) -> None:
    with stand.act() as unit:
        book.raise_fee(unit, stand.desk(unit), stand.world.patrons["P1"], "MANUAL", 100)
        row = unit.core.execute(select(audit_log)).one()
        assert (row.entity, row.action, row.actor) == ("ledger_txn", "CHARGE", "kiosk-central")
        assert unit.core.scalar(select(func.count()).select_from(patron_credit)) == 0
