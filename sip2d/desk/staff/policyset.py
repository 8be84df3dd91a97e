"""The policy set of an institution as one document: exported, compared, applied (issue 3, 1.6).

What an export says, `apply` finds in force and leaves alone. A comparison speaks in lines that a librarian
can read. Applying goes section by section through the same checks as the single commands.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from sip2d.desk.staff import (
    block_definitions,
    block_descriptions,
    find,
    membership_policies,
    policycheck,
    settings,
)
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.templates import Shipped
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.terms import parse_value
from sip2d.store import policyrows, records
from sip2d.store.library import Institution
from sip2d.store.policyrows import Names
from sip2d.store.policyset import SECTIONS, Section
from sip2d.store.records import Record
from sip2d.store.times import seconds
from sip2d.store.unit import CONFLICTS

Document = dict[str, list[Record]]
"""Rows by section."""

BLOCKS: Final = frozenset({"block_descriptions", "block_definitions", "demerits"})
"""Sections that take the roles of BL-21 and BL-67."""

KEPT: Final = frozenset({"branches"})
"""Sections whose rows are changed and never added or removed here: a branch is opened by its own command."""


class Change(msgspec.Struct, frozen=True):
    """One difference: a row to ``add``, ``change`` or ``remove``."""

    act: str
    section: Section
    key: tuple[str, ...]
    before: Record | None
    after: Record | None

    @property
    def line(self) -> str:
        """A sentence for a librarian."""
        row = self.after or self.before or {}
        name = " ".join(f"{one.name}={row[one.name]}" for one in self.section.key if one.name in row)
        what = f"{self.section.title} {name or '(everywhere)'}"
        if self.act != "change":
            said = ", ".join(
                f"{one.name} {row[one.name]!r}" for one in self.section.values if one.name in row
            )
            return f"{self.act} {what}" + (f": {said}" if said else "")
        before, after = self.before or {}, self.after or {}
        parts = [
            f"{one.name} {before.get(one.name)!r} -> {after.get(one.name)!r}"
            for one in self.section.values
            if before.get(one.name) != after.get(one.name)
        ]
        return f"change {what}: {', '.join(parts)}"


def export(work: Work, institution_code: str | None = None) -> Document:
    """Everything that is in force or to come."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    names = Names(work.unit, owner.id, owner.decimals)
    return {section.name: policyrows.read(section, names, work.now) for section in SECTIONS}


def difference(work: Work, wanted: Mapping[str, Any], institution_code: str | None = None) -> list[Change]:
    """What `apply` would do, in its order: additions and changes section by section, then removals backwards.

    A section that the document does not have is left alone. Raises `Refused` with every fault of it.
    """
    found = export(work, institution_code)
    owner = find.institution(work, institution_code)
    document = _checked(wanted, Names(work.unit, owner.id, owner.decimals))
    made: list[Change] = []
    gone: list[Change] = []
    for section in SECTIONS:
        if section.name not in document:
            continue
        before = {policyrows.key_of(section, row): row for row in found[section.name]}
        after = {policyrows.key_of(section, row): row for row in document[section.name]}
        for key, row in after.items():
            if key not in before:
                made.append(Change("add", section, key, None, row))
            elif before[key] != row:
                made.append(Change("change", section, key, before[key], row))
        gone += [Change("remove", section, key, row, None) for key, row in before.items() if key not in after]
    return made + gone[::-1]


def apply(
    work: Work,
    wanted: Mapping[str, Any],
    institution_code: str | None = None,
    shipped: Shipped | None = None,
) -> list[Change]:
    """Make the policy set what the document says; what was done. All of it or nothing. ``shipped`` says
    whether a notice template can be used."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    todo = difference(work, wanted, institution_code)
    names = Names(work.unit, owner.id, owner.decimals)
    if any(change.section.name in BLOCKS for change in todo):
        work.require(Act.CONFIGURE_BLOCKS, owner.id)
    values = _settings(todo)
    for change in todo:
        if change.section.name == "settings":
            settings.save(work, owner, values)  # all at once: one may need another (BL-22), or replace it
            values = {}
            continue
        if change.section.name in KEPT and change.act != "change":
            raise Refused(f"Branches are not added or removed here: cannot {change.line}.")
        try:
            with work.unit.attempt():
                if change.after is not None and change.section.name in policycheck.SECTIONS:
                    policyrows.columns_of(change.section, change.after, names)  # of their kinds at all
                    policycheck.row(change.section.name, change.after)
                if shipped is not None and change.section.name == "notice_templates":
                    policycheck.template(owner, shipped, change.after)
                _done(work, owner, change, names)
        except (ValueError, Refused) as error:
            raise Refused(f"Cannot {change.line}: {str(error).rstrip('.')}.") from None
        except CONFLICTS:
            raise Refused(f"Cannot {change.line}: something else still uses it, or contradicts it.") from None
        names.forget()
    if todo:
        policycheck.whole(work, owner)
    return todo


def _checked(wanted: Mapping[str, Any], names: Names) -> Document:
    """The document with every row a mapping of columns that its section has, each key once."""
    known = {section.name: section for section in SECTIONS}
    faults: list[str] = []
    document: Document = {}
    for name, rows in wanted.items():
        if name not in known:
            raise find.missing("section", name, known)
        columns = {one.name for one in known[name].columns}
        seen: set[tuple[str, ...]] = set()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Refused(f"{name} must be a list of tables.")
        document[name] = []
        for number, row in enumerate(rows, start=1):
            said = policyrows.canonical(known[name], row, names)
            faults += [
                f"{name}, row {number}: there is no column {one!r}." for one in said if one not in columns
            ]
            lacking = policyrows.missing(known[name], said)
            faults += [f"{name}, row {number}: {one} is missing." for one in lacking]
            key = policyrows.key_of(known[name], said)
            if key in seen:
                faults.append(f"{name}, row {number}: the same as a row before.")
            seen.add(key)
            document[name].append(said)
    if faults:
        raise Refused(" ".join(faults))
    return document


def _settings(todo: Iterable[Change]) -> dict[str, str | None]:
    """What the settings become (None: their defaults)."""
    return {
        (change.after or change.before or {})["name"]: None
        if change.after is None
        else change.after.get("value", "")
        for change in todo
        if change.section.name == "settings"
    }


def _done(work: Work, owner: Institution, change: Change, names: Names) -> None:
    section = change.section
    if section.name == "rules":
        _rule(work, change, names)
    elif section.name in ("block_descriptions", "block_definitions"):
        _block_row(work, owner, change, names)
    elif section.name == "patron_types":
        _patron_type(work, owner, change, names)
    else:
        _row(work, change, names)
    work.record(
        section.table.name, "/".join((owner.code, *change.key)), change.act, change.before, change.after
    )


def _row(work: Work, change: Change, names: Names) -> None:
    section, row = change.section, change.after or change.before or {}
    values = policyrows.columns_of(section, row, names)
    place = policyrows.place_of(section, row, names)
    where = place | {one.column: values[one.column] for one in section.key}
    if change.act == "add":
        records.add(work.unit, section.table, **place | values)
    elif change.act == "remove":
        records.remove(work.unit, section.table, **where)
    else:
        said = {one.column: values[one.column] for one in section.values}
        records.change(work.unit, section.table, said, **where)


def _patron_type(work: Work, owner: Institution, change: Change, names: Names) -> None:
    """Who is billed, asked or freed follows from attaching and detaching a policy (MB-8, MB-10, MB-11)."""
    table, code = change.section.table, {"institution_id": owner.id, "code": change.key[0]}
    if change.after is None:
        known = records.one(work.unit, table, **code)
        if known is not None:
            membership_policies.attach(work, owner, known["id"], "")
        records.remove(work.unit, table, **code)
        return
    values = policyrows.columns_of(change.section, change.after, names) | code
    del values["membership_policy_id"]
    if change.before is None:
        records.add(work.unit, table, **values)
    else:
        records.change(work.unit, table, values, **code)
    known = records.one(work.unit, table, **code)
    assert known is not None
    membership_policies.attach(work, owner, known["id"], change.after.get("membership_policy", ""))


def _block_row(work: Work, owner: Institution, change: Change, names: Names) -> None:
    """Through the checks of the single commands; blocks in force follow their definition (BL-4)."""
    act = block_definitions if change.section.name == "block_definitions" else block_descriptions
    code = (change.after or change.before or {})["code"]
    if change.after is None:
        act.drop(work, owner, code)
    else:
        act.put(work, owner, code, policyrows.columns_of(change.section, change.after, names))


def _rule(work: Work, change: Change, names: Names) -> None:
    """Rules keep their past: what is in force ends now, and what replaces it begins (CO-7)."""
    table, now = change.section.table, seconds(work.now)
    row = change.after or change.before or {}
    if change.after is not None:
        parse_value(change.after["name"], change.after.get("value", ""))
    values = policyrows.columns_of(change.section, row, names) | {"institution_id": names.institution_id}
    place = {
        key: values[key] for key in ("institution_id", "branch_id", "patron_type_id", "item_type_id", "name")
    }
    past = records.rows(work.unit, table, "valid_from", **place)
    dated = "from" in row
    if change.act == "add":
        if not dated and past:
            values["valid_from"] = now
        records.add(work.unit, table, **values)
        return
    standing = [one for one in past if one["valid_to"] is None or one["valid_to"] > now]
    old = next(one for one in standing if not dated or one["valid_from"] == values["valid_from"])
    if (
        change.act == "change"
        and change.before is not None
        and change.before.get("value") == row.get("value")
    ):
        records.change(work.unit, table, {"valid_to": values["valid_to"]}, id=old["id"])
        return
    if change.act == "change" and (dated or len(standing) > 1) and old["valid_from"] <= now:
        raise ValueError("another rule is in force there beside it: end that one first")
    if old["valid_from"] >= now:
        records.remove(work.unit, table, id=old["id"])
    else:
        records.change(work.unit, table, {"valid_to": now}, id=old["id"])
    if change.act == "change":
        records.add(work.unit, table, **values | {"valid_from": max(now, old["valid_from"])})
