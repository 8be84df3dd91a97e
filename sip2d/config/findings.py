"""Everything wrong with a configuration at once: what ``check-config`` tells."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sip2d.config.files import read_files
from sip2d.config.loading import located
from sip2d.config.sentences import sentence, suggestion
from sip2d.config.settings import PREFIX, Settings
from sip2d.config.shape import options
from sip2d.errors import ConfigurationError

NOT_OPTIONS: Final = frozenset({"SIP2D_SECRETS_DIR", "SIP2D_NO_SKIP"})


def check(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> list[str]:
    """Everything wrong with the configuration, a sentence each; empty means ``serve`` would take it."""
    try:
        said = read_files(path)
    except ConfigurationError as error:
        return [str(error)]
    findings = list(unknown_variables(os.environ))
    try:
        settings = located(said, overrides)
    except ValidationError as error:
        return findings + [sentence(one) for one in _own(error)]
    except ConfigurationError as error:
        return [*findings, str(error)]
    except ValueError as error:
        return [*findings, f"{str(error).rstrip('.')}."]
    return findings + list(missing_files(settings))


def _own(error: ValidationError) -> list[ErrorDetails]:
    """Without those that only follow from another: a list whose entries are wrong is too short as well."""
    errors = error.errors(include_input=False)
    return [
        one
        for one in errors
        if one["type"] != "too_short"
        or not any(other["loc"][: len(one["loc"])] == one["loc"] and other is not one for other in errors)
    ]


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """``SIP2D_*`` names that set nothing (pydantic-settings does not tell, T12)."""
    known = {f"{PREFIX}{'__'.join(place)}".upper() for place, _ in options(Settings)}
    known |= {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known | NOT_OPTIONS:
            yield f"{name}: there is no such variable{suggestion(name, sorted(known))}."


def missing_files(settings: Settings) -> Iterator[str]:
    """Files and folders named and not there, or not readable."""
    for listener in settings.listeners:
        if listener.tls is not None:
            for option in ("cert", "key", "client_ca"):
                file: Path | None = getattr(listener.tls, option)
                if file is not None:
                    yield from _readable(f"listener {listener.name!r}, tls.{option}", file)
    for option in ("profiles", "messages", "notices"):
        folder: Path | None = getattr(settings.paths, option)
        if folder is not None and not folder.is_dir():
            yield f"paths.{option}: {folder} is not a folder."
    if settings.smtp.ca is not None:
        yield from _readable("smtp.ca", settings.smtp.ca)
    file = settings.database.sqlite_file
    if file is not None and not file.absolute().parent.is_dir():
        yield f"database.url: the folder {file.absolute().parent} does not exist."
    if settings.logging.access not in ("stderr", "off") and not Path(settings.logging.access).parent.is_dir():
        yield f"logging.access: the folder {Path(settings.logging.access).parent} does not exist."


def _readable(option: str, file: Path) -> Iterator[str]:
    if not file.is_file():
        yield f"{option}: {file} does not exist."
    elif not os.access(file, os.R_OK):
        yield f"{option}: {file} may not be read by this user."
