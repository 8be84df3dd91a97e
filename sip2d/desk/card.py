"""Blocking a card and enabling it again (CO-31, CO-32): messages 01 and 25, and staff's two commands for
them.
"""

from typing import Final

from sip2d.desk.audited import audited
from sip2d.desk.outcome import CardOutcome, Effect
from sip2d.desk.place import Desk
from sip2d.policy.decision import Override
from sip2d.policy.facts import PatronFacts
from sip2d.spelling import spelt_out
from sip2d.store import blocks
from sip2d.store.unit import Unit

DEFINITION: Final = "SIP2_CARD_BLOCK"
ORIGIN: Final = "SIP2"
ACTIONS: Final = "LOAN,RENEW,HOLD"
"""The preset action 03 (BL-5)."""


def block(unit: Unit, desk: Desk, patron: PatronFacts, *, text: str, retained: bool) -> CardOutcome:
    """Block the patron's card with the SC's text as the reason; a card kept by the kiosk is a lost one
    (CO-31).
    """
    lost_now = retained and not patron.card_lost
    block_id = blocks.insert_block(
        unit,
        patron.id,
        definition=DEFINITION,
        actions=ACTIONS,
        override=Override.OPERATOR.value,
        reason=spelt_out(text.strip()),
        origin=ORIGIN,
        starts_at=desk.now,
        created_by=desk.actor,
        set_card_lost=lost_now,
    )
    if lost_now:
        blocks.set_card_lost(unit, patron.id, True)
    mark = audited(
        unit,
        desk,
        blocks.AUDITED,
        patron.id,
        "BLOCK",
        {"card_lost": patron.card_lost},
        {"block": block_id, "definition": DEFINITION, "card_lost": patron.card_lost or retained},
    )
    return CardOutcome(done=True, effects=(Effect("block", patron.id, mark),))


def enable(unit: Unit, desk: Desk, patron: PatronFacts) -> CardOutcome:
    """Remove the blocks that 01 made, and the loss of the card if one of them recorded it; nothing else
    (CO-32).
    """
    standing = blocks.standing(unit, patron.id, DEFINITION, ORIGIN)
    if not standing:
        return CardOutcome(done=True)
    for block_id, _ in standing:
        blocks.remove(unit, block_id, now=desk.now, reason="ENABLED", actor=desk.actor)
    found = any(set_lost for _, set_lost in standing)
    if found:
        blocks.set_card_lost(unit, patron.id, False)
    mark = audited(
        unit,
        desk,
        blocks.AUDITED,
        patron.id,
        "ENABLE",
        {"blocks": [block_id for block_id, _ in standing], "card_lost": patron.card_lost},
        {"blocks": [], "card_lost": patron.card_lost and not found},
    )
    return CardOutcome(done=True, effects=(Effect("block", patron.id, mark),))
