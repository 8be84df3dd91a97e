"""Block actions: what a block denies, under a code (BL-5). They are the whole site's; the presets 01, 02, 03
and 05 stay as they are, others are made by a GENERAL_SYS_ADMIN.
"""

from collections.abc import Iterable
from typing import Final

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import block_action, block_definition

WORDS: Final = ("LOAN", "RENEW", "HOLD", "ILL")


def listing(work: Work) -> list[Record]:
    """All of them, by code."""
    work.require(Act.SEE, work.staff.institution_id)
    return [_shown(row) for row in records.rows(work.unit, block_action)]


def add(work: Work, code: str, words: Iterable[str]) -> Record:
    """An action of the library's own: which of `WORDS` it denies."""
    work.require(Act.MANAGE_BLOCK_ACTIONS)
    code = code.strip()
    if not 1 <= len(code) <= 20:
        raise Refused("A block action has a code of 1 to 20 characters, such as 04.")
    if records.one(work.unit, block_action, code=code) is not None:
        raise Refused(f"There is a block action {code!r} already.")
    said = {word.strip().upper() for word in words}
    for word in sorted(said - set(WORDS)):
        raise find.missing("thing to deny", word, WORDS)
    if not said:
        raise Refused(f"A block action denies something: {', '.join(WORDS)}.")
    values: Record = {"code": code, "actions": ",".join(word for word in WORDS if word in said), "builtin": 0}
    records.add(work.unit, block_action, **values)
    work.record("block_action", code, "add", None, values)
    return _shown(values)


def remove(work: Work, code: str) -> Record:
    """Take an action away that no definition uses; presets stay."""
    work.require(Act.MANAGE_BLOCK_ACTIONS)
    row = stored(work, code)
    if row["builtin"]:
        raise Refused(f"The block action {code} is a preset: it stays.")
    using = records.count(work.unit, block_definition, action_code=code)
    if using:
        raise Refused(f"The block action {code} is in use (IN_USE): {using} block definitions have it.")
    records.remove(work.unit, block_action, code=code)
    work.record("block_action", code, "remove", row, None)
    return _shown(row)


def stored(work: Work, code: str) -> Record:
    """The row of a code. Raises `Refused`."""
    row = records.one(work.unit, block_action, code=code)
    if row is None:
        known = [each["code"] for each in records.rows(work.unit, block_action)]
        raise find.missing("block action", code, known)
    return row


def _shown(row: Record) -> Record:
    return {"code": row["code"], "actions": row["actions"].split(","), "preset": bool(row["builtin"])}
