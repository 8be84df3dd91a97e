"""A person at work in the small library: one act, one unit, at the tests' own time."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import select

from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Work
from sip2d.store.library import Library
from sip2d.store.tables import audit_log
from sip2d.vocabulary import StaffRole
from tests.support.desks import Room
from tests.support.library import NOW

Value = TypeVar("Value")

BOSS = Staff(1, "boss", frozenset({StaffRole.GENERAL_SYS_ADMIN.value}))
CLERK = Staff(2, "clerk", frozenset({StaffRole.CIRC_DESK_OPERATOR.value}))


class Office:
    """Acts of staff on a room's store."""

    def __init__(self, room: Room, staff: Staff = BOSS) -> None:
        self.room = room
        self.staff = staff

    def do(self, act: Callable[[Work], Value]) -> Value:
        """One act that writes."""
        return self.room.do(lambda unit: act(Work(unit, self.staff, NOW)))

    def see(self, act: Callable[[Work], Value]) -> Value:
        """One act that only reads."""
        with self.room.unit(writes=False) as unit:
            return act(Work(unit, self.staff, NOW))

    @property
    def library(self) -> Library:
        """What every daemon holds after the last change."""
        with self.room.unit(writes=False) as unit:
            return unit.library

    @property
    def audited(self) -> list[tuple[str, str, str]]:
        """Who did what to what, oldest first."""
        columns = (audit_log.c.actor, audit_log.c.entity, audit_log.c.action)
        with self.room.unit(writes=False) as unit:
            return [(row[0], row[1], row[2]) for row in unit.core.execute(select(*columns).order_by("id"))]
