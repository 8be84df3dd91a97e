"""The first steps of ``sip2d bulk-renew``: the server's details, its login, and whether it takes a batch
(BR-31, BR-34).
"""

import sys
from pathlib import Path

import msgspec
import typer

from sip2d.batch import preflight
from sip2d.batch.preflight import Server, Unfit
from sip2d.batch.start import validate_connection
from sip2d.cli.bulk_codes import NO_CONNECTION, PORT, TLS_PORT
from sip2d.cli.bulk_given import Given, Stop, ask
from sip2d.cli.caller import tell
from sip2d.client.connection import tls_context
from sip2d.client.dialogue import Unreachable
from sip2d.wire.messages import AcsStatus
from sip2d.wire.profile import Profile


def connected(given: Given) -> tuple[Server, AcsStatus]:
    """A server that takes the batch. Raises ``Stop``."""
    server = _server(given)
    while True:
        try:
            status = validate_connection(server)
        except Unfit as unfit:
            tell_unfit(unfit)
            if not (given.asks and typer.confirm("Try again?", default=True, err=True)):
                raise Stop(NO_CONNECTION) from None
            server = _again(given, server, unfit)
            continue
        typer.echo(f"Connected: {server.endpoint}.")
        if server.location and status.terminal_location not in (server.location, None):
            tell(f"The server puts this login at {status.terminal_location}, not at {server.location}.")
        if not server.foreign and preflight.looks_foreign(status):
            tell("This is not sip2d: one request at a time (--server other).")
            server = msgspec.structs.replace(server, foreign=True)
        return server, status


def tell_unfit(unfit: Unfit) -> None:
    """What is wrong, and the commands that mend it."""
    tell(str(unfit))
    for command in unfit.mend:
        tell(f"  {command}")
    tell("Compare with `sip2d terminal list`; if that does not help, ask your support.")


def _again(given: Given, server: Server, unfit: Unfit) -> Server:
    """Asks again for what may have been wrong; Enter keeps it. A login that was made up stays: an
    administrator is about to admit it.
    """
    change = msgspec.structs.replace
    if unfit.about == preflight.HOST:
        host = str(typer.prompt("Server", default=server.host, err=True)).strip()
        port = int(typer.prompt("Port", default=server.port, type=int, err=True))
        return change(server, host=host, port=port)
    if unfit.about == preflight.TRUST:
        name = str(typer.prompt("Its authority's certificates (a file)", default="", err=True)).strip()
        try:
            return change(server, tls=tls_context(Path(name))) if name else server
        except Unreachable as fault:
            tell(f"{fault}.")
    if unfit.about == preflight.LOGIN and given.user:
        text = f"Password of {given.user} (Enter: the same)"
        typed = typer.prompt(text, default="", show_default=False, hide_input=True, err=True)
        return change(server, password=str(typed) or server.password)
    return server


def _server(given: Given) -> Server:
    host = (given.host or ask(given, "Server", "--host")).strip()
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
        raise Stop(NO_CONNECTION) from None
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
    if not given.location:
        typer.echo("BRANCH is the code of the branch: `sip2d branch list`.")
    typer.prompt("Enter when that is done", default="", show_default=False, err=True)
    return made.user, made.password
