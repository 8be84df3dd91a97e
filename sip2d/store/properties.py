"""The free text a terminal may store with an item: CH of message 19."""

from sqlalchemy import bindparam, update

from sip2d.store.statement import hot
from sip2d.store.tables import item
from sip2d.store.unit import Unit

_STORE = hot(
    update(item).values(properties=bindparam("text")).where(item.c.id == bindparam("item_id")),
    "item_id",
    "text",
)


def store(unit: Unit, item_id: int, text: str) -> None:
    """Replace an item's properties."""
    unit.run(_STORE, item_id, text)
