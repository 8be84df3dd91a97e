"""Reads a message class once: which places its fixed block has, which identified fields follow, in which
order.

Everything that is derived from the declared message (codec, reference, redaction, hypothesis strategies)
starts from a ``Layout``.
"""

import functools
import typing
from typing import Final

import msgspec

from sip2d.wire import messages
from sip2d.wire.fields import Fixed, Variable

# Identified fields of the field beyond the declared ones (sip2.md 7): known so that one of them right after
# the fixed block is not taken for damage. AY and AZ are no fields at all; alone or broken they are skipped
# (quirks B6).
KNOWN_EXTENSIONS: Final[frozenset[str]] = frozenset(
    "AY AZ BC CN CO CP DB DE DG DL EA FA FB FC FD FE FF FG FU FV GG IN KP KQ MA MB MC NB OR PA "
    "PB PC PD PE PI PS PT PX PY PZ RN SA SV U1 U2 U3 U4 U5 XA XB XC XI XS XT XX XZ YZ ZP ZZ".split()
)


class Slot(msgspec.Struct, frozen=True):
    """One place of the fixed block; ``offset`` counts the two-digit code (sip2.md 1)."""

    name: str
    offset: int
    width: int
    form: str
    caption: str


class Ident(msgspec.Struct, frozen=True):
    """One identified field of a message. ``required``: it is on the wire even when empty."""

    name: str
    id: str
    caption: str
    form: str
    width: int
    required: bool
    secret: bool
    personal: bool
    extension: bool


class Layout(msgspec.Struct, frozen=True):
    """A message class, read. ``order`` holds every struct field (``extras`` included) in wire order."""

    message: type[messages.Message]
    code: str
    slots: tuple[Slot, ...]
    idents: tuple[Ident, ...]
    order: tuple[Slot | Ident | None, ...]

    @property
    def width(self) -> int:
        """Length of the code and the fixed block, in characters."""
        return 2 + sum(slot.width for slot in self.slots)

    @property
    def ids(self) -> frozenset[str]:
        """The identified fields this message declares."""
        return frozenset(ident.id for ident in self.idents)


def marker(hint: object) -> tuple[Fixed | Variable, bool]:
    """The ``Fixed`` or ``Variable`` of one annotation, and whether the field may be ``None`` (left out)."""
    found = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Fixed | Variable)]
    if found:
        return found[0], False
    for part in typing.get_args(hint):
        inner = [mark for mark in getattr(part, "__metadata__", ()) if isinstance(mark, Fixed | Variable)]
        if inner:
            return inner[0], True
    raise TypeError(f"no Fixed or Variable in {hint!r}")


def layout_of(message: type[messages.Message]) -> Layout:
    """The layout of one message class."""
    return _layout_of(message)


@functools.cache
def _layout_of(message: type[messages.Message]) -> Layout:
    hints = typing.get_type_hints(message, include_extras=True)
    slots: list[Slot] = []
    idents: list[Ident] = []
    order: list[Slot | Ident | None] = []
    offset = 2
    for name in message.__struct_fields__:
        if name == "extras":
            order.append(None)
            continue
        mark, optional = marker(hints[name])
        if isinstance(mark, Fixed):
            slots.append(Slot(name, offset, mark.width, mark.form, mark.caption))
            order.append(slots[-1])
            offset += mark.width
        else:
            required = not optional and mark.form != "lines"
            idents.append(
                Ident(
                    name,
                    mark.id,
                    mark.caption,
                    mark.form,
                    mark.width,
                    required,
                    mark.secret,
                    mark.personal,
                    mark.extension,
                )
            )
            order.append(idents[-1])
    return Layout(message, message.code, tuple(slots), tuple(idents), tuple(order))


ALL_MESSAGES: Final[tuple[type[messages.Message], ...]] = (*messages.REQUESTS, *messages.RESPONSES)
FIELD_IDS: Final[frozenset[str]] = frozenset().union(*(layout_of(message).ids for message in ALL_MESSAGES))
KNOWN_IDS: Final[frozenset[str]] = FIELD_IDS | KNOWN_EXTENSIONS
SECRET_IDS: Final[frozenset[str]] = frozenset(
    ident.id for message in ALL_MESSAGES for ident in layout_of(message).idents if ident.secret
)
PERSONAL_IDS: Final[frozenset[str]] = frozenset(
    ident.id for message in ALL_MESSAGES for ident in layout_of(message).idents if ident.personal
)
EXTENSION_IDS: Final[frozenset[str]] = frozenset(
    ident.id for message in ALL_MESSAGES for ident in layout_of(message).idents if ident.extension
)
# What a 1.00 SC does not know and gets left out (sip2.md 5).
VERSION_2_IDS: Final[frozenset[str]] = EXTENSION_IDS | frozenset(
    "BX BL CQ BH BV BT CI BK CK CL CH BI BO".split()
)
