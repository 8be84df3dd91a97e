"""Circulation rules (CO-6, CO-7): checked by policy, effective-dated, nothing forgotten."""

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import Said, after, first_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.terms import RULE_NAMES, parse_value
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import circulation_rule
from sip2d.store.times import instant, maybe_instant, maybe_seconds, seconds


def listing(work: Work, institution_code: str | None = None, *, past: bool = False) -> list[Record]:
    """The rules in force or to come, by place and name; ended ones on request."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    rows = records.rows(work.unit, circulation_rule, "name", "valid_from", "id", institution_id=owner.id)
    now = seconds(work.now)
    return [_shown(work, row) for row in rows if past or row["valid_to"] is None or row["valid_to"] > now]


def show(work: Work, rule_id: int) -> Record:
    """One rule, with what its name means."""
    row = _row(work, rule_id, Act.SEE)
    known = RULE_NAMES.get(row["name"])
    return {**_shown(work, row), "caption": known.caption if known else "not known to this version"}


def add(
    work: Work,
    name: str,
    value: str,
    *,
    institution_code: str | None = None,
    branch_name: str | None = None,
    patron_type: str | None = None,
    item_type: str | None = None,
    valid_from: Said | None = None,
    valid_to: Said | None = None,
) -> Record:
    """A rule for a branch, patron type and item type (each may be any), from a moment on (without: from
    ever).
    """
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    _checked(name, value)
    place = find.branch(work, f"{owner.code}/{branch_name}") if branch_name else None
    zone = place.zone if place else owner.zone
    values: Record = {
        "institution_id": owner.id,
        "branch_id": place.id if place else None,
        "patron_type_id": find.patron_type(work, owner, patron_type).id if patron_type else None,
        "item_type_id": find.item_type(work, owner, item_type).id if item_type else None,
        "name": name,
        "value": value.strip(),
        "valid_from": maybe_seconds(first_of(valid_from, zone)) or 0,
        "valid_to": maybe_seconds(after(valid_to, zone)),
    }
    if values["valid_to"] is not None and values["valid_to"] <= values["valid_from"]:
        raise Refused("A rule ends after it has begun.")
    _place_free(work, values)
    made = records.add(work.unit, circulation_rule, **values)
    work.record("circulation_rule", made, "add", None, values, branch_id=values["branch_id"])
    return show(work, made)


def change(work: Work, rule_id: int, value: str) -> Record:
    """A new value from now on: the rule in force ends, another one begins (CO-7). One that is yet to come
    just changes.
    """
    row = _row(work, rule_id, Act.CONFIGURE_POLICY)
    _checked(row["name"], value)
    now = seconds(work.now)
    if row["valid_to"] is not None and row["valid_to"] <= now:
        raise Refused(f"The rule {rule_id} has ended: add another one.")
    after: Record = {"value": value.strip()}
    if row["value"] == after["value"]:
        return show(work, rule_id)
    if row["valid_from"] >= now:
        records.change(work.unit, circulation_rule, after, id=rule_id)
        work.record(
            "circulation_rule", rule_id, "set", {"value": row["value"]}, after, branch_id=row["branch_id"]
        )
        return show(work, rule_id)
    records.change(work.unit, circulation_rule, {"valid_to": now}, id=rule_id)
    values = {key: kept for key, kept in row.items() if key != "id"} | after | {"valid_from": now}
    made = records.add(work.unit, circulation_rule, **values)
    before = {"id": rule_id, "value": row["value"]}
    work.record(
        "circulation_rule", made, "set", before, after | {"valid_from": now}, branch_id=row["branch_id"]
    )
    return show(work, made)


def remove(work: Work, rule_id: int) -> Record:
    """End a rule now; one that never was in force disappears."""
    row = _row(work, rule_id, Act.CONFIGURE_POLICY)
    now = seconds(work.now)
    shown = _shown(work, row)
    if row["valid_to"] is not None and row["valid_to"] <= now:
        return shown
    if row["valid_from"] >= now:
        records.remove(work.unit, circulation_rule, id=rule_id)
    else:
        records.change(work.unit, circulation_rule, {"valid_to": now}, id=rule_id)
    work.record("circulation_rule", rule_id, "remove", row, {"valid_to": now}, branch_id=row["branch_id"])
    return {**shown, "valid_to": work.now.isoformat()}


def _checked(name: str, value: str) -> None:
    try:
        parse_value(name, value)
    except ValueError as error:
        raise Refused(str(error)) from None


def _place_free(work: Work, values: Record) -> None:
    place = ("institution_id", "branch_id", "patron_type_id", "item_type_id", "name")
    for row in records.rows(work.unit, circulation_rule, **{key: values[key] for key in place}):
        starts, ends = row["valid_from"], row["valid_to"]
        if (ends is None or ends > values["valid_from"]) and (
            values["valid_to"] is None or starts < values["valid_to"]
        ):
            raise Refused(
                f"The rule {row['id']} says {row['name']} = {row['value']!r} there at that time: "
                f"`sip2d rule set {row['id']} VALUE` changes it."
            )


def _row(work: Work, rule_id: int, act: Act) -> Record:
    row = records.one(work.unit, circulation_rule, id=rule_id)
    if row is None:
        raise Refused(f"There is no circulation rule {rule_id}.")
    work.require(act, row["institution_id"], row["branch_id"])
    return row


def _shown(work: Work, row: Record) -> Record:
    library = work.library
    place = library.branches.get(row["branch_id"] or 0)
    patrons = library.patron_types.get(row["patron_type_id"] or 0)
    items = library.item_types.get(row["item_type_id"] or 0)
    until = maybe_instant(row["valid_to"])
    return {
        "id": row["id"],
        "institution": library.institutions[row["institution_id"]].code,
        "branch": place.code if place else None,
        "patron_type": patrons.code if patrons else None,
        "item_type": items.code if items else None,
        "name": row["name"],
        "value": row["value"],
        "valid_from": instant(row["valid_from"]).isoformat() if row["valid_from"] else None,
        "valid_to": until.isoformat() if until else None,
    }
