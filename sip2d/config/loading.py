"""Settings out of all their sources."""

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sip2d.config.files import read_files
from sip2d.config.sentences import sentence
from sip2d.config.settings import Settings
from sip2d.errors import ConfigurationError


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force. ``overrides`` are the flags, nested as in TOML.

    Raises ConfigurationError with one sentence.
    """
    said = read_files(path)
    try:
        return located(said, overrides)
    except ValidationError as error:
        raise ConfigurationError(sentence(error.errors(include_input=False)[0])) from None
    except ValueError as error:  # pydantic-settings: a list in the environment that is no JSON
        raise ConfigurationError(f"{str(error).rstrip('.')}.") from None


def located(said: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> Settings:
    """The settings, with what the files said below the other sources. Raises ValidationError, ValueError."""
    below = types.new_class("Settings", (Settings,), {}, lambda body: body.update(located=said))
    settings: Settings = below(**dict(overrides or {}))
    return settings
