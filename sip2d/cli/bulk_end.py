"""Carrying out a batch whose journal stands, whoever made it: progress, Ctrl-C, what is left, the export
(BR-39..BR-42, BR-46).
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from sip2d.batch import export as exporting
from sip2d.batch.journal import Header, Journal, JournalFault
from sip2d.batch.preflight import Unfit
from sip2d.batch.runner import Ending, Told
from sip2d.cli import bulk_screen
from sip2d.cli.bulk_codes import CANCELLED, INVALID_FILE, NO_CONNECTION, RENEWED, SOME_FAILED
from sip2d.cli.bulk_given import Stop
from sip2d.cli.caller import tell
from sip2d.cli.streams import exact_lines

Attempt = Callable[[Journal, Told, Callable[[], bool]], Ending]
"""Attempts the rows of a journal without an outcome; tells how far it is, asks whether it is cancelled."""


def header_of(path: Path) -> Header:
    """What a journal says of its batch. Raises ``Stop``."""
    with opened(path, writes=False) as journal:
        return journal.header


def opened(path: Path, *, writes: bool = True) -> Journal:
    """A journal. Raises ``Stop`` where it is none, or another process works on it."""
    try:
        return Journal(path, writes=writes)
    except JournalFault as fault:
        tell(str(fault))
        raise Stop(INVALID_FILE) from None


def carry_out(
    path: Path,
    attempt: Attempt,
    command: str,
    *,
    output: Path | None = None,
    rest: bool = False,
    offers: bool = False,
    unfit: Callable[[Unfit], None] = lambda fault: tell(str(fault)),
    after: str = "",
) -> int:
    """Attempt what has no outcome yet; the exit code.

    ``command`` resumes and exports this batch (`sip2d bulk-renew`); ``output`` is where the export goes,
    ``offers`` asks for one; ``unfit`` says what is wrong with the server, ``after`` comes last.
    """
    with opened(path) as journal:
        tell(f"The batch is kept in {path}.")
        screen = bulk_screen.Screen()
        try:
            with _interrupts(screen.cancel):
                ending = attempt(journal, screen.told, lambda: screen.cancelled)
        except KeyboardInterrupt:  # the second one
            tell("Ended in the middle; what is under way may have been renewed. `resume` finds out:")
            _tell_rest(journal, command)
            raise Stop(CANCELLED) from None
        screen.end(ending.progress)
        if ending.fault is not None:
            unfit(ending.fault)
        _tell_rest(journal, command)
        if output is not None:
            export(journal, output, rest)
        elif offers:
            _offer_export(journal)
        if after:
            tell(after)
        return _code(journal, ending)


def _code(journal: Journal, ending: Ending) -> int:
    if ending.fault is not None:
        return NO_CONNECTION
    if ending.cancelled:
        return CANCELLED
    return RENEWED if ending.progress.renewed == journal.total else SOME_FAILED


def _tell_rest(journal: Journal, command: str) -> None:
    left, path = journal.total - journal.attempted, _quoted(journal.path)
    if left:
        tell(f"{left} rows are left: {command} resume {path}")
        tell(f"They as a sheet: {command} export {path} --remaining -o rest.csv")
    tell(f"Details: {command} export {path} -o details.csv")


def _quoted(path: Path) -> str:
    """As every shell takes it."""
    return f'"{path}"' if " " in str(path) else str(path)


def _offer_export(journal: Journal) -> None:
    """At a terminal until there is a file, or nobody wants one."""
    while True:
        try:
            text = "Export the details to (empty: no)"
            name = str(typer.prompt(text, default="", show_default=False, err=True)).strip().strip('"')
        except (typer.Abort, KeyboardInterrupt):
            return
        if not name:
            return
        with contextlib.suppress(Stop):
            export(journal, Path(name), False)
            return


def export(journal: Journal, output: Path | None, rest: bool) -> int:
    """What became of a batch, on stdout or into a new file. The exit code; raises ``Stop``."""
    if output is None:
        write: Callable[..., int] = exporting.remaining if rest else exporting.write
        with exact_lines(sys.stdout) as out:
            write(journal, out)
        return RENEWED
    try:
        number = exporting.to_file(journal, output, rest=rest)
    except OSError as error:
        tell(f"{output}: {error.strerror}.")
        raise Stop(SOME_FAILED) from None
    tell(f"{number} rows in {output}.")
    return RENEWED


@contextlib.contextmanager
def _interrupts(cancel: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C cancels, a second one ends the program where it is (BR-40)."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    presses = 0

    def interrupted(number: int, frame: object) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            raise KeyboardInterrupt
        cancel()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
