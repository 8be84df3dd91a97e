"""`sip2d serve`, `check-config`, `healthcheck`: declared here, done in files of their own.

Those are imported when asked for: a health check runs every 15 s and must be quick (T27).
"""

from pathlib import Path
from typing import Annotated, Any

import typer

Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file [default: /etc/sip2d/sip2d.toml].")
]
Database = Annotated[
    str | None, typer.Option("--database", help="Database URL; wins over the configuration.")
]
Host = Annotated[str | None, typer.Option("--host", help="Of the admin listener [default: as configured].")]
Port = Annotated[int | None, typer.Option("--port", help="Of the admin listener [default: as configured].")]


def serve(config: Config = None, database: Database = None) -> None:
    """Serve kiosks until SIGTERM."""
    from sip2d.cli.serve import run

    overrides: dict[str, Any] = {"database": {"url": database}} if database else {}
    raise typer.Exit(run(config, overrides))


def check_config(config: Config = None) -> None:
    """Say everything that is wrong with the configuration. Exit code 78: something is."""
    from sip2d.cli.check_config import run

    raise typer.Exit(run(config))


def healthcheck(config: Config = None, host: Host = None, port: Port = None) -> None:
    """Ask the running daemon whether it is ready. Exit code 1: it is not."""
    from sip2d.cli.healthcheck import run

    raise typer.Exit(run(config, host=host, port=port))


def register(app: typer.Typer) -> None:
    """The daemon's commands, without a group."""
    app.command("serve")(serve)
    app.command("check-config")(check_config)
    app.command("healthcheck")(healthcheck)
