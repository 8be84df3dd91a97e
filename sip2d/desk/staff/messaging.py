"""Courtesy notices: what a patron wants to be told before items are due, and what his type's patrons are
told unless they said otherwise (LO-5, LO-6, LO-7)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.triggers import transports_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.messaging import NOTICES, OFF, Preference, defaults
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import patron_messaging, patron_type

OPTIONS: Final = ("enabled", "days_in_advance", "digest", "transports")


def of_patron(work: Work, barcode: str, institution_code: str | None = None) -> list[Record]:
    """Each courtesy notice of a patron, and whether he or his type said so."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    who = counter.patron(work, owner, barcode)
    typical = _defaults(work.library.patron_types[who.type_id].messaging)
    own = {row["notice"]: row for row in records.rows(work.unit, patron_messaging, patron_id=who.id)}
    found = []
    for name in NOTICES:
        said = _preference(own[name]) if name in own else typical.get(name, OFF)
        found.append(_shown(name, said) | {"said_by": "patron" if name in own else "patron type"})
    return found


def set_patron(
    work: Work, barcode: str, notice: str, said: Mapping[str, Any], institution_code: str | None = None
) -> list[Record]:
    """Change what a patron wants; nothing said: his type decides again."""
    owner = find.institution(work, institution_code)
    work.require(Act.EDIT_PATRONS, owner.id)
    who, name = counter.patron(work, owner, barcode), _notice(notice)
    key = {"patron_id": who.id, "notice": name}
    row = records.one(work.unit, patron_messaging, **key)
    typical = _defaults(work.library.patron_types[who.type_id].messaging).get(name, OFF)
    before = None if row is None else msgspec.structs.asdict(_preference(row))
    after: Record | None = None
    if said:
        wanted = _changed(typical if row is None else _preference(row), said)
        after = msgspec.structs.asdict(wanted)
        values = {
            "enabled": int(wanted.enabled), "days_in_advance": wanted.days_in_advance,
            "digest": int(wanted.digest), "transports": transports_of(wanted.transports),
        }  # fmt: skip
        if row is None:
            records.add(work.unit, patron_messaging, **key, **values)
        else:
            records.change(work.unit, patron_messaging, values, **key)
    elif row is not None:
        records.remove(work.unit, patron_messaging, **key)
    if before != after:
        work.record("patron_messaging", f"{who.id}/{name}", "set", before, after, library=False)
    return of_patron(work, barcode, owner.code)


def of_type(work: Work, code: str, institution_code: str | None = None) -> list[Record]:
    """Each courtesy notice of a patron type."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    kind = find.patron_type(work, owner, code)
    row = records.one(work.unit, patron_type, id=kind.id)
    typical = _defaults(row["messaging"] if row else kind.messaging)
    return [_shown(name, typical.get(name, OFF)) for name in NOTICES]


def set_type(
    work: Work, code: str, notice: str, said: Mapping[str, Any], institution_code: str | None = None
) -> list[Record]:
    """Change what patrons of a type are told; nothing said: nothing any more."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_POLICY, owner.id)
    kind, name = find.patron_type(work, owner, code), _notice(notice)
    typical = _defaults(kind.messaging)
    after = {key: value for key, value in typical.items() if key != name}
    if said:
        after[name] = _changed(typical.get(name, OFF), said)
    text = msgspec.json.encode(dict(sorted(after.items()))).decode()
    if after != typical:
        records.change(work.unit, patron_type, {"messaging": text}, id=kind.id)
        work.record("patron_type", kind.id, "messaging", {"messaging": kind.messaging}, {"messaging": text})
    return of_type(work, code, owner.code)


def _notice(name: str) -> str:
    if name.upper() not in NOTICES:
        raise find.missing("courtesy notice", name.upper(), NOTICES)
    return name.upper()


def _changed(before: Preference, said: Mapping[str, Any]) -> Preference:
    """What differs is switched on, unless it is said to be off."""
    values = {"enabled": True, **{name: value for name, value in said.items() if name in OPTIONS}}
    if "transports" in values:
        values["transports"] = tuple(msgspec.json.decode(transports_of(values["transports"])))
    try:
        return msgspec.convert({**msgspec.structs.asdict(before), **values}, Preference)
    except msgspec.ValidationError as error:
        raise Refused(f"{str(error).rstrip('.')}.") from None


def _defaults(messaging: str) -> dict[str, Preference]:
    try:
        return defaults(messaging)
    except ValueError as error:
        raise Refused(str(error)) from None


def _preference(row: Record) -> Preference:
    ways = tuple(msgspec.json.decode(row["transports"], type=list[str]))
    return Preference(bool(row["enabled"]), row["days_in_advance"], bool(row["digest"]), ways)


def _shown(name: str, said: Preference) -> Record:
    return {"notice": name, **msgspec.structs.asdict(said), "transports": list(said.transports)}
