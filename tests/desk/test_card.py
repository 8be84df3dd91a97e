"""Blocking and enabling a card (CO-31, CO-32), describing an item, and their audit rows (GN-7)."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from sip2d.desk import card, describe
from sip2d.desk.outcome import Effect
from sip2d.store import audit, blocks
from sip2d.store.tables import audit_log, user_block
from tests.desk.stand import Stand, opened
from tests.support import library
from tests.support.databases import Databases


@pytest.fixture
def stand(databases: Databases) -> Iterator[Stand]:
    with opened(databases) as stand:
        yield stand


@pytest.mark.parametrize("retained", [False, True])
def test_co_31_blocks_loans_renewals_and_holds(stand: Stand, retained: bool) -> None:
    with stand.act() as unit:
        outcome = card.block(
            unit, stand.desk(unit), stand.patron(unit, "P1"), text=" card found ", retained=retained
        )
        after = stand.patron(unit, "P1")
        assert outcome.done
        assert outcome.effects == (Effect("block", after.id, blocks.mark(unit, after.id)),)
        assert after.card_lost is retained
        (made,) = after.blocks
        assert (made.definition, made.actions, made.override, made.reason, made.origin) == (
            "SIP2_CARD_BLOCK",
            "LOAN,RENEW,HOLD",
            "OPERATOR",
            "card found",
            "SIP2",
        )


def test_co_32_removes_only_what_01_made(stand: Stand) -> None:
    with stand.act() as unit:
        library.add_block(unit.core, stand.world.patrons["P1"], definition="MANUAL")
        for text in ("one", "two"):
            card.block(unit, stand.desk(unit), stand.patron(unit, "P1"), text=text, retained=True)
        assert card.enable(unit, stand.desk(unit), stand.patron(unit, "P1")).done
        after = stand.patron(unit, "P1")
        assert [block.definition for block in after.blocks] == ["MANUAL"]
        assert not after.card_lost
        kept = unit.core.execute(
            select(user_block.c.removed_reason, user_block.c.removed_by).where(user_block.c.origin == "SIP2")
        ).all()
        assert {tuple(row) for row in kept} == {("ENABLED", "kiosk-central")}


def test_co_32_leaves_a_card_lost_that_staff_recorded(stand: Stand) -> None:
    """Only the loss that 01 recorded is taken back."""
    with stand.act() as unit:
        card.block(unit, stand.desk(unit), stand.patron(unit, "P-LOST"), text="", retained=True)
        card.enable(unit, stand.desk(unit), stand.patron(unit, "P-LOST"))
        after = stand.patron(unit, "P-LOST")
        assert after.card_lost
        assert after.blocks == ()


def test_co_32_without_a_block_changes_nothing(stand: Stand) -> None:
    with stand.act() as unit:
        outcome = card.enable(unit, stand.desk(unit), stand.patron(unit, "P1"))
        assert outcome.done
        assert outcome.effects == ()
        assert blocks.mark(unit, stand.world.patrons["P1"]) == 0


def test_sp_21_marks_grow_with_every_change_of_the_blocks(stand: Stand) -> None:
    with stand.act() as unit:
        desk, patron = stand.desk(unit), stand.patron(unit, "P1")
        first = card.block(unit, desk, patron, text="", retained=False).effects[0].mark
        second = card.enable(unit, desk, patron).effects[0].mark
        assert first < second == blocks.mark(unit, patron.id)


def test_19_keeps_the_properties_and_says_who_wrote_them(stand: Stand) -> None:
    with stand.act() as unit:
        desk = stand.desk(unit)
        assert describe.set_properties(unit, desk, stand.item(unit, "I1"), "cover torn")
        assert stand.item(unit, "I1").properties == "cover torn"
        assert not describe.set_properties(unit, desk, stand.item(unit, "I1"), "cover torn")
        row = unit.core.execute(select(audit_log).where(audit_log.c.entity == "item")).one()
        assert (row.actor, row.action, row.entity_id) == (
            "kiosk-central",
            "DESCRIBE",
            str(stand.world.items["I1"]),
        )
        assert json.loads(row.before) == {"properties": ""}
        assert json.loads(row.after) == {"properties": "cover torn"}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (None, None),
        ({"name": "A", "b": 1}, {"b": 1, "name": "A"}),
        ({"pin_hash": "$argon2$x", "password": None}, {"password": None, "pin_hash": "***"}),
        ({"inner": {"PIN": "1234"}}, {"inner": {"PIN": "***"}}),
    ],
)
def test_gn_7_digests_hold_no_secrets(
    fields: dict[str, object] | None, shown: dict[str, object] | None
) -> None:
    digest = audit.digest(fields)
    assert (None if digest is None else json.loads(digest)) == shown
