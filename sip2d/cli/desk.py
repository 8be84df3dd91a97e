"""`sip2d loan`, `sip2d hold`, `sip2d fee`: the desk's acts, done by staff."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import INSTANT, Branch, Institution, Limit, moment

loans = group("Loans.")
holds = group("Holds.")
fees = group("Fees and payments.")

Id = Annotated[int, typer.Argument(help="The id.")]
Patron = Annotated[str, typer.Argument(help="Patron barcode.")]
Item = Annotated[str, typer.Argument(help="Item barcode.")]
OfPatron = Annotated[str | None, typer.Option("--patron", help="Only of this patron.")]
OfItem = Annotated[str | None, typer.Option("--item", help="Item barcode.")]
Due = Annotated[
    str | None,
    typer.Option(
        "--due", parser=moment, metavar=INSTANT, help="A date means its end [default: by the rules]."
    ),
]
Acknowledged = Annotated[bool, typer.Option("--fee-acknowledged", help="The patron accepts the fee.")]
Pickup = Annotated[str | None, typer.Option("--pickup", help="Pickup branch.")]
Until = Annotated[
    str | None,
    typer.Option("--not-needed-after", parser=moment, metavar=INSTANT, help="A date means its end."),
]
Amount = Annotated[str, typer.Argument(help="Such as 12.50.")]


@command(loans, "list")
def loan_list(
    caller: Caller,
    institution: Institution = None,
    patron: OfPatron = None,
    item: OfItem = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only overdue ones.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Ended ones too.")] = False,
    limit: Limit = 100,
) -> None:
    """List loans, those due first first."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.read(
            "loan.list",
            lambda work: circulation.loans(
                work, institution, patron=patron, item=item, closed=closed, overdue=overdue, limit=limit
            ),
        )
    )


@command(loans, "show")
def loan_show(caller: Caller, loan_id: Id, institution: Institution = None) -> None:
    """Show a loan with all that happened to it."""
    from sip2d.desk.staff import circulation

    caller.show(caller.read("loan.show", lambda work: circulation.loan(work, loan_id, institution)))


@command(loans, "add")
def loan_add(
    caller: Caller,
    patron: Patron,
    item: Item,
    institution: Institution = None,
    branch: Branch = None,
    due: Due = None,
    fee_acknowledged: Acknowledged = False,
) -> None:
    """Lend an item."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.write(
            "loan.add",
            lambda work: circulation.lend_item(
                work, patron, item, institution_code=institution, branch_name=branch, due=due,
                fee_acknowledged=fee_acknowledged,
            ),
        )
    )  # fmt: skip


@command(loans, "renew")
def loan_renew(
    caller: Caller,
    item: Item,
    institution: Institution = None,
    branch: Branch = None,
    due: Due = None,
    fee_acknowledged: Acknowledged = False,
) -> None:
    """Renew the loan of an item."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.write(
            "loan.renew",
            lambda work: circulation.renew_item(
                work, item, institution_code=institution, branch_name=branch, due=due,
                fee_acknowledged=fee_acknowledged,
            ),
        )
    )  # fmt: skip


@command(loans, "set")
def loan_set(
    caller: Caller,
    item: Item,
    due: Annotated[str, typer.Option("--due", parser=moment, metavar=INSTANT, help="A date means its end.")],
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Renew the loan of an item until a given moment."""
    loan_renew(caller, item, institution, branch, due)


@command(loans, "return")
def loan_return(caller: Caller, item: Item, institution: Institution = None, branch: Branch = None) -> None:
    """Take an item back, and say where it goes."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.write(
            "loan.return",
            lambda work: circulation.return_item(
                work, item, institution_code=institution, branch_name=branch
            ),
        )
    )


@command(holds, "list")
def hold_list(
    caller: Caller,
    institution: Institution = None,
    patron: OfPatron = None,
    closed: Annotated[bool, typer.Option("--closed", help="Ended ones too.")] = False,
    limit: Limit = 100,
) -> None:
    """List holds, as placed."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.read(
            "hold.list",
            lambda work: circulation.holds(work, institution, patron=patron, closed=closed, limit=limit),
        )
    )


@command(holds, "show")
def hold_show(caller: Caller, hold_id: Id, institution: Institution = None) -> None:
    """Show a hold with its place in the queue."""
    from sip2d.desk.staff import circulation

    caller.show(caller.read("hold.show", lambda work: circulation.hold_of(work, hold_id, institution)))


@command(holds, "add")
def hold_add(
    caller: Caller,
    patron: Patron,
    item: OfItem = None,
    title_number: Annotated[
        str | None, typer.Option("--title-number", help="Any copy of this title.")
    ] = None,
    pickup: Pickup = None,
    not_needed_after: Until = None,
    institution: Institution = None,
) -> None:
    """Place a hold on a title, or on one item."""
    from sip2d.desk.staff import circulation

    if (item is None) == (title_number is None):
        raise typer.BadParameter("give either --item or --title-number")
    caller.show(
        caller.write(
            "hold.add",
            lambda work: circulation.place_hold(
                work, patron, item=item, title_number=title_number, pickup=pickup,
                not_needed_after=not_needed_after, institution_code=institution,
            ),
        )
    )  # fmt: skip


@command(holds, "set")
def hold_set(
    caller: Caller,
    hold_id: Id,
    pickup: Pickup = None,
    not_needed_after: Until = None,
    institution: Institution = None,
) -> None:
    """Change a hold without losing its place."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.write(
            "hold.set",
            lambda work: circulation.change_hold(
                work, hold_id, pickup=pickup, not_needed_after=not_needed_after, institution_code=institution
            ),
        )
    )


@command(holds, "cancel")
def hold_cancel(caller: Caller, hold_id: Id, institution: Institution = None) -> None:
    """Cancel a hold; a copy kept for it goes on."""
    from sip2d.desk.staff import circulation

    caller.show(caller.write("hold.cancel", lambda work: circulation.cancel_hold(work, hold_id, institution)))


@command(fees, "list")
def fee_list(
    caller: Caller,
    institution: Institution = None,
    patron: OfPatron = None,
    paid: Annotated[bool, typer.Option("--paid", help="Settled ones too.")] = False,
    limit: Limit = 100,
) -> None:
    """List fees, oldest first; amounts in minor units."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.read(
            "fee.list",
            lambda work: circulation.fees(work, institution, patron=patron, paid=paid, limit=limit),
        )
    )


@command(fees, "show")
def fee_show(caller: Caller, fee_id: Id, institution: Institution = None) -> None:
    """Show one fee."""
    from sip2d.desk.staff import circulation

    caller.show(caller.read("fee.show", lambda work: circulation.fee_of(work, fee_id, institution)))


@command(fees, "add")
def fee_add(
    caller: Caller,
    patron: Patron,
    amount: Amount,
    kind: Annotated[
        str, typer.Option("--kind", help="MANUAL, OVERDUE, LOST, PROCESSING, MEMBERSHIP, RENTAL.")
    ] = "MANUAL",
    reason: Annotated[str, typer.Option("--reason")] = "",
    item: OfItem = None,
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Raise a fee."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.write(
            "fee.add",
            lambda work: circulation.add_fee(
                work, patron, amount, kind=kind, reason=reason, item=item, institution_code=institution,
                branch_name=branch,
            ),
        )
    )  # fmt: skip


@command(fees, "waive")
def fee_waive(
    caller: Caller,
    fee_id: Id,
    amount: Annotated[str | None, typer.Option("--amount", help="[default: all of it]")] = None,
    institution: Institution = None,
) -> None:
    """Let the patron off a fee, whole or in part."""
    from sip2d.desk.staff import circulation

    caller.show(
        caller.write(
            "fee.waive",
            lambda work: circulation.waive_fee(work, fee_id, amount=amount, institution_code=institution),
        )
    )


@command(fees, "pay")
def fee_pay(
    caller: Caller,
    patron: Patron,
    amount: Amount,
    fee_id: Annotated[
        int | None, typer.Option("--fee", help="Only for this fee [default: oldest first].")
    ] = None,
    payment_type: Annotated[str, typer.Option("--payment-type", help="00 cash, 01 VISA, 02 card.")] = "00",
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Take a payment."""
    from sip2d.desk.staff import circulation

    options = said(institution_code=institution, branch_name=branch)
    caller.show(
        caller.write(
            "fee.pay",
            lambda work: circulation.pay_fees(
                work, patron, amount, fee_id=fee_id, payment_type=payment_type, **options
            ),
        )
    )
