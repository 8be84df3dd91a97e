"""A town lived through under the eyes of an auditor who trusts nothing but the rows."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select

from sip2d.demo.simulate import Simulation, Year
from sip2d.demo.town import CLERK, CODE, Town
from sip2d.desk.staff import memberships
from sip2d.desk.staff.work import Work
from sip2d.store import migrate, tables
from sip2d.store.executor import Store
from tests.jobs.plans import everything
from tests.year.blocks import Blocks
from tests.year.money import Money, summary
from tests.year.notices import Notices
from tests.year.rows import START, ZONE
from tests.year.shelves import Shelves

DAYS: Final = 365
SEED: Final = 7
VISITS: Final = 24
AGAIN: Final = frozenset({3, 95, 215, 335})
"""The days whose night is run a second time (PT-8)."""
UNCHANGED: Final = 60
"""Every so many days the whole past is read again (PT-4)."""
BOOKKEEPING: Final = frozenset({"job_run", "job_lease"})


def prepare(url: str) -> None:
    """An empty database with the newest schema."""
    migrate.upgrade(url)


def unhurried(url: str) -> str:
    """A PostgreSQL that need not have written a transaction to disk before the next: a year has 40,000, and
    none of them is about crashes."""
    return f"{url}&options=-c%20synchronous_commit%3Doff"


class Auditor:
    """Looks at the rows every morning."""

    def __init__(self, store: Store) -> None:
        self.days = 0
        self.nights_again = 0
        self.simulation = Simulation(
            store, Town(items=450), seed=SEED, visits=VISITS, audit=7, wake=self._morning
        )
        self._store = store
        self._money, self._shelves = Money(), Shelves()
        self._blocks, self._notices = Blocks(), Notices()
        self._items: dict[int, str] = {}
        self._patrons: dict[int, str] = {}

    def live(self, days: int) -> Year:
        """So many days; what happened."""
        year = self.simulation.live(START, days)
        self._look(self._unchanged)
        return year

    def _look(self, look: Callable[[Connection], None]) -> None:
        with self._store.unit("auditor", writes=False) as unit:
            look(unit.core)

    def _morning(self, today: date) -> None:
        number = (today - START).days

        def look(core: Connection) -> None:
            if not self._items:
                self._items = _types(core, tables.item, tables.item_type)
                self._patrons = _types(core, tables.patron, tables.patron_type)
            self._money.look(core, self._items)
            self._shelves.look(core, today, self._patrons)
            self._blocks.look(core, today, self._patrons)
            self._notices.look(core)
            if number % UNCHANGED == UNCHANGED - 1:
                self._unchanged(core)

        self._look(look)
        if number % UNCHANGED == UNCHANGED - 1:
            self._active(today)
        if number in AGAIN:
            self._night_again(today)
        self.days += 1

    def _unchanged(self, core: Connection) -> None:
        for table in (*self._money.tables, self._shelves.events):
            table.unchanged(core)

    def _active(self, today: date) -> None:
        """PT-23: active is who has a membership until today or later, and nobody else."""
        member = tables.membership.c
        with self._store.unit("active", writes=False) as unit:
            work = Work(unit, CLERK, datetime.combine(today, time(9), ZONE))
            told = memberships.listing(work, CODE, wanted="ACTIVE", limit=1000)
            barcode = select(tables.patron.c.barcode).join(
                tables.membership, member.patron_id == tables.patron.c.id
            )
            counted = set(unit.core.scalars(barcode.where(member.expires_on >= today.isoformat())))
        assert {row["patron"] for row in told} == counted, "PT-23"
        assert counted, "somebody is a member"

    def _night_again(self, today: date) -> None:
        """PT-8: with no run on record, the same night changes nothing."""
        with self._store.unit("forget") as unit:
            unit.core.execute(tables.job_run.delete())
        before = everything(self._store)
        self.simulation.night(today)
        after = everything(self._store)
        assert {name for name in after if after[name] != before[name]} <= BOOKKEEPING, f"PT-8: {today}"
        self.nights_again += 1


class End(msgspec.Struct, frozen=True):
    """What is left of a life: money by account, events, blocks and notices by kind. The same on both
    databases."""

    money: dict[str, int]
    events: dict[str, int]
    blocks: dict[str, int]
    notices: dict[str, int]
    memberships: dict[str, int]
    visits: dict[str, int]


LIVES: Final[dict[str, tuple[str, ...]]] = {
    "events": ("LOAN", "RENEW", "RETURN", "LOST", "FOUND", "RECALL", "CANCEL", "ROUTE"),
    "blocks": (
        "MANUAL", "OVERDUE_RETURN", "SHORT_LOAN", "OVERDUE_NOTICE", "DEMERIT", "NETWORK",
    ),
    "notices": (
        "PREDUE", "PREDUEDGST", "ODUE", "MEMBERSHIP_BILL", "MEMBERSHIP_CONFIRMATION", "MEMBERSHIP_REMINDER",
        "DUE_RECEIPT", "HOLD_READY", "HOLD_REMINDER", "HOLD_EXPIRED", "SHORT_LOAN_REMINDER",
    ),
    "memberships": ("BILL", "STAFF_EXISTING"),
    "money": (
        "AR", "CASH", "CREDIT", "FORGIVEN", "WAIVED", "REV_LOST", "REV_MEMBERSHIP", "REV_OVERDUE",
        "REV_PROCESSING",
    ),
    "visits": (
        "stored: lent", "stored: returned", "return undone", "recall", "hold", "waived", "staff: found",
        "staff: closed for works", "staff: penalties detached", "staff: membership new",
        "staff: membership existing", "staff: unblocked", "staff: lost (claim_returned)",
        "staff: lost (moredetail)", "not lent: BLOCK:POINTS", "not lent: BLOCK:NEXTDOOR",
        "not lent: NOISSUESCHARGE", "not lent: OVERDUES", "not renewed: RENEW_LIMIT",
    ),
}  # fmt: skip
"""What a year must have had at least once: a rule that nobody met was not tried."""


def everything_lived(store: Store, year: Year) -> None:
    """Every family of rules had its occasions; and stored loans ended others' (CO-3)."""
    found = end(store, year)
    missing = {
        (name, one) for name, wanted in LIVES.items() for one in wanted if not getattr(found, name).get(one)
    }
    assert not missing
    with store.unit("implicit", writes=False) as unit:
        reasons = set(unit.core.scalars(select(tables.loan.c.closed_reason).distinct()))
    assert {"RETURN", "LOST", "IMPLICIT"} <= reasons


def end(store: Store, year: Year) -> End:
    """As the database has it now."""
    with store.unit("end", writes=False) as unit:
        core = unit.core
        return End(
            summary(core),
            _by(core, tables.loan_event.c.kind),
            _by(core, tables.user_block.c.origin),
            _by(core, tables.notice.c.type),
            _by(core, tables.membership.c.origin),
            dict(year.visits),
        )


def _by(core: Connection, column: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in core.execute(select(column, func.count()).group_by(column))}


def _types(core: Connection, table: Any, types: Any) -> dict[int, str]:
    rows = core.execute(select(table.c.id, types.c.code).join(types, types.c.id == table.c.type_id))
    return {row[0]: row[1] for row in rows}
