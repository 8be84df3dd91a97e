"""`sip2d report`."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import INSTANT, Branch, Institution, Limit, moment

app = group("Reports.")


@command(app, "bills")
def bills(
    caller: Caller,
    institution: Institution = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="MEMBERSHIP, OVERDUE, LOST ... [default: all]")
    ] = None,
    outstanding: Annotated[bool, typer.Option("--outstanding", help="Only what is unpaid.")] = False,
) -> None:
    """List fees and bills; those of a removed membership policy are waived by hand (MB-8)."""
    from sip2d.desk.staff import bills as reports

    caller.show(
        caller.read(
            "report.bills",
            lambda work: reports.report(
                work, reason=reason, outstanding=outstanding, institution_code=institution
            ),
        )
    )


@command(app, "loans")
def loans(
    caller: Caller,
    as_of: Annotated[str, typer.Option("--as-of", help="A date, or yesterday.")] = "yesterday",
    branch: Branch = None,
    institution: Institution = None,
    status: Annotated[
        str, typer.Option("--status", help="ON_LOAN, AVAILABLE, IN_TRANSIT, ON_HOLD_SHELF, LOST ... or ANY.")
    ] = "ON_LOAN",
    item_type: Annotated[str | None, typer.Option("--item-type", help="Item type code.")] = None,
    due_from: Annotated[
        str | None, typer.Option("--due-from", parser=moment, metavar=INSTANT, help="Due then or later.")
    ] = None,
    due_before: Annotated[
        str | None, typer.Option("--due-before", parser=moment, metavar=INSTANT, help="Due before.")
    ] = None,
) -> None:
    """List all items that were on loan at the end of a day (BR-25), or in another status (BR-26)."""
    from sip2d.desk.staff import snapshots

    caller.show(
        caller.read(
            "report.loans",
            lambda work: snapshots.listing(
                work, as_of, branch_name=branch, institution_code=institution, status=status,
                item_type=item_type, due_from=due_from, due_before=due_before,
            ),
        )
    )  # fmt: skip


@command(app, "batches")
def batches(
    caller: Caller,
    batch: Annotated[int | None, typer.Option("--batch", help="The attempts of this one, by its id.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="With --batch: RENEWED, SKIPPED or FAILED.")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Only of so many days.")] = None,
    branch: Branch = None,
    institution: Institution = None,
    limit: Limit = 100,
) -> None:
    """List the bulk renewals that this server took, with totals (BR-21); or one's attempts."""
    from sip2d.desk.staff import batches as reports

    if batch is None and outcome is not None:
        raise typer.BadParameter("--outcome goes with --batch")
    if batch is not None:
        caller.show(
            caller.read(
                "report.batches",
                lambda work: reports.attempts(work, batch, outcome=outcome, limit=limit),
            )
        )
        return
    caller.show(
        caller.read(
            "report.batches",
            lambda work: reports.listing(work, institution, branch, days=days, limit=limit),
        )
    )
