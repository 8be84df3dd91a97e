"""Alma's `OffCirc.dat` (OF-20, D-27): 12 digits of local time, L or R, item in 80 columns, patron."""

import re
from zoneinfo import ZoneInfo

from sip2d.offline.formats.line import Line, Unreadable, local, transaction

_START = re.compile(r"[0-9]{12}[LRlr]", re.ASCII)
_TYPE, _ITEM, _PATRON = 12, 13, 93


def looks_like(text: str) -> bool:
    """Whether a line may be of this format (OF-10)."""
    return _START.match(text) is not None


def parse(text: str, zone: ZoneInfo) -> Line:
    """One line; trailing blanks do not count. Unreadable."""
    text = text.rstrip()
    if len(text) <= _ITEM:
        raise Unreadable("NO_ITEM" if _START.fullmatch(text) else "TOO_SHORT")
    kind = text[_TYPE].upper()
    if kind not in ("L", "R"):
        raise Unreadable("UNKNOWN_TYPE")
    if not re.fullmatch(r"[0-9]{12}", text[:_TYPE], re.ASCII):
        raise Unreadable("BAD_DATE")
    at = local(text[:_TYPE], "%Y%m%d%H%M", zone)
    return transaction(kind, text[_ITEM:_PATRON], text[_PATRON:], at)
