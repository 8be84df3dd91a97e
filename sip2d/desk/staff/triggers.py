"""Overdue triggers: up to three levels of notices for a patron type, at a branch or by default (LO-12).

A branch with triggers of its own uses none of the others (LO-13); a patron type that gets no overdue notices
has none (LO-10b).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.dunning import faults
from sip2d.policy.messaging import TRANSPORTS
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import overdue_trigger

LEVELS: Final = (1, 2, 3)
DEFAULT: Final = "ODUE"
"""The template of a level for which none is chosen (LO-14)."""


def listing(
    work: Work, institution_code: str | None = None, *, branch_name: str | None = None
) -> list[Record]:
    """The triggers of an institution, or only those in force at a branch (LO-13)."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    rows = records.rows(
        work.unit, overdue_trigger, "branch_id", "patron_type_id", "level", institution_id=owner.id
    )
    if branch_name is not None:
        branch_id = find.branch(work, branch_name).id
        own = [row for row in rows if row["branch_id"] == branch_id]
        rows = own or [row for row in rows if row["branch_id"] is None]
    return [_shown(work, row) for row in rows]


def save(
    work: Work,
    patron_type: str,
    level: int,
    institution_code: str | None = None,
    *,
    branch_name: str | None = None,
    delay_days: int | None = None,
    template: str | None = None,
    restricts: bool | None = None,
    transports: Sequence[str] = (),
) -> Record:
    """Make or change a level. ``template`` empty: no notice, only the restriction (D-15)."""
    owner = find.institution(work, institution_code)
    key = _key(work, owner, patron_type, level, branch_name)
    work.require(Act.CONFIGURE_POLICY, owner.id, key["branch_id"])
    row = records.one(work.unit, overdue_trigger, **key)
    if row is None and delay_days is None:
        raise Refused("A new level needs its delay in days.")
    before: Record = {} if row is None else {name: row[name] for name in _VALUES}
    after = {**(before or _NEW), **_wanted(delay_days, template, restricts, transports)}
    _in_order(work, key, after["delay_days"])
    if row is None:
        made = records.add(work.unit, overdue_trigger, **key, **after)
    else:
        made = row["id"]
        records.change(work.unit, overdue_trigger, after, id=made)
    if before != after:
        work.record(
            "overdue_trigger",
            made,
            "set",
            before or None,
            key | after,
            branch_id=key["branch_id"],
            library=False,
        )
    return _shown(work, {**key, **after, "id": made})


_VALUES: Final = ("delay_days", "template", "restricts", "transports")
_NEW: Final[Record] = {"template": DEFAULT, "restricts": 0, "transports": '["EMAIL"]'}


def _wanted(
    delay_days: int | None, template: str | None, restricts: bool | None, transports: Sequence[str]
) -> Record:
    wanted: Record = {}
    if delay_days is not None:
        wanted["delay_days"] = delay_days
    if template is not None:
        wanted["template"] = template.strip().upper() or None
    if restricts is not None:
        wanted["restricts"] = int(restricts)
    if transports:
        wanted["transports"] = transports_of(transports)
    return wanted


def transports_of(words: Sequence[str]) -> str:
    """Ways to tell somebody, as the tables hold them. Raises `Refused`."""
    ways = list(dict.fromkeys(word.strip().upper() for word in words))
    for way in ways:
        if way not in TRANSPORTS:
            raise find.missing("transport", way, TRANSPORTS)
    return msgspec.json.encode(ways).decode()


def remove(
    work: Work,
    patron_type: str,
    level: int,
    institution_code: str | None = None,
    *,
    branch_name: str | None = None,
) -> list[Record]:
    """Take a level away; what is left."""
    owner = find.institution(work, institution_code)
    key = _key(work, owner, patron_type, level, branch_name)
    work.require(Act.CONFIGURE_POLICY, owner.id, key["branch_id"])
    row = records.one(work.unit, overdue_trigger, **key)
    if row is not None:
        records.remove(work.unit, overdue_trigger, id=row["id"])
        work.record(
            "overdue_trigger", row["id"], "remove", row, None, branch_id=key["branch_id"], library=False
        )
    return listing(work, owner.code)


def _key(work: Work, owner: Institution, patron_type: str, level: int, branch_name: str | None) -> Record:
    kind = find.patron_type(work, owner, patron_type)
    if not kind.overdue_notice_required:
        raise Refused(
            f"The patron type {kind.code} gets no overdue notices: "
            f"`sip2d patron-type set {kind.code} --overdue-notices` changes that (LO-10)."
        )
    if level not in LEVELS:
        raise Refused("There are the levels 1, 2 and 3.")
    place = find.branch(work, f"{owner.code}/{branch_name.rpartition('/')[2]}") if branch_name else None
    return {
        "institution_id": owner.id, "branch_id": None if place is None else place.id,
        "patron_type_id": kind.id, "level": level,
    }  # fmt: skip


def _in_order(work: Work, key: Record, delay_days: int) -> None:
    """The delays of a patron type's levels increase (LO-15)."""
    place = {name: key[name] for name in ("institution_id", "branch_id", "patron_type_id")}
    delays = {row["level"]: row["delay_days"] for row in records.rows(work.unit, overdue_trigger, **place)}
    delays[key["level"]] = delay_days
    fault = faults([delays[level] for level in sorted(delays)])
    if fault is not None:
        raise Refused(fault)


def _shown(work: Work, row: Record) -> Record:
    place = work.library.branches.get(row["branch_id"] or 0)
    return {
        "branch": place.code if place else None,
        "patron_type": work.library.patron_types[row["patron_type_id"]].code,
        "level": row["level"],
        "delay_days": row["delay_days"],
        "template": row["template"],
        "restricts": bool(row["restricts"]),
        "transports": msgspec.json.decode(row["transports"]),
    }
