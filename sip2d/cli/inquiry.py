"""`sip2d why`, `sip2d sortbin`, `sip2d explain`, `sip2d version`."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Institution, ThisBranch

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


@command(sort_bins, "list")
def sort_bin_list(caller: Caller, branch: Branch = None) -> None:
    """List the rules of a branch, or of all, in the order in which they are asked."""
    from sip2d.desk.staff import sortbins

    caller.show(caller.read("sortbin.list", lambda work: sortbins.listing(work, branch)))


@command(sort_bins, "add")
def sort_bin_add(
    caller: Caller,
    bin: Annotated[str, typer.Argument(help="The bin, as the sorter knows it (CL).")],
    branch: ThisBranch,
    rank: Annotated[
        int | None,
        typer.Option("--rank", min=1, help="Its place in the order; 1 is asked first [default: last]."),
    ] = None,
    routing: Annotated[
        str | None, typer.Option("--routing", help="HOLD_HERE, HOLD_ELSEWHERE, TRANSIT or SHELF.")
    ] = None,
    item_type: Annotated[str | None, typer.Option("--item-type", help="Item type.")] = None,
    call_number: Annotated[str | None, typer.Option("--call-number", help="A pattern such as '84*'.")] = None,
    collection: Annotated[str | None, typer.Option("--collection", help="Collection code.")] = None,
    holding_branch: Annotated[
        str | None, typer.Option("--holding-branch", help="Where the item was held before.")
    ] = None,
) -> None:
    """Add a rule; what is not said fits any item."""
    from sip2d.desk.staff import sortbins

    caller.show(
        caller.write(
            "sortbin.add",
            lambda work: sortbins.add(
                work, bin, branch, rank=rank, holding_branch=holding_branch, item_type=item_type,
                call_number=call_number, collection=collection, routing=routing,
            ),
        )
    )  # fmt: skip


@command(sort_bins, "remove")
def sort_bin_remove(
    caller: Caller,
    rule_id: Annotated[int, typer.Argument(help="The rule's id, as `sortbin list` prints it.")],
) -> None:
    """Take a rule away."""
    from sip2d.desk.staff import sortbins

    caller.show(caller.write("sortbin.remove", lambda work: sortbins.remove(work, rule_id)))


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
