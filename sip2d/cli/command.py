"""How a command is declared: a plain function of a `Caller` and its own options; the common options are
added here, once.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from sip2d.cli.caller import Caller
from sip2d.cli.show import Format

Body = TypeVar("Body", bound=Callable[..., None])

_PLACES: dict[str, Any] = {
    "config": Annotated[
        Path | None, typer.Option("--config", help="Configuration file [default: /etc/sip2d/sip2d.toml].")
    ],
    "database": Annotated[
        str | None, typer.Option("--database", help="Database URL; wins over the configuration.")
    ],
}
_LOGIN: dict[str, Any] = {
    "acting_as": Annotated[
        str | None, typer.Option("--as", help="Staff login [default: that of the OS user].")
    ]
}
_FORM: dict[str, Any] = {
    "form": Annotated[Format, typer.Option("--format", help="How to print what is found.")]
}


def group(help: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )


def command(
    app: typer.Typer, name: str | None = None, *, staff: bool = True, form: bool = True
) -> Callable[[Body], Body]:
    """Register a command. Its body gets a `Caller` first; ``staff``: it takes --as, ``form``: it takes
    --format.
    """
    common = _PLACES | (_LOGIN if staff else {}) | (_FORM if form else {})
    defaults: dict[str, Any] = {"form": Format.TABLE}

    def register(body: Body) -> Body:
        own = list(inspect.signature(body, eval_str=True).parameters.values())[1:]

        @functools.wraps(body)
        def run(**given: Any) -> None:
            place = {key: given.pop(key) for key in common}
            caller = Caller(
                place["config"], place["database"], place.get("acting_as"), place.get("form", Format.TABLE)
            )
            body(caller, **given)

        added = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(key), annotation=annotation
            )
            for key, annotation in common.items()
        ]
        told = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + added
        del run.__wrapped__  # typer would look through it
        vars(run)["__signature__"] = inspect.Signature(told)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in told}
        app.command(name)(run)
        return body

    return register
