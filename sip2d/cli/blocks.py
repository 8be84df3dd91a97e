"""`sip2d block-description`, `block-definition`, `block-action`, `demerit`, and what `sip2d patron` does
about blocks (circulation.md 9).
"""

from pathlib import Path
from typing import Annotated

import typer

from sip2d.cli import patron
from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import Enabled, Institution

descriptions = group("Block descriptions: the reasons that a block may have.")
definitions = group("Block definitions: what kinds of block there are, and what each denies.")
actions = group("Block actions: what a block denies, under a code.")
demerits = group("The demerit table: points for a late return.")

Code = Annotated[str, typer.Argument(help="Its code.")]
Id = Annotated[str, typer.Argument(help="Its id.")]
CsvFile = Annotated[
    Path, typer.Argument(help="CSV file; its first line names the columns.", exists=True, dir_okay=False)
]
Default = Annotated[
    bool | None, typer.Option("--default/--not-default", help="Taken where none is named; one at most.")
]
Description = Annotated[str | None, typer.Option("--description", help="Code of the block description.")]
Denies = Annotated[str | None, typer.Option("--action", help="Code of the block action, such as 03.")]
Type = Annotated[
    str | None,
    typer.Option(
        "--type", help="CASH, CONSORTIAL, DEMERIT, GENERAL, LOAN, RESOURCE_SHARING or USER [default: USER]."
    ),
]
Override = Annotated[
    str | None,
    typer.Option("--override", help="Who may: ALL, NONE, CIRCDESK or OPERATOR [default: OPERATOR]."),
]
Network = Annotated[
    bool | None,
    typer.Option("--network/--no-network", help="Copied to linked accounts [default: no]."),
]
PatronType = Annotated[str, typer.Option("--patron-type", help="Its code, or ALL.")]
ItemType = Annotated[str, typer.Option("--item-type", help="Its code, or ALL.")]


# -- descriptions --------------------------------------------------------------------------------------------


@command(descriptions, "list")
def description_list(caller: Caller, institution: Institution = None) -> None:
    """List block descriptions in their order."""
    from sip2d.desk.staff import block_descriptions

    caller.show(
        caller.read("block-description.list", lambda work: block_descriptions.listing(work, institution))
    )


@command(descriptions, "add")
def description_add(
    caller: Caller,
    code: Code,
    text: Annotated[str, typer.Argument(help="The reason, as patrons may read it.")],
    institution: Institution = None,
    enabled: Annotated[bool, typer.Option("--enabled/--disabled", help="Whether it is in use.")] = True,
    default: Annotated[bool, typer.Option("--default", help="Taken where none is named.")] = False,
) -> None:
    """Add a block description at the end."""
    from sip2d.desk.staff import block_descriptions

    caller.show(
        caller.write(
            "block-description.add",
            lambda work: block_descriptions.add(
                work, code, text, enabled=enabled, default=default, institution_code=institution
            ),
        )
    )


@command(descriptions, "set")
def description_set(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    new_code: Annotated[str | None, typer.Option("--code", help="Another code.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Another text; blocks in force take it.")] = None,
    enabled: Enabled = None,
    default: Default = None,
) -> None:
    """Change a block description. A disabled one is not for new blocks."""
    from sip2d.desk.staff import block_descriptions

    caller.show(
        caller.write(
            "block-description.set",
            lambda work: block_descriptions.change(
                work, code, new_code=new_code, text=text, enabled=enabled, default=default,
                institution_code=institution,
            ),
        )
    )  # fmt: skip


@command(descriptions, "remove")
def description_remove(caller: Caller, code: Code, institution: Institution = None) -> None:
    """Remove a block description that no definition has."""
    from sip2d.desk.staff import block_descriptions

    caller.show(
        caller.write(
            "block-description.remove", lambda work: block_descriptions.remove(work, code, institution)
        )
    )


@command(descriptions, "order")
def description_order(
    caller: Caller,
    codes: Annotated[list[str], typer.Argument(help="Codes, those that come first.")],
    institution: Institution = None,
) -> None:
    """Put block descriptions into another order."""
    from sip2d.desk.staff import block_descriptions

    caller.show(
        caller.write(
            "block-description.order", lambda work: block_descriptions.order(work, codes, institution)
        )
    )


@command(descriptions, "import")
def description_import(caller: Caller, file: CsvFile, institution: Institution = None) -> None:
    """Load a CSV file: code, description, enabled, default. Known codes are changed; all of it or nothing."""
    from sip2d.desk.staff import block_descriptions

    content = file.read_bytes()
    caller.show(
        caller.write(
            "block-description.import", lambda work: block_descriptions.load(work, content, institution)
        )
    )


# -- definitions ---------------------------------------------------------------------------------------------


@command(definitions, "list")
def definition_list(caller: Caller, institution: Institution = None) -> None:
    """List block definitions in their order."""
    from sip2d.desk.staff import block_definitions

    caller.show(
        caller.read("block-definition.list", lambda work: block_definitions.listing(work, institution))
    )


@command(definitions, "show")
def definition_show(caller: Caller, id: Id, institution: Institution = None) -> None:
    """Show one block definition, and how many blocks stand because of it."""
    from sip2d.desk.staff import block_definitions

    caller.show(
        caller.read("block-definition.show", lambda work: block_definitions.show(work, id, institution))
    )


@command(definitions, "add")
def definition_add(
    caller: Caller,
    id: Id,
    institution: Institution = None,
    description: Description = None,
    action: Denies = None,
    type: Type = None,
    override: Override = None,
    network: Network = None,
) -> None:
    """Add a block definition at the end; it needs a description and an action."""
    _definition(caller, id, institution, True, description, action, type, override, network)


@command(definitions, "set")
def definition_set(
    caller: Caller,
    id: Id,
    institution: Institution = None,
    description: Description = None,
    action: Denies = None,
    type: Type = None,
    override: Override = None,
    network: Network = None,
) -> None:
    """Change a block definition; its id stays. Blocks in force follow."""
    _definition(caller, id, institution, False, description, action, type, override, network)


def _definition(
    caller: Caller,
    code: str,
    institution: str | None,
    new: bool,
    description: str | None,
    action: str | None,
    type_: str | None,
    override: str | None,
    network: bool | None,
) -> None:
    from sip2d.desk.staff import block_definitions

    caller.show(
        caller.write(
            "block-definition.save",
            lambda work: block_definitions.save(
                work, code, new=new, description=description, action=action, type_=type_, override=override,
                network_block=network, institution_code=institution,
            ),
        )
    )  # fmt: skip


@command(definitions, "remove")
def definition_remove(caller: Caller, id: Id, institution: Institution = None) -> None:
    """Remove a block definition that blocks nobody."""
    from sip2d.desk.staff import block_definitions

    caller.show(
        caller.write("block-definition.remove", lambda work: block_definitions.remove(work, id, institution))
    )


# -- actions -------------------------------------------------------------------------------------------------


@command(actions, "list")
def action_list(caller: Caller) -> None:
    """List block actions, presets and the site's own."""
    from sip2d.desk.staff import block_actions

    caller.show(caller.read("block-action.list", block_actions.listing))


@command(actions, "add")
def action_add(
    caller: Caller,
    code: Code,
    words: Annotated[list[str], typer.Argument(help="What it denies: LOAN, RENEW, HOLD, ILL.")],
) -> None:
    """Add a block action for the whole site."""
    from sip2d.desk.staff import block_actions

    caller.show(caller.write("block-action.add", lambda work: block_actions.add(work, code, words)))


@command(actions, "remove")
def action_remove(caller: Caller, code: Code) -> None:
    """Remove a block action that no definition has; presets stay."""
    from sip2d.desk.staff import block_actions

    caller.show(caller.write("block-action.remove", lambda work: block_actions.remove(work, code)))


# -- demerits ------------------------------------------------------------------------------------------------


@command(demerits, "list")
def demerit_list(caller: Caller, institution: Institution = None) -> None:
    """List the table, in the order in which its rows are asked."""
    from sip2d.desk.staff import demerit_rules

    caller.show(caller.read("demerit.list", lambda work: demerit_rules.listing(work, institution)))


@command(demerits, "set")
def demerit_set(
    caller: Caller,
    overdue: Annotated[str, typer.Argument(help="Points for an overdue return.")],
    recalled: Annotated[str, typer.Argument(help="Points where it had been recalled.")],
    institution: Institution = None,
    patron_type: PatronType = "ALL",
    item_type: ItemType = "ALL",
) -> None:
    """Set one row of the table."""
    from sip2d.desk.staff import demerit_rules

    caller.show(
        caller.write(
            "demerit.set",
            lambda work: demerit_rules.put(
                work, patron_type, item_type, overdue, recalled, institution_code=institution
            ),
        )
    )


@command(demerits, "remove")
def demerit_remove(
    caller: Caller,
    institution: Institution = None,
    patron_type: PatronType = "ALL",
    item_type: ItemType = "ALL",
) -> None:
    """Remove one row of the table."""
    from sip2d.desk.staff import demerit_rules

    caller.show(
        caller.write(
            "demerit.remove", lambda work: demerit_rules.remove(work, patron_type, item_type, institution)
        )
    )


@command(demerits, "save")
def demerit_save(caller: Caller, file: CsvFile, institution: Institution = None) -> None:
    """Replace the table by a CSV file: patron_type, item_type, points_overdue, points_recall."""
    from sip2d.desk.staff import demerit_rules

    content = file.read_bytes()
    caller.show(caller.write("demerit.save", lambda work: demerit_rules.save(work, content, institution)))


# -- a patron's blocks ---------------------------------------------------------------------------------------


@command(patron.app, "blocks")
def patron_blocks(
    caller: Caller,
    barcode: patron.Barcode,
    institution: Institution = None,
    ended: Annotated[
        bool, typer.Option("--all", help="Those that have run out or were removed too.")
    ] = False,
) -> None:
    """List a patron's blocks."""
    from sip2d.desk.staff import blocks

    caller.show(
        caller.read("patron.blocks", lambda work: blocks.listing(work, barcode, institution, ended=ended))
    )


@command(patron.app, "block")
def patron_block(
    caller: Caller,
    barcode: patron.Barcode,
    institution: Institution = None,
    definition: Annotated[str | None, typer.Option("--definition", help="Id of a block definition.")] = None,
    description: Annotated[
        str | None,
        typer.Option("--description", help="Or the code of a description: the first definition that has it."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="For staff.")] = "",
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Its last day [default: 9999, no end].")
    ] = None,
) -> None:
    """Block a patron; without definition and description for the default description."""
    from sip2d.desk.staff import blocks

    caller.show(
        caller.write(
            "patron.block",
            lambda work: blocks.block(
                work, barcode, definition=definition, description=description, note=note, until=until,
                institution_code=institution,
            ),
        )
    )  # fmt: skip


@command(patron.app, "unblock")
def patron_unblock(
    caller: Caller,
    barcode: patron.Barcode,
    block: Annotated[int, typer.Option("--block", help="The block's id, as `patron blocks` lists it.")],
    institution: Institution = None,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "STAFF",
) -> None:
    """Lift a block. Demerits that a suspension used stay used."""
    from sip2d.desk.staff import blocks

    caller.show(
        caller.write(
            "patron.unblock",
            lambda work: blocks.unblock(work, barcode, block, reason=reason, institution_code=institution),
        )
    )
