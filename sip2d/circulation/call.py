"""One exchange as circulation sees it: who calls, from where, when; and what it gets back."""

import functools
from datetime import datetime
from typing import Final, Protocol

import msgspec

from sip2d.circulation.wording import Wording
from sip2d.desk.place import Desk
from sip2d.policy.facts import Mode
from sip2d.policy.settings import Settings
from sip2d.store.batches import Batch
from sip2d.store.library import Branch, Institution, Library, Terminal
from sip2d.wire.kinds import stamp
from sip2d.wire.profile import Profile


class PinOracle(Protocol):
    """Answers from memory whether a PIN fits a stored hash: True, False, or None when it must be hashed
    first."""

    def verdict(self, subject: str, secret: str, stored: str | None) -> bool | None:
        """``subject`` is the barcode as sent; ``stored`` None stands for an unknown patron, who costs the
        same work."""


class PinNeeded(Exception):
    """Raised inside a unit when a PIN must be hashed; carries no secret."""

    def __init__(self, subject: str, stored: str | None) -> None:
        super().__init__("a PIN must be hashed first")
        self.subject = subject
        self.stored = stored


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """What the SC said of itself in its last 99: a 1.00 SC gets no 2.00 fields (sip2.md 5), and texts are
    split at its
    print width (SP-9); 0 is no width."""

    version_1: bool = False
    width: int = 0


UNSPOKEN: Final = Spoken()
_ONLINE: Final = Mode.ONLINE


_stamp = functools.lru_cache(maxsize=64)(stamp)  # the exchanges of one second: 0.1 us instead of 0.5


class Call(msgspec.Struct, frozen=True):
    """A terminal's call: the library it calls, its branch of record (CN-3), its dialect, the moment and the
    exchange's own id.

    ``again``: this very exchange ran before, and nobody knows whether it was committed; only then the journal
    is asked for its id (one statement of nine less in a renewal).
    ``batch``: the session renews in bulk, and this is where its attempts are written down (BR-21).
    """

    library: Library
    institution: Institution
    branch: Branch
    terminal: Terminal
    profile: Profile
    settings: Settings
    wording: Wording
    pins: PinOracle
    now: datetime
    exchange_id: bytes
    spoken: Spoken
    again: bool = False
    batch: Batch | None = None

    @property
    def terminal_id(self) -> int | None:
        """The terminal's row; a session that staff opens in the process of a command has none."""
        return self.terminal.id or None

    @property
    def width(self) -> int:
        """Where screen texts are split: the SC's own word, else the branch's setting; 0 nowhere."""
        return self.spoken.width or self.branch.sip2.max_print_width

    def language(self, code: str) -> str:
        """The language of an answer: the request's if it is spoken, else the profile's, else the branch's
        (SP-9)."""
        return self.wording.language(code if self.wording.speaks(code) else self.profile.language, None, self)

    @property
    def stamp(self) -> str:
        """The transaction date of an answer: local time of the branch, zone blank (SP-2)."""
        return _stamp(self.now, self.branch.zone)

    @property
    def overrides(self) -> bool:
        """Whether this terminal sets reasons aside by itself, for the staff who work at it (BL-13)."""
        return self.terminal.auto_override and self.terminal.override_role is not None

    def desk(self, *, mode: Mode = _ONLINE, event_at: datetime | None = None) -> Desk:
        """The desk this call stands at; no-block acts happened at ``event_at`` (SP-22).

        A workstation that overrides by itself acts in staff's mode, with its own role (BL-13).
        """
        online = mode is _ONLINE
        role = self.terminal.override_role if self.overrides else None
        return Desk(  # by position: 0.2 us less, at every exchange
            self.library,
            self.institution,
            self.branch,
            self.settings,
            Mode.STAFF if role is not None and online else mode,
            "SIP2" if online else self._stored_interface(),
            self.terminal.name,
            self.now,
            event_at or self.now,
            self.terminal_id,
            role,
            self.terminal.group_resolution,
        )

    def _stored_interface(self) -> str:
        return "BULK_RENEWAL" if self.terminal.bulk else "SIP2_OFFLINE"


class Answer(msgspec.Struct, frozen=True):
    """What a unit gives back: the built body (no trailer, no terminator), and words for log and metrics.

    ``result`` is ``ok``, ``refused`` or ``repeat``; ``rule`` the code of the first reason, or an empty text;
    ``bulk`` what became of a row of a bulk renewal (RENEWED, SKIPPED, FAILED), empty for everything else and
    for repeats.
    """

    body: bytes
    result: str
    rule: str = ""
    bulk: str = ""
