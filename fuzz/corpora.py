"""Seeds from the corpora of the standard, read where they lie; none on a machine without them."""

import json
from collections.abc import Iterator
from pathlib import Path

SPEC = Path(__file__).resolve().parents[2] / "shared" / "spec"


def frames() -> Iterator[bytes]:
    """Every real message, its terminator as it was sent."""
    for name in ("sip2-samples.jsonl", "client-requests.jsonl"):
        file = SPEC / name
        if file.is_file():
            for line in file.read_text(encoding="utf-8").splitlines():
                raw: str = json.loads(line)["raw"]
                yield raw.encode() + (b"" if raw.endswith(("\r", "\n")) else b"\r")
