"""A running demo: a process of its own, known to be up by what it prints, ended by a signal."""

import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import launch
from tests.support.kiosk import Address, Kiosk

SECONDS = 30.0
COMMAND = (sys.executable, "-m", "sip2d")
ANY_PORTS = ("--port", "0", "--tls-port", "0", "--admin-port", "0")
LAST_WORDS = "Ctrl-C ends it"


class Demo:
    """`with` starts it and interrupts it at the end, if it still runs."""

    def __init__(
        self,
        folder: Path,
        *,
        command: Sequence[str] = COMMAND,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """With ``cwd`` it runs there and is not told where to keep its library: in ``.demo``."""
        self.folder = cwd / ".demo" if cwd else folder
        self.said = ""
        self._command, self._cwd, self._env = command, cwd, env
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        place = () if self._cwd else ("--dir", str(self.folder))
        program, arguments = self._command[0], (*self._command[1:], "demo", *place, *ANY_PORTS)
        self._process = subprocess.Popen(
            launch.command(-1, -1, Path(program), *arguments),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self._cwd, env=self._env,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.said = ""
        for line in self._process.stdout:
            self.said += line
            if LAST_WORDS in line:
                return self
        raise AssertionError(f"the demo ended with {self._process.wait()}: {self.said}")

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = SECONDS) -> int:
        """Its exit code."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        try:
            return process.wait(seconds)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.stop()

    @property
    def described(self) -> Any:
        """What stands in demo.json."""
        return json.loads((self.folder / "demo.json").read_text(encoding="utf-8"))

    def address(self, listener: str = "sip2") -> Address:
        place = self.described[listener]
        return place["host"], place["port"]

    def plain(self) -> Kiosk:
        """A connection without TLS, not logged in."""
        return Kiosk(self.address())

    def tls(self) -> Kiosk:
        """One over TLS that believes the demo's authority and nobody else."""
        return Kiosk(
            self.address("tls"), tls=ssl.create_default_context(cafile=self.described["tls"]["ca_file"])
        )

    def terminal(self, user: str) -> Any:
        """A terminal as demo.json describes it."""
        return next(row for row in self.described["terminals"] if row["user"] == user)

    def kiosk(self, user: str = "kiosk") -> Kiosk:
        """A terminal that is logged in, over TLS where it must."""
        row = self.terminal(user)
        kiosk = self.tls() if "tls-only" in row["about"].split() else self.plain()
        assert kiosk.login(user, row["password"], row["location"]), user
        return kiosk
