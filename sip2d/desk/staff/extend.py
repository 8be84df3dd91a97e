"""Which open loans are extended, and to when: what `sip2d loans extend` shows first and renews then, as a
bulk renewal (circulation.md 6). Nothing is changed here but the audit log.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.said import first_of, last_of
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.calendar import Calendar, NoOpenDay
from sip2d.policy.due import permanent
from sip2d.store import extending, records
from sip2d.store.extending import OpenLoan
from sip2d.store.library import Branch, Institution
from sip2d.store.records import Record
from sip2d.store.tables import special_closure
from sip2d.store.times import instant

FIRST: Final = 10
MOST_DAYS: Final = 3660
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As the person says it. Dates alone are days of the library; one of ``to``, ``days`` and ``closure``
    says until when: the end of a day or an instant, so many days more, the first open day after a closure.
    """

    institution: str | None = None
    branch: str | None = None
    patron_type: str | None = None
    item_type: str | None = None
    due_from: str | None = None
    due_until: str | None = None
    closure: int | None = None
    to: str | None = None
    days: int | None = None


class Chosen(msgspec.Struct, frozen=True):
    """A loan with its new due date, which is an instant once and for all."""

    patron: str
    item: str
    branch: str
    patron_type: str
    item_type: str
    due_at: datetime
    new_due_at: datetime


class Preview(msgspec.Struct):
    """What would happen. ``left_out`` counts by reason what was found and is not extended; ``recalled`` is
    what a bulk renewal skips (BR-8), ``closed`` what would be due on a day without opening hours.
    """

    loans: int = 0
    by_branch: Counter[str] = msgspec.field(default_factory=Counter)
    by_item_type: Counter[str] = msgspec.field(default_factory=Counter)
    by_patron_type: Counter[str] = msgspec.field(default_factory=Counter)
    left_out: Counter[str] = msgspec.field(default_factory=Counter)
    recalled: int = 0
    closed: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    first: list[Chosen] = msgspec.field(default_factory=list)

    def take(self, one: Chosen) -> None:
        """One more."""
        self.loans += 1
        self.by_branch[one.branch] += 1
        self.by_item_type[one.item_type] += 1
        self.by_patron_type[one.patron_type] += 1
        self.earliest = min(self.earliest or one.new_due_at, one.new_due_at)
        self.latest = max(self.latest or one.new_due_at, one.new_due_at)
        if len(self.first) < FIRST:
            self.first.append(one)


NOT_LATER: Final = "are due then or later already"
STILL_PAST: Final = "would be overdue all the same"
EXCLUDED: Final = "are excluded"
UNSENDABLE: Final = "have a barcode that no message can carry"

Leave = Callable[[str, str], bool]


def choose(
    work: Work, asked: Asked, sink: Callable[[Chosen], None], *, excluded: Leave = lambda patron, item: False
) -> Preview:
    """Find the loans; each goes to ``sink``, in the order they were made. ``excluded``: by the barcodes of
    patron and item.
    """
    owner, place = _place(work, asked)
    goal = _Goal(work, owner, place, asked)
    preview, library = Preview(), work.library
    for loan in extending.loans(work.unit, goal.wanted):
        new = goal.new_due(loan)
        if new is None:
            continue
        reason = _left_out(work, loan, new, excluded)
        if reason:
            preview.left_out[reason] += 1
            continue
        calendar = library.branches[loan.policy_branch_id].calendar
        preview.recalled += loan.recalled
        preview.closed += not calendar.is_open(calendar.local_date(new))
        chosen = Chosen(
            loan.patron, loan.item, library.branches[loan.branch_id].code,
            library.patron_types[loan.patron_type_id].code, library.item_types[loan.item_type_id].code,
            loan.due_at, new,
        )  # fmt: skip
        preview.take(chosen)
        sink(chosen)
    return preview


class Start(msgspec.Struct, frozen=True):
    """Where the renewals of a batch are recorded (BR-15), in whose name, and the zone its dates are told
    in."""

    branch_id: int
    branch: str
    login: str
    zone: str


def prepare(work: Work, asked: Asked, record_at: str | None = None) -> Start:
    """Whether this person may, and where it would be recorded: at the branch named, else that of the loans,
    else the one for renewals, else the first.
    """
    owner, place = _place(work, asked)
    return _start(work, _recorded_at(work, owner, place, record_at), place)


def begin(work: Work, asked: Asked, loans: int, record_at: str | None = None) -> Start:
    """Audit that so many loans are about to be extended."""
    owner, place = _place(work, asked)
    where = _recorded_at(work, owner, place, record_at)
    said = {key: value for key, value in msgspec.to_builtins(asked).items() if value is not None}
    work.record(
        "loans", owner.code, "extend", None, {**said, "loans": loans}, branch_id=where.id, library=False
    )
    return _start(work, where, place)


def again(work: Work, branch_name: str) -> Start:
    """Audit that a batch goes on; whoever resumes it must be allowed to."""
    where = find.branch(work, branch_name)
    owner = work.library.institutions[where.institution_id]
    work.require(Act.EXTEND_LOANS, owner.id, where.id)
    work.record("loans", owner.code, "resume", None, {}, branch_id=where.id, library=False)
    return _start(work, where, where)


def _start(work: Work, where: Branch, place: Branch | None) -> Start:
    owner = work.library.institutions[where.institution_id]
    zone = place.zone if place else owner.zone
    return Start(where.id, f"{owner.code}/{where.code}", work.staff.login, zone.key)


def _place(work: Work, asked: Asked) -> tuple[Institution, Branch | None]:
    place = find.branch(work, asked.branch) if asked.branch else None
    if place is None:
        owner = find.institution(work, asked.institution)
    else:
        owner = work.library.institutions[place.institution_id]
        if asked.institution not in (None, owner.code):
            raise Refused(f"The branch {place.code} is not of {asked.institution}.")
    work.require(Act.EXTEND_LOANS, owner.id, place.id if place else None)
    if place is None and work.staff.branch_ids:
        raise Refused("Say which branch's loans: --branch.")
    return owner, place


def _recorded_at(work: Work, owner: Institution, place: Branch | None, name: str | None) -> Branch:
    if name is not None:
        where = counter.branch_for(work, owner, name)
    elif place is not None:
        where = place
    else:
        own = [one for one in work.library.branches.values() if one.institution_id == owner.id]
        marked = [one for one in own if one.sip2.renewal_branch and one.enabled]
        where = marked[0] if len(marked) == 1 else counter.branch_for(work, owner, None)
    work.require(Act.EXTEND_LOANS, owner.id, where.id)
    return where


def _left_out(work: Work, loan: OpenLoan, new: datetime, excluded: Leave) -> str:
    """Why a loan that was found is not extended, as a sentence without its beginning; empty: it is."""
    if excluded(loan.patron, loan.item):
        return EXCLUDED
    if new <= loan.due_at:
        return NOT_LATER
    if new <= work.now:
        return STILL_PAST
    if any("|" in code or not code.isprintable() for code in (loan.patron, loan.item)):
        return UNSENDABLE
    return ""


class _Goal:
    """Which loans are asked for, and when each is due then."""

    def __init__(self, work: Work, owner: Institution, place: Branch | None, asked: Asked) -> None:
        self._branches = work.library.branches
        self._to, self._days = asked.to, asked.days
        self._instants: dict[str, datetime] = {}
        self._closure: _Closure | None = None
        said = [one is not None for one in (asked.to, asked.days, asked.closure)]
        if not any(said) or all(said[:2]):
            raise Refused("Say until when: --to DATE, --days N, or --closure ID.")
        if asked.days is not None and not 0 < asked.days <= MOST_DAYS:
            raise Refused(f"--days lies between 1 and {MOST_DAYS}.")
        zone = place.zone if place else owner.zone
        if asked.closure is not None:
            self._closure = _Closure(work, owner, asked.closure)
        if asked.to is not None and last_of(asked.to, zone) > permanent(zone):
            raise Refused("No loan is due after 2099-01-01 (BR-16).")
        kind, thing = asked.patron_type, asked.item_type
        self.wanted = extending.Wanted(
            institution_id=owner.id,
            branch_id=place.id if place else None,
            policy_branches=None if self._closure is None else self._closure.branches,
            patron_type_id=find.patron_type(work, owner, kind).id if kind else None,
            item_type_id=find.item_type(work, owner, thing).id if thing else None,
            due_from=first_of(asked.due_from or None, zone),
            due_until=last_of(asked.due_until or None, zone),
        )

    def new_due(self, loan: OpenLoan) -> datetime | None:
        """Its new due date; None: the closure does not concern it."""
        calendar = self._branches[loan.policy_branch_id].calendar
        if self._closure is not None and not self._closure.holds(loan.due_at, calendar):
            return None
        if self._to is not None:
            key = calendar.zone.key
            if key not in self._instants:
                self._instants[key] = last_of(self._to, calendar.zone)
            return self._instants[key]
        local = loan.due_at.astimezone(calendar.zone)
        if self._days is not None:
            return min(calendar.at(local.date() + self._days * _DAY, local.time()), permanent(calendar.zone))
        assert self._closure is not None
        return calendar.at(self._closure.reopening(local.date(), calendar), local.time())


class _Closure:
    """A special closure, and the branches that it closes (CL-1)."""

    def __init__(self, work: Work, owner: Institution, closure_id: int) -> None:
        row = records.one(work.unit, special_closure, id=closure_id)
        place = work.library.branches.get(row["branch_id"] or 0) if row else None
        institution_id = place.institution_id if place else row["institution_id"] if row else None
        if row is None or institution_id != owner.id:
            raise Refused(
                f"{owner.code} has no closure {closure_id}: `sip2d calendar closure list` has the ids."
            )
        self._row: Record = row
        self.branches = extending.followers(work.unit, owner.id, row["branch_id"])
        self._reopened: dict[tuple[int, date], date] = {}

    def holds(self, at: datetime, calendar: Calendar) -> bool:
        """Whether an instant lies in it."""
        row, day = self._row, calendar.local_date(at)
        if row["kind"] == "RECURRING":
            return (day.month, day.day) == (row["month"], row["day"])
        if row["all_day"]:
            return self._first(calendar) <= day <= self._last(calendar)
        return instant(row["starts_at"]) <= at < instant(row["ends_at"])

    def reopening(self, day: date, calendar: Calendar) -> date:
        """The first open day after it; ``day`` lies in it."""
        key = id(calendar), day
        if key not in self._reopened:
            last = day if self._row["kind"] == "RECURRING" else self._last(calendar)
            try:
                self._reopened[key] = calendar.nth_open(last, 1)
            except NoOpenDay as fault:
                raise Refused(f"The calendar has {fault}.") from None
        return self._reopened[key]

    def _first(self, calendar: Calendar) -> date:
        return calendar.local_date(instant(self._row["starts_at"]))

    def _last(self, calendar: Calendar) -> date:
        return calendar.local_date(instant(self._row["ends_at"]) - _SECOND)
