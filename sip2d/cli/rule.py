"""`sip2d rule`: circulation rules (CO-6, CO-7)."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import INSTANT, Branch, Institution, moment

app = group("Circulation rules: limits and periods by branch, patron type and item type.")

Id = Annotated[int, typer.Argument(help="The rule's id.")]
Value = Annotated[
    str, typer.Argument(help="The value; an empty text means no limit where there may be none.")
]


@command(app, "list")
def list_(
    caller: Caller,
    institution: Institution = None,
    past: Annotated[bool, typer.Option("--past", help="Ended ones too.")] = False,
) -> None:
    """List circulation rules."""
    from sip2d.desk.staff import rules

    caller.show(caller.read("rule.list", lambda work: rules.listing(work, institution, past=past)))


@command(app, "show")
def show(caller: Caller, rule_id: Id) -> None:
    """Show one rule."""
    from sip2d.desk.staff import rules

    caller.show(caller.read("rule.show", lambda work: rules.show(work, rule_id)))


@command(app, "add")
def add(
    caller: Caller,
    name: Annotated[str, typer.Argument(help="Such as loan_period.")],
    value: Value,
    institution: Institution = None,
    branch: Branch = None,
    patron_type: Annotated[str | None, typer.Option("--patron-type", help="[default: any]")] = None,
    item_type: Annotated[str | None, typer.Option("--item-type", help="[default: any]")] = None,
    valid_from: Annotated[
        str | None, typer.Option("--from", parser=moment, metavar=INSTANT, help="[default: from ever]")
    ] = None,
    valid_to: Annotated[
        str | None,
        typer.Option("--to", parser=moment, metavar=INSTANT, help="A date is the last [default: for ever]."),
    ] = None,
) -> None:
    """Add a rule."""
    from sip2d.desk.staff import rules

    caller.show(
        caller.write(
            "rule.add",
            lambda work: rules.add(
                work, name, value, institution_code=institution, branch_name=branch, patron_type=patron_type,
                item_type=item_type, valid_from=valid_from, valid_to=valid_to,
            ),
        )
    )  # fmt: skip


@command(app, "set")
def set_(caller: Caller, rule_id: Id, value: Value) -> None:
    """Give a rule another value from now on."""
    from sip2d.desk.staff import rules

    caller.show(caller.write("rule.set", lambda work: rules.change(work, rule_id, value)))


@command(app, "remove")
def remove(caller: Caller, rule_id: Id) -> None:
    """End a rule now."""
    from sip2d.desk.staff import rules

    caller.show(caller.write("rule.remove", lambda work: rules.remove(work, rule_id)))


@command(app, "disable")
def disable(caller: Caller, rule_id: Id) -> None:
    """The same as remove."""
    remove(caller, rule_id)


@command(app, "detach-penalties")
def detach_penalties(
    caller: Caller,
    until: Annotated[
        str,
        typer.Option(
            "--until", parser=moment, metavar=INSTANT, help="When they come back; a date is the last without."
        ),
    ],
    since: Annotated[
        str | None, typer.Option("--from", parser=moment, metavar=INSTANT, help="[default: now]")
    ] = None,
    institution: Institution = None,
    branch: Branch = None,
    patron_type: Annotated[str | None, typer.Option("--patron-type", help="[default: any]")] = None,
    item_type: Annotated[str | None, typer.Option("--item-type", help="[default: any]")] = None,
    keep_accrued: Annotated[
        bool, typer.Option("--keep-accrued", help="A renewal forgives nothing that has accrued.")
    ] = False,
) -> None:
    """Take fines and overdue blocks off for a time; afterwards they are in force again."""
    from sip2d.desk.staff import penalties

    caller.show(
        caller.write(
            "rule.detach",
            lambda work: penalties.detach(
                work, until, since=since, institution_code=institution, branch_name=branch,
                patron_type=patron_type, item_type=item_type, keep_accrued=keep_accrued,
            ),
        )
    )  # fmt: skip
