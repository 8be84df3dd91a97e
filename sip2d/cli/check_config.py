"""``sip2d check-config``: everything wrong with the configuration, a sentence each."""

import sys
from pathlib import Path

from sip2d import config
from sip2d.cli import exits


def run(path: Path | None = None) -> int:
    """Print the findings. 0: ``serve`` would take it; 78: it would not."""
    findings = config.check(path)
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        return exits.CONFIGURATION
    settings = config.load(path)
    listeners = ", ".join(f"{one.name} {one.host}:{one.port}" for one in settings.listeners)
    print(f"The configuration is good: {listeners}; database {settings.database.safe_url}.")
    return exits.OK
