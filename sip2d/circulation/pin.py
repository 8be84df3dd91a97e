"""Patron authentication: whether the PIN in AD fits (CN-5, sip2.md 6.6, peers 12, 13)."""

import enum
from typing import Final

from sip2d.circulation.authorise import needs_pin
from sip2d.circulation.call import Call, PinNeeded
from sip2d.policy.facts import PatronFacts


class Pin(enum.Enum):
    """What is known of the PIN of a request."""

    ABSENT = "no AD field"
    EMPTY = "an empty AD field: not a login"
    RIGHT = "it fits"
    WRONG = "it does not fit"


# An enum's member takes 0.1 us to look up, and every patron's exchange asks four times.
_ABSENT: Final = Pin.ABSENT
_RIGHT: Final = Pin.RIGHT
_WRONG: Final = Pin.WRONG


def check(call: Call, barcode: str, patron: PatronFacts | None, secret: str | None) -> Pin:
    """Compares ``secret`` with the patron's; an unknown patron costs the same work (reliability.md 1).

    Raises:
        PinNeeded: it is not in memory and must be hashed outside the unit.
    """
    if secret is None:
        return _ABSENT
    if secret == "":
        free = call.branch.sip2.allow_empty_pins and patron is not None and patron.pin_hash is None
        return Pin.RIGHT if free else Pin.EMPTY
    stored = patron.pin_hash if patron is not None else None
    verdict = call.pins.verdict(barcode, secret, stored)
    if verdict is None:
        raise PinNeeded(barcode, stored)
    return Pin.RIGHT if verdict and stored is not None else Pin.WRONG


def passes(call: Call, code: str, pin: Pin) -> bool:
    """Whether an act may go on: a PIN that was given must fit, and one that the branch asks for must be
    given."""
    return pin is _RIGHT or (pin is not _WRONG and not needs_pin(call.branch, code))


def cq(call: Call, pin: Pin) -> bool | None:
    """CQ: Y or N when AD was sent, else what the profile says (sip2.md 10)."""
    if pin is _ABSENT:
        return None if call.profile.cq_without_pin == "absent" else False
    return pin is _RIGHT
