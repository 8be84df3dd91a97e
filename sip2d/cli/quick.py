"""`sip2d healthcheck` without the other commands: it is asked every 15 s, and typer alone takes 0.3 s
(T27).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sip2d.cli import exits
from sip2d.cli.healthcheck import run


def healthcheck(arguments: Sequence[str]) -> int:
    """Ask the running daemon whether it is ready; the exit code. The options are those of
    `service.healthcheck`.
    """
    parser = argparse.ArgumentParser(
        "sip2d healthcheck", description="Ask the running daemon whether it is ready. Exit code 1: it is not."
    )
    parser.add_argument("--config", type=Path, help="Configuration file [default: /etc/sip2d/sip2d.toml].")
    parser.add_argument("--host", help="Of the admin listener [default: as configured].")
    parser.add_argument("--port", type=int, help="Of the admin listener [default: as configured].")
    try:
        found = parser.parse_args(arguments)
    except SystemExit as end:
        return exits.USAGE if end.code else exits.OK
    return run(found.config, host=found.host, port=found.port)
