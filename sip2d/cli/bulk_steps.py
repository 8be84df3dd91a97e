"""The steps of ``sip2d bulk-renew``: server, connection, sheet, confirmation, progress, export (BR-32). A
step asks on a terminal for what the flags did not say; elsewhere it says which flag is missing.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import typer

from sip2d.batch import dates, opening, preflight, sheet, show
from sip2d.batch.journal import SUFFIX, Draft, Header, Journal, JournalFault
from sip2d.batch.preflight import Server
from sip2d.batch.runner import Ending, Told
from sip2d.batch.start import attempt_all
from sip2d.cli.bulk_codes import CANCELLED, INVALID_FILE, RENEWED
from sip2d.cli.bulk_end import carry_out, header_of, opened
from sip2d.cli.bulk_end import export as written
from sip2d.cli.bulk_given import Given, Stop, ask
from sip2d.cli.bulk_server import connected, tell_unfit
from sip2d.cli.caller import tell
from sip2d.cli.program import called


def begin(given: Given) -> int:
    """The whole way, once, or on a terminal until nobody starts over. The exit code."""
    try:
        if given.check:
            _sheet(given, None)
            return RENEWED
        while True:
            code = _once(given)
            if not given.asks or given.yes or not _over():
                return code
            given = msgspec.structs.replace(given, file=None, journal=None, output=None, user=None)  # BR-43
    except Stop as stop:
        return stop.code
    except (typer.Abort, KeyboardInterrupt):
        tell("Given up; nothing was sent.")
        return CANCELLED


def _over() -> bool:
    try:
        return bool(typer.confirm("Start over with another file?", err=True))
    except (typer.Abort, KeyboardInterrupt):  # what was sent was sent
        return False


def _once(given: Given) -> int:
    server, status = connected(given)
    if given.check_connection:
        return RENEWED
    found = _sheet_at_last(given, server)
    draft, report = found.draft, found.report
    assert draft is not None
    try:
        dues = report.earliest, report.latest
        for line in show.confirmation(server, status, str(found.file), report.rows, dues, found.zone):
            typer.echo(line)
        if not (given.yes or (given.asks and typer.confirm("Start?", err=True))):
            tell("Nothing was sent." if given.asks else "Nothing was sent: --yes starts it.")
            raise Stop(CANCELLED)
        draft.commit()
    except BaseException:
        draft.discard()
        raise
    return _carry_out(draft.path, server, given)


def _sheet_at_last(given: Given, server: Server) -> "_Sheet":
    """At a terminal a bad file is followed by the next, until one is good (BR-37)."""
    given = _zoned(given)
    while True:
        try:
            return _sheet(given, server)
        except Stop:
            if not given.asks:
                raise
            given = msgspec.structs.replace(given, file=None)


def _zoned(given: Given) -> Given:
    """With the zone of the dates; at a terminal it is asked for until there is such a one (BR-36)."""
    while True:
        try:
            return msgspec.structs.replace(given, timezone=_zone(given).key)
        except Stop:
            if not given.asks or given.timezone:
                raise


def resume(path: Path, given: Given) -> int:
    """Go on with a batch (BR-41). The exit code."""
    try:
        header = header_of(path)
        given = msgspec.structs.replace(
            given, host=given.host or header.host, port=given.port or header.port or None,
            tls=header.tls if given.tls is None else given.tls,
        )  # fmt: skip
        server, _ = connected(given)
        return _carry_out(path, server, given)
    except Stop as stop:
        return stop.code
    except (typer.Abort, KeyboardInterrupt):
        tell("Given up; nothing was sent.")
        return CANCELLED


def export(path: Path, given: Given) -> int:
    """What became of a batch, also of one under way (BR-42). The exit code."""
    try:
        with opened(path, writes=False) as journal:
            return written(journal, given.output, given.remaining)
    except Stop as stop:
        return stop.code


def _carry_out(path: Path, server: Server, given: Given) -> int:
    def attempt(journal: Journal, told: Told, cancelled: Callable[[], bool]) -> Ending:
        return attempt_all(journal, server, told=told, cancelled=cancelled)

    return carry_out(
        path, attempt, f"{called()} bulk-renew", output=given.output, rest=given.remaining,
        offers=given.asks and not given.yes, unfit=tell_unfit,
        after=preflight.end_notice(given.local_ip or preflight.local_address(server.host, server.port)),
    )  # fmt: skip


# -- sheet ---------------------------------------------------------------------------------------------------


class _Sheet(msgspec.Struct, frozen=True):
    """A valid sheet; its draft is there unless it was only checked."""

    file: Path
    zone: ZoneInfo
    report: sheet.Report
    draft: Draft | None


def _sheet(given: Given, server: Server | None) -> _Sheet:
    """A sheet that was read as a whole and is valid, its rows in a journal to be. Raises ``Stop``."""
    zone = _zone(given)
    file = given.file or Path(ask(given, "File", "the file").strip().strip('"'))
    try:
        excluded = sheet.exclusions(given.exclude_file) if given.exclude_file else frozenset()
        terms = sheet.Terms(
            zone=zone, now=datetime.now(UTC), lenient=given.lenient, allow_extra=given.allow_extra,
            excluded=excluded,
        )  # fmt: skip
        draft = _draft(given, file, zone, server) if server is not None else None
    except (opening.Unreadable, OSError, JournalFault) as fault:
        tell(f"{given.exclude_file or file}: {_why(fault)}")
        raise Stop(INVALID_FILE) from None
    try:
        report = sheet.validate(file, terms, draft.add if draft else _nowhere)
        if not report.valid:
            for line in show.faults(report):
                tell(line)
            raise Stop(INVALID_FILE)
    except BaseException as fault:
        if draft is not None:
            draft.discard()
        if not isinstance(fault, OSError):
            raise
        tell(f"{file}: {_why(fault)}")
        raise Stop(INVALID_FILE) from None
    for line in show.preview(report, zone):
        typer.echo(line)
    return _Sheet(file, zone, report, draft)


def _nowhere(row: sheet.Row) -> None:
    """Only checked."""


def _why(fault: Exception) -> str:
    return f"{fault.strerror}." if isinstance(fault, OSError) and fault.strerror else str(fault)


def _draft(given: Given, file: Path, zone: ZoneInfo, server: Server) -> Draft:
    now = datetime.now(UTC)
    path = given.journal or file.with_name(f"{file.stem}.{now:%Y%m%d-%H%M%S}{SUFFIX}")
    header = Header(
        file=file.name, zone=zone.key, made_at=int(now.timestamp()), host=server.host, port=server.port,
        tls=server.tls is not None,
    )  # fmt: skip
    try:
        return Draft(path, header)
    except OSError as error:
        raise JournalFault(f"the journal {path} cannot be written ({_why(error)}): --journal.") from None


def _zone(given: Given) -> ZoneInfo:
    name = given.timezone or dates.machine_zone()
    if given.asks and not given.timezone:
        name = str(typer.prompt("Time zone of the dates", default=name, err=True))
    if not name:
        raise typer.BadParameter("say the zone of the dates: --timezone Europe/Paris")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        tell(f"There is no time zone {name!r}; they are named such as Europe/Paris.")
        raise Stop(INVALID_FILE) from None
