"""Jobs and the outbox played on a room: every piece in its own transaction, as the runner does it."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, update

from sip2d.jobs import delivery
from sip2d.jobs.job import Job, Owner, Piece, Run, Tally
from sip2d.notices.post import Post
from sip2d.notices.texts import Texts
from sip2d.store import epoch, outbox
from sip2d.store.tables import branch, institution, notice, patron_type
from tests.support.desks import Room
from tests.support.library import NOW

TEXTS = Texts.shipped()


def play(
    room: Room, job: Job, owner: str | None = None, as_of: datetime = NOW, *, dry_run: bool = False
) -> Tally:
    """Run a job for an institution or branch (by code) or the site; what it counted."""
    with room.unit(writes=False) as unit:
        library = unit.library
    places: list[Owner] = [*library.institutions.values(), *library.branches.values()]
    found = None if owner is None else next(one for one in places if one.code == owner)
    run = Run(job.name, found, library, as_of, dry_run)
    body = job.body(run)
    value: Any = None
    try:
        while True:
            piece = body.send(value)
            value = _done(room, piece, run)
            if isinstance(value, Tally):
                run.tally.add(value)
    except StopIteration:
        return run.tally


class _Undone(Exception):
    """Rolls a piece of a dry run back."""


def _done(room: Room, piece: Piece[Any], run: Run) -> Any:
    value: Any = None
    try:
        with room.unit(writes=piece.writes) as unit:
            run.library = unit.library
            value = piece.work(unit)
            if piece.writes and run.dry_run:
                raise _Undone
    except _Undone:
        pass
    return value


def deliver(room: Room, post: Post, as_of: datetime = NOW) -> Tally:
    """One minute of JB-13."""
    return play(room, delivery.job(post), None, as_of)


def queue(room: Room, type_: str = "HOLD_READY", patron: str = "P1", **given: Any) -> int:
    """A notice in the outbox; its id."""
    values: dict[str, Any] = {
        "institution_id": room.world.institutions["MAIN"],
        "branch_id": room.world.branches["CENTRAL"],
        "patron_id": room.world.patrons[patron],
        "type_": type_,
        "key": f"{type_}|{patron}",
        "context": {"title": "Émile & Détéctives", "author": "Kästner", "barcode": "I1"},
        "now": NOW,
        **given,
    }
    made = room.do(lambda unit: outbox.queue(unit, **values))
    assert made is not None
    return made


def addressed(
    room: Room, address: str | None = "library@example.org", branch_address: str | None = None
) -> None:
    """Give the institution an address, and CENTRAL."""
    with room.unit() as unit:
        unit.core.execute(update(institution).where(institution.c.code == "MAIN").values(admin_email=address))
        unit.core.execute(update(branch).where(branch.c.code == "CENTRAL").values(email=branch_address))
        epoch.bump(unit)


def type_says(room: Room, code: str, **values: object) -> None:
    """Set columns of a patron type."""
    with room.unit() as unit:
        unit.core.execute(update(patron_type).where(patron_type.c.code == code).values(**values))
        epoch.bump(unit)


class Row(msgspec.Struct):
    """A notice as it stands."""

    id: int
    type: str
    state: str
    transport: str
    dedup_key: str
    sender: str | None
    recipient: str | None
    subject: str | None
    body: str | None
    language: str | None
    attempts: int
    not_before: int
    error: str | None
    context: str
    template: str
    branch_id: int | None

    @property
    def titles(self) -> list[str]:
        return sorted(row["title"] for row in msgspec.json.decode(self.context)["items"])


def outbox_of(room: Room) -> list[Row]:
    """All notices, oldest first."""
    columns = [notice.c[name] for name in Row.__struct_fields__]
    with room.unit(writes=False) as unit:
        return [Row(*tuple(row)) for row in unit.core.execute(select(*columns).order_by(notice.c.id))]


def only(room: Room) -> Row:
    """The one notice there is."""
    [found] = outbox_of(room)
    return found
