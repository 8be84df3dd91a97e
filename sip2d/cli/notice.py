"""`sip2d notice`, `sip2d notice-template`, `sip2d overdue-trigger`: what patrons are written, and when."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.command import command, group
from sip2d.cli.options import Branch, Institution, Limit

if TYPE_CHECKING:
    from sip2d.notices.texts import Texts

app = group("Notices to patrons: what waits, what was sent, what could not be.")
templates = group("Templates of notices, by language and branch.")
triggers = group("Overdue triggers: when a patron type is reminded, and restricted.")

Id = Annotated[int, typer.Argument(help="The notice's id.")]
Code = Annotated[str, typer.Argument(help="Such as ODUE; `notice-template list` prints them.")]
Language = Annotated[
    str | None, typer.Option("--language", help="en or fr [default: the institution's language].")
]
Transport = Annotated[str, typer.Option("--transport", help="EMAIL or PRINT.")]
PatronType = Annotated[str, typer.Argument(help="Code of the patron type.")]
Level = Annotated[int, typer.Argument(min=1, max=3, help="1, 2 or 3.")]


def texts(caller: Caller) -> "Texts":
    """The templates that a daemon with this configuration begins with."""
    from sip2d.errors import ConfigurationError
    from sip2d.notices.texts import Texts

    folder = caller.settings().paths.notices
    try:
        return Texts.load(folder) if folder else Texts.shipped()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"notice templates: {error}.") from None


@command(app, "list")
def list_(
    caller: Caller,
    institution: Institution = None,
    state: Annotated[str | None, typer.Option("--state", help="Such as FAILED or HELD_NO_SENDER.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Such as ODUE.")] = None,
    patron: Annotated[str | None, typer.Option("--patron", help="Barcode.")] = None,
    limit: Limit = 100,
) -> None:
    """List notices, the newest first."""
    from sip2d.desk.staff import notices

    caller.show(
        caller.read(
            "notice.list",
            lambda work: notices.listing(
                work, institution, state=state, type_=type_, barcode=patron, limit=limit
            ),
        )
    )


@command(app, "show")
def show(caller: Caller, notice_id: Id) -> None:
    """Show one notice with its text."""
    from sip2d.desk.staff import notices

    caller.show(caller.read("notice.show", lambda work: notices.show(work, notice_id)))


@command(app, "retry")
def retry(caller: Caller, notice_id: Id) -> None:
    """Write and send a notice anew."""
    from sip2d.desk.staff import notices

    caller.show(caller.write("notice.retry", lambda work: notices.retry(work, notice_id)))


@command(app, "cancel")
def cancel(caller: Caller, notice_id: Id) -> None:
    """Never send a notice."""
    from sip2d.desk.staff import notices

    caller.show(caller.write("notice.cancel", lambda work: notices.cancel(work, notice_id)))


@command(app, "preview")
def preview(
    caller: Caller,
    code: Code,
    patron: Annotated[str, typer.Option("--patron", help="Barcode.")],
    institution: Institution = None,
    branch: Branch = None,
    language: Annotated[str | None, typer.Option("--language", help="[default: the patron's]")] = None,
    transport: Transport = "EMAIL",
) -> None:
    """Write a notice to a patron without sending it."""
    from sip2d.notices.preview import preview

    told = texts(caller)
    caller.show(
        caller.read(
            "notice.preview",
            lambda work: preview(
                work,
                told,
                code,
                patron,
                institution,
                branch_name=branch,
                language=language,
                transport=transport,
            ),
        )
    )


@command(templates, "list")
def templates_list(caller: Caller, institution: Institution = None) -> None:
    """List templates: those that come with sip2d, and the library's own, which win."""
    from sip2d.desk.staff import templates
    from sip2d.notices.preview import shipped

    told = shipped(texts(caller))
    caller.show(caller.read("notice-template.list", lambda work: templates.listing(work, told, institution)))


@command(templates, "show")
def templates_show(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    branch: Branch = None,
    language: Language = None,
    transport: Transport = "EMAIL",
) -> None:
    """Show a template, and the values that it may name."""
    from sip2d.desk.staff import templates
    from sip2d.notices.preview import shipped

    told = shipped(texts(caller))
    caller.show(
        caller.read(
            "notice-template.show",
            lambda work: templates.show(
                work, told, code, institution, branch_name=branch, language=language, transport=transport
            ),
        )
    )


@command(templates, "set")
def templates_set(
    caller: Caller,
    code: Code,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="TOML with subject, body_start, body, body_end."),
    ],
    institution: Institution = None,
    branch: Branch = None,
    language: Language = None,
    transport: Transport = "EMAIL",
) -> None:
    """Give the library, or a branch, a template of its own; it is checked first."""
    from sip2d.desk.staff import templates
    from sip2d.notices.preview import shipped

    parts, told = _parts(file), shipped(texts(caller))
    caller.show(
        caller.write(
            "notice-template.set",
            lambda work: templates.save(
                work, told, code, parts, institution, branch_name=branch, language=language,
                transport=transport,
            ),
        )
    )  # fmt: skip


@command(templates, "remove")
def templates_remove(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    branch: Branch = None,
    language: Language = None,
    transport: Transport = "EMAIL",
) -> None:
    """Go back to the institution's template, or to that of sip2d."""
    from sip2d.desk.staff import templates
    from sip2d.notices.preview import shipped

    told = shipped(texts(caller))
    caller.show(
        caller.write(
            "notice-template.remove",
            lambda work: templates.remove(
                work, told, code, institution, branch_name=branch, language=language, transport=transport
            ),
        )
    )


def _parts(file: Path) -> dict[str, str]:
    from sip2d.desk.staff.work import Refused

    try:
        said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: is not TOML ({error}).") from None
    for name, value in said.items():
        if not isinstance(value, str):
            raise Refused(f"{file}: {name} is no text.")
    return said


@command(triggers, "list")
def triggers_list(caller: Caller, institution: Institution = None, branch: Branch = None) -> None:
    """List overdue triggers; of a branch: those in force there."""
    from sip2d.desk.staff import triggers

    caller.show(
        caller.read(
            "overdue-trigger.list", lambda work: triggers.listing(work, institution, branch_name=branch)
        )
    )


@command(triggers, "set")
def triggers_set(
    caller: Caller,
    patron_type: PatronType,
    level: Level,
    institution: Institution = None,
    branch: Branch = None,
    delay: Annotated[int | None, typer.Option("--delay", min=1, max=90, help="Days overdue.")] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="Code; empty: no notice [default: ODUE].")
    ] = None,
    restricts: Annotated[bool | None, typer.Option("--restrict/--no-restrict")] = None,
    transport: Annotated[list[str] | None, typer.Option("--transport", help="EMAIL, PRINT or SMS.")] = None,
) -> None:
    """Make or change a level. Without an SMS gateway an SMS is printed."""
    from sip2d.desk.staff import triggers

    caller.show(
        caller.write(
            "overdue-trigger.set",
            lambda work: triggers.save(
                work, patron_type, level, institution, branch_name=branch, delay_days=delay,
                template=template, restricts=restricts, transports=transport or (),
            ),
        )
    )  # fmt: skip


@command(triggers, "remove")
def triggers_remove(
    caller: Caller,
    patron_type: PatronType,
    level: Level,
    institution: Institution = None,
    branch: Branch = None,
) -> None:
    """Take a level away."""
    from sip2d.desk.staff import triggers

    caller.show(
        caller.write(
            "overdue-trigger.remove",
            lambda work: triggers.remove(work, patron_type, level, institution, branch_name=branch),
        )
    )
