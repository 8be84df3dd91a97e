"""Which function serves which message. What the ACS supports (BX) follows from it."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from sip2d.circulation.call import Answer, Call
from sip2d.store.unit import Unit
from sip2d.wire.messages import Request

R = TypeVar("R", bound=Request)
Handler = Callable[[Unit, R, Call], Answer]


class Service(msgspec.Struct, frozen=True):
    """A function that serves one message; ``writes`` says which road its unit takes: the writer or a
    reader."""

    handler: Callable[..., Answer]
    writes: bool


SERVICES: dict[str, Service] = {}


def serves(message: type[R], *, writes: bool) -> Callable[[Handler[R]], Handler[R]]:
    """Registers the decorated function for ``message``."""

    def register(handler: Handler[R]) -> Handler[R]:
        SERVICES[message.code] = Service(handler, writes)
        return handler

    return register
