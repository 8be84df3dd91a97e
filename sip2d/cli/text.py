"""`sip2d text`: what the screen says, by scenario and language, as an institution wants it (SP-9)."""

from typing import TYPE_CHECKING, Annotated

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

if TYPE_CHECKING:
    from sip2d.desk.staff.texts import Defaults

app = group("Screen texts of an institution.")

Scenario = Annotated[str, typer.Argument(help="Such as LOAN_LIMIT; `text list` prints them.")]
Language = Annotated[
    str | None, typer.Option("--language", help="en or fr [default: the institution's language].")
]


def _defaults(caller: Caller) -> "Defaults":
    """The texts that a daemon with this configuration begins with."""
    from sip2d.compose import catalogue

    return catalogue(caller.settings().paths.messages).texts


@command(app, "list")
def list_(
    caller: Caller,
    institution: Institution = None,
    language: Language = None,
    customised: Annotated[bool, typer.Option("--customised", help="Only the institution's own.")] = False,
) -> None:
    """List every scenario with the text in force, and whether it was customised."""
    from sip2d.desk.staff import texts

    told = _defaults(caller)
    caller.show(
        caller.read(
            "text.list",
            lambda work: texts.listing(work, told, institution, language=language, customised=customised),
        )
    )


@command(app, "show")
def show(caller: Caller, scenario: Scenario, institution: Institution = None) -> None:
    """Show a scenario's text in every language, beside its default."""
    from sip2d.desk.staff import texts

    told = _defaults(caller)
    caller.show(caller.read("text.show", lambda work: texts.show(work, told, scenario, institution)))


@command(app, "set")
def set_(
    caller: Caller,
    scenario: Scenario,
    text: Annotated[
        str, typer.Argument(help="It may hold placeholders such as {due_at}; an empty text says nothing.")
    ],
    institution: Institution = None,
    language: Language = None,
) -> None:
    """Customise a text in one language."""
    from sip2d.desk.staff import texts

    told = _defaults(caller)
    caller.show(
        caller.write(
            "text.set", lambda work: texts.change(work, told, scenario, text, institution, language=language)
        )
    )


@command(app, "reset")
def reset(
    caller: Caller,
    scenario: Scenario,
    institution: Institution = None,
    language: Annotated[str | None, typer.Option("--language", help="en or fr [default: all].")] = None,
) -> None:
    """Go back to the default text."""
    from sip2d.desk.staff import texts

    told = _defaults(caller)
    caller.show(
        caller.write(
            "text.reset", lambda work: texts.reset(work, told, scenario, institution, language=language)
        )
    )
