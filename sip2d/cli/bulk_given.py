"""What the flags of ``sip2d bulk-renew`` say, and how a step asks for what they do not."""

from pathlib import Path

import msgspec
import typer


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags say. ``asks``: somebody sits at a terminal."""

    file: Path | None = None
    host: str | None = None
    port: int | None = None
    tls: bool | None = None
    ca_file: Path | None = None
    user: str | None = None
    password_stdin: bool = False
    location: str | None = None
    institution: str | None = None
    local_ip: str | None = None
    foreign: bool = False
    window: int | None = None
    resend: bool = False
    local_dates: bool = False
    charset: str = "utf-8"
    terminator: str = "CR"
    error_detection: bool = True
    timeout: float = 15.0
    retries: int = 3
    timezone: str | None = None
    lenient: bool = False
    allow_extra: bool = False
    exclude_file: Path | None = None
    journal: Path | None = None
    output: Path | None = None
    remaining: bool = False
    check: bool = False
    check_connection: bool = False
    yes: bool = False
    asks: bool = False


class Stop(Exception):
    """The end, with an exit code; the reason was told."""

    def __init__(self, code: int) -> None:
        self.code = code


def ask(given: Given, what: str, flag: str) -> str:
    """What was not said, on a terminal; elsewhere which flag is missing."""
    if not given.asks:
        raise typer.BadParameter(f"{flag} is missing")
    return str(typer.prompt(what, err=True))
