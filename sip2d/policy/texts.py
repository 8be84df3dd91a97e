"""What a screen text may hold: the names in braces that circulation fills in (SP-9)."""

import re
from typing import Final

PLACEHOLDERS: Final = (
    "patron_name", "item_title", "due_at", "expires_at", "amount", "limit", "branch", "count", "reason",
)  # fmt: skip
"""The only names a text may hold in braces."""

BRACED: Final = re.compile(r"\{([^{}]*)\}")
"""A placeholder with its name."""


def check_text(text: str) -> None:
    """Refuses a text with placeholders that do not exist, or with stray braces.

    Raises:
        ValueError: one sentence that says which.
    """
    for name in BRACED.findall(text):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"There is no placeholder {{{name}}}; known are {known}.")
    rest = BRACED.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError("A brace stands alone; placeholders are written like {due_at}.")
