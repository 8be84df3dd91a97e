"""The outbox: notices that wait to be written and sent (circulation.md 11.8).

An act or a job queues what is to be told, in its own transaction: a type, a template's code and the values
that the template needs. Whoever delivers writes it (QUEUED to PENDING) and sends it (to SENT or FAILED). The
key says it once: what was queued under the same key before is not queued again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import bindparam, insert, select

from sip2d.store.statement import hot
from sip2d.store.tables import notice
from sip2d.store.times import seconds
from sip2d.store.unit import Unit

EMAIL: Final = "EMAIL"
PRINT: Final = "PRINT"
SMS: Final = "SMS"

_KNOWN = hot(select(notice.c.id).where(notice.c.dedup_key == bindparam("key")), "key")
_INSERT = hot(
    insert(notice),
    "institution_id",
    "branch_id",
    "patron_id",
    "type",
    "template",
    "transport",
    "context",
    "dedup_key",
    "not_before",
    "created_at",
)


def queue(
    unit: Unit,
    *,
    institution_id: int,
    branch_id: int | None,
    patron_id: int | None,
    type_: str,
    key: str,
    context: Mapping[str, object],
    now: datetime,
    template: str | None = None,
    transport: str = EMAIL,
    not_before: datetime | None = None,
) -> int | None:
    """Queue a notice; its id, None when this key was queued before (GN-5).

    ``template`` is its code, by default the type's name. ``context`` are plain values for it: texts, numbers,
    amounts in minor units, instants as epoch seconds, dates as ISO text, lists and mappings of such.
    """
    if unit.value(_KNOWN, key) is not None:
        return None
    return unit.insert(
        _INSERT,
        institution_id,
        branch_id,
        patron_id,
        type_,
        template or type_,
        transport,
        msgspec.json.encode(context).decode(),
        key,
        seconds(now if not_before is None else not_before),
        seconds(now),
    )
