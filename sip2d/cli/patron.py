"""`sip2d patron`."""

from typing import Annotated

import typer

from sip2d.cli import files, passwords
from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Institution, Limit, Text
from sip2d.cli.passwords import FromStdin, Generate

app = group("Patrons.")

Barcode = Annotated[str, typer.Argument(help="Barcode, or another identifier.")]
Name = Annotated[str | None, typer.Option("--name")]
Type = Annotated[str | None, typer.Option("--type", help="Code of the patron type.")]
Email = Annotated[str | None, typer.Option("--email")]
Phone = Annotated[str | None, typer.Option("--phone")]
Address = Annotated[str | None, typer.Option("--address")]
Language = Annotated[str | None, typer.Option("--language", help="Such as fr.")]
Expires = Annotated[
    str | None, typer.Option("--expires-on", help="Last day of the account, such as 2026-12-31.")
]


@command(app, "list")
def list_(caller: Caller, text: Text = "", institution: Institution = None, limit: Limit = 100) -> None:
    """List patrons."""
    from sip2d.desk.staff import patrons

    caller.show(
        caller.read("patron.list", lambda work: patrons.listing(work, institution, text=text, limit=limit))
    )


@command(app, "show")
def show(caller: Caller, barcode: Barcode, institution: Institution = None) -> None:
    """Show one patron with counts, money, blocks and the fourteen flags."""
    from sip2d.desk.staff import patrons

    caller.show(caller.read("patron.show", lambda work: patrons.show(work, barcode, institution)))


@command(app, "add")
def add(
    caller: Caller,
    barcode: Annotated[str, typer.Argument(help="Barcode.")],
    name: Annotated[str, typer.Option("--name")],
    type: Annotated[str, typer.Option("--type", help="Code of the patron type.")],
    branch: Annotated[str, typer.Option("--branch", help="Home branch.")],
    institution: Institution = None,
    email: Email = None,
    phone: Phone = None,
    address: Address = None,
    language: Language = None,
    expires_on: Expires = None,
    password_stdin: FromStdin = False,
    generate_password: Generate = False,
) -> None:
    """Add a patron. A PIN comes by --password-stdin or --generate-password; else there is none."""
    from sip2d.desk.staff import patrons

    values = said(
        name=name, type=type, branch=branch, email=email, phone=phone, address=address, language=language,
        expires_on=expires_on,
    )  # fmt: skip
    hashed, made = None, None
    if password_stdin or generate_password:
        hashed, made = passwords.ask("PIN", stdin=password_stdin, generate=generate_password)
    found = caller.write(
        "patron.add",
        lambda work: patrons.add(work, barcode, values, pin_hash=hashed, institution_code=institution),
    )
    caller.show({**found, "password": made} if made else found)


@command(app, "set")
def set_(
    caller: Caller,
    barcode: Barcode,
    institution: Institution = None,
    name: Name = None,
    type: Type = None,
    branch: Branch = None,
    email: Email = None,
    phone: Phone = None,
    address: Address = None,
    language: Language = None,
    expires_on: Expires = None,
    new_barcode: Annotated[str | None, typer.Option("--barcode", help="A new barcode.")] = None,
    card_lost: Annotated[bool | None, typer.Option("--card-lost/--card-found")] = None,
    reset_password: Annotated[bool, typer.Option("--reset-password", help="Type a new PIN.")] = False,
    password_stdin: FromStdin = False,
    generate_password: Generate = False,
    no_pin: Annotated[bool, typer.Option("--no-pin", help="Take the PIN away.")] = False,
) -> None:
    """Change a patron; an empty value takes away what may be missing."""
    from sip2d.desk.staff import patrons

    values = said(
        name=name, type=type, branch=branch, email=email, phone=phone, address=address, language=language,
        expires_on=expires_on,
    )  # fmt: skip
    hashed, made = None, None
    if reset_password or password_stdin or generate_password:
        hashed, made = passwords.ask("PIN", stdin=password_stdin, generate=generate_password)
    found = caller.write(
        "patron.set",
        lambda work: patrons.change(
            work, barcode, values, new_barcode=new_barcode, pin_hash=hashed, clear_pin=no_pin,
            card_lost=card_lost, institution_code=institution,
        ),
    )  # fmt: skip
    caller.show({**found, "password": made} if made else found)


@command(app, "identifier")
def identifier(
    caller: Caller,
    barcode: Barcode,
    value: Annotated[str, typer.Argument(help="A student number, an old card ...")],
    institution: Institution = None,
) -> None:
    """Give a patron another identifier that kiosks know too (GN-10)."""
    from sip2d.desk.staff import patrons

    caller.show(
        caller.write(
            "patron.identifier",
            lambda work: patrons.identifiers(work, barcode, value, institution_code=institution),
        )
    )


@command(app, "remove")
def remove(caller: Caller, barcode: Barcode, institution: Institution = None) -> None:
    """Delete a patron who has no loans, holds or unpaid fees; the history stays."""
    from sip2d.desk.staff import patrons

    caller.show(caller.write("patron.remove", lambda work: patrons.remove(work, barcode, institution)))


@command(app, "import")
def import_(
    caller: Caller,
    file: files.File,
    institution: Institution = None,
    dry_run: files.DryRun = False,
    skip_errors: files.Skip = False,
    encoding: files.Encoding = None,
    delimiter: files.Delimiter = None,
) -> None:
    """Load patrons from a CSV file: barcode, pin, name, branch, type, email, phone, address, language,
    expires_on.
    """
    files.load(
        caller, "patron", file, institution=institution, dry_run=dry_run, skip_errors=skip_errors,
        encoding=encoding, delimiter=delimiter,
    )  # fmt: skip
