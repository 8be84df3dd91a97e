"""``sip2d serve``: the daemon in the foreground."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sip2d import collector, config
from sip2d.cli import exits
from sip2d.errors import ConfigurationError, StoreUnavailable


def run(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> int:
    """Serve until a signal says stop. The exit code; a fault of the start is one sentence on stderr."""
    try:
        return _serve(path, dict(overrides or {}))
    except ConfigurationError as error:
        return _say(error, exits.CONFIGURATION)
    except PermissionError as error:
        return _say(error, exits.NOT_PERMITTED)
    except StoreUnavailable as error:
        return _say(f"The database does not answer ({error}).", exits.UNAVAILABLE)
    except OSError as error:  # a port that is taken, an address that is not ours
        return _say(error.strerror or error, exits.UNAVAILABLE)


def _serve(path: Path | None, overrides: dict[str, Any]) -> int:
    settings = config.load(path, overrides)
    for finding in config.missing_files(settings):
        raise ConfigurationError(finding)
    # Late: a wrong file is told in 0.2 s, not after everything is imported.
    from sip2d.compose import compose, prepare_database
    from sip2d.daemon import lifecycle, logs
    from sip2d.daemon.reload import Source

    logs.configure(settings.logging)
    for finding in config.unknown_variables(os.environ):
        logs.get(__name__).warning("config.unknown_variable", finding=finding)
    prepare_database(settings)
    return lifecycle.main(
        lambda: compose(settings, Source(path, overrides)), lambda _daemon: collector.once_started()
    )


def _say(fault: object, code: int) -> int:
    print(f"sip2d: {fault}", file=sys.stderr)
    return code
