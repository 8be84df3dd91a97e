"""Fills an empty database with the demo's organisation, people and shelves; ``past.py`` then lets things
happen there."""

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sip2d import packaged
from sip2d.demo import plan
from sip2d.demo.words import FIRST, LAST, TITLES
from sip2d.desk.staff import presets
from sip2d.store import records, tables
from sip2d.store.unit import Unit
from sip2d.vocabulary import Support

GIVEN_YEARS = timedelta(days=2 * 365)
CLOSED_ON_SUNDAY = range(6)


class Made(msgspec.Struct, frozen=True):
    """Ids of one institution, by code."""

    institution: int
    branches: dict[str, int]
    patron_types: dict[str, int]
    item_types: dict[str, int]


def organisation(unit: Unit, house: plan.House, now: datetime) -> Made:
    """Institution, branches with their SIP2 settings, calendar, types, circulation rules and settings."""
    add = Adder(unit)
    institution = add(
        "institution",
        code=house.code,
        name=house.name,
        timezone=house.zone,
        currency=house.currency,
        language=house.language,
    )
    for weekday in CLOSED_ON_SUNDAY:
        add("opening_interval", institution_id=institution, weekday=weekday, opens="09:00", closes="19:00")
    branches = {place.code: _branch(unit, add, institution, place, now) for place in house.places}
    kinds: dict[str, dict[str, object]] = {
        "ADULT": {
            "name": "Adulte" if house.language == "fr" else "Adult",
            "loan_limit": 20,
            "overdue_limit": 5,
            "hold_limit": 10,
        },
        "CHILD": {
            "name": "Jeune" if house.language == "fr" else "Child",
            "loan_limit": 10,
            "overdue_limit": 3,
            "hold_limit": 5,
        },
        "STAFF": {"name": "Personnel" if house.language == "fr" else "Staff", "loan_limit": 200},
    }
    patron_types = {
        code: add("patron_type", institution_id=institution, code=code, **values)
        for code, values in kinds.items()
    }
    things: dict[str, dict[str, object]] = {
        "BOOK": {
            "name": "Livre" if house.language == "fr" else "Book",
            "media_type": "001",
            "default_replacement_minor": 2500,
        },
        "MAGAZINE": {"name": "Revue" if house.language == "fr" else "Magazine", "media_type": "002"},
        "DVD": {"name": "DVD", "media_type": "006", "magnetic": 0, "default_replacement_minor": 3500},
    }
    item_types = {
        code: add("item_type", institution_id=institution, code=code, **values)
        for code, values in things.items()
    }
    _rules(add, institution, item_types)
    add("setting", scope="INSTITUTION", scope_id=institution, key="noissuescharge", value="20.00")
    return Made(institution, branches, patron_types, item_types)


def _branch(unit: Unit, add: "Adder", institution: int, place: plan.Place, now: datetime) -> int:
    branch = add("branch", institution_id=institution, code=place.code, name=place.name)
    preset = presets.parse(
        place.preset, tomllib.loads((packaged.config("presets") / f"{place.preset}.toml").read_text("utf-8"))
    )
    values: dict[str, Any] = dict(preset.branch)
    if place.preset == "kiosk":
        values |= {"send_personal_data": True, "available_hold_allowed": True}
    add(
        "branch_sip2",
        branch_id=branch,
        preset=place.preset,
        library_name=place.name,
        terminal_location=place.code,
        updated_at=int(now.timestamp()),
        updated_by="demo",
        **{**values, "status": "CONFIGURED"},
    )
    for key, level in presets.levels(preset).items():
        open_to_all = key.authenticated and level is Support.ENABLED and not place.pins
        support = Support.ENABLED_NO_AUTH if open_to_all else level
        add("branch_message", branch_id=branch, message=key.name, support=str(support))
    return branch


def _rules(add: "Adder", institution: int, item_types: Mapping[str, int]) -> None:
    every = {
        "loan_period": "28",
        "loan_unit": "DAYS",
        "due_mode": "DATEDUE",
        "renewals_allowed": "3",
        "recall_period": "7",
    }
    for name, value in {**every, "minimum_guarantee": "7", "hold_shelf_days": "8"}.items():
        add("circulation_rule", institution_id=institution, name=name, value=value)
    special = {
        "DVD": {"loan_period": "7", "renewals_allowed": "1", "rental_fee_minor": "200"},
        "MAGAZINE": {"loan_period": "14"},
    }
    for code, values in special.items():
        for name, value in values.items():
            add(
                "circulation_rule",
                institution_id=institution,
                item_type_id=item_types[code],
                name=name,
                value=value,
            )


def terminals(unit: Unit, house: plan.House, made: Made, hashes: Mapping[str, str], now: datetime) -> None:
    """The terminals on loopback, IPv4 and IPv6; one address may open as many connections as a load test
    wants."""
    add = Adder(unit)
    for kiosk in plan.KIOSKS:
        if plan.house_of(kiosk) is not house:
            continue
        for address, length, suffix in (("127.0.0.0", 8, ""), ("::1", 128, "-v6")):
            add(
                "terminal",
                name=kiosk.user + suffix,
                branch_id=made.branches[kiosk.branch],
                address=address,
                prefix_length=length,
                username=kiosk.user,
                password_hash=hashes[kiosk.password],
                profile=kiosk.profile,
                quota=2048,
                require_tls=int(kiosk.require_tls),
                purpose=kiosk.purpose,
                description="demo",
                created_at=int(now.timestamp()),
                created_by="demo",
            )


def people(unit: Unit, house: plan.House, made: Made, pin_hash: str, now: datetime) -> None:
    """The patrons, all with one PIN."""
    add = Adder(unit)
    first = house is plan.HOUSES[0]
    homes = [code for code in made.branches if code in ("CENTRE", "NORD", "MAIN", "QUAY")]
    kinds = ("ADULT", "ADULT", "ADULT", "CHILD", "STAFF")
    for number in range(1, plan.COUNTS[house.code][0] + 1):
        known = next((one.about for one in plan.PATRONS if one.number == number), "") if first else ""
        given, family = FIRST[number * 7 % len(FIRST)], LAST[(number * 3 + number // 20) % len(LAST)]
        expires = now - timedelta(days=9) if "expired" in known else now + timedelta(days=100 + number * 5)
        barcode = plan.patron_barcode(house, number)
        add(
            "patron",
            institution_id=made.institution,
            home_branch_id=made.branches[homes[0 if known else number % len(homes)]],
            type_id=made.patron_types["ADULT" if known else kinds[number % len(kinds)]],
            barcode=barcode,
            name=f"{family}, {given}",
            email=f"patron{number}@example.org",
            phone=f"+33 1 55 00 {number // 100:02d} {number % 100:02d}",
            address=f"{number} rue de la Gare, 00000 Valmont" if first else f"{number} Quay Street, Harbour",
            language=house.language,
            pin_hash=pin_hash,
            expires_on=expires.date().isoformat(),
            card_lost=int("card-lost" in known),
            created_at=int((now - GIVEN_YEARS).timestamp()),
        )


def shelves(unit: Unit, house: plan.House, made: Made) -> None:
    """Titles and items. The items worth knowing each have a title of their own, so that no stranger's hold
    touches them."""
    add = Adder(unit)
    first = house is plan.HOUSES[0]
    homes = [code for code in made.branches if code in ("CENTRE", "NORD", "MAIN", "QUAY")]
    titles: dict[int, int] = {}
    known = {one.number: one.about for one in plan.ITEMS} if first else {}
    for number in range(1, plan.COUNTS[house.code][1] + 1):
        alone = number in known
        work = number if alone else 1000 + number // 2
        name, author, shelfmark = TITLES[work % len(TITLES)]
        if work not in titles:
            titles[work] = add(
                "title",
                institution_id=made.institution,
                number=f"T{house.prefix}{work:05d}",
                title=name if work < len(TITLES) else f"{name} ({work // len(TITLES)})",
                author=author,
            )
        about = known.get(number, "")
        kind = (
            "DVD"
            if "rental" in about or (not alone and number % 10 == 0)
            else "MAGAZINE"
            if number % 25 == 7 and not alone
            else "BOOK"
        )
        home = made.branches[homes[0 if alone else number % len(homes)]]
        add(
            "item",
            institution_id=made.institution,
            home_branch_id=home,
            holding_branch_id=home,
            title_id=titles[work],
            type_id=made.item_types[kind],
            barcode=plan.item_barcode(house, number),
            call_number=shelfmark,
            collection_code="ADULTE",
            price_minor=1500 + number % 40 * 50,
            lost_status=int("lost" in about.split()),
            not_for_loan=int("not-for-loan" in about),
            withdrawn=int("withdrawn" in about),
            security_marker="02",
            copy_no=1 + number % 2,
            lost_origin="STAFF" if "lost" in about.split() else None,
        )


class Adder:
    """Inserts one row of a table by name and gives back its id."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def __call__(self, table: str, **values: object) -> int:
        return records.add(self._unit, tables.metadata.tables[table], **values)


def staff(unit: Unit) -> None:
    """One account that may do everything, for whoever runs commands on the demo: ``--as demo``."""
    Adder(unit)(
        "staff_account",
        login="demo",
        name="Demo",
        roles='["GENERAL_SYS_ADMIN", "CIRC_ADMIN", "CIRC_DESK_MANAGER"]',
    )
