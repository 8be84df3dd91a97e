"""The tool in a pseudo-terminal, and what stands on its screen: lines are drawn over, as a person sees it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from types import TracebackType
from typing import Final, Self

from tests.support.daemon import PATIENCE
from tests.support.places import ROOT

COLUMNS: Final = 100
ROWS: Final = 40
CTRL_C: Final = b"\x03"
CTRL_D: Final = b"\x04"

_OWN: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'sip2d', *sys.argv[1:]])"
)
"""It is the terminal's own session, so that Ctrl-C is a key and not a signal of ours."""
_PIECES: Final = re.compile(r"\x1b\[(\d*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)")


class Terminal:
    """See the module."""

    def __init__(self, *arguments: str, columns: int = COLUMNS) -> None:
        near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        # COLUMNS counts more than the size, and readline puts it into the environment of the suite.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OWN, *arguments], stdin=far, stdout=far, stderr=far, cwd=ROOT,
            env={**inherited, "TERM": "xterm", "NO_COLOR": "1"}, start_new_session=True,
        )  # fmt: skip
        os.close(far)
        self._near = near
        self.text = ""
        self._from = 0

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it says this; what is asked for next must come after it."""
        end = time.monotonic() + PATIENCE
        while not (found := re.compile(pattern).search(self.text, self._from)):
            assert time.monotonic() < end, self.text
            if select.select([self._near], [], [], 0.5)[0]:
                try:
                    data = os.read(self._near, 65536)
                except OSError:
                    data = b""
                assert data, f"it ended without {pattern!r}: {self.text}"
                self.text += data.decode(errors="replace").replace("\r\n", "\n")
        self._from = found.end()
        return found

    def say(self, line: str) -> None:
        """Type a line."""
        os.write(self._near, line.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._near, CTRL_C)

    def leave(self) -> None:
        """Press Ctrl-D at a question, which ends it as Ctrl-C does. (A signal that comes between a question
        and the reading of its answer is not noticed before the next key: this is a key.)"""
        os.write(self._near, CTRL_D)

    def kill(self) -> None:
        """Close the window the hard way."""
        self._process.send_signal(signal.SIGKILL)

    @property
    def screen(self) -> list[str]:
        """The lines that stand there, as they were drawn over."""
        return drawn(self.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            os.close(self._near)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        try:
            while data := os.read(self._near, 65536):
                self.text += data.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass
        os.close(self._near)
        return self._process.wait(PATIENCE)


def drawn(text: str) -> list[str]:
    """What a text with cursor movements leaves on an endless screen: up, erase the line, return."""
    lines, row, column = [""], 0, 0
    for count, command, back, feed, plain in _PIECES.findall(text):
        if command == "A":
            row = max(row - int(count or 1), 0)
        elif command == "K":
            lines[row], column = "", 0
        elif back:
            column = 0
        elif feed:
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif plain:
            lines[row] = lines[row][:column].ljust(column) + plain + lines[row][column + len(plain) :]
            column += len(plain)
    return [line.rstrip() for line in lines]
