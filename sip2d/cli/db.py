"""`sip2d db`: migrations, integrity, backups (5.4)."""

from pathlib import Path
from typing import Annotated

import typer

from sip2d.cli import exits
from sip2d.cli.caller import Caller, reached, tell
from sip2d.cli.command import command, group

app = group("The database.")


@command(app, "upgrade", staff=False, form=False)
def upgrade(caller: Caller) -> None:
    """Bring the database to the newest schema, or make it: all of it or nothing."""
    from sip2d.store import migrate

    url = caller.url()
    _folder_there(url)
    with reached():
        before = migrate.current(url)
        migrate.upgrade(url)
        after = migrate.current(url)
    tell(
        f"The database is at {after}."
        if before == after
        else f"The database went from {before or 'nothing'} to {after}."
    )


@command(app, "check", staff=False)
def check(caller: Caller) -> None:
    """Look for what must not be: another schema, a broken file or key, a ledger that does not add up. Exit
    code 1: found.
    """
    from sip2d.store import integrity

    url = caller.url()
    _there(url)
    with reached():
        findings = integrity.check(url)
    caller.show([{"finding": finding} for finding in findings])
    if findings:
        raise typer.Exit(exits.SOME_FAILED)


@command(app, "backup", staff=False, form=False)
def backup(
    caller: Caller,
    file: Annotated[Path, typer.Argument(help="Where to; it must not exist yet.")],
) -> None:
    """Write a copy of the database while it is in use: a SQLite file, or pg_dump's custom format."""
    from sip2d.store import backup as backups

    url = caller.url()
    _there(url)
    with reached():
        size = backups.backup(url, file)
    tell(f"{file}: {size} bytes.")


def _there(url: str) -> None:
    from sip2d.errors import ConfigurationError
    from sip2d.store.engine import sqlite_path

    file = sqlite_path(url)
    if file is not None and not file.exists():
        raise ConfigurationError(f"There is no database {file} yet: `sip2d db upgrade` makes it.")


def _folder_there(url: str) -> None:
    from sip2d.errors import ConfigurationError
    from sip2d.store.engine import sqlite_path

    file = sqlite_path(url)
    if file is not None and not file.resolve().parent.is_dir():
        raise ConfigurationError(f"There is no folder {file.resolve().parent} for the database.")
