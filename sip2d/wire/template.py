"""Safe templates for AE, AV, DA and custom fields: ``{name}`` and plain text, nothing else.

No attribute, index, format or conversion, so a profile can never reach anything but the values it is handed.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

PATRON_NAMES: Final = frozenset(
    "barcode name first_name last_name patron_type branch expires language".split()
)
FEE_NAMES: Final = frozenset("amount currency type title item date fee".split())
ITEM_NAMES: Final = frozenset(
    "barcode title author call_number collection item_type branch location price".split()
)

_PLACE = re.compile(r"\{([a-z_]+)\}")


def check_template(template: str, allowed: Iterable[str]) -> None:
    """Raises ``ValueError`` when a template asks for anything but an allowed ``{name}``."""
    names = frozenset(allowed)
    for name in _PLACE.findall(template):
        if name not in names:
            raise ValueError(f"{{{name}}} is not one of {', '.join(sorted(names))}")
    if re.search("[{}]", _PLACE.sub("", template)):
        raise ValueError("only {name} is understood in a template; other braces are not")


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its values; one that is missing is empty."""
    return _PLACE.sub(lambda match: values.get(match[1], ""), template)
