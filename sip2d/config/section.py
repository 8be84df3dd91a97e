"""What every section of the configuration is made of."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _expanded(value: object) -> object:
    return os.path.expandvars(value) if isinstance(value, str) else value


File = Annotated[Path, BeforeValidator(_expanded)]


class Section(BaseModel):
    """What every section has in common: frozen, unknown keys refused, no input in an error's text."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )
