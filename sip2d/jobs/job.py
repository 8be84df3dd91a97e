"""A job: a plain function of the library and a moment, that yields bounded pieces of work.

A body is a generator of pieces. The runner does each in a transaction of its own, between those of the
kiosks, and sends back what its work returned:

    def accrue(run: Run) -> Pieces:
        after = 0
        while rows := (yield read(partial(overdue_after, id=after, limit=PIECE))):
            yield write(partial(_accrue, run=run, rows=rows))
            after = rows[-1].id

A work may be run again when its transaction failed, so it changes nothing but the unit: what it counts it
returns as a `Tally`, which the runner adds to the run's once it is committed. A job that was interrupted is
run again from its beginning: every record has its own key (GN-5, PT-8).
"""

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from sip2d.desk.place import Desk
from sip2d.policy.facts import Mode
from sip2d.policy.setting_names import settings_of
from sip2d.store.library import Branch, Institution, Library
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface

T = TypeVar("T")

Owner: TypeAlias = Institution | Branch
"""Whose night it is; None in its place is the whole site."""

PIECE: Final = 50
"""Records that one piece may work on, so that a kiosk waits some ms for one at most."""


class Piece(msgspec.Struct, Generic[T], frozen=True):
    """Work of one transaction; what ``work`` raises rolls it back and fails the run."""

    writes: bool
    work: Callable[[Unit], T]


Pieces: TypeAlias = Generator[Piece[Any], Any, None]


def read(work: Callable[[Unit], T]) -> Piece[T]:
    """A piece that only reads."""
    return Piece(False, work)


def write(work: Callable[[Unit], T]) -> Piece[T]:
    """A piece that may write. A dry run rolls it back after its work was done."""
    return Piece(True, work)


class Tally(msgspec.Struct):
    """What a run did: counts by a word (`accrued`, `skipped` ...) and lines for `sip2d jobs report`, of plain
    values (BL-56)."""

    counters: dict[str, int] = msgspec.field(default_factory=dict)
    report: list[dict[str, object]] = msgspec.field(default_factory=list)

    def count(self, name: str, by: int = 1) -> None:
        """One more, or several."""
        self.counters[name] = self.counters.get(name, 0) + by

    def tell(self, **line: object) -> None:
        """Add a line to the report."""
        self.report.append(line)

    def add(self, other: "Tally") -> None:
        """The sum of both, here."""
        for name, by in other.counters.items():
            self.count(name, by)
        self.report += other.report


class Run(msgspec.Struct):
    """One run of a job for one owner. ``as_of`` is the moment it works for: the scheduled instant, also when
    it is caught up later, and the clock of all that it does (GN-2).

    ``library`` is that of the piece at work. In a ``dry_run`` the pieces that write are rolled back; a body
    asks for it only before it does something outside the database, as sending mail.
    """

    job: str
    owner: Owner | None
    library: Library
    as_of: datetime
    dry_run: bool = False
    tally: Tally = msgspec.field(default_factory=Tally)

    @property
    def institutions(self) -> tuple[Institution, ...]:
        """The institutions that the run is about: its owner's, or all that are in service."""
        match self.owner:
            case Institution(id=institution_id) | Branch(institution_id=institution_id):
                return (self.library.institutions[institution_id],)
        return tuple(owner for owner in self.library.institutions.values() if owner.enabled)

    @property
    def institution(self) -> Institution:
        """The institution of the owner. LookupError for the whole site."""
        if self.owner is None:
            raise LookupError("a job of the site has no institution")
        return self.institutions[0]

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The owner's branch, or all of its institution(s)."""
        if isinstance(self.owner, Branch):
            return (self.library.branches[self.owner.id],)
        about = {owner.id for owner in self.institutions}
        return tuple(branch for branch in self.library.branches.values() if branch.institution_id in about)

    def desk(self, branch: Branch, at: datetime | None = None) -> Desk:
        """The desk of this job at a branch (interface CRON, GN-11); ``at`` instead of `as_of`."""
        branch = self.library.branches[branch.id]
        institution = self.library.institutions[branch.institution_id]
        now = at or self.as_of
        return Desk(
            library=self.library,
            institution=institution,
            branch=branch,
            settings=settings_of(institution.settings, institution.decimals),
            mode=Mode.ONLINE,
            interface=Interface.CRON,
            actor=f"job:{self.job}",
            now=now,
            event_at=now,
        )


class Job(msgspec.Struct, frozen=True):
    """A job of the catalogue. ``schedule`` is cron text in the owner's local time, ``per`` who the owners
    are.

    ``catch_up``, of the periods that were missed: `all` in order; `last`, the newest for the rest of them;
    `today`, the newest if it is still its day (a notice whose day has passed is of no use).
    """

    name: str
    code: str
    title: str
    schedule: str
    per: Literal["branch", "institution", "site"]
    catch_up: Literal["all", "last", "today"]
    body: Callable[[Run], Pieces]
