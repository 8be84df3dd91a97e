"""Why something is so: each rule of the rulebook, each rule of the sort bins, with what it saw and said
(6.2, HO-8).
"""

from sip2d.desk import route, subjects
from sip2d.desk.outcome import Routing
from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy import rulebook
from sip2d.store.records import Record


def why(
    work: Work,
    patron: str,
    item: str | None = None,
    *,
    question: str | None = None,
    institution_code: str | None = None,
    branch_name: str | None = None,
) -> list[Record]:
    """Each rule that concerns the question, in order: what it saw, what it said. Reads only.

    Without a question: STANDING of a patron alone, RENEW of an item the patron has on loan, else CHECKOUT.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    desk = counter.desk_at(work, counter.branch_for(work, owner, branch_name))
    what = counter.item(work, owner, item) if item else None
    who = counter.patron(work, owner, patron)
    has_it = what is not None and what.loan is not None and what.loan.patron_id == who.id
    asked = question or ("STANDING" if what is None else "RENEW" if has_it else "CHECKOUT")
    if asked.upper() not in rulebook.Question.__members__:
        raise find.missing("question", asked.upper(), rulebook.Question.__members__)
    if what is None and asked.upper() in ("CHECKOUT", "RENEW"):
        raise Refused(f"{asked.upper()} is asked of a patron and an item: give the item too.")
    reports = rulebook.explain(rulebook.Question[asked.upper()], subjects.facts(desk, who, what))
    return [
        {
            "question": asked.upper(),
            "rule": report.rule,
            "caption": report.caption,
            "saw": report.saw,
            "said": report.said,
            "denies": bool(report.reasons),
        }
        for report in reports
    ]


def sort_bin(
    work: Work, item: str, *, institution_code: str | None = None, branch_name: str | None = None
) -> Record:
    """Into which bin an item returned now at a branch would fall, and how each rule fared (HO-8). Reads
    only.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    what = counter.item(work, owner, item)
    branch = counter.branch_for(work, owner, branch_name, what.holding_branch_id)
    kept = what.shelf_hold or what.next_hold
    if kept is not None:
        kind = "HOLD_HERE" if kept.pickup_branch_id == branch.id else "HOLD_ELSEWHERE"
        routing = Routing(kind, kept.pickup_branch_id)
    elif branch.id != what.home_branch_id:
        routing = Routing("TRANSIT", what.home_branch_id)
    else:
        routing = Routing("SHELF")
    found, reports = route.sort_bin(work.library, branch, what, routing)
    return {
        "item": what.barcode,
        "branch": branch.code,
        "routing": routing.kind,
        "sort_bin": found,
        "rules": [
            {"rank": report.rank, "bin": report.bin, "differs": list(report.differs)} for report in reports
        ],
    }
