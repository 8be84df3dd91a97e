"""Staff's desk: where the acts of circulation take place when a person does them (interface STAFF, GN-11)."""

from sip2d.desk import subjects
from sip2d.desk.place import Desk
from sip2d.desk.staff import find
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.policy.setting_names import settings_of
from sip2d.store.library import Branch, Institution


def desk_at(work: Work, branch: Branch, *, mode: Mode = Mode.ONLINE) -> Desk:
    """The desk of this person at a branch. In mode STAFF his role overrides what it may (CO-3)."""
    owner = work.library.institutions[branch.institution_id]
    return Desk(
        library=work.library,
        institution=owner,
        branch=branch,
        settings=settings_of(owner.settings, owner.decimals),
        mode=mode,
        interface="STAFF",
        actor=work.staff.login,
        now=work.now,
        event_at=work.now,
        override_role=work.role,
    )


def branch_for(work: Work, owner: Institution, branch_name: str | None, home: int | None = None) -> Branch:
    """The branch named; without a name ``home``, else the first of the institution."""
    if branch_name is not None:
        found = find.branch(work, branch_name)
        if found.institution_id != owner.id:
            raise Refused(f"The branch {found.code} is not of {owner.code}.")
        return found
    if home is not None:
        return work.library.branches[home]
    for branch in work.library.branches.values():
        if branch.institution_id == owner.id and branch.enabled:
            return branch
    raise Refused(f"{owner.code} has no branch yet: `sip2d branch add CODE --institution {owner.code}`.")


def patron(work: Work, owner: Institution, barcode: str) -> PatronFacts:
    """A patron by barcode or other identifier."""
    found = subjects.patron(work.unit, desk_at(work, branch_for(work, owner, None)), barcode)
    if found is None:
        raise Refused(f"There is no patron {barcode!r} in {owner.code}.")
    return found


def item(work: Work, owner: Institution, barcode: str) -> ItemFacts:
    """An item by barcode."""
    found = subjects.item(work.unit, desk_at(work, branch_for(work, owner, None)), barcode)
    if found is None:
        raise Refused(f"There is no item {barcode!r} in {owner.code}.")
    return found
