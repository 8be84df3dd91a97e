"""Where the files lie that come with sip2d: inside the wheel, or in the checkout it is developed in."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def migrations() -> Path:
    """The folder of the migrations."""
    return _folder("_migrations", "migrations")


def config(name: str) -> Path:
    """A folder of ``config``: ``profiles``, ``messages``, ``presets``."""
    return _folder(f"_config/{name}", f"config/{name}")


def _folder(in_wheel: str, in_checkout: str) -> Path:
    found = _PACKAGE / in_wheel
    return found if found.is_dir() else _PACKAGE.parent / in_checkout
