"""Item status update (19): what a terminal says about an item is kept with it (sip2.md 6.11)."""

from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.policy.facts import ItemFacts
from sip2d.store import properties
from sip2d.store.unit import Unit


def set_properties(unit: Unit, desk: Desk, item: ItemFacts, text: str) -> bool:
    """Store CH with the item; False when it said so already."""
    if text == item.properties:
        return False
    properties.store(unit, item.id, text)
    audited(unit, desk, "item", item.id, "DESCRIBE", {"properties": item.properties}, {"properties": text})
    return True
