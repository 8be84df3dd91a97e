"""Memberships in the small library: policies, periods and proxy cards, written with plain Core."""

from typing import Any

from sqlalchemy import Connection, update

from sip2d.store import tables
from tests.support import library
from tests.support.library import NOW, World, add, seconds


def add_policy(
    core: Connection,
    world: World,
    patron_type: str | None = "ADULT",
    *,
    name: str = "YEARLY",
    institution: str = "MAIN",
    attached_at: int = seconds(NOW) - 86400,
    **values: Any,
) -> int:
    """A policy of 30.00 a year, attached to a patron type since yesterday: who is older was never billed."""
    row: dict[str, Any] = {
        "fee_minor": 3000,
        "bill_reason": "Membership",
        "period": 1,
        "period_unit": "YEAR",
        "reminder_days": "[30,7]",
        "bill_template": "MEMBERSHIP_BILL",
        "confirmation_template": "MEMBERSHIP_CONFIRMATION",
        "reminder_template": "MEMBERSHIP_REMINDER",
    }
    policy = add(
        core, tables.membership_policy, institution_id=world.institutions[institution], name=name,
        **{**row, **values},
    )  # fmt: skip
    if patron_type is not None:
        core.execute(
            update(tables.patron_type)
            .where(tables.patron_type.c.id == world.patron_types[patron_type])
            .values(membership_policy_id=policy, policy_attached_at=attached_at)
        )
    return policy


def add_membership(core: Connection, patron: int, expires_on: str, **values: Any) -> int:
    """A membership that staff knew of, activated a year ago."""
    row = {"origin": "STAFF_EXISTING", "activated_at": seconds(NOW) - 365 * 86400}
    return add(core, tables.membership, patron_id=patron, expires_on=expires_on, **{**row, **values})


def add_proxy(core: Connection, world: World, barcode: str, patron: str, holder: str | None = None,
              **values: Any) -> None:  # fmt: skip
    """A proxy card that stands for a patron."""
    known = library.read(core).patrons
    add(
        core, tables.proxy_card, institution_id=world.institutions["MAIN"], barcode=barcode,
        primary_patron_id=known[patron], holder_patron_id=known[holder] if holder else None, **values,
    )  # fmt: skip
