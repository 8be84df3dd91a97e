"""`sip2d institution`: the AO tenants."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Enabled

app = group("Institutions: the tenants that AO names.")

Code = Annotated[str, typer.Argument(help="Institution code, as kiosks send it in AO.")]
Name = Annotated[str | None, typer.Option("--name")]
Zone = Annotated[str | None, typer.Option("--timezone", help="IANA zone, such as Europe/Paris.")]
Language = Annotated[str | None, typer.Option("--language", help="en or fr.")]
Email = Annotated[str | None, typer.Option("--admin-email", help="Empty: none.")]
Group = Annotated[str | None, typer.Option("--group", help="Circulation group (CN-10); empty: none.")]
Rank = Annotated[int | None, typer.Option("--group-rank", help="Order within the group.")]


@command(app, "list")
def list_(caller: Caller) -> None:
    """List institutions."""
    from sip2d.desk.staff import institutions

    caller.show(caller.read("institution.list", institutions.listing))


@command(app, "show")
def show(caller: Caller, code: Code) -> None:
    """Show one institution."""
    from sip2d.desk.staff import institutions

    caller.show(caller.read("institution.show", lambda work: institutions.show(work, code)))


@command(app, "add")
def add(
    caller: Caller,
    code: Code,
    timezone: Annotated[str, typer.Option("--timezone", help="IANA zone, such as Europe/Paris.")],
    currency: Annotated[str, typer.Option("--currency", help="ISO 4217 code, such as EUR. Never changes.")],
    name: Name = None,
    language: Language = None,
    admin_email: Email = None,
    group: Group = None,
    group_rank: Rank = None,
) -> None:
    """Add an institution."""
    from sip2d.desk.staff import institutions

    options = said(language=language, admin_email=admin_email, group=group, group_rank=group_rank)
    caller.show(
        caller.write(
            "institution.add",
            lambda work: institutions.add(
                work, code, name=name or code, timezone=timezone, currency=currency, **options
            ),
        )
    )


@command(app, "set")
def set_(
    caller: Caller,
    code: Code,
    name: Name = None,
    timezone: Zone = None,
    language: Language = None,
    admin_email: Email = None,
    group: Group = None,
    group_rank: Rank = None,
    enabled: Enabled = None,
) -> None:
    """Change an institution. Code and currency never change."""
    from sip2d.desk.staff import institutions

    options = said(
        name=name, timezone=timezone, language=language, admin_email=admin_email, group=group,
        group_rank=group_rank, enabled=enabled,
    )  # fmt: skip
    caller.show(caller.write("institution.set", lambda work: institutions.change(work, code, **options)))


@command(app, "disable")
def disable(caller: Caller, code: Code) -> None:
    """Turn every terminal of an institution away, until `set --enabled`."""
    from sip2d.desk.staff import institutions

    caller.show(
        caller.write("institution.disable", lambda work: institutions.change(work, code, enabled=False))
    )


@command(app, "remove")
def remove(caller: Caller, code: Code) -> None:
    """The same as disable: what happened there stays on record."""
    disable(caller, code)
