"""Memberships at the desk: what makes a bill, what makes a membership of it, and what becomes of those who
have none when a policy goes (MB-5..MB-17).

Everything here is an act of the patron's own institution (MB-7): others are refused.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from sip2d.desk import book, subjects
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import PatronFacts
from sip2d.policy.membership import MembershipPolicy, Status, expires_on
from sip2d.policy.settings import PolicyRemoved
from sip2d.store import memberships, patrons
from sip2d.store.library import Library
from sip2d.store.unit import Unit

AUDITED: Final = "membership"
"""The entity of audit rows about memberships; their entity id is the patron's."""


class MembershipOutcome(msgspec.Struct, frozen=True):
    """What came of an update: a bill (``fee_id``), or a membership that begins now with its last day. Without
    ``done`` the reason why not."""

    done: bool
    reason: Reason | None = None
    fee_id: int | None = None
    expires_on: date | None = None


def _not_done(code: str) -> MembershipOutcome:
    return MembershipOutcome(False, Reason(code=code, denies=Action.NONE, scenario="REFUSED"))


NOT_HOME_INSTITUTION: Final = _not_done("NOT_HOME_INSTITUTION")
NOT_IN_FUTURE: Final = _not_done("MEMBERSHIP_DATE_NOT_IN_FUTURE")
NO_POLICY: Final = _not_done("MEMBERSHIP_NOT_REQUIRED")
NOT_UNKNOWN: Final = _not_done("MEMBERSHIP_NOT_UNKNOWN")
NONE_TO_RENEW: Final = _not_done("MEMBERSHIP_NONE_TO_RENEW")
BILL_OPEN: Final = _not_done("MEMBERSHIP_BILL_OPEN")
NOT_FROZEN: Final = _not_done("MEMBERSHIP_NOT_FROZEN")


def policy_of(library: Library, who: PatronFacts) -> MembershipPolicy | None:
    """The policy of the patron's type."""
    policy_id = library.patron_types[who.type_id].membership_policy_id
    return None if policy_id is None else library.membership_policies[policy_id]


def patron_added(unit: Unit, desk: Desk, patron_id: int) -> int | None:
    """A patron was made: the bill, if his type takes a membership (MB-11); its fee, None without one."""
    who = _patron(unit, desk, patron_id)
    policy = policy_of(desk.library, who)
    if policy is None or who.deleted or _status(desk, who) in (Status.ACTIVE, Status.FEE_DUE):
        return None
    return _bill(unit, desk, who, policy).fee_id


def type_changed(unit: Unit, desk: Desk, patron_id: int) -> int | None:
    """The same for a patron whose type is another one now; an active membership goes on (D-11)."""
    return patron_added(unit, desk, patron_id)


def update_existing(unit: Unit, desk: Desk, patron_id: int, last_day: date) -> MembershipOutcome:
    """Status UNKNOWN, and staff know of a membership that was paid for elsewhere: no bill (MB-13)."""
    who = _patron(unit, desk, patron_id)
    if who.institution_id != desk.institution.id:
        return NOT_HOME_INSTITUTION
    if _status(desk, who) is not Status.UNKNOWN:
        return NOT_UNKNOWN
    if last_day <= desk.now.astimezone(desk.institution.zone).date():
        return NOT_IN_FUTURE
    policy = policy_of(desk.library, who)
    _begin(unit, desk, who, memberships.STAFF_EXISTING, last_day, policy.id if policy else None, None)
    return MembershipOutcome(True, expires_on=last_day)


def update_new(unit: Unit, desk: Desk, patron_id: int) -> MembershipOutcome:
    """Status UNKNOWN, and the patron takes a membership: the bill of the policy (MB-14)."""
    who = _patron(unit, desk, patron_id)
    if who.institution_id != desk.institution.id:
        return NOT_HOME_INSTITUTION
    status, policy = _status(desk, who), policy_of(desk.library, who)
    if status is Status.FEE_DUE:
        return BILL_OPEN
    if status is not Status.UNKNOWN:
        return NOT_UNKNOWN
    return NO_POLICY if policy is None else _bill(unit, desk, who, policy)


def renew(unit: Unit, desk: Desk, patron_id: int) -> MembershipOutcome:
    """The next bill of a member, lapsed or not yet (MB-17); an expiry that is shown stays (S2:91)."""
    who = _patron(unit, desk, patron_id)
    if who.institution_id != desk.institution.id:
        return NOT_HOME_INSTITUTION
    policy = policy_of(desk.library, who)
    if policy is None:
        return NO_POLICY
    if who.membership_owed_minor:
        return BILL_OPEN
    if who.membership_expires_on is None:
        return NONE_TO_RENEW
    return _bill(unit, desk, who, policy)


def release(unit: Unit, desk: Desk, patron_id: int) -> MembershipOutcome:
    """Unblock a patron who was left blocked when the policy was removed (MB-8)."""
    who = _patron(unit, desk, patron_id)
    if who.institution_id != desk.institution.id:
        return NOT_HOME_INSTITUTION
    if not who.membership_frozen:
        return NOT_FROZEN
    _thaw(unit, desk, who)
    return MembershipOutcome(True, expires_on=who.membership_expires_on)


def settled(unit: Unit, desk: Desk, patron_id: int, fee_ids: Iterable[int]) -> None:
    """Fees were brought to nothing by payments and waivers: of a membership's bill comes the membership, from
    this moment on (MB-3, MB-15).

    A bill makes one membership at most: debt that a refund brought back buys no second one (D-12).
    """
    for fee_id in fee_ids:
        if not memberships.settled_fee(unit, fee_id, patron_id):
            continue
        who = _patron(unit, desk, patron_id)
        bill = memberships.bill_of(unit, fee_id)
        sold = bill or policy_of(desk.library, who)  # a fee that staff raised by hand: by today's policy
        if sold is None:
            continue
        zone = desk.library.institutions[who.institution_id].zone
        last_day = expires_on(desk.now, sold.period, sold.period_unit, zone)
        policy_id = sold.id if isinstance(sold, MembershipPolicy) else sold.policy_id
        _begin(unit, desk, who, memberships.BILL, last_day, policy_id, fee_id)
        if who.membership_frozen:
            _thaw(unit, desk, who)


def policy_attached(unit: Unit, type_id: int) -> int:
    """A patron type takes a membership from now on; how many of its patrons had been left blocked by an older
    policy: they are asked like everybody now (MB-10)."""
    return memberships.thaw_type(unit, type_id)


def policy_removed(unit: Unit, desk: Desk, type_id: int) -> int:
    """A patron type takes none any more: who has none stays blocked where the institution wants it; how many
    (MB-8, D-10). Bills stay as they are."""
    if desk.settings.on_policy_removed is PolicyRemoved.UNBLOCK:
        return 0
    return memberships.freeze_type(unit, type_id, desk.now.astimezone(desk.institution.zone).date())


def _bill(unit: Unit, desk: Desk, who: PatronFacts, policy: MembershipPolicy) -> MembershipOutcome:
    """The bill of a policy (MB-19); what costs nothing is settled at once (D-9)."""
    if policy.fee_minor == 0:
        zone = desk.library.institutions[who.institution_id].zone
        last_day = expires_on(desk.now, policy.period, policy.period_unit, zone)
        _begin(unit, desk, who, memberships.BILL, last_day, policy.id, None)
        return MembershipOutcome(True, expires_on=last_day)
    fee_id = book.raise_fee(unit, desk, who.id, "MEMBERSHIP", policy.fee_minor, policy.bill_reason)
    memberships.add_bill(unit, fee_id, who.id, policy, desk.now)
    return MembershipOutcome(True, fee_id=fee_id)


def _begin(
    unit: Unit,
    desk: Desk,
    who: PatronFacts,
    origin: str,
    last_day: date,
    policy_id: int | None,
    fee_id: int | None,
) -> None:
    memberships.add(
        unit, who.id, origin=origin, activated_at=desk.now, expires_on=last_day, policy_id=policy_id,
        fee_id=fee_id, created_by=desk.actor,
    )  # fmt: skip
    after = {"origin": origin, "expires_on": last_day.isoformat(), "fee": fee_id}
    audited(unit, desk, AUDITED, who.id, "ACTIVATE", None, after)


def _thaw(unit: Unit, desk: Desk, who: PatronFacts) -> None:
    memberships.set_frozen(unit, who.id, frozen=False)
    audited(unit, desk, AUDITED, who.id, "RELEASE", {"membership_frozen": True}, {"membership_frozen": False})


def _patron(unit: Unit, desk: Desk, patron_id: int) -> PatronFacts:
    """Locked, so that nobody gets two bills at a time."""
    who = patrons.by_id(unit, patron_id, desk.now)
    assert who is not None
    return who


def _status(desk: Desk, who: PatronFacts) -> Status:
    return subjects.membership(desk.library, who, desk.now)
