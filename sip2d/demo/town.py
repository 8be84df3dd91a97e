"""The town that `sip2d simulate` lives through: one institution, two branches, the policy set of
`config/demo/town.toml`, patrons and shelves, proxies, and accounts at a library next door. Everything in it
follows from numbers, nothing from chance."""

import tomllib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sip2d import packaged
from sip2d.demo.seed import Adder
from sip2d.demo.words import FIRST, LAST, TITLES
from sip2d.desk.staff import links, policyset, proxies
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Work
from sip2d.store import epoch
from sip2d.store.executor import Store
from sip2d.vocabulary import StaffRole

CODE: Final = "TOWN"
NEIGHBOUR: Final = "COLLEGE"
"""A library next door, of which some patrons have accounts as well (BL-60). Its own days are not told."""
BOTH: Final = 4
PROXIES: Final = 12
"""So many patrons, from the first on, have an account at both; have somebody else fetch things for them."""
KINDS: Final = ("ADULT", "ADULT", "FRIEND", "ADULT", "CHILD")
THINGS: Final = ("BOOK",) * 7 + ("DVD",) * 2 + ("LAPTOP",)
CLERK: Final = Staff(None, "town", frozenset({StaffRole.GENERAL_SYS_ADMIN.value}))


class Town(msgspec.Struct, frozen=True):
    """How large it is; patrons are P1..., items I1...; so many copies share a title."""

    patrons: int = 300
    items: int = 600
    copies: int = 3


def build(store: Store, town: Town, now: datetime) -> None:
    """Fill a migrated, empty database, as it is on the morning of the first day."""
    with store.unit("simulate.place") as unit:
        add = Adder(unit)
        owner = add(
            "institution", code=CODE, name="Town Library", timezone="Europe/Paris", currency="EUR",
            language="en", admin_email="library@town.example",
        )  # fmt: skip
        for code, email in (("CENTRAL", "central@town.example"), ("NORTH", None)):
            branch = add(
                "branch", institution_id=owner, code=code, name=f"{code.title()} branch", email=email
            )
            add(
                "branch_sip2",
                branch_id=branch,
                status="CONFIGURED",
                due_receipt_enabled=int(email is not None),
            )
        epoch.bump(unit)
    policy = tomllib.loads((packaged.config("demo") / "town.toml").read_text("utf-8"))
    with store.unit("simulate.policy") as unit:
        policyset.apply(Work(unit, CLERK, now), policy, CODE)
    with store.unit("simulate.shelves") as unit:
        _shelves(Adder(unit), Work(unit, CLERK, now), town)
    with store.unit("simulate.people") as unit:
        _people(Adder(unit), Work(unit, CLERK, now), town)
    with store.unit("simulate.neighbour") as unit:
        _neighbour(Adder(unit), Work(unit, CLERK, now))
    with store.unit("simulate.ties") as unit:
        _ties(Work(unit, CLERK, now))


def _people(add: Adder, work: Work, town: Town) -> None:
    """Their accounts outlast the year; every ninth has no e-mail address, every fourth speaks French, every
    second was there before anybody asked for a membership (MB-12)."""
    library = work.library
    types = {kind.code: kind.id for kind in library.patron_types.values()}
    branches = sorted(library.branches)
    for number in range(1, town.patrons + 1):
        add(
            "patron",
            institution_id=library.branches[branches[0]].institution_id,
            home_branch_id=branches[number % len(branches)],
            type_id=types[KINDS[number % len(KINDS)]],
            barcode=f"P{number}",
            name=f"{FIRST[number * 7 % len(FIRST)]} {LAST[number * 3 % len(LAST)]}",
            email=None if number % 9 == 0 else f"p{number}@town.example",
            language="fr" if number % 4 == 0 else "en",
            expires_on=(work.now + timedelta(days=3 * 365)).date().isoformat(),
            created_at=int((work.now - timedelta(days=number % 2)).timestamp()),
        )


def _neighbour(add: Adder, work: Work) -> None:
    owner = add(
        "institution", code=NEIGHBOUR, name="College next door", timezone="Europe/Paris", currency="EUR",
        enabled=0,
    )  # fmt: skip
    branch = add("branch", institution_id=owner, code="HALL", name="College hall")
    kind = add("patron_type", institution_id=owner, code="STUDENT", name="Student")
    for number in range(1, BOTH + 1):
        add(
            "patron", institution_id=owner, home_branch_id=branch, type_id=kind, barcode=f"C{number}",
            name=f"{FIRST[number * 7 % len(FIRST)]} {LAST[number * 3 % len(LAST)]}",
            created_at=int(work.now.timestamp()),
        )  # fmt: skip
    text = add("block_description", institution_id=owner, code="SHARED", text="Blocked at the college")
    add(
        "block_definition", institution_id=owner, code="SHARED", description_id=text, action_code="05",
        type="USER", network_block=1,
    )  # fmt: skip
    epoch.bump(work.unit)


def _ties(work: Work) -> None:
    for number in range(1, BOTH + 1):
        links.add(work, f"P{number}", NEIGHBOUR, f"C{number}", copies=True, institution_code=CODE)
    for number in range(1, PROXIES + 1):
        holder = f"P{number + PROXIES}" if number % 2 else None
        proxies.add(work, f"X{number}", f"P{number}", holder=holder, institution_code=CODE)


def _shelves(add: Adder, work: Work, town: Town) -> None:
    library = work.library
    types = {kind.code: kind.id for kind in library.item_types.values()}
    branches = sorted(library.branches)
    owner = library.branches[branches[0]].institution_id
    titles: dict[int, int] = {}
    for number in range(1, town.items + 1):
        thing = THINGS[number % len(THINGS)]
        # Copies of one title are of one type: they are as many numbers apart as there are things.
        place = number // (len(THINGS) * town.copies) * len(THINGS) + number % len(THINGS)
        if place not in titles:
            name, author, _ = TITLES[place % len(TITLES)]
            titles[place] = add(
                "title", institution_id=owner, number=f"T{place}", title=f"{name} ({place})", author=author
            )
        home = branches[number % len(branches)]
        add(
            "item",
            institution_id=owner,
            home_branch_id=home,
            holding_branch_id=home,
            title_id=titles[place],
            type_id=types[thing],
            barcode=f"I{number}",
            price_minor=None if number % 3 else 1200 + number % 50 * 20,
        )
