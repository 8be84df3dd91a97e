"""Messages out of frames and back: three doors over functions that are generated from the declared messages.

Theory: a message class is read once into a ``Layout``; per profile, ``parsing`` and ``building`` write a
short Python function for it (no loop over a field table at run time: a 63 parsed and a 64 built take about 8
us together instead of 40, performance.md 2). What the fast function does not recognise goes a slow, forgiving
way: ``mending`` on the way in, ``careful`` on the way out. Both ways give the same answer where both can;
tests hold them to it.
"""

from collections.abc import Callable
from typing import Any, Final

from sip2d.wire import messages
from sip2d.wire.building import Builders
from sip2d.wire.messages import Message, Request, Response
from sip2d.wire.parsing import compile_parser
from sip2d.wire.profile import STANDARD, Profile

_REQUESTS: Final = "parse requests"
_RESPONSES: Final = "parse responses"
_BUILD: Final = "build"
_BUILD_1: Final = "build 1.00"


def parse_request(body: bytes, profile: Profile = STANDARD) -> Request | None:
    """The request in a frame without trailer and terminator; ``None`` for an unknown code. Never raises
    (sip2.md 9).
    """
    parser = (profile.memo.get(_REQUESTS) or _parsers(profile, _REQUESTS)).get(body[:2])
    return None if parser is None else parser(body)


def parse_response(body: bytes, profile: Profile = STANDARD) -> Response | None:
    """The SC's side of ``parse_request``."""
    parser = (profile.memo.get(_RESPONSES) or _parsers(profile, _RESPONSES)).get(body[:2])
    return None if parser is None else parser(body)


def build(message: Message, profile: Profile = STANDARD, version_1: bool = False) -> bytes:
    """The frame's body of a message: no trailer, no terminator, at most ``building.MAX_BODY`` bytes.

    Values are made fit for the wire here (SP: no delimiter, no controls, 255 a field); ``hide_fields`` and
    ``send_extensions`` are applied last. ``version_1`` leaves out what a 1.00 SC does not know (sip2.md 5).
    """
    key = _BUILD_1 if version_1 else _BUILD
    builders: Builders = profile.memo.get(key) or profile.memo.setdefault(key, Builders(profile, version_1))
    return builders[message.__class__](message)


def _parsers(profile: Profile, key: str) -> dict[bytes, Callable[[bytes], Any]]:
    classes = messages.REQUESTS if key == _REQUESTS else messages.RESPONSES
    table = {message.code.encode(): compile_parser(message, profile) for message in classes}
    profile.memo[key] = table
    return table


def compile_all(profile: Profile) -> None:
    """Compiles everything of a profile now (about 30 ms), so that no kiosk waits for it."""
    _parsers(profile, _REQUESTS)
    _parsers(profile, _RESPONSES)
    for key, version_1 in ((_BUILD, False), (_BUILD_1, True)):
        builders = profile.memo.setdefault(key, Builders(profile, version_1))
        for message in (*messages.REQUESTS, *messages.RESPONSES):
            builders[message]


compile_all(STANDARD)
