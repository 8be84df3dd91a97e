"""Tables that only grow, read night by night; and the calendar of the town, as a person knows it."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, select

from sip2d.demo.staffroom import WORKS

ZONE: Final = ZoneInfo("Europe/Paris")
START: Final = date(2026, 1, 1)
HOLIDAYS: Final = ((5, 1), (12, 25))
SUNDAY: Final = 6


def is_open(day: date) -> bool:
    """Closed on Sundays, on two holidays and in the week after the works were announced."""
    works = START + timedelta(days=WORKS + 1)
    closed = works <= day < works + timedelta(days=7)
    return not (day.weekday() == SUNDAY or (day.month, day.day) in HOLIDAYS or closed)


def open_days(after: date, until: date) -> int:
    """The open dates after one and up to another."""
    return sum(is_open(after + timedelta(days=one)) for one in range(1, (until - after).days + 1))


def day_of(seconds: int) -> date:
    """The local date of an instant."""
    return datetime.fromtimestamp(seconds, ZONE).date()


def instant(day: date, clock: time) -> int:
    """The instant of a local time."""
    return int(datetime.combine(day, clock, ZONE).astimezone(UTC).timestamp())


class Growing:
    """A table that is only added to (PT-4): what is new since the last look, and proof that the rest is as
    it was."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._keys = list(table.primary_key.columns)
        self._last = 0
        self._seen = hashlib.sha256()

    def fresh(self, core: Connection) -> list[Any]:
        """The rows since the last look, in order."""
        rows = list(core.execute(select(self._table).where(self._keys[0] > self._last).order_by(*self._keys)))
        for row in rows:
            self._seen.update(repr(tuple(row)).encode())
        if rows:
            self._last = rows[-1]._mapping[self._keys[0]]
        return rows

    def unchanged(self, core: Connection) -> None:
        """Every row that was ever seen is there, as it was, and none came in between."""
        again = hashlib.sha256()
        wanted = select(self._table).where(self._keys[0] <= self._last).order_by(*self._keys)
        for row in core.execute(wanted):
            again.update(repr(tuple(row)).encode())
        assert again.digest() == self._seen.digest(), f"PT-4: {self._table.name} has changed its past"
