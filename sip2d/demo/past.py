"""What happened in the demo library before today: loans, returns, holds, fees, by the real acts at past
moments."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sip2d.demo import plan
from sip2d.demo.seed import Made
from sip2d.desk import card, hold, subjects
from sip2d.desk.book import raise_fee
from sip2d.desk.lend import lend
from sip2d.desk.outcome import Outcome
from sip2d.desk.pay import pay
from sip2d.desk.place import Desk
from sip2d.desk.take_back import take_back
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.policy.setting_names import settings_of
from sip2d.store.unit import Unit

ROUNDS = 300
OPEN_LOANS = {"VALMONT": 110, "HARBOUR": 45}


class Past:
    """One institution's past, told day by day."""

    def __init__(self, unit: Unit, house: plan.House, made: Made, now: datetime) -> None:
        self._unit = unit
        self._house = house
        self._made = made
        self._now = now

    def happen(self) -> None:
        """Everything, oldest first, so that events are in the order of time."""
        patrons, items = plan.COUNTS[self._house.code]
        for turn in range(ROUNDS * items // 500):
            days = 360 - turn * 300 / (ROUNDS * items // 500)
            item, patron = (
                self._item(100 + turn * 7 % (items - 100)),
                self._patron(20 + turn * 11 % (patrons - 20)),
            )
            if self._lend(patron, item, days).done:
                self._take_back(item, days - 5 - turn % 20)
        for turn in range(OPEN_LOANS[self._house.code]):
            self._lend(
                self._patron(20 + turn * 5 % (patrons - 20)), self._item(100 + turn), 24 - turn * 23 / 120
            )
        for turn in range(12):
            self._hold(
                self._patron(20 + turn * 9 % (patrons - 20)), self._item(100 + turn * 4), 3 - turn / 10
            )
        if self._house is plan.HOUSES[0]:
            self._known()

    def _known(self) -> None:
        """The patrons and items worth knowing get what their ``about`` says."""
        patron, item = self._patron, self._item
        self._lend(patron(9), item(22), 45)
        self._lend(patron(10), item(21), 6)
        self._lend(patron(12), item(23), 16)
        self._hold(patron(40), item(23), 2, kind="RECALL")
        self._lend(patron(10), item(30), 5)
        self._hold(patron(41), item(30), 4)
        self._lend(patron(42), item(24), 9)
        self._hold(patron(11), item(24), 8)
        self._take_back(item(24), 1)
        self._lend(patron(43), item(29), 9)
        self._hold(patron(44), item(29), 8, pickup="NORD")
        self._take_back(item(29), 1)
        self._fee(patron(4), 850, "Livre abîmé", 20)
        self._fee(patron(4), 400, "Carte perdue", 12)
        self._fee(patron(5), 3200, "Livre perdu", 60)
        self._paid(patron(5), 700, 30)
        desk = self._desk(15)
        for number, retained in ((7, False), (8, False)):
            holder = subjects.patron(self._unit, desk, patron(number))
            if holder is not None:
                card.block(self._unit, desk, holder, text="Merci de passer à l'accueil", retained=retained)

    # -- acts --------------------------------------------------------------------------------------------

    def _desk(self, days_ago: float) -> Desk:
        library = self._unit.library
        institution = library.institutions[self._made.institution]
        moment = (self._now - timedelta(days=days_ago)).replace(microsecond=0)
        return Desk(
            library=library,
            institution=institution,
            branch=library.branches[next(iter(self._made.branches.values()))],
            settings=settings_of(institution.settings, institution.decimals),
            mode=Mode.STAFF,
            interface="STAFF",
            actor="demo",
            now=moment,
            event_at=moment,
            override_role="CIRC_DESK_MANAGER",
        )

    def _both(self, desk: Desk, patron: str, item: str) -> tuple[PatronFacts, ItemFacts]:
        found = subjects.item(self._unit, desk, item)
        who = subjects.patron(self._unit, desk, patron)
        assert who is not None
        assert found is not None
        return who, found

    def _lend(self, patron: str, item: str, days_ago: float) -> Outcome:
        desk = self._desk(days_ago)
        who, what = self._both(desk, patron, item)
        return lend(
            self._unit, desk, who, what, renewal_allowed=False, requested_due_at=None, fee_acknowledged=True
        )

    def _take_back(self, item: str, days_ago: float) -> None:
        desk = self._desk(days_ago)
        found = subjects.item(self._unit, desk, item)
        assert found is not None
        take_back(self._unit, desk, found, return_branch=desk.branch)

    def _hold(
        self, patron: str, item: str, days_ago: float, *, kind: str = "HOLD", pickup: str | None = None
    ) -> None:
        desk = self._desk(days_ago)
        who, what = self._both(desk, patron, item)
        hold.place(self._unit, desk, who, item=what, title_number=None, pickup_code=pickup, kind=kind)

    def _fee(self, patron: str, minor: int, reason: str, days_ago: float) -> None:
        desk = self._desk(days_ago)
        who = subjects.patron(self._unit, desk, patron)
        assert who is not None
        raise_fee(self._unit, desk, who.id, "MANUAL", minor, reason)

    def _paid(self, patron: str, minor: int, days_ago: float) -> None:
        desk = self._desk(days_ago)
        who = subjects.patron(self._unit, desk, patron)
        assert who is not None
        pay(self._unit, desk, who, amount_minor=minor)

    @property
    def _patron(self) -> Callable[[int], str]:
        return lambda number: plan.patron_barcode(self._house, number)

    @property
    def _item(self) -> Callable[[int], str]:
        return lambda number: plan.item_barcode(self._house, number)
