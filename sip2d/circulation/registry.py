"""Which function serves which message. What the ACS supports (BX) follows from it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from sip2d.circulation.call import Answer, Call
from sip2d.store.unit import Unit
from sip2d.wire.messages import Request

R = TypeVar("R", bound=Request)
Handler = Callable[[Unit, R, Call], Answer]


Foresight = Callable[[Unit, Sequence[tuple[R, Call]]], None]
"""Asks at once for what these requests, several of one batch, will ask for each."""


class Service(msgspec.Struct, frozen=True):
    """A function that serves one message; ``writes`` says which road its unit takes: the writer or a
    reader."""

    handler: Callable[..., Answer]
    writes: bool
    foresight: Callable[..., None] | None = None


SERVICES: dict[str, Service] = {}


def serves(
    message: type[R], *, writes: bool, foresight: Foresight[R] | None = None
) -> Callable[[Handler[R]], Handler[R]]:
    """Registers the decorated function for ``message``."""

    def register(handler: Handler[R]) -> Handler[R]:
        SERVICES[message.code] = Service(handler, writes, foresight)
        return handler

    return register
