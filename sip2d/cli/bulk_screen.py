"""Live progress: on a terminal a block that is drawn over, elsewhere a line every ten percent (BR-39)."""

import shutil
import sys
import time
from typing import Final

import typer

from sip2d.batch import show
from sip2d.batch.runner import LAST, Progress
from sip2d.cli.caller import tell
from sip2d.cli.streams import draws

STEP: Final = 0.1  # seconds between two drawings


class Screen:
    """See the module. ``cancelled`` is what the runner asks."""

    def __init__(self) -> None:
        self.cancelled = False
        self._live = draws(sys.stdout)
        self._drawn = 0
        self._next = 0.0
        self._tens = 0
        self._said = ""
        self._advised = False

    def cancel(self) -> None:
        """Ctrl-C: what is under way is waited for."""
        self.cancelled = True
        tell("Cancelled; waiting for what is under way ...")
        self._drawn = 0

    def told(self, progress: Progress) -> None:
        """After each answer."""
        if progress.poor and not self._advised:
            self._advised = True
            tell(show.ADVICE)
            self._drawn = 0
        if self._live:
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + STEP
                self._draw(progress)
        elif progress.percent // 10 > self._tens:
            self._tens = progress.percent // 10
            self._say(progress)

    def end(self, progress: Progress) -> None:
        """The last state."""
        if self._live:
            self._draw(progress)
        else:
            self._say(progress)

    def _say(self, progress: Progress) -> None:
        text = show.counts(progress)
        if text != self._said:
            typer.echo(text)
            self._said = text

    def _draw(self, progress: Progress) -> None:
        lines = [show.counts(progress), *(show.recent(one) for one in progress.last)]
        lines += [""] * (LAST + 1 - len(lines))
        columns, rows = shutil.get_terminal_size()
        lines = [line[: columns - 1] for line in (lines[0], *lines[1:][2 - rows :])]  # none wraps or scrolls
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        sys.stdout.write(up + "".join(f"\r\x1b[2K{line}\n" for line in lines))
        sys.stdout.flush()
        self._drawn = len(lines)
