"""A real HAProxy on loopback: started on the test's own configuration, asked over its socket, ended by pid.

Its ports are sockets this process bound and listens on already: nothing has to be free, and who connects
early waits in the kernel until HAProxy is up. It dies with the thread that started it: start it in the main
one.
"""

import csv
import io
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.kiosk import Address

LOOPBACK = "127.0.0.1"
PATIENCE = 20.0

GENERAL = """
global
  stats socket fd@${STATS} level admin
defaults
  mode tcp
  timeout connect 10s
  timeout client 30s
  timeout server 30s
  timeout check 5s
"""

FRONT = """
frontend {name}
  bind fd@${{{variable}}}
  default_backend {name}
backend {name}
{backend}
"""


def program() -> Path | None:
    """Debian's HAProxy (it is not in every user's path), or None where it is not installed."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


class HAProxy:
    """One HAProxy; ``with`` starts and ends it. ``ways``: a frontend each, with the lines of its backend.

    A backend's one server is to be named ``daemon``.
    """

    def __init__(self, binary: Path, folder: Path, ways: Mapping[str, str]) -> None:
        self._binary = binary
        self._file, self._log = folder / "haproxy.cfg", folder / "haproxy.log"
        self._sockets = {name: socket.create_server((LOOPBACK, 0)) for name in ("STATS", *ways)}
        fronts = (
            FRONT.format(name=name, variable=_variable(name), backend=backend)
            for name, backend in ways.items()
        )
        self._file.write_text(GENERAL + "".join(fronts), encoding="ascii")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        numbers = {_variable(name): str(sock.fileno()) for name, sock in self._sockets.items()}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", str(self._binary), "-db", "-f", str(self._file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                pass_fds=[sock.fileno() for sock in self._sockets.values()], env={**os.environ, **numbers},
            )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for sock in self._sockets.values():
            sock.close()

    def address(self, way: str) -> Address:
        """Where kiosks of this way connect to."""
        return LOOPBACK, int(self._sockets[way].getsockname()[1])

    def order(self, command: str) -> str:
        """One command of its runtime interface, and the answer."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with socket.create_connection(self.address("STATS"), PATIENCE) as line:
            line.sendall(command.encode("ascii") + b"\n")
            answer = b""
            while part := line.recv(65536):
                answer += part
        return answer.decode("ascii")

    def server(self, way: str) -> dict[str, str]:
        """What it knows of the daemon behind this way: ``status``, ``check_status``, ``chkfail`` ..."""
        table = self.order("show stat").removeprefix("# ")
        rows = csv.DictReader(io.StringIO(table))
        return next(row for row in rows if (row["pxname"], row["svname"]) == (way, "daemon"))


def _variable(way: str) -> str:
    return way.upper().replace("-", "_")
