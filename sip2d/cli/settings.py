"""`sip2d settings`: settings of an institution (circulation.md 16) and presets of them."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, tell
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

app = group("Settings of an institution.")

Name = Annotated[str, typer.Argument(help="The setting's name.")]
Value = Annotated[
    str, typer.Argument(help="The value; an empty text means no limit where there may be none.")
]


@command(app, "list")
def list_(caller: Caller, institution: Institution = None) -> None:
    """List every setting with its value; blank: the default applies."""
    from sip2d.desk.staff import settings

    caller.show(caller.read("settings.list", lambda work: settings.listing(work, institution)))


@command(app, "show")
def show(caller: Caller, name: Name, institution: Institution = None) -> None:
    """Show one setting."""
    from sip2d.desk.staff import settings

    caller.show(caller.read("settings.show", lambda work: settings.show(work, name, institution)))


@command(app, "set")
def set_(caller: Caller, name: Name, value: Value, institution: Institution = None) -> None:
    """Set a setting."""
    _save(caller, name, value, institution)


@command(app, "remove")
def remove(caller: Caller, name: Name, institution: Institution = None) -> None:
    """Go back to a setting's default."""
    _save(caller, name, None, institution)


@command(app, "preset")
def preset(
    caller: Caller,
    name: Annotated[str, typer.Argument(help="lost-item-automation, or one of your own files.")],
    institution: Institution = None,
) -> None:
    """Apply a bundle of settings, lost values and overdue triggers; what it changed is listed."""
    from sip2d.cli import places
    from sip2d.desk.staff import automation

    found = automation.parse(name, places.preset(name, "policies"))
    done, told = caller.write("settings.preset", lambda work: automation.apply(work, found, institution))
    for sentence in filter(None, told):
        tell(sentence)
    caller.show(done)


def _save(caller: Caller, name: str, value: str | None, institution: str | None) -> None:
    from sip2d.desk.staff import settings

    found, warning = caller.write(
        "settings.set", lambda work: settings.change(work, name, value, institution)
    )
    if warning:
        tell(warning)
    caller.show(found)
