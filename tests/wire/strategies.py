"""Hypothesis strategies derived from the declared messages: what a class may hold and survives the wire."""

import functools
from typing import Any

from hypothesis import strategies as st

from sip2d.wire import messages
from sip2d.wire.layout import EXTENSION_IDS, KNOWN_IDS, Ident, Slot, layout_of
from sip2d.wire.messages import Message, Request, Response
from sip2d.wire.profile import STANDARD, Profile

EXTRA_IDS = tuple(sorted(KNOWN_IDS - {"AY", "AZ"}))
_ALPHABETS = {
    "utf-8": "azAZ09 -.,'éàüßœ€漢Ω",
    "latin-1": "azAZ09 -.,'éàüß",
    "cp850": "azAZ09 -.,'éàüß",
    "ascii": "azAZ09 -.,'",
}


def cached(function: Any) -> Any:
    """One strategy a dialect: building them anew for every example takes longer than the tests."""
    made: dict[object, Any] = {}

    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        dialects = [
            (a.charset, a.delimiter, a.send_extensions) if isinstance(a, Profile) else a for a in arguments
        ]
        key = (function, *dialects)
        if key not in made:
            made[key] = function(*arguments)
        return made[key]

    return wrapper


@cached
def texts(profile: Profile = STANDARD, least: int = 0, most: int = 40) -> st.SearchStrategy[str]:
    """Values that come back as they went: what the charset has, without the delimiter."""
    alphabet = _ALPHABETS[profile.charset].replace(profile.delimiter, "")
    return st.text(alphabet, min_size=least, max_size=most)


def timestamps() -> st.SearchStrategy[str]:
    """Eighteen characters as clients write them, or blanks."""
    dated = st.builds(
        lambda day, zone, time: f"{day}{zone}{time}",
        st.dates().map(lambda date: f"{date.year:04d}{date:%m%d}"),
        st.sampled_from(("    ", "   Z", "0000", "   Q")),
        st.times().map(lambda time: f"{time:%H%M%S}"),
    )
    return st.one_of(dated, st.just(" " * 18))


def _slot(slot: Slot) -> st.SearchStrategy[Any]:
    if slot.form in ("yes_no", "one_zero"):
        return st.booleans()
    if slot.form == "count":
        return st.one_of(st.none(), st.integers(0, 10**slot.width - 1))
    if slot.form == "timestamp":
        return timestamps()
    return st.text("0123456789YNU +-*.", min_size=slot.width, max_size=slot.width)


def _ident(ident: Ident, profile: Profile) -> st.SearchStrategy[Any]:
    values: st.SearchStrategy[Any]
    if ident.extension and not profile.send_extensions:
        return st.none()
    if ident.form == "lines":
        return st.lists(texts(profile), max_size=4).map(tuple)
    if ident.form == "yes_no":
        values = st.booleans()
    elif ident.form == "count":
        values = st.integers(0, 10**ident.width - 1)
    elif ident.width == 18:
        values = timestamps()
    elif ident.width:
        values = texts(profile, ident.width, ident.width)
    else:
        values = texts(profile)
    return values if ident.required else st.one_of(st.none(), values)


@cached
def of(message: type[Message], profile: Profile = STANDARD) -> st.SearchStrategy[Any]:
    """Any message of one class."""
    layout = layout_of(message)
    places: dict[str, st.SearchStrategy[Any]] = {}
    for field in layout.order:
        if isinstance(field, Slot):
            places[field.name] = _slot(field)
        elif isinstance(field, Ident):
            places[field.name] = _ident(field, profile)
        else:
            extensions = layout.ids | EXTENSION_IDS
            ids = [key for key in EXTRA_IDS if key not in extensions]
            pairs = st.tuples(st.sampled_from(ids), texts(profile))
            places["extras"] = st.lists(pairs, max_size=3).map(tuple)
    return st.builds(message, **places)


@cached
def requests(profile: Profile = STANDARD) -> st.SearchStrategy[Request]:
    """Any request."""
    return st.one_of([of(message, profile) for message in messages.REQUESTS])


@cached
def responses(profile: Profile = STANDARD) -> st.SearchStrategy[Response]:
    """Any response."""
    return st.one_of([of(message, profile) for message in messages.RESPONSES])
