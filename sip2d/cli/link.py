"""`sip2d link`: accounts of one person at several institutions (circulation.md 9.4)."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

app = group("Linked accounts: blocks are copied from the source to the target.")

Id = Annotated[int, typer.Argument(help="The link's id.")]
Mode = Annotated[
    str | None,
    typer.Option("--mode", help="SOURCE_TARGET, or CONSORTIUM_ID where neither account is the primary one."),
]
Copies = Annotated[bool | None, typer.Option("--copy/--no-copy", help="Copy network blocks [default: no].")]


@command(app, "list")
def list_(
    caller: Caller,
    institution: Institution = None,
    patron: Annotated[str | None, typer.Option("--patron", help="Only those of this patron.")] = None,
) -> None:
    """List the links that begin or end at an institution."""
    from sip2d.desk.staff import links

    caller.show(caller.read("link.list", lambda work: links.listing(work, institution, patron=patron)))


@command(app, "add")
def add(
    caller: Caller,
    barcode: Annotated[str, typer.Argument(help="Barcode of the target, the patron here.")],
    source: Annotated[str, typer.Option("--source", help="Barcode of his account there.")],
    source_institution: Annotated[str, typer.Option("--source-institution", help="Institution code.")],
    institution: Institution = None,
    mode: Mode = None,
    copies: Copies = None,
) -> None:
    """Link a patron to his account at another institution."""
    from sip2d.desk.staff import links

    caller.show(
        caller.write(
            "link.add",
            lambda work: links.add(
                work, barcode, source_institution, source, mode=mode or links.MODES[0],
                copies=bool(copies), institution_code=institution,
            ),
        )
    )  # fmt: skip


@command(app, "set")
def set_(caller: Caller, link: Id, mode: Mode = None, copies: Copies = None) -> None:
    """Change a link; the copies follow."""
    from sip2d.desk.staff import links

    caller.show(caller.write("link.set", lambda work: links.change(work, link, mode=mode, copies=copies)))


@command(app, "remove")
def remove(caller: Caller, link: Id) -> None:
    """Remove a link and its copies."""
    from sip2d.desk.staff import links

    caller.show(caller.write("link.remove", lambda work: links.remove(work, link)))


@command(app, "refresh")
def refresh(caller: Caller, link: Id) -> None:
    """Copy the source's network blocks anew."""
    from sip2d.desk.staff import links

    caller.show(caller.write("link.refresh", lambda work: links.refresh(work, link)))
