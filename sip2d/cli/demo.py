"""``sip2d demo``: a library to try things on, in the foreground (issue 1.2)."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sip2d.cli import exits
from sip2d.cli.caller import tell

FOLDER = Path(".demo")


def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Where the demo library is kept.")] = FOLDER,
    port: Annotated[int, typer.Option("--port", help="SIP2 port; 0 takes any free one.")] = 6001,
    tls_port: Annotated[int, typer.Option("--tls-port", help="SIP2 over TLS.")] = 6443,
    admin_port: Annotated[int, typer.Option("--admin-port", help="Health and metrics over HTTP.")] = 9109,
    describe: Annotated[
        bool, typer.Option("--describe", help="Print logins and barcodes as JSON; start nothing.")
    ] = False,
) -> None:
    """Make a demo library with patrons, items, loans and fees, and serve it on loopback until Ctrl-C."""
    from sip2d.demo import certificates, plan

    ca_file = str(certificates.files(directory).ca.resolve())
    if describe:
        described = plan.describe(sip2=port, tls=tls_port, admin=admin_port, ca_file=ca_file)
        typer.echo(json.dumps(described, ensure_ascii=False, indent=2))
        return
    from sip2d.demo import run

    try:
        code = run.demo(directory, port=port, tls_port=tls_port, admin_port=admin_port, say=typer.echo)
    except OSError as error:
        if error.filename is not None:
            raise
        tell(f"{error.strerror}: port 0 takes any free one, see `sip2d demo --help`.")
        code = exits.UNAVAILABLE
    raise typer.Exit(code)
