"""One statement for several subjects: lists of a few sizes, so that a handful of statements is compiled.

What is missing to the next size is the last value again, which finds nothing more. A list of 16 for 14
patrons costs as much as one of 14.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from sqlalchemy import BindParameter, ColumnElement, bindparam

T = TypeVar("T")

SIZES: Final = (4, 8, 16, 32, 64)


def names(most: int) -> tuple[str, ...]:
    """The parameters of a list of this size."""
    return tuple(f"one_of_{number}" for number in range(most))


def binds(column: ColumnElement[T], most: int) -> list[BindParameter[T]]:
    """What a column is compared with: ``column.in_(binds(column, most))``."""
    return [bindparam(name, type_=column.type) for name in names(most)]


def parts(values: Sequence[T]) -> Iterator[tuple[int, list[T]]]:
    """The values in lists of these sizes, each with its size."""
    for start in range(0, len(values), SIZES[-1]):
        part = list(values[start : start + SIZES[-1]])
        most = next(size for size in SIZES if size >= len(part))
        yield most, part + part[-1:] * (most - len(part))
