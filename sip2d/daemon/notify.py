"""What systemd is told: ready, reloading, stopping, alive (sd_notify(3), stack.md 6.5). Silent where there
is no systemd."""

import os
import socket
import time
from collections.abc import Mapping


class Notify:
    """One datagram a message to ``$NOTIFY_SOCKET``."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET", "")
        pid = environ.get("WATCHDOG_PID", "")
        usec = environ.get("WATCHDOG_USEC", "")
        mine = not pid or pid == str(os.getpid())
        self.watchdog_seconds: float | None = (
            int(usec) / 1e6 if usec.isdigit() and int(usec) and mine else None
        )

    def ready(self, status: str = "") -> None:
        """Started, or reloaded."""
        self._send("READY=1", f"STATUS={status}" if status else "")

    def reloading(self) -> None:
        """A reload began; ``ready`` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        """Draining."""
        self._send("STOPPING=1", f"STATUS={status}" if status else "")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """The watchdog's ping."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(line for line in lines if line).encode(), address)
        except OSError:
            pass  # systemd gone or busy: nothing we could do about it, and the kiosks matter more
