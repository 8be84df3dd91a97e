"""A printed slip a loan, for a desk without network: by a command that reads it, or into a file or a device.

What prints is not what saves: slips are printed by a thread of their own, after their loan is on the disk. A
printer that fails, or hangs, costs a slip and never a transaction; what it said is asked for by `Slips.told`.
"""

import os
import queue
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sip2d.offline.formats.line import Line

PATIENCE: Final = 10.0
"""Seconds a printer has for a slip; the desk does not wait for them."""
FAREWELL: Final = 3.0
"""Seconds the desk waits for slips when it closes."""

TEXTS: Final[Mapping[str, str]] = {
    "en": """\
{heading}
LOAN {at}

Item {item}
Card {card}

Recorded while the network is away.
The due date will stand in your account.


""",
    "fr": """\
{heading}
PRÊT {at}

Document {item}
Carte {card}

Enregistré pendant la coupure du réseau.
La date de retour figurera dans votre compte.


""",
}
"""The slip, by language; a library may have its own."""
TIMES: Final[Mapping[str, str]] = {"en": "%Y-%m-%d %H:%M", "fr": "%d/%m/%Y %H:%M"}
_SHOWN: Final = 4
"""Characters of the card that stand on the slip: it may be left lying about."""

Send = Callable[[bytes], None]


class Slip(msgspec.Struct, frozen=True):
    """How a slip looks. ``text`` may hold {heading}, {at}, {item} and {card}."""

    text: str
    time_format: str = TIMES["en"]
    heading: str = ""
    encoding: str = "utf-8"

    def of(self, line: Line) -> bytes:
        """The slip of a loan, at the desk's own time; what the printer's characters lack is a question
        mark."""
        assert line.happened_at is not None
        values = {
            "heading": self.heading,
            "at": f"{line.happened_at.astimezone():{self.time_format}}",
            "item": line.item,
            "card": line.patron if len(line.patron) <= _SHOWN else f"...{line.patron[-_SHOWN:]}",
        }
        text = self.text
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text.lstrip("\n").encode(self.encoding, "replace")


def to_command(command: str) -> Send:
    """Hands a slip to a command (``lp -d desk``) on its standard input. ValueError: it cannot be read."""
    words = [word.strip('"') for word in shlex.split(command, posix=os.name == "posix")]
    if not words:
        raise ValueError("it names no program")

    def send(data: bytes) -> None:
        done = subprocess.run(words, input=data, timeout=PATIENCE, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise OSError(said or f"{words[0]} ended with {done.returncode}")

    return send


def to_file(file: Path) -> Send:
    """Appends a slip to a file, or gives it to a device (``/dev/usb/lp0``, ``LPT1``)."""

    def send(data: bytes) -> None:
        with file.open("ab", buffering=0) as opened:
            rest = memoryview(data)
            while rest:
                rest = rest[opened.write(rest) or 0 :]

    return send


class Slips:
    """The printer of a desk. `put` never waits and never raises."""

    def __init__(self, slip: Slip, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._slip = slip
        self._send = send
        self._clock = clock
        self._waiting: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._failed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._begun: float | None = None
        self._put = self._done = 0
        self._thread = threading.Thread(target=self._print, name="slips", daemon=True)
        self._thread.start()

    def put(self, line: Line) -> None:
        """Print the slip of a line, if it is a loan."""
        if line.kind == "L":
            self._put += 1
            self._waiting.put(line)

    @property
    def missing(self) -> int:
        """Slips that are not printed yet."""
        return self._put - self._done

    def told(self) -> list[str]:
        """What went wrong since this was asked last, and whether the printer hangs."""
        begun = self._begun
        hangs = begun is not None and self._clock() - begun > PATIENCE
        said = f"The slip printer does not answer; slips that wait: {self.missing}. The loans are saved."
        return [*self._failures(), *([said] if hangs else [])]

    def close(self) -> list[str]:
        """Wait a little for what is still to be printed; what went wrong."""
        self._waiting.put(None)
        self._thread.join(FAREWELL)
        left = [f"Slips that were not printed: {self.missing}. The loans are saved."] if self.missing else []
        return [*self._failures(), *left]

    def _failures(self) -> list[str]:
        found = []
        while not self._failed.empty():
            found.append(self._failed.get())
        return found

    def _print(self) -> None:
        while (line := self._waiting.get()) is not None:
            self._begun = self._clock()
            try:
                self._send(self._slip.of(line))
            except Exception as why:  # whatever a printer does, the desk goes on
                self._failed.put(f"No slip for {line.item} -> {line.patron}: {_said(why)}")
            self._begun = None
            self._done += 1


def _said(why: Exception) -> str:
    if isinstance(why, subprocess.TimeoutExpired):
        return f"the printer did not answer within {PATIENCE:.0f} seconds."
    text = str(why.strerror if isinstance(why, OSError) and why.strerror else why) or type(why).__name__
    return text if text.endswith(".") else f"{text}."


def language(environment: Mapping[str, str]) -> str:
    """The language of a slip where nobody says it: of this machine if there is a text in it."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            spoken = environment[name][:2].lower()
            return spoken if spoken in TEXTS else "en"
    return "en"
