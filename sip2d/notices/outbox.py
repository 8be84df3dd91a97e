"""The way of a notice: written in the patron's language (QUEUED to PENDING), sent, recorded.

Every step is one short transaction over a page of notices, and nothing is sent inside one: who sends claims
some letters, sends them, and records how each fared. Who dies in between has sent them, or somebody sends
them again once the claim lapses: twice perhaps, with one Message-ID, but never not at all (JB-13).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sip2d.notices.address import usable
from sip2d.notices.context import Facts
from sip2d.notices.template import Source, TemplateRefused, Unrenderable, Written, one_line, printable, render
from sip2d.notices.texts import Texts
from sip2d.store import notice_templates, notices
from sip2d.store.library import Branch, Institution, Library
from sip2d.store.notices import Letter, Place, Waiting
from sip2d.store.outbox import EMAIL, PRINT, SMS
from sip2d.store.times import instant
from sip2d.store.unit import Unit

PAGE: Final = 20
"""Notices of one transaction."""

CLAIM: Final = timedelta(minutes=10)
"""For so long a claimed letter is nobody else's."""

MOST_AGE: Final = timedelta(days=7)
"""A notice that waited longer is not sent any more: what it says is no longer true."""

BACKOFF: Final = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 240, 720, 1440, 1440))
"""How long after each failed try comes the next; after the last try the notice has FAILED."""

PRINTED_INSTEAD: Final = "ODUE"
"""The type of notices that become letters where they cannot be mailed (LO-17). No other does: membership
notices are never printed (MB-41), and the others only where staff chose letters (LO-74)."""


class Page(msgspec.Struct, frozen=True):
    """What became of a page of notices: how many by state, and the last one's id (0: there were none)."""

    last_id: int
    states: dict[str, int]


def write_page(unit: Unit, texts: Texts, now: datetime, after: int, limit: int = PAGE) -> Page:
    """Write the notices that are due, or say why they cannot be written."""
    library = unit.library
    page = notices.waiting(unit, now, after, limit, _senders(library))
    states: dict[str, int] = {}
    for row in page:
        state = _write(unit, texts, row, now)
        states[state] = states.get(state, 0) + 1
    return Page(page[-1].id if page else 0, states)


def _senders(library: Library) -> Place:
    institutions = frozenset(one.id for one in library.institutions.values() if usable(one.admin_email))
    branches = (
        one.id for one in library.branches.values() if usable(one.email) or one.institution_id in institutions
    )
    return Place(frozenset(branches), institutions)


def sender(owner: Institution, place: Branch | None) -> str | None:
    """Whose address a mail is from: the branch's, else the institution's (LO-11)."""
    return (usable(place.email) if place is not None else None) or usable(owner.admin_email)


class _Ended(Exception):
    """The notice does not go on; its state, and why."""

    def __init__(self, state: str, why: str) -> None:
        super().__init__(why)
        self.state = state


def _write(unit: Unit, texts: Texts, row: Waiting, now: datetime) -> str:
    owner = unit.library.institutions[row.institution_id]
    place = unit.library.branches.get(row.branch_id or 0)
    try:
        if now - instant(row.created_at) > MOST_AGE:
            raise _Ended(notices.FAILED, f"It waited for more than {MOST_AGE.days} days.")
        transport, recipient = _way(unit, row)
        from_ = sender(owner, place)
        if transport == EMAIL and from_ is None:
            raise _Ended(notices.HELD, "Neither the branch nor the institution has an e-mail address.")
        language, written = written_for(unit, texts, row, transport, now)
    except _Ended as end:
        notices.end(unit, row.id, end.state, str(end))
        return end.state
    notices.write(
        unit, row.id, transport=transport, language=language, sender=from_ if transport == EMAIL else None,
        recipient=recipient, subject=written.subject, body=written.body, now=now,
    )  # fmt: skip
    return notices.PENDING


def _way(unit: Unit, row: Waiting) -> tuple[str, str]:
    """How the notice goes, and to what address. A letter stands in for a mail where it may, once a run."""
    if row.patron_id is None or row.deleted_at is not None:
        raise _Ended(notices.UNDELIVERABLE, "There is no such patron any more.")
    address = usable(row.email)
    if row.transport == EMAIL and address is not None:
        return EMAIL, address
    if row.transport != PRINT:
        why = (
            "There is no SMS gateway." if row.transport == SMS else "The patron has no usable e-mail address."
        )
        if row.type.startswith("MEMBERSHIP_") or (row.transport == EMAIL and row.type != PRINTED_INSTEAD):
            raise _Ended(notices.UNDELIVERABLE, why)
        if notices.known(unit, f"{row.dedup_key}|{PRINT}"):
            raise _Ended(notices.UNDELIVERABLE, f"{why} It was printed.")
    elif row.type.startswith("MEMBERSHIP_"):
        raise _Ended(notices.UNDELIVERABLE, "Membership notices are not printed.")
    lines = [one_line(row.name or ""), *printable(row.address or "").splitlines()]
    return PRINT, "\n".join(line.strip() for line in lines if line.strip())


def written_for(unit: Unit, texts: Texts, row: Waiting, transport: str, now: datetime) -> tuple[str, Written]:
    """The language and the text of a notice. Raises `_Ended` where it cannot be written."""
    owner = unit.library.institutions[row.institution_id]
    place = unit.library.branches.get(row.branch_id or 0)
    found = template(unit, texts, owner, place, row.template, transport, row.language)
    if found is None:
        raise _Ended(notices.NO_TEMPLATE, f"There is no template {row.template!r}.")
    language, source = found
    zone = owner.zone if place is None else place.zone
    given: Mapping[str, object] = msgspec.json.decode(row.context, type=dict[str, object])
    values = {**given, **common(owner, place, row.name or "", row.barcode or "", now)}
    try:
        words = texts.words(language, owner, zone)
        return language, render(row.template, source, Facts.of(values), words)
    except (TemplateRefused, Unrenderable) as error:
        raise _Ended(notices.FAILED, f"The template {row.template!r} ({language}): {error}") from None


def common(
    owner: Institution, place: Branch | None, name: str, barcode: str, now: datetime
) -> dict[str, object]:
    """The values that every notice has."""
    zone = owner.zone if place is None else place.zone
    return {
        "patron_name": name,
        "patron_barcode": barcode,
        "branch_name": owner.name if place is None else place.name,
        "library_name": owner.name,
        "today": now.astimezone(zone).date().isoformat(),
    }


def template(
    unit: Unit,
    texts: Texts,
    owner: Institution,
    place: Branch | None,
    code: str,
    transport: str,
    language: str | None,
) -> tuple[str, Source] | None:
    """The template of a notice to somebody who speaks ``language``; None: there is none (LO-10c)."""
    own = notice_templates.versions(unit, owner.id, None if place is None else place.id, [code])
    return texts.choose(code, transport, (language, owner.language), own.get(code, {}))


# -- sending -------------------------------------------------------------------------------------------------


class Fared(msgspec.Struct, frozen=True):
    """How a letter fared. ``error`` None: it is out of our hands. ``final``: trying again is of no use.
    ``tried`` False: nobody has tried, through no fault of the letter's."""

    letter: Letter
    error: str | None = None
    final: bool = False
    tried: bool = True

    @property
    def result(self) -> str:
        """For counters: sent, failed, retried or deferred."""
        if self.error is None and self.tried:
            return "sent"
        if not self.tried:
            return "deferred"
        return "failed" if self.final or self.letter.attempts + 1 >= len(BACKOFF) else "retried"


def claim(unit: Unit, now: datetime, transport: str, limit: int = PAGE) -> list[Letter]:
    """Letters to send now; what waited for too long is given up instead."""
    letters = notices.claim(unit, now, now + CLAIM, transport, limit)
    oldest = now - MOST_AGE
    for letter in letters:
        if instant(letter.created_at) < oldest:
            notices.fail(unit, letter.id, f"It waited for more than {MOST_AGE.days} days.")
    return [letter for letter in letters if instant(letter.created_at) >= oldest]


def record(unit: Unit, fared: Iterable[Fared], now: datetime) -> dict[str, int]:
    """Record how letters fared; how many by result."""
    results: dict[str, int] = {}
    gone = []
    for one in fared:
        results[one.result] = results.get(one.result, 0) + 1
        match one.result:
            case "sent":
                gone.append(one.letter.id)
            case "deferred":
                notices.again(unit, one.letter.id, now + BACKOFF[0], one.error, attempted=False)
            case "retried":
                wait = BACKOFF[min(one.letter.attempts, len(BACKOFF) - 1)]
                notices.again(unit, one.letter.id, now + wait, one.error, attempted=True)
            case _:
                notices.fail(unit, one.letter.id, one.error or "")
    if gone:
        notices.sent(unit, gone, now)
    return results
