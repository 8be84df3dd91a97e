"""The steps of `sip2d loans extend`: choose, show, ask, carry out; and of going on with it."""

import csv
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import typer

from sip2d.batch.journal import SUFFIX, Draft, Header, Journal, JournalFault
from sip2d.batch.opening import Unreadable
from sip2d.batch.runner import Ending, Told
from sip2d.batch.sheet import COLUMNS, Row, exclusions
from sip2d.cli.bulk_codes import CANCELLED, INVALID_FILE, RENEWED
from sip2d.cli.bulk_end import Attempt, carry_out, header_of, opened
from sip2d.cli.bulk_end import export as written
from sip2d.cli.bulk_given import Stop
from sip2d.cli.caller import Caller, tell
from sip2d.compose import attempt_inside
from sip2d.daemon.inside import Place
from sip2d.desk.staff import extend as staff
from sip2d.desk.staff.work import Work

COMMAND: Final = "sip2d loans"
Sink = Callable[[staff.Chosen], None]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags of `extend` say."""

    asked: staff.Asked
    exclude_file: Path | None = None
    record_at: str | None = None
    sheet: Path | None = None
    journal: Path | None = None
    output: Path | None = None
    dry_run: bool = False
    yes: bool = False


def extend(caller: Caller, given: Given) -> int:
    """Preview, question, renewals. The exit code."""
    try:
        run = _Extension(caller, given)
        if given.sheet is not None:
            return run.write_sheet(given.sheet)
        if given.dry_run:
            run.show(run.choose(lambda start: None))
            return RENEWED
        return run.carry_out()
    except Stop as stop:
        return stop.code
    except (typer.Abort, KeyboardInterrupt):
        tell("Given up; nothing was changed.")
        return CANCELLED


def resume(caller: Caller, path: Path, record_at: str | None, output: Path | None) -> int:
    """Go on with a batch; a row is never applied twice (BR-18, BR-41). The exit code."""
    try:
        named = record_at or header_of(path).place
        if not named:
            raise typer.BadParameter("this batch was sent to a server: say --record-at, or sip2d bulk-renew")
        start = caller.write("loans.resume", lambda work: staff.again(work, named))
        return carry_out(path, _attempt(caller, start), COMMAND, output=output)
    except Stop as stop:
        return stop.code


def export(path: Path, output: Path | None, rest: bool) -> int:
    """What became of a batch, also of one under way (BR-42). The exit code."""
    try:
        with opened(path, writes=False) as journal:
            return written(journal, output, rest)
    except Stop as stop:
        return stop.code


class _Extension:
    """See `extend`."""

    def __init__(self, caller: Caller, given: Given) -> None:
        self._caller, self._given = caller, given
        self._pairs = _excluded(given.exclude_file)

    def choose(self, sink: Callable[[staff.Start], Sink | None]) -> tuple[staff.Start, staff.Preview]:
        """Find the loans; ``sink`` is told where it would be recorded, and says who takes them."""

        def job(work: Work) -> tuple[staff.Start, staff.Preview]:
            start = staff.prepare(work, self._given.asked, self._given.record_at)
            taker = sink(start) or (lambda one: None)
            return start, staff.choose(work, self._given.asked, taker, excluded=self._leaves)

        return self._caller.read("loans.choose", job)

    def show(self, found: tuple[staff.Start, staff.Preview]) -> int:
        """The preview; how many loans."""
        start, preview = found
        for line in _lines(preview, ZoneInfo(start.zone), start.branch):
            typer.echo(line)
        return preview.loans

    def write_sheet(self, path: Path) -> int:
        """The loans as a sheet: to be sent over the network, or edited (BR-27)."""
        try:
            with path.open("x", encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(COLUMNS)

                def taker(start: staff.Start) -> Sink:
                    zone = ZoneInfo(start.zone)
                    return lambda one: writer.writerow((one.patron, one.item, _text(one, zone)))

                found = self.choose(taker)
                number = self.show(found)
        except FileExistsError:
            tell(f"{path} exists: name another file.")
            raise Stop(INVALID_FILE) from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        zone = found[0].zone
        tell(f"{number} rows in {path}: sip2d bulk-renew {path} --timezone {zone} --host SERVER")
        return RENEWED

    def carry_out(self) -> int:
        """Preview, question, renewals. The exit code."""
        given = self._given
        path = given.journal or Path(f"extend.{self._caller.now:%Y%m%d-%H%M%S}{SUFFIX}")
        drafts: list[Draft] = []
        try:
            found = self.choose(lambda start: _drafted(drafts, path, start, self._caller.now))
            number = self.show(found)
            if not number:
                return RENEWED
            asks = sys.stdin.isatty()
            if not (given.yes or (asks and typer.confirm("Start?", err=True))):
                tell("Nothing was changed." if asks else "Nothing was changed: --yes starts it.")
                return CANCELLED
            start = self._caller.write(
                "loans.extend",
                lambda work: staff.begin(work, given.asked, number, given.record_at),
            )
            drafts[0].commit()
            drafts.clear()
        except JournalFault as fault:
            tell(str(fault))
            return INVALID_FILE
        finally:  # it never was, unless it was committed
            for draft in drafts:
                draft.discard()
        return carry_out(path, _attempt(self._caller, start), COMMAND, output=given.output)

    def _leaves(self, patron: str, item: str) -> bool:
        return not self._pairs.isdisjoint(((patron, item), (None, item), (patron, None)))


def _excluded(file: Path | None) -> frozenset[tuple[str | None, str | None]]:
    if file is None:
        return frozenset()
    try:
        return exclusions(file)
    except (Unreadable, OSError) as fault:
        tell(f"{file}: {fault.strerror if isinstance(fault, OSError) else fault}")
        raise Stop(INVALID_FILE) from None


def _drafted(drafts: list[Draft], path: Path, start: staff.Start, now: datetime) -> Sink:
    """A journal in the making, and who takes its rows: from here on every new due date is an instant."""
    header = Header(
        file="loans extend", zone=start.zone, made_at=int(now.timestamp()), place=start.branch
    )  # fmt: skip
    try:
        draft = Draft(path, header)
    except OSError as error:
        raise JournalFault(f"The journal {path} cannot be written ({error.strerror}): --journal.") from None
    drafts.append(draft)
    zone = ZoneInfo(start.zone)

    def take(one: staff.Chosen) -> None:
        due = int(one.new_due_at.timestamp())
        draft.add(Row(draft.rows + 1, one.patron, one.item, due, _text(one, zone)))

    return take


def _text(one: staff.Chosen, zone: ZoneInfo) -> str:
    """A due date as a sheet has it."""
    return one.new_due_at.astimezone(zone).replace(tzinfo=None).isoformat()


def _attempt(caller: Caller, start: staff.Start) -> Attempt:
    """The runner of every batch, in this process, on the database of the configuration."""
    place = Place(start.branch_id, start.login)

    def attempt(journal: Journal, told: Told, cancelled: Callable[[], bool]) -> Ending:
        return attempt_inside(caller.url(), place, journal, told, cancelled)

    return attempt


# -- the preview ---------------------------------------------------------------------------------------------


def _lines(preview: staff.Preview, zone: ZoneInfo, branch: str) -> Iterator[str]:
    """How many, which, and until when."""
    yield f"{preview.loans} open loans are extended."
    for reason, number in sorted(preview.left_out.items()):
        yield f"{number} {reason}: left out."
    if preview.earliest is None or preview.latest is None:
        return
    yield f"New due date: {_local(preview.earliest, zone)}"
    if preview.latest != preview.earliest:
        yield f"          to: {_local(preview.latest, zone)}"
    for name, counts in (
        ("Branch", preview.by_branch), ("Item type", preview.by_item_type),
        ("Patron type", preview.by_patron_type),
    ):  # fmt: skip
        told = ", ".join(f"{key} {number}" for key, number in counts.most_common())
        yield f"{name + ':':13} {told}"
    if preview.recalled:
        yield f"{preview.recalled} of them are recalled and will be skipped: `sip2d recall extend`."
    if preview.closed:
        yield f"{preview.closed} of them will be due on a day on which their branch is closed."
    yield f"The first {len(preview.first)}:"
    for one in preview.first:
        yield (
            f"  {one.item}  {one.patron}  {one.branch}  {one.item_type}  "
            f"{_local(one.due_at, zone)} -> {_local(one.new_due_at, zone)}"
        )
    yield f"Loan policies are bypassed; the renewals are recorded at {branch}."


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
