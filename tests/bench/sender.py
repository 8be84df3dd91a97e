"""The tool's engine in a process of its own: ``python -m tests.bench.sender SETTINGS`` attempts the rows of a
journal and prints as JSON what they took, from the first answer to the last."""

import asyncio
import json
import sys
from pathlib import Path

import msgspec

from sip2d.batch import runner
from sip2d.batch.journal import Journal
from sip2d.batch.preflight import Server
from sip2d.batch.runner import Progress
from sip2d.client.connection import tls_context
from tests.bench.processes import Moment, moment


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and where: ``pid`` is the server's."""

    journal: str
    port: int
    ca: str
    user: str
    password: str
    window: int
    pid: int


def attempted(settings: Settings) -> dict[str, object]:
    """Run it."""
    moments: list[Moment] = []

    with Journal(Path(settings.journal)) as journal:

        def told(progress: Progress) -> None:
            if progress.attempted in (1, journal.total):
                moments.append(moment(settings.pid))

        server = Server(
            host="localhost", port=settings.port, tls=tls_context(Path(settings.ca)), user=settings.user,
            password=settings.password, window=settings.window,
        )  # fmt: skip
        ending = asyncio.run(runner.run(journal, server, told=told))
        return {
            "rows": journal.total - 1,
            "renewed": ending.progress.renewed,
            "fault": str(ending.fault or ""),
            "spent": [last - first for first, last in zip(moments[0], moments[-1], strict=True)],
        }


if __name__ == "__main__":
    print(json.dumps(attempted(msgspec.json.decode(sys.argv[1], type=Settings))))
