"""The tree of faults. A refusal is a value; a fault is an exception, and its class says what the SC gets.

``REFUSE``: the request's own answer, not ok, AF SYSTEM_ERROR: nothing happened. ``CLOSE``: no answer, because
any answer could be a lie.
"""

import enum
from typing import ClassVar


class Answer(enum.Enum):
    """What the ACS does about a fault."""

    REFUSE = "REFUSE"
    CLOSE = "CLOSE"


class Fault(Exception):
    """Something that is not the request's doing."""

    answer: ClassVar[Answer] = Answer.REFUSE


class StoreUnavailable(Fault):
    """The database cannot be asked now (gone, full, busy); what was tried is known to be rolled back."""


class StoreBusy(StoreUnavailable):
    """Too much waits already; nothing was tried."""


class LibraryUnreadable(StoreUnavailable):
    """No library can be made of the rows (somebody wrote one by hand); the text says why, for a log."""


class OutcomeUnknown(Fault):
    """A COMMIT was sent and no word came back: it may or may not have happened."""

    answer: ClassVar[Answer] = Answer.CLOSE


class ConfigurationError(Exception):
    """A setting or file that makes no sense; the text is one sentence for a person. Exit code 78."""
