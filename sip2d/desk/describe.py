"""Item status update (19): what a terminal says about an item is kept with it (sip2.md 6.11), and may set it
lost (LO-54)."""

import re

from sip2d.desk import found, lose, owner
from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy.decision import Reason
from sip2d.policy.facts import ItemFacts
from sip2d.policy.settings import LostSource
from sip2d.spelling import spelt_out
from sip2d.store import properties
from sip2d.store.unit import Unit


def set_properties(unit: Unit, desk: Desk, item: ItemFacts, text: str) -> bool:
    """Store CH with the item; False when it said so already.

    Where the setting ``item_lost_property`` names a property, its value in the text is the item's lost value:
    a loss from the item's record (`additem`), with 0 a find. A value that is not in the list changes no
    status; see `refusal`.
    """
    text = spelt_out(text)
    changed = text != item.properties
    if changed:
        properties.store(unit, item.id, text)
        before = {"properties": item.properties}
        audited(unit, desk, "item", item.id, "DESCRIBE", before, {"properties": text})
    value = lost_value(desk, item, text)
    if value is None or value == item.lost_status:
        return changed
    if value:
        return lose.lose(unit, desk, item, value=value, source=LostSource.ADDITEM).done or changed
    if item.loan is not None:
        found.renewed(unit, desk, item, item.loan)  # the loan goes on
    else:
        found.found(unit, desk, item, desk.branch, desk.event_at)
    return True


def lost_value(desk: Desk, item: ItemFacts, text: str) -> int | None:
    """The lost value that a text of properties (``lost_status=1; cover=torn``) sets; None: it sets none."""
    name = owner.of(desk, item.institution_id)[1].lost_property
    if not name:
        return None
    said = re.search(rf"(?:^|[;,\s]){re.escape(name)}\s*=\s*([0-9]{{1,6}})(?=$|[;,\s])", text, re.ASCII)
    return None if said is None else int(said[1])


def refusal(desk: Desk, item: ItemFacts, text: str) -> Reason | None:
    """Why the text cannot be taken: its lost value is not in the list (LO-48)."""
    value = lost_value(desk, item, text)
    known = desk.library.lost_values.get(item.institution_id, {})
    return None if not value or value in known else lose.VALUE_UNKNOWN
