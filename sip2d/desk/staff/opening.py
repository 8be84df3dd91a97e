"""How a person writes hours, weekdays and days of a calendar (CL-1). Pure; nonsense is `Refused`."""

import itertools
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Final

from sip2d.desk.staff.work import Refused

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[str, str]
"""Opens and closes, ``HH:MM``; a day ends at 24:00."""

_SPAN: Final = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?-([0-9]{1,2})(?::([0-9]{2}))?", re.ASCII)
_DAY_OF_YEAR: Final = re.compile(r"([0-9]{2})-([0-9]{2})", re.ASCII)
_LEAP_YEAR: Final = 2000


def weekdays(text: str) -> tuple[int, ...]:
    """``mon``, ``mon-fri``, ``sat,sun``, ``fri-mon``, ``all``; Monday is 0."""
    if text.strip().lower() == "all":
        return tuple(range(7))
    found: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = (word.strip()[:3] for word in part.partition("-"))
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise Refused(f"{text!r} are no weekdays such as mon, mon-fri or sat,sun.")
        begins = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last) - begins) % 7 if dash else 0
        found += [(begins + step) % 7 for step in range(length + 1)]
    return tuple(dict.fromkeys(found))


def hours(text: str) -> tuple[Span, ...]:
    """``09:00-12:00,14:00-19:00``, ``9-19``; ``closed`` is none."""
    if text.strip().lower() == "closed":
        return ()
    spans = sorted(_span(part.strip()) for part in text.split(","))
    for (_, closes), (opens, _) in itertools.pairwise(spans):
        if opens < closes:
            raise Refused(f"{text!r}: the hours overlap.")
    return tuple(spans)


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise Refused(
            f"{text!r} are no hours such as 09:00-12:30; several are joined by commas, or `closed`."
        )
    opens, closes = (f"{int(found[at]):02d}:{found[at + 1] or '00'}" for at in (1, 3))
    if closes == "00:00":
        closes = "24:00"
    if not (opens < closes <= "24:00") or max(opens[3:], closes[3:]) > "59":
        raise Refused(f"{text!r}: hours lie between 00:00 and 24:00, and end after they begin.")
    return opens, closes


def written(spans: Iterable[tuple[time, time]]) -> str:
    """Hours as `hours` reads them; nothing for none."""
    return ", ".join(
        f"{opens:%H:%M}-{'24:00' if closes == time() else f'{closes:%H:%M}'}" for opens, closes in spans
    )


def day_of_year(text: str) -> tuple[int, int] | None:
    """Month and day of ``12-25``; None when the text is of another form."""
    found = _DAY_OF_YEAR.fullmatch(text.strip())
    if found is None:
        return None
    month, day = int(found[1]), int(found[2])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError:
        raise Refused(f"{text!r} is no day of the year such as 12-25.") from None
    return month, day


def local(text: str) -> date | datetime:
    """``2026-08-01``, or a local time ``2026-08-01T12:00``."""
    try:
        found = datetime.fromisoformat(text.strip()) if "T" in text else date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(
            f"{text!r} is no date such as 2026-08-01, 2026-08-01T12:00 or, every year, 12-25."
        ) from None
    if isinstance(found, datetime) and found.tzinfo is not None:
        raise Refused(f"{text!r}: local times have no zone.")
    return found


def day(text: str) -> date:
    """A date as ``2026-08-01``."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"{text!r} is no date such as 2026-08-01.") from None
