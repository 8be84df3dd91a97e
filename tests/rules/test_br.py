"""Bulk renewals as a terminal for them asks for them (circulation.md 6.1), on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sip2d.store import batches as store
from sip2d.store import tables
from sip2d.store.batches import Batch
from tests.rules.terminal import Kiosk
from tests.support import library, penalties
from tests.support.library import NOW, seconds

BULK = "bulk-192.0.2.7"
DUE = "20260501   Z215959"
"""The first of May, at the end of the day in Paris."""
DUE_AT = 1_777_672_799


@pytest.fixture
def bulk(kiosk: Kiosk) -> Iterator[Kiosk]:
    """A session of a terminal for bulk renewals, of branch NORTH."""
    with kiosk.standing_at("NORTH", purpose="bulk", name=BULK):
        branch, terminal = kiosk.world.branches["NORTH"], kiosk.world.terminals["kiosk-north"]
        kiosk.batch = Batch(77, terminal, branch, BULK, kiosk.now)
        yield kiosk


def lent(kiosk: Kiosk, item: str, patron: str = "P1", **values: Any) -> None:
    kiosk.change(
        lambda core, world: library.add_loan(core, world, world.items[item], world.patrons[patron], **values)
    )


def late(kiosk: Kiosk, *, blocks: bool = False) -> None:
    """I1 is two days late, at 0.25 a day; the library blocks for late renewals, or not."""
    lent(kiosk, "I1", loaned_at=NOW - timedelta(days=30), due_at=NOW - timedelta(days=2))

    def policies(core: Any, world: Any) -> None:
        wanted = {"finesMode": "production", "overdue_block_on_renewal": str(blocks).lower()}
        for key, value in wanted.items():
            library.add(
                core, tables.setting, scope="INSTITUTION", scope_id=world.institutions["MAIN"], key=key,
                value=value,
            )  # fmt: skip
        penalties.define(core, world, ("LOAN",))
        penalties.set_terms(
            core, world, "BOOK",
            {"fine_amount": "0.25", "overdue_block_unit": "WHOLE_DAYS", "overdue_block_value": 5},
        )  # fmt: skip
        penalties.bump(core)

    kiosk.change(policies)


def batches(kiosk: Kiosk) -> list[tuple[object, ...]]:
    names = ("id", "terminal_id", "branch_id", "label", "renewed", "skipped", "failed")
    return [tuple(row[name] for name in names) for row in listed(kiosk)]


def listed(kiosk: Kiosk) -> list[dict[str, Any]]:
    """The batches as they are read, the newest first."""
    return store.batches(kiosk.unit, kiosk.world.institutions["MAIN"], None, None, 9)


def attempts(kiosk: Kiosk) -> list[tuple[object, ...]]:
    names = ("sequence", "patron_barcode", "item_barcode", "due_requested", "outcome", "code")
    return [tuple(row[name] for name in names) for row in kiosk.rows(tables.renewal_batch_item)]


def test_br_1_a_set_of_loans_gets_its_due_dates(bulk: Kiosk) -> None:
    """BR-1, BR-4: each row its own date, each row its own result, and no loan that was not named."""
    for item in ("I1", "I3", "I4"):
        lent(bulk, item)
    assert bulk.stored_renew("P1", "I1", DUE).fixed[2] == "1"
    assert bulk.stored_renew("P1", "I3", "20260601   Z215959").fixed[2] == "1"
    assert bulk.stored_renew("P2", "I4", DUE).fixed[2] == "0"
    dues = [row["due_at"] for row in bulk.rows(tables.loan)]
    assert dues == [DUE_AT, DUE_AT + 31 * 86400, seconds(NOW + timedelta(days=21))]


def test_br_11_a_late_renewal_tells_what_it_costs(bulk: Kiosk) -> None:
    """BT 04, BH, BV, AF; the fee is the patron's."""
    late(bulk)
    said = bulk.stored_renew("P1", "I1", DUE)
    assert (said.fixed[2], said["BT"], said["BH"], said["BV"]) == ("1", "04", "EUR", "0.50")
    assert said.af[0] == "Renewed; an overdue charge applies."
    assert bulk.rows(tables.user_block) == []
    (fee,) = bulk.rows(tables.fee_balance)
    assert (fee["patron_id"], fee["outstanding_minor"]) == (bulk.world.patrons["P1"], 50)


def test_br_11_a_late_renewal_that_suspends_tells_until_when(bulk: Kiosk) -> None:
    late(bulk, blocks=True)
    said = bulk.stored_renew("P1", "I1", DUE)
    (block,) = bulk.rows(tables.user_block)
    assert (said.fixed[2], block["patron_id"]) == ("1", bulk.world.patrons["P1"])
    assert said.af[0] == "Renewed; an overdue charge applies."
    assert said.af[1].startswith("Borrowing suspended until 2026-03-")
    assert said.af[2].startswith("Renewed until 2026-05-01")
    assert said.af[1] in str(bulk.rows(tables.renewal_batch_item)[0]["message"])


def test_br_15_the_branch_of_the_entry_is_the_branch_of_record(bulk: Kiosk) -> None:
    """The loan was made at CENTRAL, and keeps its own branch."""
    lent(bulk, "I1")
    bulk.stored_renew("P1", "I1", DUE)
    (event,) = bulk.rows(tables.loan_event, kind="RENEW")
    (loan,) = bulk.rows(tables.loan)
    north, central = bulk.world.branches["NORTH"], bulk.world.branches["CENTRAL"]
    assert (event["branch_id"], event["interface"], loan["branch_id"]) == (north, "BULK_RENEWAL", central)
    assert batches(bulk)[0][2] == north


def test_br_21_every_attempt_is_written_down_with_totals(bulk: Kiosk) -> None:
    lent(bulk, "I1")
    lent(bulk, "I3", recalled_at=seconds(NOW))
    lent(bulk, "I4", "P2")
    rows = [("P1", "I1"), ("P1", "I3"), ("P1", "I4"), ("P1", "I5"), ("P1", "nothing"), ("nobody", "I1")]
    results = []
    for patron, item in rows:
        bulk.stored_renew(patron, item, DUE)
        assert bulk.last is not None
        results.append(bulk.last.bulk)
    assert results == ["RENEWED", "SKIPPED", "SKIPPED", "SKIPPED", "FAILED", "FAILED"]
    terminal, north = bulk.world.terminals["kiosk-north"], bulk.world.branches["NORTH"]
    assert batches(bulk) == [(77, terminal, north, BULK, 1, 3, 2)]
    assert [(row["started_at"], row["last_at"]) for row in listed(bulk)] == [(seconds(NOW), seconds(NOW))]
    codes = ["OK", "ITEM_RECALLED", "ITEM_NOT_ON_LOAN_TO_PATRON", "ITEM_NOT_ON_LOAN", "ITEM_UNKNOWN",
             "PATRON_UNKNOWN"]  # fmt: skip
    assert attempts(bulk) == [
        (number, *row, DUE_AT, outcome, code)
        for number, (row, outcome, code) in enumerate(zip(rows, results, codes, strict=True), start=1)
    ]


def test_br_21_a_repeat_is_no_other_attempt_a_second_row_is(bulk: Kiosk) -> None:
    """SP-21: the same frame gets the recorded answer; BR-18: another frame for the same date is done."""
    lent(bulk, "I1")
    bulk.stored_renew("P1", "I1", DUE)
    assert bulk.last is not None
    assert (bulk.last.result, bulk.last.bulk) == ("ok", "RENEWED")
    bulk.stored_renew("P1", "I1", DUE)
    assert (bulk.last.result, bulk.last.bulk, len(attempts(bulk))) == ("repeat", "", 1)
    bulk.later(seconds=1)
    bulk.stored_renew("P1", "I1", DUE)
    assert [row[4] for row in attempts(bulk)] == ["RENEWED", "RENEWED"]


def test_br_21_two_sessions_are_two_batches(bulk: Kiosk) -> None:
    lent(bulk, "I1")
    lent(bulk, "I3")
    assert batches(bulk) == []  # made with the first attempt
    bulk.stored_renew("P1", "I1", DUE)
    assert bulk.batch is not None
    bulk.batch = msgspec.structs.replace(bulk.batch, id=78)
    bulk.stored_renew("P1", "I3", DUE)
    assert [(row[0], row[4]) for row in batches(bulk)] == [(78, 1), (77, 1)]  # the newest first


def test_br_21_no_other_session_writes_one(kiosk: Kiosk) -> None:
    lent(kiosk, "I1")
    assert kiosk.renew("P1", "I1").fixed[2] == "1"
    assert kiosk.last is not None
    assert (kiosk.last.bulk, batches(kiosk)) == ("", [])
