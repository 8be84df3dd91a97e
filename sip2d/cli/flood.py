"""``sip2d flood``: bounded load with rates and latencies."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sip2d.cli import exits

if TYPE_CHECKING:
    from sip2d.sim.flood import FloodReport

PASSWORD_VARIABLE = "SIP2D_CLIENT_PASSWORD"


def flood(
    host: Annotated[str, typer.Option("--host", help="The ACS; loopback unless allowed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 6001,
    allow_remote_host: Annotated[
        str, typer.Option("--allow-remote-host", help="The same host again, if it is another machine.")
    ] = "",
    tls: Annotated[bool, typer.Option("--tls/--plain", help="Over TLS.")] = False,
    ca: Annotated[Path | None, typer.Option("--ca", help="Certificates of the authority to trust.")] = None,
    user: Annotated[str, typer.Option("--user", help="Login user; none where the address is enough.")] = "",
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help=f"First line of stdin [default: ${PASSWORD_VARIABLE}]."),
    ] = False,
    location: Annotated[str, typer.Option("--location", help="CP.")] = "",
    institution: Annotated[str, typer.Option("--institution", help="AO.")] = "",
    connections: Annotated[int, typer.Option("--connections", min=1)] = 50,
    window: Annotated[int, typer.Option("--window", min=1, max=64, help="Requests under way on each.")] = 1,
    count: Annotated[int, typer.Option("--count", min=1, help="At most so many messages.")] = 100_000,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="At most so long.")] = 10.0,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Messages a second, steady; 0: as fast as answers come.")
    ] = 0.0,
    mix: Annotated[
        str, typer.Option("--mix", help="Shares: status=1,patron=2,information=1,renew=1,checkout=1.")
    ] = "status=1",
    patron: Annotated[list[str] | None, typer.Option("--patron", help="Barcode; may be repeated.")] = None,
    item: Annotated[list[str] | None, typer.Option("--item", help="Barcode; may be repeated.")] = None,
    loan: Annotated[
        list[str] | None, typer.Option("--loan", help="PATRON:ITEM to renew; may be repeated.")
    ] = None,
    error_detection: Annotated[
        bool, typer.Option("--error-detection/--no-error-detection", help="AY and AZ.")
    ] = True,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """Put load on an ACS of this machine and print rates and latencies. Exit code 1: there were errors."""
    from sip2d.client.connection import tls_context
    from sip2d.client.dialogue import Unreachable
    from sip2d.sim.flood import FloodPlan, NotAllowed
    from sip2d.sim.run import run

    try:
        plan = FloodPlan(
            host=host, port=port, tls=tls_context(ca) if tls else None,
            user=user, password=_password(user, password_stdin), location=location, institution=institution,
            connections=connections, window=window, count=count, seconds=seconds, rate=rate,
            mix=shares(mix), patrons=tuple(patron or ()), items=tuple(item or ()),
            loans=tuple(_loan(text) for text in loan or ()),
            error_detection=error_detection, allow_remote_host=allow_remote_host,
        )  # fmt: skip
        report = run(plan)
    except (NotAllowed, Unreachable) as error:
        raise typer.BadParameter(str(error)) from None
    _print(report, form)
    if not report.connections:
        raise typer.Exit(exits.UNAVAILABLE)
    raise typer.Exit(exits.SOME_FAILED if report.errors else exits.OK)


def shares(text: str) -> dict[str, float]:
    """``status=1,patron=2`` by kind."""
    found: dict[str, float] = {}
    for part in text.split(","):
        kind, _, share = part.partition("=")
        try:
            found[kind.strip()] = float(share or 1)
        except ValueError:
            raise typer.BadParameter(f"{part!r} is no share such as renew=2") from None
    return found


def _loan(text: str) -> tuple[str, str]:
    patron, colon, item = text.partition(":")
    if not (patron and colon and item):
        raise typer.BadParameter(f"{text!r} is not of the form PATRON:ITEM")
    return patron, item


def _password(user: str, stdin: bool) -> str:
    if not user:
        return ""
    found = sys.stdin.readline().rstrip("\r\n") if stdin else os.environ.get(PASSWORD_VARIABLE, "")
    if not found:
        raise typer.BadParameter(
            f"the password of {user} is missing: --password-stdin, or {PASSWORD_VARIABLE}"
        )
    return found


def _print(report: "FloodReport", form: str) -> None:
    import msgspec

    said: dict[str, Any] = msgspec.to_builtins(report)
    if form == "json":
        typer.echo(json.dumps(said, indent=2))
        return
    typer.echo(
        f"{report.answered} answers in {report.seconds:.2f} s over {report.connections} connections: "
        f"{report.rate:.0f} a second"
    )
    typer.echo(
        f"{'':12}{'count':>9}{'rate/s':>10}{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}{'max ms':>9} refused"
    )
    for kind, one in report.messages.items():
        typer.echo(
            f"{kind:12}{one.count:>9}{one.rate:>10.0f}{one.p50:>9.2f}{one.p90:>9.2f}{one.p99:>9.2f}"
            f"{one.max:>9.2f}{one.refused:>8}"
        )
    for name, number in report.errors.items():
        typer.echo(f"errors: {name} {number}")
