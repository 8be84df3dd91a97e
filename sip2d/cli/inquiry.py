"""`sip2d why`, `sip2d sortbin test`, `sip2d explain`, `sip2d version`."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Institution

sort_bins = group("Sort bins of returned items (HO-8).")

Item = Annotated[str, typer.Argument(help="Item barcode.")]


def why(
    caller: Caller,
    patron: Annotated[str, typer.Argument(help="Patron barcode.")],
    item: Annotated[str | None, typer.Argument(help="Item barcode.")] = None,
    question: Annotated[
        str | None,
        typer.Option("--question", help="CHECKOUT, RENEW, HOLD, PICKUP or STANDING [default: what fits]."),
    ] = None,
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Print each rule of the rulebook, what it saw and what it said."""
    from sip2d.desk.staff import inquiries

    caller.show(
        caller.read(
            "why",
            lambda work: inquiries.why(
                work, patron, item, question=question, institution_code=institution, branch_name=branch
            ),
        )
    )


@command(sort_bins, "test")
def sort_bin_test(caller: Caller, item: Item, institution: Institution = None, branch: Branch = None) -> None:
    """Say into which bin an item returned now would fall, and why."""
    from sip2d.desk.staff import inquiries

    caller.show(
        caller.read(
            "sortbin.test",
            lambda work: inquiries.sort_bin(work, item, institution_code=institution, branch_name=branch),
        )
    )


def explain(
    topic: Annotated[str | None, typer.Argument(help="A message's code or a field: 63, AA.")] = None,
) -> None:
    """Print the reference of the messages, of one message or of one field."""
    from sip2d.wire import reference

    try:
        print(reference.explain(topic), end="")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def version() -> None:
    """Print the version."""
    from sip2d import __version__

    print(f"sip2d {__version__}")


def register(app: typer.Typer) -> None:
    """The commands without a group."""
    command(app, "why")(why)
    app.command("explain")(explain)
    app.command("version")(version)
