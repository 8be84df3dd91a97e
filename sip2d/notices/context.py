"""What a notice tells: its types, and the values that a template of each may name (circulation.md 7.4, 8.2,
8.3, BR-14, HO-7, LO-74).

The names are the same for staff who write templates and for the acts and jobs that queue notices. A value
that the writer of a notice did not give is empty; one that is not documented here is refused when the
template is saved.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

MOST_ROWS: Final = 200
"""Items that one notice lists; `count` says how many there are."""

MOST_TEXT: Final = 300
"""Characters of a text that a template is given; the rest is cut."""

COMMON: Final[Mapping[str, str]] = {
    "patron_name": "the patron's name",
    "patron_barcode": "the patron's barcode",
    "branch_name": "the branch that writes; the library where there is none",
    "library_name": "the institution",
    "today": "the day it is written, a date",
}
"""Values of every template."""

ITEM: Final[Mapping[str, str]] = {
    "title": "the title",
    "author": "the author",
    "barcode": "the item's barcode",
    "due_at": "when it is due, an instant",
    "branch": "the branch that lent it",
}
"""Values of one item; of every row of `items`."""

ROWS: Final = "items"
"""The one list there is."""

_HOLD: Final = {
    **ITEM,
    "copy": "the copy's barcode",
    "pickup_branch": "where it is collected",
    "shelf_expires_at": "until when it waits there, an instant",
    "expires_at": "until when it was wanted, an instant",
}
_LOANS: Final = {
    **ITEM,
    ROWS: "the items, each with title, author, barcode, due_at, branch",
    "count": "how many",
}
_MEMBERSHIP: Final = {
    "amount_minor": "what it costs, an amount",
    "reason": "what the bill says",
    "policy": "the membership's name",
    "period": "how many of its units it lasts",
    "period_unit": "DAY, WEEK, MONTH or YEAR",
    "duration": "both in words: 1 year",
    "expires_on": "its last day, a date",
    "days": "how many days are left",
}

TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "PREDUE": _LOANS,
    "PREDUEDGST": _LOANS,
    "DUE": _LOANS,
    "DUEDGST": _LOANS,
    "ODUE": {**_LOANS, "level": "1 to 3"},
    "ODUE2": {**_LOANS, "level": "1 to 3"},
    "ODUE3": {**_LOANS, "level": "1 to 3"},
    "DUE_RECEIPT": _LOANS,
    "MEMBERSHIP_BILL": _MEMBERSHIP,
    "MEMBERSHIP_CONFIRMATION": _MEMBERSHIP,
    "MEMBERSHIP_REMINDER": _MEMBERSHIP,
    "HOLD_READY": _HOLD,
    "HOLD_REMINDER": _HOLD,
    "HOLD_EXPIRED": _HOLD,
    "CANCEL_HOLD_ON_LOST": _HOLD,
    "SHORT_LOAN_REMINDER": _LOANS,
}
"""The types of notices, which are the codes of the templates that come with sip2d; what each may name."""

EVERY_NAME: Final[Mapping[str, str]] = {
    name: told for names in (COMMON, *TYPES.values()) for name, told in names.items()
}
"""All names together: for templates under a code of the library's own (LO-14)."""


def names_of(code: str) -> Mapping[str, str]:
    """What a template under this code may name: what its type may.

    A code that begins with a type's (ODUE-SOUTH, MEMBERSHIP_BILL_2) is of that type; any other may be chosen
    for several (LO-14), so it names what any type has.
    """
    fitting = [name for name in TYPES if re.fullmatch(rf"{name}([-_0-9].*)?", code)]
    return {**COMMON, **TYPES[max(fitting, key=len)]} if fitting else EVERY_NAME


class Facts(msgspec.Struct, frozen=True):
    """What a template is filled with: every documented name, each row of `items` with every field."""

    values: dict[str, object]

    @classmethod
    def of(cls, given: Mapping[str, object]) -> "Facts":
        """From what the writer of a notice gave. An item alone is a list of one, and the first of a list is
        the item; texts and lists are cut to their bounds.
        """
        rows = given.get(ROWS)
        listed = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        if not listed and given.get("title") is not None:
            listed = [given]
        values: dict[str, object] = dict.fromkeys(EVERY_NAME)
        values |= {name: _value(listed[0].get(name)) for name in ITEM if listed}
        values |= {name: _value(value) for name, value in given.items() if name in EVERY_NAME}
        values[ROWS] = [{name: _value(row.get(name)) for name in ITEM} for row in listed[:MOST_ROWS]]
        values["count"] = len(listed)
        values["copy"] = values["copy"] or values["barcode"]
        return cls(values)


def _value(value: object) -> object:
    """A plain value within its bounds; nothing else gets into a template."""
    if isinstance(value, str):
        return value[:MOST_TEXT]
    if isinstance(value, bool) or value is None:
        return value
    return value if isinstance(value, int) and abs(value) < 10**15 else None
