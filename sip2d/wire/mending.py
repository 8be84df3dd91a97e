"""The forgiving half of parsing: finds the fixed block of a request that is not as wide as it should be
(quirks D1-D14, E4-E7).

Real clients forget a date, send one twice, put a language where none belongs, or a delimiter where none
belongs. The dates are the landmarks: what stands before the first is the places before it, what follows the
last is the places after it. Whatever cannot be made sense of is blank; a date that is none becomes 18 blanks,
so that what is built from a mended message parses exactly.
"""

import re
from collections.abc import Callable
from typing import Final

from sip2d.wire.kinds import NO_DATE
from sip2d.wire.layout import Layout, Slot

_FIELD_ID = re.compile("[A-Z][A-Z0-9]")
_DATE = re.compile(
    r"([0-9]{8})( {4}|0{4}| {3}[A-Z]|[A-Z]{4})([0-9]{6})"  # as it should be
    r"|([0-9]{8})( {0,3}[A-Z]?)([0-9]{6})"  # blanks lost, or no place for a zone at all
)
_BLANK_DATE: Final = re.compile(" {18}")
_VERSION = re.compile(r"[0-9]\.[0-9].")
# A terminal that left these out sent nothing anybody can act on; finding them is worth a second look.
_ROUTING: Final[tuple[str, ...]] = ("AO", "AA", "AB")


class Mender:
    """Gives the raw texts of the fixed places, each of its exact width, and the rest of the message."""

    def __init__(self, layout: Layout, delimiter: str, match: Callable[[str], re.Match[str] | None]) -> None:
        self.layout = layout
        self.delimiter = delimiter
        self.match = match
        declared = "|".join(sorted(layout.ids)) or "(?!)"
        self.declared = re.compile(declared)
        self.undated = all(slot.form != "timestamp" for slot in layout.slots)

    def __call__(self, text: str) -> tuple[tuple[str, ...], str]:
        """``text`` is the whole message, its code included."""
        exact = self.match(text)
        end = self._end(text, exact is not None)
        if exact is not None and end == self.layout.width:
            return exact.groups(), text[end:]
        fixed = text[2:end].replace(self.delimiter, " ")
        return self._places(fixed), text[end:]

    def _end(self, text: str, exact: bool) -> int:
        """Where the fixed block ends."""
        width = self.layout.width
        stop = text.find(self.delimiter, width if exact else 2)
        stop = len(text) if stop < 0 else stop
        if exact:
            found = self.declared.search(text, width, stop) if stop > width else None
            if found is None:
                # A block without a date says little: 93 whose two algorithms are missing.
                return 2 if self.undated and self.declared.match(text, 2) else width
            if not _FIELD_ID.match(text, width):
                return found.start()
            # An unknown id straight after a sound block: an unknown field, unless it hides the one the
            # message is about (a client that forgets the id of AO and its delimiter).
            later = {part[:2] for part in text[stop + 1 :].split(self.delimiter)}
            return found.start() if found[0] in _ROUTING and found[0] not in later else width
        found = self.declared.search(text, 2, stop)
        if found is not None:
            return found.start()
        return min(stop, max(width, 2))

    def _places(self, fixed: str) -> tuple[str, ...]:
        slots = self.layout.slots
        dated = [at for at, slot in enumerate(slots) if slot.form == "timestamp"]
        if not dated:
            return self._undated(fixed)
        first, last = dated[0], dated[-1]
        landmark = _DATE.search(fixed)
        if landmark is None:
            return tuple(
                self._fit(slot, fixed[slot.offset - 2 : slot.offset - 2 + slot.width]) for slot in slots
            )
        out = self._cut(slots[:first], fixed[: landmark.start()])
        at = landmark.start()
        dates: list[str] = []
        while True:
            date = _DATE.match(fixed, at)
            blank = _BLANK_DATE.match(fixed, at) if len(dates) < len(dated) else None
            if date is None and blank is None:
                break
            dates.append(_written(date) if date is not None else NO_DATE)
            at = (date or blank or landmark).end()
        dates += [NO_DATE] * len(dated)
        # No message has anything between two dates.
        out += dates[: last - first + 1]
        return (*out, *self._cut(slots[last + 1 :], fixed[at:]))

    def _undated(self, fixed: str) -> tuple[str, ...]:
        slots = self.layout.slots
        version = _VERSION.search(fixed)
        if version is None or slots[-1].name != "protocol_version":
            return tuple(self._cut(slots, fixed))
        # 99 without its status code, or with its width unpadded (quirks D6): the width stands right before
        # the version.
        before = fixed[: version.start()]
        status, width = (before[0], before[1:]) if len(before) >= 4 else ("0", before)
        return (status, self._fit(slots[1], width[:3]), version[0])

    def _cut(self, slots: tuple[Slot, ...], text: str) -> list[str]:
        out, at = [], 0
        for slot in slots:
            out.append(self._fit(slot, text[at : at + slot.width]))
            at += slot.width
        return out

    def _fit(self, slot: Slot, raw: str) -> str:
        raw = raw.ljust(slot.width)
        if slot.form == "timestamp" and not _DATE.fullmatch(raw):
            # A due date that was meant is refused as one (BR-16), not taken for none.
            return raw if slot.name == "nb_due_date" and raw[:1].isdigit() else NO_DATE
        return raw


def _written(date: re.Match[str]) -> str:
    if date[1] is not None:
        return date[0]
    return f"{date[4]}{date[5].rjust(4)}{date[6]}"
