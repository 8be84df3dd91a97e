"""Options and arguments that several commands take, each described once."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

Institution = Annotated[
    str | None, typer.Option("--institution", help="Institution code [default: the only one].")
]
Branch = Annotated[str | None, typer.Option("--branch", help="Branch code, or INSTITUTION/CODE.")]
ThisBranch = Annotated[str, typer.Option("--branch", help="Branch code, or INSTITUTION/CODE.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]
Enabled = Annotated[bool | None, typer.Option("--enabled/--disabled", help="Whether it is in use.")]
INSTANT = "DATE[THH:MM]"
"""The metavar of what `moment` parses: a date, a local time, or one with its offset."""
Text = Annotated[str, typer.Argument(help="A barcode, or part of a name or title.", show_default=False)]


def after(text: str, now: datetime) -> datetime:
    """``4h``, ``90m``, ``2d`` from now."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip().lower())
    if not found:
        raise typer.BadParameter(f"{text!r} is no time span such as 90m, 4h or 2d")
    unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found[2]]
    return now + timedelta(**{unit: int(found[1])})


def moment(text: str) -> str:
    """An instant as ISO 8601, checked as it is typed: a date, a local time, or one with its offset. What it
    is, is told where the library is known (`desk.staff.said`)."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no instant such as 2026-12-31, 2026-12-31T12:00 or 2026-12-31T12:00+01:00"
        ) from None
    return text
