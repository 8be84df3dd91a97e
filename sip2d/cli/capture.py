"""`sip2d offline capture`: the form for a desk without network, on any terminal; needs no server (OF-3)."""

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from sip2d.offline.capture import Capture

HELP: Final = "l: loan   r: return   p: list   s: save to file   q: quit   (or scan)"
_WORDS: Final = frozenset("lrpsq?")


class _Quit(Exception):
    """The person wants to leave."""


def capture(
    folder: Annotated[Path, typer.Option("--folder", help="Where OffCirc/files is made.")] = Path(),
    native: Annotated[
        bool, typer.Option("--native", help="Write sip2d-offline-v1, not OffCirc.dat.")
    ] = False,
    autosave: Annotated[
        bool, typer.Option("--autosave/--no-autosave", help="Save every transaction at once.")
    ] = True,
    blocklist: Annotated[
        Path | None, typer.Option("--blocklist", help="CSV of `sip2d offline blocklist BRANCH --format csv`.")
    ] = None,
    terminal: Annotated[str, typer.Option("--terminal", help="The desk's name (native format).")] = "",
) -> None:
    """Record loans and returns while the network is away."""
    from sip2d.offline.capture import Capture, Refused
    from sip2d.offline.formats import NATIVE, OFFCIRC

    desk = Capture(folder, NATIVE if native else OFFCIRC, autosave=autosave, terminal=terminal)
    blocked = {} if blocklist is None else _blocked(blocklist)
    typer.echo(f"{desk.file}\n{HELP}")
    kind = "l"
    try:
        while True:
            try:
                kind = _step(desk, kind, blocked)
            except Refused as why:
                typer.echo(f"Not added: {why}")
    except (_Quit, typer.Abort, EOFError):
        _leave(desk)


def _step(desk: "Capture", kind: str, blocked: dict[str, str]) -> str:
    """One transaction, or one word; the transaction the form is for afterwards (OF-4, OF-5)."""
    first = _asked("Borrower" if kind == "l" else "Item barcode")
    if first.lower() in _WORDS:
        return _word(desk, first.lower(), kind)
    now = datetime.now().astimezone()
    if kind == "r":
        line = desk.take_back(first, now)
        typer.echo(f"{line.number:>4} {now:%H:%M} Return {line.item}")
        return kind
    why = blocked.get(first)
    if why is not None and not typer.confirm(f"{first} may not borrow ({why}). Lend all the same?"):
        return kind
    item = _asked("Item barcode")
    if item.lower() in _WORDS:
        return _word(desk, item.lower(), kind)
    line = desk.loan(first, item, now)
    typer.echo(f"{line.number:>4} {now:%H:%M} Loan   {line.item} -> {line.patron}")
    return kind


def _word(desk: "Capture", word: str, kind: str) -> str:
    if word == "q":
        raise _Quit
    if word == "p":
        for line in desk.listed:
            typer.echo(f"{line.number:>4} {line.kind} {line.item} {line.patron}".rstrip())
    elif word == "s":
        typer.echo(f"{desk.save()} lines saved to {desk.file}.")
    elif word == "?":
        typer.echo(HELP)
    return word if word in "lr" else kind


def _leave(desk: "Capture") -> None:
    """Nobody leaves with unsaved lines without being asked; where nobody answers they are saved (OF-7)."""
    if not desk.unsaved:
        return
    save = True
    try:
        save = typer.confirm(f"{desk.unsaved} lines are not saved. Save them?", default=True)
    except (typer.Abort, EOFError):
        typer.echo("")
    if save:
        typer.echo(f"{desk.save()} lines saved to {desk.file}.")


def _asked(label: str) -> str:
    ask: Callable[..., str] = typer.prompt
    return ask(label, default="", show_default=False).strip()


def _blocked(file: Path) -> dict[str, str]:
    """Why each card may not borrow. OSError."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return {row["barcode"]: row.get("reasons", "") for row in csv.DictReader(lines) if row.get("barcode")}
