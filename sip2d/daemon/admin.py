"""Health and metrics over HTTP: ``/livez`` (the loop answers), ``/readyz`` (kiosks can be served),
``/metrics``.

Uvicorn runs inside our loop, on a socket we bound; signals stay ours (T13).
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sip2d.daemon.metrics import Metrics

CONCURRENCY: Final = 64

Problems = Callable[[], Awaitable[Sequence[str]]]
Warnings = Callable[[], Sequence[str]]


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The daemon's signals are the daemon's (T13)."""
        yield


def _none() -> Sequence[str]:
    return ()


def application(metrics: Metrics, problems: Problems, warnings: Warnings = _none) -> Starlette:
    """The three pages. ``problems``: why kiosks cannot be served now; none means ready. ``warnings`` are
    only told."""

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        reasons = list(await problems())
        told = {"ready": not reasons, "reasons": reasons, "warnings": list(warnings())}
        return JSONResponse(told, 503 if reasons else 200)

    async def show(request: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    # Plain routes: a mounted application answers 307 at /metrics (T14).
    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", show)])


class Admin:
    """The server of these pages."""

    def __init__(
        self, sock: socket.socket, metrics: Metrics, problems: Problems, warnings: Warnings = _none
    ) -> None:
        self._sock = sock
        self._server = _Server(
            uvicorn.Config(
                application(metrics, problems, warnings),
                log_config=None,
                access_log=False,
                lifespan="off",
                http="h11",
                ws="none",
                limit_concurrency=CONCURRENCY,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The real port."""
        port: int = self._sock.getsockname()[1]
        return port

    async def start(self) -> None:
        """Serve; returns when it answers."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Answer what is asked, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._sock.close()
