"""Masks what ``fields.py`` calls secret (always) and personal (by default), in a message or in raw bytes of
any shape.

A masked barcode keeps its last four characters (``…4821``), so that a log can be followed; a name, an
address, a secret keeps nothing. In raw requests everything is masked from a secret's id to the delimiter
wherever the id turns up, because in a damaged frame nobody knows where a field begins: too much masked is a
nuisance, too little a leak.
"""

import functools
import re
from typing import Final

from sip2d.wire.layout import PERSONAL_IDS, SECRET_IDS, Ident, layout_of
from sip2d.wire.messages import RESPONSE_BY_CODE, Message

MASK: Final = "***"
BARCODE_IDS: Final[frozenset[str]] = frozenset(("AA", "AB", "CY"))
# Extensions that carry personal data (sip2.md 7); lists of 64 carry barcodes or titles.
PERSONAL_EXTENSIONS: Final[frozenset[str]] = frozenset("PB PD PI BC U1 U2 U3 U4 U5 PZ XI".split())
LIST_IDS: Final[frozenset[str]] = frozenset("AS AT AU AV BU CD BM BN".split())
_FIELD_ID = re.compile("[A-Z][A-Z0-9]")
_SECRET = re.compile("|".join(sorted(SECRET_IDS)))
_PERSONAL = re.compile("|".join(sorted(PERSONAL_IDS)))


def mask_barcode(code: str) -> str:
    """``…4821``; all of a code of four characters or fewer."""
    return f"…{code[-4:]}" if len(code) > 4 else "…" if code else ""


def _masked_value(field_id: str, value: str, personal: bool) -> str:
    if field_id in SECRET_IDS:
        return MASK if value else ""
    if not personal or not value:
        return value
    if field_id in BARCODE_IDS or field_id in LIST_IDS:
        return mask_barcode(value)
    return MASK if field_id in PERSONAL_IDS or field_id in PERSONAL_EXTENSIONS else value


@functools.cache
def _ids(message: type[Message]) -> dict[str, str]:
    return {field.name: field.id for field in layout_of(message).order if isinstance(field, Ident)}


def _fields(message: Message, personal: bool) -> dict[str, object]:
    ids = _ids(type(message))
    out: dict[str, object] = {}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if name == "extras":
            value = tuple((key, _masked_value(key, text, personal)) for key, text in value)
        elif isinstance(value, tuple):
            value = tuple(_masked_value(ids[name], text, personal) for text in value)
        elif isinstance(value, str) and name in ids:
            value = _masked_value(ids[name], value, personal)
        out[name] = value
    return out


def without_secrets(message: Message) -> dict[str, object]:
    """The fields of a message by name, secrets masked."""
    return _fields(message, personal=False)


def redacted(message: Message) -> dict[str, object]:
    """The fields of a message by name, secrets and personal data masked."""
    return _fields(message, personal=True)


def redact_frame(frame: bytes, delimiter: str = "|", personal: bool = True) -> str:
    """Raw bytes as one line of a log, nothing secret, nothing personal unless asked. Never raises."""
    text = frame.decode("utf-8", "replace")
    response = text.lstrip(" \0")[:2] in RESPONSE_BY_CODE
    parts = text.split(delimiter)
    shown = [_masked_part(part, at == 0, response, personal) for at, part in enumerate(parts)]
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}"
        for character in delimiter.join(shown)
    )


def _masked_part(part: str, first: bool, response: bool, personal: bool) -> str:
    # Secrets first: what is left of a value afterwards shows none of them.
    secret = None if response else _SECRET.search(part)
    if secret is not None and secret.end() < len(part):
        part = part[: secret.end()] + MASK
    # The first field follows the fixed block: its id is searched there, not expected.
    found = (_PERSONAL.search(part) if personal else None) if first else _FIELD_ID.match(part)
    if found is None:
        return part
    return part[: found.end()] + _masked_value(found[0], part[found.end() :], personal)
