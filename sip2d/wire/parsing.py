"""Compiles a message class into its parser: the usual frame by one regular expression, any other by one for
the fixed block and a dictionary of the identified fields.

Usual is what has each declared field at most once, in P's order, and no other: 1.0 us of a 63 instead of 2.1.
In the dictionary the first of a repeated field wins (quirks E9): the pieces are entered back to front. What
does not match exactly is handed to ``mending`` and continues here. Both ways give the same message.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from sip2d.wire import kinds, mending
from sip2d.wire.layout import KNOWN_IDS, Ident, Layout, Slot, layout_of
from sip2d.wire.messages import Message
from sip2d.wire.profile import Profile

_NO_FIELD: Final[frozenset[str]] = frozenset(("AY", "AZ"))
_ID = re.compile("[A-Z][A-Z0-9]")


def exact_pattern(layout: Layout, delimiter: str) -> str:
    """What the code and fixed block look like when nothing is amiss."""
    other = f"[^{re.escape(delimiter)}]"
    forms: dict[str, Callable[[int], str]] = {
        "yes_no": lambda width: "[YNUyn01 ]",
        "one_zero": lambda width: "[01YNyn ]",
        "count": lambda width: f"[0-9 ]{{{width}}}",
        "text": lambda width: f"{other}{{{width}}}",
        "timestamp": lambda width: f"[0-9]{{8}}{other}{{4}}[0-9]{{6}}| {{18}}",
    }
    return layout.code + "".join(f"({forms[slot.form](slot.width)})" for slot in layout.slots)


def usual_pattern(layout: Layout, delimiter: str) -> str:
    """What the whole message looks like when it is written as the standard has it."""
    mark = re.escape(delimiter)
    idents = "".join(f"(?:{ident.id}([^{mark}]*){mark})?" for ident in layout.idents)
    return exact_pattern(layout, delimiter) + idents + r"\Z"


def undeclared(parts: list[str], declared: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The identified fields a message does not declare, in the order they came; what has no id is none."""
    return tuple(
        (part[:2], part[2:])
        for part in parts
        if part[:2] not in declared and part[:2] not in _NO_FIELD and _ID.fullmatch(part[:2])
    )


def _slot_source(slot: Slot, raw: str) -> str:
    if slot.form == "yes_no":
        return f"{raw} in YES"
    if slot.form == "one_zero":
        return f"{raw} in ONE"
    return f"count({raw})" if slot.form == "count" else raw


def _ident_source(ident: Ident, raw: str = "") -> str:
    """``raw`` is the value, if any; empty: to be taken from what was found."""
    if ident.form == "lines":
        return f"tuple([p[2:] for p in parts if p[:2] == {ident.id!r}]) if {ident.id!r} in found else ()"
    raw = raw or f"get({ident.id!r})"
    if ident.form in ("yes_no", "count"):
        return f"{'yes' if ident.form == 'yes_no' else 'count'}({raw})"
    return f"{raw} or ''" if ident.required else raw


def parser_source(layout: Layout, profile: Profile) -> str:
    """The text of the function; ``reference`` of the tests reads it too."""
    if not layout.slots:
        return "def parse(body):\n    return message()\n"
    places = {id(slot): at for at, slot in enumerate(layout.slots)}
    arguments = []
    for field in layout.order:
        if field is None:
            arguments.append("() if found.keys() <= declared else undeclared(parts, declared)")
        elif isinstance(field, Slot):
            arguments.append(_slot_source(field, f"fixed[{places[id(field)]}]"))
        else:
            arguments.append(_ident_source(field))
    lines = ",\n        ".join(arguments)
    return f"""def parse(body):
    text = body.decode({profile.charset!r}, "surrogateescape"){_usual_source(layout)}
    exact = match(text)
    rest = text[{layout.width}:]
    if exact is None or rest[:2] not in first:
        fixed, rest = mend(text)
    else:
        fixed = exact.groups()
    parts = rest.split({profile.delimiter!r})
    found = {{p[:2]: p[2:] for p in parts[::-1]}}
    get = found.get
    return message(
        {lines},
    )
"""


def _usual_source(layout: Layout) -> str:
    """Nothing for a message with lists, which may repeat a field."""
    if any(ident.form == "lines" for ident in layout.idents):
        return ""
    groups = [*layout.slots, *layout.idents]
    names = {id(field): f"v{number}" for number, field in enumerate(groups)}
    arguments = []
    for field in layout.order:
        if field is None:
            arguments.append("()")
        elif isinstance(field, Slot):
            arguments.append(_slot_source(field, names[id(field)]))
        else:
            arguments.append(_ident_source(field, names[id(field)]))
    return f"""
    usual = whole(text)
    if usual is not None:
        {", ".join(names.values())}, = usual.groups()
        return message({", ".join(arguments)})"""


def compile_parser(message: type[Message], profile: Profile) -> Callable[[bytes], Any]:
    """A function from a frame's body (of this message's code) to the message; it never raises."""
    layout = layout_of(message)
    match = re.compile(exact_pattern(layout, profile.delimiter), re.DOTALL).match
    scope: dict[str, Any] = {
        "message": message,
        "match": match,
        "whole": re.compile(usual_pattern(layout, profile.delimiter), re.DOTALL).match,
        "mend": mending.Mender(layout, profile.delimiter, match),
        "first": KNOWN_IDS | {""},
        "declared": layout.ids | {""},
        "undeclared": undeclared,
        "yes": kinds.yes,
        "count": kinds.count,
        "YES": frozenset("Yy"),
        "ONE": frozenset("1Yy"),
    }
    source = compile(parser_source(layout, profile), f"<parse {layout.code}>", "exec")
    exec(source, scope)  # noqa: S102  # the text is made of the declared messages and a checked profile
    parser: Callable[[bytes], Any] = scope["parse"]
    return parser
