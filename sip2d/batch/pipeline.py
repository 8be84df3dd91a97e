"""A connection with a window of requests under way, for servers that answer strictly in order (BR-5).

The sequence digits of AY name ten requests, so a wide window goes by order: an answer belongs to the oldest
request, and its digit must be that request's. Whatever does not fit breaks the line, because nobody knows
any more which answer is whose; the caller opens another and asks again, one at a time. With one request under
way this is the client's own dialogue, with 96, 97 and retransmission (BR-44).
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from sip2d.client.connection import Connection
from sip2d.client.dialogue import Dialogue, LinkBroken, Manner, NoAnswer, Reply, Ticket
from sip2d.wire.frame import Trailer
from sip2d.wire.messages import Request

WIDEST: Final = 64
"""What sip2d takes on one connection."""


class InOrder(Dialogue):
    """See the module."""

    def __init__(self, manner: Manner | None = None) -> None:
        super().__init__(manner)
        self._window = max(1, min(self.manner.window, WIDEST))

    def tick(self, now: float) -> None:
        """Gives the line up when more than one answer is missing."""
        if len(self._under_way) > 1 and now >= self.deadline:
            self.fail(NoAnswer(f"no answer to {len(self._under_way)} requests"))
        else:
            super().tick(now)

    def _find(self, body: bytes, trailer: Trailer | None) -> Ticket | None:
        if len(self._under_way) == 1:
            return super()._find(body, trailer)
        oldest = self._under_way[0]
        named = trailer.sequence if trailer is not None else None
        if named != oldest.sequence or body[:2] != b"30":
            self.fail(LinkBroken("the answers are out of order"))
            return None
        return oldest

    def _damaged(self, now: float) -> None:
        if len(self._under_way) > 1:
            self.fail(LinkBroken("a damaged answer"))
        else:
            super()._damaged(now)

    def _asked_again(self, now: float) -> None:
        if len(self._under_way) > 1:
            self.fail(LinkBroken("the ACS asked for one of many requests again"))
        else:
            super()._asked_again(now)


class Pipeline(Connection):
    """See the module. Made by ``open``, with ``Manner.window``."""

    def __init__(self, manner: Manner | None = None) -> None:
        super().__init__(manner)
        self.dialogue = InOrder(manner)

    @property
    def broken(self) -> bool:
        """Whether it is of no use any more."""
        return self.dialogue.broken is not None

    def abort(self) -> None:
        """Ends it at once: a peer that takes nothing more is not waited for."""
        if self._transport is not None:
            self._transport.abort()

    def post(self, requests: Sequence[Request | bytes]) -> list[asyncio.Future[Reply]]:
        """Asks all of them in one write; an answer or a ``LineFault`` for each. Raises ``LineFault``."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Reply]] = []
        for request in requests:
            ticket = self.dialogue.ask(request, loop.time())
            future: asyncio.Future[Reply] = loop.create_future()
            self._waiters[ticket] = future
            futures.append(future)
        self._pump()
        return futures
