"""JB-10: automatic renewals under the rules of a kiosk's (CO-13, LO-33, LO-34), on both databases."""

from datetime import datetime
from typing import Any

import pytest

from sip2d.jobs import auto_renew
from sip2d.jobs.runner import Outcome, Result, Runner
from sip2d.store import tables
from tests.desk.overdue import at, lent, rules
from tests.jobs.plans import Clock, library_of
from tests.jobs.test_fines import forget, setting
from tests.support.desks import Room
from tests.support.library import add_block, add_fee, add_hold, seconds

NIGHT = at(3, 9, 0, 20)
TODAY = at(3, 9, 23, 59)


def run(room: Room, as_of: datetime = NIGHT) -> Result:
    library = library_of(room.store)
    owner = library.institutions[room.world.institutions["MAIN"]]
    result = Runner(room.store, Clock(as_of), "test").run(library, auto_renew.JOB, owner, as_of)
    assert (result.outcome, result.error) == (Outcome.DONE, None)
    return result


def loan(room: Room, loan_id: int) -> dict[str, object]:
    (row,) = room.rows(tables.loan, id=loan_id)
    return row


def test_co13_what_is_due_today_and_wants_it(room: Room) -> None:
    """CO-13: by the loan's own wish or its terms'; due on this local date, no sooner and no later."""
    wanted = lent(room, due=TODAY, auto_renew=1)
    morning = lent(room, "I3", "P2", due=at(3, 9, 9), auto_renew=1)
    others = [
        lent(room, "I4", due=TODAY),
        lent(room, "I5", due=at(3, 10, 12), auto_renew=1),
        lent(room, "I6", due=at(3, 8, 23, 59), auto_renew=1),
    ]
    before = [loan(room, each) for each in others]
    result = run(room)
    assert result.tally.counters == {"renewed": 2}
    assert loan(room, wanted)["due_at"] == seconds(at(4, 6, 23, 59)) + 59
    assert loan(room, wanted)["renewal_count"] == 1
    assert loan(room, morning)["renewal_count"] == 1
    assert [loan(room, each) for each in others] == before
    last = room.rows(tables.loan_event)[-1]
    assert (last["kind"], last["interface"], last["event_at"]) == ("RENEW", "CRON", seconds(NIGHT))


def test_co13_by_the_terms(room: Room) -> None:
    wanted = lent(room, due=TODAY)
    rules(room, auto_renew="true")
    run(room)
    assert loan(room, wanted)["renewal_count"] == 1


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"hard_due_on": "2026-03-09", "hard_due_compare": "BEFORE"},
        {"loan_unit": "HOURS", "renewal_period": "4"},
    ],
    ids=["a month on", "to the same day's end", "four hours on"],
)
def test_pt8_a_due_date_is_renewed_once(room: Room, terms: dict[str, str]) -> None:
    """``AUTOREN|loan|due_at``: also where the renewed loan falls due on the same day."""
    wanted = lent(room, due=at(3, 9, 14), auto_renew=1)
    if "loan_unit" in terms:
        without(room, "loan_unit")
    rules(room, **terms)
    run(room)
    assert loan(room, wanted)["renewal_count"] == 1
    before = room.snapshot()
    forget(room)
    run(room)
    assert room.snapshot() == before


def without(room: Room, name: str) -> None:
    """No circulation rule of this name."""
    with room.unit() as unit:
        table = tables.circulation_rule
        unit.core.execute(table.delete().where(table.c.name == name))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("recalled", {"recalled_at": seconds(at(3, 1))}, "ITEM_RECALLED"),
    ("often enough", {"renewal_count": 2}, "RENEW_LIMIT"),
    ("account expired", {"patron": "P-EXPIRED"}, "PATRON_EXPIRED"),
    ("a rental costs", {"item": "I-DVD"}, "FEE_REQUIRED"),
]


@pytest.mark.parametrize(("case", "values", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_co13_refusals_are_counted_and_reported(
    room: Room, case: str, values: dict[str, Any], code: str
) -> None:
    refused = lent(room, due=TODAY, auto_renew=1, **values)
    before = room.snapshot()
    result = run(room)
    assert result.tally.counters == {"refused": 1, code: 1}
    (line,) = result.tally.report
    assert (line["loan"], line["refused"]) == (refused, code)
    assert room.snapshot() == before


def test_co13_needed_for_a_hold_and_blocked(room: Room) -> None:
    lent(room, due=TODAY, auto_renew=1)
    lent(room, "I3", "P2", due=TODAY, auto_renew=1)
    with room.unit() as unit:
        add_hold(unit.core, room.world, room.world.patrons["P2"], "T1")
        add_block(unit.core, room.world.patrons["P2"])
    counters = run(room).tally.counters
    assert counters == {"refused": 2, "ITEM_HELD": 1, "BLOCK:MANUAL": 1}


@pytest.mark.parametrize(("auto", "counters"), [
    ("allow", {"renewed": 1}),
    ("block", {"refused": 1, "auto_too_much_owing": 1}),
])  # fmt: skip
def test_lo34_what_is_owed_stops_automatic_renewals_only_where_it_says_so(
    room: Room, auto: str, counters: dict[str, int]
) -> None:
    """LO-34, LO-33: 5.01 owed, 5.00 allowed."""
    lent(room, due=TODAY, auto_renew=1)
    with room.unit() as unit:
        add_fee(unit.core, room.world, room.world.patrons["P1"], 501)
    setting(room, OPACFineNoRenewals="5.00", OPACFineNoRenewalsBlockAutoRenew=auto)
    assert run(room).tally.counters == counters


def test_lo34_strictly_more(room: Room) -> None:
    """LO-33: owing just the limit is allowed."""
    lent(room, due=TODAY, auto_renew=1)
    with room.unit() as unit:
        add_fee(unit.core, room.world, room.world.patrons["P1"], 500)
    setting(room, OPACFineNoRenewals="5.00", OPACFineNoRenewalsBlockAutoRenew="block")
    assert run(room).tally.counters == {"renewed": 1}
