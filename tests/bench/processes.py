"""Servers as processes of their own on a core of their own; their CPU time and private memory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support import launch
from tests.support.places import ROOT

CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = CORES[0]
GENERATOR_CORE: Final = CORES[-1]
END_SECONDS: Final = 15

Moment = tuple[float, float, float]
"""The clock, the CPU time of this process, and that of a server; seconds."""


def pin_to(core: int) -> None:
    """This process, with all its threads to come."""
    os.sched_setaffinity(0, {core})


def cpu_seconds(pid: int) -> float:
    """On-CPU time of all threads of a process that live."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def moment(pid: int) -> Moment:
    """Now, beside the process ``pid``."""
    return time.perf_counter(), time.process_time(), cpu_seconds(pid)


class Server:
    """A child that runs ``tests.bench.servers KIND``; it says its ports when it listens, and dies with us."""

    def __init__(
        self, kind: str, log: Path, environment: dict[str, str] | None = None, **settings: Any
    ) -> None:
        self.kind = kind
        self._log = log
        self.environment = environment
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        arguments = ("-m", "tests.bench.servers", self.kind, str(SERVER_CORE), json.dumps(self._settings))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                launch.command(-1, -1, Path(sys.executable), *arguments),
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, cwd=ROOT,
                env=self.environment,
            )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            self._process.wait()
            raise RuntimeError(f"the {self.kind} server did not start; see {self._log}")
        self.ports = json.loads(said)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()

    @property
    def port(self) -> int:
        """The plain port."""
        return self.ports["plain"]

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def cpu_seconds(self) -> float:
        """On-CPU time of all its threads that live."""
        return cpu_seconds(self.pid)

    def private_bytes(self) -> int:
        """Memory that is nobody else's."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
