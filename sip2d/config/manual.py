"""``config/sip2d.toml``: the manual of every option, made from the models."""

import json
import typing

from pydantic import BaseModel

from sip2d.config.settings import Settings
from sip2d.config.shape import model_of


def sample() -> str:
    """``config/sip2d.toml``: every option with its manual entry and its default, commented out."""
    lines = [
        "# sip2d's configuration. Every option stands here with its default; take the # away to change one.",
        "# As variables: SIP2D_LIMITS__CONNECTIONS=100. Files in conf.d/ beside this one are laid over it.",
        "# Try it with: sip2d check-config --config FILE",
    ]
    for name, field in Settings.model_fields.items():
        section = model_of(field)
        assert section is not None
        repeated = typing.get_origin(field.annotation) is tuple
        lines += ["", *_wrapped(section.__doc__ or "", "## "), f"[[{name}]]" if repeated else f"[{name}]"]
        if repeated:
            lines[-1] = "#" + lines[-1]
        lines += _sample_section(section, name, "plain" if repeated else None)
    return "\n".join(lines) + "\n"


def _sample_section(model: type[BaseModel], place: str, title: str | None) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        section = model_of(field)
        if section is not None:
            lines += ["", *_wrapped(section.__doc__ or "", "## "), f"#[{place}.{name}]"]
            lines += _sample_section(section, f"{place}.{name}", None)
            continue
        lines += _wrapped(field.description or "", "# ")
        value = title if name == "name" and title else field.get_default()
        unset = value is None or (field.is_required() and not title)
        lines.append(f"#{name} =" if unset else f"#{name} = {_toml_value(value)}")
    return lines


def _toml_value(value: object) -> str:
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return "[]" if value == () else str(value)


def _wrapped(text: str, mark: str) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 96:
            lines.append(mark + line)
            line = ""
        line += (" " if line else "") + word
    return [*lines, mark + line]
