"""An exchange for a person or a program: every field by name, the request's secrets masked, the raw lines."""

import json
from collections.abc import Iterator
from typing import Any, Final

from sip2d.client.dialogue import Reply
from sip2d.wire import codec, redact
from sip2d.wire.layout import SECRET_IDS, Ident, Slot, layout_of
from sip2d.wire.messages import (
    AcsStatus,
    ItemInformationResponse,
    Message,
    Request,
    RequestScResend,
    Response,
)
from sip2d.wire.profile import Profile

OK_FIELDS: Final = ("ok", "payment_accepted", "item_properties_ok", "end_session")


def refused(response: Response | None) -> bool:
    """Whether the ACS said no: not ok, card or PIN not valid, not on-line, an item nobody knows."""
    if response is None or isinstance(response, RequestScResend):
        return True
    if isinstance(response, AcsStatus):
        return not response.online
    if isinstance(response, ItemInformationResponse):
        return response.circulation_status == "01" and not response.title_id
    said = [getattr(response, name) for name in OK_FIELDS if hasattr(response, name)]
    if said:
        return not all(said)
    return (
        getattr(response, "valid_patron", None) is False
        or getattr(response, "valid_patron_password", None) is False
    )


def fields(message: Message) -> Iterator[tuple[str, str, str, object]]:
    """Id (empty for the fixed block), field name, name as people say it, and value of each field on the wire;
    secrets masked.
    """
    masked = redact.without_secrets(message)
    for place in layout_of(type(message)).order:
        if place is None:
            for key, text in message.extras:  # type: ignore[attr-defined]  # every class with a None has them
                yield key, key, "", masked_extra(key, text)
            continue
        value = masked[place.name]
        ident = place.id if isinstance(place, Ident) else ""
        name = place.caption if isinstance(place, Ident) else place.name.replace("_", " ")
        for one in value if isinstance(value, tuple) else () if value is None and ident else (value,):
            yield ident, place.name, name, _shown(place, one)


def masked_extra(key: str, text: str) -> str:
    """An undeclared field; one that would be a secret elsewhere stays one."""
    return redact.MASK if key in SECRET_IDS and text else text


def _shown(place: Slot | Ident, value: object) -> object:
    return ("Y" if value else "N") if isinstance(value, bool) and place.form == "yes_no" else value


def as_text(request: Request | bytes, reply: Reply, profile: Profile) -> str:
    """Both messages, a field a line."""
    lines = [*_half("->", _parsed(request, profile), _raw(request, profile), profile)]
    times = f", sent {reply.tries} times" if reply.tries > 1 else ""
    lines += _half("<-", reply.response, reply.raw, profile, f"  ({reply.seconds * 1000:.1f} ms{times})")
    return "\n".join(lines)


def _half(arrow: str, message: Message | None, raw: bytes, profile: Profile, note: str = "") -> Iterator[str]:
    named = f"{message.code} {message.caption}" if message else "(no message of this side)"
    yield f"{arrow} {named}{note}"
    yield f"   {redact.redact_frame(raw, profile.delimiter, personal=False)}"
    if message is None:
        return
    for ident, _, name, value in fields(message):
        text = "" if value is None else int(value) if isinstance(value, bool) else value
        yield f"     {ident:2} {name:26} {text}".rstrip()


def as_json(request: Request | bytes, reply: Reply, profile: Profile) -> str:
    """One JSON object on one line: ``request``, ``response``, ``raw``, ``ms``, ``tries``, ``refused``."""
    found: dict[str, Any] = {
        "request": _record(_parsed(request, profile), _raw(request, profile), profile),
        "response": _record(reply.response, reply.raw, profile),
        "ms": round(reply.seconds * 1000, 3),
        "tries": reply.tries,
        "refused": refused(reply.response),
    }
    return json.dumps(found, ensure_ascii=False)


def _record(message: Message | None, raw: bytes, profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {
        "code": message.code if message else None,
        "name": message.caption if message else None,
        "raw": redact.redact_frame(raw, profile.delimiter, personal=False),
        "fields": {},
    }
    if message is None:
        return found
    repeated = {ident.name for ident in layout_of(type(message)).idents if ident.form == "lines"}
    for _, name, _, value in fields(message):
        if name in repeated:
            found["fields"].setdefault(name, []).append(value)
        else:
            found["fields"].setdefault(name, value)
    return found


def _parsed(request: Request | bytes, profile: Profile) -> Request | None:
    return codec.parse_request(request, profile) if isinstance(request, bytes) else request


def _raw(request: Request | bytes, profile: Profile) -> bytes:
    return request if isinstance(request, bytes) else codec.build(request, profile)
