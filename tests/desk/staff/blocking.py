"""Block tables of MAIN and OTHER, made as staff make them."""

from typing import Any

from sip2d.desk.staff import block_definitions, block_descriptions, blocks
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Work
from sip2d.store.unit import Unit
from sip2d.vocabulary import StaffRole
from tests.desk.staff.office import BOSS, Office
from tests.support.library import NOW

FULFILMENT = Staff(3, "fulfilment", frozenset({StaffRole.FULFILMENT_ADMIN.value}))
CIRC = Staff(4, "circ", frozenset({StaffRole.CIRC_ADMIN.value}))


def describe(office: Office, code: str, text: str = "Text", owner: str = "MAIN", **more: Any) -> Any:
    """A description."""
    return office.do(lambda work: block_descriptions.add(work, code, text, institution_code=owner, **more))


def define(office: Office, code: str, owner: str = "MAIN", **values: Any) -> Any:
    """A definition with the description DAMAGE and action 02, where nothing else is said."""
    said = {"description": "DAMAGE", "action": "02", **values}
    return office.do(
        lambda work: block_definitions.save(work, code, new=True, institution_code=owner, **said)
    )


def redefine(office: Office, code: str, owner: str = "MAIN", **values: Any) -> Any:
    """Change it."""
    return office.do(
        lambda work: block_definitions.save(work, code, new=False, institution_code=owner, **values)
    )


def block(office: Office, barcode: str = "P1", owner: str = "MAIN", **values: Any) -> Any:
    """Block a patron by the definition D."""
    said = {"definition": "D", **values} if "description" not in values else values
    return office.do(lambda work: blocks.block(work, barcode, institution_code=owner, **said))


def lift(office: Office, block_id: int, barcode: str = "P1", owner: str = "MAIN", **values: Any) -> Any:
    """Lift it again."""
    return office.do(lambda work: blocks.unblock(work, barcode, block_id, institution_code=owner, **values))


def seen(office: Office, barcode: str = "P1", owner: str = "MAIN", *, ended: bool = False) -> Any:
    """What `patron blocks` lists."""
    return office.see(lambda work: blocks.listing(work, barcode, owner, ended=ended))


def at_work(unit: Unit) -> Work:
    """The boss, in this unit."""
    return Work(unit, BOSS, NOW)
