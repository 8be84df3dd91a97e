"""What the policies of an institution ask for and its block tables do not have (BL-45, BL-22, BL-33).

A block that cannot be made is audited where it is missed; this says it before anybody brings a thing
back late.
"""

from datetime import datetime
from typing import Final

from sip2d.desk import demerit, suspend
from sip2d.policy import suspension
from sip2d.policy.setting_names import settings_of
from sip2d.policy.terms import BlockUnit
from sip2d.store.library import Library

ALL: Final = (suspend.NO_DEFINITION, demerit.NO_DEFINITION, demerit.INCOMPLETE)
"""Every gap there can be, by the name it has in the audit."""


def gaps(library: Library, institution_id: int, now: datetime) -> frozenset[str]:
    """Those of `ALL` that one institution has."""
    institution = library.institutions[institution_id]
    definitions = library.block_definitions.get(institution_id, {}).values()
    settings = settings_of(institution.settings, institution.decimals)
    found = set()
    if _wants_overdue_blocks(library, institution_id, now) and not any(
        map(suspend.for_overdues, definitions)
    ):
        found.add(suspend.NO_DEFINITION)
    if settings.demerit_enable:
        if suspension.demerits(settings, institution.zone) is None:
            found.add(demerit.INCOMPLETE)
        if all(definition.type != suspension.DEMERIT for definition in definitions):
            found.add(demerit.NO_DEFINITION)
    return frozenset(found)


def _wants_overdue_blocks(library: Library, institution_id: int, now: datetime) -> bool:
    matrix = library.matrices.get(institution_id)
    if matrix is None:
        return False
    units = set(matrix.in_force("overdue_block_unit", now)) - {BlockUnit.NONE}
    return bool(units) and any(value for value in matrix.in_force("overdue_block_value", now))
