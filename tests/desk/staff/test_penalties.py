"""Penalties taken off for a time (BR-12), against every place of the matrix."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sip2d.desk.staff import penalties, rules
from sip2d.desk.staff.work import Denied, Refused
from sip2d.policy.terms import BlockUnit, Terms
from sip2d.store.records import Record
from tests.desk.staff.office import CLERK, Office
from tests.support.databases import Databases
from tests.support.desks import opened, prepare
from tests.support.library import NOW

UNTIL = NOW + timedelta(days=10)
PENALTIES = [
    {"fine_amount": "0.25", "overdue_block_unit": "WHOLE_DAYS"},
    {"fine_amount": "0.50", "branch_name": "NORTH"},
    {"fine_amount": "0.75", "branch_name": "NORTH", "item_type": "BOOK", "overdue_block_unit": "MONTHS"},
    {"fine_amount": "1.00", "patron_type": "CHILD"},
    {"fine_amount": "1.25", "patron_type": "CHILD", "item_type": "DVD"},
]


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    """Staff of the small library, MAIN with penalties at several places."""
    with opened(databases.fresh(prepare)) as room:
        office = Office(room)
        for row in PENALTIES:
            place: dict[str, Any] = {
                key: value for key, value in row.items() if not key.startswith(("fine", "overdue"))
            }
            for name in ("fine_amount", "overdue_block_unit"):
                if name in row:
                    office.do(lambda work: rules.add(work, name, row[name], institution_code="MAIN", **place))  # noqa: B023  # called at once
        yield office


Place = tuple[str, str, str]


def terms(office: Office, at: Any) -> dict[Place, Terms]:
    """What is in force at every place that lends."""
    library, main = office.library, office.room.world.institutions["MAIN"]
    found = {}
    for branch in library.branches.values():
        for patron in library.patron_types.values():
            for item in library.item_types.values():
                if branch.institution_id == patron.institution_id == item.institution_id == main:
                    lent = library.matrices[main].terms(branch.id, patron.id, item.id, at)
                    if lent is not None:
                        found[branch.code, patron.code, item.code] = lent
    return found


def detach(office: Office, **values: Any) -> list[Record]:
    values.setdefault("institution_code", "MAIN")
    return office.do(lambda work: penalties.detach(work, values.pop("until", UNTIL), **values))


SCOPES = [
    {},
    {"branch_name": "NORTH"},
    {"branch_name": "CENTRAL"},
    {"item_type": "BOOK"},
    {"patron_type": "CHILD"},
    {"branch_name": "NORTH", "patron_type": "CHILD", "item_type": "DVD"},
]


def _is_in(scope: dict[str, str], place: Place) -> bool:
    wanted = (scope.get("branch_name"), scope.get("patron_type"), scope.get("item_type"))
    return all(want in (None, has) for want, has in zip(wanted, place, strict=True))


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: ",".join(scope.values()) or "everywhere")
def test_br12_everywhere_in_the_scope_and_nowhere_else(office: Office, scope: dict[str, str]) -> None:
    """BR-12, CO-6: more specific rules do not win inside; afterwards all are in force again (CO-7)."""
    before = terms(office, NOW)
    detach(office, **scope)
    for place, now in terms(office, NOW).items():
        if _is_in(scope, place):
            assert (now.fine_amount, now.overdue_block_unit) == (None, BlockUnit.NONE), place
            assert now.detached_keeps_accrued is False
        else:
            assert now == before[place]
    assert terms(office, UNTIL) == before
    assert terms(office, NOW - timedelta(seconds=1)) == before


def test_br12_keep_accrued_from_a_later_moment(office: Office) -> None:
    later = NOW + timedelta(days=2)
    before = terms(office, NOW)
    detach(office, since=later, keep_accrued=True, branch_name="NORTH")
    assert terms(office, NOW) == before
    found = terms(office, later)
    assert found["NORTH", "ADULT", "BOOK"].fine_amount is None
    assert found["NORTH", "ADULT", "BOOK"].detached_keeps_accrued is True
    assert found["CENTRAL", "ADULT", "BOOK"].fine_amount == Decimal("0.25")
    assert found["CENTRAL", "ADULT", "BOOK"].detached_keeps_accrued is False


def test_twice_is_once_and_audited(office: Office) -> None:
    """GN-7; every daemon takes it up with its next request."""
    epoch = office.library.epoch
    first = detach(office)
    assert office.library.epoch > epoch
    count = len(office.audited)
    assert detach(office) == first
    assert len(office.audited) == count
    assert ("boss", "circulation_rule", "detach") in office.audited


def test_br12_ends_early_when_its_rules_are_removed(office: Office) -> None:
    before = terms(office, NOW)
    for row in detach(office, item_type="BOOK"):
        office.do(lambda work: rules.remove(work, row["id"]))  # noqa: B023  # called at once
    assert terms(office, NOW) == before


def test_br12_refuses_what_it_cannot_keep(office: Office) -> None:
    with pytest.raises(Refused, match="moment to come"):
        detach(office, until=NOW)
    with pytest.raises(Refused, match="moment to come"):
        detach(office, since=UNTIL)
    soon = NOW + timedelta(days=3)
    office.do(
        lambda work: rules.add(
            work, "fine_amount", "9", institution_code="MAIN", branch_name="CENTRAL", valid_from=soon
        )
    )
    with pytest.raises(Refused, match="begins within that time"):
        detach(office)
    with pytest.raises(Refused, match="from that moment on"):
        detach(office, since=soon, branch_name="CENTRAL")
    detach(office, until=soon)
    with pytest.raises(Denied):
        Office(office.room, CLERK).do(lambda work: penalties.detach(work, UNTIL, institution_code="MAIN"))
