"""Steps of an emulator from the lines of a script. A script is lines::

    # a comment
    checkout patron=21990000000001 item=31990000000001
    expect ^121
    patron_information patron=21990000000001 summary=charged
    > 9900802.00                              a frame as it is, error detection added
    wait 2                                    seconds
    set institution=MAIN                      for all that follows

Values with blanks are quoted as in a shell. ``expect`` is a regular expression searched in the raw answer
without trailer; it decides instead of the answer's own yes or no.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sip2d.client import words
from sip2d.client.words import Unclear

LONGEST_WAIT: Final = 3600.0


class Send(msgspec.Struct, frozen=True):
    """One request: ``name`` and ``values`` as ``words.build`` takes them, ``common`` for every message that
    has a place for them; or ``raw``, the body of a frame. ``expect``: what the answer must match.
    """

    name: str = ""
    values: Mapping[str, str] = {}
    common: Mapping[str, str] = {}
    raw: str = ""
    expect: str = ""

    def __repr__(self) -> str:  # values may hold a PIN
        return f"Send({self.name or self.raw[:2]!r})"


class Wait(msgspec.Struct, frozen=True):
    """Nothing, for so long."""

    seconds: float


Step = Send | Wait


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` by name. Raises ``Unclear``."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Unclear(f"{text.partition('=')[0]!r} is not of the form name=value")
        found[name] = value
    return found


class Reader:
    """Reads lines of a script; keeps what ``set`` said."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def step(self, line: str) -> Step | str | None:
        """A step, the pattern of an ``expect``, or ``None`` for a line that asks for nothing. Raises
        ``Unclear``.
        """
        text = line.strip()
        if not text or text.startswith("#"):
            return None
        if text.startswith(">"):
            return Send(raw=text[1:].removeprefix(" "))
        if text[:2].isdigit() and not text[2:3].isspace() and len(text) > 2:
            return Send(raw=text)
        verb, _, rest = text.partition(" ")
        if verb == "expect":
            return _pattern(rest.strip())
        try:
            parts = shlex.split(rest)
        except ValueError as error:
            raise Unclear(f"{verb}: {error}") from None
        if verb == "wait":
            return Wait(_seconds(rest))
        if verb == "set":
            self.values |= pairs(parts)
            return None
        own = pairs(parts)
        kind = words.message(verb)
        words.build(verb, own, " " * 18)  # what is said in this line must have a place there
        return Send(kind.code, own, dict(self.values))

    def steps(self, lines: Iterable[str]) -> list[Step]:
        """A whole script. Raises ``Unclear`` that names the line."""
        found: list[Step] = []
        for number, line in enumerate(lines, start=1):
            try:
                step = self.step(line)
            except Unclear as error:
                raise Unclear(f"line {number}: {error}") from None
            if isinstance(step, str):
                if not found or not isinstance(found[-1], Send):
                    raise Unclear(f"line {number}: expect follows a request")
                found[-1] = msgspec.structs.replace(found[-1], expect=step)
            elif step is not None:
                found.append(step)
        return found


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise Unclear(f"{text!r} is no regular expression: {error}") from None
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise Unclear(f"{text!r} is no number of seconds") from None
    if not 0 <= seconds <= LONGEST_WAIT:
        raise Unclear(f"{text!r} is not between 0 and {LONGEST_WAIT:.0f} seconds")
    return seconds
