"""`sip2d terminal`: who may connect, from where, with which login (CN-6, CN-7, CN-11, CN-12)."""

from typing import Annotated, Any

import typer

from sip2d.cli import passwords
from sip2d.cli.caller import Caller, said, tell
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Enabled, ThisBranch, after
from sip2d.cli.passwords import FromStdin, Generate

app = group("Terminals: who may connect, from where, with which login.")

Name = Annotated[str, typer.Argument(help="A terminal's name, or its id.")]
User = Annotated[str | None, typer.Option("--username", "--user", help="User name of message 93.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Vendor profile [default: standard].")]
About = Annotated[str | None, typer.Option("--description")]
Tls = Annotated[bool | None, typer.Option("--require-tls/--no-require-tls", help="Refuse it without TLS.")]
Resolution = Annotated[bool | None, typer.Option("--group-resolution/--no-group-resolution", help="CN-10.")]
Certificate = Annotated[
    str | None, typer.Option("--client-certificate", help="SHA-256 of its certificate; empty: none.")
]
Quota = Annotated[int | None, typer.Option("--quota", help="Connections at once.")]
AnyBranch = Annotated[
    bool | None, typer.Option("--any-branch/--own-branch", help="CP may name another branch.")
]
Role = Annotated[
    str | None, typer.Option("--override-role", help="Role that its overrides have; empty: none.")
]
AutoOverride = Annotated[
    bool | None, typer.Option("--auto-override/--no-auto-override", help="Override what its role may.")
]
Purpose = Annotated[str | None, typer.Option("--purpose", help="bulk: for bulk renewals; empty: none.")]
Expires = Annotated[str | None, typer.Option("--expires-in", help="Such as 4h or 30d.")]


def _options(**given: Any) -> Any:
    from sip2d.desk.staff.terminals import Options

    return Options(**said(**given))


@command(app, "list")
def list_(
    caller: Caller,
    branch: Branch = None,
    removed: Annotated[bool, typer.Option("--removed", help="Removed ones too.")] = False,
) -> None:
    """List terminals."""
    from sip2d.desk.staff import terminals

    rows = caller.read("terminal.list", lambda work: terminals.listing(work, branch, removed=removed))
    if caller.form == "table":
        short = ("id", "name", "institution", "branch", "address", "username", "state", "profile",
                 "require_tls", "last_used_at")  # fmt: skip
        rows = [{key: row[key] for key in short} for row in rows]
    caller.show(rows)


@command(app, "show")
def show(caller: Caller, name: Name) -> None:
    """Show one terminal."""
    from sip2d.desk.staff import terminals

    caller.show(caller.read("terminal.show", lambda work: terminals.show(work, name)))


@command(app, "add")
def add(
    caller: Caller,
    name: Annotated[str, typer.Argument(help="A name of its own, such as NORTH-01.")],
    branch: ThisBranch,
    address: Annotated[str, typer.Option("--address", "--ip", help="IP address or CIDR block.")],
    username: User = None,
    password_stdin: FromStdin = False,
    generate_password: Generate = False,
    profile: Profile = None,
    description: About = None,
    require_tls: Tls = None,
    group_resolution: Resolution = None,
    client_certificate: Certificate = None,
    quota: Quota = None,
    any_branch: AnyBranch = None,
    override_role: Role = None,
    auto_override: AutoOverride = None,
    purpose: Purpose = None,
    expires_in: Expires = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Not in use yet.")] = False,
) -> None:
    """Add a terminal. Without --username whoever has the address is served, and shares it with nobody
    (CN-6b).
    """
    from sip2d.desk.staff import terminals

    options = _options(
        profile=profile, description=description, require_tls=require_tls, group_resolution=group_resolution,
        client_certificate=client_certificate, quota=quota, any_branch=any_branch,
        override_role=override_role, auto_override=auto_override, purpose=purpose,
    )  # fmt: skip
    expires_at = after(expires_in, caller.now) if expires_in else None
    login, made = _login(username, password_stdin, generate_password)
    found = caller.write(
        "terminal.add",
        lambda work: terminals.add(
            work, name, branch_name=branch, address=address, login=login, enabled=not disabled,
            expires_at=expires_at, options=options,
        ),
    )  # fmt: skip
    _tell(caller, found, made)


@command(app, "set")
def set_(
    caller: Caller,
    name: Name,
    branch: Branch = None,
    address: Annotated[str | None, typer.Option("--address", "--ip", hidden=True)] = None,
    username: User = None,
    reset_password: Annotated[bool, typer.Option("--reset-password", help="Replace the password.")] = False,
    password_stdin: FromStdin = False,
    generate_password: Generate = False,
    profile: Profile = None,
    description: About = None,
    require_tls: Tls = None,
    group_resolution: Resolution = None,
    client_certificate: Certificate = None,
    quota: Quota = None,
    any_branch: AnyBranch = None,
    override_role: Role = None,
    auto_override: AutoOverride = None,
    purpose: Purpose = None,
    expires_in: Expires = None,
    never_expires: Annotated[bool, typer.Option("--never-expires")] = False,
    enabled: Enabled = None,
) -> None:
    """Change a terminal: everything but its address. A new user name or --reset-password takes a new
    password.
    """
    from sip2d.desk.staff import terminals

    options = _options(
        profile=profile, description=description, require_tls=require_tls, group_resolution=group_resolution,
        client_certificate=client_certificate, quota=quota, any_branch=any_branch,
        override_role=override_role, auto_override=auto_override, purpose=purpose,
    )  # fmt: skip
    expires_at = after(expires_in, caller.now) if expires_in else None
    hashed: str | None = None
    made: str | None = None
    if reset_password or password_stdin or generate_password:
        hashed, made = passwords.ask("Password", stdin=password_stdin, generate=generate_password)
    found = caller.write(
        "terminal.set",
        lambda work: terminals.change(
            work, name, branch_name=branch, address=address, username=username, password_hash=hashed,
            reset_password=reset_password, enabled=enabled, expires_at=expires_at,
            never_expires=never_expires, options=options,
        ),
    )  # fmt: skip
    _tell(caller, found, made)


@command(app, "disable")
def disable(caller: Caller, name: Name) -> None:
    """Turn a terminal away, until `set --enabled`; its open connections are closed."""
    from sip2d.desk.staff import terminals

    caller.show(
        caller.write(
            "terminal.disable", lambda work: terminals.change(work, name, enabled=False, action="disable")
        )
    )


@command(app, "remove")
def remove(caller: Caller, name: Name) -> None:
    """Disable a terminal for good; its history stays, its address is free again."""
    from sip2d.desk.staff import terminals

    caller.show(caller.write("terminal.remove", lambda work: terminals.remove(work, name)))


@command(app, "upsert")
def upsert(
    caller: Caller,
    address: Annotated[str, typer.Option("--ip", "--address", help="The address the tool comes from.")],
    username: Annotated[str, typer.Option("--username", "--user", help="The user name the tool made up.")],
    branch: Branch = None,
    password_stdin: FromStdin = False,
    generate_password: Generate = False,
    expires_in: Expires = None,
    description: About = None,
) -> None:
    """Admit a tool with this login from this address, whether there is a terminal of it or not (CN-11)."""
    from sip2d.desk.staff import passing, terminals

    expires_at = after(expires_in, caller.now) if expires_in else None
    login, made = _login(username, password_stdin, generate_password)
    assert login is not None
    found, new = caller.write(
        "terminal.upsert",
        lambda work: passing.upsert(
            work, address=address, login=login, branch_name=branch, expires_at=expires_at,
            options=_options(description=description),
        ),
    )  # fmt: skip
    tell(f"{'Made' if new else 'Gave a new login to'} terminal {found['id']} ({found['name']}).")
    tell(terminals.REMINDER)
    _tell(caller, found, made)


@command(app, "prune")
def prune(
    caller: Caller,
    unused_days: Annotated[
        int, typer.Option("--unused-days", min=1, help="Without traffic for so many days.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
) -> None:
    """Remove terminals that nothing has used for long (CN-12)."""
    from sip2d.desk.staff import passing

    if dry_run:
        rows = caller.read("terminal.prune", lambda work: passing.unused(work, unused_days))
        tell(f"{len(rows)} terminals would be removed.")
    else:
        rows = caller.write("terminal.prune", lambda work: passing.prune(work, unused_days))
        tell(f"{len(rows)} terminals removed.")
    caller.show(rows)


@command(app, "refused")
def refused(caller: Caller) -> None:
    """List the addresses that were turned away, with the command that would admit each (CN-7)."""
    from sip2d.desk.staff import passing

    caller.show(caller.read("terminal.refused", passing.refused))


@command(app, "test")
def try_(
    caller: Caller,
    address: Annotated[str, typer.Option("--from", "--ip", help="The address a kiosk comes from.")],
    user: Annotated[str | None, typer.Option("--user", "--username", help="The user name it sends.")] = None,
    tls: Annotated[bool, typer.Option("--tls/--plain", help="As if it came by TLS.")] = True,
) -> None:
    """Say which terminal would serve a kiosk, and why the others would not. Exit code 1: none would."""
    import ipaddress

    from sip2d.daemon.admission import Admission
    from sip2d.desk.staff.authorise import Act
    from sip2d.desk.staff.work import Work

    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        raise typer.BadParameter(f"{address!r} is no IP address") from None

    def look(work: Work) -> list[dict[str, Any]]:
        own = work.staff.institution_id
        work.require(Act.SEE, own)
        admission = Admission(work.library, per_address=1)
        return [
            {
                "terminal": row.terminal.name,
                "address": str(row.terminal.network),
                "username": row.terminal.username,
                "branch": work.library.branches[row.terminal.branch_id].code,
                "serves": not row.why_not,
                "why_not": list(row.why_not),
            }
            for row in admission.explain(peer, user, tls=tls, now=int(caller.now.timestamp()))
            if own in (None, work.library.branches[row.terminal.branch_id].institution_id)
        ]

    rows = caller.read("terminal.test", look)
    caller.show(rows)
    if not any(row["serves"] for row in rows):
        tell(f"Nothing would serve {address}: `sip2d terminal add NAME --branch BRANCH --address {address}`.")
        raise typer.Exit(1)


def _login(username: str | None, stdin: bool, generate: bool) -> tuple[Any, str | None]:
    from sip2d.desk.staff.terminals import Login

    if username is None:
        if stdin or generate:
            raise typer.BadParameter("a password needs a user name: give --username as well")
        return None, None
    passwords.check("User name", username)
    hashed, made = passwords.ask("Password", stdin=stdin, generate=generate)
    return Login(username, hashed), made


def _tell(caller: Caller, found: dict[str, Any], made: str | None) -> None:
    from sip2d.desk.staff import terminals

    for warning in terminals.warnings(found):
        tell(warning)
    if made is not None:
        tell("The password is shown this once; only its hash is kept.")
        found = {**found, "password": made}
    caller.show(found)
