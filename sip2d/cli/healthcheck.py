"""``sip2d healthcheck``: asks /readyz. For Docker and monitoring, every 15 seconds, so it imports next to
nothing: the configuration's own reader would take longer than the question.
"""

import http.client
import json
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from sip2d.cli import exits

DEFAULT_FILE = Path("/etc/sip2d/sip2d.toml")
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9109
TIMEOUT_SECONDS = 4.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}


def run(
    path: Path | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """0: kiosks can be served. 1: they cannot, and stderr says why."""
    found_host, found_port = address(path, os.environ if environ is None else environ)
    host, port = host or found_host, port or found_port
    connection = http.client.HTTPConnection(ANYWHERE.get(host, host), port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        print(f"sip2d: {host} port {port} does not answer ({error}).", file=sys.stderr)
        return exits.SOME_FAILED
    finally:
        connection.close()
    if response.status == 200:
        return exits.OK
    print(f"sip2d: not ready: {_reasons(body)}.", file=sys.stderr)
    return exits.SOME_FAILED


def _reasons(body: bytes) -> str:
    try:
        return ", ".join(map(str, json.loads(body)["reasons"]))
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def address(path: Path | None, environ: Mapping[str, str]) -> tuple[str, int]:
    """Where the daemon's admin pages are: by variable, conf.d, file, default, as ``sip2d.config`` has it."""
    said: dict[str, object] = {"host": DEFAULT_HOST, "port": DEFAULT_PORT}
    file = path or DEFAULT_FILE
    for one in (file, *sorted((file.parent / "conf.d").glob("*.toml"))):
        try:
            said |= tomllib.loads(one.read_text(encoding="utf-8")).get("admin", {})
        except (OSError, ValueError):
            continue  # the daemon runs with what it read when it was whole
    said |= {
        name: environ[key] for name in ("host", "port") if (key := f"SIP2D_ADMIN__{name.upper()}") in environ
    }
    port = str(said["port"])
    return str(said["host"]), int(port) if port.isdigit() else DEFAULT_PORT
