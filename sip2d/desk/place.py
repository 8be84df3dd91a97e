"""Where an act takes place, by whom and when."""

from datetime import datetime

import msgspec

from sip2d.policy.facts import Mode
from sip2d.policy.settings import Settings
from sip2d.store.library import Branch, Institution, Library


class Desk(msgspec.Struct, frozen=True):
    """A desk of the library: a kiosk, a staff terminal, a job.

    ``now`` is the moment of recording; ``event_at`` when it happened: the same, but for no-block transactions
    (SP-22) and staff's backdating.
    ``due_floor``: no due date that is computed lies before it (a loaded file's upload, OF-21).
    ``interface`` is a label of GN-11, ``actor`` who answers for it (a terminal's name, a staff login).
    """

    library: Library
    institution: Institution
    branch: Branch
    settings: Settings
    mode: Mode
    interface: str
    actor: str
    now: datetime
    event_at: datetime
    terminal_id: int | None = None
    override_role: str | None = None
    group_resolution: bool = False
    due_floor: datetime | None = None
