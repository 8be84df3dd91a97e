"""`sip2d item`."""

from typing import Annotated

import typer

from sip2d.cli import files
from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Institution, Limit, Text

app = group("Items and their titles.")

Barcode = Annotated[str, typer.Argument(help="Barcode.")]
Title = Annotated[str | None, typer.Option("--title", help="For every copy of the title.")]
Author = Annotated[str | None, typer.Option("--author")]
Number = Annotated[str | None, typer.Option("--title-number", help="Copies of a title share it.")]
Type = Annotated[str | None, typer.Option("--type", help="Code of the item type.")]
CallNumber = Annotated[str | None, typer.Option("--call-number")]
Collection = Annotated[str | None, typer.Option("--collection")]
Properties = Annotated[str | None, typer.Option("--properties")]
Price = Annotated[str | None, typer.Option("--price", help="Such as 12.50; empty: that of the type.")]
NotForLoan = Annotated[bool | None, typer.Option("--not-for-loan/--for-loan")]
Withdrawn = Annotated[bool | None, typer.Option("--withdrawn/--not-withdrawn")]


@command(app, "list")
def list_(caller: Caller, text: Text = "", institution: Institution = None, limit: Limit = 100) -> None:
    """List items."""
    from sip2d.desk.staff import items

    caller.show(
        caller.read("item.list", lambda work: items.listing(work, institution, text=text, limit=limit))
    )


@command(app, "show")
def show(caller: Caller, barcode: Barcode, institution: Institution = None) -> None:
    """Show one item."""
    from sip2d.desk.staff import items

    caller.show(caller.read("item.show", lambda work: items.show(work, barcode, institution)))


@command(app, "add")
def add(
    caller: Caller,
    barcode: Barcode,
    title: Annotated[str, typer.Option("--title")],
    type: Annotated[str, typer.Option("--type", help="Code of the item type.")],
    branch: Annotated[str, typer.Option("--branch", help="Home branch.")],
    institution: Institution = None,
    author: Author = None,
    title_number: Number = None,
    call_number: CallNumber = None,
    collection: Collection = None,
    properties: Properties = None,
    price: Price = None,
    not_for_loan: NotForLoan = None,
    withdrawn: Withdrawn = None,
) -> None:
    """Add an item, and its title where the number is new."""
    from sip2d.desk.staff import items

    values = _values(
        title=title, type=type, branch=branch, author=author, title_number=title_number,
        call_number=call_number, collection=collection, properties=properties, price=price,
        not_for_loan=not_for_loan, withdrawn=withdrawn,
    )  # fmt: skip
    caller.show(
        caller.write("item.add", lambda work: items.add(work, barcode, values, institution_code=institution))
    )


@command(app, "set")
def set_(
    caller: Caller,
    barcode: Barcode,
    institution: Institution = None,
    title: Title = None,
    type: Type = None,
    branch: Branch = None,
    author: Author = None,
    title_number: Number = None,
    call_number: CallNumber = None,
    collection: Collection = None,
    properties: Properties = None,
    price: Price = None,
    not_for_loan: NotForLoan = None,
    withdrawn: Withdrawn = None,
    new_barcode: Annotated[str | None, typer.Option("--barcode", help="A new barcode.")] = None,
) -> None:
    """Change an item."""
    from sip2d.desk.staff import items

    values = _values(
        title=title, type=type, branch=branch, author=author, title_number=title_number,
        call_number=call_number, collection=collection, properties=properties, price=price,
        not_for_loan=not_for_loan, withdrawn=withdrawn,
    )  # fmt: skip
    caller.show(
        caller.write(
            "item.set",
            lambda work: items.change(
                work, barcode, values, new_barcode=new_barcode, institution_code=institution
            ),
        )
    )


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
    """Load items from a CSV file: barcode, title, author, title_number, branch, type, call_number, price
    ...
    """
    files.load(
        caller, "item", file, institution=institution, dry_run=dry_run, skip_errors=skip_errors,
        encoding=encoding, delimiter=delimiter,
    )  # fmt: skip


def _values(**given: object) -> dict[str, str]:
    """What was said, as texts: the same that a file says."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in said(**given).items()
    }
