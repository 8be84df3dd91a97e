"""A server that is not sip2d: one request at a time, no memory of repeats, scripted to fall silent."""

import asyncio
from collections.abc import Callable

from tests.support.kiosk import parse, seal

DATE = "20260309    101500"


class Elsewhere:
    """``answer`` gets the body of each 29 and 17, and says what to do: a body, None (silence), "" (cut)."""

    def __init__(self, answer: Callable[[str], str | None]) -> None:
        self._answer = answer
        self.asked: list[str] = []
        self.busiest = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Elsewhere":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *fault: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.readuntil(b"\r"):
                body, mark, _ = data.rstrip(b"\r").rpartition(b"AY")
                sequence = int(data.rstrip(b"\r")[len(body) + len(mark) :][:1])
                told = self._said(body.decode())
                if told == "":
                    break
                if told is not None:
                    writer.write(seal(told, sequence))
                    assert parse(seal(told, sequence).rstrip(b"\r"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _said(self, body: str) -> str | None:
        if body.startswith("93"):
            return "941"
        if body.startswith("99"):
            return f"98YNNYNY100003{DATE}2.00AOELSE|AMElsewhere|BXNNNNYYYNNNYNNNYN|"
        self.asked.append(body)
        return self._answer(body)
