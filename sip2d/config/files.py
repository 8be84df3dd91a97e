"""What files say, not validated yet: the configuration file, conf.d beside it, credential files."""

import tomllib
import typing
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, Final

from sip2d.errors import ConfigurationError

DEFAULT_FILE: Final = Path("/etc/sip2d/sip2d.toml")
NESTED: Final = "__"
SECRET_MOST: Final = 16 * 1024


def merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """``high`` over ``low``, table by table; arrays of tables that have a ``name`` are merged by it (T12)."""
    merged = dict(low)
    for key, value in high.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = merge(before, value)
        elif _named(before) and _named(value):
            tables = {table["name"]: table for table in typing.cast("list[dict[str, Any]]", before)}
            for table in typing.cast("list[dict[str, Any]]", value):
                tables[table["name"]] = merge(tables.get(table["name"], {}), table)
            merged[key] = list(tables.values())
        else:
            merged[key] = value
    return merged


def _named(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(t, dict) and "name" in t for t in value)


def read_files(path: Path | None) -> dict[str, Any]:
    """What the file and its conf.d say. ``path`` None: the default file, which need not exist.

    Raises ConfigurationError.
    """
    file = DEFAULT_FILE if path is None else path
    if path is not None and not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file.")
    found = [file] if file.is_file() else []
    found += sorted((file.parent / "conf.d").glob("*.toml"))
    said: dict[str, Any] = {}
    for one in found:
        said = merge(said, _toml(one))
    return said


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is not TOML ({error}).") from None


def credential_files(environ: Mapping[str, str], sections: Container[str]) -> dict[str, Any]:
    """What credential files say: ``database__password`` is ``password`` of ``[database]``. Others are not
    ours: ``sections`` are. Raises ConfigurationError: one of ours cannot be read."""
    folder = environ.get("CREDENTIALS_DIRECTORY") or environ.get("SIP2D_SECRETS_DIR")
    said: dict[str, Any] = {}
    if not folder or not Path(folder).is_dir():
        return said
    for file in sorted(Path(folder).iterdir()):
        section, nested, option = file.name.lower().partition(NESTED)
        if nested and section in sections and file.is_file() and file.stat().st_size <= SECRET_MOST:
            said.setdefault(section, {})[option] = _secret(file)
    return said


def _secret(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"{file}: the credential cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: the credential is not UTF-8.") from None
