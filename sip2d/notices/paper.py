"""Delivery on paper: letters to print, one file a day and branch, a form feed behind each.

A file only grows, and a letter is in it once: each ends with its reference, and one that was cut off (power,
disk) has none and is written again.
"""

import os
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sip2d.notices.outbox import Fared
from sip2d.notices.template import one_line, printable
from sip2d.store.notices import Letter

FEED: Final = "\f"
_REFERENCE: Final = re.compile(rb"^\[([0-9]+)\]\n\f", re.MULTILINE)
_MODE: Final = 0o640


def page(letter: Letter, day: date, from_name: str) -> str:
    """A letter as it is printed: who writes, to whom, when, what."""
    head = [one_line(from_name), "", *printable(letter.recipient).splitlines(), "", day.isoformat(), ""]
    text = "\n".join([*head, one_line(letter.subject), "", printable(letter.body).rstrip("\n")])
    return f"{text}\n\n[{letter.id}]\n{FEED}"


def file_of(folder: Path, day: date, institution: str, branch: str | None) -> Path:
    """Where the letters of a day and branch are."""
    place = "-".join(re.sub(r"[^A-Za-z0-9_.]", "_", part) for part in (institution, branch) if part)
    return folder / f"{day.isoformat()}-{place}.txt"


def send(
    folder: Path, letters: Sequence[tuple[Letter, str]], day: date, institution: str, branch: str | None
) -> Iterator[Fared]:
    """Put letters into the file of their day and branch, each with the name it is from; how each fared."""
    today = file_of(folder, day, institution, branch)
    before = file_of(folder, day - timedelta(days=1), institution, branch)
    try:
        there = _references(today) | _references(before)
        new = [(letter, name) for letter, name in letters if letter.id not in there]
        if new:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            _append(today, "".join(page(letter, day, name) for letter, name in new).encode())
    except OSError as fault:
        why = f"The letter could not be written ({fault.strerror or type(fault).__name__})."
        yield from (Fared(letter, why) for letter, _ in letters)
        return
    yield from (Fared(letter) for letter, _ in letters)


def _references(file: Path) -> set[int]:
    try:
        return {int(found) for found in _REFERENCE.findall(file.read_bytes())}
    except FileNotFoundError:
        return set()


def _append(file: Path, text: bytes) -> None:
    """Durable when it returns. What stands behind the last form feed was cut off, and goes."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    with os.fdopen(handle, "r+b") as opened:
        whole = opened.read().rfind(FEED.encode()) + 1
        opened.truncate(whole)
        opened.seek(whole)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
