"""Kiosks that stored what they did: OF-50, OF-51, OX-9..OX-11, over the wire."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from sip2d.store import tables
from sip2d.store.executor import Store
from tests.offline.files import PARIS
from tests.rules.terminal import Kiosk
from tests.support.databases import Databases
from tests.support.desks import prepare
from tests.support.library import NOW, add, add_hold, add_loan, seconds

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class _TakenBack(Exception):
    """Ends a test's transaction."""


@pytest.fixture
def kiosk(databases: Databases) -> Iterator[Kiosk]:
    """A kiosk at the small library, on each database."""
    with (
        Store.open(databases.fresh(prepare)) as store,
        suppress(_TakenBack),
        store.unit("kiosk") as unit,
    ):
        yield Kiosk(unit)
        raise _TakenBack


def queued(kiosk: Kiosk) -> list[tuple[str, str, str, str, int]]:
    return [
        (row["source"], row["code"], row["item_barcode"], row["patron_barcode"], row["happened_at"])
        for row in kiosk.rows(tables.offline_exception)
    ]


STORED = {
    "PATRON_UNKNOWN": ("11NY{at}{due}AOMAIN|AAP-NOBODY|ABI3|AC|", "I3", "P-NOBODY", HOUR),
    "ITEM_UNKNOWN": ("11NY{at}{due}AOMAIN|AAP1|ABI-NO|AC|", "I-NO", "P1", HOUR),
    "ITEM_UNKNOWN of a return": ("09Y{at}{at}AP|AOMAIN|ABI-NO|AC|", "I-NO", "", HOUR),
    "NEWER_LOAN": ("11NY{at}{due}AOMAIN|AAP2|ABI1|AC|", "I1", "P2", 30 * DAY),
    "RETURN_BEFORE_LOAN": ("09Y{at}{at}AP|AOMAIN|ABI1|AC|", "I1", "", 30 * DAY),
    "NOT_ON_LOAN": ("09Y{at}{at}AP|AOMAIN|ABI5|AC|", "I5", "", HOUR),
    "HOLD_CONFLICT": ("11NY{at}{due}AOMAIN|AAP1|ABI3|AC|", "I3", "P1", HOUR),
    "STALE": ("11NY{at}{due}AOMAIN|AAP1|ABI4|AC|", "I4", "P1", 31 * DAY),
    "ITEM_NOT_ON_LOAN": ("29NY{at}{due}AOMAIN|AAP1|ABI5|AC|", "I5", "P1", HOUR),
}


@pytest.mark.parametrize("case", STORED)
def test_of51_what_a_kiosk_stored_and_a_person_must_look_at(kiosk: Kiosk, case: str) -> None:
    """OF-50: once, however often it is sent again; what is in order leaves nothing."""
    frame, item, patron, ago = STORED[case]
    kiosk.given("loan I1 P1")
    kiosk.change(lambda core, world: add_hold(core, world, world.patrons["P2"], "T2", status="ON_SHELF",
                                              filled_item_id=world.items["I3"]))  # fmt: skip
    kiosk.stored_checkout("P1", "I6", kiosk.at(HOUR))
    assert queued(kiosk) == []
    for _ in range(2):
        kiosk.said(frame.replace("{at}", kiosk.at(ago)).replace("{due}", kiosk.at(-DAY)))
    source = f"sip2:{kiosk.rows(tables.terminal)[0]['name']}"
    assert queued(kiosk) == [(source, case.split()[0], item, patron, seconds(kiosk.now - ago))]


def test_of51_on_line_refusals_are_no_exceptions(kiosk: Kiosk) -> None:
    """Nor are those of a bulk renewal, which has a report of its own."""
    kiosk.checkout("P-NOBODY", "I1")
    kiosk.checkin("I-NO")
    with kiosk.standing_at("CENTRAL", purpose="bulk"):
        kiosk.stored_renew("P1", "I5", "20260501    120000")
    assert queued(kiosk) == []


def test_ox9_and_ox10_where_off_line_is_disabled(kiosk: Kiosk) -> None:
    """OX-9, OX-10, D-4: 120 with OFFLINE_DISABLED; 101, a return like any other, at the time it arrives."""
    kiosk.given("message CENTRAL OFFLINE_MODE DISABLED", "loan I1 P1")
    refused = kiosk.stored_checkout("P1", "I3", kiosk.at(HOUR))
    assert (refused.fixed[:3], refused.af) == ("120", ["Offline transactions are not enabled here."])
    assert kiosk.stored_checkin("I1", kiosk.at(HOUR)).fixed[:3] == "101"
    (loan,) = kiosk.rows(tables.loan)
    assert (loan["status"], loan["closed_at"]) == ("CLOSED", seconds(NOW))


def test_ox11_a_late_stored_return_is_fined_until_it_happened(kiosk: Kiosk) -> None:
    """OX-11: due 2 March, returned 6 March, heard of on 9 March: four days at 0.25."""
    due = datetime(2026, 3, 2, 23, 59, tzinfo=PARIS)
    kiosk.change(lambda core, world: add_loan(core, world, world.items["I1"], world.patrons["P1"],
                                              loaned_at=due - 28 * DAY, due_at=due))  # fmt: skip
    kiosk.change(
        lambda core, world: add(
            core, tables.setting, scope="INSTITUTION", scope_id=world.institutions["MAIN"],
            key="finesMode", value="production",
        )
    )  # fmt: skip
    kiosk.rule("fine_amount", "0.25")
    assert kiosk.stored_checkin("I1", "20260306    100000").fixed[2] == "1"
    (fee,) = kiosk.rows(tables.fee)
    assert (fee["kind"], kiosk.rows(tables.fee_balance)[0]["outstanding_minor"]) == ("OVERDUE", 100)
