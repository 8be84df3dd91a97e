"""The demo library served by a process of its own: what a stranger's client talks to."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.places import ROOT

START = (
    "import sys; from pathlib import Path; from sip2d.demo.run import demo;"
    "say = lambda text: print(text, flush=True);"
    "sys.exit(demo(Path(sys.argv[1]), port=0, tls_port=0, admin_port=0, say=say))"
)
PATIENCE_SECONDS = 60.0


class Live(msgspec.Struct, frozen=True):
    """A running demo: where it listens, what it told of itself, and where its logs are."""

    port: int
    described: dict[str, Any]
    error_log: Path
    access_log: Path

    @property
    def kiosk(self) -> dict[str, str]:
        """The terminal that may do everything without a PIN."""
        found: dict[str, str] = next(one for one in self.described["terminals"] if one["about"] == "kiosk")
        return found

    def patrons(self, about: str = "ok") -> list[str]:
        """Barcodes of patrons that are exactly so."""
        return [one["barcode"] for one in self.described["patrons"] if one["about"] == about]

    def items(self, about: str = "ok on-shelf") -> list[str]:
        """Barcodes of items that are exactly so."""
        return [one["barcode"] for one in self.described["items"] if one["about"] == about]


@contextmanager
def serve(folder: Path) -> Iterator[Live]:
    """Makes the demo in ``folder`` and serves it on free ports until the end."""
    error_log = folder / "errors.log"
    with error_log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(folder / "demo")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            cwd=ROOT, env={**os.environ, "SIP2D_LOGGING__LEVEL": "debug"},
        )  # fmt: skip
        try:
            yield _up(process, folder, error_log)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)


def _up(process: "subprocess.Popen[bytes]", folder: Path, error_log: Path) -> Live:
    told = folder / "demo" / "demo.json"
    assert process.stdout is not None
    # It speaks when it begins, and when it listens and has written what it is.
    while not told.exists():
        if not process.stdout.readline():
            raise RuntimeError(f"the demo did not come up: {error_log.read_text('utf-8', 'replace')[-2000:]}")
    described = json.loads(told.read_text("utf-8"))
    return Live(described["sip2"]["port"], described, error_log, folder / "demo" / "access.log")
