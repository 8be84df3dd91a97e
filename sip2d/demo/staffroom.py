"""What the staff of the town do beside the counters, each at its time of the year: they close for works,
take penalties off for some weeks, declare things lost and find them, block, let patrons off, ask about
memberships. All of it by the acts of the commands, one unit each.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from sip2d.demo.town import CLERK, CODE, NEIGHBOUR, Town
from sip2d.desk.staff import blocks, closures, counter, find, losses, memberships, penalties
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.settings import LostSource
from sip2d.store.executor import Store
from sip2d.store.unit import Unit

WORKS: Final = 118
"""The day on which works are announced: the branches are closed for the week after it (CL-6)."""
AMNESTY: Final = 200
"""The day from which on nothing costs anything, for three weeks (BR-12)."""
WEEKS: Final = timedelta(days=21)

Act = Callable[[Work], str]


class Staffroom:
    """See the module. ``did`` is shared with the traffic: what was done, and what was refused."""

    def __init__(self, store: Store, town: Town, seed: int, did: Counter[str]) -> None:
        self._store = store
        self._town = town
        self._chance = random.Random(f"staff {seed}")
        self._did = did
        self._lost: list[str] = []

    def day(self, number: int, now: datetime) -> None:
        """What is done on the day of this number (0 is the first) of an open library."""
        for act in self._due(number):

            def work(unit: Unit, act: Act = act) -> str:
                return act(Work(unit, CLERK, now))

            try:
                self._did[self._store.call(True, "simulate.staff", work)] += 1
            except Refused:
                self._did["staff: refused"] += 1

    def _due(self, number: int) -> Iterator[Act]:
        if number == WORKS:
            yield _works
        if number == AMNESTY:
            yield _amnesty
        if number % 5 == 0:
            yield self._loses(
                self._some(), LostSource.CLAIM_RETURNED if number % 2 else LostSource.MOREDETAIL
            )
        if number % 8 == 3 and self._lost:
            yield self._finds(self._lost.pop(0))
        if number % 6 == 1:
            yield self._blocks(f"P{self._patron()}", number)
        if number % 4 == 2:
            yield _asks_about_membership(existing=number % 8 == 2)
        if number % 15 == 4:
            yield self._blocks_next_door(f"C{1 + number % 4}")

    def _patron(self) -> int:
        return self._chance.randint(1, self._town.patrons)

    def _some(self) -> list[str]:
        """Items, one of which somebody may have."""
        return [f"I{self._chance.randint(1, self._town.items)}" for _ in range(12)]

    def _loses(self, barcodes: list[str], source: LostSource) -> Act:
        def act(work: Work) -> str:
            owner = find.institution(work, CODE)
            for barcode in barcodes:
                item = counter.item(work, owner, barcode)
                if item.loan is not None and not item.lost_status:
                    value = 2 if source is LostSource.CLAIM_RETURNED else 3
                    losses.lose_item(work, barcode, value, source=source.value, institution_code=CODE)
                    self._remember(barcode)
                    return f"staff: lost ({source.value.lower()})"
            return "staff: nothing to lose"

        return act

    def _remember(self, barcode: str) -> None:
        if barcode not in self._lost:  # a unit may run twice
            self._lost.append(barcode)

    def _finds(self, barcode: str) -> Act:
        def act(work: Work) -> str:
            losses.find_item(work, barcode, institution_code=CODE)
            return "staff: found"

        return act

    def _blocks(self, barcode: str, number: int) -> Act:
        def act(work: Work) -> str:
            until = None if number % 4 == 1 else (work.now + timedelta(days=20)).date().isoformat()
            standing = [one for one in blocks.listing(work, barcode, CODE) if one["origin"] != "NETWORK"]
            if standing:
                blocks.unblock(work, barcode, standing[0]["id"], institution_code=CODE)
                return "staff: unblocked"
            blocks.block(work, barcode, definition="CONDUCT", until=until, institution_code=CODE)
            return "staff: blocked"

        return act

    def _blocks_next_door(self, barcode: str) -> Act:
        """A network block there comes here with the next night (BL-61)."""

        def act(work: Work) -> str:
            until = (work.now + timedelta(days=25)).date().isoformat()
            blocks.block(work, barcode, definition="SHARED", until=until, institution_code=NEIGHBOUR)
            return "staff: blocked next door"

        return act


def _works(work: Work) -> str:
    """What was due stays due, and costs nothing for the days that are closed now."""
    first = work.now.date() + timedelta(days=1)
    closures.add_closure(
        work, first.isoformat(), (first + timedelta(days=6)).isoformat(), title="Works", institution_code=CODE
    )
    return "staff: closed for works"


def _amnesty(work: Work) -> str:
    penalties.detach(work, work.now + WEEKS, institution_code=CODE)
    return "staff: penalties detached"


def _asks_about_membership(*, existing: bool) -> Act:
    """Of somebody who was there before the policy was (MB-12, MB-16)."""

    def act(work: Work) -> str:
        unknown = memberships.listing(work, CODE, wanted="UNKNOWN", limit=1)
        if not unknown:
            return "staff: all memberships known"
        until = (work.now + timedelta(days=90)).date().isoformat() if existing else None
        memberships.update(
            work, unknown[0]["patron"], existing=until, new=not existing, institution_code=CODE
        )
        return f"staff: membership {'existing' if existing else 'new'}"

    return act
