"""A desk of the small library on a fresh database, for the tests of holds, money and cards."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec

from sip2d.desk import subjects
from sip2d.desk.place import Desk
from sip2d.policy.facts import HoldFacts, ItemFacts, Mode, PatronFacts
from sip2d.policy.settings import Settings
from sip2d.store import holds
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.store.seed import seeded
from tests.support import library
from tests.support.databases import Databases
from tests.support.library import NOW, World


class Stand:
    """One test's library: ``act`` opens a unit, the rest reads in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.unit("read") as unit:
            self.world: World = library.read(unit.core)

    @contextmanager
    def act(self) -> Iterator[Unit]:
        """One transaction, committed at the end."""
        with self.store.unit("test") as unit:
            yield unit

    def desk(
        self,
        unit: Unit,
        branch: str = "CENTRAL",
        *,
        now: datetime = NOW,
        mode: Mode = Mode.ONLINE,
        available_hold_allowed: bool = True,
        **settings: object,
    ) -> Desk:
        """A kiosk's desk at a branch."""
        place = unit.library.branches[self.world.branches[branch]]
        sip2 = msgspec.structs.replace(place.sip2, available_hold_allowed=available_hold_allowed)
        return Desk(
            library=unit.library,
            institution=unit.library.institutions[place.institution_id],
            branch=msgspec.structs.replace(place, sip2=sip2),
            settings=msgspec.structs.replace(Settings(), **settings),
            mode=mode,
            interface="SIP2",
            actor="kiosk-central",
            now=now,
            event_at=now,
            terminal_id=self.world.terminals["kiosk-central"],
        )

    def patron(self, unit: Unit, barcode: str) -> PatronFacts:
        """As the desk knows him now."""
        found = subjects.patron(unit, self.desk(unit), barcode)
        assert found is not None
        return found

    def item(self, unit: Unit, barcode: str) -> ItemFacts:
        """As the desk knows it now."""
        found = subjects.item(unit, self.desk(unit), barcode)
        assert found is not None
        return found

    def hold(self, unit: Unit, hold_id: int) -> HoldFacts:
        """As it stands now."""
        found = holds.by_id(unit, hold_id)
        assert found is not None
        return found


@contextmanager
def opened(databases: Databases) -> Iterator[Stand]:
    """A stand on a copy of the small library."""
    with Store.open(databases.fresh(seeded)) as store:
        yield Stand(store)
