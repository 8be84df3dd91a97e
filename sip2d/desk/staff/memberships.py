"""Memberships of patrons by staff's hand: what there is, updates, renewals, release (MB-12..MB-18)."""

from datetime import date
from typing import Final

import msgspec

from sip2d.desk import membership, subjects
from sip2d.desk.membership import MembershipOutcome
from sip2d.desk.place import Desk
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.facts import PatronFacts
from sip2d.policy.membership import Status, valid_until
from sip2d.policy.membership import status as derived
from sip2d.store import ledger, member_lists, memberships
from sip2d.store.library import Institution
from sip2d.store.records import Record

SENTENCES: Final[dict[Status, str]] = {
    Status.NOT_REQUIRED: "No membership is required.",
    Status.ACTIVE: "The membership expires on {until}.",
    Status.FEE_DUE: "Fees must be paid to activate the membership: fee {fees}.",
    Status.UNKNOWN: "The membership status is unknown: update it with `sip2d membership update`.",
    Status.EXPIRED: "The membership expired on {until}: `sip2d membership renew` makes the next bill.",
}
"""What stands at the top of a patron's record (MB-18)."""

WHY_NOT: Final[dict[str, str]] = {
    "NOT_HOME_INSTITUTION": "only staff of the patron's own institution may do that",
    "MEMBERSHIP_DATE_NOT_IN_FUTURE": "the last day of the membership lies in the future",
    "MEMBERSHIP_NOT_REQUIRED": "the patron type takes no membership",
    "MEMBERSHIP_NOT_UNKNOWN": "the membership status is not unknown",
    "MEMBERSHIP_NONE_TO_RENEW": "there is no membership to renew: use `membership update`",
    "MEMBERSHIP_BILL_OPEN": "a membership bill is open: it is paid or waived first",
    "MEMBERSHIP_NOT_FROZEN": "the patron is not blocked by a policy that was removed",
}


def status(work: Work, who: PatronFacts) -> Record:
    """How a patron stands: the status, its sentence, the last day and what is owed. FEE_DUE names the bill,
    and shows when the previous membership ended (MB-18)."""
    owner = work.library.institutions[who.institution_id]
    found = subjects.membership(work.library, who, work.now)
    last = who.membership_expires_on
    until = (
        "" if last is None else f"{valid_until(last, owner.zone).astimezone(owner.zone):%Y-%m-%d %H:%M:%S}"
    )
    fees = [str(fee.fee_id) for fee in ledger.outstanding(work.unit, who.id) if fee.kind == "MEMBERSHIP"]
    return {
        "membership": found.value,
        "membership_status": SENTENCES[found].format(until=until, fees=", ".join(fees)),
        "membership_expires_on": None if last is None else last.isoformat(),
        "membership_owed_minor": who.membership_owed_minor,
    }


def show(work: Work, patron: str, institution_code: str | None = None) -> Record:
    """A patron's status and every membership he had, the latest first."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    who = counter.patron(work, owner, patron)
    policy = membership.policy_of(work.library, who)
    return {
        "institution": owner.code,
        "patron": who.barcode,
        "name": who.name,
        "policy": policy.name if policy else None,
        **status(work, who),
        "frozen": who.membership_frozen,
        "memberships": [
            {
                "id": each.id,
                "origin": each.origin,
                "activated_at": each.activated_at.isoformat(),
                "expires_on": each.expires_on.isoformat(),
                "fee": each.fee_id,
            }
            for each in memberships.history(work.unit, who.id)
        ],
    }


def listing(
    work: Work, institution_code: str | None = None, *, wanted: str | None = None, limit: int = 100
) -> list[Record]:
    """Patrons with a membership or of whom one is asked, by barcode; of one status only with ``wanted``."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    if wanted is not None and wanted.upper() not in Status.__members__:
        raise find.missing("membership status", wanted.upper(), Status.__members__)
    only = None if wanted is None else Status[wanted.upper()]
    today = work.now.astimezone(owner.zone).date()
    rows: list[Record] = []
    for row in member_lists.members(work.unit, owner.id):
        last = row["expires_on"]
        found = derived(
            last_day=None if last is None else date.fromisoformat(last),
            required=bool(row.pop("required")),
            owed_minor=row["owed_minor"],
            today=today,
        )
        if only in (None, found):
            rows.append({**row, "membership": found.value})
        if len(rows) == limit:
            break
    return rows


def update(
    work: Work, patron: str, *, existing: str | None, new: bool, institution_code: str | None = None
) -> Record:
    """Say of a patron whose status is unknown that he has a membership until a day, or takes a new one."""
    if (existing is not None) is new:
        raise Refused("Say either --existing DATE or --new.")
    owner, desk, who = _subject(work, patron, institution_code)
    if existing is None:
        done = membership.update_new(work.unit, desk, who.id)
    else:
        done = membership.update_existing(work.unit, desk, who.id, _day(existing))
    return _done(work, owner, who, done)


def renew(work: Work, patron: str, institution_code: str | None = None) -> Record:
    """Make the bill of a member's next period (MB-17)."""
    owner, desk, who = _subject(work, patron, institution_code)
    return _done(work, owner, who, membership.renew(work.unit, desk, who.id))


def release(work: Work, patron: str, institution_code: str | None = None) -> Record:
    """Unblock a patron whom a removed policy left blocked (MB-8)."""
    owner, desk, who = _subject(work, patron, institution_code, Act.EDIT_PATRONS)
    return _done(work, owner, who, membership.release(work.unit, desk, who.id))


def _subject(
    work: Work, patron: str, institution_code: str | None, act: Act = Act.UPDATE_MEMBERSHIP
) -> tuple[Institution, Desk, PatronFacts]:
    """The patron, also one of the circulation group: of him it is said why not (MB-7)."""
    owner = find.institution(work, institution_code)
    place = counter.branch_for(work, owner, None)
    work.require(act, owner.id)
    desk = counter.desk_at(work, place)
    who = subjects.patron(work.unit, msgspec.structs.replace(desk, group_resolution=True), patron)
    if who is None:
        raise Refused(f"There is no patron {patron!r} in {owner.code}.")
    return owner, desk, who


def _done(work: Work, owner: Institution, who: PatronFacts, done: MembershipOutcome) -> Record:
    if done.reason is not None:
        raise Refused(f"That may not be done: {WHY_NOT[done.reason.code]} ({done.reason.code}).")
    return show(work, who.barcode, owner.code)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"{text!r} is no date such as 2026-12-31.") from None
