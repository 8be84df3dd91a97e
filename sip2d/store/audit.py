"""The audit log (GN-7): who did what to what, append-only. A trigger refuses to change its rows (PT-4)."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, insert, select

from sip2d.store.statement import hot
from sip2d.store.tables import audit_log
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

SECRETS = frozenset({"pin", "pin_hash", "password", "password_hash", "ad", "ac", "co"})
"""Keys whose values never reach a row (GN-7); that they changed does."""

_COLUMNS = (
    "at", "actor", "role", "branch_id", "peer", "terminal_id", "entity", "entity_id", "action", "before",
    "after", "correlation_id",
)  # fmt: skip
_INSERT = hot(insert(audit_log), *_COLUMNS)
_LAST = hot(
    select(func.max(audit_log.c.id)).where(
        audit_log.c.entity == bindparam("entity"), audit_log.c.entity_id == bindparam("entity_id")
    ),
    "entity",
    "entity_id",
)


def audit(
    unit: Unit,
    actor: str,
    entity: str,
    entity_id: str | int,
    action: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    *,
    now: datetime,
    role: str | None = None,
    branch_id: int | None = None,
    peer: str | None = None,
    terminal_id: int | None = None,
    correlation_id: str | None = None,
) -> int:
    """Write one row; its id. ``before`` and ``after``: the fields that changed, secrets masked."""
    return unit.insert(
        _INSERT,
        seconds(now),
        actor,
        role,
        branch_id,
        peer,
        terminal_id,
        entity,
        str(entity_id),
        action,
        digest(before),
        digest(after),
        correlation_id,
    )


def last(unit: Unit, entity: str, entity_id: str | int) -> int:
    """The id of the newest row about this entity; 0 when there is none."""
    return int(unit.value(_LAST, entity, str(entity_id)) or 0)


def digest(fields: Mapping[str, object] | None) -> str | None:
    """The fields as JSON, keys in order, the values of secrets replaced; None stays None."""
    if fields is None:
        return None
    shown = {key: _mask(key, fields[key]) for key in sorted(fields)}
    return msgspec.json.encode(shown).decode()


def _mask(key: str, value: object) -> object:
    if key.lower() in SECRETS:
        return None if value is None else "***"
    if isinstance(value, Mapping):
        return {str(inner): _mask(str(inner), value[inner]) for inner in value}
    return value
