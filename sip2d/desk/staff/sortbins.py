"""Sort bin rules of a branch (HO-8): an ordered list, the first that fits a returned item names its bin."""

from typing import Final

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import records
from sip2d.store.library import Branch
from sip2d.store.records import Record
from sip2d.store.tables import sort_bin_rule

ROUTINGS: Final = ("HOLD_HERE", "HOLD_ELSEWHERE", "TRANSIT", "SHELF")
"""What a return may come to (HO-4)."""


def listing(work: Work, branch_name: str | None = None) -> list[Record]:
    """The rules of a branch, or of every branch of this person, in their order."""
    if branch_name is None:
        work.require(Act.SEE, work.staff.institution_id)
        own = work.staff.institution_id
        places = [one for one in work.library.branches.values() if own in (None, one.institution_id)]
    else:
        places = [find.branch(work, branch_name)]
        work.require(Act.SEE, places[0].institution_id, places[0].id)
    return [_shown(work, place, rank, row) for place in places for rank, row in _ranked(work, place)]


def add(
    work: Work,
    bin: str,
    branch_name: str,
    *,
    rank: int | None = None,
    holding_branch: str | None = None,
    item_type: str | None = None,
    call_number: str | None = None,
    collection: str | None = None,
    routing: str | None = None,
) -> Record:
    """A rule before the one that stands at ``rank`` now (1 is asked first), last without. What is not given
    fits anything; ``call_number`` is a glob.
    """
    place = find.branch(work, branch_name)
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    owner = work.library.institutions[place.institution_id]
    if not bin.strip() or len(bin) > 255 or any(ord(letter) < 32 or letter == "|" for letter in bin):
        raise Refused("A bin is named on one line: 1 to 255 characters, no | and no control characters.")
    if routing is not None and routing.upper() not in ROUTINGS:
        raise find.missing("routing", routing.upper(), ROUTINGS)
    holding = find.branch(work, holding_branch) if holding_branch else None
    values: Record = {
        "branch_id": place.id,
        "bin": bin.strip(),
        "holding_branch_id": holding.id if holding else None,
        "item_type_id": find.item_type(work, owner, item_type).id if item_type else None,
        "call_number_pattern": call_number or None,
        "collection_code": collection or None,
        "routing": routing.upper() if routing else None,
    }
    rows = [row for _, row in _ranked(work, place)]
    if any(all(row[key] == value for key, value in values.items()) for row in rows):
        raise Refused(f"{place.code} has this rule already.")
    made = records.add(work.unit, sort_bin_rule, **values, rank=len(rows) + 1)
    order = [int(row["id"]) for row in rows]
    order.insert(len(rows) if rank is None else max(rank, 1) - 1, made)
    _number(work, order)
    work.record("sort_bin_rule", made, "add", None, values, branch_id=place.id)
    return next(_shown(work, place, number, row) for number, row in _ranked(work, place) if row["id"] == made)


def remove(work: Work, rule_id: int) -> Record:
    """Take a rule out of its list."""
    row = records.one(work.unit, sort_bin_rule, id=rule_id)
    if row is None:
        raise Refused(f"There is no sort bin rule {rule_id}.")
    place = work.library.branches[row["branch_id"]]
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    rank = next(rank for rank, each in _ranked(work, place) if each["id"] == rule_id)
    shown = _shown(work, place, rank, row)
    records.remove(work.unit, sort_bin_rule, id=rule_id)
    _number(work, [each["id"] for _, each in _ranked(work, place)])
    work.record("sort_bin_rule", rule_id, "remove", row, None, branch_id=place.id)
    return shown


def _ranked(work: Work, place: Branch) -> list[tuple[int, Record]]:
    """The rules with their places in the list, as `sortbin test` counts them."""
    rows = records.rows(work.unit, sort_bin_rule, "rank", "id", branch_id=place.id)
    return list(enumerate(rows, start=1))


def _number(work: Work, order: list[int]) -> None:
    for rank, rule_id in enumerate(order, start=1):
        records.change(work.unit, sort_bin_rule, {"rank": rank}, id=rule_id)


def _shown(work: Work, place: Branch, rank: int, row: Record) -> Record:
    library = work.library
    holding = library.branches.get(row["holding_branch_id"] or 0)
    kind = library.item_types.get(row["item_type_id"] or 0)
    return {
        "id": row["id"],
        "branch": place.code,
        "rank": rank,
        "bin": row["bin"],
        "routing": row["routing"],
        "item_type": kind.code if kind else None,
        "call_number": row["call_number_pattern"],
        "collection": row["collection_code"],
        "holding_branch": holding.code if holding else None,
    }
