"""What the report says about a line: by code, the rule behind it and a sentence for a person."""

from typing import Final

from sip2d.desk import stored
from sip2d.offline.formats.line import SENTENCES

FUTURE: Final = "FUTURE"
TIME_GOES_BACK: Final = "TIME_GOES_BACK"
IMPLICIT_RETURN: Final = "IMPLICIT_RETURN"
DUPLICATE: Final = "DUPLICATE"
PATRON_UNKNOWN: Final = "PATRON_UNKNOWN"
ITEM_UNKNOWN: Final = "ITEM_UNKNOWN"
ON_LOAN_OTHER: Final = "ITEM_ON_LOAN_OTHER"

_TOLD: Final[dict[str, tuple[str, str]]] = {
    FUTURE: ("OF-35", "The time of the line lies in the future: the clock of the desk was wrong."),
    TIME_GOES_BACK: ("OF-33", "The line is older than the one before it; lines go in the order of the file."),
    "STALE": ("OF-35", "The line is older than offline_max_age_days; it is executed all the same."),
    IMPLICIT_RETURN: ("OF-31", "It was on loan to another patron: that loan ends at the time of the line."),
    ON_LOAN_OTHER: ("OF-31", "It is on loan to another patron."),
    "NEWER_LOAN": ("OF-30", "A newer loan of the item is recorded: it stays, the line is history only."),
    "NEWER_TRANSACTION": ("OF-30", "Something newer happened to the item: nothing is changed."),
    "HOLD_CONFLICT": ("OF-30", "It was kept for another patron, whose hold waits again."),
    "SHORTENED": ("OF-30", "The new due date is earlier than the old one."),
    "RETURN_BEFORE_LOAN": ("OF-32", "The open loan began after the return: it stays open."),
    "NOT_ON_LOAN": (
        "OF-32",
        "It was not on loan: used in the house, or its loan is still to come and will end with it.",
    ),
    "RETURNED_SINCE": ("OF-32", "Its return had come before it: the loan has ended with that."),
    DUPLICATE: ("OF-40", "It was loaded before: no effect."),
    "PAYMENT": ("OF-22", SENTENCES["PAYMENT"]),
    "NOT_SUPPORTED": ("OF-2", SENTENCES["NOT_SUPPORTED"]),
    "PAYMENT_NOTHING_OWED": ("OF-22", "Money was taken, and the patron owes nothing: nothing is booked."),
    "PAYMENT_TOO_MUCH": ("OF-22", "Money was taken, and the patron owes less: nothing is booked."),
    "PAYMENT_AMOUNT_INVALID": ("OF-22", "The amount of the payment is impossible."),
    PATRON_UNKNOWN: ("OF-30", "Nobody has this card."),
    ITEM_UNKNOWN: ("OF-30", "There is no such item."),
}
_BYPASSED: Final = "OF-30"

EXCEPTIONAL: Final = stored.EXCEPTIONAL | {FUTURE}
"""What a person must look at, even where the line was executed (OF-51); errors are looked at all."""


def sentence(code: str) -> str:
    """What to tell of a code; a reason of policy that was set aside is told by its code."""
    if code in _TOLD:
        return _TOLD[code][1]
    return SENTENCES.get(code, f"Set aside, because it has happened: {code}.")


def queued(code: str) -> str:
    """What to tell of an exception (OF-51): of what a kiosk stored and policy does not know, that it was
    refused."""
    return sentence(code) if code in _TOLD or code in SENTENCES else f"Refused: {code}."


def rule(code: str) -> str:
    """The rule behind it."""
    if code in _TOLD:
        return _TOLD[code][0]
    return "OF-20" if code in SENTENCES else _BYPASSED
