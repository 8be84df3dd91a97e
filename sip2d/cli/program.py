"""What the two programs have in common, `sip2d` and the tools of a desk alone: their beginning, and what a
fault becomes for the shell (stack.md 3.1).
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sip2d import __version__
from sip2d.cli import exits
from sip2d.cli.caller import tell
from sip2d.cli.streams import prepare_streams

NAME = "sip2d"
SERVER_ONLY = {"resource", "uvloop"}
"""Modules that Windows has not, and that nothing but the server needs."""


def root(help: str) -> typer.Typer:
    """A program without commands yet, that can say its version."""
    app = typer.Typer(
        help=help,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )

    @app.callback(help=help)
    def _begin(
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        pass

    return app


def _version(asked: bool) -> None:
    if asked:
        print(f"{NAME} {__version__}")
        raise typer.Exit


def perform(command: Any, arguments: Sequence[str], explained: Callable[[Exception], int | None]) -> int:
    """Run one command line; its exit code. Whatever is said about a fault is one line on stderr;
    ``explained`` says it of those that only this program has.
    """
    prepare_streams()
    try:
        code = command.main(args=list(arguments), prog_name=called(), standalone_mode=False)
    except typer.TyperException as error:
        tell(error.format_message())
        return exits.USAGE if error.exit_code == 2 else error.exit_code
    except typer.Abort:
        tell("Given up; nothing was changed.")
        return exits.SOME_FAILED
    except Exception as fault:
        code = _of_the_machine(fault)
        if code is None:
            code = explained(fault)
        if code is None:
            raise
    return code if isinstance(code, int) else exits.OK


def called() -> str:
    """What one types to start this program, for sentences that say what to type next."""
    file = Path(sys.argv[0])
    return f"{Path(sys.executable).stem} {file.name}" if file.suffix == ".pyz" else NAME


def _of_the_machine(fault: Exception) -> int | None:
    if isinstance(fault, OSError) and fault.filename is not None:
        tell(f"{fault.filename}: {fault.strerror}.")
        return exits.CANNOT_CREATE
    if isinstance(fault, ModuleNotFoundError) and fault.name in SERVER_ONLY:
        tell("The server does not run on this operating system; client, bulk-renew and offline capture do.")
        return exits.UNAVAILABLE
    return None
