"""Where the files are that come with the program: in the wheel, else in the checkout."""

import tomllib
from pathlib import Path
from typing import Any

import sip2d


def shipped(folder: str) -> Path:
    """A folder of `config/`."""
    package = Path(sip2d.__file__).resolve().parent
    packaged = package / "_config"
    return (packaged if packaged.is_dir() else package.parent / "config") / folder


def preset(name: str) -> dict[str, Any]:
    """The TOML of a preset: a shipped one by name, or a file by its path. Raises ConfigurationError."""
    from sip2d.errors import ConfigurationError

    folder = shipped("presets")
    file = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.toml")))
        raise ConfigurationError(f"There is no preset {name!r}; there are {known}.")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}.") from None
