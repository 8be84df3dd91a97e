"""The tools of a desk alone: what needs no database, as a program of its own (`make pyz`)."""

from collections.abc import Sequence

import typer

from sip2d.cli import bulk_renew, capture, client
from sip2d.cli.command import group
from sip2d.cli.program import perform, root

app = root("The tools of a desk: renewals in bulk, the form for days without network, a SIP2 client.")
app.command("bulk-renew")(bulk_renew.bulk_renew)
app.command("client")(client.client)
_offline = group("Offline circulation.")
_offline.callback()(lambda: None)  # a group of one command stays a group
_offline.command("capture")(capture.capture)
app.add_typer(_offline, name="offline")


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    return perform(typer.main.get_command(app), arguments, lambda _fault: None)
