"""Whose settings apply: those of the institution that a patron or an item belongs to (CN-10)."""

from sip2d.desk.place import Desk
from sip2d.policy.setting_names import settings_of
from sip2d.policy.settings import Settings
from sip2d.store.library import Institution


def of(desk: Desk, institution_id: int) -> tuple[Institution, Settings]:
    """An institution and its settings; the desk's own as the desk has them."""
    if institution_id == desk.institution.id:
        return desk.institution, desk.settings
    institution = desk.library.institutions[institution_id]
    return institution, settings_of(institution.settings, institution.decimals)
