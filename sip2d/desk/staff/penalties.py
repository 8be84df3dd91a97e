"""Taking penalties off for a time (BR-12): dated rules ``fine_amount = none`` and ``overdue_block_unit =
none``, after whose end the old ones are in force again by themselves.
"""

from typing import Final

from sip2d.desk.staff import find, rules
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import Said, after, first_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.terms import Key
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import circulation_rule
from sip2d.store.times import seconds

DETACHED: Final = {"fine_amount": "none", "overdue_block_unit": "none"}
KEEPING: Final = "detached_keeps_accrued"

_PLACE: Final = ("branch_id", "patron_type_id", "item_type_id")


def detach(
    work: Work,
    until: Said,
    *,
    since: Said | None = None,
    institution_code: str | None = None,
    branch_name: str | None = None,
    patron_type: str | None = None,
    item_type: str | None = None,
    keep_accrued: bool = False,
) -> list[Record]:
    """No fine and no overdue block in the scope from ``since`` (now) to ``until``; the rules that say so.

    The most specific rule wins (CO-6): within the scope every place that has a rule of its own gets one more.
    A renewal in that time forgives what has accrued, unless ``keep_accrued``. Doing it twice is doing it
    once.
    """
    owner = find.institution(work, institution_code)
    place = find.branch(work, f"{owner.code}/{branch_name.rpartition('/')[2]}") if branch_name else None
    work.require(Act.CONFIGURE_POLICY, owner.id, place.id if place else None)
    scope: Key = (
        place.id if place else None,
        find.patron_type(work, owner, patron_type).id if patron_type else None,
        find.item_type(work, owner, item_type).id if item_type else None,
    )
    zone = place.zone if place else owner.zone
    span = (seconds(first_of(since or work.now, zone)), seconds(after(until, zone)))
    if span[1] <= max(span[0], seconds(work.now)):
        raise Refused("Penalties are detached up to a moment to come, after that from which on they are.")
    made: list[Record] = []
    for name, value in DETACHED.items():
        for where in _places(work, owner.id, name, scope, span):
            made += _add(work, owner.id, where, name, value, span)
    if keep_accrued:
        made += _add(work, owner.id, scope, KEEPING, "true", span)
    return made


def _places(work: Work, institution_id: int, name: str, scope: Key, span: tuple[int, int]) -> list[Key]:
    """The scope, and where a rule of this name in force in that time meets it: there it would win."""
    found = {scope}
    for row in records.rows(work.unit, circulation_rule, "id", institution_id=institution_id, name=name):
        ends, begins = row["valid_to"], row["valid_from"]
        if begins >= span[1] or (ends is not None and ends <= span[0]):
            continue
        met = _meet(scope, (row["branch_id"], row["patron_type_id"], row["item_type_id"]))
        if met is None or row["value"].lower() == DETACHED[name]:
            continue
        if begins > span[0]:
            raise Refused(
                f"The rule {row['id']} ({name} = {row['value']!r}) begins within that time:"
                " detach penalties up to its beginning, and then from it on."
            )
        found.add(met)
    return sorted(found, key=lambda key: tuple(part or 0 for part in key))


def _meet(one: Key, other: Key) -> Key | None:
    """What lies in both places; None when nothing does."""
    met = []
    for mine, his in zip(one, other, strict=True):
        if mine is not None and his is not None and mine != his:
            return None
        met.append(his if mine is None else mine)
    return (met[0], met[1], met[2])


def _add(
    work: Work, institution_id: int, where: Key, name: str, value: str, span: tuple[int, int]
) -> list[Record]:
    """The rule, if there is none like it yet. It begins after the one it covers, so it wins while it lasts
    (CO-7)."""
    place: Record = {"institution_id": institution_id, **dict(zip(_PLACE, where, strict=True)), "name": name}
    same = records.one(work.unit, circulation_rule, **place, valid_from=span[0])
    if same is not None:
        if (same["value"], same["valid_to"]) == (value, span[1]):
            return [rules.show(work, same["id"])]
        raise Refused(
            f"The rule {same['id']} says {name} = {same['value']!r} there from that moment on:"
            " let penalties be detached from a later one."
        )
    values = {**place, "value": value, "valid_from": span[0], "valid_to": span[1]}
    made = records.add(work.unit, circulation_rule, **values)
    work.record("circulation_rule", made, "detach", None, values, branch_id=where[0])
    return [rules.show(work, made)]
