"""Fuzz targets. Each states its invariant first, and has ``SEEDS`` and ``one_input(data)``, which raises on a
violation.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import msgspec

TARGETS: Final[tuple[str, ...]] = (
    "frame", "codec", "session", "proxy", "template", "imports", "offline", "sheet",
)  # fmt: skip


class Target(msgspec.Struct, frozen=True):
    """One target: where to begin, and what to call with every input."""

    name: str
    seeds: tuple[bytes, ...]
    one_input: Callable[[bytes], None]


def existing() -> tuple[str, ...]:
    """The names of the targets this checkout has."""
    return tuple(name for name in TARGETS if find_spec(f"{__name__}.{name}") is not None)


def load(name: str) -> Target:
    """A target by name; imported only now, so that one does not need what another imports."""
    module = import_module(f"{__name__}.{name}")
    seeds = (*module.SEEDS, *getattr(module, "corpus_seeds", _nothing)())
    return Target(name, seeds, module.one_input)


def _nothing() -> Iterator[bytes]:
    return iter(())
