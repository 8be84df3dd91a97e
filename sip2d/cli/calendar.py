"""`sip2d calendar`: opening hours, closures and exceptions of institutions and branches (CL-1)."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, pairs
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

app = group("Calendars: when branches are open.")
hours = group("Weekly opening hours.")
closures = group("Special closures: dates, ranges, hours, and days of every year.")
exceptions = group("Single dates that are open or closed whatever else is said.")
app.add_typer(hours, name="hours")
app.add_typer(closures, name="closure")
app.add_typer(exceptions, name="exception")

Code = Annotated[str, typer.Argument(help="Branch code, or INSTITUTION/CODE.")]
OwnBranch = Annotated[
    str | None,
    typer.Option("--branch", help="A branch with a calendar of its own [default: the institution's]."),
]
Day = Annotated[str, typer.Argument(help="A date such as 2026-12-24.")]
Past = Annotated[bool, typer.Option("--past", help="What is over too.")]


@command(app, "show")
def show(
    caller: Caller,
    branch: Code,
    first: Annotated[str | None, typer.Option("--from", help="Date [default: today].")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Date [default: 13 days later].")] = None,
) -> None:
    """Show day by day when a branch is open, and why."""
    from sip2d.desk.staff import calendars, opening

    begins, ends = (opening.day(text) if text else None for text in (first, last))
    caller.show(caller.read("calendar.show", lambda work: calendars.days(work, branch, begins, ends)))


@command(app, "own")
def own(caller: Caller, branch: Code) -> None:
    """Give a branch a calendar of its own; it begins as a copy of its institution's."""
    from sip2d.desk.staff import calendars

    caller.show(caller.write("calendar.own", lambda work: calendars.own(work, branch)))


@command(app, "inherit")
def inherit(caller: Caller, branch: Code) -> None:
    """Let a branch follow its institution's calendar again."""
    from sip2d.desk.staff import calendars

    caller.show(caller.write("calendar.inherit", lambda work: calendars.inherit(work, branch)))


@command(hours, "list")
def hours_list(caller: Caller, institution: Institution = None, branch: OwnBranch = None) -> None:
    """List the hours of the week."""
    from sip2d.desk.staff import calendars

    caller.show(caller.read("calendar.hours", lambda work: calendars.hours(work, institution, branch)))


@command(hours, "set")
def hours_set(
    caller: Caller,
    days: Annotated[
        list[str],
        typer.Argument(metavar="DAYS=HOURS...", help="Such as mon-fri=09:00-12:00,14:00-19:00 sun=closed."),
    ],
    institution: Institution = None,
    branch: OwnBranch = None,
) -> None:
    """Set the hours of some weekdays; the others keep theirs."""
    from sip2d.desk.staff import calendars

    wanted = list(pairs(days, "DAYS=HOURS").items())
    caller.show(
        caller.write(
            "calendar.hours.set", lambda work: calendars.set_hours(work, wanted, institution, branch)
        )
    )


@command(closures, "list")
def closure_list(
    caller: Caller, institution: Institution = None, branch: OwnBranch = None, past: Past = False
) -> None:
    """List closures."""
    from sip2d.desk.staff import closures as acts

    caller.show(
        caller.read("calendar.closures", lambda work: acts.closures(work, institution, branch, past=past))
    )


@command(closures, "add")
def closure_add(
    caller: Caller,
    first: Annotated[
        str,
        typer.Argument(help="A date, a local time such as 2026-08-01T12:00, or a day of every year: 12-25."),
    ],
    last: Annotated[
        str | None, typer.Argument(help="The last date or the end; without: that one day.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What it is called.")] = "",
    institution: Institution = None,
    branch: OwnBranch = None,
) -> None:
    """Close on a date, from one date to another, for some hours, or on a day of every year."""
    from sip2d.desk.staff import closures as acts

    caller.show(
        caller.write(
            "calendar.closure.add",
            lambda work: acts.add_closure(
                work, first, last, title=title, institution_code=institution, branch_name=branch
            ),
        )
    )


@command(closures, "remove")
def closure_remove(
    caller: Caller, closure: Annotated[int, typer.Argument(help="Its id, as `closure list` prints it.")]
) -> None:
    """Take a closure away."""
    from sip2d.desk.staff import closures as acts

    caller.show(caller.write("calendar.closure.remove", lambda work: acts.remove_closure(work, closure)))


@command(exceptions, "list")
def exception_list(
    caller: Caller, institution: Institution = None, branch: OwnBranch = None, past: Past = False
) -> None:
    """List exceptions."""
    from sip2d.desk.staff import closures as acts

    caller.show(
        caller.read("calendar.exceptions", lambda work: acts.exceptions(work, institution, branch, past=past))
    )


@command(exceptions, "add")
def exception_add(
    caller: Caller,
    day: Day,
    opened: Annotated[bool, typer.Option("--open/--closed", help="What the date is.")] = True,
    institution: Institution = None,
    branch: OwnBranch = None,
) -> None:
    """Open (or close) on one date, whatever else is said about it."""
    from sip2d.desk.staff import closures as acts
    from sip2d.desk.staff import opening

    date = opening.day(day)
    caller.show(
        caller.write(
            "calendar.exception.add",
            lambda work: acts.add_exception(
                work, date, open=opened, institution_code=institution, branch_name=branch
            ),
        )
    )


@command(exceptions, "remove")
def exception_remove(
    caller: Caller, day: Day, institution: Institution = None, branch: OwnBranch = None
) -> None:
    """Let a date be like any other again."""
    from sip2d.desk.staff import closures as acts
    from sip2d.desk.staff import opening

    date = opening.day(day)
    caller.show(
        caller.write(
            "calendar.exception.remove", lambda work: acts.remove_exception(work, date, institution, branch)
        )
    )
