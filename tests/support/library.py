"""A small library for every test of desk and circulation, written with plain Core on a fresh database.

Two institutions of one circulation group: MAIN (branches CENTRAL and NORTH) and OTHER (branch ANNEX). All are
open every day. Books are lent for 28 days and renewed twice; a DVD costs a rental; REFERENCE has no rule
(NO_RULE). The clock of the tests stands at ``NOW``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Table, insert, select, update

from sip2d.store import tables

NOW = datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
"""Monday 9 March 2026, 10:15 in Paris."""

MESSAGES = str.split(
    "PATRON_STATUS CHECKOUT CHECKIN "
    "BLOCK_PATRON SC_STATUS RESEND LOGIN PATRON_INFO END_SESSION FEE_PAID ITEM_INFO "
    "ITEM_STATUS_UPDATE PATRON_ENABLE HOLD RENEW RENEW_ALL OFFLINE_MODE"
)
"""The keys of CN-5."""

RENTAL_MINOR = 150
"""What a DVD costs."""


class HasCore(Protocol):
    """What this file needs of a unit."""

    @property
    def core(self) -> Connection: ...


class World(msgspec.Struct, frozen=True):
    """Ids by code; those of patrons and items by barcode, of titles by number."""

    institutions: dict[str, int]
    branches: dict[str, int]
    terminals: dict[str, int]
    patron_types: dict[str, int]
    item_types: dict[str, int]
    patrons: dict[str, int]
    titles: dict[str, int]
    items: dict[str, int]


def seconds(at: datetime) -> int:
    """An instant as the tables hold it."""
    return int(at.timestamp())


def add(connection: Connection, table: Table, **values: object) -> int:
    """Insert one row; its id (0 for a table without one)."""
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return key[0] if isinstance(key[0], int) else 0


def build(unit: HasCore) -> World:
    """Fill the empty database of this unit's transaction."""
    return fill(unit.core)


def fill(core: Connection) -> World:
    """The same on a plain connection."""
    epoch = tables.library_epoch
    if core.execute(update(epoch).values(epoch=epoch.c.epoch + 1)).rowcount == 0:
        add(core, epoch, id=1, epoch=1)
    group = add(core, tables.circulation_group, code="GROUP")
    main = add(
        core,
        tables.institution,
        code="MAIN",
        name="Main library",
        timezone="Europe/Paris",
        currency="EUR",
        language="en",
        circulation_group_id=group,
        group_rank=1,
    )
    other = add(
        core,
        tables.institution,
        code="OTHER",
        name="Other library",
        timezone="America/New_York",
        currency="USD",
        language="en",
        circulation_group_id=group,
        group_rank=2,
    )
    for institution in (main, other):
        for weekday in range(7):
            add(
                core,
                tables.opening_interval,
                institution_id=institution,
                weekday=weekday,
                opens="08:00",
                closes="20:00",
            )
    _places(core, {"CENTRAL": main, "NORTH": main, "ANNEX": other})
    _types(core, main, other)
    _rules(core, read(core))
    _people(core, read(core))
    _shelves(core, read(core))
    return read(core)


def read(core: Connection) -> World:
    """The ids of a library that ``build`` made."""

    def ids(table: Table, column: str) -> dict[str, int]:
        return {row[0]: row[1] for row in core.execute(select(table.c[column], table.c.id))}

    return World(
        institutions=ids(tables.institution, "code"),
        branches=ids(tables.branch, "code"),
        terminals=ids(tables.terminal, "name"),
        patron_types=ids(tables.patron_type, "code"),
        item_types=ids(tables.item_type, "code"),
        patrons=ids(tables.patron, "barcode"),
        titles=ids(tables.title, "number"),
        items=ids(tables.item, "barcode"),
    )


def _places(core: Connection, institutions: Mapping[str, int]) -> None:
    """Branches, each with its SIP2 settings and one terminal ``kiosk-<branch>``."""
    for number, (code, institution) in enumerate(institutions.items(), start=1):
        branch = add(core, tables.branch, institution_id=institution, code=code, name=code.title())
        add(
            core,
            tables.branch_sip2,
            branch_id=branch,
            status="CONFIGURED",
            send_personal_data=1,
            available_hold_allowed=1,
            use_sort_bin=1,
            library_name="Main library",
        )
        for message in MESSAGES:
            add(core, tables.branch_message, branch_id=branch, message=message, support="ENABLED_NO_AUTH")
        add(
            core,
            tables.terminal,
            name=f"kiosk-{code.lower()}",
            branch_id=branch,
            address=f"127.0.0.{number}",
            prefix_length=32,
            created_at=seconds(NOW),
        )


def _types(core: Connection, main: int, other: int) -> None:
    add(core, tables.patron_type, institution_id=main, code="ADULT", name="Adult", loan_limit=5, hold_limit=3)
    add(core, tables.patron_type, institution_id=main, code="CHILD", name="Child", loan_limit=1, hold_limit=1)
    add(core, tables.patron_type, institution_id=main, code="NOLIMIT", name="Staff of the library")
    add(core, tables.patron_type, institution_id=other, code="O-ADULT", name="Adult elsewhere", loan_limit=5)
    add(
        core,
        tables.item_type,
        institution_id=main,
        code="BOOK",
        name="Book",
        media_type="001",
        default_replacement_minor=2000,
        processing_fee_minor=200,
    )
    add(core, tables.item_type, institution_id=main, code="DVD", name="DVD", media_type="006", magnetic=1)
    add(core, tables.item_type, institution_id=main, code="REFERENCE", name="Reference work")
    add(core, tables.item_type, institution_id=other, code="O-BOOK", name="Book elsewhere", media_type="001")


def _rules(core: Connection, world: World) -> None:
    lending = {"loan_period": "28", "loan_unit": "DAYS", "renewals_allowed": "2", "hold_shelf_days": "7"}
    rules = {
        ("MAIN", "BOOK"): lending,
        ("MAIN", "DVD"): {**lending, "loan_period": "7", "rental_fee_minor": str(RENTAL_MINOR)},
        ("OTHER", "O-BOOK"): {**lending, "loan_period": "14"},
    }
    for (institution, item_type), values in rules.items():
        for name, value in values.items():
            add(
                core,
                tables.circulation_rule,
                institution_id=world.institutions[institution],
                item_type_id=world.item_types[item_type],
                name=name,
                value=value,
            )


def _people(core: Connection, world: World) -> None:
    people: dict[str, dict[str, Any]] = {
        "P1": {
            "name": "Anne Dupont",
            "email": "anne@example.org",
            "phone": "0102030405",
            "address": "1 rue A",
        },
        "P2": {"name": "Bruno Martin", "language": "fr"},
        "P-EXPIRED": {"name": "Chloe Petit", "expires_on": "2026-03-08"},
        "P-CHILD": {"name": "Denis Petit", "type": "CHILD"},
        "P-LOST": {"name": "Emma Roux", "card_lost": 1},
        "P-STAFF": {"name": "Farid Noir", "type": "NOLIMIT"},
        "P-DELETED": {"name": "Gone", "deleted_at": seconds(NOW - timedelta(days=1))},
        "O1": {"name": "Olga Other", "type": "O-ADULT", "institution": "OTHER", "branch": "ANNEX"},
    }
    for barcode, values in people.items():
        add_patron(core, world, barcode, **values)
    add(
        core,
        tables.patron_identifier,
        institution_id=world.institutions["MAIN"],
        value="ALT-P1",
        patron_id=read(core).patrons["P1"],
    )


def _shelves(core: Connection, world: World) -> None:
    """Title T1 has the copies I1 and I2, T2..T5 one each (I3..I6); others as their barcodes say."""
    copies: dict[str, tuple[str, dict[str, Any]]] = {
        "I1": ("T1", {}),
        "I2": ("T1", {"branch": "NORTH"}),
        "I3": ("T2", {}),
        "I4": ("T3", {}),
        "I5": ("T4", {}),
        "I6": ("T5", {"price_minor": 3000}),
        "I-DVD": ("T6", {"type": "DVD"}),
        "I-REF": ("T7", {"type": "REFERENCE"}),
        "I-NOT-FOR-LOAN": ("T8", {"not_for_loan": 1}),
        "I-WITHDRAWN": ("T9", {"withdrawn": 1}),
        "I-LOST": ("T10", {"lost_status": 1, "lost_on": "2026-02-01", "lost_origin": "STAFF"}),
        "O-I1": ("OT1", {"type": "O-BOOK", "institution": "OTHER", "branch": "ANNEX"}),
    }
    for barcode, (number, values) in copies.items():
        add_item(core, world, barcode, title=number, **values)


def add_patron(
    core: Connection,
    world: World,
    barcode: str,
    *,
    name: str = "Nina Name",
    type: str = "ADULT",
    institution: str = "MAIN",
    branch: str = "CENTRAL",
    **values: object,
) -> int:
    """Another patron; its id."""
    return add(
        core,
        tables.patron,
        institution_id=world.institutions[institution],
        barcode=barcode,
        name=name,
        home_branch_id=world.branches[branch],
        type_id=world.patron_types[type],
        created_at=seconds(NOW - timedelta(days=400)),
        **values,
    )


def add_title(core: Connection, world: World, number: str, institution: str = "MAIN") -> int:
    """The title of this number, made when it is not there yet; its id."""
    owner = world.institutions[institution]
    known = core.scalar(
        select(tables.title.c.id).where(
            tables.title.c.institution_id == owner, tables.title.c.number == number
        )
    )
    if known is not None:
        return int(known)
    return add(
        core, tables.title, institution_id=owner, number=number, title=f"Title {number}", author="Author"
    )


def add_item(
    core: Connection,
    world: World,
    barcode: str,
    *,
    title: str,
    type: str = "BOOK",
    institution: str = "MAIN",
    branch: str = "CENTRAL",
    **values: object,
) -> int:
    """Another copy of a title (by number), at home and on the shelf of a branch; its id."""
    place = world.branches[branch]
    values.setdefault("holding_branch_id", place)
    return add(
        core,
        tables.item,
        institution_id=world.institutions[institution],
        home_branch_id=place,
        title_id=add_title(core, world, title, institution),
        type_id=world.item_types[type],
        barcode=barcode,
        **values,
    )


def add_loan(
    core: Connection,
    world: World,
    item: int,
    patron: int,
    *,
    branch: str = "CENTRAL",
    loaned_at: datetime = NOW - timedelta(days=7),
    due_at: datetime = NOW + timedelta(days=21),
    **values: object,
) -> int:
    """An open loan with its LOAN event; the loan's id."""
    place = world.branches[branch]
    loan = add(
        core,
        tables.loan,
        item_id=item,
        patron_id=patron,
        branch_id=place,
        policy_branch_id=place,
        loaned_at=seconds(loaned_at),
        due_at=seconds(due_at),
        **{"interface": "STAFF", **values},
    )
    add(
        core,
        tables.loan_event,
        loan_id=loan,
        item_id=item,
        patron_id=patron,
        kind="LOAN",
        branch_id=place,
        event_at=seconds(loaned_at),
        recorded_at=seconds(loaned_at),
        new_due_at=seconds(due_at),
        interface="STAFF",
    )
    return loan


def add_hold(
    core: Connection,
    world: World,
    patron: int,
    title: str,
    *,
    institution: str = "MAIN",
    pickup: str = "CENTRAL",
    placed_at: datetime = NOW - timedelta(days=1),
    **values: object,
) -> int:
    """A hold on a title (by number); ``status`` PENDING by default; its id."""
    return add(
        core,
        tables.hold,
        institution_id=world.institutions[institution],
        patron_id=patron,
        title_id=add_title(core, world, title, institution),
        pickup_branch_id=world.branches[pickup],
        placed_at=seconds(placed_at),
        **values,
    )


def add_fee(
    core: Connection,
    world: World,
    patron: int,
    amount_minor: int,
    *,
    kind: str = "MANUAL",
    reason: str = "Fee",
    branch: str = "CENTRAL",
    created_at: datetime = NOW - timedelta(days=2),
    **values: object,
) -> int:
    """An unpaid fee with its postings and balance; its id."""
    fee = add(
        core, tables.fee, patron_id=patron, kind=kind, reason=reason, created_at=seconds(created_at), **values
    )
    txn = add(
        core,
        tables.ledger_txn,
        at=seconds(created_at),
        kind="CHARGE",
        patron_id=patron,
        actor="test",
        interface="STAFF",
        branch_id=world.branches[branch],
    )
    lines = (("AR", fee, amount_minor), (f"REV_{kind}", fee, -amount_minor))
    for line, (account, of_fee, amount) in enumerate(lines, start=1):
        add(
            core,
            tables.ledger_posting,
            txn_id=txn,
            line_no=line,
            account=account,
            patron_id=patron,
            fee_id=of_fee,
            amount_minor=amount,
            currency="EUR",
        )
    add(core, tables.fee_balance, fee_id=fee, patron_id=patron, kind=kind, outstanding_minor=amount_minor)
    return fee


def add_block(core: Connection, patron: int, **values: object) -> int:
    """A user block that denies lending and renewing from yesterday on; its id."""
    row: dict[str, object] = {
        "definition": "MANUAL",
        "actions": "LOAN,RENEW",
        "override": "OPERATOR",
        "reason": "See staff",
        "origin": "MANUAL",
        "starts_at": seconds(NOW - timedelta(days=1)),
        "created_by": "test",
    }
    return add(core, tables.user_block, patron_id=patron, **{**row, **values})
