"""A day at the counters of the town: loans, renewals, returns, holds, payments, by the real acts, one unit
each.

Chance decides who comes and with what; the same seed makes the same year.
"""

import random
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from sip2d.demo.town import PROXIES, Town
from sip2d.desk import hold, subjects
from sip2d.desk.lend import lend
from sip2d.desk.pay import pay, waive
from sip2d.desk.place import Desk
from sip2d.desk.renew import renew
from sip2d.desk.take_back import take_back
from sip2d.desk.undo import undo_return
from sip2d.policy.calendar import local_instant
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.policy.setting_names import settings_of
from sip2d.store import ledger, patrons
from sip2d.store.executor import Store
from sip2d.store.library import Branch
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface

HOURS: Final = (10, 15)
"""When people come: two busy hours, so that an hourly job has two hours to tell of."""
FORGETFUL: Final = 23
"""Every so manieth item lies under somebody's bed: nobody brings it in time."""
CUT_OFF: Final = 19
"""Every so manieth day the second branch is cut off in its last hour: what its kiosk did arrives afterwards,
as kiosks send it, and not in order (SP-22, PT-9)."""
FETCHED: Final = 3
"""Of so many visits of a patron who has a proxy card one is his proxy's."""


class Visit(msgspec.Struct, frozen=True):
    """Who comes with what, and two turns of chance. Drawn before the unit, which may have to run twice."""

    patron: str
    item: int
    turn: float
    twist: float


class Traffic:
    """See the module. ``did`` counts what was done and what was refused, by the first reason."""

    def __init__(self, store: Store, town: Town, seed: int, visits: int) -> None:
        self._store = store
        self._town = town
        self._chance = random.Random(seed)
        self._visits = visits
        self.did: Counter[str] = Counter()

    def day(self, number: int, day: date, branches: list[Branch]) -> None:
        """What happens on this day at those branches that are open; ``number`` 0 is the first."""
        share = self._visits // len(branches) // len(HOURS)
        for place, branch in enumerate(branches):
            if not branch.calendar.is_open(day):
                continue
            for hour in HOURS:
                times = [
                    local_instant(day, time(hour, one * 60 // share), branch.zone) for one in range(share)
                ]
                if place and hour == HOURS[-1] and number % CUT_OFF == CUT_OFF - 1:
                    self._cut_off(branch, times)
                    continue
                for at in times:
                    self._done(branch, self._drawn(), at, at)

    def _cut_off(self, branch: Branch, times: list[datetime]) -> None:
        """The later half first, then the earlier, then the later once more: all by the end of the hour."""
        visits = [(self._drawn(), at) for at in times]
        late = visits[len(visits) // 2 :]
        for visit, at in (*late, *visits[: len(visits) // 2], *late):
            self._done(branch, visit, times[-1] + timedelta(minutes=5), at)

    def _drawn(self) -> Visit:
        chance = self._chance
        number = chance.randint(1, self._town.patrons)
        item, turn, twist = chance.randint(1, self._town.items), chance.random(), chance.random()
        fetched = number <= PROXIES and item % FETCHED == 0
        return Visit(f"{'X' if fetched else 'P'}{number}", item, turn, twist)

    def _done(self, branch: Branch, visit: Visit, now: datetime, at: datetime) -> None:
        mode, interface = (
            (Mode.ONLINE, Interface.SIP2) if at == now else (Mode.NO_BLOCK, Interface.SIP2_OFFLINE)
        )

        def work(unit: Unit) -> str:
            owner = unit.library.institutions[branch.institution_id]
            here = unit.library.branches[branch.id]
            settings = settings_of(owner.settings, owner.decimals)
            desk = Desk(unit.library, owner, here, settings, mode, interface, "kiosk", now, at)
            if mode is Mode.NO_BLOCK:
                return f"stored: {_stored(unit, desk, visit)}"
            return _with_money(unit, desk, visit) if visit.turn < 0.15 else _with_an_item(unit, desk, visit)

        self.did[self._store.call(True, "simulate", work)] += 1


def _stored(unit: Unit, desk: Desk, visit: Visit) -> str:
    """What was done without us: nobody was asked, and it is recorded whatever stands against it."""
    item = subjects.item(unit, desk, f"I{visit.item}")
    assert item is not None
    if visit.turn < 0.5:
        take_back(unit, desk, item, return_branch=desk.branch)
        return "returned"
    lend(
        unit, desk, _who(unit, desk, visit), item,
        renewal_allowed=False, requested_due_at=None, fee_acknowledged=True,
    )  # fmt: skip
    return "lent"


def _with_an_item(unit: Unit, desk: Desk, visit: Visit) -> str:
    item = subjects.item(unit, desk, f"I{visit.item}")
    assert item is not None
    if item.loan is None:
        return _lends(unit, desk, visit, item)
    late = desk.now - item.loan.due_at
    if visit.item % FORGETFUL == 0 and late < timedelta(days=70):
        return "forgotten"
    if visit.turn < 0.65 or late > timedelta(days=1):
        return _takes_back(unit, desk, visit, item)
    if visit.turn < 0.85:
        borrower = patrons.by_id(unit, item.loan.patron_id, desk.now)
        assert borrower is not None
        done = renew(
            unit, desk, borrower, item, third_party=False, requested_due_at=None, fee_acknowledged=True
        )
        return "renewed" if done.done else f"not renewed: {done.reasons[0].code}"
    kind = "RECALL" if visit.twist < 0.2 else "HOLD"
    held = hold.place(unit, desk, _who(unit, desk, visit), item=item, title_number=None, kind=kind)
    return kind.lower() if held.done else f"not held: {held.reasons[0].code}"


def _lends(unit: Unit, desk: Desk, visit: Visit, item: ItemFacts) -> str:
    kept = item.shelf_hold
    who = None if kept is None else patrons.by_id(unit, kept.patron_id, desk.now)
    done = lend(
        unit, desk, who or _who(unit, desk, visit), item,
        renewal_allowed=False, requested_due_at=None, fee_acknowledged=True,
    )  # fmt: skip
    return "lent" if done.done else f"not lent: {done.reasons[0].code}"


def _takes_back(unit: Unit, desk: Desk, visit: Visit, item: ItemFacts) -> str:
    """Now and then the kiosk's arm jams: the return is undone at once (SP-23)."""
    done = take_back(unit, desk, item, return_branch=desk.branch)
    if not done.done:
        return f"not returned: {done.reasons[0].code}"
    if visit.twist > 0.02 or done.patron is None:
        return "returned"
    again = subjects.item(unit, desk, item.barcode)
    assert again is not None
    undone = undo_return(unit, desk, done.patron, again)
    return "return undone" if undone.done else f"not undone: {undone.reasons[0].code}"


def _with_money(unit: Unit, desk: Desk, visit: Visit) -> str:
    """Whole or half of what is owed; now and then staff let somebody off his oldest fee."""
    who = _who(unit, desk, visit)
    unpaid = ledger.outstanding(unit, who.id)
    if not unpaid:
        return "looked around"
    if visit.twist < 0.1:
        return "waived" if waive(unit, desk, unpaid[0].fee_id) else "not waived"
    amount = who.owed_minor if visit.twist < 0.7 else (who.owed_minor + 1) // 2
    done = pay(unit, desk, who, amount_minor=amount)
    return "paid" if done.done else f"not paid: {done.reasons[0].code}"


def _who(unit: Unit, desk: Desk, visit: Visit) -> PatronFacts:
    who = subjects.patron(unit, desk, visit.patron)
    assert who is not None
    return who
