"""A day at the counters of the town: loans, renewals, returns, holds, payments, by the real acts, one unit
each.

Chance decides who comes and with what; the same seed makes the same year.
"""

import random
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from sip2d.demo.town import Town
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

    def day(self, day: date, branches: list[Branch]) -> None:
        """What happens on this day at those branches that are open."""
        share = self._visits // len(branches) // len(HOURS)
        for branch in branches:
            if not branch.calendar.is_open(day):
                continue
            for hour in HOURS:
                for number in range(share):
                    at = local_instant(day, time(hour, number * 60 // share), branch.zone)
                    self._comes(branch, at)

    def _comes(self, branch: Branch, now: datetime) -> None:
        chance = self._chance
        visit = Visit(
            f"P{chance.randint(1, self._town.patrons)}",
            chance.randint(1, self._town.items),
            chance.random(),
            chance.random(),
        )

        def work(unit: Unit) -> str:
            owner = unit.library.institutions[branch.institution_id]
            here = unit.library.branches[branch.id]
            settings = settings_of(owner.settings, owner.decimals)
            desk = Desk(
                unit.library, owner, here, settings, Mode.ONLINE, Interface.SIP2, "kiosk", now, now
            )  # fmt: skip
            return _with_money(unit, desk, visit) if visit.turn < 0.15 else _with_an_item(unit, desk, visit)

        self.did[self._store.call(True, "simulate", work)] += 1


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
