"""A library that blocks and suspends (circulation.md 9): the calendar of the worked examples, definitions,
points; late loans and their returns in one line each.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, delete, select, update

from sip2d.desk import event, suspend
from sip2d.desk.place import Desk
from sip2d.desk.suspend import Suspended
from sip2d.jobs.job import Job, Run, Tally
from sip2d.policy import flags, rulebook
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.policy.rulebook import Question
from sip2d.policy.setting_names import settings_of
from sip2d.store import items, loans, patrons, recalls, tables
from sip2d.store.unit import Unit
from tests.support import library
from tests.support.desks import Room, desk_at
from tests.support.library import World, add, add_item, add_loan

PARIS = ZoneInfo("Europe/Paris")
DEMERITS = {
    "demerit_enable": "true",
    "demerit_history_days": "30",
    "demerit_maximum_threshold": "10",
    "demerit_suspension_days": "14",
}
"""The settings of the worked examples: threshold 10, 30 days, suspended for 14."""
POINTS = {("UNDERGRAD", "BOOK"): (3, 5), (None, "MANUSCRIPT"): (3, 6), ("ALUMNI", None): (1, 2)}
"""Their table."""


def at(text: str) -> datetime:
    """A local time of 2026 in Paris, ``03-06 10:00``; ten o'clock without one."""
    text = text if " " in text else f"{text} 10:00"
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=PARIS).astimezone(UTC)


def bump(core: Connection) -> None:
    """Every unit sees what was changed."""
    epoch = tables.library_epoch
    core.execute(update(epoch).values(epoch=epoch.c.epoch + 1))


def configure(
    room: Room,
    *,
    settings: Mapping[str, str] | None = None,
    terms: Mapping[str, Mapping[str, object]] | None = None,
    definitions: tuple[str, ...] = ("LOAN", "DEMERIT"),
) -> World:
    """Closed on Sundays and two holidays; ``terms`` by item type; a definition of each of these types."""
    with room.unit() as unit:
        core, world = unit.core, room.world
        main = world.institutions["MAIN"]
        opening = tables.opening_interval
        core.execute(delete(opening).where(opening.c.institution_id == main, opening.c.weekday == 6))
        for day in ("2026-04-06", "2026-05-01"):
            add(core, tables.calendar_exception, institution_id=main, day_on=day, open=0)
        for code in ("UNDERGRAD", "ALUMNI"):
            add(core, tables.patron_type, institution_id=main, code=code, name=code.title())
        add(core, tables.item_type, institution_id=main, code="MANUSCRIPT", name="Manuscript")
        world = library.read(core)
        for (patron_type, item_type), (overdue, recall) in POINTS.items():
            add(
                core, tables.demerit_rule, institution_id=main, points_overdue=overdue, points_recall=recall,
                patron_type_id=None if patron_type is None else world.patron_types[patron_type],
                item_type_id=None if item_type is None else world.item_types[item_type],
            )  # fmt: skip
        define(core, world, definitions)
        for key, value in (settings or {}).items():
            add(core, tables.setting, scope="INSTITUTION", scope_id=main, key=key, value=value)
        for item_type, rules in (terms or {}).items():
            set_terms(core, world, item_type, rules)
        bump(core)
    return world


def define(core: Connection, world: World, types: tuple[str, ...]) -> None:
    """OVERDUE of type LOAN (action 05), DEMERIT of type DEMERIT (action 03)."""
    main = world.institutions["MAIN"]
    for type_ in types:
        code, action = {"LOAN": ("OVERDUE", "05"), "DEMERIT": ("DEMERIT", "03")}[type_]
        text = {"LOAN": "Returned late", "DEMERIT": "Late too often"}[type_]
        description = add(core, tables.block_description, institution_id=main, code=code, text=text)
        add(core, tables.block_definition, institution_id=main, code=code, description_id=description,
            action_code=action, type=type_)  # fmt: skip


def set_terms(core: Connection, world: World, item_type: str, rules: Mapping[str, object]) -> None:
    """Circulation rules of an item type, instead of those of these names."""
    table, kind = tables.circulation_rule, world.item_types[item_type]
    core.execute(delete(table).where(table.c.item_type_id == kind, table.c.name.in_(list(rules))))
    for name, value in rules.items():
        add(core, table, institution_id=world.institutions["MAIN"], item_type_id=kind, name=name,
            value=str(value))  # fmt: skip


def desk(unit: Unit, now: datetime, event_at: datetime | None = None) -> Desk:
    """A kiosk of CENTRAL under the institution's settings."""
    found = desk_at(unit, now=now, event_at=event_at, mode=Mode.ONLINE if event_at is None else Mode.NO_BLOCK)
    institution = found.institution
    return msgspec.structs.replace(found, settings=settings_of(institution.settings, institution.decimals))


def lend(
    room: Room, patron: str, due_at: datetime, *, type: str = "BOOK", recalled_at: datetime | None = None
) -> str:
    """Another item of a type on loan to a patron, perhaps recalled; its barcode."""
    with room.unit() as unit:
        world = library.read(unit.core)
        barcode = f"X-{len(world.items)}"
        item = add_item(unit.core, world, barcode, title=f"T-{barcode}", type=type)
        loan = add_loan(
            unit.core, world, item, world.patrons[patron], due_at=due_at,
            loaned_at=due_at - timedelta(days=10),
        )  # fmt: skip
        if recalled_at is not None:
            recalls.recall(unit, loan, recalled_at, due_at)
    return barcode


def person(room: Room, barcode: str, type: str = "UNDERGRAD") -> str:
    """Another patron; his barcode."""
    with room.unit() as unit:
        library.add_patron(unit.core, library.read(unit.core), barcode, type=type)
    return barcode


def loaned(unit: Unit, at_desk: Desk, barcode: str) -> tuple[ItemFacts, PatronFacts]:
    """An item on loan and its borrower, locked."""
    item = items.find(unit, (at_desk.institution.id,), barcode, at_desk.now)
    assert item is not None
    assert item.loan is not None
    patron = patrons.by_id(unit, item.loan.patron_id, at_desk.now)
    assert patron is not None
    return item, patron


def bring_back(room: Room, barcode: str, back: datetime, *, told: datetime | None = None) -> Suspended:
    """The return of an item: its loan ends, the event is written, and the patron bears what follows.
    ``told``: when the kiosk, which was off-line, told it."""
    with room.unit() as unit:
        at_desk = desk(unit, told or back, None if told is None else back)
        item, patron = loaned(unit, at_desk, barcode)
        loan = item.loan
        assert loan is not None
        loans.close(unit, loan.id, back, "RETURN")
        effect = event.write(unit, at_desk, "RETURN", item, loan_id=loan.id, patron_id=loan.patron_id,
                             old_due_at=loan.due_at)  # fmt: skip
        return suspend.returned(unit, at_desk, patron, item, loan, effect.mark, back)


def take_back_the_return(room: Room, barcode: str, now: datetime) -> None:
    """The return is undone (SP-23), traces and all."""
    with room.unit() as unit:
        at_desk = desk(unit, now)
        item = items.find(unit, (at_desk.institution.id,), barcode, now)
        assert item is not None
        last = loans.last_event(unit, item.id)
        assert last is not None
        assert last.loan_id is not None
        assert last.patron_id is not None
        patrons.by_id(unit, last.patron_id, now)
        loans.reopen(unit, last.loan_id)
        suspend.undo(unit, at_desk, suspend.traces(last))


def blocks_of(room: Room, patron: str, **equal: object) -> list[dict[str, object]]:
    """All blocks a patron ever had."""
    with room.unit(writes=False) as unit:
        patron_id = library.read(unit.core).patrons[patron]
    return room.rows(tables.user_block, patron_id=patron_id, **equal)


def standing(room: Room, patron: str) -> list[tuple[str, datetime | None]]:
    """Origin and end of those not removed."""
    return [
        (str(row["origin"]), None if row["expires_at"] is None else instant(row["expires_at"]))
        for row in blocks_of(room, patron, removed_at=None)
    ]


def instant(stored: object) -> datetime:
    """Of a stored number."""
    assert isinstance(stored, int)
    return datetime.fromtimestamp(stored, UTC)


def _patron(unit: Unit, at_desk: Desk, barcode: str) -> PatronFacts:
    found = patrons.find(unit, (at_desk.institution.id,), barcode, at_desk.now)
    assert found is not None
    return found


def denied(room: Room, now: datetime, patron: str = "P1") -> str:
    """Loans, renewals, recalls and holds denied."""
    with room.unit(writes=False) as unit:
        at_desk = desk(unit, now)
        facts = rulebook.Facts(
            patron=_patron(unit, at_desk, patron), patron_type=unit.library.patron_types[1], item=None,
            item_type=None, terms=None, now=now, today=now.date(), settings=at_desk.settings,
            branch_id=at_desk.branch.id,
        )  # fmt: skip
        return flags.patron_flags(rulebook.reasons(Question.STANDING, facts), facts)[:4]


def remaining(room: Room, patron: str) -> int:
    """Points that are left, whatever their age."""
    with room.unit(writes=False) as unit:
        patron_id = library.read(unit.core).patrons[patron]
        return sum(unit.core.scalars(
            select(tables.demerit_point.c.remaining).where(tables.demerit_point.c.patron_id == patron_id)
        ))  # fmt: skip


def conserved(room: Room) -> None:
    """PT-28: of every patron the points are what is left and what was used; one suspension at a time."""
    points, used = room.rows(tables.demerit_point), room.rows(tables.demerit_consumption)
    of = {row["id"]: row["patron_id"] for row in points}
    sums: dict[object, int] = {}
    for row in points:
        number, left = row["points"], row["remaining"]
        assert isinstance(number, int)
        assert isinstance(left, int)
        sums[row["patron_id"]] = sums.get(row["patron_id"], 0) + number - left
    for row in used:
        share = row["used"]
        assert isinstance(share, int)
        sums[of[row["point_id"]]] -= share
    assert set(sums.values()) <= {0}
    suspended = [row["patron_id"] for row in room.rows(tables.user_block, origin="DEMERIT", removed_at=None)]
    assert len(suspended) == len(set(suspended))


def run(room: Room, job: Job, as_of: datetime, institution: str = "MAIN") -> Tally:
    """A job at a moment, piece after piece."""
    with room.unit(writes=False) as unit:
        owner = unit.library.institutions[room.world.institutions[institution]]
        running = Run(job.name, owner, unit.library, as_of)
    body = job.body(running)
    value: object = None
    while True:
        try:
            piece = body.send(value)
        except StopIteration:
            return running.tally
        with room.unit(writes=piece.writes) as unit:
            running.library = unit.library
            value = piece.work(unit)
        if isinstance(value, Tally):
            running.tally.add(value)
