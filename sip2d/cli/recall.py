"""`sip2d recall`."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import INSTANT, Branch, Institution, moment

app = group("Recalled loans.")


@command(app, "extend")
def extend(
    caller: Caller,
    item: Annotated[str, typer.Option("--item", help="Item barcode.")],
    due: Annotated[str, typer.Option("--due", parser=moment, metavar=INSTANT, help="A date means its end.")],
    waive: Annotated[bool, typer.Option("--waive", help="Waive the fine of the late return.")] = False,
    fee_acknowledged: Annotated[
        bool, typer.Option("--fee-acknowledged", help="The patron accepts the fee of the new loan.")
    ] = False,
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Give a recalled loan a new due date: the recall ends, the item is taken back and lent again to the same
    patron, and the recall stands again at its place in the queue; all or nothing (BR-9).
    """
    from sip2d.desk.staff import recalls

    caller.show(
        caller.write(
            "recall.extend",
            lambda work: recalls.extend_recalled(
                work, item, due, waive=waive, fee_acknowledged=fee_acknowledged,
                institution_code=institution, branch_name=branch,
            ),
        )
    )  # fmt: skip
