"""What policy may say: reasons, and the decision they add up to (CO-2)."""

import enum
from datetime import datetime

import msgspec


class Action(enum.Flag):
    """What a reason denies (CO-2)."""

    NONE = 0
    LOAN = enum.auto()
    RENEW = enum.auto()
    HOLD = enum.auto()
    PICKUP = enum.auto()


class Override(enum.Enum):
    """Which staff may override a reason (CO-2, BL-13)."""

    ALL = "ALL"
    NONE = "NONE"
    CIRCDESK = "CIRCDESK"
    OPERATOR = "OPERATOR"


class Reason(msgspec.Struct, frozen=True):
    """Why an action is denied. ``code`` is of circulation.md 17, ``scenario`` names its screen text (SP-9).

    ``values`` fills the text's placeholders with domain values (instants, minor units, names); wording
    writes them.
    """

    code: str
    denies: Action
    scenario: str
    override: Override = Override.NONE
    bypassed_by_no_block: bool = False
    expires_at: datetime | None = None
    source: str = ""
    values: dict[str, object] = msgspec.field(default_factory=dict)


class Decision(msgspec.Struct, frozen=True):
    """``denied`` are the reasons that stand, most severe first; ``bypassed`` those the mode set aside
    (CO-3); both are recorded."""

    denied: tuple[Reason, ...] = ()
    bypassed: tuple[Reason, ...] = ()

    @property
    def allowed(self) -> bool:
        """True when nothing stands against the act."""
        return not self.denied
