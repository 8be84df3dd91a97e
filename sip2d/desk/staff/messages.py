"""Which messages a branch supports, and how far (CN-5)."""

from collections.abc import Mapping

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.branches import save_sip2
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.store import records
from sip2d.store.library import Branch
from sip2d.store.records import Record
from sip2d.store.tables import branch_message
from sip2d.vocabulary import MessageKey, Support


def key_of(name: str) -> MessageKey:
    """By its key or the request's code: RENEW or 29."""
    for key in MessageKey:
        if name.upper() == key.name or (key.code and name == key.code):
            return key
    raise find.missing("message", name.upper(), (key.name for key in MessageKey))


def level_of(key: MessageKey, level: str) -> Support:
    """A support level that this message takes."""
    word = level.upper()
    if word not in [each.value for each in Support]:
        raise Refused(f"{level!r} is no support level: {', '.join(Support)}.")
    support = Support(word)
    if support not in key.levels:
        raise Refused(f"{key.name} carries no patron password: it takes {' or '.join(key.levels)}.")
    return support


def listing(work: Work, branch_name: str) -> list[Record]:
    """Every message with its level at this branch."""
    place = find.branch(work, branch_name)
    work.require(Act.SEE, place.institution_id, place.id)
    stored = support_of(work, place.id)
    return [_shown(place, key, stored[key]) for key in MessageKey]


def show(work: Work, branch_name: str, name: str) -> Record:
    """One message with its level, and the levels it takes."""
    place = find.branch(work, branch_name)
    work.require(Act.SEE, place.institution_id, place.id)
    key = key_of(name)
    return {
        **_shown(place, key, support_of(work, place.id)[key]),
        "levels": [str(each) for each in key.levels],
    }


def change(work: Work, branch_name: str, wanted: Mapping[str, str]) -> list[Record]:
    """Set the levels of some messages, all or none; the branch is CONFIGURED from then on (CN-2)."""
    place = find.branch(work, branch_name)
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    levels = {(key := key_of(name)): level_of(key, level) for name, level in wanted.items()}
    save(work, place, levels)
    if not place.sip2.configured:
        save_sip2(work, place.id, {})
    return [_shown(place, key, level) for key, level in levels.items()]


def save(work: Work, place: Branch, levels: Mapping[MessageKey, Support]) -> None:
    """Store and audit levels that were checked."""
    stored = {key.name: str(level) for key, level in support_of(work, place.id).items()}
    before, after = changes(stored, {key.name: str(level) for key, level in levels.items()})
    for name, level in after.items():
        known = records.change(
            work.unit, branch_message, {"support": level}, branch_id=place.id, message=name
        )
        if not known:
            records.add(work.unit, branch_message, branch_id=place.id, message=name, support=level)
    if after:
        work.record("branch_message", place.id, "set", before, after, branch_id=place.id)


def support_of(work: Work, branch_id: int) -> dict[MessageKey, Support]:
    """Every message's level as this unit sees it now; DISABLED where nothing is stored."""
    rows = {
        row["message"]: row["support"] for row in records.rows(work.unit, branch_message, branch_id=branch_id)
    }
    return {key: Support(rows.get(key.name, Support.DISABLED)) for key in MessageKey}


def _shown(place: Branch, key: MessageKey, level: Support) -> Record:
    return {"branch": place.code, "message": key.name, "code": key.code, "support": str(level)}
