"""Notices of the town: nobody is told anything twice (LO-8, LO-19, BR-14, MB-45, GN-5)."""

import json
from collections import Counter
from collections.abc import Hashable
from typing import Any, Final

from sqlalchemy import Connection

from sip2d.store import tables
from tests.year.rows import Growing, day_of

OF_LOANS: Final = ("PREDUE", "DUE", "ODUE", "SHORT_LOAN_REMINDER")
"""Told once a loan and due date (and level)."""


class Notices:
    """What everybody was told."""

    def __init__(self) -> None:
        self._all = Growing(tables.notice)
        self._told: Counter[Hashable] = Counter()
        self.keys: set[str] = set()

    def look(self, core: Connection) -> None:
        """What is new since yesterday."""
        for row in self._all.fresh(core):
            assert row.dedup_key not in self.keys, f"GN-5: {row.dedup_key}"
            self.keys.add(row.dedup_key)
            for said in _said(row):
                self._told[said] += 1
                assert self._told[said] == 1, f"told twice: {said}"


def _said(row: Any) -> list[Hashable]:
    """What a notice says, so that the same said again is known."""
    kind = row.type.removesuffix("DGST")
    context = json.loads(row.context)
    if kind in OF_LOANS:
        items = context["items"]
        level = context.get("level", 0)
        return [(kind, row.patron_id, row.transport, level, one["barcode"], one["due_at"]) for one in items]
    if kind.startswith("MEMBERSHIP_"):
        what = context.get("expires_on") or day_of(row.created_at)
        return [(kind, row.patron_id, what, context.get("days"))]
    return [(kind, row.patron_id, row.created_at // 3600, row.dedup_key)]
