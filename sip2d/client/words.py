"""Requests from words: ``checkout`` and a table of values become a ``Checkout``.

Everything is read from the declared messages; a field is named as in ``wire.messages`` or by its id.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Final

from sip2d.wire.kinds import NO_DATE
from sip2d.wire.layout import Ident, Layout, Slot, layout_of
from sip2d.wire.messages import REQUEST_BY_CODE, REQUESTS, Request

# The names of Koha's emulator, and short ones.
ALIASES: Final[dict[str, str]] = {
    "patron_status_request": "23", "patron_status": "23", "checkout": "11", "checkin": "09",
    "block_patron": "01", "sc_status_request": "99", "sc_status": "99", "status": "99",
    "request_acs_resend": "97", "resend": "97", "login": "93", "patron_information": "63",
    "end_patron_session": "35", "end_session": "35", "fee_paid": "37", "item_information": "17",
    "item_status_update": "19", "patron_enable": "25", "hold": "15", "renew": "29", "renew_all": "65",
}  # fmt: skip

# Which list 63 asks for, by name (sip2.md 2.5).
SUMMARIES: Final[dict[str, int]] = {
    "holds": 0, "overdue": 1, "charged": 2, "fines": 3, "recalls": 4, "unavailable": 5,
}  # fmt: skip

# Short names of values, and what stands for a field nobody gave.
SHORT: Final[dict[str, str]] = {
    "patron": "patron_id", "item": "item_id", "password": "patron_password", "pin": "patron_password",
    "institution": "institution_id", "title": "title_id", "due_date": "nb_due_date",
    "location": "current_location", "properties": "item_properties", "transaction": "transaction_id",
    "amount": "fee_amount", "fee": "fee_identifier", "reason": "blocked_card_message",
}  # fmt: skip
DEFAULTS: Final[dict[str, str]] = {
    "language": "000", "nb_due_date": NO_DATE, "summary": " " * 10, "status_code": "0",
    "max_print_width": "80", "protocol_version": "2.00", "uid_algorithm": "0", "pwd_algorithm": "0",
    "fee_type": "01", "payment_type": "00", "currency": "EUR", "hold_mode": "+", "sc_renewal_policy": "Y",
}  # fmt: skip
NOW_FIELDS: Final = ("transaction_date", "return_date")


class Unclear(ValueError):
    """Words that make no request; one sentence."""


def message(name: str) -> type[Request]:
    """The request of a name or a code. Raises ``Unclear``."""
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    found = REQUEST_BY_CODE.get(ALIASES.get(key, key))
    if found is None:
        close = difflib.get_close_matches(key, ALIASES, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise Unclear(f"{name!r} is no request{hint}")
    return found


def names() -> list[tuple[str, str]]:
    """Code and name of every request, for the help."""
    preferred = {code: name for name, code in reversed(ALIASES.items())}
    return [(request.code, preferred[request.code]) for request in REQUESTS]


def build(name: str, values: Mapping[str, str], now: str) -> Request:
    """The request ``name`` with ``values``; ``now`` is the 18-character stamp of this moment. An id that this
    message does not declare is sent all the same. Raises ``Unclear`` for a name it has no place for.
    """
    kind = message(name)
    layout = layout_of(kind)
    given = _by_field(layout, values)
    fields: dict[str, Any] = {}
    for place in layout.order:
        if place is None:
            continue
        text = given.pop(place.name, None)
        if text is None and isinstance(place, Slot):
            text = now if place.name in NOW_FIELDS else DEFAULTS.get(place.name, "")
        if text is not None:
            fields[place.name] = _value(place, text)
    extras = tuple(given.items())
    return kind(**fields, extras=extras) if extras else kind(**fields)


def fitting(name: str, values: Mapping[str, str]) -> dict[str, str]:
    """Of values meant for every message, by field name, those that this one has a place for."""
    layout = layout_of(message(name))
    places = {place.name for place in layout.order if place is not None}
    ids = {ident.id: ident.name for ident in layout.idents}
    named = {ids.get(key) or field_name(key, places): value for key, value in values.items()}
    return {key: value for key, value in named.items() if key in places}


def field_name(key: str, places: Collection[str]) -> str:
    """The field a word means among those a message has."""
    word = key.lower().replace("-", "_")
    return word if word in places else SHORT.get(word, word)


def _by_field(layout: Layout, values: Mapping[str, str]) -> dict[str, str]:
    """Values by field name; ids that this message does not declare stay ids and become extras."""
    places = {place.name: place for place in layout.order if place is not None}
    ids = {ident.id: ident.name for ident in layout.idents}
    given: dict[str, str] = {}
    for key, text in values.items():
        name = ids.get(key) or field_name(key, places)
        if name in places:
            given[name] = text
        elif len(key) == 2 and key.isupper():
            given[key] = text
        else:
            close = difflib.get_close_matches(key.lower(), [*places, *SHORT], 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise Unclear(f"{layout.code} {layout.message.caption} has no field {key!r}{hint}")
    return given


def _value(place: Slot | Ident, text: str) -> object:
    if place.form in ("yes_no", "one_zero"):
        if text.strip().upper() not in ("Y", "N", "1", "0", ""):
            raise Unclear(f"{place.name} is Y or N, not {text!r}")
        return text.strip().upper() in ("Y", "1")
    if place.form == "count":
        digits = text.strip()
        if not digits.isascii() or not digits.isdigit():
            raise Unclear(f"{place.name} is a number, not {text!r}")
        return int(digits)
    if place.name == "summary":
        return _summary(text)
    if isinstance(place, Slot) and len(text) > place.width:
        raise Unclear(f"{place.name} has {place.width} characters, not {len(text)}")
    if isinstance(place, Slot) and not text and place.form != "timestamp":
        raise Unclear(f"{place.name} is missing")
    return text.ljust(place.width) if isinstance(place, Slot) else text


def _summary(text: str) -> str:
    place = SUMMARIES.get(text.strip().lower())
    if place is not None:
        return " " * place + "Y" + " " * (9 - place)
    if len(text) > 10 or set(text.upper()) - set("YN "):
        raise Unclear(f"summary is one of {', '.join(SUMMARIES)}, or ten characters Y or blank")
    return text.ljust(10)
