"""The check of a large sheet in a process of its own: ``python -m tests.bench.sheets FILE`` runs the tool's
own command and prints what it took as JSON. Imports nothing but the tool."""

import contextlib
import io
import json
import sys
import time
from pathlib import Path


def peak_bytes() -> int:
    """The most memory that this process had (VmHWM; what getrusage tells may be the parent's)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def main(file: str) -> int:
    """The exit code of ``sip2d bulk-renew FILE --check``."""
    began = time.perf_counter()
    from sip2d.__main__ import main as run

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = run(["bulk-renew", file, "--check", "--timezone", "Europe/Paris"])
    took = time.perf_counter() - began
    print(json.dumps({"code": code, "said": out.getvalue(), "seconds": took, "peak": peak_bytes()}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
