"""`sip2d patron messaging`, `sip2d patron-type messaging`: courtesy notices (LO-5..LO-7)."""

from typing import Annotated, Any

import typer

from sip2d.cli import patron, types
from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command
from sip2d.cli.options import Institution

Notice = Annotated[
    str | None, typer.Option("--notice", help="PREDUE (before) or DUE (on the day); without: only show.")
]
Days = Annotated[int | None, typer.Option("--days", min=0, max=30, help="PREDUE: so many days in advance.")]
Enabled = Annotated[bool | None, typer.Option("--enabled/--disabled", help="Whether it is sent.")]
Digest = Annotated[
    bool | None, typer.Option("--digest/--single", help="One notice for all items of a due date.")
]
Transport = Annotated[list[str] | None, typer.Option("--transport", help="EMAIL, PRINT or SMS.")]
Reset = Annotated[bool, typer.Option("--reset", help="Go back to what was before anything was said.")]


def register() -> None:
    """Put both commands into their groups."""
    command(patron.app, "messaging")(of_patron)
    command(types.patron_types, "messaging")(of_type)


def of_patron(
    caller: Caller,
    barcode: patron.Barcode,
    institution: Institution = None,
    notice: Notice = None,
    days: Days = None,
    enabled: Enabled = None,
    digest: Digest = None,
    transport: Transport = None,
    reset: Reset = False,
) -> None:
    """Show or change what a patron is told before items are due."""
    from sip2d.desk.staff import messaging

    values = _values(notice, days, enabled, digest, transport, reset)
    if notice is None:
        caller.show(
            caller.read("patron.messaging", lambda work: messaging.of_patron(work, barcode, institution))
        )
        return
    caller.show(
        caller.write(
            "patron.messaging",
            lambda work: messaging.set_patron(work, barcode, notice, values, institution),
        )
    )


def of_type(
    caller: Caller,
    code: Annotated[str, typer.Argument(help="Code of the patron type.")],
    institution: Institution = None,
    notice: Notice = None,
    days: Days = None,
    enabled: Enabled = None,
    digest: Digest = None,
    transport: Transport = None,
    reset: Reset = False,
) -> None:
    """Show or change what patrons of a type are told, unless they said otherwise."""
    from sip2d.desk.staff import messaging

    values = _values(notice, days, enabled, digest, transport, reset)
    if notice is None:
        caller.show(
            caller.read("patron-type.messaging", lambda work: messaging.of_type(work, code, institution))
        )
        return
    caller.show(
        caller.write(
            "patron-type.messaging", lambda work: messaging.set_type(work, code, notice, values, institution)
        )
    )


def _values(
    notice: str | None,
    days: int | None,
    enabled: bool | None,
    digest: bool | None,
    transport: list[str] | None,
    reset: bool,
) -> dict[str, Any]:
    values = said(enabled=enabled, days_in_advance=days, digest=digest, transports=transport or None)
    if notice is None and (values or reset):
        raise typer.BadParameter("say which with --notice PREDUE or --notice DUE")
    if notice is not None and bool(values) == reset:
        raise typer.BadParameter("say what changes, or --reset")
    return values
