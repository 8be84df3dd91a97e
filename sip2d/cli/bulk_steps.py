"""The steps of ``sip2d bulk-renew``: server, connection, sheet, confirmation, progress, export (BR-32). A
step asks on a terminal for what the flags did not say; elsewhere it says which flag is missing.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import typer

from sip2d.batch import dates, opening, preflight, sheet, show
from sip2d.batch import export as exporting
from sip2d.batch.journal import SUFFIX, Draft, Header, Journal, JournalFault
from sip2d.batch.preflight import Server, Unfit
from sip2d.batch.start import attempt_all, validate_connection
from sip2d.cli import bulk_screen
from sip2d.cli.bulk_codes import (
    CANCELLED,
    INVALID_FILE,
    NO_CONNECTION,
    PORT,
    RENEWED,
    SOME_FAILED,
    TLS_PORT,
)
from sip2d.cli.caller import tell
from sip2d.client.connection import tls_context
from sip2d.client.dialogue import Unreachable
from sip2d.wire.messages import AcsStatus
from sip2d.wire.profile import Profile


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags say. ``asks``: somebody sits at a terminal."""

    file: Path | None = None
    host: str | None = None
    port: int | None = None
    tls: bool | None = None
    ca_file: Path | None = None
    user: str | None = None
    password_stdin: bool = False
    location: str | None = None
    institution: str | None = None
    local_ip: str | None = None
    foreign: bool = False
    window: int | None = None
    resend: bool = False
    local_dates: bool = False
    charset: str = "utf-8"
    terminator: str = "CR"
    error_detection: bool = True
    timeout: float = 15.0
    retries: int = 3
    timezone: str | None = None
    lenient: bool = False
    allow_extra: bool = False
    exclude_file: Path | None = None
    journal: Path | None = None
    output: Path | None = None
    remaining: bool = False
    check: bool = False
    check_connection: bool = False
    yes: bool = False
    asks: bool = False


class _Stop(Exception):
    """The end, with an exit code; the reason was told."""

    def __init__(self, code: int) -> None:
        self.code = code


def begin(given: Given) -> int:
    """The whole way, once, or on a terminal until nobody starts over. The exit code."""
    try:
        if given.check:
            _sheet(given, None)
            return RENEWED
        while True:
            code = _once(given)
            if not given.asks or given.yes or not typer.confirm("Start over with another file?", err=True):
                return code
            given = msgspec.structs.replace(given, file=None, journal=None, output=None, user=None)  # BR-43
    except _Stop as stop:
        return stop.code
    except (typer.Abort, KeyboardInterrupt):
        tell("Given up; nothing was sent.")
        return CANCELLED


def _once(given: Given) -> int:
    server, status = _connected(given)
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
            raise _Stop(CANCELLED)
        draft.commit()
    except BaseException:
        draft.discard()
        raise
    return _carry_out(draft.path, server, given)


def _sheet_at_last(given: Given, server: Server) -> "_Sheet":
    """At a terminal a bad file is followed by the next, until one is good (BR-37)."""
    while True:
        try:
            return _sheet(given, server)
        except _Stop:
            if not given.asks:
                raise
            given = msgspec.structs.replace(given, file=None)


def resume(path: Path, given: Given) -> int:
    """Go on with a batch (BR-41). The exit code."""
    try:
        header = _opened(path).header
        given = msgspec.structs.replace(
            given, host=given.host or header.host, port=given.port or header.port or None,
            tls=header.tls if given.tls is None else given.tls,
        )  # fmt: skip
        server, _ = _connected(given)
        return _carry_out(path, server, given)
    except _Stop as stop:
        return stop.code
    except (typer.Abort, KeyboardInterrupt):
        tell("Given up; nothing was sent.")
        return CANCELLED


def export(path: Path, given: Given) -> int:
    """What became of a batch, also of one under way (BR-42). The exit code."""
    try:
        with _journal(path, writes=False) as journal:
            return _export(journal, given.output, given.remaining)
    except _Stop as stop:
        return stop.code


# -- server --------------------------------------------------------------------------------------------------


def _connected(given: Given) -> tuple[Server, AcsStatus]:
    """A server that takes the batch. Raises ``_Stop``."""
    server = _server(given)
    while True:
        try:
            status = validate_connection(server)
        except Unfit as unfit:
            _tell_unfit(unfit)
            if not (given.asks and typer.confirm("Try again?", default=True, err=True)):
                raise _Stop(NO_CONNECTION) from None
            continue
        typer.echo(f"Connected: {server.endpoint}.")
        if not server.foreign and preflight.looks_foreign(status):
            tell("This is not sip2d: one request at a time (--server other).")
            server = msgspec.structs.replace(server, foreign=True)
        return server, status


def _server(given: Given) -> Server:
    host = given.host or _ask(given, "Server", "--host")
    encrypted = given.tls is not False
    port = given.port or (TLS_PORT if encrypted else PORT)
    if given.asks and given.port is None:
        port = int(typer.prompt("Port", default=port, type=int, err=True))
    local = given.local_ip or preflight.local_address(host, port)
    user, password = _login(given, host, port, local)
    try:
        context = tls_context(given.ca_file) if encrypted else None
        profile = msgspec.convert({"charset": given.charset, "terminator": given.terminator}, Profile)
    except Unreachable as fault:
        tell(f"{fault}.")
        raise _Stop(NO_CONNECTION) from None
    return Server(
        host=host, port=port, tls=context, user=user, password=password, location=given.location,
        institution=given.institution, local=given.local_ip, foreign=given.foreign, resend=given.resend,
        window=given.window, local_dates=given.local_dates, profile=profile,
        error_detection=given.error_detection, timeout=given.timeout, retries=given.retries,
    )  # fmt: skip


def _login(given: Given, host: str, port: int, local: str) -> tuple[str, str]:
    """The login: as said, or made up and shown, one value a line (BR-31)."""
    if given.password_stdin:
        if not given.user:
            raise typer.BadParameter("--password-stdin goes with --user")
        return given.user, sys.stdin.readline().rstrip("\r\n")
    if given.user and given.asks:
        return given.user, str(typer.prompt(f"Password of {given.user}", hide_input=True, err=True))
    if not given.asks:
        raise typer.BadParameter("the login is missing: --user and --password-stdin")
    made = preflight.credentials()
    typer.echo("This run's login, until the tool is closed:")
    for name, value in (
        ("Server", f"{host}:{port}"), ("Address", local), ("User", made.user), ("Password", made.password),
    ):  # fmt: skip
        typer.echo(f"  {name + ':':10}{value}")
    typer.echo("An administrator admits it with this command, and types the password:")
    typer.echo(f"  {preflight.admit(local, made.user, given.location)}")
    typer.prompt("Enter when that is done", default="", show_default=False, err=True)
    return made.user, made.password


def _tell_unfit(unfit: Unfit) -> None:
    tell(str(unfit))
    for command in unfit.mend:
        tell(f"  {command}")
    tell("Compare with `sip2d terminal list`; if that does not help, ask your support.")


# -- sheet ---------------------------------------------------------------------------------------------------


class _Sheet(msgspec.Struct, frozen=True):
    """A valid sheet; its draft is there unless it was only checked."""

    file: Path
    zone: ZoneInfo
    report: sheet.Report
    draft: Draft | None


def _sheet(given: Given, server: Server | None) -> _Sheet:
    """A sheet that was read as a whole and is valid, its rows in a journal to be. Raises ``_Stop``."""
    zone = _zone(given)
    file = given.file or Path(_ask(given, "File", "the file").strip().strip('"'))
    try:
        excluded = sheet.exclusions(given.exclude_file) if given.exclude_file else frozenset()
        terms = sheet.Terms(
            zone=zone, now=datetime.now(UTC), lenient=given.lenient, allow_extra=given.allow_extra,
            excluded=excluded,
        )  # fmt: skip
        draft = _draft(given, file, zone, server) if server is not None else None
    except (opening.Unreadable, OSError, JournalFault) as fault:
        tell(f"{given.exclude_file or file}: {_why(fault)}")
        raise _Stop(INVALID_FILE) from None
    try:
        report = sheet.validate(file, terms, draft.add if draft else _nowhere)
        if not report.valid:
            for line in show.faults(report):
                tell(line)
            raise _Stop(INVALID_FILE)
    except BaseException as fault:
        if draft is not None:
            draft.discard()
        if not isinstance(fault, OSError):
            raise
        tell(f"{file}: {_why(fault)}")
        raise _Stop(INVALID_FILE) from None
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
        raise _Stop(INVALID_FILE) from None


def _ask(given: Given, what: str, flag: str) -> str:
    if not given.asks:
        raise typer.BadParameter(f"{flag} is missing")
    return str(typer.prompt(what, err=True))


# -- progress and end ----------------------------------------------------------------------------------------


def _opened(path: Path) -> Journal:
    with _journal(path, writes=False) as journal:
        return journal


def _journal(path: Path, *, writes: bool = True) -> Journal:
    try:
        return Journal(path, writes=writes)
    except JournalFault as fault:
        tell(str(fault))
        raise _Stop(INVALID_FILE) from None


def _carry_out(path: Path, server: Server, given: Given) -> int:
    with _journal(path) as journal:
        tell(f"The batch is kept in {path}.")
        screen = bulk_screen.Screen()
        with _interrupts(screen.cancel):
            ending = attempt_all(journal, server, told=screen.told, cancelled=lambda: screen.cancelled)
        screen.end(ending.progress)
        if ending.fault is not None:
            _tell_unfit(ending.fault)
        left = journal.total - journal.attempted
        if left:
            tell(f"{left} rows are left: sip2d bulk-renew resume {path}")
            tell(f"They as a sheet: sip2d bulk-renew export {path} --remaining -o rest.csv")
        tell(f"Details: sip2d bulk-renew export {path} -o details.csv")
        if given.output is not None:
            _export(journal, given.output, given.remaining)
        elif given.asks and not given.yes:
            _offer_export(journal)
        tell(preflight.end_notice(given.local_ip or preflight.local_address(server.host, server.port)))
        if ending.fault is not None:
            return NO_CONNECTION
        if ending.cancelled:
            return CANCELLED
        return RENEWED if ending.progress.renewed == journal.total else SOME_FAILED


def _offer_export(journal: Journal) -> None:
    name = str(typer.prompt("Export the details to (empty: no)", default="", show_default=False, err=True))
    if name:
        with contextlib.suppress(_Stop):
            _export(journal, Path(name), False)


def _export(journal: Journal, output: Path | None, rest: bool) -> int:
    if output is None:
        write: Callable[..., int] = exporting.remaining if rest else exporting.write
        write(journal, sys.stdout)
        return RENEWED
    try:
        number = exporting.to_file(journal, output, rest=rest)
    except OSError as error:
        tell(f"{output}: {error.strerror}.")
        raise _Stop(SOME_FAILED) from None
    tell(f"{number} rows in {output}.")
    return RENEWED


@contextlib.contextmanager
def _interrupts(cancel: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C cancels, a second one ends the program where it is (BR-40)."""
    import signal

    before = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        cancel()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
