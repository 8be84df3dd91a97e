"""`sip2d branch`: branches and their SIP2 settings (CN-2, CN-4), and presets (CN-5)."""

from typing import Annotated, Any

import typer

from sip2d.cli.caller import Caller, pairs, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Enabled, Institution, ThisBranch

app = group("Branches and their SIP2 settings.")

Code = Annotated[str, typer.Argument(help="Branch code, or INSTITUTION/CODE.")]
Name = Annotated[str | None, typer.Option("--name")]
Zone = Annotated[str | None, typer.Option("--timezone", help="IANA zone; empty: that of the institution.")]
Email = Annotated[str | None, typer.Option("--email", help="Empty: none.")]
Sip2 = Annotated[
    list[str] | None,
    typer.Option(
        "--sip2", metavar="NAME=VALUE", help="A SIP2 setting; may be repeated. `branch show` lists them."
    ),
]


@command(app, "list")
def list_(caller: Caller, institution: Institution = None) -> None:
    """List branches."""
    from sip2d.desk.staff import branches

    caller.show(caller.read("branch.list", lambda work: branches.listing(work, institution)))


@command(app, "show")
def show(caller: Caller, code: Code) -> None:
    """Show a branch with every SIP2 setting."""
    from sip2d.desk.staff import branches

    caller.show(caller.read("branch.show", lambda work: branches.show(work, code)))


@command(app, "add")
def add(
    caller: Caller,
    code: Annotated[str, typer.Argument(help="Branch code, such as NORTH.")],
    institution: Institution = None,
    name: Name = None,
    timezone: Zone = None,
    email: Email = None,
    sip2: Sip2 = None,
) -> None:
    """Add a branch. With --sip2 it is configured for SIP2 at once."""
    from sip2d.desk.staff import branches

    values = sip2_values(sip2)
    options = said(name=name, timezone=timezone, email=email)
    caller.show(
        caller.write(
            "branch.add",
            lambda work: branches.add(work, code, institution_code=institution, sip2=values, **options),
        )
    )


@command(app, "set")
def set_(
    caller: Caller,
    code: Code,
    name: Name = None,
    timezone: Zone = None,
    email: Email = None,
    enabled: Enabled = None,
    sip2: Sip2 = None,
) -> None:
    """Change a branch. Saving any SIP2 setting makes it CONFIGURED (CN-2)."""
    from sip2d.desk.staff import branches

    values = sip2_values(sip2)
    options = said(new_name=name, timezone=timezone, email=email, enabled=enabled)
    caller.show(caller.write("branch.set", lambda work: branches.change(work, code, sip2=values, **options)))


@command(app, "disable")
def disable(caller: Caller, code: Code) -> None:
    """Turn the terminals of a branch away, until `set --enabled`."""
    from sip2d.desk.staff import branches

    caller.show(caller.write("branch.disable", lambda work: branches.change(work, code, enabled=False)))


@command(app, "remove")
def remove(caller: Caller, code: Code) -> None:
    """The same as disable: what happened there stays on record."""
    disable(caller, code)


@command(app, "unconfigure")
def unconfigure(caller: Caller, code: Code) -> None:
    """Reset the SIP2 settings and messages to NOT_CONFIGURED (CN-2)."""
    from sip2d.desk.staff import branches

    caller.show(caller.write("branch.unconfigure", lambda work: branches.unconfigure(work, code)))


@command(app, "preset")
def preset(
    caller: Caller,
    name: Annotated[str, typer.Argument(help="bulk-renewal, kiosk, verifier, or one of your own files.")],
    branch: ThisBranch,
) -> None:
    """Apply a bundle of settings and message levels, and nothing else."""
    from sip2d.cli import places
    from sip2d.desk.staff import presets

    found = presets.parse(name, places.preset(name))
    caller.show(caller.write("branch.preset", lambda work: presets.apply(work, branch, name, found)))


def sip2_values(words: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE words as the values that the settings take: numbers and booleans by their kind."""
    from sip2d.desk.staff.branches import SIP2_SETTINGS, Whole

    values: dict[str, Any] = {}
    for name, text in pairs(words or ()).items():
        kind = SIP2_SETTINGS.get(name)
        if kind is bool:
            values[name] = {
                "true": True,
                "yes": True,
                "on": True,
                "false": False,
                "no": False,
                "off": False,
            }.get(text.lower(), text)
        elif isinstance(kind, Whole) and text.isdecimal():
            values[name] = int(text)
        else:
            values[name] = text
    return values
