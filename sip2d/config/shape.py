"""Which options there are: the models as a tree, for messages, variables and the sample."""

import typing
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section behind a field: ``X``, ``X | None`` or ``tuple[X, ...]``."""
    for kind in (field.annotation, *typing.get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def options(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every option below a model with its place; not those in arrays of tables: no variable can name them."""
    for name, field in model.model_fields.items():
        section = model_of(field)
        if section is None:
            yield (name,), field
        elif typing.get_origin(field.annotation) is not tuple:
            yield from (((name, *place), option) for place, option in options(section))
