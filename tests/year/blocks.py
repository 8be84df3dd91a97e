"""Blocks and demerit points of the town, from their rows (BL-33, BL-53, LO-21, LO-22, PT-28, PT-30)."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, time
from typing import Any, Final

from sqlalchemy import Connection, select

from sip2d.store import tables
from tests.year.rows import instant

REMOVED_AT: Final = time(2)
REFRESHED_AT: Final = time(5)
OPENED_AT: Final = time(9)
THRESHOLD: Final = 10
FOR_EVER: Final = 2**40
NEIGHBOURS: Final = "STUDENT"


class Blocks:
    """Nothing is remembered from night to night: what stands must be right."""

    def look(self, core: Connection, today: date, kinds: dict[int, str]) -> None:
        """A morning's look, after the jobs of the night; the neighbour has nights of its own."""
        block = tables.user_block
        standing = core.execute(select(block).where(block.c.removed_at.is_(None))).all()
        night = instant(today, REMOVED_AT)
        ended = [
            row.id
            for row in standing
            if (row.expires_at or FOR_EVER) <= night and kinds[row.patron_id] != NEIGHBOURS
        ]
        assert not ended, f"BL-53: blocks {ended} have ended and stand"
        for origin in ("OVERDUE_NOTICE", "DEMERIT"):
            theirs = [row.patron_id for row in standing if row.origin == origin]
            assert len(theirs) == len(set(theirs)), f"LO-21, BL-33: two of {origin}"
        self._restrictions(core, today, {row.patron_id for row in standing if row.origin == "OVERDUE_NOTICE"})
        self._points(core)
        self._copies(core, today, standing)

    def _restrictions(self, core: Connection, today: date, restricted: set[int]) -> None:
        loan = tables.loan.c
        due = select(loan.patron_id).where(
            loan.closed_at.is_(None), loan.due_at < instant(today, OPENED_AT), loan.patron_id.in_(restricted)
        )
        assert restricted == set(core.scalars(due)), "LO-22: restricted without anything overdue"

    def _points(self, core: Connection) -> None:
        """PT-28: what was earned is left or used up, and each suspension used the threshold."""
        earned: Counter[int] = Counter()
        left: Counter[int] = Counter()
        whose: dict[int, int] = {}
        for row in core.execute(select(tables.demerit_point)):
            earned[row.patron_id] += row.points
            left[row.patron_id] += row.remaining
            whose[row.id] = row.patron_id
        used: Counter[int] = Counter()
        by_block: Counter[int] = Counter()
        for row in core.execute(select(tables.demerit_consumption)):
            used[whose[row.point_id]] += row.used
            by_block[row.block_id] += row.used
        wrong = {who for who in earned if earned[who] != left[who] + used[who]}
        assert not wrong, f"PT-28: the points of {wrong}"
        assert set(by_block.values()) <= {THRESHOLD}, f"PT-28: {by_block}"

    def _copies(self, core: Connection, today: date, standing: Sequence[Any]) -> None:
        """PT-30: after the night every linked account has what its source has, one for one."""
        at = instant(today, REFRESHED_AT)
        for link in core.execute(select(tables.patron_link)):
            source = [
                row
                for row in standing
                if row.patron_id == link.source_patron_id
                and row.network_block
                and (row.expires_at or FOR_EVER) > at
            ]
            copies = [row for row in standing if row.link_id == link.id]
            assert sorted(row.expires_at for row in source) == sorted(row.expires_at for row in copies)
            assert {row.patron_id for row in copies} <= {link.target_patron_id}, "PT-30: flows back"
