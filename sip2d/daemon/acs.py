"""What all connections of a daemon share: the store, the library in memory, the dialects, the pins; and how
a call is made of them."""

import functools
import itertools
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from sip2d.circulation.call import UNSPOKEN, Answer, Call, PinOracle, Spoken
from sip2d.circulation.status import Health
from sip2d.circulation.wording import Catalogue, Wording
from sip2d.daemon.admission import Admission
from sip2d.daemon.pins import Pins
from sip2d.policy.setting_names import settings_of
from sip2d.policy.settings import Settings
from sip2d.store.batches import Batch
from sip2d.store.executor import Store
from sip2d.store.journal import DAEMON_BYTES
from sip2d.store.library import Branch, Institution, Library, Terminal
from sip2d.wire.profile import STANDARD, Profile

Status = tuple[Answer, Spoken]
Place = tuple[Institution, Branch, Profile, Settings, Wording]
BATCH_BITS: Final = 11
"""A session's number is its millisecond and so many random bits: in order, and until 2109 a number that
spreadsheets keep whole. Two that meet share a batch, which harms nobody."""
STATUSES_KEPT: Final = 64
"""A terminal that never asks twice alike must not fill the memory."""


def utc_now() -> datetime:
    """The moment, aware UTC, to the second as the tables keep it (GN-1)."""
    return _instant(int(time.time()))


@functools.lru_cache(maxsize=2)
def _instant(second: int) -> datetime:
    """Kept for its second: 0.15 us instead of 0.7."""
    return datetime.fromtimestamp(second, UTC)


class Binding(msgspec.Struct, frozen=True):
    """Where a session is bound: the terminal it is, and the branch of record (CN-3), which a login's CP may
    have chosen (CN-8). ``batch``: where a session that renews in bulk writes its attempts down (BR-21)."""

    terminal: Terminal
    branch_id: int
    spoken: Spoken = UNSPOKEN
    batch: Batch | None = None


class Acs:
    """See the module. Lives on the event loop; ``call`` is also used on the store's threads, and only
    reads."""

    def __init__(
        self,
        store: Store,
        pins: Pins,
        admission: Admission,
        profiles: Mapping[str, Profile],
        catalogue: Catalogue,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.store = store
        self.pins = pins
        self.admission = admission
        self.now = clock
        self._profiles = profiles
        self._catalogue = catalogue
        self._dialects: dict[tuple[str, str | None, str | None, str | None], Profile] = {}
        self._wordings: dict[int, Wording] = {}
        self._settings: dict[tuple[int, int], Settings] = {}
        self._places: dict[tuple[int, int, str], Place] = {}
        self._statuses: dict[tuple[bytes, int, int], Status] = {}
        self._statuses_of: tuple[datetime, int, tuple[bool, bool]] | None = None
        self._prefix = os.urandom(DAEMON_BYTES)
        self._count = itertools.count()

    @property
    def library(self) -> Library:
        """The loop's copy; swapped whole when the epoch changes."""
        return self.admission.library

    def bind(self, terminal: Terminal, branch_id: int) -> Binding:
        """A new session of this terminal at this branch."""
        if not terminal.bulk:
            return Binding(terminal, branch_id)
        number = time.time_ns() // 1_000_000 << BATCH_BITS | int.from_bytes(os.urandom(2)) >> 16 - BATCH_BITS
        batch = Batch(number, terminal.id or None, branch_id, terminal.name, self.now())
        return Binding(terminal, branch_id, batch=batch)

    def exchange_id(self) -> bytes:
        """A name no other exchange of any daemon has: eight random bytes and a count, by which the journal
        tells which of two came first."""
        return self._prefix + next(self._count).to_bytes(8, "big")

    @property
    def health(self) -> Health:
        """What 98 may promise now."""
        return Health(*self.store.able)

    def status(self, body: bytes, branch_id: int, profile: Profile) -> Status | None:
        """The answer to a 99 of these very bytes, and what the SC said of itself, if that was asked here in
        this second and nothing has changed since: 1 us instead of 40 (performance.md P1)."""
        of = (self.now(), self.admission.library.epoch, self.store.able)
        if of == self._statuses_of:
            return self._statuses.get((body, branch_id, id(profile)))
        self._statuses.clear()
        self._statuses_of = of
        return None

    def keep_status(self, body: bytes, branch_id: int, profile: Profile, status: Status) -> None:
        """For the rest of this second. Profiles are kept as long as this, so that their identity tells them
        apart."""
        if len(self._statuses) >= STATUSES_KEPT:
            self._statuses.clear()
        self._statuses[body, branch_id, id(profile)] = status

    def profile(self, name: str, branch: Branch | None = None) -> Profile:
        """The dialect of a terminal: its profile, with what its branch sets otherwise (CN-4). An unknown
        name is the standard."""
        base = self._profiles.get(name, STANDARD)
        if branch is None:
            return base
        sip2 = branch.sip2
        key = (base.name, sip2.encoding, sip2.line_terminator, sip2.error_detection)
        found = self._dialects.get(key)
        if found is None:
            detection = {None: None, "required": "required"}.get(sip2.error_detection, "mirror")
            given = {
                "charset": sip2.encoding,
                "terminator": sip2.line_terminator,
                "error_detection": detection,
            }
            changed = {quirk: value for quirk, value in given.items() if value}
            found = self._dialects[key] = msgspec.structs.replace(base, **changed) if changed else base
        return found

    def wording(self, library: Library) -> Wording:
        """The screen texts of an epoch."""
        found = self._wordings.get(library.epoch)
        if found is None:
            self._wordings.clear()
            found = self._wordings[library.epoch] = Wording(self._catalogue, library.texts)
        return found

    def settings(self, library: Library, institution_id: int) -> Settings:
        """The policy settings of an institution in an epoch."""
        key = (library.epoch, institution_id)
        found = self._settings.get(key)
        if found is None:
            if len(self._settings) > 1000:
                self._settings.clear()
            institution = library.institutions[institution_id]
            found = self._settings[key] = settings_of(institution.settings, institution.decimals)
        return found

    def call(
        self,
        library: Library,
        binding: Binding,
        pins: PinOracle,
        now: datetime,
        exchange_id: bytes,
        again: bool = False,
    ) -> Call:
        """The call of one exchange, with the library its transaction sees; ``again``: it ran before.

        Raises:
            KeyError: the branch is gone; the session is ended by the next look at the epoch.
        """
        key = (library.epoch, binding.branch_id, binding.terminal.profile)
        place = self._places.get(key)
        if place is None:
            if len(self._places) > 1000:
                self._places.clear()
            place = self._places[key] = self._place(library, *key[1:])
        institution, branch, profile, settings, wording = place
        return Call(
            library,
            institution,
            branch,
            binding.terminal,
            profile,
            settings,
            wording,
            pins,
            now,
            exchange_id,
            binding.spoken,
            again,
            binding.batch,
        )

    def _place(self, library: Library, branch_id: int, profile: str) -> Place:
        branch = library.branches[branch_id]
        return (
            library.institutions[branch.institution_id],
            branch,
            self.profile(profile, branch),
            self.settings(library, branch.institution_id),
            self.wording(library),
        )
