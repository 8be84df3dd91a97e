"""Where a new password comes from: typed twice, the first line of stdin, or made up here and printed once
(CN-6c).
"""

import secrets
import sys
from typing import Annotated

import typer

FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]
Generate = Annotated[
    bool, typer.Option("--generate-password", help="Make up a password and print it, this once.")
]
LONGEST = 64


def ask(what: str, *, stdin: bool, generate: bool) -> tuple[str, str | None]:
    """The hash to store, and the password itself only where it was made up here."""
    from sip2d.daemon.pins import hash_secret

    if stdin and generate:
        raise typer.BadParameter("give one of --password-stdin and --generate-password")
    if generate or not (stdin or sys.stdin.isatty()):
        made = secrets.token_urlsafe(15)
        return hash_secret(made), made
    secret = _line() if stdin else _typed(what)
    return hash_secret(check(what, secret)), None


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _typed(what: str) -> str:
    return str(typer.prompt(what, hide_input=True, confirmation_prompt="Once more", err=True))


def check(what: str, secret: str) -> str:
    """It must fit into a field of the wire. The text is never part of a message."""
    if not secret or len(secret) > LONGEST or "|" in secret or not secret.isprintable():
        raise typer.BadParameter(
            f"the {what.lower()} must have 1 to {LONGEST} characters, no | and no control characters"
        )
    return secret
