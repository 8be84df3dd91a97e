"""A fault of the configuration as a sentence for a person; never with the value, which may be a secret."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from sip2d.config.settings import Settings
from sip2d.config.shape import model_of


def sentence(error: Mapping[str, Any]) -> str:
    """One pydantic error for a person; never the value, which may be a secret."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return (
            f"{place}: there is no such option{suggestion(str(error['loc'][-1]), _siblings(error['loc']))}."
        )
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}." if place else f"{text}."


def suggestion(word: str, known: list[str]) -> str:
    """What was probably meant, to be put behind a sentence; empty when nothing is near."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?".rstrip("?") if close else ""


def _siblings(place: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = model_of(model.model_fields[part]) or model
    return list(model.model_fields)
