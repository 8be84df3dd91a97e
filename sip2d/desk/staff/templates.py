"""Templates of notices: an institution's or a branch's own version, by language and transport (LO-13, LO-14).

What comes with sip2d are files, and whether a template can be used is the notices' to say; whoever calls
brings both along.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import records
from sip2d.store.library import Branch, Institution
from sip2d.store.records import Record
from sip2d.store.tables import notice_template

PARTS: Final = ("subject", "body_start", "body", "body_end")
TRANSPORTS: Final = ("EMAIL", "PRINT", "SMS")
CODE_MOST: Final = 60


class Shipped(msgspec.Struct, frozen=True):
    """What the notices say: the templates that come with sip2d (language, code, part), the values that a
    template of a code may name, and a check that raises `Refused`."""

    templates: Mapping[str, Mapping[str, Mapping[str, str]]]
    names: Callable[[str], Mapping[str, str]]
    check: Callable[[str, str, Institution, Mapping[str, str]], None]


def listing(work: Work, shipped: Shipped, institution_code: str | None = None) -> list[Record]:
    """Every template in force: those that come with sip2d, and the library's own, which win."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    found: list[Record] = [
        {
            "code": code, "language": language, "transport": "EMAIL", "branch": None, "origin": "sip2d",
            "subject": parts["subject"],
        }
        for language, told in shipped.templates.items()
        for code, parts in told.items()
    ]  # fmt: skip
    own = records.rows(work.unit, notice_template, "code", "language", institution_id=owner.id)
    found += [
        {
            **{key: row[key] for key in ("code", "language", "transport")},
            "branch": _branch_code(work, row["branch_id"]), "origin": "own", "subject": row["subject"],
        }
        for row in own
    ]  # fmt: skip
    return sorted(
        found, key=lambda row: (row["code"], row["language"], row["transport"], row["branch"] or "")
    )


def show(
    work: Work,
    shipped: Shipped,
    code: str,
    institution_code: str | None = None,
    *,
    branch_name: str | None = None,
    language: str | None = None,
    transport: str = "EMAIL",
) -> Record:
    """One template whole, and the values it may name."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    key = _key(work, shipped, owner, code, branch_name, language, transport)
    row = records.one(work.unit, notice_template, **key)
    parts = row or shipped.templates.get(key["language"], {}).get(key["code"])
    if parts is None:
        known = {each for told in shipped.templates.values() for each in told}
        raise find.missing(f"template in {key['language']}", key["code"], known)
    return {
        "code": key["code"], "language": key["language"], "transport": key["transport"],
        "branch": _branch_code(work, key["branch_id"]), "origin": "own" if row else "sip2d",
        **{part: parts[part] for part in PARTS},
        "values": [{"name": name, "is": told} for name, told in shipped.names(key["code"]).items()],
    }  # fmt: skip


def save(
    work: Work,
    shipped: Shipped,
    code: str,
    parts: Mapping[str, str],
    institution_code: str | None = None,
    *,
    branch_name: str | None = None,
    language: str | None = None,
    transport: str = "EMAIL",
) -> Record:
    """Give a code a template of the library's own; one that cannot be used is refused with its line."""
    owner = find.institution(work, institution_code)
    key = _key(work, shipped, owner, code, branch_name, language, transport)
    work.require(Act.CONFIGURE_POLICY, owner.id, key["branch_id"])
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise find.missing("part of a template", unknown[0], PARTS)
    wanted = {part: parts.get(part, "") for part in PARTS}
    if not wanted["subject"].strip() and key["transport"] == "EMAIL":
        raise Refused("A mail has a subject.")
    shipped.check(key["code"], key["language"], owner, wanted)
    row = records.one(work.unit, notice_template, **key)
    if row is None:
        made = records.add(work.unit, notice_template, **key, **wanted)
    else:
        made = row["id"]
        records.change(work.unit, notice_template, wanted, id=made)
    before = None if row is None else {part: row[part] for part in PARTS}
    if before != wanted:
        work.record("notice_template", made, "set", before, wanted, branch_id=key["branch_id"], library=False)
    return _again(work, shipped, owner, key)


def remove(
    work: Work,
    shipped: Shipped,
    code: str,
    institution_code: str | None = None,
    *,
    branch_name: str | None = None,
    language: str | None = None,
    transport: str = "EMAIL",
) -> list[Record]:
    """Go back to the next one: the institution's, else that of sip2d; what is left of this code."""
    owner = find.institution(work, institution_code)
    key = _key(work, shipped, owner, code, branch_name, language, transport)
    work.require(Act.CONFIGURE_POLICY, owner.id, key["branch_id"])
    row = records.one(work.unit, notice_template, **key)
    if row is not None:
        records.remove(work.unit, notice_template, id=row["id"])
        before = {part: row[part] for part in PARTS}
        work.record(
            "notice_template", row["id"], "remove", before, None, branch_id=key["branch_id"], library=False
        )
    return [row for row in listing(work, shipped, owner.code) if row["code"] == key["code"]]


def _again(work: Work, shipped: Shipped, owner: Institution, key: Record) -> Record:
    place = work.library.branches.get(key["branch_id"] or 0)
    return show(
        work, shipped, key["code"], owner.code, language=key["language"], transport=key["transport"],
        branch_name=None if place is None else f"{owner.code}/{place.code}",
    )  # fmt: skip


def _key(
    work: Work,
    shipped: Shipped,
    owner: Institution,
    code: str,
    branch_name: str | None,
    language: str | None,
    transport: str,
) -> Record:
    """Where a template stands. Codes are capital letters, figures, `-` and `_`."""
    name = code.strip().upper()
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or len(name) > CODE_MOST:
        raise Refused(f"{code!r} is no code of a template: letters, figures, - and _.")
    spoken = language or owner.language
    if spoken not in shipped.templates:
        raise Refused(f"Notices are not written in {spoken!r}, only in {', '.join(shipped.templates)}.")
    way = transport.upper()
    if way not in TRANSPORTS:
        raise find.missing("transport", way, TRANSPORTS)
    place: Branch | None = (
        find.branch(work, f"{owner.code}/{branch_name.rpartition('/')[2]}") if branch_name else None
    )
    return {
        "institution_id": owner.id, "branch_id": None if place is None else place.id, "code": name,
        "language": spoken, "transport": way,
    }  # fmt: skip


def _branch_code(work: Work, branch_id: int | None) -> str | None:
    return None if branch_id is None else work.library.branches[branch_id].code
