"""SIGHUP: read the whole configuration again, and only when all of it is good let it have its effect."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sip2d import config
from sip2d.config import Settings
from sip2d.daemon import tls
from sip2d.errors import ConfigurationError

LIVE: Final = frozenset({"logging", "limits"})
LIVE_OF_A_LISTENER: Final = frozenset({"tls"})


class Fresh(msgspec.Struct, frozen=True):
    """A configuration that holds: contexts by listener's name, and the options a restart would change."""

    settings: Settings
    contexts: dict[str, ssl.SSLContext]
    waiting: tuple[str, ...]


class Source(msgspec.Struct, frozen=True):
    """Where the settings came from: the file, and the flags over it."""

    path: Path | None = None
    overrides: Mapping[str, Any] = {}

    def read(self, running: Settings) -> Fresh:
        """Everything anew, nothing changed yet. Raises ConfigurationError in one sentence."""
        settings = config.load(self.path, self.overrides)
        for finding in config.missing_files(settings):
            raise ConfigurationError(finding)
        before = {listener.name: listener for listener in running.listeners}
        contexts = {
            listener.name: tls.build(listener.tls)
            for listener in settings.listeners
            if listener.tls is not None and listener.name in before
        }
        return Fresh(settings, contexts, tuple(_waiting(running, settings)))


def _waiting(running: Settings, fresh: Settings) -> list[str]:
    """Options whose change needs a restart."""
    names = [
        name
        for name in Settings.model_fields
        if name not in LIVE | {"listeners"} and getattr(running, name) != getattr(fresh, name)
    ]
    if (running.logging.format, running.logging.mask) != (fresh.logging.format, fresh.logging.mask):
        names.append("logging.format")
    one, other = ({row.name: _fixed(row) for row in settings.listeners} for settings in (running, fresh))
    return names + (["listeners"] if one != other else [])


def _fixed(listener: config.ListenerSettings) -> tuple[object, ...]:
    """What of a listener is not live; whether it speaks TLS at all is not."""
    values = listener.model_dump(exclude=set(LIVE_OF_A_LISTENER))
    return (*(repr(value) for value in values.values()), listener.tls is None)
