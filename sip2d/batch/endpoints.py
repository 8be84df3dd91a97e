"""Named servers out of a file, for who has several to choose from (CN-16)::

[[endpoints]]
name = "europe"
host = "sip2.example.org"
port = 6443
tls = true
"""

import tomllib
from pathlib import Path

import msgspec


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of them."""

    name: str
    host: str
    port: int | None = None
    tls: bool = True


def choose(file: Path, name: str) -> Endpoint:
    """The endpoint of this name. Raises ``ValueError`` with a sentence, which lists the names there are."""
    try:
        said = tomllib.loads(file.read_text("utf-8"))
        found = msgspec.convert(said.get("endpoints", []), list[Endpoint])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{file} names no endpoints: {error}") from None
    for one in found:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in found) or "none at all"
    raise ValueError(f"there is no endpoint {name!r} in {file}; there are: {names}")
