"""Memberships by staff's hand: policies, attachment, updates, proxies, discretion (MB-2, MB-5..MB-8, MB-11..
MB-18, MB-24, MB-28)."""

from functools import partial
from typing import Any

import pytest

from sip2d.desk.staff import (
    bills,
    circulation,
    imports,
    membership_policies,
    memberships,
    patrons,
    proxies,
    types,
)
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Denied, Refused, Work
from sip2d.store import epoch, tables
from sip2d.store.unit import Unit
from sip2d.vocabulary import StaffRole
from tests.desk.staff.office import CLERK, Office
from tests.support.desks import Room
from tests.support.members import add_membership, add_policy

PERSON = {"name": "New Person", "branch": "CENTRAL", "type": "ADULT"}


def policy(work: Work, name: str = "YEARLY", **values: Any) -> dict[str, Any]:
    """A policy of 30.00 a year."""
    said = {"fee": "30.00", "period": "1 year", "bill_reason": "Membership", **values}
    return membership_policies.save(work, name, institution_code="MAIN", new=True, **said)


def attach(work: Work, name: str = "YEARLY", code: str = "ADULT") -> dict[str, Any]:
    """`patron-type set CODE --membership-policy NAME`."""
    return types.save_patron_type(work, code, institution_code="MAIN", new=False, membership_policy=name)


@pytest.fixture
def office(room: Room) -> Office:
    """Where ADULT takes a membership."""
    office = Office(room)
    office.do(policy)
    office.do(attach)
    return office


def test_mb2_a_policy(room: Room) -> None:
    """Its parts, and what every daemon holds of it; a change leaves the rest alone."""
    office = Office(room)
    made = office.do(
        lambda work: policy(
            work,
            reminder_days="7, 30,7",
            templates={"bill_template": "MEMBERSHIP_BILL", "reminder_template": ""},
        )
    )
    assert (made["fee_minor"], made["period"], made["period_unit"]) == (3000, 1, "YEAR")
    assert (made["reminder_days"], made["bill_template"], made["reminder_template"]) == (
        [30, 7], "MEMBERSHIP_BILL", None,
    )  # fmt: skip
    office.do(
        lambda work: membership_policies.save(
            work, "YEARLY", institution_code="MAIN", new=False, period="18 months"
        )
    )
    (held,) = office.library.membership_policies.values()
    assert (held.fee_minor, held.period, held.period_unit.value, held.reminder_days) == (
        3000, 18, "MONTH", (30, 7),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"period": "0 days"}, "one day"),
        ({"period": "a year"}, "such as '1 year'"),
        ({"period": "101 years"}, "a hundred years"),
        ({"fee": "-1"}, "fee"),
        ({"fee": ""}, "--fee"),
        ({"reminder_days": "0"}, "1 to 366"),
        ({"reminder_days": "soon"}, "1 to 366"),
    ],
)
def test_mb2_nonsense_is_refused(room: Room, values: dict[str, str], said: str) -> None:
    """MB-2: a period shorter than a day, first of all."""
    with pytest.raises(Refused, match=said):
        Office(room).do(lambda work: policy(work, **values))
    assert room.rows(tables.membership_policy) == []


def test_mb6_attachment(office: Office) -> None:
    """At most one policy a type; a policy in use is neither disabled nor removed."""
    row = next(row for row in office.room.rows(tables.patron_type) if row["code"] == "ADULT")
    assert row["policy_attached_at"] is not None
    assert office.see(lambda work: membership_policies.show(work, "YEARLY", "MAIN"))["patron_types"] == [
        "ADULT"
    ]
    with pytest.raises(Refused, match="ADULT"):
        office.do(lambda work: membership_policies.remove(work, "YEARLY", "MAIN"))
    with pytest.raises(Refused, match="ADULT"):
        office.do(
            lambda work: membership_policies.save(
                work, "YEARLY", institution_code="MAIN", new=False, enabled=False
            )
        )
    office.do(lambda work: policy(work, "MONTHLY", period="1 month"))
    office.do(lambda work: attach(work, "MONTHLY"))
    assert office.see(lambda work: membership_policies.show(work, "YEARLY", "MAIN"))["patron_types"] == []
    office.do(lambda work: membership_policies.remove(work, "YEARLY", "MAIN"))
    with pytest.raises(Refused, match="YEARLY"):
        office.do(attach)


def test_mb8_detached_and_attached_again(office: Office) -> None:
    """MB-8, MB-10: whoever has none is left blocked; the bill stays and is found by the report; a policy that
    was sold by stays, disabled."""
    office.do(lambda work: memberships.update(work, "P1", existing=None, new=True, institution_code="MAIN"))
    office.do(lambda work: attach(work, ""))
    frozen = [row["barcode"] for row in office.room.rows(tables.patron) if row["membership_frozen"]]
    assert frozen == ["P1", "P2", "P-EXPIRED", "P-LOST"]
    found = office.see(
        lambda work: bills.report(work, reason="membership", outstanding=True, institution_code="MAIN")
    )
    assert [(row["patron"], row["outstanding_minor"]) for row in found] == [("P1", 3000)]
    office.do(lambda work: memberships.release(work, "P2", "MAIN"))
    assert office.see(lambda work: memberships.show(work, "P2", "MAIN"))["membership"] == "NOT_REQUIRED"
    with pytest.raises(Refused, match="MEMBERSHIP_NOT_FROZEN"):
        office.do(lambda work: memberships.release(work, "P2", "MAIN"))
    gone = office.do(lambda work: membership_policies.remove(work, "YEARLY", "MAIN"))
    assert gone["enabled"] is False
    with pytest.raises(Refused, match="disabled"):
        office.do(attach)
    office.do(lambda work: policy(work, "NEW"))
    office.do(lambda work: attach(work, "NEW"))
    assert not [row for row in office.room.rows(tables.patron) if row["membership_frozen"]]


def test_mb11_new_patrons_and_imports_are_billed(office: Office) -> None:
    """MB-11, D-11: added by hand, by a file, or given a type that takes a membership."""
    office.do(lambda work: patrons.add(work, "N1", PERSON, institution_code="MAIN"))
    office.do(lambda work: patrons.add(work, "N2", {**PERSON, "type": "NOLIMIT"}, institution_code="MAIN"))
    sheet = imports.read(
        "patron",
        b"barcode,name,branch,type\nN3,Three,NORTH,ADULT\nN2,New Person,CENTRAL,ADULT\n"
        b"P1,Anne Dupont,CENTRAL,ADULT\n",
    )
    office.do(lambda work: imports.load(work, sheet, institution_code="MAIN"))
    office.do(lambda work: patrons.change(work, "N1", {"phone": "1"}, institution_code="MAIN"))
    found = office.see(lambda work: memberships.listing(work, "MAIN", wanted="fee_due"))
    assert [(row["patron"], row["owed_minor"]) for row in found] == [("N1", 3000), ("N2", 3000), ("N3", 3000)]
    branches = {row["branch_id"] for row in office.room.rows(tables.ledger_txn)}
    assert branches == {office.room.world.branches[code] for code in ("CENTRAL", "NORTH")}


def update(work: Work, patron: str, existing: str | None = None) -> dict[str, Any]:
    """`membership update`."""
    return memberships.update(work, patron, existing=existing, new=existing is None, institution_code="MAIN")


def test_mb13_mb14_updates(office: Office) -> None:
    """MB-12..MB-14, MB-17; and what a person reads (MB-18)."""
    unknown = office.see(lambda work: patrons.show(work, "P1", "MAIN"))
    assert unknown["membership_status"].startswith("The membership status is unknown: update")
    found = office.do(lambda work: update(work, "P1", "2026-12-31"))
    assert found["membership_status"] == "The membership expires on 2026-12-31 23:59:59."
    assert [row["origin"] for row in found["memberships"]] == ["STAFF_EXISTING"]
    found = office.do(lambda work: update(work, "P2"))
    assert found["membership_status"] == "Fees must be paid to activate the membership: fee 1."
    with pytest.raises(Refused, match="MEMBERSHIP_NOT_UNKNOWN"):
        office.do(lambda work: update(work, "P1"))
    with pytest.raises(Refused, match="MEMBERSHIP_BILL_OPEN"):
        office.do(lambda work: update(work, "P2"))
    with pytest.raises(Refused, match="lies in the future"):
        office.do(lambda work: update(work, "P-LOST", "2026-03-09"))
    with pytest.raises(Refused, match="no date"):
        office.do(lambda work: update(work, "P-LOST", "tomorrow"))
    with pytest.raises(Refused, match="either"):
        office.do(lambda work: memberships.update(work, "P1", existing="2027-01-01", new=True))
    none = office.see(lambda work: patrons.show(work, "P-STAFF", "MAIN"))
    assert none["membership_status"] == "No membership is required."


def test_mb18_an_expired_member_and_his_next_bill(office: Office) -> None:
    """MB-17, MB-18: the old day is shown while the new bill is open (S2:91)."""
    office.room.do(lambda unit: add_membership(unit.core, office.room.world.patrons["P1"], "2026-02-28"))
    found = office.see(lambda work: patrons.show(work, "P1", "MAIN"))
    assert found["membership_status"].startswith("The membership expired on 2026-02-28 23:59:59")
    found = office.do(lambda work: memberships.renew(work, "P1", "MAIN"))
    assert (found["membership"], found["membership_expires_on"]) == ("FEE_DUE", "2026-02-28")


def test_mb7_not_home_institution(room: Room) -> None:
    """MB-7: staff who see the group's patron may not update him."""
    office = Office(room)

    def make(unit: Unit) -> None:
        add_policy(unit.core, room.world, "O-ADULT", institution="OTHER")
        epoch.bump(unit)

    room.do(make)
    with pytest.raises(Refused, match="NOT_HOME_INSTITUTION"):
        office.do(lambda work: update(work, "O1"))
    found = office.do(
        lambda work: memberships.update(work, "O1", existing=None, new=True, institution_code="OTHER")
    )
    assert found["membership"] == "FEE_DUE"


@pytest.mark.parametrize("role", sorted(set(StaffRole) - {StaffRole.PATRON, StaffRole.SYSTEM}))
def test_mb16_every_circulation_role_updates(office: Office, role: StaffRole) -> None:
    """MB-16: student workers too; nobody else does."""
    one = Staff(7, "one", frozenset({role.value}))
    assert (
        Office(office.room, one).do(lambda work: update(work, "P1", "2027-01-01"))["membership"] == "ACTIVE"
    )


def test_mb16_who_has_no_role_does_not(office: Office) -> None:
    with pytest.raises(Denied):
        Office(office.room, Staff(7, "none", frozenset())).do(lambda work: update(work, "P1"))
    student = Staff(8, "student", frozenset({StaffRole.STUDENT_WORKER.value}))
    with pytest.raises(Denied):
        Office(office.room, student).do(lambda work: memberships.release(work, "P1", "MAIN"))


@pytest.mark.parametrize("staff", [CLERK, Staff(9, "few", frozenset({"CIRC_DESK_OPERATOR_LIMITED"}))])
def test_mb28_staff_lend_and_renew_at_their_discretion(office: Office, staff: Staff) -> None:
    """MB-28: override ALL, recorded with what was set aside."""
    desk = Office(office.room, staff)
    desk.do(lambda work: circulation.lend_item(work, "P1", "I1", institution_code="MAIN"))
    desk.do(lambda work: circulation.renew_item(work, "I1", institution_code="MAIN"))
    assert [row["bypassed"] for row in office.room.rows(tables.loan_event)] == ['["MEMBERSHIP_UNKNOWN"]'] * 2
    assert [act for act in desk.audited if act[2] == "BYPASS"] == [(staff.login, "item", "BYPASS")] * 2


def proxy(work: Work, *, barcode: str, patron: str, holder: str | None) -> dict[str, Any]:
    """`proxy add`."""
    return proxies.add(work, barcode, patron, holder=holder, institution_code="MAIN")


def test_mb24_proxy_cards(room: Room) -> None:
    """Added, changed, removed; no barcode stands for two; nobody is his own proxy."""
    office = Office(room)
    made = office.do(lambda work: proxies.add(work, "X1", "P1", holder="P2", institution_code="MAIN"))
    assert (made["patron"], made["holder"], made["enabled"]) == ("P1", "P2", True)
    for barcode, patron, holder, said in (
        ("X1", "P1", None, "proxy card"),
        ("P2", "P1", None, "patron 'P2'"),
        ("ALT-P1", "P1", None, "identifies"),
        ("X2", "P1", "P1", "own proxy"),
        ("X2", "P1", "NOBODY", "no patron"),
    ):
        with pytest.raises(Refused, match=said):
            office.do(partial(proxy, barcode=barcode, patron=patron, holder=holder))
    with pytest.raises(Refused, match="proxy card"):
        office.do(lambda work: patrons.add(work, "X1", PERSON, institution_code="MAIN"))
    changed = office.do(
        lambda work: proxies.change(
            work, "X1", holder="", expires_on="2026-12-31", enabled=False, institution_code="MAIN"
        )
    )
    assert (changed["holder"], changed["expires_on"], changed["enabled"]) == (None, "2026-12-31", False)
    assert office.see(lambda work: proxies.listing(work, "MAIN", patron="P1")) == [changed]
    office.do(lambda work: proxies.remove(work, "X1", "MAIN"))
    assert office.see(lambda work: proxies.listing(work, "MAIN")) == []
    assert [act for act in office.audited if act[1] == "proxy_card"] == [
        ("boss", "proxy_card", act) for act in ("add", "set", "remove")
    ]
