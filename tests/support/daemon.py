"""The real daemon as a process of its own: `sip2d serve --config FILE`; started, killed, started again.

Nothing here sleeps: it is ready when it says so where systemd would listen (``NOTIFY_SOCKET``), and what
happened is known from its log, line by line as it is written. It listens on a loopback address of this test
process, so that its ports are free again when it is started again. Start one in the main thread only: it dies
with the thread that started it.
"""

import http.client
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import launch
from tests.support.kiosk import Address
from tests.support.places import ROOT

START_SECONDS = 40.0
"""Far more than the second it takes: the machine may be busy."""
PATIENCE = 20.0
STEP = 0.2

_numbers = itertools.count()

Event = dict[str, Any]


class Daemon:
    """One daemon; `with` starts it, and kills it at the end if it still runs."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        tls: Mapping[str, object] | None = None,
        program: Sequence[str] = ("-m", "sip2d"),
        root: Path = ROOT,
        **sections: Mapping[str, object],
    ) -> None:
        """``tls`` makes its one listener speak TLS; ``sections`` are tables of the configuration, ``program``
        what Python runs, with ``root`` as the place of the code."""
        self.url = url
        number = next(_numbers)
        self.host = f"127.{64 + os.getpid() % 64}.{os.getpid() // 64 % 256}.{1 + number % 250}"
        self.file = folder / f"sip2d-{number}.toml"
        self._program, self._root = tuple(program), root
        port, admin = _free_ports(self.host)
        self.address: Address = (self.host, port)
        self.admin: Address = (self.host, admin)
        listener: dict[str, object] = {"name": "kiosks", "host": self.host, "port": port}
        self.settings: dict[str, Any] = {
            "listeners": [listener | ({"tls": dict(tls)} if tls else {})],
            "database": {"url": url},
            "admin": {"host": self.host, "port": admin},
            "logging": {"access": "off", "format": "json", "level": "debug"},
            "service": {"poll_interval": 0.2, "drain_timeout": 10},
        }
        for name, section in sections.items():
            self.settings[name] = {**self.settings.get(name, {}), **section}
        self.configure()
        self._notices = f"@sip2d-test-{os.getpid()}-{number}"
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._news = threading.Condition()
        self.log: list[Event] = []

    def configure(self, **sections: Mapping[str, object]) -> None:
        """Write the file anew, with other values in some tables."""
        for name, section in sections.items():
            self.settings[name] = {**self.settings.get(name, {}), **section}
        self.file.write_text(_toml(self.settings), encoding="utf-8")

    # -- start and end -----------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it and wait until it serves."""
        assert self._process is None
        with _notice_socket(self._notices) as told:
            command = launch.command(
                -1, -1, Path(sys.executable), *self._program, "serve", "--config", str(self.file)
            )
            environment = {**os.environ, "NOTIFY_SOCKET": self._notices, "PYTHONPATH": str(self._root)}
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                cwd=self._root, env=environment, start_new_session=True,
            )  # fmt: skip
            self._reader = threading.Thread(target=self._follow, args=(self._process,), daemon=True)
            self._reader.start()
            try:
                self._await_notice(told, "READY=1", START_SECONDS)
            except BaseException:
                self.kill()
                raise
        return self

    def kill(self) -> None:
        """SIGKILL: what a power cut of the process is."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code once it has drained."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and go on."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once it has ended by itself."""
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(seconds)
        self._reader.join(seconds)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None
        return code

    def reload(self) -> str:
        """SIGHUP; the status it tells systemd when it is done."""
        with _notice_socket(self._notices) as told:
            self.send(signal.SIGHUP)
            return self._await_notice(told, "READY=1", PATIENCE)

    def _end(self, number: signal.Signals) -> int:
        with suppress(ProcessLookupError):
            self.send(number)
        return self.wait()

    def __enter__(self) -> Self:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()

    def _await_notice(self, told: socket.socket, wanted: str, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while True:
            try:
                text = told.recv(4096).decode()
            except TimeoutError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the daemon does not serve: {self.log[-5:]}") from None
                continue
            if wanted in text.split("\n"):
                return text.partition("STATUS=")[2].partition("\n")[0]

    # -- what it tells -----------------------------------------------------------------------------------

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "text", "text": line.decode(errors="replace")}
            with self._news:
                self.log.append(event)
                self._news.notify_all()

    def until(self, event: str, seconds: float = PATIENCE, **equal: object) -> Event:
        """The first line of the log, from the very start, with this event and values, once it is there."""

        def found() -> Event | None:
            for one in self.log:
                if one.get("event") == event and all(one.get(key) == value for key, value in equal.items()):
                    return one
            return None

        with self._news:
            line = self._news.wait_for(found, seconds)
        assert line is not None, f"no {event} {equal} in the log: {self.log[-8:]}"
        return line

    def events(self, event: str) -> list[Event]:
        """What the log has of it so far."""
        with self._news:
            return [one for one in self.log if one.get("event") == event]

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an admin page."""
        connection = http.client.HTTPConnection(*self.admin, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self) -> tuple[bool, list[str]]:
        """What /readyz says, and its reasons."""
        status, text = self.get("/readyz")
        told = json.loads(text)
        assert (status == 200) is told["ready"]
        return told["ready"], told["reasons"]

    def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics; 0 when there is none yet."""
        for line in self.get("/metrics")[1].splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.partition("{")[0] == name and all(
                f'{key}="{wanted}"' in sample for key, wanted in labels.items()
            ):
                return float(value)
        return 0.0

    def resident_bytes(self) -> int:
        """Its memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def limit_files(self, size: int | None) -> None:
        """No file of it may grow beyond ``size`` bytes from now on (EFBIG, an I/O error); None: no limit."""
        resource.prlimit(
            self.pid, resource.RLIMIT_FSIZE,
            (resource.RLIM_INFINITY if size is None else size, resource.RLIM_INFINITY),
        )  # fmt: skip


def until(look: Callable[[], bool], seconds: float = PATIENCE, step: float = 0.02) -> float:
    """Ask again and again until it is so; the seconds it took. AssertionError when it does not become so.

    For what tells nobody when it changes: a page of another process, a row of a database.
    """
    began = time.monotonic()
    pause = threading.Event()
    while not look():
        assert time.monotonic() - began < seconds, f"not so after {seconds} s"
        pause.wait(step)
    return time.monotonic() - began


def _free_ports(host: str) -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((host, 0))
        other.bind((host, 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def _notice_socket(name: str) -> socket.socket:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind("\0" + name[1:])
    told.settimeout(STEP)
    return told


def _toml(settings: Mapping[str, Any]) -> str:
    lines: list[str] = []
    for name, value in settings.items():
        for table in value if isinstance(value, list) else [value]:
            lines.append(f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            nested = {key: one for key, one in table.items() if isinstance(one, Mapping)}
            lines += [f"{key} = {json.dumps(one)}" for key, one in table.items() if key not in nested]
            for key, inner in nested.items():
                lines.append(f"[{name}.{key}]")
                lines += [f"{option} = {json.dumps(one)}" for option, one in inner.items()]
    return "\n".join(lines) + "\n"
