"""Prints the message reference from the declared messages: what ``sip2d explain`` shows."""

from sip2d.wire import messages
from sip2d.wire.kinds import FORMS
from sip2d.wire.layout import ALL_MESSAGES, VERSION_2_IDS, Ident, Layout, layout_of
from sip2d.wire.messages import Message, Request


def explain(topic: str | None = None) -> str:
    """All messages, one by its code, or one field by its id; raises ``ValueError`` with a hint for anything
    else.
    """
    if not topic:
        return _overview()
    wanted = topic.strip().upper()
    found = [message for message in ALL_MESSAGES if message.code == wanted]
    if found:
        return _message(found[0])
    uses = [
        (message, ident)
        for message in ALL_MESSAGES
        for ident in layout_of(message).idents
        if ident.id == wanted
    ]
    if uses:
        return _field(uses)
    raise ValueError(f"{topic!r} is neither a message code such as 63 nor a field such as AA")


def _overview() -> str:
    lines = ["Request                       Answer                           BX"]
    for request in messages.REQUESTS:
        answer = request.answer
        reply = f"{answer.code} {answer.caption}" if answer is not None else ""
        lines.append(f"{request.code} {request.caption:<26} {reply:<32} {request.bit:>2}")
    lines += ["", "The last answer again answers 97; 96 answers a damaged request."]
    return "\n".join(lines) + "\n"


def _message(message: type[Message]) -> str:
    layout = layout_of(message)
    lines = [f"{message.code} {message.caption}", f"    {_summary(message)}", ""]
    if issubclass(message, Request) and message.answer is not None:
        lines += [
            f"Answered by {message.answer.code} {message.answer.caption}; position {message.bit} of BX.",
            "",
        ]
    lines.append(f"Fixed block: {layout.width} characters with the code")
    lines.append("  offset width")
    lines.append("       0     2  code")
    for slot in layout.slots:
        lines.append(f"  {slot.offset:>6} {slot.width:>5}  {slot.name.replace('_', ' '):<26} {slot.caption}")
    if layout.idents:
        lines += [
            "",
            "Identified fields, in the order they are sent",
            *(_ident_line(ident) for ident in layout.idents),
        ]
    return "\n".join(lines) + "\n"


def _summary(message: type[Message]) -> str:
    return (message.__doc__ or "").strip().splitlines()[0]


def _ident_line(ident: Ident) -> str:
    presence = "required" if ident.required else "repeated" if ident.form == "lines" else "optional"
    notes = [f"{ident.width} characters"] if ident.width else []
    notes += [
        word
        for word, true in (
            ("secret", ident.secret),
            ("personal", ident.personal),
            ("extension", ident.extension),
        )
        if true
    ]
    return f"  {ident.id}  {ident.caption:<26} {presence:<9} {', '.join(notes)}".rstrip()


def _field(uses: list[tuple[type[Message], Ident]]) -> str:
    ident = uses[0][1]
    width = f"{ident.width} characters" if ident.width else "up to 255 characters"
    lines = [f"{ident.id} {ident.caption}", f"    {FORMS[ident.form]}; {width}"]
    if ident.secret:
        lines.append("    secret: never shown, logged or stored as it came")
    if ident.personal:
        lines.append("    personal: masked in logs")
    if ident.extension:
        lines.append("    an extension of SIP2 2.00: sent when the profile says send_extensions")
    elif ident.id in VERSION_2_IDS:
        lines.append("    not sent to a terminal of protocol 1.00")
    lines += ["", "Carried by"]
    for message, use in uses:
        presence = "required" if use.required else "repeated" if use.form == "lines" else "optional"
        lines.append(f"  {message.code} {message.caption:<30} {presence}")
    return "\n".join(lines) + "\n"


def layouts() -> tuple[Layout, ...]:
    """Every message's layout, requests first."""
    return tuple(layout_of(message) for message in ALL_MESSAGES)
