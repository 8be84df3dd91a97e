"""Presets: those that come with the program, or files of one's own."""

import tomllib
from pathlib import Path
from typing import Any

from sip2d import packaged


def preset(name: str, kind: str = "presets") -> dict[str, Any]:
    """The TOML of a preset: a shipped one by name, or a file by its path. Raises ConfigurationError.

    ``kind``: ``presets`` of a branch, ``policies`` of an institution.
    """
    from sip2d.errors import ConfigurationError

    folder = packaged.config(kind)
    file = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.toml")))
        raise ConfigurationError(f"There is no preset {name!r}; there are {known}.")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}.") from None
