"""`sip2d staff`: who may do what (GN-8)."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Enabled

app = group("Staff accounts and their roles.")

Login = Annotated[str, typer.Argument(help="Login.")]
Roles = Annotated[
    list[str] | None, typer.Option("--role", help="GENERAL_SYS_ADMIN, CIRC_ADMIN ...; may be repeated.")
]
Name = Annotated[str | None, typer.Option("--name")]
OsUser = Annotated[
    str | None, typer.Option("--os-user", help="The user of this machine who it is; empty: none.")
]


@command(app, "list")
def list_(caller: Caller) -> None:
    """List staff accounts."""
    from sip2d.desk.staff import accounts

    caller.show(caller.read("staff.list", accounts.listing))


@command(app, "show")
def show(caller: Caller, login: Login) -> None:
    """Show one account."""
    from sip2d.desk.staff import accounts

    caller.show(caller.read("staff.show", lambda work: accounts.show(work, login)))


@command(app, "add")
def add(
    caller: Caller,
    login: Login,
    role: Roles = None,
    name: Name = None,
    os_user: OsUser = None,
    institution: Annotated[
        str | None, typer.Option("--institution", help="Only for this institution [default: the whole site].")
    ] = None,
    branch: Annotated[list[str] | None, typer.Option("--branch", help="Only at these branches.")] = None,
) -> None:
    """Add an account. The first of a database takes no account to add: root or the file's owner does."""
    from sip2d.desk.staff import accounts

    options = said(name=name, os_user=os_user, institution_code=institution, branch_codes=branch)
    caller.show(
        caller.write(
            "staff.add",
            lambda work: accounts.add(work, login, roles=role or (), **options),
            makes_account=True,
        )
    )


@command(app, "set")
def set_(
    caller: Caller,
    login: Login,
    role: Roles = None,
    name: Name = None,
    os_user: OsUser = None,
    enabled: Enabled = None,
) -> None:
    """Change an account; --role replaces all its roles."""
    from sip2d.desk.staff import accounts

    options = said(roles=role or None, name=name, os_user=os_user, enabled=enabled)
    caller.show(caller.write("staff.set", lambda work: accounts.change(work, login, **options)))


@command(app, "disable")
def disable(caller: Caller, login: Login) -> None:
    """Close an account; what it did stays on record."""
    from sip2d.desk.staff import accounts

    caller.show(caller.write("staff.disable", lambda work: accounts.change(work, login, enabled=False)))


@command(app, "remove")
def remove(caller: Caller, login: Login) -> None:
    """The same as disable."""
    disable(caller, login)
