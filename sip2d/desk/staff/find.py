"""Institutions, branches and types by what a person calls them; what is not there is said in a sentence with
what is.
"""

import difflib
from collections.abc import Iterable

from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.facts import ItemTypeFacts, PatronTypeFacts
from sip2d.store.library import Branch, Institution


def institution(work: Work, code: str | None) -> Institution:
    """By code; without one, the only one there is (of those this person works for)."""
    known = [one for one in work.library.institutions.values() if work.staff.institution_id in (None, one.id)]
    if code is None:
        enabled = [one for one in known if one.enabled]
        if len(enabled) != 1:
            raise Refused(f"There are {len(enabled)} institutions: say which with --institution CODE.")
        return enabled[0]
    for one in known:
        if one.code == code:
            return one
    raise missing("institution", code, (one.code for one in known))


def branch(work: Work, name: str) -> Branch:
    """By its code, or INSTITUTION/CODE where two institutions have the same code."""
    owner, _, code = name.rpartition("/")
    found = [
        one
        for one in work.library.branches.values()
        if one.code == code and owner in ("", work.library.institutions[one.institution_id].code)
    ]
    if len(found) > 1:
        both = " or ".join(f"{work.library.institutions[one.institution_id].code}/{code}" for one in found)
        raise Refused(f"There are several branches {code}: say {both}.")
    if not found:
        raise missing("branch", name, (one.code for one in work.library.branches.values()))
    return found[0]


def patron_type(work: Work, owner: Institution, code: str) -> PatronTypeFacts:
    """By its code within the institution."""
    known = {one.code: one for one in work.library.patron_types.values() if one.institution_id == owner.id}
    if code not in known:
        raise missing("patron type", code, known)
    return known[code]


def item_type(work: Work, owner: Institution, code: str) -> ItemTypeFacts:
    """By its code within the institution."""
    known = {one.code: one for one in work.library.item_types.values() if one.institution_id == owner.id}
    if code not in known:
        raise missing("item type", code, known)
    return known[code]


def missing(kind: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal of a name that nobody has, with the nearest one that somebody has."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return Refused(f"There is no {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
