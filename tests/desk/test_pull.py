"""Holds to pull, and losing items from that list (LO-72..LO-74)."""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import pytest

from sip2d.desk import pull
from sip2d.desk.pull import Pulled
from sip2d.policy.settings import LostSource
from sip2d.store import holds, pulls, tables
from sip2d.store.unit import Unit
from tests.desk.losing import House, at, house
from tests.support import library
from tests.support.databases import Databases

NOON = at(date(2026, 4, 9), 12)
ALLOWED = {"CanMarkHoldsToPullAsLost": "allow_and_notify", "UpdateItemWhenLostFromHoldList": "lost_status: 3"}


@pytest.fixture
def place(databases: Databases) -> Iterator[House]:
    with house(databases) as place:
        yield place


def hold(place: House, patron: str = "P1", title: str = "T4", item: str | None = "I5", **more: object) -> int:
    """A pending hold, on one copy unless there is none named."""
    if item is not None:
        more |= {"item_id": place.world.items[item], "scope": "ITEM"}
    who = place.world.patrons[patron]
    return place.room.do(lambda unit: library.add_hold(unit.core, place.world, who, title, **more))  # type: ignore[arg-type]  # columns of the row


def lose(place: House, hold_id: int) -> Pulled:
    def work(unit: Unit) -> Pulled:
        found = holds.by_id(unit, hold_id)
        assert found is not None
        return pull.lose_held(unit, place.desk(unit, NOON), found)

    return place.room.do(work)


def listed(place: House, branch: str = "CENTRAL") -> list[tuple[object, object]]:
    """Hold and copy of each line."""
    main, there = place.world.institutions["MAIN"], place.world.branches[branch]
    rows = place.room.do(lambda unit: pulls.to_pull(unit, main, there, NOON))
    return [(row["hold"], row["item"]) for row in rows]


def test_lo72_the_list_names_the_copies_that_stand_here(place: House) -> None:
    """In the order of the queue, each copy once; not what is lent, lost, kept for somebody or elsewhere."""
    first = hold(place, "P1", "T1", None, placed_at=NOON - timedelta(days=2))
    second = hold(place, "P2", "T1", None, placed_at=NOON - timedelta(days=1))
    third = hold(place, "P-CHILD", "T1", None, placed_at=NOON)
    on_copy = hold(place)
    hold(place, "P2", "T5", "I6")  # on loan
    hold(place, "P2", "T10", "I-LOST")
    hold(place, "P2", "T3", "I4", expires_at=int(NOON.timestamp()) - 1)
    assert set(listed(place)) == {(first, "I1"), (on_copy, "I5")}
    assert listed(place, "NORTH") == [(first, "I2")]
    copy = place.world.items["I1"]
    place.set(tables.hold, second, status="ON_SHELF", filled_item_id=copy)
    assert set(listed(place)) == {(on_copy, "I5")}
    place.set(tables.hold, second, status="PENDING", filled_item_id=None)
    place.set(tables.item, copy, transit_to_branch_id=place.world.branches["NORTH"])
    assert (first, "I1") not in listed(place)
    assert third not in [line[0] for line in listed(place)]


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({}, "does not allow"),
        ({**ALLOWED, "CanMarkHoldsToPullAsLost": "do_not_allow"}, "does not allow"),
        ({"CanMarkHoldsToPullAsLost": "allow"}, "says no lost value"),
        ({**ALLOWED, "UpdateItemWhenLostFromHoldList": "9"}, "not in the list"),
    ],
)
def test_lo72_lo73_refused_until_it_is_configured(
    place: House, settings: dict[str, str], refused: str
) -> None:
    place.configure(settings)
    of = hold(place)
    before = place.room.snapshot()
    assert refused in lose(place, of).refused
    assert place.room.snapshot() == before


@pytest.mark.parametrize(
    ("item", "more", "refused"),
    [
        (None, {}, "on a title"),
        ("I6", {"title": "T5"}, "no copy to pull"),
        ("I5", {"status": "CANCELLED"}, "no copy to pull"),
    ],
    ids=["title-level", "on loan", "ended"],
)
def test_lo72_only_a_copy_that_stands_there(
    place: House, item: str | None, more: dict[str, str], refused: str
) -> None:
    place.configure(ALLOWED)
    assert refused in lose(place, hold(place, "P2", item=item, **more)).refused
    assert place.room.rows(tables.notice) == []


@pytest.mark.parametrize("notify", [True, False])
def test_lo72_lo73_lo74_the_item_is_lost_the_hold_cancelled_the_patron_told(
    place: House, notify: bool
) -> None:
    place.configure({**ALLOWED, **({} if notify else {"CanMarkHoldsToPullAsLost": "allow"})})
    of = hold(place)
    done = lose(place, of)
    assert (done.refused, done.warning) == ("", "")
    state = place.state("I5")
    assert (state["lost_status"], state["lost_origin"]) == (3, LostSource.PENDINGRESERVES.value)
    (row,) = place.room.rows(tables.hold, id=of)
    assert row["status"] == "CANCELLED"
    notices = place.room.rows(tables.notice)
    assert len(notices) == notify
    if notify:
        (notice,) = notices
        assert (notice["type"], notice["template"], notice["dedup_key"], notice["transport"]) == (
            "CANCEL_HOLD_ON_LOST", "CANCEL_HOLD_ON_LOST", f"CHOL|{of}", "EMAIL",
        )  # fmt: skip
        assert notice["patron_id"] == place.world.patrons["P1"]
        said = msgspec.json.decode(str(notice["context"]))
        assert (said["title"], said["author"], said["barcode"]) == ("Title T4", "Author", "I5")
        assert said["pickup_branch"] == "Central"


@pytest.mark.parametrize(
    ("wish", "transport", "warning"),
    [
        (None, None, "no e-mail address"),
        ({"transports": '["EMAIL"]'}, None, "no e-mail address"),
        ({"transports": '["PRINT"]'}, "PRINT", ""),
        ({"enabled": 0}, None, "wants no such notice"),
    ],
)
def test_lo74_without_an_address_there_is_a_warning_and_no_paper_unless_asked_for(
    place: House, wish: dict[str, object] | None, transport: str | None, warning: str
) -> None:
    place.configure(ALLOWED)
    who = place.world.patrons["P2"]
    if wish is not None:
        place.room.do(
            lambda unit: library.add(
                unit.core, tables.patron_messaging, patron_id=who, notice=pull.NOTICE, **wish
            )
        )
    done = lose(place, hold(place, "P2"))
    assert warning in done.warning
    assert [row["transport"] for row in place.room.rows(tables.notice)] == ([transport] if transport else [])
    assert place.state("I5")["lost_status"] == 3
