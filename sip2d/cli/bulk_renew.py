"""``sip2d bulk-renew``: many loans to new due dates over SIP2 (circulation.md 6.3). On a terminal it asks for
whatever no flag said; everything can be said by flags.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from sip2d.cli.bulk_given import Given

Text = str | None
ABOUT = "The sheet; or: resume BATCH, export BATCH."


def bulk_renew(
    words: Annotated[list[str] | None, typer.Argument(metavar="[FILE]", help=ABOUT)] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The sheet.")] = None,
    host: Annotated[Text, typer.Option("--host", help="The server.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="[default: 6443; 6001 with --plain]")
    ] = None,
    tls: Annotated[bool | None, typer.Option("--tls/--plain", help="[default: TLS]")] = None,
    endpoint: Annotated[Text, typer.Option("--endpoint", help="A server by its name in --endpoints.")] = None,
    endpoints: Annotated[Path, typer.Option("--endpoints", help="File of named servers.")] = Path(
        "endpoints.toml"
    ),
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", "--ca", help="Certificates of the authority to trust.")
    ] = None,
    user: Annotated[Text, typer.Option("--user", help="[default: made up, and said]")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
    location: Annotated[Text, typer.Option("--location", help="Branch code (CP).")] = None,
    institution: Annotated[Text, typer.Option("--institution", help="AO [default: what 98 says].")] = None,
    local_ip: Annotated[Text, typer.Option("--local-ip", help="The address to come from.")] = None,
    server: Annotated[
        Literal["sip2d", "other"], typer.Option("--server", help="other: one request at a time.")
    ] = "sip2d",
    window: Annotated[
        int | None,
        typer.Option("--window", min=1, max=64, help="Requests at a time [default: 32; other: 1]."),
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Ask another server again although the answer was lost.")
    ] = False,
    local_dates: Annotated[
        bool, typer.Option("--local-dates", help="Dates on the wire without a zone, for other servers.")
    ] = False,
    charset: Annotated[Literal["utf-8", "latin-1", "cp850", "ascii"], typer.Option("--charset")] = "utf-8",
    terminator: Annotated[Literal["CR", "CRLF"], typer.Option("--terminator")] = "CR",
    error_detection: Annotated[
        bool, typer.Option("--error-detection/--no-error-detection", help="AY and AZ.")
    ] = True,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=600, help="Seconds per attempt.")
    ] = 15.0,
    retries: Annotated[int, typer.Option("--retries", min=0, max=99, help="Attempts after the first.")] = 3,
    timezone: Annotated[
        Text, typer.Option("--timezone", help="Zone of the dates [default: this machine's].")
    ] = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="Take days alone and offsets too.")] = False,
    allow_extra: Annotated[bool, typer.Option("--allow-extra", help="Ignore other columns.")] = False,
    exclude_file: Annotated[
        Path | None, typer.Option("--exclude-file", help="Sheet of patrons, items or both to leave out.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Where the batch is kept [default: beside the sheet].")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Export to this new file.")] = None,
    remaining: Annotated[
        bool, typer.Option("--remaining", help="Export the rows without an outcome, as a sheet.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the sheet.")] = False,
    check_connection: Annotated[
        bool, typer.Option("--check-connection", help="Only check the connection.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
) -> None:
    """Renew the loans of a sheet (patron_barcode,item_barcode,due_date), whatever the loan policies say.

    Every attempt is kept in a journal: nothing is lost when it ends early, and `resume` goes on with it.
    Exit codes: 0 all renewed, 1 some were not, 2 the file is invalid, 3 no connection, 130 cancelled.
    """
    from sip2d.batch.endpoints import choose
    from sip2d.cli.bulk_given import Given

    if endpoint is not None:
        try:
            chosen = choose(endpoints, endpoint)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        host, port = host or chosen.host, port or chosen.port
        tls = chosen.tls if tls is None else tls
    given = Given(
        file=file, host=host, port=port, tls=tls, ca_file=ca_file, user=user, password_stdin=password_stdin,
        location=location, institution=institution, local_ip=local_ip, foreign=server == "other",
        window=window, resend=resend, local_dates=local_dates, charset=charset, terminator=terminator,
        error_detection=error_detection, timeout=timeout, retries=retries, timezone=timezone, lenient=lenient,
        allow_extra=allow_extra, exclude_file=exclude_file, journal=journal, output=output,
        remaining=remaining, check=check, check_connection=check_connection, yes=yes,
        asks=sys.stdin.isatty() and sys.stdout.isatty() and not password_stdin,
    )  # fmt: skip
    raise typer.Exit(_chosen(words or [], given))


def _chosen(words: list[str], given: "Given") -> int:
    import msgspec

    from sip2d.cli import bulk_steps

    if words and words[0] in ("resume", "export"):
        if len(words) != 2:
            raise typer.BadParameter(f"say which: sip2d bulk-renew {words[0]} BATCH")
        step = bulk_steps.resume if words[0] == "resume" else bulk_steps.export
        return step(Path(words[1]), given)
    if len(words) > 1 or (words and given.file is not None):
        raise typer.BadParameter("one sheet at a time")
    if words:
        given = msgspec.structs.replace(given, file=Path(words[0]))
    return bulk_steps.begin(given)
