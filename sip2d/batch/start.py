"""Starts a loop for what must have one: the doors of this room for who has none."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

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
    """``runner.run``. KeyboardInterrupt when the handler of Ctrl-C raised it; what is answered is kept."""

    async def attempt() -> runner.Ending:
        with _interrupts():
            return await runner.run(journal, server, told=told, cancelled=cancelled)

    try:
        return asyncio.run(attempt())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Ctrl-C as an event of the loop, wherever it can be one (not on Windows): what a handler raises in the
    middle of anything may be raised where nobody hears it, and a signal just before the loop waits is late.
    """
    loop, task, handler = asyncio.get_running_loop(), asyncio.current_task(), signal.getsignal(signal.SIGINT)

    def pressed() -> None:
        try:
            if callable(handler):
                handler(signal.SIGINT, None)
        except KeyboardInterrupt:
            assert task is not None
            task.cancel()

    try:
        loop.add_signal_handler(signal.SIGINT, pressed)
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        if handler is not None:  # None: not one of Python's
            signal.signal(signal.SIGINT, handler)
