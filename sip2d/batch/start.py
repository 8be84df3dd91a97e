"""Starts a loop for what must have one: the doors of this room for who has none."""

import asyncio
from collections.abc import Callable

from sip2d.batch import preflight, runner
from sip2d.batch.journal import Journal
from sip2d.batch.preflight import Server
from sip2d.wire.messages import AcsStatus


def validate_connection(server: Server) -> AcsStatus:
    """What the server says of itself, when a batch may be sent there (BR-34). Raises ``Unfit``."""

    async def look() -> AcsStatus:
        opened, status = await preflight.line(server)
        await opened.close()
        return status

    return asyncio.run(look())


def attempt_all(
    journal: Journal, server: Server, *, told: runner.Told, cancelled: Callable[[], bool]
) -> runner.Ending:
    """``runner.run``."""
    return asyncio.run(runner.run(journal, server, told=told, cancelled=cancelled))
