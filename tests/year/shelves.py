"""Loans and losses of the town, from their rows (PT-1, PT-5, PT-22, PT-24)."""

import json
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from sip2d.store import tables
from tests.machine.checks import Whereabouts, open_loans
from tests.year.rows import Growing, day_of, open_days

LONG: Final = 40
"""Open days after which a loan is a loss."""
MEMBERS_ONLY: Final = "FRIEND"
STORED: Final = "SIP2_OFFLINE"


class Shelves:
    """Where everything is, as the events tell it."""

    def __init__(self) -> None:
        self.events = Growing(tables.loan_event)
        self._where = Whereabouts()
        self._found: set[int] = set()

    def look(self, core: Connection, today: date, kinds: dict[int, str]) -> None:
        """A morning's look."""
        fresh = self.events.fresh(core)
        for row in fresh:
            self._where.take(row.id, row.item_id, row.kind, row.loan_id, row.detail)
        self._where.agree(core)
        open_loans(core)
        self._members(core, fresh, kinds)
        for row in fresh:
            if row.kind == "FOUND":
                self._found.add(row.loan_id)
            elif row.kind == "LOST" and json.loads(row.detail).get("source") == "CRONJOB":
                self._lost_in_time(row)
        self._none_too_late(core, today)

    def _lost_in_time(self, row: Any) -> None:
        """PT-22: on the first night of more than forty open days, never earlier."""
        due, night = day_of(row.old_due_at), day_of(row.event_at)
        assert open_days(due, night) > LONG, f"PT-22: event {row.id} is too early"
        if row.loan_id not in self._found:
            assert open_days(due, night - timedelta(days=1)) <= LONG, f"PT-22: event {row.id} is late"

    def _none_too_late(self, core: Connection, today: date) -> None:
        loan, item = tables.loan.c, tables.item.c
        rows = core.execute(
            select(loan.id, loan.due_at)
            .join(tables.item, item.id == loan.item_id)
            .where(loan.closed_at.is_(None), item.lost_status == 0)
        )
        late = [row.id for row in rows if open_days(day_of(row.due_at), today) > LONG]
        assert not late, f"PT-22: loans {late} should be losses"

    def _members(self, core: Connection, fresh: list[Any], kinds: dict[int, str]) -> None:
        """PT-24: who needs a membership borrows and renews with one in force, but for what was stored."""
        acts = [
            row
            for row in fresh
            if row.kind in ("LOAN", "RENEW")
            and kinds[row.patron_id] == MEMBERS_ONLY
            and row.interface != STORED
        ]
        member = tables.membership.c
        theirs = core.execute(
            select(member.patron_id, member.activated_at, member.expires_on).where(
                member.patron_id.in_({row.patron_id for row in acts})
            )
        ).all()
        for row in acts:
            held = [
                one
                for one in theirs
                if one.patron_id == row.patron_id
                and one.activated_at <= row.event_at
                and date.fromisoformat(one.expires_on) >= day_of(row.event_at)
            ]
            assert held, f"PT-24: event {row.id} without a membership"
