"""The audit row of an act, with everything the desk knows about who did it and where (GN-7)."""

from collections.abc import Mapping

from sip2d.desk.place import Desk
from sip2d.store.audit import audit
from sip2d.store.unit import Unit


def audited(
    unit: Unit,
    desk: Desk,
    entity: str,
    entity_id: int,
    action: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> int:
    """Write it; the row's id."""
    return audit(
        unit,
        desk.actor,
        entity,
        entity_id,
        action,
        before,
        after,
        now=desk.now,
        role=desk.override_role,
        branch_id=desk.branch.id,
        terminal_id=desk.terminal_id,
    )
