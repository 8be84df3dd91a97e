"""`sip2d offline capture`: the form for a desk without network, on any terminal; needs no server (OF-3)."""

import codecs
import csv
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sip2d.cli import exits

if TYPE_CHECKING:
    from sip2d.offline.capture import Capture
    from sip2d.offline.formats import Line
    from sip2d.offline.slip import Slip, Slips

HELP: Final = "l: loan   r: return   p: list   s: save to file   q: quit   ?: this   (or scan)"
_WORDS: Final = frozenset("lrpsq?")
_GONE: Final = (typer.Abort, KeyboardInterrupt, EOFError, OSError)
"""Nobody is at the terminal any more, or it is no terminal any more."""
_HANGUPS: Final = [
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
]
"""What ends a program from outside; Windows has no SIGHUP."""


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
    slip_command: Annotated[
        str | None, typer.Option("--slip-command", help="Print a slip a loan: `lp -d desk` reads it.")
    ] = None,
    slip_file: Annotated[
        Path | None, typer.Option("--slip-file", help="The same, into a file or device: /dev/usb/lp0, LPT1.")
    ] = None,
    slip_heading: Annotated[str, typer.Option("--slip-heading", help="First line: the library.")] = "",
    slip_language: Annotated[
        str | None, typer.Option("--slip-language", help="en or fr [default: this machine's].")
    ] = None,
    slip_text: Annotated[
        Path | None, typer.Option("--slip-text", help="A text of one's own: {heading} {at} {item} {card}.")
    ] = None,
    slip_encoding: Annotated[
        str, typer.Option("--slip-encoding", help="The printer's characters, like cp858.")
    ] = "utf-8",
) -> None:
    """Record loans and returns while the network is away. Exit code 1: lines could not be saved."""
    from sip2d.offline.capture import Capture
    from sip2d.offline.formats import NATIVE, OFFCIRC

    slip = _slip(slip_text, slip_language, slip_heading, slip_encoding)
    slips = _printer(slip, slip_command, slip_file)
    desk = Capture(
        folder, NATIVE if native else OFFCIRC, autosave=autosave, terminal=terminal,
        told=_nothing if slips is None else slips.put,
    )  # fmt: skip
    blocked = {} if blocklist is None else _blocked(blocklist)
    _welcome(desk)
    with _hangups():
        _play(desk, blocked, slips)
        saved = _leave(desk)
    for sentence in () if slips is None else slips.close():
        _say(sentence)
    if not saved:
        raise typer.Exit(exits.SOME_FAILED)


def _play(desk: "Capture", blocked: dict[str, str], slips: "Slips | None") -> None:
    from sip2d.offline.capture import Refused

    kind = "l"
    with suppress(_Quit, *_GONE):
        while True:
            for sentence in () if slips is None else slips.told():
                typer.echo(sentence)
            try:
                kind = _step(desk, kind, blocked)
            except Refused as why:
                typer.echo(f"Not added: {why}")


def _step(desk: "Capture", kind: str, blocked: dict[str, str]) -> str:
    """One transaction, or one word; the transaction the form is for afterwards (OF-4, OF-5)."""
    first = _asked("Loan - Borrower" if kind == "l" else "Return - Item barcode")
    if first.lower() in _WORDS:
        return _word(desk, first.lower(), kind)
    if kind == "r" or not first:
        _added(desk, lambda now: desk.take_back(first, now) if kind == "r" else desk.loan("", "-", now))
        return kind
    why = blocked.get(first)
    if why is not None and not typer.confirm(f"{first} may not borrow ({why}). Lend all the same?"):
        return kind
    item = _asked("Loan - Item barcode")
    if item.lower() in _WORDS:
        return _word(desk, item.lower(), kind)
    _added(desk, lambda now: desk.loan(first, item, now))
    return kind


def _added(desk: "Capture", act: Callable[[datetime], object]) -> None:
    """Add a transaction, and show its line. A disk that takes nothing is told of: the line stays listed."""
    listed = len(desk.listed)
    try:
        act(datetime.now().astimezone())
    except OSError as why:
        typer.echo(f"NOT SAVED: {why.strerror}. It stays in the list; s tries again.")
    for line in desk.listed[listed:]:
        typer.echo(_shown(line))


def _word(desk: "Capture", word: str, kind: str) -> str:
    if word == "q":
        raise _Quit
    if word == "p":
        saved = len(desk.listed) - desk.unsaved
        for line in desk.listed:
            typer.echo(_shown(line) + ("" if line.number <= saved else "   not saved"))
        typer.echo(f"{len(desk.listed)} lines, {desk.unsaved} not saved.")
    elif word == "s":
        _saved(desk)
    elif word == "?":
        typer.echo(HELP)
    return word if word in "lr" else kind


def _saved(desk: "Capture") -> bool:
    """Save, and say how that went."""
    try:
        typer.echo(f"{desk.save()} lines saved to {desk.file}.")
    except OSError as why:
        typer.echo(f"NOT SAVED: {why.strerror}: {desk.file}")
        return False
    return True


def _leave(desk: "Capture") -> bool:
    """Nobody leaves with unsaved lines without being asked; where nobody answers they are saved (OF-7).
    False: they could not be, and stand on the screen to be copied."""
    while desk.unsaved:
        try:
            if not typer.confirm(f"{desk.unsaved} lines are not saved. Save them?", default=True):
                return True
            if _saved(desk):
                break
        except _GONE:
            _save_unasked(desk)
            break
    if desk.unsaved:
        for line in desk.listed[-desk.unsaved :]:
            _say(line.raw.rstrip())
        _say(f"These {desk.unsaved} lines are in no file.")
    return not desk.unsaved


def _save_unasked(desk: "Capture") -> None:
    """Save, and hear no signal any more; one that came before is one more round."""
    number, heard = desk.unsaved, True
    while heard:
        try:
            for each in _HANGUPS:
                signal.signal(each, signal.SIG_IGN)
            heard = False
        except (EOFError, KeyboardInterrupt):
            continue
    with suppress(OSError):
        desk.save()
        typer.echo(f"\n{number} lines saved to {desk.file}.")


def _welcome(desk: "Capture") -> None:
    typer.echo(f"{desk.file.absolute()}\n{HELP}")
    if torn := desk.torn():
        typer.echo(f"The last line of the file was cut off, and counts as an error; enter it again: {torn}")


def _shown(line: "Line") -> str:
    assert line.happened_at is not None
    what = f"Return {line.item}" if line.kind == "R" else f"Loan   {line.item} -> {line.patron}"
    return f"{line.number:>4} {line.happened_at.astimezone():%H:%M} {what}"


def _asked(label: str) -> str:
    ask: Callable[..., str] = typer.prompt
    return ask(label, default="", show_default=False).strip()


def _say(sentence: str) -> None:
    """Tell it if somebody is there to read."""
    with suppress(OSError):
        typer.echo(sentence)


@contextmanager
def _hangups() -> Iterator[None]:
    """A window that is closed, and a machine that shuts down, end the form as if nobody answered."""

    def end(number: int, frame: object) -> None:
        raise EOFError

    before = [(number, signal.getsignal(number)) for number in _HANGUPS]
    for number in _HANGUPS:
        if number != signal.SIGINT:  # that one Python tells itself
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _nothing(line: "Line") -> None:
    """Where no slips are printed."""


def _slip(text: Path | None, spoken: str | None, heading: str, encoding: str) -> "Slip":
    from sip2d.offline.slip import TEXTS, TIMES, Slip, language

    chosen = spoken or language(os.environ)
    if chosen not in TEXTS:
        raise typer.BadParameter(f"There is no slip in {chosen!r}; known are {', '.join(TEXTS)}.")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise typer.BadParameter(f"{encoding!r} is no encoding, like utf-8 or cp858.") from None
    own = TEXTS[chosen] if text is None else text.read_text("utf-8-sig")
    return Slip(own, TIMES[chosen], heading, encoding)


def _printer(slip: "Slip", command: str | None, file: Path | None) -> "Slips | None":
    from sip2d.offline.slip import Slips, to_command, to_file

    if command is not None and file is not None:
        raise typer.BadParameter("Slips go to --slip-command or to --slip-file, not to both.")
    if command is not None:
        try:
            return Slips(slip, to_command(command))
        except ValueError as why:
            raise typer.BadParameter(f"--slip-command {command!r}: {why}.") from None
    return None if file is None else Slips(slip, to_file(file))


def _blocked(file: Path) -> dict[str, str]:
    """Why each card may not borrow; how old that is is told. OSError."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        if "barcode" not in (rows.fieldnames or ()):
            raise typer.BadParameter(f"{file} has no column 'barcode': `--format csv` makes one.")
        found = {row["barcode"]: row.get("reasons") or "" for row in rows if row["barcode"]}
    made = datetime.fromtimestamp(file.stat().st_mtime).astimezone()
    typer.echo(f"{len(found)} cards may not borrow, as of {made:%Y-%m-%d %H:%M}.")
    return found
