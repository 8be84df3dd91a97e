"""Executing a session (OF-33, OF-36): the lines of all its files in one order, each in its own transaction.

A line and what became of it are one transaction: whatever ends the loader, it goes on with the first line
that is not done, and the end is that of an undisturbed run (PT-11).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from sip2d.desk.place import Desk
from sip2d.desk.staff.authorise import Act, Staff
from sip2d.desk.staff.work import Refused, Work
from sip2d.offline import words
from sip2d.offline.execute import Result, execute
from sip2d.policy.facts import Mode
from sip2d.policy.setting_names import settings_of
from sip2d.store import offline, records, tables
from sip2d.store.offline import Place, Waiting
from sip2d.store.records import Record
from sip2d.store.times import instant
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface

T = TypeVar("T")


class Calls(Protocol):
    """The part of the store that runs units."""

    def call(self, writes: bool, name: str, work: Callable[[Unit], T], lane: int = 0) -> T: ...


class Plan(msgspec.Struct, frozen=True):
    """A session to execute: its pending lines in order, when each of its batches was uploaded, by whose
    clock, and how many lines nobody can read."""

    session_id: int
    order: tuple[Place, ...]
    uploaded: dict[int, datetime]
    zones: dict[int, ZoneInfo]
    unreadable: int


class Proposal(msgspec.Struct, frozen=True):
    """What would become of a line."""

    place: Place
    line: Waiting
    result: Result


class _Undone(Exception):
    """Takes a review back and brings out what it found."""

    def __init__(self, found: list[Proposal]) -> None:
        super().__init__()
        self.found = found


def merged(places: Iterable[Place]) -> list[Place]:
    """The order of OF-33: by corrected time, then file, then line; but the lines of one file always in
    its own order, so one that goes back in time waits for those before it."""
    latest: dict[int, datetime] = {}
    keyed = []
    for place in places:
        at = max(place.happened_at, latest.get(place.batch_id, place.happened_at))
        latest[place.batch_id] = at
        keyed.append((at, place.batch_id, place.number, place))
    return [entry[-1] for entry in sorted(keyed, key=lambda entry: entry[:3])]


def plan(work: Work, session: Record) -> Plan:
    """What is to be executed. Denied for who may not at a branch of a file (OF-10)."""
    uploaded, zones, unreadable = {}, {}, 0
    for batch in offline.batches(work.unit, session["id"]):
        if batch["status"] == offline.REJECTED:
            continue
        place = work.library.branches[batch["branch_id"]]
        work.require(Act.LOAD_OFFLINE, place.institution_id, place.id)
        uploaded[batch["id"]], zones[batch["id"]] = instant(batch["uploaded_at"]), place.zone
        if batch["status"] == "VALIDATED":
            unreadable += offline.counts(work.unit, batch["id"])["error"]
    if not uploaded:
        raise Refused(f"The session {session['label']!r} has no file to execute.")
    order = [place for place in merged(offline.places(work.unit, session["id"])) if place.pending]
    return Plan(session["id"], tuple(order), uploaded, zones, unreadable)


def apply(
    calls: Calls,
    staff: Staff,
    planned: Plan,
    clock: Callable[[], datetime],
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> None:
    """Execute the plan; ``progress`` hears how many lines of how many are done. Raises what the store raises:
    then what is done is done, and another call of `plan` and `apply` does the rest."""
    for done, place in enumerate(planned.order, start=1):
        uploaded_at = planned.uploaded[place.batch_id]

        def work(unit: Unit, place: Place = place, uploaded_at: datetime = uploaded_at) -> None:
            _one(unit, staff, place, uploaded_at, clock())

        calls.call(True, "offline.line", work)
        progress(done, len(planned.order))
    calls.call(True, "offline.done", lambda unit: _finished(Work(unit, staff, clock()), planned))


def review(calls: Calls, staff: Staff, planned: Plan, now: datetime, limit: int) -> list[Proposal]:
    """What `apply` would make of the first ``limit`` lines: they are executed, and taken back."""

    def work(unit: Unit) -> None:
        found = []
        for place in planned.order[:limit]:
            line = offline.pending(unit, place.batch_id, place.number)
            result = _one(unit, staff, place, planned.uploaded[place.batch_id], now)
            if line is not None and result is not None:
                found.append(Proposal(place, line, result))
        raise _Undone(found)

    try:
        calls.call(True, "offline.review", work)
    except _Undone as undone:
        return undone.found
    raise AssertionError("a review ends by being undone")


def _one(unit: Unit, staff: Staff, place: Place, uploaded_at: datetime, now: datetime) -> Result | None:
    """Execute a line and write down what became of it; None when another was faster."""
    if not offline.take(unit, place.batch_id):
        return None
    line = offline.pending(unit, place.batch_id, place.number)
    if line is None:
        return None
    desk = _desk(unit, staff, line, uploaded_at, now)
    result = execute(unit, desk, line)
    offline.finish(
        unit, place.batch_id, place.number, status=result.status, code=result.code,
        message=" ".join(words.sentence(code) for code in result.codes), warnings=result.warnings,
        event_id=result.event_id, now=now,
    )  # fmt: skip
    for code in result.exceptional:
        offline.add_exception(
            unit, institution_id=desk.institution.id, branch_id=line.branch_id,
            source=f"file:{place.batch_id}:{place.number}", code=code, item=result.item or line.item,
            patron=result.patron or line.patron,
            happened_at=line.happened_at, now=now,
        )  # fmt: skip
    return result


def _desk(unit: Unit, staff: Staff, line: Waiting, uploaded_at: datetime, now: datetime) -> Desk:
    branch = unit.library.branches[line.branch_id]
    owner = unit.library.institutions[branch.institution_id]
    return Desk(
        library=unit.library,
        institution=owner,
        branch=branch,
        settings=settings_of(owner.settings, owner.decimals),
        mode=Mode.NO_BLOCK,
        interface=Interface.OFFLINE_FILE.value,
        actor=staff.login,
        now=now,
        event_at=min(line.happened_at, uploaded_at),  # a clock may be five minutes ahead (OF-35)
        due_floor=uploaded_at,
    )


def _finished(work: Work, planned: Plan) -> None:
    """Every batch that has nothing left is complete; the session is applied when all of them are."""
    for batch_id in planned.uploaded:
        offline.complete(work.unit, batch_id, work.now)
    open_ = [
        batch
        for batch in offline.batches(work.unit, planned.session_id)
        if batch["status"] in ("UPLOADED", "VALIDATED", "PROCESSING")
    ]
    if not open_:
        records.change(work.unit, tables.offline_session, {"status": "APPLIED"}, id=planned.session_id)
    done = {"lines": len(planned.order)}
    work.record("offline_session", planned.session_id, "apply", None, done, library=False)
