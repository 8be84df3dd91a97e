"""What a patron wants to be told before items are due (LO-5, LO-6, LO-7): his own word, else his type's."""

from typing import Final

import msgspec

NOTICES: Final = ("PREDUE", "DUE")
"""The courtesy notices that can be chosen."""

MOST_DAYS: Final = 30
TRANSPORTS: Final = ("EMAIL", "SMS", "PRINT")


class Preference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one courtesy notice is sent. ``days_in_advance`` is exact (LO-5); ``digest``: one notice for all
    items of a due date (LO-6)."""

    enabled: bool = False
    days_in_advance: int = 0
    digest: bool = False
    transports: tuple[str, ...] = ("EMAIL",)

    def __post_init__(self) -> None:
        if not 0 <= self.days_in_advance <= MOST_DAYS:
            raise ValueError(f"A notice is sent 0 to {MOST_DAYS} days in advance.")
        unknown = [one for one in self.transports if one not in TRANSPORTS]
        if unknown or not self.transports or len(set(self.transports)) < len(self.transports):
            raise ValueError(f"The transports are some of {', '.join(TRANSPORTS)}, each once.")


OFF: Final = Preference()


def defaults(messaging: str) -> dict[str, Preference]:
    """The notices that patrons of a type get unless they said otherwise, from its JSON: by notice.

    Raises:
        ValueError: one sentence: it is not such JSON.
    """
    try:
        said = msgspec.json.decode(messaging or "{}", type=dict[str, Preference])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"The messaging of the patron type makes no sense: {error}.") from None
    unknown = set(said) - set(NOTICES)
    if unknown:
        raise ValueError(
            f"There is no courtesy notice {sorted(unknown)[0]!r}: they are {', '.join(NOTICES)}."
        )
    return said
