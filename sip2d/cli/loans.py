"""`sip2d loans`: many loans to new due dates at once, chosen from the database instead of from a sheet (a
bulk renewal without a file). The engine, the journal and the export are those of `sip2d bulk-renew`.
"""

from pathlib import Path
from typing import Annotated

import typer

from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

app = group("Many loans at once.")

Batch = Annotated[Path, typer.Argument(help="The journal of the batch.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Export to this new file.")]


@command(app, "extend", form=False)
def extend(
    caller: Caller,
    institution: Institution = None,
    branch: Annotated[
        str | None, typer.Option("--branch", help="Only what was lent at this branch (CODE or INST/CODE).")
    ] = None,
    patron_type: Annotated[str | None, typer.Option("--patron-type", help="Only of this type.")] = None,
    item_type: Annotated[str | None, typer.Option("--item-type", help="Only of this type.")] = None,
    due_from: Annotated[str | None, typer.Option("--due-from", help="Due on this day or later.")] = None,
    due_until: Annotated[str | None, typer.Option("--due-until", help="Due on this day or before.")] = None,
    closure: Annotated[
        int | None,
        typer.Option("--closure", help="Due within this closure: to the first open day after it."),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="New due date: a day (its end), or a time.")] = None,
    days: Annotated[int | None, typer.Option("--days", help="So many days more.")] = None,
    exclude_file: Annotated[
        Path | None, typer.Option("--exclude-file", help="Sheet of patrons, items or both to leave out.")
    ] = None,
    record_at: Annotated[
        str | None, typer.Option("--record-at", help="Branch that the renewals are recorded at.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Only write a sheet for `sip2d bulk-renew`.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Where the batch is kept [default: here].")
    ] = None,
    output: Output = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after the preview.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
) -> None:
    """Extend open loans: all of them, or those of a branch, a type, a range of due dates, a closure.

    What would happen is shown first. Policies are bypassed as in a bulk renewal; recalled items and items
    declared lost are skipped. Every attempt is kept in a journal: `sip2d loans resume` goes on with it.
    Exit codes: 0 all extended, 1 some were not, 2 no such file, 3 it cannot go on, 130 cancelled.
    """
    from sip2d.cli import loans_steps
    from sip2d.desk.staff.extend import Asked

    options = said(
        institution=institution, branch=branch, patron_type=patron_type, item_type=item_type,
        due_from=due_from, due_until=due_until, closure=closure, to=to, days=days,
    )  # fmt: skip
    given = loans_steps.Given(
        asked=Asked(**options), exclude_file=exclude_file, record_at=record_at, sheet=sheet, journal=journal,
        output=output, dry_run=dry_run, yes=yes,
    )  # fmt: skip
    raise typer.Exit(loans_steps.extend(caller, given))


@command(app, "resume", form=False)
def resume(
    caller: Caller,
    batch: Batch,
    record_at: Annotated[
        str | None, typer.Option("--record-at", help="Branch to record at [default: as it began].")
    ] = None,
    output: Output = None,
) -> None:
    """Go on with a batch that ended early; a row is never applied twice (BR-18, BR-41)."""
    from sip2d.cli import loans_steps

    raise typer.Exit(loans_steps.resume(caller, batch, record_at, output))


@command(app, "export", staff=False, form=False)
def export(
    caller: Caller,
    batch: Batch,
    output: Output = None,
    remaining: Annotated[
        bool, typer.Option("--remaining", help="The rows without an outcome, as a sheet.")
    ] = False,
) -> None:
    """What became of a batch, one line per attempt; at any time (BR-42)."""
    from sip2d.cli import loans_steps

    raise typer.Exit(loans_steps.export(batch, output, remaining))
