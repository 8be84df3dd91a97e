"""The library of the worked examples of lost items: Europe/Paris, closed on Sundays, on 6 April and on 1 May
2026; a book of 40.00 with a processing fee of 5.00, due on 2 March; 0.25 a day overdue."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, update

from sip2d.desk import fine, lose, take_back, undo
from sip2d.desk.place import Desk
from sip2d.jobs.job import Tally
from sip2d.jobs.long_overdue import LONG_OVERDUE
from sip2d.jobs.runner import Result, Runner
from sip2d.policy.facts import ItemFacts, Mode
from sip2d.policy.setting_names import settings_of
from sip2d.policy.settings import LostSource
from sip2d.store import epoch, items, ledger, patrons, tables
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.support import library
from tests.support.databases import Databases
from tests.support.desks import Room, opened
from tests.support.desks import prepare as small_library

PARIS = ZoneInfo("Europe/Paris")
DUE = date(2026, 3, 2)
LOST = date(2026, 4, 8)
BACK = date(2026, 5, 8)
SETTINGS = {
    "finesMode": "production",
    "DefaultLongOverdueDays": "30",
    "DefaultLongOverdueLostValue": "1",
    "DefaultLongOverdueChargeValue": "1",
}
FINES = {"fine_amount": "0.25", "fine_interval": "1"}


def at(day: date, hour: int = 10, minute: int = 0) -> datetime:
    """A local time as an instant."""
    return datetime.combine(day, time(hour, minute), PARIS).astimezone(UTC)


def end_of(day: date) -> datetime:
    """When day loans are due."""
    return datetime.combine(day, time(23, 59, 59), PARIS).astimezone(UTC)


def prepare(url: str) -> None:
    """The small library with the calendar, the lost values and the book of the examples; P1 has I6."""
    small_library(url)
    with Store.open(url) as store, store.unit("build") as unit:
        world = library.read(unit.core)
        main = world.institutions["MAIN"]
        core = unit.core
        opening = tables.opening_interval
        core.execute(delete(opening).where(opening.c.institution_id == main, opening.c.weekday == 6))
        for day in (date(2026, 4, 6), date(2026, 5, 1)):
            library.add(core, tables.calendar_exception, institution_id=main, day_on=day.isoformat(), open=0)
        for code, word in ((1, "Lost"), (2, "Returned, they say"), (3, "Missing")):
            library.add(
                core, tables.lost_value, institution_id=main, code=code, description=word,
                is_auto=int(code == 1), claims_returned=int(code == 2), blocks_checkin=int(code == 3),
            )  # fmt: skip
        book = tables.item_type
        core.execute(
            update(book)
            .where(book.c.id == world.item_types["BOOK"])
            .values(default_replacement_minor=None, processing_fee_minor=500)
        )
        core.execute(
            update(tables.item).where(tables.item.c.id == world.items["I6"]).values(price_minor=4000)
        )
        library.add_loan(
            core, world, world.items["I6"], world.patrons["P1"],
            loaned_at=end_of(DUE) - timedelta(days=28), due_at=end_of(DUE),
        )  # fmt: skip
        epoch.bump(unit)


class House:
    """One test's library; every act has its own transaction."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.world = room.world

    def configure(
        self,
        settings: dict[str, str] | None = None,
        rules: dict[str, str] | None = None,
        branch: str = "CENTRAL",
    ) -> None:
        """Store settings of MAIN, and circulation rules of a branch."""
        main = self.world.institutions["MAIN"]

        def work(unit: Unit) -> None:
            for key, value in (settings or {}).items():
                table = tables.setting
                unit.core.execute(delete(table).where(table.c.scope_id == main, table.c.key == key))
                unit.core.execute(
                    insert(table).values(scope="INSTITUTION", scope_id=main, key=key, value=value)
                )
            for name, value in (rules or {}).items():
                library.add(
                    unit.core, tables.circulation_rule, institution_id=main,
                    branch_id=self.world.branches[branch], name=name, value=value,
                )  # fmt: skip
            epoch.bump(unit)

        self.room.do(work)

    def set(self, table: Any, row_id: int, **values: object) -> None:
        """Change a row of the library."""

        def work(unit: Unit) -> None:
            unit.core.execute(update(table).where(table.c.id == row_id).values(**values))
            epoch.bump(unit)

        self.room.do(work)

    def desk(self, unit: Unit, now: datetime, branch: str = "CENTRAL", **more: Any) -> Desk:
        """Staff's desk with the settings that are stored."""
        place = unit.library.branches[self.world.branches[branch]]
        owner = unit.library.institutions[place.institution_id]
        return Desk(
            library=unit.library, institution=owner, branch=place,
            settings=settings_of(owner.settings, owner.decimals), mode=Mode.STAFF, interface="STAFF",
            actor="test", now=now, event_at=now, **more,
        )  # fmt: skip

    def item(self, unit: Unit, barcode: str, now: datetime) -> ItemFacts:
        """As it is now."""
        found_item = items.by_id(unit, self.world.items[barcode], now)
        assert found_item is not None
        return found_item

    def job(self, as_of: datetime, *, dry_run: bool = False) -> Result:
        """Run the job for MAIN."""
        with self.room.unit(writes=False) as unit:
            books = unit.library
        owner = books.institutions[self.world.institutions["MAIN"]]
        runner = Runner(self.room.store, lambda: as_of, "test")
        return runner.run(books, LONG_OVERDUE, owner, as_of, dry_run=dry_run)

    def tally(self, as_of: datetime, **options: bool) -> Tally:
        """What the job counted; it must have ended well."""
        result = self.job(as_of, **options)
        assert result.error is None, result.error
        return result.tally

    def accrue(self, barcode: str, now: datetime) -> None:
        """A night of JB-1."""

        def work(unit: Unit) -> None:
            what = self.item(unit, barcode, now)
            assert what.loan is not None
            fine.accrue(unit, self.desk(unit, now), what.loan.patron_id, what, what.loan, now)

        self.room.do(work)

    def lose(
        self,
        barcode: str,
        now: datetime,
        value: int = 1,
        source: LostSource = LostSource.MOREDETAIL,
        **more: Any,
    ) -> bool:
        """By hand; whether it was done."""
        return self.room.do(
            lambda unit: (
                lose.lose(
                    unit,
                    self.desk(unit, now, **more),
                    self.item(unit, barcode, now),
                    value=value,
                    source=source,
                ).done
            )
        )

    def bring_back(self, barcode: str, now: datetime, branch: str = "CENTRAL") -> list[str]:
        """Return it at a desk; what the desk tells."""

        def work(unit: Unit) -> list[str]:
            desk = self.desk(unit, now, branch)
            done = take_back.take_back(unit, desk, self.item(unit, barcode, now), return_branch=desk.branch)
            assert done.done
            return [note.code for note in done.notes]

        return self.room.do(work)

    def undo(self, barcode: str, now: datetime, patron: str = "P1") -> None:
        """Take the return back (11 with BI=Y)."""

        def work(unit: Unit) -> None:
            item = self.item(unit, barcode, now)
            who = patrons.by_id(unit, self.world.patrons[patron], now)
            assert who is not None
            assert undo.undo_return(unit, self.desk(unit, now), who, item).done

        self.room.do(work)

    def fees(self, patron: str = "P1") -> dict[str, int]:
        """Of each kind of fee: charged, less what was refunded and forgiven; by postings, not balances."""
        totals: dict[str, int] = {}
        kinds = {row["id"]: row["kind"] for row in self.room.rows(tables.fee)}
        who = self.world.patrons[patron]
        for row in self.room.rows(tables.ledger_posting, patron_id=who):
            if str(row["account"]).startswith("REV_") or row["account"] == "FORGIVEN":
                kind = str(kinds[row["fee_id"]])
                totals[kind] = totals.get(kind, 0) - int(str(row["amount_minor"]))
        return {kind: total for kind, total in totals.items() if total}

    def balance(self, patron: str = "P1") -> int:
        """What the patron owes, less his credit."""
        who = self.world.patrons[patron]
        return self.room.do(
            lambda unit: (
                sum(one.outstanding_minor for one in ledger.outstanding(unit, who)) - ledger.credit(unit, who)
            )
        )

    def fee(self, kind: str) -> int:
        """The id of the one fee of a kind."""
        (row,) = self.room.rows(tables.fee, kind=kind)
        return int(str(row["id"]))

    def loan(self) -> dict[str, object]:
        """The loan of the examples."""
        (row,) = self.room.rows(tables.loan, item_id=self.world.items["I6"])
        return row

    def events(self, barcode: str = "I6") -> list[str]:
        """The kinds of what happened to an item."""
        rows = self.room.rows(tables.loan_event, item_id=self.world.items[barcode])
        return [str(row["kind"]) for row in rows]

    def state(self, barcode: str = "I6") -> dict[str, object]:
        """An item's row."""
        (row,) = self.room.rows(tables.item, id=self.world.items[barcode])
        return row


@contextmanager
def house(databases: Databases, *, configured: bool = True) -> Iterator[House]:
    """A house of the examples, with their settings and fine."""
    with opened(databases.fresh(prepare)) as room:
        made = House(room)
        if configured:
            made.configure(SETTINGS, FINES)
        yield made
