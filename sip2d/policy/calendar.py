"""When a branch is open, and local days and times as instants (CL-1, CL-2, GN-1)."""

import functools
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

Interval = tuple[time, time]
"""Opens, closes: local times of one day; a closing time of 00:00 is midnight at its end."""

MOST_STEPS: Final = 5000
DAY_END: Final = time(23, 59, 59)
_DAY: Final = timedelta(days=1)
_WHOLE_DAY: Final[tuple[Interval, ...]] = ((time(0), time(0)),)


class NoOpenDay(Exception):
    """A calendar is closed for 5000 days on end (CL-2)."""


class Closure(msgspec.Struct, frozen=True):
    """A special closure: once, from one instant up to another (SINGLE), or every year on one day (RECURRING).

    With ``all_day`` every local date that the span touches is closed whole; else only the hours within the
    span are.
    """

    title: str = ""
    kind: str = "SINGLE"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = True
    month: int | None = None
    day: int | None = None


class Calendar:
    """The opening hours of a branch. Immutable; what was asked about a date is remembered.

    ``weekly`` holds the opening intervals of Monday to Sunday; none on any day means: open every day.
    ``exceptions`` say open or closed for single dates and win over everything; then single closures, weekly
    hours and recurring closures (CL-1).
    """

    __slots__ = ("_ends", "_known", "_recurring", "_singles", "closures", "exceptions", "weekly", "zone")

    def __init__(
        self,
        zone: ZoneInfo,
        weekly: tuple[tuple[Interval, ...], ...] = ((),) * 7,
        closures: Iterable[Closure] = (),
        exceptions: dict[date, bool] | None = None,
    ) -> None:
        if len(weekly) != 7:
            raise ValueError("a week has seven days")
        self.zone = zone
        self.weekly = weekly if any(weekly) else (_WHOLE_DAY,) * 7
        self.closures = tuple(closures)
        self.exceptions = dict(exceptions or {})
        self._recurring = frozenset((c.month, c.day) for c in self.closures if c.kind == "RECURRING")
        self._singles = tuple(_Span.of(c, zone) for c in self.closures if c.kind == "SINGLE")
        self._known: dict[date, bool] = {}
        self._ends: dict[date, datetime] = {}

    def __repr__(self) -> str:
        return f"Calendar({self.zone.key})"

    def is_open(self, day: date) -> bool:
        """Whether the branch opens at all on this local date."""
        known = self._known.get(day)
        if known is None:
            known = self._known[day] = bool(self.hours(day))
        return known

    def hours(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """When the branch is open on this local date: instants, in order; empty when it is closed.

        A day that an exception opens has its weekly hours, or the whole day when there are none.
        """
        exception = self.exceptions.get(day)
        if exception is False:
            return ()
        if exception is None and (day.month, day.day) in self._recurring:
            return ()
        weekly = self.weekly[day.weekday()]
        if exception:
            weekly = weekly or _WHOLE_DAY
        spans = tuple(self._interval(day, opens, closes) for opens, closes in weekly)
        if exception is None:
            for single in self._singles:
                if single.first <= day <= single.last:
                    spans = single.without(spans)
        return spans

    def open_days(self, after: date | datetime, until: date | datetime) -> int:
        """How many open dates d there are with after < d <= until; instants count by their local date."""
        first, last = self.local_date(after), self.local_date(until)
        return sum(self.is_open(first + _DAY * step) for step in range(1, (last - first).days + 1))

    def add_open_days(self, moment: datetime, number: int) -> datetime:
        """The same local time on the ``number``-th open date after ``moment``; 0 is the moment itself.

        Raises:
            NoOpenDay: 5000 dates on end did not suffice.
        """
        if number <= 0:
            return moment
        local = moment.astimezone(self.zone)
        return self.at(self.nth_open(local.date(), number), local.time())

    def nth_open(self, day: date, number: int) -> date:
        """The ``number``-th open date after ``day``, ``day`` itself for 0. Raises NoOpenDay like
        ``add_open_days``."""
        steps = 0
        while number > 0:
            steps += 1
            if steps > MOST_STEPS:
                raise NoOpenDay(f"no open day within {MOST_STEPS} days after {day}")
            day += _DAY
            number -= self.is_open(day)
        return day

    def at(self, day: date, clock: time) -> datetime:
        """The instant of a local date and time; where the clock is set, as a due date wants it (GN-1)."""
        return local_instant(day, clock, self.zone)

    def end_of(self, day: date) -> datetime:
        """23:59:59 of a local date, when day loans are due (CL-3). Remembered: 0.1 us instead of 2."""
        end = self._ends.get(day)
        if end is None:
            end = self._ends[day] = local_instant(day, DAY_END, self.zone)
        return end

    def local_date(self, moment: date | datetime) -> date:
        """The local date of an instant; a date is one already."""
        return local_date(moment, self.zone) if isinstance(moment, datetime) else moment

    def _interval(self, day: date, opens: time, closes: time) -> tuple[datetime, datetime]:
        end = self.at(day + _DAY, time(0)) if closes == time(0) else self.at(day, closes)
        return self.at(day, opens), end


class _Span(msgspec.Struct, frozen=True):
    """A single closure with the local dates it touches."""

    starts_at: datetime
    ends_at: datetime
    all_day: bool
    first: date
    last: date

    @classmethod
    def of(cls, closure: Closure, zone: ZoneInfo) -> "_Span":
        if closure.starts_at is None or closure.ends_at is None:
            raise ValueError("a single closure has a beginning and an end")
        first = closure.starts_at.astimezone(zone).date()
        last = (closure.ends_at - timedelta(seconds=1)).astimezone(zone).date()
        return cls(closure.starts_at, closure.ends_at, closure.all_day, first, last)

    def without(self, spans: tuple[tuple[datetime, datetime], ...]) -> tuple[tuple[datetime, datetime], ...]:
        """What is left of opening hours on a date this closure touches."""
        if self.all_day:
            return ()
        left = []
        for opens, closes in spans:
            left += [(opens, min(closes, self.starts_at)), (max(opens, self.ends_at), closes)]
        return tuple((opens, closes) for opens, closes in left if opens < closes)


@functools.lru_cache(maxsize=4096)
def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The local date of an instant: 0.1 us instead of 0.7 for what falls due at the end of some day, and for
    the second that all units share."""
    return moment.astimezone(zone).date()


def local_instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """A local time as an instant in UTC; a time that the clock skips becomes the first that exists, one that
    comes twice the later (GN-1)."""
    return _local_instant(datetime.combine(day, clock.replace(tzinfo=None)), zone)


@functools.lru_cache(maxsize=4096)
def _local_instant(local: datetime, zone: ZoneInfo) -> datetime:
    later = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if later.astimezone(zone).replace(tzinfo=None) == local:
        return later
    # The clock skips this time. fold=1 reads it with the offset after the change, so as an instant before
    # it; fold=0 the other way.
    before, after = later, local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
