"""`sip2d message`: which messages a branch supports, and how far (CN-5)."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, pairs
from sip2d.cli.command import command, group
from sip2d.cli.options import ThisBranch

app = group("Messages that a branch supports.")

Key = Annotated[str, typer.Argument(help="A message's key or code: RENEW or 29.")]
Level = Annotated[str, typer.Option("--support", help="ENABLED, ENABLED_NO_AUTH or DISABLED.")]


@command(app, "list")
def list_(caller: Caller, branch: ThisBranch) -> None:
    """List every message with its level."""
    from sip2d.desk.staff import messages

    caller.show(caller.read("message.list", lambda work: messages.listing(work, branch)))


@command(app, "show")
def show(caller: Caller, key: Key, branch: ThisBranch) -> None:
    """Show a message's level, and the levels it takes."""
    from sip2d.desk.staff import messages

    caller.show(caller.read("message.show", lambda work: messages.show(work, branch, key)))


@command(app, "set")
def set_(
    caller: Caller,
    levels: Annotated[
        list[str], typer.Argument(metavar="KEY=LEVEL...", help="Such as RENEW=ENABLED_NO_AUTH.")
    ],
    branch: ThisBranch,
) -> None:
    """Set the levels of some messages, all or none."""
    from sip2d.desk.staff import messages

    wanted = pairs(levels, "KEY=LEVEL")
    caller.show(caller.write("message.set", lambda work: messages.change(work, branch, wanted)))


@command(app, "add")
def add(caller: Caller, key: Key, branch: ThisBranch, support: Level = "ENABLED") -> None:
    """Support a message."""
    from sip2d.desk.staff import messages

    caller.show(caller.write("message.add", lambda work: messages.change(work, branch, {key: support})))


@command(app, "disable")
def disable(caller: Caller, key: Key, branch: ThisBranch) -> None:
    """Support a message no more: it gets its typed refusal."""
    add(caller, key, branch, "DISABLED")


@command(app, "remove")
def remove(caller: Caller, key: Key, branch: ThisBranch) -> None:
    """The same as disable."""
    disable(caller, key, branch)
