"""`sip2d lost-value`, and the commands about lost items in `sip2d item` and `sip2d hold`."""

from typing import Annotated

import typer

from sip2d.cli import desk, item
from sip2d.cli.caller import Caller, tell
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Institution

values = group("Lost values: the words for a lost item.")

Code = Annotated[int, typer.Argument(help="The value's number, from 1 on.")]
Description = Annotated[str | None, typer.Option("--description")]
Auto = Annotated[bool | None, typer.Option("--auto/--by-hand", help="Set by the overdue automation.")]
Claim = Annotated[
    bool | None, typer.Option("--claim/--no-claim", help="The patron claims to have returned it.")
]
Blocks = Annotated[
    bool | None, typer.Option("--blocks-checkin/--allows-checkin", help="Kiosks do not take it back.")
]


@command(values, "list")
def list_(caller: Caller, institution: Institution = None) -> None:
    """List lost values."""
    from sip2d.desk.staff import lostvalues

    caller.show(caller.read("lost-value.list", lambda work: lostvalues.listing(work, institution)))


@command(values, "add")
def add(
    caller: Caller,
    code: Code,
    description: Annotated[str, typer.Argument(help="Such as Lost.")],
    institution: Institution = None,
    auto: Auto = None,
    claim: Claim = None,
    blocks_checkin: Blocks = None,
) -> None:
    """Add a lost value."""
    from sip2d.desk.staff import lostvalues

    flags = {"is_auto": auto, "claims_returned": claim, "blocks_checkin": blocks_checkin}
    caller.show(
        caller.write(
            "lost-value.add",
            lambda work: lostvalues.add(work, code, description, flags, institution_code=institution),
        )
    )


@command(values, "set")
def set_(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    description: Description = None,
    auto: Auto = None,
    claim: Claim = None,
    blocks_checkin: Blocks = None,
) -> None:
    """Change a lost value."""
    from sip2d.desk.staff import lostvalues

    flags = {"is_auto": auto, "claims_returned": claim, "blocks_checkin": blocks_checkin}
    caller.show(
        caller.write(
            "lost-value.set",
            lambda work: lostvalues.change(work, code, description, flags, institution_code=institution),
        )
    )


@command(values, "remove")
def remove(caller: Caller, code: Code, institution: Institution = None) -> None:
    """Remove a lost value that nothing uses."""
    from sip2d.desk.staff import lostvalues

    caller.show(
        caller.write(
            "lost-value.remove", lambda work: lostvalues.remove(work, code, institution_code=institution)
        )
    )


@command(item.app, "lost")
def item_lost(
    caller: Caller,
    barcode: item.Barcode,
    value: Annotated[int, typer.Option("--value", help="The lost value.")],
    source: Annotated[
        str, typer.Option("--source", help="As from: moredetail, batchmod, additem or claim_returned.")
    ] = "moredetail",
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Declare an item lost: its borrower is charged as the rules say."""
    from sip2d.desk.staff import losses

    caller.show(
        caller.write(
            "item.lost",
            lambda work: losses.lose_item(
                work, barcode, value, source=source, institution_code=institution, branch_name=branch
            ),
        )
    )


@command(item.app, "found")
def item_found(
    caller: Caller, barcode: item.Barcode, institution: Institution = None, branch: Branch = None
) -> None:
    """A lost item is there again, without being returned at a desk."""
    from sip2d.desk.staff import losses

    caller.show(
        caller.write(
            "item.found",
            lambda work: losses.find_item(work, barcode, institution_code=institution, branch_name=branch),
        )
    )


@command(desk.holds, "to-pull")
def hold_to_pull(caller: Caller, institution: Institution = None, branch: Branch = None) -> None:
    """List the holds whose copies stand on a shelf."""
    from sip2d.desk.staff import losses

    caller.show(
        caller.read(
            "hold.to-pull",
            lambda work: losses.to_pull(work, institution_code=institution, branch_name=branch),
        )
    )


@command(desk.holds, "lost")
def hold_lost(caller: Caller, hold_id: desk.Id, institution: Institution = None) -> None:
    """The copy of a hold to pull is not to be found: set it lost, cancel the hold."""
    from sip2d.desk.staff import losses

    shown, warning = caller.write(
        "hold.lost", lambda work: losses.lose_hold(work, hold_id, institution_code=institution)
    )
    if warning:
        tell(warning)
    caller.show(shown)
